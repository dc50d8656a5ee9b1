//! Auth0's tenant log (formats.md, section 4), by log stream or Management API. Auth0 is an identity provider: a login names the app that
//! it was for, and is use of that app.

mod kinds;
mod wire;

use event::{
    ActorType, AppIdKind, AppKind, AppRef, ConsentType, Event, EventId, EventIdHasher, Kind, Outcome as Ended,
    ParseWarning, ParseWarnings, RejectReason, Source, Stream, Tokens, content_id,
};

use self::wire::{Log, Wrapped};
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields::{self, first_told},
    net::set_ip,
    person::{Person, hand_over},
    stamp::{Reject, country, flag_missing, occurred_at, provider_tenant, stamp, tokens},
    text::composed,
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
    let mut wrapped: Wrapped<'_> = fields::read(element)?;
    let mut log = match wrapped.log.take() {
        Some(log) => log,
        None => fields::read(element)?,
    };
    if log.id.is_empty() {
        log.id = wrapped.id;
    }
    if log.code.is_empty() {
        sink(Reject(RejectReason::NotAnEvent, "no type").into());
        return Ok(());
    }
    let meaning = if *log.code == *kinds::OPERATION {
        kinds::operation(&log.details.request).map(|kind| (kind, Ended::Success))
    } else {
        kinds::meaning(&log.code)
    };
    match meaning {
        Some((kind, outcome)) => {
            if let Err(reject) = build(element, &log, kind, outcome, context, sink) {
                sink(reject.into());
            }
        }
        None => sink(Outcome::Ignored { native_type: &log.code }),
    }
    Ok(())
}

fn build(
    element: &[u8],
    log: &Log<'_>,
    kind: Kind,
    outcome: Ended,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let mut warnings = ParseWarnings::NONE;
    let tenant = tenant(log, context)?;
    let occurred_at = occurred_at(&log.at, "date", &mut warnings)?;
    let is_operation = *log.code == *kinds::OPERATION;
    let (app, name) = if is_operation { app_of_operation(log, kind) } else { (&*log.client_id, &*log.client_name) };
    let app_name = composed(name);
    let (scopes, audience) = granted(log, kind);
    let scopes = tokens(scopes, &mut warnings);
    let resources = tokens([audience], &mut warnings);
    let city = composed(&log.place.city);
    let is_by_app = *log.code == *kinds::TOKEN_FOR_ITSELF;
    let person = if is_by_app { Person::default() } else { person(log, is_operation, outcome) };

    let mut event =
        Event::new(event_id(element, log, tenant, &mut warnings), Source::Auth0, context.tenant, kind, occurred_at);
    event.stream = Stream::SystemLog;
    event.native_id = &log.id;
    event.native_type = &log.code;
    event.session_id = &log.details.session;
    event.actor_type = match (is_by_app, is_operation) {
        (true, _) => ActorType::App,
        (false, true) => ActorType::Admin,
        (false, false) => ActorType::User,
    };
    event.user_key = person.key(context, Source::Auth0);
    event.app = AppRef {
        source: Source::Auth0,
        id_kind: if app.is_empty() { AppIdKind::None } else { AppIdKind::ClientId },
        id: app,
    };
    event.app_name = &app_name;
    event.app_kind = if is_by_app { AppKind::Service } else { AppKind::Unknown };
    event.scopes = Tokens::from_canonical(&scopes);
    event.resources = Tokens::from_canonical(&resources);
    event.consent_type = if kind == Kind::OauthGrant { ConsentType::Application } else { ConsentType::Unknown };
    event.grant_id = if is_operation { &log.details.response.body.grant_id } else { "" };
    event.outcome = outcome;
    event.outcome_code = &log.code;
    // The words for a login that failed repeat what was typed.
    event.outcome_reason =
        if matches!(kind, Kind::LoginFailure | Kind::LoginChallenge | Kind::Other) { "" } else { &log.description };
    event.auth_method = first_told([&log.strategy, &log.connection]);
    event.is_mfa = kind == Kind::LoginChallenge && outcome == Ended::Success;
    event.country = country(&log.place.country, &mut warnings);
    event.city = &city;
    event.user_agent = &log.user_agent;
    event.warnings = warnings;
    set_ip(&mut event, [&*log.ip]);
    if person.is_name_dropped {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    flag_missing(&mut event);
    stamp(&mut event, context, tenant);
    hand_over(&event, &person, &Person::default(), sink);
    Ok(())
}

/// The tenant: the connection's, compared with `tenant_name`. A connection may be set up with the host, whose first label that is.
/// `hostname` proves nothing: it is a custom domain, or for a failed request whatever the request said.
fn tenant<'a>(log: &'a Log<'a>, context: &ParseContext<'a>) -> Result<&'a str, Reject> {
    let is_ours = |host: &str| host.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(&log.tenant));
    match context.provider_tenant {
        Some(host) if is_ours(host) => Ok(host),
        configured => provider_tenant(configured, &log.tenant),
    }
}

fn event_id(element: &[u8], log: &Log<'_>, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
    if log.id.is_empty() {
        warnings.add(ParseWarning::NoNativeId);
        return content_id(Source::Auth0, tenant, &without_layout(element));
    }
    EventIdHasher::new(Source::Auth0, tenant).field(&log.id).field(&log.code).finish()
}

/// The app that an operation is about. `client_id` of the entry is the dashboard's, or of whatever else made the call.
fn app_of_operation<'a>(log: &'a Log<'a>, kind: Kind) -> (&'a str, &'a str) {
    let (asked, answered) = (&log.details.request.body, &log.details.response.body);
    let told = first_told([&answered.client_id, &asked.client_id, &answered.integration_id, &asked.integration_id]);
    let of_path = || match kind {
        Kind::AppRemoved => log.details.request.path.rsplit('/').next().unwrap_or_default(),
        _ => "",
    };
    (if told.is_empty() { of_path() } else { told }, first_told([&answered.name, &asked.name]))
}

/// Scopes, and the API that they are for.
fn granted<'a>(log: &'a Log<'a>, kind: Kind) -> (Vec<&'a str>, &'a str) {
    let body = &log.details.request.body;
    match kind {
        Kind::OauthGrant => (body.scope.iter().collect(), &body.audience),
        Kind::TokenIssued | Kind::OauthDenied => (log.scope.iter().collect(), &log.audience),
        _ => (Vec::new(), ""),
    }
}

/// Who signed in, or which administrator acted. Where it failed, the name is what was typed.
fn person<'a>(log: &'a Log<'a>, is_operation: bool, outcome: Ended) -> Person<'a> {
    let admin = &log.details.request.auth.user;
    if is_operation {
        let id = first_told([&admin.id, &log.user_id]);
        let login = if id.is_empty() || !admin.email.is_empty() { &admin.email } else { &log.user_name };
        return Person::new(id, login, &admin.name, false);
    }
    Person::new(&log.user_id, &log.user_name, "", outcome != Ended::Success)
}
