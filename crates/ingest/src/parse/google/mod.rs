//! Google Workspace (formats.md, section 2): activities of the Reports API, one by one, as a page or by push channel, and the same activities
//! as entries of Cloud Logging.
//!
//! An activity holds one event or several, and each is counted. Their ids come from what happened, never from the place: `uniqueQualifier` is
//! *not* unique (in a real login log more than half of the activities share one, and pairs share the time as well), so application, time,
//! qualifier, type, name, profile, the app or person concerned all belong to the id; only events of one activity that agree in all of
//! these are numbered.

mod app;
mod kinds;
mod parameters;
mod people;
mod wire;

use event::{
    AppIdKind, AppKind, Event, EventId, EventIdHasher, Kind, Outcome as Ended, ParseWarning, ParseWarnings,
    RejectReason, Source, Stream, Timestamp, Tokens, content_id,
};

use self::{
    app::{App, Grant},
    parameters::Parameters,
    people::{People, address, email, profile},
    wire::{Activity, Happening},
};
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields, net,
    person::hand_over,
    stamp::{Reject, country, flag_missing, occurred_at, optional_time, provider_tenant, stamp},
    text::composed,
};

/// Parameters that say which of several like events one is: the app, the person, and what was done.
const IDENTITY: [&[&str]; 5] = [
    &["client_id", "APP_ID", "OAUTH2_APP_ID", "API_CLIENT_NAME", "application_name", "MOBILE_APP_PACKAGE_ID"],
    &["app_name", "APPLICATION_NAME", "OAUTH2_APP_NAME", "APP_NAME"],
    &["USER_EMAIL", "affected_email_address", "requester_email"],
    &["method_name", "login_challenge_method", "SETTING_NAME"],
    &["api_name", "login_challenge_status"],
];

/// One event of an activity, with what is known of the whole.
struct Native<'r> {
    element: &'r [u8],
    activity: &'r Activity<'r>,
    application: &'r str,
    stream: Stream,
    name: &'r str,
    happening: &'r Happening<'r>,
    /// Those that stand before it in the activity.
    earlier: &'r [Happening<'r>],
}

/// Parses one activity.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let mut activity: Activity<'_> = fields::read(element)?;
    let mut happenings = activity.take_happenings();
    let activity = activity;
    let of_entry = kinds::application_of_entry(&activity.entry);
    let application: &str = if of_entry.is_empty() { &activity.id.application } else { of_entry };
    if happenings.items.is_empty() && !kinds::name_of_method(&activity.entry.method).is_empty() {
        happenings.items.push(Happening::default());
    }
    if happenings.items.is_empty() || application.is_empty() {
        sink(without_event(&activity, application));
        return Ok(());
    }
    let stream = kinds::stream(application);
    for (at, happening) in happenings.iter().enumerate() {
        let told = happening.name.trim();
        let name = if told.is_empty() { kinds::name_of_method(&activity.entry.method) } else { told };
        let Some(kind) = kinds::kind(stream, name, &happening.parameters) else {
            sink(Outcome::Ignored { native_type: if name.is_empty() { application } else { name } });
            continue;
        };
        let earlier = happenings.items.get(..at).unwrap_or_default();
        let native = Native { element, activity: &activity, application, stream, name, happening, earlier };
        if let Err(reject) = build(&native, kind, context, sink) {
            sink(reject.into());
        }
    }
    if happenings.is_cut {
        sink(Reject(RejectReason::TooMany, "more events than one activity may hold").into());
    }
    Ok(())
}

/// What becomes of an object that holds no event of ours.
fn without_event<'a>(activity: &'a Activity<'a>, application: &'a str) -> Outcome<'a> {
    let method: &str = &activity.entry.method;
    match &*activity.kind {
        // An empty page.
        page @ "admin#reports#activities" => Outcome::Ignored { native_type: page },
        _ if !method.is_empty() => Outcome::Ignored { native_type: method },
        _ if application.is_empty() => {
            Reject(RejectReason::NotAnEvent, "neither an activity nor a log entry: no id.applicationName").into()
        }
        _ => Reject(RejectReason::NotAnEvent, "an activity without events").into(),
    }
}

