//! Salesforce (formats.md, section 4): rows of event log files as JSON, and real-time events, by query or by stream.
//!
//! Ids have 15 characters in files and 18 elsewhere; the last three only check the others (Salesforce, "ID Field Type"). Everything here is
//! compared by the first 15, or one person and one app would be two.

mod kinds;
mod wire;

use std::borrow::Cow;

use event::{
    ActorType, AppIdKind, AppRef, ConsentType, Event, EventId, EventIdHasher, Kind, Outcome as Ended, ParseWarning,
    ParseWarnings, RejectReason, Source, Stream, Tokens, UserKey, content_id,
};

use self::wire::{Entry, Wrapped};
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields::{self, first_told},
    net::set_ip,
    own_product::own_product,
    person::{Person, hand_over},
    stamp::{Reject, country, flag_missing, occurred_at, provider_tenant, stamp, tokens},
    text::composed,
};

/// Length of an id without its check.
const ID_LENGTH: usize = 15;

/// Parses one row or event.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let wrapped: Wrapped<'_> = fields::read(element)?;
    let entry = match wrapped.data.payload.or(wrapped.payload) {
        Some(payload) => payload,
        None => fields::read(element)?,
    };
    let channel = wrapped.channel.rsplit('/').next().unwrap_or_default();
    let told = [&*entry.kind, &*entry.attributes.kind, channel].into_iter().find(|kind| !kind.is_empty());
    // A message that comes without its channel: only a login has such a field.
    let kind_of_login = if entry.login_type.is_empty() { None } else { Some("LoginEvent") };
    let Some(native_type) = told.or(kind_of_login) else {
        sink(Reject(RejectReason::NotAnEvent, "no EVENT_TYPE, no attributes.type and no channel").into());
        return Ok(());
    };
    match kinds::meaning(kinds::base(native_type), &entry) {
        Some((kind, outcome)) => {
            let native = Native { element, entry: &entry, native_type, kind, outcome };
            if let Err(reject) = native.build(context, sink) {
                sink(reject.into());
            }
        }
        None => sink(Outcome::Ignored { native_type }),
    }
    Ok(())
}

/// A row or event, and what it means.
struct Native<'r> {
    element: &'r [u8],
    entry: &'r Entry<'r>,
    native_type: &'r str,
    kind: Kind,
    outcome: Ended,
}

impl Native<'_> {
    fn build(&self, context: &ParseContext<'_>, sink: &mut dyn FnMut(Outcome<'_>)) -> Result<(), Reject> {
        let (entry, kind) = (self.entry, self.kind);
        let mut warnings = ParseWarnings::NONE;
        let tenant = tenant(entry, context)?;
        let occurred_at = occurred_at(&time(entry), "TIMESTAMP_DERIVED", &mut warnings)?;
        let (app, name) = app(entry, kind);
        let app_name = composed(name);
        let scopes = tokens([&*entry.scopes], &mut warnings);
        let city = composed(&entry.city);
        let is_typed = kind == Kind::LoginFailure;
        let subject = person(first_told([&entry.user, &entry.user_15]), &entry.user_name, is_typed);
        let delegate = person(&entry.delegate, &entry.delegate_name, false);

        let event_id = self.event_id(tenant, &mut warnings);
        let mut event = Event::new(event_id, Source::Salesforce, context.tenant, kind, occurred_at);
        event.stream = if app.id_kind == AppIdKind::Label { Stream::Login } else { Stream::Audit };
        event.native_id = first_told([&entry.event_id, &entry.request]);
        event.native_type = self.native_type;
        event.session_id = first_told([&entry.login_key, &entry.session]);
        event.transaction_id = &entry.request;
        event.actor_type = if delegate.is_some() { ActorType::Admin } else { ActorType::User };
        event.user_key = subject.key(context, Source::Salesforce);
        event.actor_key = if delegate.is_some() { delegate.key(context, Source::Salesforce) } else { UserKey::NONE };
        event.app = app;
        event.app_name = &app_name;
        event.scopes = Tokens::from_canonical(&scopes);
        event.consent_type = if kind == Kind::OauthGrant { ConsentType::User } else { ConsentType::Unknown };
        event.outcome = self.outcome;
        event.outcome_code = first_told([&entry.login_status, &entry.status]);
        event.outcome_reason = &entry.summary;
        event.auth_method = &entry.method;
        event.auth_protocol = &entry.login_type;
        event.country = country(&entry.country, &mut warnings);
        event.city = &city;
        event.user_agent = &entry.user_agent;
        event.ua_browser = &entry.browser;
        event.ua_os = &entry.platform;
        event.warnings = warnings;
        set_ip(&mut event, [client_address(&entry.client_ip), &*entry.source_ip]);
        if subject.is_name_dropped {
            event.warnings.add(ParseWarning::TypedNameDropped);
        }
        flag_missing(&mut event);
        stamp(&mut event, context, tenant);
        hand_over(&event, &subject, &delegate, sink);
        Ok(())
    }

    /// A real-time event has an id of its own. A row has the request's, which all rows of one transaction share (so the reference): then
    /// type, time, login and app tell them apart.
    fn event_id(&self, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
        let entry = self.entry;
        let of_type = || EventIdHasher::new(Source::Salesforce, tenant).field(kinds::base(self.native_type));
        if !entry.event_id.is_empty() {
            return of_type().field(&entry.event_id).finish();
        }
        if entry.request.is_empty() {
            warnings.add(ParseWarning::NoNativeId);
            return content_id(Source::Salesforce, tenant, &without_layout(self.element));
        }
        let hasher = of_type().field(&entry.request).field(&time(entry)).field(&entry.login_key);
        hasher.field(first_15(&entry.app)).finish()
    }
}

