//! What each action of GitHub means, by the descriptions in its own reference ("Audit log events for your organization" and "Security log
//! events").
//!
//! Two names say something else than they seem to: `org.oauth_app_access_denied` is an access that *was* approved and is taken back, and
//! `oauth_application.create` is an app that somebody registers and not one that anybody lets in.

use event::{ConsentType, Kind};

use super::wire::Entry;

/// What an action is about, and thereby where its app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A GitHub App: installed, asked for, registered.
    Integration,
    /// An OAuth app, as the organisation lets it in: by name alone.
    OauthAccess,
    /// An OAuth app, by an id.
    OauthApp,
    /// A token or key of a person: no app at all.
    Credential,
    /// A rule about apps or tokens.
    Policy,
    /// GitHub itself.
    Product,
}

/// Kind and subject of an action; `None` when it says nothing about apps or sign-ins.
pub(crate) fn meaning(entry: &Entry<'_>) -> Option<(Kind, Subject)> {
    Some(match &*entry.action {
        "integration_installation.create"
        | "integration_installation.unsuspend"
        | "integration_installation.version_updated" => (Kind::OauthGrant, Subject::Integration),
        "integration_installation.destroy" | "integration_installation.delete" | "integration_installation.suspend" => {
            (Kind::OauthRevoke, Subject::Integration)
        }
        "integration_installation_request.create" => (Kind::OauthRequest, Subject::Integration),
        // Closed is approved, denied or withdrawn. What is approved is installed, and that is told by itself.
        "integration_installation_request.close" if entry.reason.eq_ignore_ascii_case("denied") => {
            (Kind::OauthDenied, Subject::Integration)
        }
        "integration.create" => (Kind::AppRegistered, Subject::Integration),
        "integration.destroy" | "integration.delete" => (Kind::AppRemoved, Subject::Integration),
        "org.oauth_app_access_approved" => (Kind::OauthGrant, Subject::OauthAccess),
        "org.oauth_app_access_denied" => (Kind::OauthRevoke, Subject::OauthAccess),
        "org.oauth_app_access_requested" => (Kind::OauthRequest, Subject::OauthAccess),
        "oauth_application.create" => (Kind::AppRegistered, Subject::OauthApp),
        "oauth_application.destroy" => (Kind::AppRemoved, Subject::OauthApp),
        "oauth_authorization.create" | "oauth_authorization.update" => (Kind::OauthGrant, Subject::OauthApp),
        "oauth_authorization.destroy" => (Kind::OauthRevoke, Subject::OauthApp),
        "oauth_access.create" => (Kind::TokenIssued, Subject::OauthApp),
        "personal_access_token.access_granted" | "org_credential_authorization.grant" => {
            (Kind::OauthGrant, Subject::Credential)
        }
        "personal_access_token.access_revoked"
        | "org_credential_authorization.revoke"
        | "org_credential_authorization.deauthorize" => (Kind::OauthRevoke, Subject::Credential),
        "personal_access_token.request_created" => (Kind::OauthRequest, Subject::Credential),
        "personal_access_token.request_denied" => (Kind::OauthDenied, Subject::Credential),
        "org.disable_oauth_app_restrictions"
        | "org.enable_oauth_app_restrictions"
        | "org.oauth_app_access_blocked"
        | "org.oauth_app_access_unblocked"
        | "personal_access_token.access_restriction_disabled"
        | "personal_access_token.access_restriction_enabled"
        | "personal_access_token.auto_approve_grant_requests_disabled"
        | "personal_access_token.auto_approve_grant_requests_enabled"
        | "auto_approve_personal_access_token_requests.disable"
        | "auto_approve_personal_access_token_requests.enable" => (Kind::PolicyChange, Subject::Policy),
        "user.login" | "org.sso_response" | "business.sso_response" => (Kind::LoginSuccess, Subject::Product),
        "user.failed_login" => (Kind::LoginFailure, Subject::Product),
        _ => return None,
    })
}

/// For whom a grant speaks. An installed GitHub App acts as itself; an approved OAuth app acts for every member who uses it.
pub(crate) const fn consent_type(kind: Kind, subject: Subject) -> ConsentType {
    match (kind, subject) {
        (Kind::OauthGrant, Subject::Integration) => ConsentType::Application,
        (Kind::OauthGrant, Subject::OauthAccess) => ConsentType::TenantWide,
        (Kind::OauthGrant, _) => ConsentType::User,
        _ => ConsentType::Unknown,
    }
}
