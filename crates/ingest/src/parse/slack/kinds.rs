//! What each action of Slack means.
//!
//! The names are those of Slack's reference of the Audit Logs API and of the list in its own Java SDK (`Actions.java`), `user_login_failed`
//! among them. `app_resources_added` stands in neither: it was seen beside `app_resources_granted`.

use event::{ConsentType, Kind};

/// The kind of an audited action; `None` when it says nothing about apps or sign-ins.
pub(crate) fn kind(action: &str) -> Option<Kind> {
    Some(match action {
        "user_login" | "cli_login" => Kind::LoginSuccess,
        "user_login_failed" => Kind::LoginFailure,
        "app_installed"
        | "app_scopes_expanded"
        | "app_resources_granted"
        | "app_resources_added"
        | "bot_token_upgraded"
        | "org_app_installed"
        | "org_app_upgraded_to_org_install"
        | "org_app_workspace_added" => Kind::OauthGrant,
        "app_uninstalled" | "app_restricted" | "org_app_uninstalled" | "org_app_workspace_removed" => Kind::OauthRevoke,
        // What people may install, and not an installation.
        "app_approved"
        | "app_removed_from_whitelist"
        | "org_app_future_workspace_install_enabled"
        | "org_app_future_workspace_install_disabled"
        | "pref.app_whitelist_enabled"
        | "pref.app_dir_only"
        | "pref.sign_in_with_slack_disabled" => Kind::PolicyChange,
        // Slack's own detection of sessions that behave oddly.
        "anomaly" => Kind::Other,
        _ => return None,
    })
}

/// For whom an installation speaks: an organisation's app reaches every workspace, the others the one that the person works in.
pub(crate) fn consent_type(kind: Kind, action: &str) -> ConsentType {
    match kind {
        Kind::OauthGrant if action.starts_with("org_app_") => ConsentType::TenantWide,
        Kind::OauthGrant => ConsentType::User,
        _ => ConsentType::Unknown,
    }
}

/// The kind of a change in the integration log: `added`, `removed`, `enabled`, `disabled`, `updated` are documented, `expanded` was seen.
/// An update changes settings and grants nothing.
pub(crate) fn kind_of_change(change: &str) -> Option<Kind> {
    Some(match change {
        "added" | "enabled" | "expanded" => Kind::OauthGrant,
        "removed" | "disabled" => Kind::OauthRevoke,
        _ => return None,
    })
}
