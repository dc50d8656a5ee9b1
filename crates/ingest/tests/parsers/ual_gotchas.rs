//! Each gotcha, fact and decision that concerns the unified audit log (formats.md, sections 3 and 6) as a test.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn ual(value: &Value) -> Got {
    parse_one(Source::M365Ual, value)
}

const APP: &str = "11111111-2222-4333-8444-555555555555";
const OBJECT: &str = "22222222-2222-4333-8444-555555555555";
const RESOURCE: &str = "33333333-2222-4333-8444-555555555555";
const ZERO: &str = "00000000-0000-0000-0000-000000000000";
const TENANT: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// A sign-in that failed with that code and that name.
fn failed(code: &Value, name: &Value) -> Got {
    ual(&edited("ual/login_failed", &[("/ErrorNumber", code.clone()), ("/LogonError", name.clone())]))
}

/// A fixture with a modified property replaced.
fn property(name: &str, property: &str, value: &str) -> Value {
    let mut record = fixture(&format!("ual/{name}"));
    let all = record["ModifiedProperties"].as_array_mut().unwrap();
    all.iter_mut().find(|each| each["Name"] == property).unwrap()["NewValue"] = json!(value);
    record
}

#[test]
fn ual_gotcha_1_one_click_is_one_grant_and_its_companions() {
    let names = ["consent", "delegated_grant", "role_to_user", "add_service_principal"];
    let mut records: Vec<Value> = names.iter().map(|name| fixture(&format!("ual/{name}"))).collect();
    let own = json!([{"Name": "User.ObjectID", "NewValue": "44444444-2222-4333-8444-555555555555", "OldValue": ""}]);
    records[2]["ModifiedProperties"] = own;
    let got = parse_all(Source::M365Ual, json!(records).to_string().as_bytes(), &context());
    let told: Vec<(&str, bool)> =
        got.iter().map(|got| (got.text("kind"), got.field("is_supporting").as_bool().unwrap())).collect();
    assert_eq!(told, [("oauth_grant", false), ("oauth_grant", true), ("oauth_grant", true), ("app_registered", false)]);
    assert!(got.iter().all(|got| got.text("correlation_id") == "55555555-2222-4333-8444-555555555555"));
    assert!(got.iter().all(|got| got.text("app_object_id") == OBJECT), "all are about one object");
}

#[test]
fn ual_gotcha_2_a_removal_of_a_delegated_grant_is_judged_by_its_scopes() {
    for (old, new, meaning) in [
        (" User.Read", " User.Read Mail.Read", "oauth_grant success"),
        (" User.Read Mail.Read", " User.Read", "oauth_revoke success"),
        (" User.Read", "User.Read ", "ignored"),
    ] {
        let mut record = edited("ual/delegated_grant", &[("/Operation", json!("Remove delegated permission grant."))]);
        record["ModifiedProperties"][0]["OldValue"] = json!(old);
        record["ModifiedProperties"][0]["NewValue"] = json!(new);
        assert_eq!(ual(&record).meaning(), meaning, "{old} to {new}");
    }
}

#[test]
fn ual_gotcha_3_result_status_says_nothing_of_a_sign_in() {
    for status in ["Success", "Failed", "Succeeded", ""] {
        let failed = ual(&edited("ual/login_failed", &[("/ResultStatus", json!(status))]));
        assert_eq!((failed.meaning().as_str(), failed.text("outcome_code")), ("login_failure failure", "50126"));
        let passed = ual(&edited("ual/logged_in", &[("/ResultStatus", json!(status))]));
        assert_eq!(passed.meaning(), "sso success", "{status}");
    }
}

#[test]
fn ual_gotcha_4_names_of_operations_are_normalised() {
    for name in ["Consent to application.", "Consent to application", " consent to Application. "] {
        let got = ual(&edited("ual/consent", &[("/Operation", json!(name))]));
        assert_eq!((got.text("kind"), got.text("native_type")), ("oauth_grant", name));
    }
    let credentials = edited(
        "ual/add_application",
        &[("/Operation", json!("Update application – Certificates and secrets management "))],
    );
    assert_eq!(ual(&credentials).text("kind"), "app_registered");
    assert_eq!(
        ual(&edited("ual/consent", &[("/Operation", json!("FileAccessed"))])),
        Got::Ignored("FileAccessed".to_owned())
    );
}

