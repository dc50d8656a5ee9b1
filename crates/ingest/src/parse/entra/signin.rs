//! Sign-ins. Entra is the identity provider: a person's successful interactive sign-in *is* a sign-on to the app that is named.

use event::{
    ActorType, AppIdKind, AppKind, AppRef, Event, Kind, Outcome as Ended, ParseWarning, ParseWarnings, Source, Stream,
    Tokens,
};

use super::{Native, codes, values::unless_zero, wire::Properties};
use crate::parse::{
    Outcome, ParseContext,
    net::set_ip,
    person::{Person, hand_over},
    stamp::{Reject, country, flag_missing, optional_time, stamp, tokens},
    text::composed,
};

/// Builds the event of a sign-in.
pub(crate) fn build(
    native: &Native<'_>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let (record, properties) = (native.record, native.properties);
    let mut warnings = ParseWarnings::NONE;
    let tenant = native.provider_tenant(context)?;
    let occurred_at = native.occurred_at(&properties.created_at, "createdDateTime", &mut warnings)?;
    let app_id = unless_zero(&properties.app_id);
    let is_first_party = !app_id.is_empty() && (context.is_first_party)(native.source, app_id);
    let success = match native.stream {
        Stream::SigninInteractive if is_first_party || app_id.is_empty() => Kind::LoginSuccess,
        Stream::SigninInteractive => Kind::Sso,
        _ => Kind::TokenUse,
    };
    let (kind, outcome) = code(native).map_or((success, Ended::Unknown), |code| codes::meaning(code, success));
    let is_app = native.stream == Stream::SigninSp;
    let person = if is_app { Person::default() } else { person(properties, outcome != Ended::Success) };
    let app_name = composed(if is_app && properties.app_name.is_empty() {
        &properties.service_principal_name
    } else {
        &properties.app_name
    });
    let city = composed(&properties.location.city);
    let resources = tokens([unless_zero(&properties.resource_id)], &mut warnings);

    let mut event =
        Event::new(native.event_id(tenant, &mut warnings), native.source, context.tenant, kind, occurred_at);
    event.stream = native.stream;
    event.native_id = &properties.id;
    event.native_type = native.native_type;
    event.correlation_id = native.correlation();
    event.session_id = &properties.session;
    event.transaction_id = &properties.token_id;
    event.available_at = optional_time(&record.time);
    event.actor_type = if is_app { ActorType::App } else { ActorType::User };
    // Both logs name people by the ids of one directory.
    event.user_key = person.key(context, Source::Entra);
    event.app = AppRef {
        source: native.source.issuer(),
        id_kind: if app_id.is_empty() { AppIdKind::None } else { AppIdKind::ClientId },
        id: app_id,
    };
    event.app_name = &app_name;
    event.app_object_id =
        unless_zero(if is_app { &properties.service_principal_id } else { &properties.app_object_id });
    event.app_kind = match (is_first_party, is_app) {
        (true, _) => AppKind::FirstParty,
        (false, true) => AppKind::Service,
        (false, false) => AppKind::Unknown,
    };
    event.resources = Tokens::from_canonical(&resources);
    event.outcome = outcome;
    event.city = &city;
    event.warnings = warnings;
    describe(&mut event, native);
    if person.is_name_dropped {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    flag_missing(&mut event);
    stamp(&mut event, context, tenant);
    hand_over(&event, &person, &Person::default(), sink);
    Ok(())
}

/// The error code: the status's, else the envelope's result, which may be a word. `None` when nothing is told.
fn code(native: &Native<'_>) -> Option<u32> {
    let told =
        [&native.properties.status.code, &native.record.result_type].into_iter().find(|text| !text.is_empty())?;
    if told.eq_ignore_ascii_case("success") {
        return Some(0);
    }
    Some(told.number().unwrap_or(u32::MAX))
}

/// The person who signed in. On a failure the name is what was typed; an account that nobody knows has the zero GUID.
fn person<'a>(properties: &'a Properties<'a>, is_typed: bool) -> Person<'a> {
    Person::new(unless_zero(&properties.user_id), &properties.user_name, &properties.user_display_name, is_typed)
}

/// The diagnostic category, in both forms of the record.
pub(crate) const fn category(stream: Stream) -> &'static str {
    match stream {
        Stream::SigninNoninteractive => "NonInteractiveUserSignInLogs",
        Stream::SigninSp => "ServicePrincipalSignInLogs",
        _ => "SignInLogs",
    }
}

/// How it ended, how the person proved who they are, and from where.
fn describe<'a>(event: &mut Event<'a>, native: &Native<'a>) {
    let (record, properties) = (native.record, native.properties);
    let status = &properties.status;
    event.outcome_code = if status.code.is_empty() { &record.result_type } else { &status.code };
    event.outcome_reason = [&status.reason, &record.result_description, &status.details]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or("", |text| text);
    let passed = properties.steps.iter().find(|step| step.succeeded.is_true() && !step.method.is_empty());
    event.auth_method = passed.map_or(&properties.mfa.method, |step| &step.method);
    let is_multi_factor = &*properties.requirement == "multiFactorAuthentication" || status.details.starts_with("MFA ");
    event.is_mfa = event.outcome == Ended::Success && is_multi_factor;
    event.auth_protocol = if &*properties.protocol == "none" { "" } else { &properties.protocol };
    set_ip(event, [&*properties.ip, &*record.caller_ip]);
    event.asn = properties.as_number.number().unwrap_or(0);
    let place = &properties.location;
    event.country =
        country(if place.country.is_empty() { &record.country.0 } else { &place.country.0 }, &mut event.warnings);
    event.user_agent = &properties.user_agent;
    event.ua_os = &properties.device.os;
    event.ua_browser = &properties.device.browser;
}
