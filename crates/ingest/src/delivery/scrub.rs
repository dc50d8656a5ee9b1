//! Takes known secrets and typed passwords out of what goes to the dead letters.
//!
//! A dead letter keeps the event's text, so that it can be put through again after a repair. Some of that text may be kept nowhere: a
//! password typed into the name field of a login that failed, client secrets, what stands behind the question mark of a URL (state
//! tokens). In JSON these can be found by their place, and the rest keeps its shape. In anything else nobody can say which text is a
//! secret (a lost quote turns the text inside out), so every word that is not the name of a known field is masked, and the letter
//! cannot be put through again.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{EVENT_BYTES_MAX, failed_login::name_fields};
use crate::parse::{
    fields::{self, Key, Text, wire_struct},
    text::is_email_like,
};

/// How much of the text of an element that is larger than an event may be is kept.
pub const TEXT_OF_TOO_LARGE_BYTES_MAX: usize = 4 * 1024;

/// What stands for a masked text.
const MASK: &str = "***";

/// Fields whose value is a secret wherever they stand, in lower case, without `_` and `-`.
const SECRET_FIELDS: [&str; 12] = [
    "accesstoken",
    "apikey",
    "authorization",
    "clientsecret",
    "idtoken",
    "password",
    "refreshtoken",
    "secret",
    "secrettext",
    "sessiontoken",
    "statetoken",
    "token",
];

/// Fields that hold what somebody typed as their name, or a copy of it.
const TYPED_FIELDS: [&str; 5] =
    ["userPrincipalName", "signInIdentifier", "alternateSignInName", "userDisplayName", "identity"];

/// From this length on, a typed name is looked for inside other texts too; a shorter one would be found everywhere.
const TYPED_NAME_BYTES_MIN: usize = 6;

/// Words that are kept in text that is not JSON: names of fields, and what JSON itself says.
const KNOWN_WORDS: [&str; 40] = [
    "actor",
    "activityDateTime",
    "activityDisplayName",
    "alternateId",
    "appDisplayName",
    "appId",
    "authenticationContext",
    "category",
    "client",
    "correlationId",
    "createdDateTime",
    "data",
    "debugContext",
    "debugData",
    "detailEntry",
    "displayName",
    "eventType",
    "events",
    "false",
    "geographicalContext",
    "id",
    "initiatedBy",
    "ipAddress",
    "modifiedProperties",
    "null",
    "operationName",
    "outcome",
    "properties",
    "published",
    "reason",
    "records",
    "result",
    "securityContext",
    "target",
    "targetResources",
    "time",
    "transaction",
    "true",
    "type",
    "uuid",
];

/// What may be kept of a rejected element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrubbed {
    /// The text less secrets, perhaps cut.
    pub text: String,
    /// Is it still the event, so that it can be put through again?
    pub is_redrivable: bool,
}

/// Scrubs an element. `secrets`: texts that are known to be secret, such as the connection's own.
#[must_use]
pub fn scrub(bytes: &[u8], secrets: &[&str]) -> Scrubbed {
    let is_too_large = bytes.len() > EVENT_BYTES_MAX;
    let facts: Facts<'_> = fields::read(bytes).unwrap_or_default();
    if let Some(mut text) = scrubbed_json(bytes, &facts, secrets) {
        if is_too_large {
            text.truncate(text.floor_char_boundary(TEXT_OF_TOO_LARGE_BYTES_MAX));
        }
        return Scrubbed { text, is_redrivable: !is_too_large };
    }
    let kept = if is_too_large { bytes.get(..TEXT_OF_TOO_LARGE_BYTES_MAX).unwrap_or(bytes) } else { bytes };
    let mut text = masked_words(&String::from_utf8_lossy(kept));
    // A mask is longer than a word of one letter.
    text.truncate(text.floor_char_boundary(if is_too_large { TEXT_OF_TOO_LARGE_BYTES_MAX } else { EVENT_BYTES_MAX }));
    Scrubbed { text, is_redrivable: false }
}

