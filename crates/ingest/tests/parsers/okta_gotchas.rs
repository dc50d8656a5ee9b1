//! Each numbered gotcha of Okta (formats.md, section 1) as a test.

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, set, without};
use event::Source;
use ingest::parse::ParseContext;
use serde_json::{Value, json};

fn okta(value: &Value) -> Got {
    parse_one(Source::Okta, value)
}

#[test]
fn okta_gotcha_1_target_may_be_null_empty_or_absent() {
    for event in [
        edited("okta/sso", &[("/target", Value::Null)]),
        edited("okta/sso", &[("/target", json!([]))]),
        without(fixture("okta/sso"), "/target"),
    ] {
        let got = okta(&event);
        assert_eq!(got.meaning(), "sso success");
        assert_eq!((got.text("app_native_id"), got.list("parse_warnings")), ("", vec!["app_missing"]));
        assert_eq!(got.text("user_email"), "ann@acme.example.com");
    }
}

#[test]
fn okta_gotcha_1_the_order_of_targets_is_not_fixed() {
    let original = fixture("okta/membership");
    let targets = original["target"].as_array().unwrap().clone();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let reordered: Vec<Value> = order.iter().map(|index| targets[*index].clone()).collect();
        let got = okta(&edited("okta/membership", &[("/target", json!(reordered))]));
        assert_eq!(got.meaning(), "app_assigned success");
        assert_eq!(got.text("app_native_id"), "0oaboard00000000001");
        assert_eq!(
            (got.text("user_email"), got.text("actor_email")),
            ("bob@acme.example.com", "it-admin@acme.example.com")
        );
        assert_eq!(got.text("actor_type"), "admin");
    }
}

#[test]
fn okta_gotcha_2_the_text_null_is_missing() {
    let got = okta(&edited("okta/sso", &[("/client/ipAddress", json!("null")), ("/request/ipChain", Value::Null)]));
    assert_eq!((got.text("ip"), got.list("parse_warnings")), ("", vec![]));
    let got = okta(&edited("okta/sso", &[("/client/ipAddress", json!("null"))]));
    assert_eq!(got.text("ip"), "203.0.113.7", "the chain of addresses is the fallback");
    let session = [
        ("/authenticationContext/externalSessionId", json!("unknown")),
        ("/authenticationContext/rootSessionId", Value::Null),
    ];
    assert_eq!(okta(&edited("okta/sso", &session)).text("session_id"), "");
}

#[test]
fn okta_gotcha_3_client_and_its_parts_may_be_null() {
    let got = okta(&fixture("okta/job"));
    assert_eq!(got.meaning(), "app_assigned success");
    assert_eq!(
        (got.text("ip"), got.text("country"), got.text("user_agent"), got.text("actor_type")),
        ("", "", "", "system")
    );
    assert_eq!((got.text("user_email"), got.list("parse_warnings")), ("bob@acme.example.com", vec![]));
    let parts = [("/client/geographicalContext", Value::Null), ("/client/userAgent", Value::Null)];
    assert_eq!(okta(&edited("okta/sso", &parts)).text("ip"), "203.0.113.7");
}

#[test]
fn okta_gotcha_4_debug_data_is_an_open_map() {
    for value in
        [json!("{New IP=NEGATIVE}"), json!({"New IP": "NEGATIVE"}), json!(["New IP=NEGATIVE"]), json!(5), Value::Null]
    {
        let edits = [
            ("/debugContext/debugData/behaviors", value.clone()),
            ("/debugContext/debugData/logOnlySecurityData", value.clone()),
            ("/debugContext/debugData/originalPrincipal", value.clone()),
            ("/debugContext/debugData/signOnMode", value.clone()),
            ("/debugContext/debugData/grantedScopes", value),
        ];
        assert_eq!(okta(&edited("okta/sso", &edits)).meaning(), "sso success");
    }
}

#[test]
fn okta_gotcha_5_the_legacy_type_is_never_matched() {
    let legacy = json!("app.oauth2.as.consent.grant_success");
    let got = okta(&edited("okta/sso", &[("/eventType", legacy.clone())]));
    assert_eq!(got, Got::Ignored("app.oauth2.as.consent.grant_success".to_owned()));
    assert_eq!(okta(&edited("okta/sso", &[("/legacyEventType", legacy)])).text("kind"), "sso");
}

