//! What Salesforce's event types mean.
//!
//! One happening has up to three names: `Login` as a file, `LoginEvent` as an object, `LoginEventStream` as a message. The endings are cut
//! off, so that an event is the same by query and by stream.

use event::{Kind, Outcome};

use super::wire::Entry;

/// People who are no employees: customers and partners in a portal, visitors of a public page.
const OUTSIDERS: [&str; 6] =
    ["CspLitePortal", "CustomerSuccess", "Guest", "PowerCustomerSuccess", "PowerPartner", "SelfService"];

/// The type without the ending that says how it was delivered.
pub(crate) fn base(kind: &str) -> &str {
    let kind = kind.strip_suffix("Store").or_else(|| kind.strip_suffix("Stream")).unwrap_or(kind);
    kind.strip_suffix("Event").unwrap_or(kind)
}

/// Kind and outcome; `None` when it says nothing about apps or sign-ins, or is about somebody outside of the company.
pub(crate) fn meaning(base: &str, entry: &Entry<'_>) -> Option<(Kind, Outcome)> {
    let is_app = !entry.app.is_empty() || !entry.client.is_empty();
    let has_failed = entry.status.to_ascii_lowercase().starts_with("fail");
    Some(match base {
        "Login" if OUTSIDERS.contains(&&*entry.user_type) => return None,
        "Login" => login(entry),
        // An administrator works as somebody else.
        "LoginAs" => (Kind::Other, Outcome::Success),
        // Salesforce's own detections.
        "ApiAnomaly" | "CredentialStuffing" | "GuestUserAnomaly" | "LoginAnomaly" | "ReportAnomaly"
        | "SessionHijacking" => (Kind::Other, Outcome::Unknown),
        "OAuthTokenRevoked" => (Kind::OauthRevoke, Outcome::Success),
        "OAuthTokenRefreshFailed" => (Kind::OauthDenied, Outcome::Failure),
        // A kind that shows use must not stand for what was refused.
        "ApiConnectedApp" | "ConnectedAppUsage" | "Api" | "ApiTotalUsage" | "RestApi" if is_app && has_failed => {
            (Kind::OauthDenied, Outcome::Failure)
        }
        // Seen in samples, and not in the reference: the person has just let the app in.
        "ConnectedAppUsage" if &*entry.connection == "oauth_authorization" => (Kind::OauthGrant, Outcome::Success),
        "ApiConnectedApp" | "ConnectedAppUsage" => (Kind::TokenUse, Outcome::Success),
        // A call of the API is about an app where it names one; most are the product's own pages. Rows of type `API` (SOAP) are none of these:
        // their reference has no app's id, only CLIENT_NAME, which the caller makes up, and ApiTotalUsage tells the same calls with it.
        "Api" | "ApiTotalUsage" | "RestApi" if is_app => (Kind::TokenUse, Outcome::Success),
        _ => return None,
    })
}

/// A login by its status: a code in a file, words in an event.
fn login(entry: &Entry<'_>) -> (Kind, Outcome) {
    let status = if entry.login_status.is_empty() { &entry.status } else { &entry.login_status };
    let code = status.to_ascii_uppercase();
    match &*code {
        "" => (Kind::LoginSuccess, Outcome::Unknown),
        "LOGIN_NO_ERROR" | "SUCCESS" => (Kind::LoginSuccess, Outcome::Success),
        code if code.contains("CHALLENGE") || code.contains("TWOFACTOR") => (Kind::LoginChallenge, Outcome::Challenge),
        code if code.contains("RESTRICTED") => (Kind::LoginFailure, Outcome::Denied),
        _ => (Kind::LoginFailure, Outcome::Failure),
    }
}