#[test]
fn ual_gotcha_5_first_party_apps_are_marked_by_their_app_id() {
    let mut context = context();
    context.is_first_party = |source, id| source == Source::M365Ual && id == APP;
    for (name, kind) in [("logged_in", "login_success"), ("consent", "oauth_grant"), ("role_to_app", "oauth_grant")] {
        let body = fixture(&format!("ual/{name}")).to_string();
        let got = parse_all(Source::M365Ual, body.as_bytes(), &context).remove(0);
        assert_eq!((got.text("kind"), got.text("app_kind"), got.text("app_native_id")), (kind, "first_party", APP));
    }
}

#[test]
fn ual_gotcha_6_a_fuller_later_copy_is_the_same_event() {
    let full = fixture("ual/logged_in");
    let early = without(without(full.clone(), "/DeviceProperties"), "/ActorIpAddress");
    assert_eq!(ual(&early).text("event_id"), ual(&full).text("event_id"));
    assert_ne!(ual(&early), ual(&full));
    let diagnostic = parse_one(Source::Entra, &fixture("entra/signin"));
    assert_ne!(diagnostic.text("event_id"), ual(&full).text("event_id"), "the ids of the two logs never meet");
}

#[test]
fn ual_gotcha_6_without_an_id_the_content_is_the_id_and_says_so() {
    let got = ual(&without(fixture("ual/consent"), "/Id"));
    assert_eq!(got.list("parse_warnings"), ["no_native_id"]);
}

#[test]
fn section_3_ual_creation_time_has_no_zone_and_is_utc() {
    for text in ["2026-03-02T09:15:00", "2026-03-02 09:15:00", "2026-03-02T09:15:00Z"] {
        let got = ual(&edited("ual/consent", &[("/CreationTime", json!(text))]));
        assert_eq!((got.text("occurred_at"), got.list("parse_warnings").len()), ("2026-03-02T09:15:00.000Z", 0));
    }
}

#[test]
fn section_6_1_an_address_is_read_when_it_is_there() {
    assert_eq!(ual(&fixture("ual/consent")).text("ip"), "");
    assert_eq!(ual(&fixture("ual/role_to_user")).text("ip"), "203.0.113.7", "with a port, as some are");
    for (pointer, address, expected) in [
        ("/ClientIP", "203.0.113.9", "203.0.113.9"),
        ("/ActorIpAddress", "203.0.113.9", "203.0.113.9"),
        ("/ClientIP", "[2001:db8::9]:443", "2001:db8::9"),
        ("/ClientIP", "", ""),
    ] {
        let got = ual(&edited("ual/consent", &[(pointer, json!(address))]));
        assert_eq!((got.text("ip"), got.list("parse_warnings").len()), (expected, 0), "{pointer} {address}");
    }
}

#[test]
fn section_6_2_ual_the_app_id_is_the_first_bare_guid() {
    for (names, expected) in [
        (format!("https://a.example;{RESOURCE}/host;{APP};{OBJECT}"), APP),
        (format!("{ZERO};{APP}"), APP),
        ("https://a.example;Some.Name".to_owned(), APP),
    ] {
        let got = ual(&property("consent", "TargetId.ServicePrincipalNames", &names));
        assert_eq!((got.text("app_native_id"), got.text("app_id_kind")), (expected, "client_id"), "{names}");
    }
}

#[test]
fn section_6_2_ual_a_blocked_consent_has_only_name_and_object_id() {
    let mut blocked = edited("ual/consent", &[("/ResultStatus", json!("Failure"))]);
    blocked["ExtendedProperties"] = json!([]);
    blocked["ModifiedProperties"].as_array_mut().unwrap().pop();
    blocked["Target"].as_array_mut().unwrap().truncate(4);
    let got = ual(&blocked);
    assert_eq!((got.meaning().as_str(), got.text("app_id_kind")), ("oauth_denied failure", "object_id"));
    assert_eq!((got.text("app_native_id"), got.text("app_name")), (OBJECT, "Acme Notes"));
}

#[test]
fn section_6_3_ual_only_the_result_decides() {
    let mut risky = property("consent", "ConsentContext.Tags", "Risky application detected");
    assert_eq!(ual(&risky).meaning(), "oauth_grant success");
    risky["ResultStatus"] = json!("Failure");
    assert_eq!(ual(&risky).meaning(), "oauth_denied failure");
    let got = ual(&edited("ual/logged_in", &[("/ApplicationId", json!(ZERO))]));
    assert_eq!((got.text("kind"), got.text("app_ref")), ("login_success", ""), "the zero GUID is never an app");
}

