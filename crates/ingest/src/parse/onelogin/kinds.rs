//! What the numbers of OneLogin's events mean, by its reference ("Event Resource and Types"). 90 is not in the lists that we could read; in
//! public rules and samples it is an access to an app that was refused.

use event::{Kind, Outcome};

/// Kind and outcome of an event type; `None` when it says nothing about apps or sign-ins.
pub(crate) fn meaning(code: &str) -> Option<(Kind, Outcome)> {
    Some(match code {
        // OneLogin itself, RADIUS, the API, a social account, a Mac.
        "5" | "68" | "122" | "140" | "153" => (Kind::LoginSuccess, Outcome::Success),
        "6" | "69" | "86" | "123" | "141" | "154" => (Kind::LoginFailure, Outcome::Failure),
        // By sign-on or by the assertion proxy.
        "8" | "78" => (Kind::Sso, Outcome::Success),
        "77" | "85" => (Kind::OauthDenied, Outcome::Failure),
        "90" => (Kind::OauthDenied, Outcome::Denied),
        // A request for an app, and what became of it.
        "34" => (Kind::OauthRequest, Outcome::Success),
        "137" => (Kind::AppAssigned, Outcome::Success),
        "138" => (Kind::OauthDenied, Outcome::Denied),
        // An app joins a role, an account is made in an app, a login is added by hand.
        "1" | "51" | "206" => (Kind::AppAssigned, Outcome::Success),
        "2" | "55" | "207" => (Kind::AppUnassigned, Outcome::Success),
        // Somebody acts as somebody else.
        "3" => (Kind::Other, Outcome::Success),
        _ => return None,
    })
}

/// Is this about a role, and so about nobody in particular?
pub(crate) fn is_about_role(code: &str) -> bool {
    matches!(code, "1" | "2")
}
