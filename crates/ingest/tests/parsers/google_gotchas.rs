//! Each numbered gotcha of Google Workspace (formats.md, section 2) as a test, and each shape in which an activity is delivered.

use std::collections::BTreeSet;

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn google(value: &Value) -> Got {
    parse_one(Source::GoogleWorkspace, value)
}

fn all(value: &Value) -> Vec<Got> {
    parse_all(Source::GoogleWorkspace, value.to_string().as_bytes(), &context())
}

fn ids(got: &[Got]) -> BTreeSet<String> {
    got.iter().map(|got| got.text("event_id").to_owned()).collect()
}

const CLIENT: &str = "123456789012-quorbitquorbitquorbitquorbit0001.apps.googleusercontent.com";
const DRIVE: &str = "https://www.googleapis.com/auth/drive.readonly";

#[test]
fn google_gotcha_1_time_and_qualifier_do_not_make_an_event() {
    let pair = [fixture("google/login"), fixture("google/login_verification"), fixture("google/login_failed")];
    assert_eq!(pair[0]["id"], pair[1]["id"], "one time and one qualifier");
    let got = all(&json!(pair));
    assert_eq!(ids(&got).len(), 3);
    assert!(got.iter().all(|got| got.text("native_id") == "700000000001"));
    let other_person = edited("google/login", &[("/actor/profileId", json!("100000000000000000002"))]);
    let other_app = edited("google/login", &[("/id/applicationName", json!("saml"))]);
    let other_time = edited("google/login", &[("/id/time", json!("2026-03-02T09:15:00.251Z"))]);
    let other_customer = edited("google/login", &[("/id/customerId", json!("C0other01"))]);
    assert_eq!(ids(&all(&json!([pair[0], other_person, other_app, other_time, other_customer]))).len(), 5);
}

#[test]
fn google_gotcha_1_the_qualifier_is_a_signed_number_and_the_etag_is_nothing() {
    for (qualifier, told) in [
        (json!("-9223372036854775808"), "-9223372036854775808"),
        (json!(-9_007_199_254_740_993_i64), "-9007199254740993"),
        (json!("9007199254740993"), "9007199254740993"),
    ] {
        let event = edited("google/authorize", &[("/id/uniqueQualifier", qualifier), ("/etag", json!("\"other\""))]);
        let got = google(&event);
        assert_eq!(got.text("native_id"), told);
        assert_eq!(got.text("event_id"), google(&without(event, "/etag")).text("event_id"));
    }
}

#[test]
fn google_gotcha_1_without_a_qualifier_the_content_is_the_id_and_says_so() {
    let event = without(fixture("google/saml"), "/id/uniqueQualifier");
    let got = google(&event);
    assert!(got.list("parse_warnings").contains(&"no_native_id"));
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    let again = parse_all(Source::GoogleWorkspace, pretty.as_bytes(), &context());
    assert_eq!(again[0].text("event_id"), got.text("event_id"));
    let several = without(fixture("google/several"), "/id/uniqueQualifier");
    let got: Vec<Got> = all(&several).into_iter().filter(|got| got.meaning() != "ignored").collect();
    assert_eq!(ids(&got).len(), 3);
}

#[test]
fn google_gotcha_2_each_event_of_an_activity_is_counted() {
    let got = all(&fixture("google/several"));
    let meanings: Vec<String> = got.iter().map(Got::meaning).collect();
    assert_eq!(meanings, ["policy_change success", "ignored", "oauth_revoke success", "oauth_revoke success"]);
    assert_eq!(got[1], Got::Ignored("CREATE_GROUP".to_owned()));
    let events: Vec<Got> = got.into_iter().filter(|got| got.meaning() != "ignored").collect();
    assert_eq!(ids(&events).len(), 3, "two people lost one app's tokens");
}

#[test]
fn google_gotcha_2_the_id_comes_from_the_event_and_not_from_its_place() {
    let mut turned = fixture("google/several");
    turned["events"].as_array_mut().unwrap().reverse();
    let of = |value: &Value| -> Vec<Got> { all(value).into_iter().filter(|got| got.meaning() != "ignored").collect() };
    assert_eq!(ids(&of(&turned)), ids(&of(&fixture("google/several"))));
    let alone = edited("google/several", &[("/events", json!([fixture("google/several")["events"][3]]))]);
    assert!(ids(&of(&fixture("google/several"))).is_superset(&ids(&of(&alone))));
    let mut twice = fixture("google/several");
    let last = twice["events"][3].clone();
    twice["events"].as_array_mut().unwrap().push(last);
    assert_eq!(ids(&of(&twice)).len(), 4, "what is told twice in one activity happened twice");
}