#[test]
fn section_6_4_ual_an_app_roles_client_is_the_service_principal_never_the_details() {
    let got = ual(&fixture("ual/role_to_app"));
    assert_eq!(
        (got.text("app_native_id"), got.text("app_object_id"), got.text("app_name")),
        (APP, OBJECT, "Acme Notes")
    );
    assert_eq!((got.text("consent_type"), got.list("scopes")), ("application", vec!["full_access_as_app"]));
    assert_eq!((got.field("is_supporting"), got.list("resources")), (&json!(true), vec![RESOURCE]));
    let got = ual(&property("role_to_app", "ServicePrincipal.AppId", ""));
    assert_eq!((got.text("app_id_kind"), got.text("app_native_id")), ("object_id", OBJECT), "not the resource's AppId");
}

#[test]
fn section_6_ual_a_failed_sign_in_is_told_by_its_number_or_its_name() {
    for (code, name, meaning) in [
        (json!("50126"), json!("InvalidUserNameOrPassword"), "login_failure failure"),
        (json!(50126), Value::Null, "login_failure failure"),
        (Value::Null, json!("InvalidUserNameOrPassword"), "login_failure failure"),
        (json!("0"), Value::Null, "login_failure failure"),
        (Value::Null, Value::Null, "login_failure failure"),
        (json!("65001"), json!("DelegationDoesNotExist"), "oauth_request challenge"),
        (Value::Null, json!("DelegationDoesNotExist"), "oauth_request challenge"),
        (Value::Null, json!("AdminConsentRequiredDueToRiskyApp"), "oauth_request challenge"),
        (json!("90094"), Value::Null, "oauth_request challenge"),
        (json!("90095"), Value::Null, "oauth_request challenge"),
        (json!("900941"), Value::Null, "oauth_request challenge"),
        (json!("65004"), Value::Null, "oauth_denied denied"),
        (json!("50105"), Value::Null, "oauth_denied denied"),
        (json!("50058"), Value::Null, "login_challenge challenge"),
        (json!("50089"), Value::Null, "login_challenge challenge"),
        (json!("50132"), Value::Null, "login_challenge challenge"),
        (json!("50133"), Value::Null, "login_challenge challenge"),
        (json!("500121"), Value::Null, "login_failure failure"),
        (Value::Null, json!("SomethingNew"), "login_failure failure"),
    ] {
        assert_eq!(failed(&code, &name).meaning(), meaning, "{code} {name}");
    }
}

#[test]
fn section_6_ual_a_login_with_50140_is_a_challenge() {
    for code in [json!("50140"), json!(50140)] {
        let got = ual(&edited("ual/logged_in", &[("/ErrorNumber", code)]));
        assert_eq!(got.meaning(), "login_challenge challenge");
    }
    assert_eq!(ual(&without(fixture("ual/logged_in"), "/ErrorNumber")).meaning(), "sso success");
}

#[test]
fn section_6_ual_service_principals_and_certificates_are_apps() {
    let got = ual(&fixture("ual/role_to_app"));
    assert_eq!(
        (got.text("actor_type"), got.field("user_key"), got.field("actor_key")),
        ("app", &Value::Null, &Value::Null)
    );
    for user in ["ServicePrincipal_66666666-2222-4333-8444-555555555555", "Certificate"] {
        let got = ual(&edited("ual/consent", &[("/UserId", json!(user))]));
        assert_eq!((got.text("actor_type"), got.field("user_key")), ("app", &Value::Null), "{user}");
        let got = ual(&edited("ual/logged_in", &[("/UserId", json!(user))]));
        assert_eq!((got.meaning().as_str(), got.text("actor_type")), ("token_use success", "app"), "{user}");
    }
    assert_eq!(ual(&fixture("ual/consent")).text("actor_type"), "user");
}

#[test]
fn section_6_ual_ids_of_new_apps_come_from_their_own_property() {
    for name in ["add_service_principal", "add_application"] {
        let got = ual(&fixture(&format!("ual/{name}")));
        assert_eq!(
            (got.text("kind"), got.text("app_native_id"), got.text("app_object_id"), got.text("app_name")),
            ("app_registered", APP, OBJECT, "Acme Notes"),
            "a JSON list in a text, with line breaks"
        );
        let mut bare = fixture(&format!("ual/{name}"));
        bare["ModifiedProperties"] = json!([]);
        assert_eq!(ual(&bare).text("app_native_id"), APP, "the target tells it too");
        assert_eq!(ual(&edited(&format!("ual/{name}"), &[("/ResultStatus", json!("Failure"))])).meaning(), "ignored");
    }
}

