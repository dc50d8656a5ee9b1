//! Is a native event a login that failed? Asked of what is on its way to the dead letters, where nobody knows any more whose it is.
//!
//! Then the names in it are what somebody typed, now and then a password. Okta and Entra have their own places for it (`scrub.rs`); the
//! others say it in a word of theirs, and put the name under one of a few keys.

use crate::parse::fields::{self, List, Text, wire_struct};

/// Keys under which such an event of a product holds what was typed, or words that repeat it.
const NAME_FIELDS: &[&str] = &[
    "USERNAME",
    "USER_NAME",
    "Username",
    "actor",
    "actor_user_name",
    "description",
    "display_name",
    "email",
    "error_description",
    "name",
    "user",
    "user_name",
    "username",
];

/// The same of Microsoft's unified audit log, whose people are lists of ids, and of its exports.
const NAME_FIELDS_OF_AUDIT_LOG: &[&str] = &["ID", "UserId", "UserIds", "UserKey"];
/// The same of Google, where `name` is what an event and a parameter are called.
const NAME_FIELDS_OF_GOOGLE: &[&str] = &["email", "principalEmail"];
/// The operation of the audit log.
const OPERATION: &str = "UserLoginFailed";
/// The event of Google's login log.
const EVENT: &str = "login_failure";

/// Actions of Slack and GitHub.
const ACTIONS: [&str; 2] = ["user_login_failed", "user.failed_login"];
/// Types of Auth0 (`auth0/kinds.rs`).
const CODES: [&str; 9] = ["f", "fc", "fcoa", "fens", "fp", "fu", "limit_wc", "pwd_leak", "signup_pwd_leak"];
/// Numbers of OneLogin (`onelogin/kinds.rs`).
const NUMBERS: [&str; 6] = ["6", "69", "86", "123", "141", "154"];
/// Tags of Dropbox.
const TAGS: [&str; 2] = ["login_fail", "sso_error"];
/// How Salesforce says that a login was none of these.
const SUCCESSES: [&str; 2] = ["LOGIN_NO_ERROR", "Success"];

wire_struct! {
    /// What the providers say it with.
    Facts<'a> {
        action: Text<'a> = "action",
        code: Text<'a> = "type",
        number: Text<'a> = "event_type_id",
        event_type: Tag<'a> = "event_type",
        login_key: Text<'a> = "LOGIN_KEY" | "LoginKey",
        login_status: Text<'a> = "LOGIN_STATUS" | "Status",
        operation: Text<'a> = "Operation" | "Operations",
        events: List<Named<'a>> = "events" | "event",
        entry: Proto<'a> = "protoPayload",
        data: Inner<'a> = "data" | "detail",
        payload: Login<'a> = "payload",
    }
}

wire_struct! {
    /// Google's entry of Cloud Logging.
    Proto<'a> { metadata: Metadata<'a> = "metadata" }
}

wire_struct! {
    /// What an entry says beside who and when.
    Metadata<'a> { events: List<Named<'a>> = "event" }
}

wire_struct! {
    /// One event of a Google activity.
    Named<'a> { name: Text<'a> = "name" | "eventName" }
}

wire_struct! {
    /// Dropbox's union.
    Tag<'a> { tag: Text<'a> = ".tag" | "_tag" }
}

wire_struct! {
    /// What a stream wraps.
    Inner<'a> {
        code: Text<'a> = "type",
        payload: Login<'a> = "payload",
    }
}

wire_struct! {
    /// A login of Salesforce.
    Login<'a> {
        key: Text<'a> = "LoginKey",
        status: Text<'a> = "Status",
    }
}

/// The keys under which an event that says that a login failed holds what was typed; none for every other event.
pub(crate) fn name_fields(element: &[u8]) -> &'static [&'static str] {
    let facts: Facts<'_> = fields::read(element).unwrap_or_default();
    if *facts.operation == *OPERATION {
        return NAME_FIELDS_OF_AUDIT_LOG;
    }
    if facts.events.iter().chain(facts.entry.metadata.events.iter()).any(|event| *event.name == *EVENT) {
        return NAME_FIELDS_OF_GOOGLE;
    }
    let has_status = |key: &str, status: &str| !key.is_empty() && !SUCCESSES.contains(&status);
    let has_failed = ACTIONS.contains(&&*facts.action)
        || CODES.contains(&&*facts.code)
        || CODES.contains(&&*facts.data.code)
        || NUMBERS.contains(&&*facts.number)
        || TAGS.contains(&&*facts.event_type.tag)
        || has_status(&facts.login_key, &facts.login_status)
        || has_status(&facts.payload.key, &facts.payload.status)
        || has_status(&facts.data.payload.key, &facts.data.payload.status);
    if has_failed { NAME_FIELDS } else { &[] }
}
