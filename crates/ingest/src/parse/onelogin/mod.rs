//! OneLogin's events (formats.md, section 4), by API or webhook: numbers for types, and few fields for each.

mod kinds;
mod wire;

use event::{
    ActorType, AppIdKind, AppRef, Event, EventId, EventIdHasher, Kind, Outcome as Ended, ParseWarning, ParseWarnings,
    RejectReason, Source, Stream, UserKey, content_id,
};

use self::wire::Entry;
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields,
    net::set_ip,
    person::{Person, hand_over, is_same},
    stamp::{Reject, flag_missing, occurred_at, provider_tenant, stamp},
    text::{composed, is_email_like},
};

/// Parses one event.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let entry: Entry<'_> = fields::read(element)?;
    if entry.code.is_empty() {
        sink(Reject(RejectReason::NotAnEvent, "no event_type_id").into());
        return Ok(());
    }
    match kinds::meaning(&entry.code) {
        Some((kind, outcome)) => {
            if let Err(reject) = build(element, &entry, kind, outcome, context, sink) {
                sink(reject.into());
            }
        }
        None => sink(Outcome::Ignored { native_type: &entry.code }),
    }
    Ok(())
}

fn build(
    element: &[u8],
    entry: &Entry<'_>,
    kind: Kind,
    outcome: Ended,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let mut warnings = ParseWarnings::NONE;
    let tenant = provider_tenant(context.provider_tenant, &entry.account)?;
    let occurred_at = occurred_at(&entry.at, "created_at", &mut warnings)?;
    let app_name = composed(&entry.app_name);
    let is_role = kinds::is_about_role(&entry.code);
    let is_typed = kind == Kind::LoginFailure && entry.user_id.is_empty();
    let actor = person(&entry.actor_id, &entry.actor_name, false);
    let subject = if is_role { Person::default() } else { person(&entry.user_id, &entry.user_name, is_typed) };
    let is_other = actor.is_some() && !is_same(&actor, &subject);

    let mut event = Event::new(
        event_id(element, entry, tenant, &mut warnings),
        Source::Onelogin,
        context.tenant,
        kind,
        occurred_at,
    );
    event.stream = Stream::SystemLog;
    event.native_id = &entry.id;
    event.native_type = &entry.code;
    event.actor_type = match (is_other, subject.is_some()) {
        (true, _) => ActorType::Admin,
        (false, true) => ActorType::User,
        (false, false) => ActorType::Unknown,
    };
    event.user_key = subject.key(context, Source::Onelogin);
    event.actor_key = if is_other { actor.key(context, Source::Onelogin) } else { UserKey::NONE };
    event.app = app(entry, kind);
    event.app_name = if event.app.is_some() { &app_name } else { "" };
    event.outcome = outcome;
    event.outcome_code = &entry.code;
    event.outcome_reason = if is_typed { "" } else { &entry.reason };
    event.auth_method = &entry.factor;
    event.user_agent = &entry.user_agent;
    event.warnings = warnings;
    set_ip(&mut event, [&*entry.ip]);
    if subject.is_name_dropped {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    if !is_role {
        flag_missing(&mut event);
    }
    stamp(&mut event, context, tenant);
    hand_over(&event, &subject, &actor, sink);
    Ok(())
}

/// The app, as this account has it set up: its id, else the name that an administrator gave it. A login to OneLogin is about none.
fn app<'a>(entry: &'a Entry<'a>, kind: Kind) -> AppRef<'a> {
    let (id_kind, id) = match (&*entry.app_id, &*entry.app_name) {
        _ if matches!(kind, Kind::LoginSuccess | Kind::LoginFailure | Kind::Other) => (AppIdKind::None, ""),
        ("", "") => (AppIdKind::None, ""),
        ("", name) => (AppIdKind::Label, name),
        (id, _) => (AppIdKind::AppId, id),
    };
    AppRef { source: Source::Onelogin, id_kind, id }
}

/// A person. The name is first and last name, or the address of somebody who has neither; it is never the login.
fn person<'a>(id: &'a str, name: &'a str, is_typed: bool) -> Person<'a> {
    let login = if is_typed || is_email_like(name) { name } else { "" };
    Person::new(id, login, name, is_typed)
}

fn event_id(element: &[u8], entry: &Entry<'_>, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
    if entry.id.is_empty() {
        warnings.add(ParseWarning::NoNativeId);
        return content_id(Source::Onelogin, tenant, &without_layout(element));
    }
    EventIdHasher::new(Source::Onelogin, tenant).field(&entry.id).finish()
}