#[test]
fn section_6_ual_an_assignment_by_somebody_else_is_no_consent() {
    let got = ual(&fixture("ual/role_to_user"));
    assert_eq!((got.meaning().as_str(), got.text("app_native_id")), ("app_assigned success", APP));
    assert_eq!((got.text("user_email"), got.text("actor_email")), ("ben@acme.example.com", "ann@acme.example.com"));
    assert_eq!(got.text("actor_type"), "admin");
}

#[test]
fn section_6_ual_a_consent_that_is_tried_again_is_ignored() {
    let mut retried = edited("ual/consent", &[("/ResultStatus", json!("Failure"))]);
    let reason = json!({"Name": "MethodExecutionResult.", "NewValue": "Microsoft.Online.RestConcurrencyException", "OldValue": ""});
    retried["ModifiedProperties"].as_array_mut().unwrap().push(reason);
    assert_eq!(ual(&retried).meaning(), "ignored");
    assert_eq!(ual(&edited("ual/delegated_grant", &[("/ResultStatus", json!("Failure"))])).meaning(), "ignored");
}

#[test]
fn section_6_ual_removals_of_apps_are_removals() {
    for operation in ["Remove service principal.", "Delete application.", "Hard Delete application."] {
        let got = ual(&edited("ual/add_service_principal", &[("/Operation", json!(operation))]));
        assert_eq!((got.text("kind"), got.text("app_native_id")), ("app_removed", APP), "{operation}");
    }
}

#[test]
fn section_6_ual_a_date_that_does_not_exist_is_rejected_and_a_short_hour_is_not() {
    for (time, meaning) in [
        ("2026-09-31T05:00:00", "rejected bad_time"),
        ("2026-03-02T17:08:65", "rejected bad_time"),
        ("2026-03-02T5:32:08", "oauth_grant success"),
    ] {
        assert_eq!(ual(&edited("ual/consent", &[("/CreationTime", json!(time))])).meaning(), meaning);
    }
    assert_eq!(ual(&without(fixture("ual/consent"), "/CreationTime")).meaning(), "rejected missing_field");
    assert_eq!(ual(&without(fixture("ual/consent"), "/Operation")).meaning(), "rejected not_an_event");
}