wire_struct! {
    /// What decides which texts are secret.
    Facts<'a> {
        event_type: Text<'a> = "eventType",
        outcome: Ended<'a> = "outcome",
        actor: Actor<'a> = "actor",
        result_type: Text<'a> = "resultType" | "resulttype",
    }
}

wire_struct! {
    /// Okta's outcome.
    Ended<'a> { result: Text<'a> = "result" }
}

wire_struct! {
    /// Okta's actor.
    Actor<'a> { kind: Text<'a> = "type", name: Text<'a> = "alternateId" }
}

impl Facts<'_> {
    /// Did it surely succeed, so that the names in it are names?
    fn is_success(&self) -> bool {
        matches!(&*self.outcome.result, "SUCCESS" | "ALLOW") || matches!(&*self.result_type, "0" | "Success")
    }

    /// What was typed as a name and may be a password; empty when nothing was.
    fn typed_name(&self) -> &str {
        let is_person = &*self.actor.kind != "PublicClientApp";
        if is_person && !self.is_success() && !is_email_like(&self.actor.name) { &self.actor.name } else { "" }
    }

    fn is_about_credentials(&self) -> bool {
        self.event_type.contains("credential")
    }
}

/// Where in the event a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Elsewhere,
    Actor,
    Target,
    Secret,
    /// A text that holds an event of its own.
    Event,
}

/// Copies one JSON value to `out`, scrubbed.
struct Copier<'s> {
    out: &'s mut Vec<u8>,
    facts: &'s Facts<'s>,
    secrets: &'s [&'s str],
    /// Keys of what was typed at a login that failed.
    name_fields: &'static [&'static str],
    place: Place,
    is_typed: bool,
}

fn scrubbed_json(bytes: &[u8], facts: &Facts<'_>, secrets: &[&str]) -> Option<String> {
    let secrets = if is_free_of(secrets, bytes) { &[] } else { secrets };
    let mut out = Vec::with_capacity(bytes.len());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let name_fields = name_fields(bytes);
    let copier = Copier { out: &mut out, facts, secrets, name_fields, place: Place::Elsewhere, is_typed: false };
    copier.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    String::from_utf8(out).ok()
}

/// Does an element surely hold no secret in any of its texts? One look at all of it, instead of one at each text: without an escape, the texts
/// stand in it as they are.
fn is_free_of(secrets: &[&str], bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\\'));
    text.is_some_and(|text| secrets.iter().all(|secret| secret.is_empty() || !text.contains(secret)))
}

