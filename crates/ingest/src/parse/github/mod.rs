//! GitHub's audit log (formats.md, section 4): of an organisation or an enterprise, by API, export or stream; and the entries that GitHub
//! Enterprise Server wrote before it had its present form.

mod kinds;
mod wire;

use event::{
    ActorType, AppIdKind, AppRef, Event, EventId, EventIdHasher, Kind, Outcome as Ended, ParseWarning, ParseWarnings,
    RejectReason, Source, Stream, Tokens, content_id,
};

use self::{kinds::Subject, wire::Entry};
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields::{self, first_told},
    net::set_ip,
    own_product::own_product,
    person::{Person, hand_over, is_same},
    stamp::{Reject, country, flag_missing, occurred_at, provider_tenant, stamp, tokens},
    text::{composed, is_email_like},
};

/// Parses one entry.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let entry: Entry<'_> = fields::read(element)?;
    if entry.action.is_empty() {
        sink(Reject(RejectReason::NotAnEvent, "no action").into());
        return Ok(());
    }
    match kinds::meaning(&entry) {
        Some((kind, subject)) => {
            if let Err(reject) = build(element, &entry, kind, subject, context, sink) {
                sink(reject.into());
            }
        }
        None => sink(Outcome::Ignored { native_type: &entry.action }),
    }
    Ok(())
}

fn build(
    element: &[u8],
    entry: &Entry<'_>,
    kind: Kind,
    subject: Subject,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let mut warnings = ParseWarnings::NONE;
    let tenant = tenant(entry, context)?;
    let at = first_told([&entry.created_at, &entry.timestamp]);
    let occurred_at = occurred_at(at, "created_at", &mut warnings)?;
    let (app, name) = app(entry, subject);
    let app_name = composed(name);
    let scopes = if kind == Kind::OauthGrant {
        tokens(first_told([&entry.scopes, &entry.token_scopes]).split(','), &mut warnings)
    } else {
        String::new()
    };
    let people = People::of(entry, kind, subject);

    let mut event =
        Event::new(event_id(element, entry, tenant, &mut warnings), Source::Github, context.tenant, kind, occurred_at);
    event.stream = Stream::Audit;
    event.native_id = first_told([&entry.id, &entry.data.id]);
    event.native_type = &entry.action;
    event.transaction_id = first_told([&entry.request, &entry.data.request]);
    event.actor_type = people.actor_type;
    event.user_key = people.subject.key(context, Source::Github);
    event.actor_key = people.actor.key(context, Source::Github);
    event.app = app;
    event.app_name = &app_name;
    event.scopes = Tokens::from_canonical(&scopes);
    event.consent_type = kinds::consent_type(kind, subject);
    event.grant_id = &entry.token_grant;
    event.outcome = match kind {
        Kind::LoginFailure => Ended::Failure,
        Kind::OauthDenied => Ended::Denied,
        _ => Ended::Success,
    };
    event.outcome_reason = &entry.reason;
    event.auth_method = &entry.access;
    event.country = country(first_told([&entry.place.country, &entry.data.place.country]), &mut warnings);
    event.user_agent = first_told([&entry.user_agent, &entry.data.user_agent]);
    event.warnings = warnings;
    set_ip(&mut event, [&*entry.ip]);
    if people.subject.is_name_dropped {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    // A token of a person is no app, and none is missing.
    if subject != Subject::Credential {
        flag_missing(&mut event);
    }
    stamp(&mut event, context, tenant);
    hand_over(&event, &people.subject, &people.actor, sink);
    Ok(())
}

/// The tenant: the connection's, compared with the entry's organisation and enterprise. A connection may be set up for either, and an
/// enterprise's log tells of all its organisations.
fn tenant<'a>(entry: &'a Entry<'a>, context: &ParseContext<'a>) -> Result<&'a str, Reject> {
    let told = [&entry.business, &entry.org];
    let is_ours = |configured: &str| told.iter().any(|name| name.eq_ignore_ascii_case(configured));
    match context.provider_tenant {
        Some(configured) if is_ours(configured) => Ok(configured),
        configured => provider_tenant(configured, first_told(told)),
    }
}

