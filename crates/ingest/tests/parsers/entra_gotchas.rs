//! Each numbered gotcha of Entra (formats.md, section 3) as a test.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn entra(value: &Value) -> Got {
    parse_one(Source::Entra, value)
}

const APP: &str = "11111111-2222-4333-8444-555555555555";
const OBJECT: &str = "22222222-2222-4333-8444-555555555555";

#[test]
fn entra_gotcha_1_one_click_is_one_grant_and_its_companions() {
    let names = ["consent", "delegated_grant", "role_to_user", "add_service_principal"];
    let records: Vec<Value> = names.iter().map(|name| fixture(&format!("entra/{name}"))).collect();
    let got = parse_all(Source::Entra, json!({"records": records}).to_string().as_bytes(), &context());
    let told: Vec<(&str, bool)> =
        got.iter().map(|got| (got.text("kind"), got.field("is_supporting").as_bool().unwrap())).collect();
    assert_eq!(told, [("oauth_grant", false), ("oauth_grant", true), ("oauth_grant", true), ("app_registered", false)]);
    assert!(got.iter().all(|got| got.text("correlation_id") == "55555555-2222-4333-8444-555555555555"));
    assert!(got.iter().all(|got| got.text("app_object_id") == OBJECT), "all are about one object");
}

#[test]
fn entra_gotcha_2_a_removal_of_a_delegated_grant_is_judged_by_its_scopes() {
    for (old, new, meaning, added, removed) in [
        (" User.Read", " User.Read Mail.Read", "oauth_grant success", vec!["Mail.Read"], vec![]),
        (" User.Read Mail.Read", " User.Read", "oauth_revoke success", vec![], vec!["Mail.Read"]),
        (" Mail.Read", "", "oauth_revoke success", vec![], vec!["Mail.Read"]),
        (" Mail.Read", " Files.Read", "oauth_grant success", vec!["Files.Read"], vec!["Mail.Read"]),
    ] {
        let scope = |text: &str| json!(json!(text).to_string());
        let got = entra(&edited(
            "entra/delegated_change",
            &[
                ("/properties/targetResources/0/modifiedProperties/0/oldValue", scope(old)),
                ("/properties/targetResources/0/modifiedProperties/0/newValue", scope(new)),
            ],
        ));
        assert_eq!(got.meaning(), meaning, "{old} to {new}");
        assert_eq!((got.list("scopes_added"), got.list("scopes_removed")), (added, removed));
        assert_eq!(got.field("is_supporting"), &json!(meaning.starts_with("oauth_grant")));
    }
    let same = edited(
        "entra/delegated_change",
        &[("/properties/targetResources/0/modifiedProperties/0/newValue", json!("\"User.Read\""))],
    );
    assert_eq!(entra(&same).meaning(), "ignored", "nothing changed");
}

#[test]
fn entra_gotcha_3_a_record_of_the_unified_audit_log_is_no_entra_record() {
    let record = json!({"CreationTime": "2026-03-02T09:15:00", "Operation": "UserLoginFailed", "ResultStatus": "Success", "UserId": "ann@acme.example.com"});
    assert_eq!(
        entra(&record).meaning(),
        "rejected not_an_event",
        "its own parser reads it, and never its ResultStatus"
    );
}

#[test]
fn entra_gotcha_4_names_of_activities_are_normalised() {
    for name in
        ["Consent to application", "Consent to application.", " consent to Application ", "CONSENT TO APPLICATION. "]
    {
        let got = entra(&edited("entra/consent", &[("/properties/activityDisplayName", json!(name))]));
        assert_eq!((got.text("kind"), got.text("native_type")), ("oauth_grant", name));
    }
    for name in [
        "Update application – Certificates and secrets management ",
        "Update application - Certificates and secrets management",
    ] {
        let got = entra(&edited("entra/add_application", &[("/properties/activityDisplayName", json!(name))]));
        assert_eq!(got.text("kind"), "app_registered");
    }
}

#[test]
fn entra_gotcha_5_the_app_id_is_not_the_object_id_and_first_party_apps_are_marked() {
    let got = entra(&fixture("entra/consent"));
    assert_eq!(
        (got.text("app_native_id"), got.text("app_object_id"), got.text("app_id_kind")),
        (APP, OBJECT, "client_id")
    );
    let mut context = context();
    context.is_first_party = |source, id| source == Source::Entra && id == APP;
    for (name, kind) in [("signin", "login_success"), ("signin_sp", "token_use"), ("consent", "oauth_grant")] {
        let body = fixture(&format!("entra/{name}")).to_string();
        let got = parse_all(Source::Entra, body.as_bytes(), &context).remove(0);
        assert_eq!((got.text("kind"), got.text("app_kind"), got.text("app_native_id")), (kind, "first_party", APP));
    }
}

#[test]
fn entra_gotcha_6_a_fuller_later_copy_is_the_same_event() {
    let full = fixture("entra/signin");
    let early = without(without(full.clone(), "/properties/status"), "/properties/conditionalAccessStatus");
    let (early, full) = (entra(&early), entra(&full));
    assert_eq!(early.text("event_id"), full.text("event_id"));
    assert_ne!(early, full);
}