#[test]
fn ual_fields_of_a_consent_are_read_from_where_the_map_says() {
    let got = ual(&fixture("ual/consent"));
    for (field, expected) in [
        ("source", "m365_ual"),
        ("stream", "audit"),
        ("native_id", "99999999-2222-4333-8444-000000000001"),
        ("native_type", "Consent to application."),
        ("provider_tenant", TENANT),
        ("app_ref", "entra:client_id:11111111-2222-4333-8444-555555555555"),
        ("app_object_id", OBJECT),
        ("app_name", "Acme Notes"),
        ("consent_type", "user"),
        ("grant_id", "grant1"),
        ("user_email", "ann@acme.example.com"),
        ("outcome", "success"),
        ("user_agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!((got.list("scopes"), got.list("resources")), (vec!["Mail.Read", "User.Read"], vec![RESOURCE]));
    for (name, value, expected) in [
        ("ConsentContext.OnBehalfOfAll", "True", "tenant_wide"),
        ("ConsentContext.IsAppOnly", "True", "application"),
        ("ConsentContext.IsAdminConsent", "True", "admin_self"),
    ] {
        assert_eq!(ual(&property("consent", name, value)).text("consent_type"), expected, "{name}");
    }
}

#[test]
fn ual_fields_of_a_sign_in_are_read_from_where_the_map_says() {
    let got = ual(&fixture("ual/logged_in"));
    for (field, expected) in [
        ("kind", "sso"),
        ("stream", "signin_interactive"),
        ("native_type", "UserLoggedIn"),
        ("app_native_id", APP),
        ("app_id_kind", "client_id"),
        ("session_id", "session1"),
        ("transaction_id", "77777777-2222-4333-8444-000000000007"),
        ("auth_protocol", "OAuth2:Authorize"),
        ("ip", "203.0.113.7"),
        ("ua_os", "Linux"),
        ("ua_browser", "Firefox"),
        ("user_email", "ann@acme.example.com"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!(got.list("resources"), [RESOURCE]);
    let unknown = edited("ual/logged_in", &[("/ObjectId", json!("Unknown")), ("/Target/0/ID", json!("Unknown"))]);
    assert!(ual(&unknown).list("resources").is_empty());
    let reason = ual(&fixture("ual/login_failed"));
    assert_eq!(reason.text("outcome_reason"), "InvalidUserNameOrPassword");
}

#[test]
fn ual_a_typed_password_is_no_name() {
    let typed = json!([{"ID": "Unknown", "Type": 0}, {"ID": "hunter2", "Type": 5}]);
    let got = ual(&edited("ual/login_failed", &[("/UserId", json!("hunter2")), ("/Actor", typed)]));
    assert!(got.list("parse_warnings").contains(&"typed_name_dropped"));
    assert!(!format!("{got:?}").contains("hunter2"));
}

#[test]
fn ual_a_person_is_the_same_in_both_logs_of_microsoft() {
    let diagnostic = parse_one(Source::Entra, &fixture("entra/consent"));
    let unified = ual(&edited("ual/consent", &[("/UserId", diagnostic.field("user_email").clone())]));
    assert_eq!(diagnostic.text("user_key"), unified.text("user_key"));
}

#[test]
fn ual_a_content_blob_is_an_array_and_other_records_are_ignored() {
    let blob = fixture("ual/blob");
    let meanings = |body: &Value| -> Vec<String> {
        parse_all(Source::M365Ual, body.to_string().as_bytes(), &context()).iter().map(Got::meaning).collect()
    };
    let expected = ["oauth_grant success", "sso success", "ignored"];
    assert_eq!(meanings(&blob), expected);
    assert_eq!(meanings(&json!({"value": blob})), expected);
}

#[test]
fn ual_the_tenant_is_the_organisation() {
    for (organisation, meaning) in [
        (json!(TENANT.to_uppercase()), "oauth_grant success"),
        (json!(ZERO), "rejected wrong_tenant"),
        (Value::Null, "oauth_grant success"),
    ] {
        let mut context = context();
        context.provider_tenant = Some(TENANT);
        let body = edited("ual/consent", &[("/OrganizationId", organisation)]).to_string();
        assert_eq!(parse_all(Source::M365Ual, body.as_bytes(), &context).remove(0).meaning(), meaning);
    }
}

#[test]
fn ual_what_is_not_as_promised_costs_nothing() {
    for (pointer, value) in [
        ("/Actor", json!(5)),
        ("/Actor", json!({"ID": "x"})),
        ("/Target/0", Value::Null),
        ("/ExtendedProperties", json!("x")),
        ("/ExtendedProperties/0/Value", json!("{\"User-Agent\": broken")),
        ("/ExtendedProperties/0/Value", json!(7)),
        ("/RecordType", json!("8")),
        ("/UserType", json!("Regular")),
    ] {
        let got = ual(&edited("ual/consent", &[(pointer, value.clone())]));
        assert_eq!(
            (got.meaning().as_str(), got.text("app_native_id")),
            ("oauth_grant success", APP),
            "{pointer} {value}"
        );
    }
}

#[test]
fn ual_a_row_of_an_export_is_the_record_that_it_holds_as_text() {
    for name in ["ual/consent", "ual/logged_in", "ual/login_failed"] {
        let record = fixture(name);
        let row = json!({
            "RecordId": "r1", "CreationDate": "3/2/2026 9:15:00 AM", "RecordType": 8, "Operations": record["Operation"],
            "UserIds": "somebody else", "AuditData": record.to_string()
        });
        assert_eq!(ual(&row), ual(&record), "{name}: both ways it is one event");
        let printed = json!({"AuditData": serde_json::to_string_pretty(&without(record.clone(), "/Id")).unwrap()});
        let plain = json!({"AuditData": without(record, "/Id").to_string()});
        assert_eq!(ual(&printed).field("event_id"), ual(&plain).field("event_id"), "{name}: its content is its id");
    }
    assert_eq!(ual(&json!({"AuditData": "{cut", "Operations": "UserLoggedIn"})).meaning(), "rejected bad_json");
    assert_eq!(ual(&json!({"AuditData": "{}"})).meaning(), "rejected not_an_event");
    let nested = json!({"AuditData": json!({"AuditData": fixture("ual/consent").to_string()}).to_string()});
    assert_eq!(ual(&nested).meaning(), "rejected not_an_event", "a row is opened once");
}