/// The organisation: the connection's, compared with the row's. Real-time events do not tell it.
fn tenant<'a>(entry: &'a Entry<'a>, context: &ParseContext<'a>) -> Result<&'a str, Reject> {
    let told = first_15(&entry.org);
    match context.provider_tenant {
        Some(configured) if first_15(configured) == told => Ok(configured),
        configured => provider_tenant(configured, told),
    }
}

/// When it happened. `TIMESTAMP` of a file is `20260302091900.123`, which would read as a number of milliseconds in the year 2612.
fn time<'a>(entry: &'a Entry<'a>) -> Cow<'a, str> {
    if !entry.at.is_empty() {
        return Cow::Borrowed(&entry.at);
    }
    let compact: &str = &entry.compact_at;
    let is_compact = compact.len() >= 14 && compact.bytes().take(14).all(|byte| byte.is_ascii_digit());
    let part = |from: usize, to: usize| compact.get(from..to).unwrap_or_default();
    if is_compact {
        let (date, clock) = ([part(0, 4), part(4, 6), part(6, 8)].join("-"), [part(8, 10), part(10, 12), part(12, 14)]);
        return Cow::Owned(format!("{date}T{}{}Z", clock.join(":"), compact.get(14..).unwrap_or_default()));
    }
    Cow::Borrowed(first_told([&entry.compact_at, &entry.created_at]))
}

/// The app: the connected app as this organisation has it, because that id stands in every event about one and the client's in some. A
/// login is of Salesforce itself.
fn app<'a>(entry: &'a Entry<'a>, kind: Kind) -> (AppRef<'a>, &'a str) {
    if matches!(kind, Kind::LoginSuccess | Kind::LoginFailure | Kind::LoginChallenge) {
        return own_product(Source::Salesforce);
    }
    let (id_kind, id) = match (first_15(&entry.app), &*entry.client) {
        ("", "") => (AppIdKind::None, ""),
        ("", client) => (AppIdKind::ClientId, client),
        (app, _) => (AppIdKind::AppId, app),
    };
    (AppRef { source: Source::Salesforce, id_kind, id }, &entry.app_name)
}

/// A person. A user name has the form of an address and need not be one; nearly always it is.
fn person<'a>(id: &'a str, name: &'a str, is_typed: bool) -> Person<'a> {
    Person::new(first_15(id), name, "", is_typed)
}

/// An id without its check.
fn first_15(id: &str) -> &str {
    id.get(..ID_LENGTH).unwrap_or(id)
}

/// The client's address. Salesforce's own machines have none: they stand as the words "Salesforce.com IP".
fn client_address(text: &str) -> &str {
    if text.starts_with("Salesforce") { "" } else { text }
}
