//! Okta System Log (formats.md, section 1): one `LogEvent`, however it was delivered.

mod app;
mod grant;
mod kinds;
mod people;
mod wire;

use event::{
    Event, EventId, EventIdHasher, Kind, Outcome as Ended, ParseWarning, ParseWarnings, RejectReason, Source, Stream,
    Tokens, content_id,
};

use self::{grant::Grant, people::People, wire::LogEvent};
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields, net,
    person::hand_over,
    stamp::{Reject, country, flag_missing, occurred_at, optional_time, provider_tenant, stamp},
    text::composed,
};

/// What the name of Okta's event source begins with; behind it stand the org's subdomain and the name that the org gave to the stream
/// (<https://help.okta.com/en-us/content/topics/reports/log-streaming/add-aws-eb-log-stream.htm>).
const EVENT_BRIDGE_SOURCE: &str = "aws.partner/okta.com/";
/// The domains that Okta puts orgs under, the usual one first.
const OKTA_DOMAINS: [&str; 5] = ["okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil"];

/// Parses one `LogEvent`.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let log: LogEvent<'_> = fields::read(element)?;
    if log.event_type.is_empty() {
        sink(Reject(RejectReason::NotAnEvent, "no eventType").into());
        return Ok(());
    }
    match kinds::kind(&log) {
        Some(kind) => {
            if let Err(reject) = build(element, &log, kind, context, sink) {
                sink(reject.into());
            }
        }
        None => sink(Outcome::Ignored { native_type: &log.event_type }),
    }
    Ok(())
}

/// The org's host, from the `source` of whatever envelope it came in.
fn org(source: &[u8], configured: Option<&str>) -> Option<String> {
    let text = std::str::from_utf8(source).ok()?.replace("\\/", "/");
    let Some(path) = text.strip_prefix(EVENT_BRIDGE_SOURCE) else { return host(source) };
    let subdomain = path.split('/').next().filter(|subdomain| !subdomain.is_empty())?.to_ascii_lowercase();
    let is_okta = |domain: &str| OKTA_DOMAINS.iter().any(|okta| domain.eq_ignore_ascii_case(okta));
    match configured.and_then(|host| host.split_once('.')) {
        Some((label, domain)) if is_okta(domain) && label.eq_ignore_ascii_case(&subdomain) => {
            configured.map(str::to_owned)
        }
        // A company's own domain in front of its org says nothing of the subdomain behind.
        Some((_, domain)) if !is_okta(domain) => None,
        _ => Some(format!("{subdomain}.{}", OKTA_DOMAINS[0])),
    }
}

/// The org's host from the `source` of a hook envelope (`https://acme.okta.com/api/v1/eventHooks/who1`), in lower case.
fn host(source: &[u8]) -> Option<String> {
    let source = std::str::from_utf8(source).ok()?.replace("\\/", "/");
    let (_, rest) = source.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn build(
    element: &[u8],
    log: &LogEvent<'_>,
    kind: Kind,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let mut warnings = ParseWarnings::NONE;
    let org = context.envelope_source.and_then(|source| org(source, context.provider_tenant)).unwrap_or_default();
    let tenant = provider_tenant(context.provider_tenant, &org)?;
    let occurred_at = occurred_at(&log.published, "published", &mut warnings)?;
    let app = app::app(log, kind);
    let app_name = composed(app.name);
    let grant = Grant::of(log, kind, &mut warnings);
    let city = composed(&log.client.geo.city);
    let people = People::of(log, kind);

    let mut event =
        Event::new(event_id(element, log, tenant, &mut warnings), Source::Okta, context.tenant, kind, occurred_at);
    event.stream = Stream::SystemLog;
    event.native_id = &log.uuid;
    event.native_type = &log.event_type;
    event.session_id = if log.auth.session.is_empty() { &log.auth.root_session } else { &log.auth.session };
    event.transaction_id = &log.transaction.id;
    event.available_at = optional_time(&log.inserted);
    event.actor_type = people.actor_type;
    event.user_key = people.subject.key(context, Source::Okta);
    event.actor_key = people.actor.key(context, Source::Okta);
    event.app = app.reference;
    event.app_name = &app_name;
    event.app_kind = app.kind;
    event.scopes = Tokens::from_canonical(&grant.scopes);
    event.resources = Tokens::from_canonical(&grant.resources);
    event.consent_type = grant.consent_type;
    event.grant_id = grant.id;
    event.city = &city;
    event.warnings = warnings;
    describe(&mut event, log);
    if people.is_name_dropped() {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    flag_missing(&mut event);
    stamp(&mut event, context, tenant);

    hand_over(&event, &people.subject, &people.actor, sink);
    Ok(())
}

/// `uuid` is the same through a hook, a poll and a stream (`eventId` of a hook names the delivery). Partial events without one exist.
fn event_id(element: &[u8], log: &LogEvent<'_>, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
    if log.uuid.is_empty() {
        warnings.add(ParseWarning::NoNativeId);
        return content_id(Source::Okta, tenant, &without_layout(element));
    }
    EventIdHasher::new(Source::Okta, tenant).field(&log.uuid).finish()
}

/// How it ended, how people proved who they are, and from where.
fn describe<'a>(event: &mut Event<'a>, log: &'a LogEvent<'a>) {
    event.outcome = kinds::outcome(&log.outcome.result);
    event.outcome_code = &log.outcome.result;
    event.outcome_reason = &log.outcome.reason;
    event.auth_method =
        [&log.auth.credential, &log.auth.credential_provider, &log.auth.provider, &log.debug.data.factor]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", |text| text);
    event.is_mfa = event.outcome == Ended::Success && kinds::is_second_factor(&log.event_type);
    let sign_on_mode = log.target.iter().map(|target| &target.detail.sign_on_mode).find(|mode| !mode.is_empty());
    event.auth_protocol = sign_on_mode.unwrap_or(&log.debug.data.sign_on_mode);

    let address: &str =
        if log.client.ip.is_empty() { log.request.chain.first().map_or("", |hop| &hop.ip) } else { &log.client.ip };
    net::set_ip(event, [address]);
    event.country = country(&log.client.geo.country.0, &mut event.warnings);
    event.asn = log.security.as_number.number().unwrap_or(0);
    event.as_org = &log.security.as_org;
    event.is_proxy = log.security.is_proxy.is_true();
    event.user_agent = &log.client.user_agent.raw;
    event.ua_os = &log.client.user_agent.os;
    event.ua_browser = &log.client.user_agent.browser;
}
