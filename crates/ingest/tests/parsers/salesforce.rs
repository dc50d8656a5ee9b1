//! Salesforce's event log files and real-time events (formats.md, section 4), fact by fact.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn salesforce(value: &Value) -> Got {
    parse_one(Source::Salesforce, value)
}

#[test]
fn salesforce_a_login_is_use_of_salesforce_itself() {
    let got = salesforce(&fixture("salesforce/login"));
    for (field, expected) in [
        ("kind", "login_success"),
        ("stream", "login"),
        ("native_type", "Login"),
        ("native_id", "req-1"),
        ("session_id", "key-1"),
        ("occurred_at", "2026-03-02T09:19:00.123Z"),
        ("provider_tenant", "00D5f0000QUORB1"),
        ("user_email", "ann@acme.example.com"),
        ("app_ref", "salesforce:label:Salesforce"),
        ("outcome_code", "LOGIN_NO_ERROR"),
        ("ip", "203.0.113.7"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert!(got.list("parse_warnings").is_empty(), "Salesforce's own machines have words for an address");
}

#[test]
fn salesforce_logins_end_by_their_status() {
    for (status, meaning) in [
        ("LOGIN_NO_ERROR", "login_success success"),
        ("LOGIN_ERROR_INVALID_PASSWORD", "login_failure failure"),
        ("LOGIN_ERROR_RESTRICTED_DOMAIN", "login_failure denied"),
        ("LOGIN_CHALLENGE_ISSUED", "login_challenge challenge"),
        ("LOGIN_TWOFACTOR_REQ", "login_challenge challenge"),
        ("", "login_success unknown"),
    ] {
        let got = salesforce(&edited("salesforce/login", &[("/LOGIN_STATUS", json!(status))]));
        assert_eq!(got.meaning(), meaning, "{status}");
    }
    let failed = edited("salesforce/login_record", &[("/Status", json!("Invalid Password"))]);
    assert_eq!(salesforce(&failed).meaning(), "login_failure failure", "a real-time event uses words");
}

#[test]
fn salesforce_what_each_type_means() {
    for (kind, meaning) in [
        ("ApiConnectedApp", "token_use success"),
        ("ConnectedAppUsageEventStore", "token_use success"),
        ("ApiTotalUsage", "token_use success"),
        ("ApiEvent", "token_use success"),
        ("OAuthTokenRevoked", "oauth_revoke success"),
        ("OAuthTokenRefreshFailed", "oauth_denied failure"),
        ("LoginAs", "other success"),
        ("ApiAnomalyEventStore", "other unknown"),
        ("BulkApiResultEventStore", "ignored"),
        ("API", "ignored"),
        ("URI", "ignored"),
    ] {
        let got = salesforce(&edited("salesforce/connected_app", &[("/EVENT_TYPE", json!(kind))]));
        assert_eq!(got.meaning(), meaning, "{kind}");
    }
    let without_app = without(without(fixture("salesforce/connected_app"), "/CONNECTED_APP_ID"), "/CLIENT_ID");
    let mut total = without_app;
    total["EVENT_TYPE"] = json!("ApiTotalUsage");
    assert_eq!(salesforce(&total), Got::Ignored("ApiTotalUsage".to_owned()), "the product's own pages");
    let failed = edited("salesforce/connected_app", &[("/STATUS", json!("Failed"))]);
    assert_eq!(salesforce(&failed).meaning(), "oauth_denied failure", "what failed is no use");
    assert_eq!(salesforce(&json!({"hello": 1})).meaning(), "rejected not_an_event");
}

#[test]
fn salesforce_a_connected_app_is_the_id_that_every_event_about_it_has() {
    let got = salesforce(&fixture("salesforce/connected_app"));
    assert_eq!(
        (got.text("app_ref"), got.text("app_name"), got.list("scopes")),
        ("salesforce:app_id:0H45f0000QUORB1", "Quorbit Sync", vec!["api", "refresh_token"])
    );
    let short = salesforce(&edited("salesforce/connected_app", &[("/CONNECTED_APP_ID", json!("0H45f0000QUORB1"))]));
    assert_eq!(short.text("app_ref"), got.text("app_ref"), "with and without the check");
    let client = salesforce(&without(fixture("salesforce/connected_app"), "/CONNECTED_APP_ID"));
    assert_eq!(client.text("app_ref"), "salesforce:client_id:3MVG9quorbit");
}

#[test]
fn salesforce_an_authorisation_is_a_grant() {
    let edits =
        [("/EVENT_TYPE", json!("ConnectedAppUsageEventStore")), ("/CONNECTION_TYPE", json!("oauth_authorization"))];
    let got = salesforce(&edited("salesforce/connected_app", &edits));
    assert_eq!((got.meaning().as_str(), got.text("consent_type")), ("oauth_grant success", "user"));
}

#[test]
fn salesforce_the_time_of_a_file_is_no_number_of_milliseconds() {
    for (edits, expected) in [
        (vec![("/TIMESTAMP_DERIVED", Value::Null)], "2026-03-02T09:19:00.123Z"),
        (
            vec![("/TIMESTAMP_DERIVED", Value::Null), ("/TIMESTAMP", json!("20260302091900"))],
            "2026-03-02T09:19:00.000Z",
        ),
        (
            vec![("/TIMESTAMP_DERIVED", Value::Null), ("/TIMESTAMP", json!("2026-03-02 09:19:00.123"))],
            "2026-03-02T09:19:00.123Z",
        ),
    ] {
        assert_eq!(salesforce(&edited("salesforce/login", &edits)).text("occurred_at"), expected, "{edits:?}");
    }
    let wrong = [("/TIMESTAMP_DERIVED", Value::Null), ("/TIMESTAMP", json!("20260231091900.123"))];
    assert_eq!(salesforce(&edited("salesforce/login", &wrong)).meaning(), "rejected bad_time");
}

#[test]
fn salesforce_a_login_is_the_same_by_query_and_by_stream() {
    let (record, stream) =
        (salesforce(&fixture("salesforce/login_record")), salesforce(&fixture("salesforce/login_stream")));
    for field in ["event_id", "kind", "occurred_at", "user_key", "app_ref", "session_id", "ip", "native_id"] {
        assert_eq!(record.field(field), stream.field(field), "{field}");
    }
    assert_eq!((stream.text("country"), stream.text("city"), stream.text("ua_browser")), ("CH", "Bern", "Firefox 140"));
    let bare = fixture("salesforce/login_stream")["data"]["payload"].clone();
    assert_eq!(salesforce(&bare).text("event_id"), stream.text("event_id"), "without its channel");
    let bus = json!({"detail-type": "LoginEventStream", "source": "aws.partner/salesforce.com/x", "detail": {"payload": bare, "schemaId": "s"}});
    assert_eq!(salesforce(&bus).text("event_id"), stream.text("event_id"));
    let page = json!({"totalSize": 1, "done": true, "records": [fixture("salesforce/login_record")]});
    assert_eq!(salesforce(&page), record);
}

#[test]
fn salesforce_rows_of_one_transaction_share_its_id_and_are_several_events() {
    let login = salesforce(&fixture("salesforce/login"));
    let mut app = fixture("salesforce/connected_app");
    app["REQUEST_ID"] = json!("req-1");
    let one = salesforce(&app);
    app["CONNECTED_APP_ID"] = json!("0H45f0000QUORB2AAA");
    let other = salesforce(&app);
    let ids = [login.text("event_id"), one.text("event_id"), other.text("event_id")];
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    assert_eq!(salesforce(&without(app, "/REQUEST_ID")).list("parse_warnings"), ["no_native_id"]);
}

#[test]
fn salesforce_customers_in_a_portal_are_no_employees() {
    for user_type in ["CspLitePortal", "Guest", "PowerPartner"] {
        let got = salesforce(&edited("salesforce/login", &[("/USER_TYPE", json!(user_type))]));
        assert_eq!(got, Got::Ignored("Login".to_owned()), "{user_type}");
    }
}

#[test]
fn salesforce_who_works_as_somebody_else_is_the_actor() {
    let got = salesforce(&fixture("salesforce/login_as"));
    assert_eq!(
        (got.text("kind"), got.text("actor_type"), got.text("actor_email"), got.text("occurred_at")),
        ("other", "admin", "ada.admin@acme.example.com", "2026-03-02T09:21:00.000Z")
    );
    assert!(got.field("user_key").is_string() && got.text("app_ref").is_empty());
}

#[test]
fn salesforce_an_organisation_has_15_or_18_characters() {
    for (configured, meaning) in [
        ("00D5f0000QUORB1", "login_success success"),
        ("00D5f0000QUORB1EAC", "login_success success"),
        ("00D5f0000OTHER1EAC", "rejected wrong_tenant"),
    ] {
        let mut context = context();
        context.provider_tenant = Some(configured);
        let got = parse_all(Source::Salesforce, fixture("salesforce/login").to_string().as_bytes(), &context).remove(0);
        assert_eq!(got.meaning(), meaning, "{configured}");
    }
}

#[test]
fn salesforce_a_failed_login_keeps_no_typed_name() {
    let failed = [
        ("/LOGIN_STATUS", json!("LOGIN_ERROR_INVALID_PASSWORD")),
        ("/USER_NAME", json!("correct-horse")),
        ("/USER_ID", Value::Null),
        ("/USER_ID_DERIVED", Value::Null),
    ];
    let got = salesforce(&edited("salesforce/login", &failed));
    assert_eq!(got.list("parse_warnings"), ["typed_name_dropped", "person_missing"]);
    assert!(!format!("{got:?}").contains("correct-horse"));
}