impl Copier<'_> {
    fn child(&mut self, place: Place, is_typed: bool) -> Copier<'_> {
        let (facts, secrets, name_fields) = (self.facts, self.secrets, self.name_fields);
        Copier { out: self.out, facts, secrets, name_fields, place, is_typed }
    }

    /// Where the value of a member stands, and whether it is a typed name.
    fn member(&self, key: &str) -> (Place, bool) {
        let plain = || key.bytes().filter(|byte| !matches!(byte, b'_' | b'-')).map(|byte| byte.to_ascii_lowercase());
        let is_secret = self.place == Place::Secret || SECRET_FIELDS.iter().any(|field| field.bytes().eq(plain()));
        let is_person = match self.place {
            Place::Actor => &*self.facts.actor.kind != "PublicClientApp",
            Place::Target => true,
            Place::Elsewhere | Place::Secret | Place::Event => false,
        };
        let is_typed = (key == "alternateId" && is_person) || TYPED_FIELDS.contains(&key);
        let place = match key {
            _ if is_secret => Place::Secret,
            "detailEntry" if self.facts.is_about_credentials() => Place::Secret,
            "actor" => Place::Actor,
            "target" => Place::Target,
            "AuditData" => Place::Event,
            _ => Place::Elsewhere,
        };
        let is_name = self.name_fields.contains(&key);
        (place, is_name || (is_typed && !self.facts.is_success()))
    }

    fn write(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    fn write_quoted<E: Error>(&mut self, text: &str) -> Result<(), E> {
        serde_json::to_writer(&mut *self.out, text).map_err(E::custom)
    }

    fn write_text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if self.place == Place::Event {
            // Each quote inside of a text inside of a text costs twice as many bytes: this ends after a few steps.
            return self.write_quoted(&scrubbed_event(text, self.secrets));
        }
        let is_masked = self.place == Place::Secret || (self.is_typed && !is_plain_id(text) && !is_email_like(text));
        let typed = self.facts.typed_name();
        let is_copy = !typed.is_empty() && text == typed;
        let text = if is_masked || is_copy {
            Cow::Borrowed(MASK)
        } else if typed.len() >= TYPED_NAME_BYTES_MIN {
            Cow::Owned(without_secrets(&without_query(text).replace(typed, MASK), self.secrets).into_owned())
        } else {
            without_secrets(without_query(text), self.secrets)
        };
        self.write_quoted(&text)
    }

    fn write_scalar<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if self.place == Place::Secret {
            return self.write_text(text);
        }
        self.write(text);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Copier<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copier<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.write(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.write_scalar(&value.to_string())
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.write_scalar(&value.to_string())
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.write_scalar(&value.to_string())
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.write("null");
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.write_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.write("[");
        let (place, is_typed, start) = (self.place, self.is_typed, self.out.len());
        while seq.next_element_seed(Separated(self.child(place, is_typed), start))?.is_some() {}
        self.write("]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.write("{");
        let mut separator = "";
        while let Some(Key(key)) = map.next_key()? {
            let (place, is_typed) = self.member(&key);
            self.write(std::mem::replace(&mut separator, ","));
            self.write_quoted(&without_secrets(&key, self.secrets))?;
            self.write(":");
            map.next_value_seed(self.child(place, is_typed))?;
        }
        self.write("}");
        Ok(())
    }
}

/// An element of a list: a comma before it, unless it is the first, which begins at this length.
struct Separated<'s>(Copier<'s>, usize);

impl<'de> DeserializeSeed<'de> for Separated<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if self.0.out.len() > self.1 {
            self.0.write(",");
        }
        self.0.deserialize(deserializer)
    }
}

/// What may be kept of the event that a text holds.
fn scrubbed_event(text: &str, secrets: &[&str]) -> String {
    let facts: Facts<'_> = fields::read_text(text).unwrap_or_default();
    scrubbed_json(text.as_bytes(), &facts, secrets).unwrap_or_else(|| masked_words(text))
}

/// A text that says nothing, or a GUID: what a directory gives, and nobody types.
fn is_plain_id(text: &str) -> bool {
    text.is_empty() || (text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
}

/// A URL or path less its query and fragment.
fn without_query(text: &str) -> &str {
    let is_url = text.starts_with('/') || text.contains("://");
    match text.find(['?', '#']) {
        Some(at) if is_url => text.get(..at).unwrap_or_default(),
        _ => text,
    }
}

fn without_secrets<'t>(text: &'t str, secrets: &[&str]) -> Cow<'t, str> {
    let known = secrets.iter().filter(|secret| !secret.is_empty());
    known.fold(
        Cow::Borrowed(text),
        |text, secret| {
            if text.contains(secret) { Cow::Owned(text.replace(*secret, MASK)) } else { text }
        },
    )
}