#[test]
fn okta_gotcha_6_a_consent_by_the_system_names_no_person_but_keeps_the_session() {
    let mut event = edited(
        "okta/consent",
        &[(
            "/actor",
            json!({"id": "sys", "type": "SystemPrincipal", "alternateId": "system@okta.com", "displayName": "Okta System"}),
        )],
    );
    for index in 0..3 {
        set(&mut event, &format!("/target/{index}/detailEntry/user"), Value::Null);
    }
    let got = okta(&event);
    assert_eq!((got.text("kind"), got.text("actor_type")), ("oauth_grant", "system"));
    assert_eq!(got.field("user_key"), &Value::Null, "the system is no person");
    assert_eq!((got.text("session_id"), got.list("parse_warnings")), ("idxSession0000000001", vec!["person_missing"]));
}

#[test]
fn okta_gotcha_7_a_typed_name_that_is_no_address_is_kept_nowhere() {
    let event = fixture("okta/login_failed");
    let got = okta(&event);
    assert_eq!(
        (got.meaning().as_str(), got.list("parse_warnings")),
        ("login_failure failure", vec!["typed_name_dropped", "person_missing"])
    );
    let Got::Event(printed, identities) = &got else { panic!() };
    assert_eq!((*identities, got.field("user_key")), (0, &Value::Null), "not even its hash");
    assert!(!printed.to_string().contains("correct-horse"));
    // With the id of a known account, the account is known and the typed name still goes nowhere.
    let got = okta(&edited("okta/login_failed", &[("/actor/id", json!("00uann0000000000001"))]));
    assert!(got.field("user_key").is_string() && !format!("{got:?}").contains("correct-horse"));
    // What looks like an address is one.
    let got = okta(&edited("okta/login_failed", &[("/actor/alternateId", json!("ann@acme.example.com"))]));
    assert_eq!((got.text("user_email"), got.list("parse_warnings")), ("ann@acme.example.com", vec![]));
}

#[test]
fn okta_gotcha_7_the_typed_name_is_not_in_the_dead_letter_either() {
    let event = without(fixture("okta/login_failed"), "/published");
    assert_eq!(okta(&event).meaning(), "rejected missing_field");
    for bytes in [event.to_string(), event.to_string().replace("\"type\":\"User\"", "\"type\":\"User")] {
        let scrubbed = ingest::delivery::scrub(bytes.as_bytes(), &[]);
        assert!(!scrubbed.text.contains("correct-horse"), "{}", scrubbed.text);
    }
}

#[test]
fn okta_gotcha_8_a_client_secret_is_neither_in_the_event_nor_in_the_dead_letter() {
    let event = edited(
        "okta/consent",
        &[
            ("/target/0/detailEntry/clientsecret", json!("s3cr3t-one")),
            ("/debugContext/debugData/clientSecret", json!("s3cr3t-two")),
        ],
    );
    assert!(!format!("{:?}", okta(&event)).contains("s3cr3t"));
    let credential = edited(
        "okta/consent",
        &[
            ("/eventType", json!("app.oauth2.credentials.lifecycle.create")),
            ("/target/0/detailEntry/material", json!("s3cr3t-three")),
        ],
    );
    assert!(matches!(okta(&credential), Got::Ignored(_)));
    for event in [event, credential] {
        assert!(!ingest::delivery::scrub(event.to_string().as_bytes(), &[]).text.contains("s3cr3t"));
    }
}

#[test]
fn okta_gotcha_9_odd_characters_in_a_login_are_no_other_person() {
    let plain = okta(&fixture("okta/sso"));
    let odd = okta(&edited("okta/sso", &[("/actor/alternateId", json!("ann@acme.example.com\\"))]));
    assert_eq!(odd.text("user_email"), "ann@acme.example.com");
    assert_eq!(odd.field("user_key"), plain.field("user_key"));
    let strange = okta(&edited("okta/sso", &[("/actor/alternateId", json!("a\\nn \"x\" ü"))]));
    assert!(strange.field("user_key").is_string());
}

