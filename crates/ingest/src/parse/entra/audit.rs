//! Directory audits: consents, their companions, and apps that come and go.

use std::borrow::Cow;

use event::{ActorType, AppKind, Event, Kind, Outcome as Ended, ParseWarnings, Source, Stream, Tokens};

use super::{
    Native,
    activity::Activity,
    audit_app::{self, AuditApp},
    grant::Grant,
    values::new_value,
    wire::Properties,
};
use crate::parse::{
    Outcome, ParseContext,
    net::set_ip,
    person::{Person, hand_over, is_same},
    stamp::{Reject, flag_missing, optional_time, stamp},
    text::composed,
};

/// Builds the event of a directory audit, or ignores it.
pub(crate) fn build(
    native: &Native<'_>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let properties = native.properties;
    let name: &str = if properties.activity.is_empty() { &native.record.operation } else { &properties.activity };
    let ended = outcome(&properties.result);
    let mut warnings = ParseWarnings::NONE;
    let Some(activity) = Activity::of(name) else {
        sink(Outcome::Ignored { native_type: name });
        return Ok(());
    };
    let grant = Grant::of(activity, properties, &mut warnings);
    let actor = actor(properties);
    let user = (new_value(&properties.targets, "User.ObjectID"), new_value(&properties.targets, "User.UPN"));
    let subject = subject(activity, properties, actor, &user);
    let is_self = is_same(&actor, &subject);
    let Some((kind, is_supporting)) = meaning(native, activity, ended, &grant, is_self) else {
        sink(Outcome::Ignored { native_type: name });
        return Ok(());
    };
    let tenant = native.provider_tenant(context)?;
    let occurred_at = native.occurred_at(&properties.activity_at, "activityDateTime", &mut warnings)?;
    let app = AuditApp::of(activity, properties);
    let app_name = composed(&app.name);
    let reason = reason(native);

    let mut event =
        Event::new(native.event_id(tenant, &mut warnings), native.source, context.tenant, kind, occurred_at);
    event.stream = Stream::Audit;
    event.is_supporting = is_supporting;
    event.native_id = &properties.id;
    event.native_type = name;
    event.correlation_id = native.correlation();
    event.available_at = optional_time(&native.record.time);
    event.actor_type = actor_type(properties, &actor, is_self);
    // Both logs name people by the ids of one directory.
    event.user_key = subject.key(context, Source::Entra);
    event.actor_key = if is_self { event::UserKey::NONE } else { actor.key(context, Source::Entra) };
    event.app = app.reference(native.source);
    event.app_name = &app_name;
    event.app_object_id = &app.object_id;
    if !app.id.is_empty() && (context.is_first_party)(native.source, &app.id) {
        event.app_kind = AppKind::FirstParty;
    }
    event.scopes = Tokens::from_canonical(&grant.scopes);
    event.scopes_added = Tokens::from_canonical(&grant.added);
    event.scopes_removed = Tokens::from_canonical(&grant.removed);
    event.resources = Tokens::from_canonical(&grant.resources);
    event.consent_type = grant.consent_type;
    event.grant_id = &grant.id;
    event.outcome = ended;
    event.outcome_code = &properties.result;
    event.outcome_reason = &reason;
    event.warnings = warnings;
    set_ip(&mut event, [&*properties.initiated_by.user.ip, &*native.record.caller_ip]);
    let agent = properties.details.iter().find(|detail| detail.key.eq_ignore_ascii_case("User-Agent"));
    event.user_agent = agent.map_or(&properties.user_agent, |detail| &detail.value);
    // A group is nobody in particular.
    if !matches!(activity, Activity::RoleToGroup | Activity::RoleFromGroup) {
        flag_missing(&mut event);
    }
    stamp(&mut event, context, tenant);
    hand_over(&event, &subject, &actor, sink);
    Ok(())
}