fn event_id(element: &[u8], entry: &Entry<'_>, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
    let id = first_told([&entry.id, &entry.data.id]);
    // "..." stands in anonymised entries, and is nobody's id.
    if id.is_empty() || id.bytes().all(|byte| byte == b'.') {
        warnings.add(ParseWarning::NoNativeId);
        return content_id(Source::Github, tenant, &without_layout(element));
    }
    EventIdHasher::new(Source::Github, tenant).field(id).finish()
}

/// The app and its name. `oauth_application_id` names the app *of the action* only where the action is about an OAuth app; on every other
/// entry it is the app whose token acted. An organisation's approval of an OAuth app tells the name alone, and entries of some years ago
/// tell of a GitHub App the name alone: then the name stands as the tenant's object, which no other tenant and no catalogue knows.
fn app<'a>(entry: &'a Entry<'a>, subject: Subject) -> (AppRef<'a>, &'a str) {
    let of = |id: &'a str, name: &'a str| {
        let (id_kind, id) = match (id, name) {
            ("", "") => (AppIdKind::None, ""),
            ("", name) => (AppIdKind::ObjectId, name),
            (id, _) => (AppIdKind::ClientId, id),
        };
        (AppRef { source: Source::Github, id_kind, id }, name)
    };
    match subject {
        Subject::Integration => of(&entry.client_id, first_told([&entry.name, &entry.integration])),
        Subject::OauthAccess => of(&entry.client_id, &entry.application_name),
        Subject::OauthApp => of(
            first_told([&entry.client_id, &entry.application_id]),
            first_told([&entry.application_name, &entry.name]),
        ),
        Subject::Product => own_product(Source::Github),
        Subject::Credential | Subject::Policy => of("", ""),
    }
}

/// The people of an entry.
struct People<'a> {
    actor_type: ActorType,
    /// Whose access is concerned.
    subject: Person<'a>,
    /// Who acted, where that is another person.
    actor: Person<'a>,
}

impl<'a> People<'a> {
    /// The subject is whose token or authorisation it is; else who acted.
    fn of(entry: &'a Entry<'a>, kind: Kind, subject: Subject) -> People<'a> {
        let is_typed = kind == Kind::LoginFailure && entry.actor_id.is_empty();
        let is_app = is_bot(entry);
        // Where people come through SAML, the log may be set to tell the address that they have there.
        let login = if is_email_like(&entry.identity) { &entry.identity } else { &entry.actor };
        let id = if entry.actor_id.is_empty() && !is_typed { &entry.actor } else { &entry.actor_id };
        let actor = if is_app { Person::default() } else { Person::new(id, login, &entry.actor, is_typed) };
        let owner = match subject {
            Subject::Credential | Subject::OauthApp => {
                let id = first_told([&entry.user_id, &entry.user]);
                Person::new(id, "", &entry.user, false)
            }
            _ => Person::default(),
        };
        let is_self = is_same(&owner, &actor) || entry.user.eq_ignore_ascii_case(&entry.actor);
        let is_other = owner.is_some() && !is_self;
        let actor_type = match (is_app, actor.is_some()) {
            (true, _) => ActorType::App,
            (false, true) if is_other || is_owners_business(subject, kind) => ActorType::Admin,
            (false, true) => ActorType::User,
            (false, false) => ActorType::Unknown,
        };
        if is_other {
            People { actor_type, subject: owner, actor }
        } else {
            People { actor_type, subject: actor, actor: Person::default() }
        }
    }
}

/// Did an app act by itself?
fn is_bot(entry: &Entry<'_>) -> bool {
    let access = entry.access.to_ascii_lowercase();
    entry.is_bot.is_true()
        || entry.actor.ends_with("[bot]")
        || access == "github_app"
        || access.contains("server-to-server")
}

/// Can only an owner of the organisation do this?
fn is_owners_business(subject: Subject, kind: Kind) -> bool {
    matches!(subject, Subject::Policy)
        || matches!((subject, kind), (Subject::OauthAccess, Kind::OauthGrant | Kind::OauthRevoke))
}