#[test]
fn google_gotcha_3_numbers_are_texts_or_numbers() {
    for (value, is_mfa) in [
        (json!({"name": "is_second_factor", "boolValue": true}), true),
        (json!({"name": "is_second_factor", "value": "true"}), true),
        (json!({"name": "is_second_factor", "boolValue": false}), false),
    ] {
        let event = edited("google/login_verification", &[("/events/0/parameters/3", value.clone())]);
        assert_eq!(google(&event).field("is_mfa"), &json!(is_mfa), "{value}");
    }
    for number in [json!("4096"), json!(4096)] {
        let mut event = edited("google/authorize", &[("/events/0/name", json!("activity"))]);
        let bytes = json!({"name": "num_response_bytes", "intValue": number});
        event["events"][0]["parameters"].as_array_mut().unwrap().push(bytes);
        assert_eq!(google(&event).meaning(), "token_use success");
    }
}

#[test]
fn google_gotcha_4_the_type_may_be_missing() {
    let got = google(&without(fixture("google/authorize"), "/events/0/type"));
    assert_eq!((got.meaning().as_str(), got.text("app_native_id")), ("oauth_grant success", CLIENT));
}

#[test]
fn google_gotcha_5_one_person_is_one_whatever_the_case() {
    let key = |email: &str| {
        google(&edited("google/authorize", &[("/actor/email", json!(email))])).text("user_key").to_owned()
    };
    assert_eq!(key("ANN@Acme.Example.COM"), key("ann@acme.example.com"));
    assert_ne!(key("ben@acme.example.com"), key("ann@acme.example.com"));
}

#[test]
fn google_gotcha_6_a_burst_of_revocations_is_nobodys_click() {
    let people = 1..=50;
    let burst: Vec<Value> = people
        .map(|number| {
            edited(
                "google/revoke",
                &[
                    ("/actor/profileId", json!(format!("1000000000000000{number:05}"))),
                    ("/actor/email", json!(format!("p{number}@acme.example.com"))),
                ],
            )
        })
        .collect();
    let got = all(&json!(burst));
    assert_eq!(ids(&got).len(), 50, "one instant and one qualifier, fifty events");
    for got in &got {
        assert_eq!((got.text("kind"), got.text("actor_type"), got.text("ip")), ("oauth_revoke", "unknown", ""));
        assert!(got.field("user_key").is_string(), "whose access ended is known");
    }
    let by_hand = google(&edited("google/revoke", &[("/ipAddress", json!("203.0.113.7"))]));
    assert_eq!(by_hand.text("actor_type"), "user");
}

#[test]
fn google_gotcha_7_domain_wide_delegation_is_read_from_the_admin_log() {
    let got = google(&fixture("google/delegation"));
    assert_eq!((got.meaning().as_str(), got.text("consent_type")), ("oauth_grant success", "tenant_wide"));
    assert_eq!(
        (got.text("app_native_id"), got.text("app_id_kind"), got.text("app_kind")),
        ("100000000000000000042", "client_id", "service")
    );
    let drive = "https://www.googleapis.com/auth/drive";
    assert_eq!(got.list("scopes"), [drive, "https://www.googleapis.com/auth/gmail.readonly"]);
    assert_eq!((got.text("actor_type"), got.text("user_email")), ("admin", "Ida.Admin@acme.example.com"));
    let removed = edited("google/delegation", &[("/events/0/name", json!("REMOVE_API_CLIENT_ACCESS"))]);
    assert_eq!(google(&removed).meaning(), "oauth_revoke success");
}

#[test]
fn google_gotcha_8_the_client_id_is_the_app_and_the_name_is_the_makers() {
    for name in ["Google Drive", "G\u{43e}\u{43e}gle", "Quorbit\u{202e}setoN", "\u{1f4dd} Notes"] {
        let got = google(&edited("google/authorize", &[("/events/0/parameters/1/value", json!(name))]));
        assert_eq!(
            (got.text("app_name"), got.text("app_native_id"), got.text("app_id_kind")),
            (name, CLIENT, "client_id")
        );
    }
    let mut nameless = fixture("google/authorize");
    nameless["events"][0]["parameters"].as_array_mut().unwrap().remove(0);
    let got = google(&nameless);
    assert_eq!((got.text("app_ref"), got.list("parse_warnings")), ("", vec!["app_missing"]), "a name is no app");
}

