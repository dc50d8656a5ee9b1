//! Entries of the audit log.

use event::{
    ActorType, AppIdKind, Event, EventId, EventIdHasher, Kind, Outcome as Ended, ParseWarning, ParseWarnings, Source,
    Stream, Tokens, content_id,
};

use super::{
    kinds, reference,
    wire::{Entry, User},
};
use crate::parse::{
    Outcome, ParseContext,
    content::without_layout,
    fields::{List, Text, first_told},
    net::set_ip,
    own_product::own_product,
    person::{Person, hand_over},
    stamp::{Reject, flag_missing, occurred_at, provider_tenant, stamp, tokens},
    text::composed,
};

/// Who Slack names when nobody acted.
const NOBODY: [&str; 2] = ["USLACKUSER", "USLACKBOT"];

/// Builds the event of an audited action, or ignores it.
pub(crate) fn build(
    element: &[u8],
    entry: &Entry<'_>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let Some(kind) = kinds::kind(&entry.action) else {
        sink(Outcome::Ignored { native_type: &entry.action });
        return Ok(());
    };
    let mut warnings = ParseWarnings::NONE;
    let tenant = tenant(entry, context)?;
    let occurred_at = occurred_at(&entry.created_at, "date_create", &mut warnings)?;
    let is_login = matches!(kind, Kind::LoginSuccess | Kind::LoginFailure);
    let is_consent = matches!(kind, Kind::OauthGrant | Kind::OauthRevoke);
    let (app, name) = if is_login {
        own_product(Source::Slack)
    } else {
        let app = &entry.entity.app;
        (reference(AppIdKind::ClientId, first_told([&app.id, &entry.details.app_id])), &*app.name)
    };
    let app_name = composed(name);
    let scopes = if is_consent { Scopes::of(entry, &mut warnings) } else { Scopes::default() };
    let actor = person(&entry.actor.user, kind);
    // Somebody whose login failed acted as nobody; whom the login was for is the entity.
    let entity = person(&entry.entity.user, kind);
    let subject = if actor.is_some() { actor } else { entity };
    let consent_type = kinds::consent_type(kind, &entry.action);

    let mut event =
        Event::new(event_id(element, entry, tenant, &mut warnings), Source::Slack, context.tenant, kind, occurred_at);
    event.stream = Stream::Audit;
    event.native_id = &entry.id;
    event.native_type = &entry.action;
    event.session_id = &entry.context.session;
    event.actor_type = match &*entry.actor.user.id {
        id if NOBODY.contains(&id) => ActorType::System,
        _ if consent_type == event::ConsentType::TenantWide || kind == Kind::PolicyChange => ActorType::Admin,
        _ => ActorType::User,
    };
    event.user_key = subject.key(context, Source::Slack);
    event.app = app;
    event.app_name = &app_name;
    event.scopes = Tokens::from_canonical(&scopes.all);
    event.scopes_added = Tokens::from_canonical(&scopes.added);
    event.scopes_removed = Tokens::from_canonical(&scopes.removed);
    event.consent_type = consent_type;
    event.outcome = if kind == Kind::LoginFailure { Ended::Failure } else { Ended::Success };
    event.outcome_reason = entry.details.reasons.first().map_or("", |reason| reason);
    event.auth_method = if is_login { &entry.details.login_kind } else { "" };
    event.user_agent = &entry.context.user_agent;
    event.warnings = warnings;
    set_ip(&mut event, [&*entry.context.ip]);
    if actor.is_name_dropped || entity.is_name_dropped {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    if event.actor_type != ActorType::System {
        flag_missing(&mut event);
    }
    stamp(&mut event, context, tenant);
    hand_over(&event, &subject, &Person::default(), sink);
    Ok(())
}

/// The tenant: the connection's, compared with where the entry says that it happened. An enterprise's log tells of its workspaces, so only
/// ids of one sort (`T…` with `T…`, `E…` with `E…`) can contradict each other.
fn tenant<'a>(entry: &'a Entry<'a>, context: &ParseContext<'a>) -> Result<&'a str, Reject> {
    let told: &str = &entry.context.location.id;
    let is_of_one_sort =
        context.provider_tenant.is_none_or(|configured| configured.bytes().next() == told.bytes().next());
    provider_tenant(context.provider_tenant, if is_of_one_sort { told } else { "" })
}

/// A person of the entry. The address of a login that failed is whatever was typed.
fn person<'a>(user: &'a User<'a>, kind: Kind) -> Person<'a> {
    if NOBODY.contains(&&*user.id) {
        return Person::default();
    }
    let is_typed = kind == Kind::LoginFailure;
    // Without an address, the name is one that people choose, and no login.
    let login = if user.email.is_empty() && !user.id.is_empty() { "" } else { first_told([&user.email, &user.name]) };
    Person::new(&user.id, login, &user.name, is_typed)
}

fn event_id(element: &[u8], entry: &Entry<'_>, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
    if entry.id.is_empty() {
        warnings.add(ParseWarning::NoNativeId);
        return content_id(Source::Slack, tenant, &without_layout(element));
    }
    EventIdHasher::new(Source::Slack, tenant).field(&entry.id).field(&entry.action).finish()
}

/// What an app may do after the action, and what changed where both sides are told.
#[derive(Debug, Default)]
struct Scopes {
    all: String,
    added: String,
    removed: String,
}

impl Scopes {
    /// `new_scopes` is the whole set, not the difference.
    fn of(entry: &Entry<'_>, warnings: &mut ParseWarnings) -> Scopes {
        let (app, details) = (&entry.entity.app, &entry.details);
        let (new, previous) = (&details.new_scopes, &details.previous_scopes);
        for list in [&app.scopes, &app.bot_scopes, &details.scopes, &details.bot_scopes, new, previous] {
            if list.is_cut {
                warnings.add(ParseWarning::ListCut);
            }
        }
        if new.items.is_empty() {
            let of_entry = [&details.scopes, &details.bot_scopes];
            let of_app = [&app.scopes, &app.bot_scopes];
            let told = if of_entry.iter().all(|list| list.items.is_empty()) { of_app } else { of_entry };
            let all = tokens(told.into_iter().flat_map(texts), warnings);
            return Scopes { all, ..Scopes::default() };
        }
        Scopes {
            all: tokens(texts(new), warnings),
            added: difference(new, previous, warnings),
            removed: difference(previous, new, warnings),
        }
    }
}

/// What the one list has and the other has not.
fn difference(one: &List<Text<'_>>, other: &List<Text<'_>>, warnings: &mut ParseWarnings) -> String {
    let others: std::collections::HashSet<&str> = texts(other).collect();
    tokens(texts(one).filter(|scope| !others.contains(scope)), warnings)
}

fn texts<'t>(list: &'t List<Text<'_>>) -> impl Iterator<Item = &'t str> {
    list.iter().map(|text| &**text)
}