fn build(
    native: &Native<'_>,
    kind: Kind,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let (activity, parameters) = (native.activity, &native.happening.parameters);
    let mut warnings = ParseWarnings::NONE;
    let tenant = provider_tenant(context.provider_tenant, &activity.id.customer)?;
    let (time, field) = match &*activity.id.time {
        "" if !activity.timestamp.is_empty() => (&activity.timestamp, "timestamp"),
        _ => (&activity.id.time, "id.time"),
    };
    let occurred_at = occurred_at(time, field, &mut warnings)?;
    let app = App::of(native.stream, native.name, parameters);
    let app_name = composed(app.name);
    let grant = Grant::of(native.stream, kind, parameters, &mut warnings);
    let people = People::of(native.stream, kind, activity, parameters);
    let methods = methods(parameters);
    let reason = reason(kind, parameters);

    let event_id = event_id(native, tenant, occurred_at, &mut warnings);
    let mut event = Event::new(event_id, Source::GoogleWorkspace, context.tenant, kind, occurred_at);
    event.stream = native.stream;
    event.native_id = native.id();
    event.native_type = native.name;
    event.available_at = optional_time(&activity.received);
    event.actor_type = people.actor_type;
    event.user_key = people.subject.key(context, Source::GoogleWorkspace);
    event.actor_key = people.actor.key(context, Source::GoogleWorkspace);
    event.app = app.reference;
    event.app_name = &app_name;
    let is_first_party = app.reference.id_kind == AppIdKind::ClientId
        && (context.is_first_party)(Source::GoogleWorkspace, app.reference.id);
    event.app_kind = if is_first_party { AppKind::FirstParty } else { app.kind };
    event.scopes = Tokens::from_canonical(&grant.scopes);
    event.resources = Tokens::from_canonical(&grant.resources);
    event.consent_type = grant.consent_type;
    event.outcome = kinds::outcome(native.stream, kind, parameters);
    event.outcome_code = parameters.first_of(&[
        "login_failure_type",
        "login_challenge_status",
        "rejection_type",
        "failure_type",
        "saml_status_code",
    ]);
    event.outcome_reason = &reason;
    event.auth_method = &methods;
    event.warnings = warnings;
    describe(&mut event, native);
    if people.subject.is_name_dropped {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    if parameters.is_cut() {
        event.warnings.add(ParseWarning::ListCut);
    }
    // An app that is installed for all is nobody's in particular.
    if kind != Kind::AppAssigned || people.subject.is_some() {
        flag_missing(&mut event);
    }
    stamp(&mut event, context, tenant);
    hand_over(&event, &people.subject, &people.actor, sink);
    Ok(())
}

impl Native<'_> {
    /// What the provider calls the activity: of an entry its `insertId`.
    fn id(&self) -> &str {
        let entry: &str = &self.activity.insert_id;
        if entry.is_empty() { &self.activity.id.qualifier } else { entry }
    }
}

/// The id of an event, from what happened. Where the provider names the activity in no way, from the content.
fn event_id(native: &Native<'_>, tenant: &str, occurred_at: Timestamp, warnings: &mut ParseWarnings) -> EventId {
    let own = IDENTITY.map(|names| native.happening.parameters.first_of(names));
    let is_like = |other: &&Happening<'_>| {
        let mut parts = IDENTITY.iter().zip(own);
        other.name == native.happening.name
            && other.kind == native.happening.kind
            && parts.all(|(names, own)| other.parameters.first_of(names) == own)
    };
    let like = native.earlier.iter().filter(is_like).count().to_string();
    if native.id().is_empty() {
        warnings.add(ParseWarning::NoNativeId);
        let mut content = without_layout(native.element);
        for part in own.into_iter().chain([native.name, &like]) {
            content.push(b'\n');
            content.extend_from_slice(part.as_bytes());
        }
        return content_id(Source::GoogleWorkspace, tenant, &content);
    }
    let actor = match profile(native.activity) {
        "" => email(native.activity).to_lowercase(),
        profile => profile.to_owned(),
    };
    let hasher = EventIdHasher::new(Source::GoogleWorkspace, tenant)
        .field(native.application)
        .field(&occurred_at.0.to_string())
        .field(native.id())
        .field(&native.happening.kind)
        .field(native.name)
        .field(&actor);
    own.iter().fold(hasher, |hasher, part| hasher.field(part)).field(&like).finish()
}

/// How somebody proved who they are: the distinct methods, in the order of their first use.
fn methods(parameters: &Parameters<'_>) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for method in parameters.all("login_challenge_method").filter(|method| *method != "none") {
        if !distinct.contains(&method) {
            distinct.push(method);
        }
    }
    if distinct.is_empty() { parameters.text("login_type").to_owned() } else { distinct.join(" ") }
}

/// What changed, or what Google thought of it.
fn reason(kind: Kind, parameters: &Parameters<'_>) -> String {
    match kind {
        Kind::PolicyChange if !parameters.text("SETTING_NAME").is_empty() => {
            let [setting, old, new] = ["SETTING_NAME", "OLD_VALUE", "NEW_VALUE"].map(|name| parameters.text(name));
            format!("{setting}: {old} => {new}")
        }
        Kind::LoginSuccess | Kind::LoginFailure if parameters.is_true("is_suspicious") => "is_suspicious".to_owned(),
        _ => String::new(),
    }
}

/// How people proved who they are, and from where. No activity tells a user agent.
fn describe<'a>(event: &mut Event<'a>, native: &Native<'a>) {
    let parameters = &native.happening.parameters;
    let is_several = event.auth_method.contains(' ') || parameters.is_true("is_second_factor");
    event.is_mfa = native.stream == Stream::Login && event.outcome == Ended::Success && is_several;
    event.auth_protocol = match (native.stream, parameters.text("login_type")) {
        (Stream::Saml, _) => "saml",
        (_, protocol @ ("saml" | "oidc")) => protocol,
        _ => "",
    };
    match address(native.activity) {
        "" => {}
        text => match net::ip(text) {
            Some(ip) => event.ip = ip,
            None => event.warnings.add(ParseWarning::BadIp),
        },
    }
    let network = &native.activity.network;
    event.asn = network.as_numbers.first().and_then(|number| number.number()).unwrap_or(0);
    event.country = country(&network.region.0, &mut event.warnings);
}
