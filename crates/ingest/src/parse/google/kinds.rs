//! What each event of Google Workspace means (formats.md, section 2 and the decisions of section 6).
//!
//! The name alone does not tell: `login_success` is a sign-in in one log and the use of an app in another.

use event::{Kind, Outcome, Stream};

use super::{parameters::Parameters, wire::Entry};

/// The log of an application of the Reports API; `Unknown` for those that say nothing about apps.
pub(crate) fn stream(application: &str) -> Stream {
    match application {
        "login" => Stream::Login,
        "token" => Stream::Token,
        "saml" => Stream::Saml,
        "admin" => Stream::Admin,
        _ => Stream::Unknown,
    }
}

/// The application whose activity an entry of Cloud Logging holds; one service has both the login and the SAML log.
pub(crate) fn application_of_entry(entry: &Entry<'_>) -> &'static str {
    match &*entry.service {
        "login.googleapis.com" if entry.method.to_ascii_lowercase().contains("saml") => "saml",
        "login.googleapis.com" => "login",
        "oauth2.googleapis.com" => "token",
        "admin.googleapis.com" => "admin",
        _ => "",
    }
}

/// The event of an entry that only tells its method.
pub(crate) fn name_of_method(method: &str) -> &'static str {
    match method {
        "google.identity.oauth2.GetToken" => "authorize",
        "google.identity.oauth2.RevokeToken" => "revoke",
        "google.identity.oauth2.Deny" => "deny",
        "google.identity.oauth2.Request" => "request",
        "google.identity.oauth2.GetTokenInfo" => "activity",
        _ => "",
    }
}

/// The kind of an event; `None` when it says nothing about apps or sign-ins and is ignored.
pub(crate) fn kind(stream: Stream, name: &str, parameters: &Parameters<'_>) -> Option<Kind> {
    match stream {
        Stream::Login => match name {
            "login_success" => Some(Kind::LoginSuccess),
            "login_failure" => Some(Kind::LoginFailure),
            "login_challenge" | "login_verification" => Some(Kind::LoginChallenge),
            _ if is_risk(name) => Some(Kind::Other),
            _ => None,
        },
        // What was refused must not stand for a use.
        Stream::Saml => match name {
            "login_success" => Some(Kind::Sso),
            "login_failure" => Some(Kind::OauthDenied),
            _ => None,
        },
        Stream::Token => match name {
            "authorize" => Some(Kind::OauthGrant),
            "revoke" => Some(Kind::OauthRevoke),
            "deny" => Some(Kind::OauthDenied),
            "request" => Some(Kind::OauthRequest),
            "activity" => Some(Kind::TokenUse),
            _ => None,
        },
        Stream::Admin => of_admin(name, parameters),
        _ => None,
    }
}

/// What Google itself found suspicious about an account.
fn is_risk(name: &str) -> bool {
    name.starts_with("suspicious_") || name.starts_with("account_disabled_") || name == "gov_attack_warning"
}

fn of_admin(name: &str, parameters: &Parameters<'_>) -> Option<Kind> {
    match name {
        "ADD_APPLICATION" => Some(Kind::AppAssigned),
        "REMOVE_APPLICATION" => Some(Kind::AppUnassigned),
        // Domain-wide delegation: an administrator lets a client act as everybody. It is a consent for all, and stands in no other log.
        "AUTHORIZE_API_CLIENT_ACCESS" => Some(Kind::OauthGrant),
        "REMOVE_API_CLIENT_ACCESS" | "REVOKE_3LO_TOKEN" | "REVOKE_3LO_DEVICE_TOKENS" => Some(Kind::OauthRevoke),
        "CHANGE_APP_ACCESS"
        | "CHANGE_API_ACCESS"
        | "ALLOW_SERVICE_FOR_OAUTH2_ACCESS"
        | "DISALLOW_SERVICE_FOR_OAUTH2_ACCESS"
        | "BLOCK_ALL_THIRD_PARTY_API_ACCESS"
        | "UNBLOCK_ALL_THIRD_PARTY_API_ACCESS"
        | "SIGN_IN_ONLY_THIRD_PARTY_API_ACCESS"
        | "ADD_APPLICATION_TO_WHITELIST"
        | "REMOVE_APPLICATION_FROM_WHITELIST"
        | "ADD_MOBILE_APPLICATION_TO_WHITELIST"
        | "REMOVE_MOBILE_APPLICATION_FROM_WHITELIST" => Some(Kind::PolicyChange),
        // ADD_TO_TRUSTED_, REMOVE_FROM_BLOCKED_, TRUST_DOMAIN_OWNED_ and their sisters.
        name if name.ends_with("_OAUTH2_APPS") => Some(Kind::PolicyChange),
        "CHANGE_EMAIL_SETTING" if parameters.text("SETTING_NAME").contains("MARKETPLACE") => Some(Kind::PolicyChange),
        _ => None,
    }
}

/// How an event ended. The name tells it, but for challenges and refusals.
pub(crate) fn outcome(stream: Stream, kind: Kind, parameters: &Parameters<'_>) -> Outcome {
    match kind {
        Kind::LoginFailure => Outcome::Failure,
        Kind::LoginChallenge => match parameters.text("login_challenge_status").to_ascii_lowercase().as_str() {
            status if status.contains("passed") => Outcome::Success,
            status if status.contains("fail") || status.contains("incorrect") => Outcome::Failure,
            _ => Outcome::Challenge,
        },
        Kind::OauthDenied if stream == Stream::Saml => match parameters.text("failure_type") {
            "failure_app_not_configured_for_user" | "failure_app_not_enabled_for_user" | "failure_request_denied" => {
                Outcome::Denied
            }
            _ => Outcome::Failure,
        },
        Kind::OauthDenied => Outcome::Denied,
        // Somebody has to decide first.
        Kind::OauthRequest => Outcome::Challenge,
        Kind::Other => Outcome::Unknown,
        _ => Outcome::Success,
    }
}
