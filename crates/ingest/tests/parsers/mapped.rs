//! The four mappings that ship (deploy/config/mappings), each on a fixture of its own: what comes out, field by field.

use std::path::{Path, PathBuf};

use event::Source;
use ingest::{
    parse::{Mapping, ParseContext},
    read_mapping,
};
use serde_json::{Value, json};

use crate::check::{Got, context, parse_all};

/// A mapping that ships.
pub(crate) fn shipped(name: &str) -> Mapping {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../deploy/config/mappings/{name}.toml"));
    read_mapping(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// A fixture of a mapped source.
pub(crate) fn body(name: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mapped").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything that becomes of a body under a mapping.
pub(crate) fn parsed(mapping: &Mapping, body: &[u8]) -> Vec<Got> {
    parse_all(Source::Mapped, body, &ParseContext { mapping: Some(mapping), ..context() })
}

/// Every field of the event that is not empty, and those that are expected besides: nothing else is filled.
fn check(got: &Got, expected: Value) {
    let Got::Event(event, _) = got else { panic!("no event but {got:?}") };
    let expected = expected.as_object().unwrap();
    let always = ["event_id", "user_key", "actor_key", "received_at", "source", "tenant", "connection", "app_ref"];
    for (name, value) in event.as_object().unwrap() {
        let is_empty = value == "" || value.is_null() || value == &json!([]) || value == &json!(false);
        match expected.get(name) {
            Some(wanted) => assert_eq!(value, wanted, "{name}"),
            None if always.contains(&name.as_str()) || is_empty || value == "unknown" => {}
            None => panic!("{name} is {value}, and was not expected"),
        }
    }
    assert_eq!(event["source"], "mapped");
}

#[test]
fn every_mapping_that_ships_is_run_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/mappings");
    let mut files: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, ["browser_extension.toml", "card_statement.toml", "jumpcloud.toml", "push_security.toml"]);
    for file in files {
        let name = file.trim_end_matches(".toml");
        assert!(!shipped(name).name().is_empty());
    }
}

#[test]
fn push_security_sign_ins_and_accounts_are_read() {
    let got = parsed(&shipped("push_security"), &body("push_security.ndjson"));
    assert_eq!(got.len(), 5);
    check(
        &got[0],
        json!({
            "kind": "sso", "stream": "audit", "native_type": "LOGIN", "actor_type": "user", "outcome": "unknown",
            "native_id": "7d1f0000-0000-4000-8000-000000000001.LOGIN.acc-1.1772358000",
            "occurred_at": "2026-03-01T09:30:00.000Z",
            "user_email": "ann@acme.example.com",
            "app_id_kind": "object_id", "app_native_id": "push_security/contentful", "app_name": "CONTENTFUL",
            "app_object_id": "app-1", "auth_method": "PASSWORD_LOGIN",
            "ip": "203.0.113.7", "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/140.0",
            "ua_os": "WINDOWS", "ua_browser": "EDGE",
        }),
    );
    assert_eq!(got[0].text("app_ref"), "mapped:object_id:push_security/contentful");
    check(
        &got[1],
        json!({
            "kind": "app_assigned", "stream": "audit", "native_type": "ACCOUNT.CREATE", "actor_type": "user",
            "native_id": "7d1f0000-0000-4000-8000-000000000002.ACCOUNT.CREATE.acc-2.1772357401",
            "occurred_at": "2026-03-01T09:30:01.000Z",
            "user_email": "ann@acme.example.com",
            "app_id_kind": "object_id", "app_native_id": "push_security/notion", "app_name": "NOTION",
            "app_object_id": "app-2",
        }),
    );
    assert_eq!(got[2], Got::Ignored("FINDING.CREATE".to_owned()));
    assert_eq!((got[3].meaning().as_str(), got[3].text("outcome_reason")), ("other unknown", "DISPLAYED"));
    assert_eq!(got[3].text("user_email"), "ben@acme.example.com");
    assert_eq!(got[4], Got::Rejected("missing_field".to_owned(), "time".to_owned()));
}

#[test]
fn a_card_statement_tells_who_pays_whom() {
    let got = parsed(&shipped("card_statement"), &body("card_statement.csv"));
    assert_eq!(got.len(), 5);
    check(
        &got[0],
        json!({
            "kind": "token_use", "native_type": "Software", "actor_type": "user", "outcome": "success",
            "native_id": "4711.R-1", "occurred_at": "2026-02-28T23:00:00.000Z",
            "user_email": "ann@acme.example.com",
            "app_id_kind": "object_id", "app_native_id": "card/notion labs, inc.", "app_name": "NOTION  LABS, Inc.",
            "auth_method": "company card", "country": "US",
        }),
    );
    check(
        &got[1],
        json!({
            "kind": "oauth_denied", "native_type": "Software", "actor_type": "user", "outcome": "denied",
            "native_id": "4711.R-2", "occurred_at": "2026-03-01T23:00:00.000Z",
            "user_email": "ann@acme.example.com",
            "app_id_kind": "object_id", "app_native_id": "card/canva; pty ltd", "app_name": "Canva; Pty Ltd",
            "auth_method": "company card", "country": "AU",
        }),
    );
    assert_eq!(got[2], Got::Ignored("Restaurants.Settled".to_owned()));
    assert_eq!(got[3], Got::Rejected("bad_time".to_owned(), "time".to_owned()), "31 February");
    assert_eq!(got[4].meaning(), "rejected bad_field", "a row that ends too early");
}

#[test]
fn jumpcloud_sign_ons_are_read_and_a_typed_name_is_not_kept() {
    let got = parsed(&shipped("jumpcloud"), &body("jumpcloud.json"));
    assert_eq!(got.len(), 3);
    check(
        &got[0],
        json!({
            "kind": "sso", "native_type": "sso_auth", "actor_type": "user", "outcome": "success",
            "native_id": "65f100000000000000000001", "provider_tenant": "5f0000000000000000000001",
            "occurred_at": "2026-03-01T09:30:00.123Z",
            "user_email": "ann@acme.example.com",
            "app_id_kind": "app_id", "app_native_id": "jumpcloud/61b200000000000000000001",
            "app_name": "Slack (Production)", "app_kind": "saml",
            "auth_method": "session", "is_mfa": true, "ip": "203.0.113.7", "country": "DE", "city": "Berlin",
            "user_agent": "Chrome", "ua_os": "Mac OS X",
        }),
    );
    check(
        &got[1],
        json!({
            "kind": "login_failure", "native_type": "user_login_attempt", "actor_type": "user", "outcome": "failure",
            "native_id": "65f100000000000000000002", "provider_tenant": "5f0000000000000000000001",
            "occurred_at": "2026-03-01T09:31:00.000Z", "outcome_reason": "invalid credentials",
            "app_id_kind": "none", "ip": "203.0.113.9", "parse_warnings": ["person_missing"],
        }),
    );
    assert!(!format!("{:?}", got[1]).contains("hunter2"));
    assert_eq!(got[2], Got::Ignored("association_change.true".to_owned()));
    // The organisation in the payload is compared with the connection's.
    let mapping = shipped("jumpcloud");
    let other = ParseContext { mapping: Some(&mapping), provider_tenant: Some("other"), ..context() };
    assert_eq!(parse_all(Source::Mapped, &body("jumpcloud.json"), &other)[0].meaning(), "rejected wrong_tenant");
}

#[test]
fn a_browser_extension_tells_where_people_were_and_nothing_behind_the_host() {
    let got = parsed(&shipped("browser_extension"), &body("browser_extension.ndjson"));
    assert_eq!(got.len(), 5);
    check(
        &got[0],
        json!({
            "kind": "sso", "native_type": "login", "actor_type": "user", "outcome": "success",
            "occurred_at": "2026-03-01T09:30:00.123Z",
            "user_email": "ann@acme.example.com",
            "app_id_kind": "client_id", "app_native_id": "app.notion.so", "app_name": "Log in",
            "auth_method": "password", "ip": "203.0.113.7", "country": "DE", "ua_os": "macOS", "ua_browser": "Firefox",
            "parse_warnings": ["no_native_id"],
        }),
    );
    assert!(!format!("{got:?}").contains("s3cret"));
    check(
        &got[1],
        json!({
            "kind": "oauth_grant", "native_type": "oauth_consent", "actor_type": "user", "outcome": "success",
            "occurred_at": "2026-03-01T09:30:01.000Z",
            "app_id_kind": "client_id", "app_native_id": "tool.example-app.io", "app_name": "Allow access",
            "scopes": ["Mail.Read", "offline_access", "openid"], "ua_browser": "Chrome",
            "parse_warnings": ["no_native_id", "unknown_country"],
        }),
    );
    assert!(got[1].field("user_key").is_string(), "a person without address is known by the source's id");
    assert_eq!(got[2].list("parse_warnings"), ["no_native_id", "app_missing"], "a page of the browser is no app");
    assert_eq!(got[3], Got::Ignored("heartbeat".to_owned()));
    assert_eq!(got[4].meaning(), "rejected not_an_event", "a type that the mapping does not know, and rejects");
}