#[test]
fn google_gotcha_9_each_step_of_an_incremental_consent_is_a_grant() {
    let wider = edited(
        "google/authorize",
        &[
            ("/id/time", json!("2026-03-02T10:00:00.000Z")),
            ("/events/0/parameters/4/multiValue", json!([DRIVE, "openid", "https://mail.google.com/"])),
        ],
    );
    let got = all(&json!([fixture("google/authorize"), wider]));
    assert_eq!(ids(&got).len(), 2);
    assert_eq!((got[0].list("scopes").len(), got[1].list("scopes").len()), (2, 3));
    assert!(got.iter().all(|got| got.list("scopes_added").is_empty()), "what was held before is told nowhere");
}

#[test]
fn google_every_shape_of_an_activity_is_the_same_event() {
    let activity = fixture("google/authorize");
    let mut one_object = activity.clone();
    one_object["events"] = activity["events"][0].clone();
    let mut singular = without(activity.clone(), "/events");
    singular["event"] = activity["events"][0].clone();
    let shapes = [
        ("a list page", json!({"kind": "admin#reports#activities", "items": [activity]})),
        ("a single activity, as a push channel sends it", activity.clone()),
        ("an array", json!([activity])),
        ("events as one object", one_object),
        ("event in the singular", singular),
        ("spread and flat, as Panther writes it", fixture("google/spread")),
    ];
    let expected = google(&activity);
    for (shape, body) in shapes {
        let got = google(&body);
        for field in [
            "event_id",
            "kind",
            "stream",
            "occurred_at",
            "user_key",
            "app_ref",
            "app_name",
            "app_kind",
            "scopes",
            "ip",
            "provider_tenant",
        ] {
            assert_eq!(got.field(field), expected.field(field), "{shape}: {field}");
        }
    }
}

#[test]
fn google_an_empty_page_and_a_channels_first_message_are_no_dead_letters() {
    let page = json!({"kind": "admin#reports#activities", "etag": "\"x\""});
    assert_eq!(google(&page), Got::Ignored("admin#reports#activities".to_owned()));
    assert!(all(&json!({"kind": "admin#reports#activities", "items": []})).is_empty());
    assert!(parse_all(Source::GoogleWorkspace, b"", &context()).is_empty(), "the message `sync` has no body");
}

#[test]
fn google_a_profile_id_is_read_with_every_digit() {
    for (one, other) in [("111440584475724055600", "111440584475724055601"), ("-1", "-2")] {
        let key = |profile: &str| {
            let body = without(fixture("google/authorize"), "/actor/email").to_string();
            let body = body.replace("\"100000000000000000001\"", profile);
            parse_all(Source::GoogleWorkspace, body.as_bytes(), &context())[0].text("user_key").to_owned()
        };
        assert_ne!(key(one), key(other));
        assert_eq!(key(one), key(&format!("\"{one}\"")), "a text or a number");
    }
}

#[test]
fn google_what_makes_no_event_is_rejected_with_its_reason() {
    for (event, reason) in [
        (without(fixture("google/authorize"), "/id/time"), "rejected missing_field"),
        (edited("google/authorize", &[("/id/time", json!("2026-02-30T05:00:00Z"))]), "rejected bad_time"),
        (without(fixture("google/authorize"), "/id/applicationName"), "rejected not_an_event"),
        (without(fixture("google/authorize"), "/events"), "rejected not_an_event"),
        (json!({"id": 5, "actor": [], "events": [5], "ipAddress": {}}), "rejected not_an_event"),
        (json!({}), "rejected not_an_event"),
    ] {
        assert_eq!(google(&event).meaning(), reason, "{event}");
    }
    let odd = edited(
        "google/authorize",
        &[("/actor", json!("x")), ("/networkInfo", json!([1])), ("/ipAddress", json!({"x": 1}))],
    );
    assert_eq!(google(&odd).meaning(), "oauth_grant success", "what does not make the event costs nothing");
}

#[test]
fn google_the_tenant_is_the_customer_id() {
    for (customer, meaning) in [
        (json!("C0acme001"), "oauth_grant success"),
        (json!("C0other01"), "rejected wrong_tenant"),
        (Value::Null, "oauth_grant success"),
    ] {
        let mut context = context();
        context.provider_tenant = Some("C0acme001");
        let body = edited("google/authorize", &[("/id/customerId", customer)]).to_string();
        let got = parse_all(Source::GoogleWorkspace, body.as_bytes(), &context).remove(0);
        assert_eq!(got.meaning(), meaning);
    }
}

#[test]
fn google_more_events_than_one_activity_may_hold_are_told_of() {
    let many = vec![json!({"name": "authorize"}); 1_001];
    let got = all(&edited("google/authorize", &[("/events", json!(many))]));
    assert_eq!(got.len(), 1_001);
    assert_eq!(got[1_000].meaning(), "rejected too_many");
    assert_eq!(ids(&got[..1_000]).len(), 1_000);
}