/// The text with every word masked that is not the name of a known field.
fn masked_words(text: &str) -> String {
    let is_structure = |c: char| matches!(c, '{' | '}' | '[' | ']' | ':' | ',' | '"') || c.is_ascii_whitespace();
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let structure = rest.find(|c| !is_structure(c)).unwrap_or(rest.len());
        let (kept, after) = rest.split_at(structure);
        let word = after.find(is_structure).unwrap_or(after.len());
        let (word, after) = after.split_at(word);
        masked.push_str(kept);
        masked.push_str(if word.is_empty() || KNOWN_WORDS.contains(&word) { word } else { MASK });
        rest = after;
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let scrubbed = scrub(text.as_bytes(), &["s3cr3t"]);
        assert!(scrubbed.is_redrivable, "{text}");
        scrubbed.text
    }

    #[test]
    fn a_typed_password_is_masked_and_an_address_is_kept() {
        let login = |typed: &str, result: &str| {
            format!(r#"{{"actor":{{"alternateId":"{typed}","type":"User"}},"outcome":{{"result":"{result}"}}}}"#)
        };
        for (typed, result, kept) in [
            ("hunter2", "FAILURE", MASK),
            ("hunter2", "", MASK),
            ("ann@example.com", "FAILURE", "ann@example.com"),
            ("svc-backup", "SUCCESS", "svc-backup"),
        ] {
            assert_eq!(check(&login(typed, result)), login(kept, result));
        }
        assert_eq!(
            check(r#"{"resultType":"50126","properties":{"signInIdentifier":"hunter2"}}"#),
            r#"{"resultType":"50126","properties":{"signInIdentifier":"***"}}"#
        );
    }

    #[test]
    fn what_was_typed_is_masked_in_each_providers_failed_login_and_kept_in_a_good_one() {
        for (event, failed, good) in [
            (
                r#"{"action":"WHAT","actor":{"user":{"id":"","name":"WHO","email":"WHO"}}}"#,
                "user_login_failed",
                "user_login",
            ),
            (r#"{"action":"WHAT","actor":"WHO","user":"WHO"}"#, "user.failed_login", "user.login"),
            (r#"{"data":{"type":"WHAT","user_name":"WHO","description":"no such user: WHO"}}"#, "fu", "s"),
            (r#"{"type":"WHAT","user_name":"WHO"}"#, "fp", "s"),
            (r#"{"event_type_id":"WHAT","user_name":"WHO"}"#, "6", "5"),
            (
                r#"{"event_type":{".tag":"WHAT"},"context":{"email":"WHO","display_name":"WHO"}}"#,
                "login_fail",
                "login_success",
            ),
            (
                r#"{"LOGIN_KEY":"k","LOGIN_STATUS":"WHAT","USER_NAME":"WHO"}"#,
                "LOGIN_ERROR_INVALID_PASSWORD",
                "LOGIN_NO_ERROR",
            ),
            (
                r#"{"data":{"payload":{"LoginKey":"k","Status":"WHAT","Username":"WHO"}}}"#,
                "Invalid Password",
                "Success",
            ),
            (
                r#"{"Operation":"WHAT","UserId":"WHO","Actor":[{"ID":"WHO","Type":5}]}"#,
                "UserLoginFailed",
                "UserLoggedIn",
            ),
            (
                r#"{"Operations":"WHAT","UserIds":"WHO","AuditData":"{\"Operation\":\"WHAT\",\"UserId\":\"WHO\"}"}"#,
                "UserLoginFailed",
                "UserLoggedIn",
            ),
            (r#"{"actor":{"email":"WHO"},"events":[{"name":"WHAT"}]}"#, "login_failure", "login_success"),
            (
                r#"{"protoPayload":{"authenticationInfo":{"principalEmail":"WHO"},"metadata":{"event":[{"eventName":"WHAT"}]}}}"#,
                "login_failure",
                "login_success",
            ),
        ] {
            let event = event.replace("WHO", "hunter2");
            let (failed, good) = (check(&event.replace("WHAT", failed)), check(&event.replace("WHAT", good)));
            assert!(!failed.contains("hunter2") && failed.contains(MASK), "{failed}");
            assert!(good.contains("hunter2"), "{good}");
        }
        let kept = r#"{"action":"user_login_failed","actor":{"user":{"email":"ann@example.com"}}}"#;
        assert_eq!(check(kept), kept);
    }

    #[test]
    fn the_ids_of_a_directory_are_kept_and_a_text_that_holds_no_event_is_masked() {
        let of = |id: &str| format!(r#"{{"Operation":"UserLoginFailed","Actor":[{{"ID":"{id}","Type":0}}]}}"#);
        let id = "44444444-2222-4333-8444-555555555555";
        assert_eq!(check(&of(id)), of(id));
        assert_eq!(check(&of("44444444 2222 4333 8444 555555555555")), of(MASK));
        assert_eq!(check(r#"{"AuditData":"UserId: hunter2"}"#), r#"{"AuditData":"***: ***"}"#);
        assert_eq!(
            check(r#"{"AuditData":"{\"clientSecret\":\"x\"}"}"#),
            r#"{"AuditData":"{\"clientSecret\":\"***\"}"}"#
        );
    }

    #[test]
    fn a_copy_of_the_typed_name_is_masked_wherever_it_stands() {
        let login = |name: &str| {
            format!(
                r#"{{"actor":{{"alternateId":"{name}","displayName":"{name}","type":"User"}},"debug":{{"a":["user={name};"]}}}}"#
            )
        };
        assert_eq!(check(&login("hunter2")), login(MASK));
        assert_eq!(check(&login("ann@example.com")), login("ann@example.com"));
    }

    #[test]
    fn secrets_are_masked_by_field_by_place_and_by_value() {
        for (text, expected) in [
            (
                r#"{"a":{"clientSecret":"x","clientsecret":["y",1,{"z":"w"}]}}"#,
                r#"{"a":{"clientSecret":"***","clientsecret":["***","***",{"z":"***"}]}}"#,
            ),
            (
                r#"{"eventType":"app.oauth2.credentials.lifecycle.create","target":[{"id":"1","detailEntry":{"v":"x"}}]}"#,
                r#"{"eventType":"app.oauth2.credentials.lifecycle.create","target":[{"id":"1","detailEntry":{"v":"***"}}]}"#,
            ),
            (
                r#"{"url":"/login?stateToken=02.id","redirectUri":"https://x.example/cb?code=1#f"}"#,
                r#"{"url":"/login","redirectUri":"https://x.example/cb"}"#,
            ),
            (r#"{"note":"has s3cr3t inside","why?":"no url?"}"#, r#"{"note":"has *** inside","why?":"no url?"}"#),
            (r#"{"has s3cr3t":1}"#, r#"{"has ***":1}"#),
            (r#"{"note":"s3\u0063r3t"}"#, r#"{"note":"***"}"#),
            (r#"{"s3\u0063r3t":1}"#, r#"{"***":1}"#),
            (r#"{"AuditData":"{\"note\":\"s3\\u0063r3t, s3cr3t\"}"}"#, r#"{"AuditData":"{\"note\":\"***, ***\"}"}"#),
            (r#"[1,-2,2.5,true,null,"",[],{}]"#, r#"[1,-2,2.5,true,null,"",[],{}]"#),
        ] {
            assert_eq!(check(text), expected);
        }
    }

    #[test]
    fn a_secret_that_json_has_to_escape_is_masked() {
        for secret in ["two\"halves", "back\\slash", "tab\there"] {
            let text = serde_json::json!({ "note": format!("has {secret} inside") }).to_string();
            assert_eq!(scrub(text.as_bytes(), &[secret]).text, r#"{"note":"has *** inside"}"#);
        }
    }

    #[test]
    fn of_text_that_is_not_json_only_known_words_are_kept() {
        let scrubbed = scrub(br#"{"uuid":"1","actor":{"alternateId":"hunter2,"type":"User"}"#, &[]);
        assert_eq!(scrubbed.text, r#"{"uuid":"***","actor":{"alternateId":"***,"type":"***"}"#);
        assert!(!scrubbed.is_redrivable);
        assert!(!scrub(b"\xff\xfe hunter2", &[]).text.contains("hunter2"));
    }

    #[test]
    fn section_5_2_the_first_4_kib_of_what_is_too_large_are_kept() {
        assert_eq!(TEXT_OF_TOO_LARGE_BYTES_MAX, 4 << 10);
        for text in [format!("[\"{}\"]", "ä".repeat(EVENT_BYTES_MAX)), "{ x ".repeat(EVENT_BYTES_MAX)] {
            let scrubbed = scrub(text.as_bytes(), &[]);
            assert!(scrubbed.text.len() <= TEXT_OF_TOO_LARGE_BYTES_MAX && !scrubbed.text.is_empty());
            assert!(!scrubbed.is_redrivable);
        }
    }
}
