//! The part of the story that is danger: it comes on any day, and learning is no excuse to miss it.

use crate::{
    apps::{AppId, Provider, Standing},
    clock::HOUR_MS,
    incident::IncidentKind,
    moment::{Action, Breadth, Grant, PersonId},
    story::Teller,
    visit,
};

/// What a phishing page asks for: a mailbox or files, and to stay.
const PHISHED: &[&str] = &[
    "openid profile offline_access User.Read Mail.Read",
    "offline_access User.Read Mail.ReadWrite Mail.Send",
    "openid offline_access User.Read Files.ReadWrite.All",
    "offline_access User.Read Contacts.Read Mail.Read Files.Read.All",
];
/// The same of Google.
const PHISHED_GOOGLE: &[&str] = &[
    "openid https://mail.google.com/",
    "https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/userinfo.email",
    "openid https://www.googleapis.com/auth/drive.readonly",
];
/// Far more than sign-in; nothing that stays.
const POWERFUL: &[&str] = &[
    "openid profile User.Read Chat.Read ChannelMessage.Read.All",
    "openid User.Read Notes.Read.All",
    "openid profile User.Read Sites.ReadWrite.All",
    "openid User.Read Directory.ReadWrite.All",
];
/// The same of Google.
const POWERFUL_GOOGLE: &[&str] = &["openid https://www.googleapis.com/auth/chat.messages.readonly"];
/// What an administrator lets in for everybody.
const FOR_EVERYBODY: &[&str] =
    &["User.Read.All Group.Read.All Calendars.Read", "Files.Read.All Sites.Read.All User.Read"];
/// What the rogue mail clients ask for.
const ROGUE: &[&str] = &["openid email offline_access EWS.AccessAsUser.All"];

/// One way in which it goes wrong.
struct Scheme {
    standing: Standing,
    kind: IncidentKind,
    scopes: &'static [&'static str],
    scopes_google: &'static [&'static str],
    breadth: Breadth,
    /// How many of its apps come in the live phase.
    live: usize,
    /// Does it also happen in the teaching days?
    is_any_day: bool,
}

const SCHEMES: &[Scheme] = &[
    Scheme {
        scopes_google: PHISHED_GOOGLE,
        ..scheme(Standing::Phishing, IncidentKind::ConsentPhishing, PHISHED, Breadth::Person, 3)
    },
    Scheme {
        scopes_google: POWERFUL_GOOGLE,
        is_any_day: false,
        ..scheme(Standing::Powerful, IncidentKind::PowerfulConsent, POWERFUL, Breadth::Person, 1)
    },
    scheme(Standing::TenantWide, IncidentKind::TenantWideConsent, FOR_EVERYBODY, Breadth::Tenant, 1),
    scheme(Standing::Rogue, IncidentKind::KnownRogueApp, ROGUE, Breadth::Person, 1),
    scheme(Standing::LookAlike, IncidentKind::LookAlike, visit::HARMLESS, Breadth::Person, 2),
];

const fn scheme(
    standing: Standing,
    kind: IncidentKind,
    scopes: &'static [&'static str],
    breadth: Breadth,
    live: usize,
) -> Scheme {
    let scopes_google = visit::HARMLESS_GOOGLE;
    Scheme { standing, kind, scopes, scopes_google, breadth, live, is_any_day: true }
}

/// Tells of all of them.
pub(crate) fn tell(teller: &mut Teller<'_>) {
    for scheme in SCHEMES {
        let apps = teller.company.apps_of(scheme.standing);
        let (in_history, in_live) = apps.split_at(apps.len().saturating_sub(scheme.live));
        let begin = if scheme.is_any_day { teller.company.begin() + HOUR_MS } else { teller.news_begin() };
        for (place, app) in in_history.iter().enumerate() {
            let person = victim(teller, scheme, *app);
            let at = teller.working_moment(person, Teller::stretch((begin, 0), place, in_history.len()));
            strike(teller, scheme, *app, person, at, place);
        }
        for (place, app) in in_live.iter().enumerate() {
            let (person, at) = (victim(teller, scheme, *app), teller.live_time());
            strike(teller, scheme, *app, person, at, in_history.len() + place);
        }
    }
    blocked(teller);
}

fn victim(teller: &mut Teller<'_>, scheme: &Scheme, app: AppId) -> PersonId {
    match scheme.breadth {
        Breadth::Tenant => PersonId(teller.random.below(4)),
        Breadth::Person | Breadth::AdminSelf => teller.anybody(teller.company.app(app).provider()),
    }
}

fn strike(teller: &mut Teller<'_>, scheme: &Scheme, app: AppId, person: PersonId, at: i64, place: usize) {
    let installed = teller.company.app(app);
    let is_google = installed.provider() == Provider::GoogleWorkspace;
    let asked = if is_google { scheme.scopes_google } else { scheme.scopes };
    let Some(scopes) = asked.iter().cycle().nth(place) else { return };
    let incident = teller.incident(scheme.kind, app, person);
    let click = teller.agenda.click(person, app, at, Some(incident));
    visit::consent(&mut teller.agenda, &click, installed, Grant { scopes, breadth: scheme.breadth }, true);
    visit::use_token(&mut teller.agenda, &click, installed, 900);
}

/// What IT forbade, three people use: one while the system learns, one later, one while we watch.
fn blocked(teller: &mut Teller<'_>) {
    let (begin, teaching_end) = (teller.company.begin(), teller.company.teaching_end());
    for app in teller.company.apps_of(Standing::Blocked) {
        let people = teller.crowd(Provider::Okta, 3);
        let spans = [Some((begin + HOUR_MS, teaching_end)), Some((teaching_end, 0)), None];
        for (person, span) in people.into_iter().zip(spans) {
            let at = match span {
                Some(span) => teller.working_moment(person, span),
                None => teller.live_time(),
            };
            let incident = teller.incident(IncidentKind::UseOfBlockedApp, app, person);
            let click = teller.agenda.click(person, app, at, Some(incident));
            teller.agenda.event(&click, Action::OktaSso, 0);
        }
    }
}