/// Kind, and whether it is a companion of a consent; `None` for what changed nothing.
fn meaning(
    native: &Native<'_>,
    activity: Activity,
    ended: Ended,
    grant: &Grant,
    is_self: bool,
) -> Option<(Kind, bool)> {
    let is_failed = ended == Ended::Failure;
    // Two consents at once: Entra tries again, nobody was denied anything.
    let is_retried = || is_failed && reason(native).contains("RestConcurrencyException");
    match activity {
        Activity::Consent if is_retried() => None,
        Activity::Consent => Some((if is_failed { Kind::OauthDenied } else { Kind::OauthGrant }, false)),
        _ if is_failed => None,
        Activity::DelegatedGrant | Activity::RoleToApp => Some((Kind::OauthGrant, true)),
        Activity::RoleToUser if is_self => Some((Kind::OauthGrant, true)),
        Activity::RoleToUser | Activity::RoleToGroup => Some((Kind::AppAssigned, false)),
        Activity::DelegatedChange => match (grant.added.is_empty(), grant.removed.is_empty()) {
            (false, _) => Some((Kind::OauthGrant, true)),
            (true, false) => Some((Kind::OauthRevoke, false)),
            (true, true) => None,
        },
        Activity::ConsentRevoked | Activity::RoleFromApp | Activity::RoleFromUser => Some((Kind::OauthRevoke, false)),
        Activity::RoleFromGroup => Some((Kind::AppUnassigned, false)),
        Activity::ApplicationAdded | Activity::ServicePrincipalAdded => Some((Kind::AppRegistered, false)),
        Activity::Removed => Some((Kind::AppRemoved, false)),
        Activity::AuthorizationPolicyChanged => Some((Kind::PolicyChange, false)),
        Activity::AccountDisabled => {
            let is_app = audit_app::target(native.properties).is_some_and(|target| &*target.kind == "ServicePrincipal");
            is_app.then_some((Kind::OauthRevoke, false))
        }
    }
}

/// Only the result decides: "Risky application detected" stands in consents that went through, too.
fn outcome(result: &str) -> Ended {
    let result = result.to_ascii_lowercase();
    match result.as_str() {
        "success" | "succeeded" | "true" => Ended::Success,
        "timeout" | "false" => Ended::Failure,
        other if other.starts_with("fail") => Ended::Failure,
        _ => Ended::Unknown,
    }
}

/// The provider's words for how it ended.
fn reason<'a>(native: &Native<'a>) -> Cow<'a, str> {
    let properties = native.properties;
    let told = [&properties.result_reason, &native.record.result_description].into_iter().find(|text| !text.is_empty());
    told.map_or_else(
        || {
            let of = |name: &str| new_value(&properties.targets, name);
            let result = of("MethodExecutionResult.");
            if result.is_empty() { of("ConsentAction.Reason") } else { result }
        },
        |text| Cow::Borrowed(&**text),
    )
}

fn actor<'a>(properties: &'a Properties<'a>) -> Person<'a> {
    let user = &properties.initiated_by.user;
    Person::new(&user.id, &user.name, &user.display_name, false)
}

/// Whose access is concerned: the person assigned, else who acted.
fn subject<'a>(
    activity: Activity,
    properties: &'a Properties<'a>,
    actor: Person<'a>,
    user: &'a (Cow<'a, str>, Cow<'a, str>),
) -> Person<'a> {
    match activity {
        Activity::RoleToUser | Activity::RoleFromUser => {}
        Activity::RoleToGroup | Activity::RoleFromGroup | Activity::AuthorizationPolicyChanged => {
            return Person::default();
        }
        _ => return actor,
    }
    let target = properties.targets.iter().find(|target| &*target.kind == "User");
    let of_target = || target.map(|target| Person::new(&target.id, &target.user_name, &target.display_name, false));
    let named = Person::new(&user.0, &user.1, "", false);
    let assigned = if named.is_some() { Some(named) } else { of_target() };
    match assigned {
        Some(assigned) if is_same(&assigned, &actor) => actor,
        Some(assigned) => assigned,
        None => actor,
    }
}

fn actor_type(properties: &Properties<'_>, actor: &Person<'_>, is_self: bool) -> ActorType {
    let app = &properties.initiated_by.app;
    if actor.is_some() {
        return if is_self { ActorType::User } else { ActorType::Admin };
    }
    if app.id.is_empty() && app.service_principal_id.is_empty() && app.display_name.is_empty() {
        ActorType::Unknown
    } else {
        ActorType::App
    }
}
