//! Dropbox's team log (formats.md, section 4). An event has no id: its content is one.

mod wire;

use event::{
    ActorType, AppIdKind, AppRef, ConsentType, Event, Kind, Outcome as Ended, ParseWarning, ParseWarnings,
    RejectReason, Source, Stream, UserKey, content_id,
};

use self::wire::{Member, TeamEvent};
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields::{self, first_told},
    net::set_ip,
    own_product::own_product,
    person::{Person, hand_over, is_same},
    stamp::{Reject, country, flag_missing, occurred_at, provider_tenant, stamp},
    text::composed,
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
    let log: TeamEvent<'_> = fields::read(element)?;
    if log.kind.tag.is_empty() {
        sink(Reject(RejectReason::NotAnEvent, "no event_type").into());
        return Ok(());
    }
    match meaning(&log.kind.tag) {
        Some((kind, outcome)) => {
            if let Err(reject) = build(element, &log, kind, outcome, context, sink) {
                sink(reject.into());
            }
        }
        None => sink(Outcome::Ignored { native_type: &log.kind.tag }),
    }
    Ok(())
}

/// Kind and outcome of an event type, by Dropbox's own descriptions of them; `None` when it says nothing about apps or sign-ins.
/// Both spellings of a link by a member are documented.
fn meaning(tag: &str) -> Option<(Kind, Ended)> {
    Some(match tag {
        "app_link_team" | "app_link_member" | "app_link_user" | "integration_connected" => {
            (Kind::OauthGrant, Ended::Success)
        }
        "app_unlink_team" | "app_unlink_member" | "app_unlink_user" | "integration_disconnected" => {
            (Kind::OauthRevoke, Ended::Success)
        }
        "app_blocked_by_permissions" => (Kind::OauthDenied, Ended::Denied),
        "app_permissions_changed" | "integration_policy_changed" => (Kind::PolicyChange, Ended::Success),
        "login_success" => (Kind::LoginSuccess, Ended::Success),
        "login_fail" | "sso_error" => (Kind::LoginFailure, Ended::Failure),
        // An administrator works as a member.
        "sign_in_as_session_start" => (Kind::Other, Ended::Success),
        _ => return None,
    })
}

fn build(
    element: &[u8],
    log: &TeamEvent<'_>,
    kind: Kind,
    outcome: Ended,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    let mut warnings = ParseWarnings::NONE;
    warnings.add(ParseWarning::NoNativeId);
    // No event names its team.
    let tenant = provider_tenant(context.provider_tenant, "")?;
    let occurred_at = occurred_at(&log.at, "timestamp", &mut warnings)?;
    let (app, name) = app(log, kind);
    let app_name = composed(name);
    let city = composed(&log.origin.place.city);
    let is_typed = kind == Kind::LoginFailure;
    let is_admin = &*log.actor.tag == "admin";
    let actor = person(if is_admin { &log.actor.admin } else { &log.actor.user }, is_typed);
    let concerned = person(&log.context, is_typed);
    let is_other = concerned.is_some() && actor.is_some() && !is_same(&actor, &concerned);
    let subject = if concerned.is_some() && (is_other || !actor.is_some()) { concerned } else { actor };

    let event_id = content_id(Source::Dropbox, tenant, &without_layout(element));
    let mut event = Event::new(event_id, Source::Dropbox, context.tenant, kind, occurred_at);
    event.stream = Stream::Audit;
    event.native_type = &log.kind.tag;
    event.session_id = &log.origin.access.end_user.id;
    event.transaction_id = &log.origin.access.request;
    event.actor_type = match &*log.actor.tag {
        "admin" => ActorType::Admin,
        "user" if is_other => ActorType::Admin,
        "user" => ActorType::User,
        "app" => ActorType::App,
        "dropbox" => ActorType::System,
        _ => ActorType::Unknown,
    };
    event.user_key = subject.key(context, Source::Dropbox);
    event.actor_key = if is_other { actor.key(context, Source::Dropbox) } else { UserKey::NONE };
    event.app = app;
    event.app_name = &app_name;
    event.consent_type = match (kind, &*log.kind.tag) {
        (Kind::OauthGrant, "app_link_team") => ConsentType::TenantWide,
        (Kind::OauthGrant, _) => ConsentType::User,
        _ => ConsentType::Unknown,
    };
    event.outcome = outcome;
    event.auth_method = &log.details.method.tag;
    event.is_mfa = outcome == Ended::Success && &*log.details.method.tag == "two_factor_authentication";
    event.country = country(&log.origin.place.country, &mut warnings);
    event.city = &city;
    event.warnings = warnings;
    set_ip(&mut event, [&*log.origin.place.ip]);
    if subject.is_name_dropped || actor.is_name_dropped {
        event.warnings.add(ParseWarning::TypedNameDropped);
    }
    flag_missing(&mut event);
    stamp(&mut event, context, tenant);
    hand_over(&event, &subject, &actor, sink);
    Ok(())
}

/// The app: by its id, which is the same for every team. Dropbox's own integrations are told by name alone, which stands as the team's
/// object then. A login is of Dropbox itself.
fn app<'a>(log: &'a TeamEvent<'a>, kind: Kind) -> (AppRef<'a>, &'a str) {
    if matches!(kind, Kind::LoginSuccess | Kind::LoginFailure) {
        return own_product(Source::Dropbox);
    }
    let (app, integration) = (&log.details.app, &*log.details.integration);
    let (id_kind, id) = match (&*app.id, integration) {
        ("", "") => (AppIdKind::None, ""),
        ("", integration) => (AppIdKind::ObjectId, integration),
        (id, _) => (AppIdKind::ClientId, id),
    };
    (AppRef { source: Source::Dropbox, id_kind, id }, first_told([&app.name, &log.details.integration]))
}

/// A person. The member's id belongs to this team; the account's is the person's everywhere.
fn person<'a>(member: &'a Member<'a>, is_typed: bool) -> Person<'a> {
    Person::new(first_told([&member.account_id, &member.member_id]), &member.email, &member.name, is_typed)
}