#[test]
fn okta_gotcha_10_events_of_every_seen_size_are_read() {
    for bytes in [200, 4_200, 200_000] {
        let event = edited("okta/sso", &[("/displayMessage", json!("x".repeat(bytes)))]);
        assert_eq!(okta(&event).meaning(), "sso success", "{bytes}");
    }
}

#[test]
fn okta_a_hook_a_page_and_a_stream_give_the_same_event() {
    let event = fixture("okta/sso");
    let stream =
        json!({"version": "0", "source": "aws.partner/okta.com/acme/x", "detail-type": "SystemLog", "detail": event});
    let ids = |body: Value| -> Vec<String> {
        let mut context = context();
        context.provider_tenant = Some("acme.okta.com");
        parse_all(Source::Okta, body.to_string().as_bytes(), &context)
            .iter()
            .map(|got| got.text("event_id").to_owned())
            .collect()
    };
    let hook = ids(fixture("okta/hook"));
    assert_eq!(hook.len(), 2);
    assert_eq!(hook, ids(json!([event, fixture("okta/consent")])));
    assert_eq!(hook[..1], ids(stream));
}

#[test]
fn okta_the_tenant_is_the_host_of_the_hooks_source() {
    let hook = fixture("okta/hook").to_string();
    let got = parse_all(Source::Okta, hook.as_bytes(), &context());
    assert!(got.iter().all(|got| got.text("provider_tenant") == "acme.okta.com"));
    let mut other = context();
    other.provider_tenant = Some("other.okta.com");
    let got = parse_all(Source::Okta, hook.as_bytes(), &other);
    assert!(got.iter().all(|got| got.meaning() == "rejected wrong_tenant"), "{got:?}");
    other.provider_tenant = Some("ACME.okta.com");
    assert!(parse_all(Source::Okta, hook.as_bytes(), &other).iter().all(|got| matches!(got, Got::Event(..))));
}

#[test]
fn okta_event_bridge_names_the_org_by_its_subdomain() {
    let log = fixture("okta/sso");
    let envelope =
        |source: &str| json!({"version": "0", "id": "e1", "detail-type": "SystemLog", "source": source, "detail": log});
    let acme = envelope("aws.partner/okta.com/acme/siem");
    let with = |tenant: Option<&'static str>| ParseContext { provider_tenant: tenant, ..context() };
    let id = parse_all(Source::Okta, json!([log]).to_string().as_bytes(), &with(Some("acme.okta.com")))[0]
        .text("event_id")
        .to_owned();
    for body in [acme.to_string(), json!([acme, acme]).to_string(), format!("{acme}\n{acme}")] {
        for got in parse_all(Source::Okta, body.as_bytes(), &with(Some("acme.okta.com"))) {
            assert_eq!((got.meaning().as_str(), got.text("event_id")), ("sso success", id.as_str()), "{body}");
        }
    }
    for (tenant, source, expected) in [
        (Some("acme.oktapreview.com"), "aws.partner/okta.com/acme/siem", "sso success"),
        (Some("acme.okta.com"), "aws.partner/okta.com/umbrella/siem", "rejected wrong_tenant"),
        (Some("login.acme.example"), "aws.partner/okta.com/acme-prod/siem", "sso success"),
        (Some("acme.okta.com"), "a.relay.of.ours", "sso success"),
        (None, "aws.partner/okta.com/acme/siem", "sso success"),
    ] {
        let got = parse_all(Source::Okta, envelope(source).to_string().as_bytes(), &with(tenant));
        assert_eq!(got[0].meaning(), expected, "{tenant:?} {source}");
        let expected = tenant.unwrap_or("acme.okta.com");
        assert!(matches!(&got[0], Got::Rejected(..)) || got[0].text("provider_tenant") == expected);
    }
    // One of an array that is of another org, and one that is damaged, cost no other.
    let (other, text) = (envelope("aws.partner/okta.com/umbrella/siem"), acme.to_string());
    let body = format!("[{text},{other},{},{text}]", &text[..text.len() - 40]);
    let got: Vec<String> =
        parse_all(Source::Okta, body.as_bytes(), &with(Some("acme.okta.com"))).iter().map(Got::meaning).collect();
    assert_eq!(got, ["sso success", "rejected wrong_tenant", "rejected bad_json", "sso success"]);
}
