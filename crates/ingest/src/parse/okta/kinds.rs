//! What each event type of Okta means (formats.md, section 1 and the decisions of section 6).
//!
//! Always by `eventType`: `legacyEventType` carries suffixes, and some published rules quote those by mistake.

use event::{Kind, Outcome};

use super::wire::LogEvent;

/// The kind of an event; `None` when it says nothing about apps or sign-ins and is ignored.
pub(crate) fn kind(log: &LogEvent<'_>) -> Option<Kind> {
    let outcome = outcome(&log.outcome.result);
    let is_refused = matches!(outcome, Outcome::Failure | Outcome::Denied);
    // A kind that shows use or consent must not stand for an attempt that was refused.
    let unless_refused = |kind| Some(if is_refused { Kind::OauthDenied } else { kind });
    match &*log.event_type {
        "user.session.start"
        | "user.authentication.auth_via_IDP"
        | "user.authentication.auth_via_social"
        | "user.authentication.auth_via_AD_agent"
        | "user.authentication.auth_via_LDAP_agent"
        | "user.authentication.auth_via_radius"
        | "user.authentication.auth_via_inbound_SAML"
        | "user.authentication.auth_via_richclient" => Some(match outcome {
            Outcome::Failure | Outcome::Denied => Kind::LoginFailure,
            Outcome::Challenge => Kind::LoginChallenge,
            Outcome::Success | Outcome::Unknown => Kind::LoginSuccess,
        }),
        "user.authentication.auth_via_mfa" | "user.authentication.verify" => Some(Kind::LoginChallenge),
        "policy.evaluate_sign_on" => match outcome {
            Outcome::Challenge => Some(Kind::LoginChallenge),
            Outcome::Denied => Some(Kind::LoginFailure),
            _ => None,
        },
        "user.authentication.sso"
        | "app.oauth2.signon"
        | "app.oauth2.authorize.code"
        | "app.oauth2.as.authorize.code" => unless_refused(Kind::Sso),
        // Okta's own clients get their consent from Okta itself, when an org is set up.
        "app.oauth2.admin.consent.grant" if is_own_client(log) => None,
        "app.oauth2.as.consent.grant" | "app.oauth2.consent.grant" | "app.oauth2.admin.consent.grant" => {
            unless_refused(Kind::OauthGrant)
        }
        "app.oauth2.as.authorize.scope_denied"
        | "app.generic.unauth_app_access_attempt"
        | "application.policy.sign_on.deny_access" => Some(Kind::OauthDenied),
        "application.user_membership.add" | "application.user_membership.provision" => Some(Kind::AppAssigned),
        "application.user_membership.remove"
        | "application.user_membership.revoke"
        | "application.user_membership.deprovision" => Some(Kind::AppUnassigned),
        "application.account.detect" | "app.access_request.grant" => Some(Kind::AppAssigned),
        "app.access_request.request" => Some(Kind::OauthRequest),
        "application.lifecycle.create"
        | "application.lifecycle.activate"
        | "app.oauth2.client.lifecycle.create"
        | "app.oauth2.client.lifecycle.activate" => Some(Kind::AppRegistered),
        "application.lifecycle.deactivate"
        | "application.lifecycle.delete"
        | "app.oauth2.client.lifecycle.deactivate"
        | "app.oauth2.client.lifecycle.delete" => Some(Kind::AppRemoved),
        other => by_family(other, unless_refused),
    }
}

/// Families of types that differ in their last part only: which token, or what the revocation followed from.
fn by_family(event_type: &str, unless_refused: impl Fn(Kind) -> Option<Kind>) -> Option<Kind> {
    let is_of =
        |family: &str| event_type.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    const GRANTS: [&str; 2] = ["app.oauth2.token.grant", "app.oauth2.as.token.grant"];
    const REVOCATIONS: [&str; 5] = [
        "app.oauth2.as.consent.revoke",
        "app.oauth2.consent.revoke",
        "app.oauth2.admin.consent.revoke",
        "app.oauth2.token.revoke",
        "app.oauth2.as.token.revoke",
    ];
    if GRANTS.into_iter().any(is_of) {
        unless_refused(Kind::TokenIssued)
    } else if REVOCATIONS.into_iter().any(is_of) {
        Some(Kind::OauthRevoke)
    } else {
        None
    }
}

/// The canonical outcome of `outcome.result`.
pub(crate) fn outcome(result: &str) -> Outcome {
    match result {
        "SUCCESS" | "ALLOW" => Outcome::Success,
        "FAILURE" => Outcome::Failure,
        "DENY" => Outcome::Denied,
        "CHALLENGE" => Outcome::Challenge,
        _ => Outcome::Unknown,
    }
}

/// Is this type about a second factor?
pub(crate) fn is_second_factor(event_type: &str) -> bool {
    matches!(event_type, "user.authentication.auth_via_mfa")
}

/// Is the person who signs on the one whose access is concerned, whatever account the app knows them by?
pub(crate) const fn is_sign_on(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Sso | Kind::LoginSuccess | Kind::LoginFailure | Kind::LoginChallenge | Kind::TokenIssued | Kind::TokenUse
    )
}

/// Does the consent name one of Okta's own clients, `okta.<uuid>`? `0oa…` is a real app.
fn is_own_client(log: &LogEvent<'_>) -> bool {
    log.target.iter().any(|target| target.detail.client.starts_with("okta."))
}
