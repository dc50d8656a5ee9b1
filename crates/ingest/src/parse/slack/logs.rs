//! The two logs of paid plans without an audit log: which integrations came and went, and who used Slack from where.
//!
//! Neither names its workspace, nor gives an id. An entry of the access log is a running count of one person on one device: its last
//! access moves. So an access is known by person, device and time of the last access; a poll that finds the same finds the same event, and
//! each further access is another use.

use event::{
    ActorType, AppIdKind, ConsentType, Event, EventIdHasher, Kind, Outcome as Ended, ParseWarning, ParseWarnings,
    Source, Stream, Tokens, content_id,
};

use super::{kinds, reference, wire::Entry};
use crate::parse::{
    Outcome, ParseContext,
    content::without_layout,
    fields::first_told,
    net::set_ip,
    own_product::own_product,
    person::{Person, hand_over},
    stamp::{Reject, country, flag_missing, occurred_at, provider_tenant, stamp, tokens},
    text::composed,
};

/// An entry of `team.integrationLogs`.
pub(crate) fn integration(
    element: &[u8],
    entry: &Entry<'_>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let Some(kind) = kinds::kind_of_change(&entry.change) else {
        sink(Outcome::Ignored { native_type: &entry.change });
        return Ok(());
    };
    let mut warnings = ParseWarnings::NONE;
    warnings.add(ParseWarning::NoNativeId);
    let tenant = provider_tenant(context.provider_tenant, "")?;
    let occurred_at = occurred_at(&entry.changed_at, "date", &mut warnings)?;
    let app = match (&*entry.app_id, &*entry.service_id) {
        ("", service) => reference(AppIdKind::AppId, service),
        (app, _) => reference(AppIdKind::ClientId, app),
    };
    let app_name = composed(first_told([&entry.app_name, &entry.service_name]));
    let scopes = tokens(entry.scope.split(','), &mut warnings);
    let person = Person::new(&entry.user_id, "", &entry.user_name, false);

    let event_id = content_id(Source::Slack, tenant, &without_layout(element));
    let mut event = Event::new(event_id, Source::Slack, context.tenant, kind, occurred_at);
    event.stream = Stream::Audit;
    event.native_type = &entry.change;
    event.actor_type = ActorType::User;
    event.user_key = person.key(context, Source::Slack);
    event.app = app;
    event.app_name = &app_name;
    event.scopes = Tokens::from_canonical(&scopes);
    event.consent_type = if kind == Kind::OauthGrant { ConsentType::User } else { ConsentType::Unknown };
    event.outcome = Ended::Success;
    event.outcome_reason = &entry.reason;
    event.warnings = warnings;
    flag_missing(&mut event);
    stamp(&mut event, context, tenant);
    hand_over(&event, &person, &Person::default(), sink);
    Ok(())
}

/// An entry of `team.accessLogs`: use of Slack itself.
pub(crate) fn access(
    entry: &Entry<'_>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let mut warnings = ParseWarnings::NONE;
    warnings.add(ParseWarning::NoNativeId);
    let tenant = provider_tenant(context.provider_tenant, "")?;
    let last_at = first_told([&entry.last_at, &entry.first_at]);
    let occurred_at = occurred_at(last_at, "date_last", &mut warnings)?;
    let (app, name) = own_product(Source::Slack);
    let login = if entry.user_id.is_empty() { &entry.user_name } else { "" };
    let person = Person::new(&entry.user_id, login, &entry.user_name, false);

    let event_id = EventIdHasher::new(Source::Slack, tenant)
        .field("access")
        .field(&entry.user_id)
        .field(&entry.ip)
        .field(&entry.user_agent)
        .field(last_at)
        .finish();
    let mut event = Event::new(event_id, Source::Slack, context.tenant, Kind::LoginSuccess, occurred_at);
    event.stream = Stream::Login;
    event.native_type = "access";
    event.actor_type = ActorType::User;
    event.user_key = person.key(context, Source::Slack);
    event.app = app;
    event.app_name = name;
    event.outcome = Ended::Success;
    event.as_org = &entry.provider;
    event.country = country(&entry.country.0, &mut warnings);
    event.user_agent = &entry.user_agent;
    event.warnings = warnings;
    set_ip(&mut event, [&*entry.ip]);
    flag_missing(&mut event);
    stamp(&mut event, context, tenant);
    hand_over(&event, &person, &Person::default(), sink);
    Ok(())
}