#[test]
fn entra_gotcha_7_service_principals_have_no_person_and_odd_addresses() {
    let got = entra(&fixture("entra/signin_sp"));
    assert_eq!((got.text("kind"), got.text("stream"), got.text("actor_type")), ("token_use", "signin_sp", "app"));
    assert_eq!(
        (got.text("app_name"), got.text("app_object_id"), got.text("app_kind")),
        ("nightly export", OBJECT, "service")
    );
    assert_eq!((got.text("ip"), got.text("country"), got.text("city")), ("", "", ""));
    assert_eq!((got.field("user_key"), got.list("parse_warnings")), (&Value::Null, vec!["bad_ip", "zone_missing"]));
}

#[test]
fn entra_gotcha_8_types_and_cases_of_the_envelope_vary() {
    for (pointer, value) in [
        ("/durationMs", json!("12")),
        ("/Level", json!("Informational")),
        ("/level", json!(4)),
        ("/resultType", json!(0)),
        ("/resultType", json!("Success")),
        ("/time", json!("not a time")),
        ("/time", json!("3/2/2026 9:20:00 AM")),
        ("/location", json!({"x": 1})),
        ("/operationVersion", json!(1.0)),
    ] {
        let got = entra(&edited("entra/signin", &[(pointer, value.clone())]));
        assert_eq!(
            (got.meaning().as_str(), got.text("occurred_at")),
            ("sso success", "2026-03-02T09:15:00.250Z"),
            "{pointer} {value}"
        );
    }
    let lower = fixture("entra/signin")
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.to_lowercase(), value.clone()))
        .collect();
    let got = entra(&Value::Object(lower));
    assert_eq!(
        (got.meaning().as_str(), got.text("provider_tenant")),
        ("sso success", "aaaaaaaa-0000-4000-8000-000000000001")
    );
    let mut word = fixture("entra/signin");
    word["properties"]["status"] = Value::Null;
    word["resultType"] = json!("Failure");
    assert_eq!(entra(&word).meaning(), "login_failure failure");
}

#[test]
fn entra_gotcha_8_the_envelopes_time_stands_in_when_the_own_is_missing() {
    let got = entra(&without(fixture("entra/signin"), "/properties/createdDateTime"));
    assert_eq!(got.text("occurred_at"), "2026-03-02T09:20:00.123Z");
    let neither = without(without(fixture("entra/signin"), "/properties/createdDateTime"), "/time");
    assert_eq!(entra(&neither).meaning(), "rejected missing_field");
}

#[test]
fn entra_gotcha_9_large_sign_ins_and_full_hub_messages_are_read() {
    let policies: Vec<Value> =
        (0..900).map(|index| json!({"id": index, "displayName": "x".repeat(80), "conditions": []})).collect();
    let large = edited("entra/signin", &[("/properties/appliedConditionalAccessPolicies", json!(policies))]);
    assert!(large.to_string().len() > 100_000);
    let records = vec![large; 9];
    let body = json!({"records": records}).to_string();
    assert!(body.len() > 900_000);
    let got = parse_all(Source::Entra, body.as_bytes(), &context());
    assert!(got.len() == 9 && got.iter().all(|got| got.meaning() == "sso success"));
}

#[test]
fn entra_gotcha_10_names_that_look_alike_are_kept_as_delivered() {
    for name in ["rnicrosoft", "rnicrosoft_office", "Micr\u{43e}soft"] {
        let got = entra(&edited("entra/consent", &[("/properties/targetResources/0/displayName", json!(name))]));
        assert_eq!(got.text("app_name"), name);
    }
}

#[test]
fn entra_the_graph_form_is_the_same_event() {
    for name in ["signin", "signin_sp", "consent", "role_to_app"] {
        let record = fixture(&format!("entra/{name}"));
        let mut graph = record["properties"].clone();
        if name == "signin_sp" {
            graph["signInEventTypes"] = json!(["servicePrincipal"]);
        }
        let mut context = context();
        context.provider_tenant = Some("aaaaaaaa-0000-4000-8000-000000000001");
        let page = json!({"@odata.context": "x", "value": [graph]}).to_string();
        let (diagnostic, graph) = (
            parse_all(Source::Entra, record.to_string().as_bytes(), &context).remove(0),
            parse_all(Source::Entra, page.as_bytes(), &context).remove(0),
        );
        for field in
            ["event_id", "kind", "stream", "app_ref", "user_key", "scopes", "correlation_id", "native_type", "outcome"]
        {
            assert_eq!(diagnostic.field(field), graph.field(field), "{name} {field}");
        }
    }
}

#[test]
fn entra_the_tenant_is_the_records_own() {
    for (edits, meaning) in [
        (vec![], "sso success"),
        (vec![("/tenantId", json!("bbbbbbbb-0000-4000-8000-000000000001"))], "rejected wrong_tenant"),
        (vec![("/tenantId", Value::Null)], "sso success"),
        (
            vec![
                ("/tenantId", Value::Null),
                ("/resourceId", json!("/tenants/bbbbbbbb-0000-4000-8000-000000000001/providers/x")),
            ],
            "rejected wrong_tenant",
        ),
        (vec![("/tenantId", Value::Null), ("/resourceId", Value::Null)], "sso success"),
    ] {
        let mut context = context();
        context.provider_tenant = Some("AAAAAAAA-0000-4000-8000-000000000001");
        let body = edited("entra/signin", &edits).to_string();
        assert_eq!(parse_all(Source::Entra, body.as_bytes(), &context).remove(0).meaning(), meaning, "{edits:?}");
    }
}
