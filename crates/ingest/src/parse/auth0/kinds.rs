//! What the event codes of Auth0 mean, by its reference ("Log Event Type Codes"), and which operations of its Management API are about apps.
//!
//! Operations are known by method and path. Their descriptions are prose, and were seen on operations that they do not describe.

use event::{Kind, Outcome};

use super::wire::Request;

/// The code of a successful operation of the Management API.
pub(crate) const OPERATION: &str = "sapi";
/// The code of a token that a client got for itself.
pub(crate) const TOKEN_FOR_ITSELF: &str = "seccft";

/// Kind and outcome of a code; `None` when it says nothing about apps or sign-ins.
///
/// Left out on purpose: `scoa` (the first step of a login that is told by itself), `fsa` (a silent try without a session: every page does
/// it), `fco` (a page of a wrong origin, nobody's login).
pub(crate) fn meaning(code: &str) -> Option<(Kind, Outcome)> {
    Some(match code {
        "s" | "sens" => (Kind::LoginSuccess, Outcome::Success),
        "f" | "fc" | "fcoa" | "fens" | "fp" | "fu" => (Kind::LoginFailure, Outcome::Failure),
        // Refused by a rule: a password that leaked, an account that was tried too often.
        "pwd_leak" | "limit_wc" => (Kind::LoginFailure, Outcome::Denied),
        "signup_pwd_leak" => (Kind::Other, Outcome::Denied),
        "mfar" => (Kind::LoginChallenge, Outcome::Challenge),
        "gd_auth_succeed" => (Kind::LoginChallenge, Outcome::Success),
        "gd_auth_failed" => (Kind::LoginChallenge, Outcome::Failure),
        "gd_auth_rejected" => (Kind::LoginChallenge, Outcome::Denied),
        // Silent: the session that is there signs the person on to one more app.
        "ssa" => (Kind::Sso, Outcome::Success),
        "seacft" | TOKEN_FOR_ITSELF | "sede" | "seoobft" | "seotpft" | "sepft" | "sercft" | "sertft" => {
            (Kind::TokenIssued, Outcome::Success)
        }
        // A kind that shows use must not stand for an exchange that was refused.
        "feacft" | "feccft" | "fede" | "feoobft" | "feotpft" | "fepft" | "fercft" | "ferrt" | "fertft" => {
            (Kind::OauthDenied, Outcome::Failure)
        }
        _ => return None,
    })
}

/// The kind of an operation; `None` when it is not about apps. People's own consents are not logged; only their withdrawal is.
pub(crate) fn operation(request: &Request<'_>) -> Option<Kind> {
    let path = request.path.strip_prefix("/api").unwrap_or(&request.path);
    let path = path.strip_prefix("/v2/").or_else(|| path.strip_prefix('/'))?;
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let (what, which, rest) = (parts.next()?, parts.next(), parts.next());
    let is_method = |method: &str| request.method.eq_ignore_ascii_case(method);
    Some(match (what, which, rest) {
        ("clients", None, None) if is_method("post") => Kind::AppRegistered,
        ("oidc", Some("register"), None) if is_method("post") => Kind::AppRegistered,
        ("integrations", Some("installed"), None) if is_method("post") => Kind::AppRegistered,
        ("clients", Some(_), None) if is_method("delete") => Kind::AppRemoved,
        ("client-grants", None, None) if is_method("post") => Kind::OauthGrant,
        ("client-grants" | "grants", Some(_), None) if is_method("delete") => Kind::OauthRevoke,
        _ => return None,
    })
}
