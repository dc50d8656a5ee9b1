//! Each fact and decision of section 6 that concerns Entra, and the field map of section 3, as a test.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, edited, fixture, parse_one, set, without};

fn entra(value: &Value) -> Got {
    parse_one(Source::Entra, value)
}

const APP: &str = "11111111-2222-4333-8444-555555555555";
const OBJECT: &str = "22222222-2222-4333-8444-555555555555";
const RESOURCE: &str = "33333333-2222-4333-8444-555555555555";

/// Replaces the new value of a modified property, as JSON inside a text.
fn property(name: &str, property: &str, value: &str) -> Value {
    let mut record = fixture(&format!("entra/{name}"));
    let all = record["properties"]["targetResources"][0]["modifiedProperties"].as_array_mut().unwrap();
    let found = all.iter_mut().find(|each| each["displayName"] == property).unwrap();
    found["newValue"] = json!(json!(value).to_string());
    record
}

fn sign_in(name: &str, code: u64) -> Got {
    entra(&edited(
        &format!("entra/{name}"),
        &[("/properties/status/errorCode", json!(code)), ("/resultType", json!(code.to_string()))],
    ))
}

#[test]
fn section_6_2_the_app_id_is_the_first_bare_guid() {
    for (names, expected) in [
        (format!("https://a.example;{RESOURCE}/host;{APP};{OBJECT}"), APP),
        (format!("{APP};https://a.example"), APP),
        (format!("00000000-0000-0000-0000-000000000000;{APP}"), APP),
        ("https://a.example;Some.Name".to_owned(), ""),
    ] {
        let got = entra(&property("consent", "TargetId.ServicePrincipalNames", &names));
        let kind = if expected.is_empty() { "object_id" } else { "client_id" };
        assert_eq!(got.text("app_id_kind"), kind, "{names}");
        assert_eq!(got.text("app_native_id"), if expected.is_empty() { OBJECT } else { expected });
    }
}

#[test]
fn section_6_2_a_blocked_consent_has_only_name_and_object_id() {
    let got = entra(&fixture("entra/consent_blocked"));
    assert_eq!((got.text("kind"), got.field("is_supporting")), ("oauth_denied", &json!(false)));
    assert_eq!((got.text("app_id_kind"), got.text("app_name")), ("object_id", "Free Prize"));
    assert_eq!(got.text("app_native_id"), "88888888-2222-4333-8444-555555555555");
    assert_eq!(got.list("scopes"), ["Mail.Read", "Mail.Send"]);
}

#[test]
fn section_6_3_only_the_result_decides() {
    let got = entra(&edited(
        "entra/consent_blocked",
        &[("/properties/result", json!("success")), ("/properties/resultReason", json!(""))],
    ));
    assert_eq!(got.meaning(), "oauth_grant success", "a zero client id and a risk stand in successful consents too");
}

#[test]
fn section_6_entra_all_zero_client_id_is_never_an_app_id() {
    let zero = "00000000-0000-0000-0000-000000000000";
    let got = entra(&edited("entra/signin", &[("/properties/appId", json!(zero))]));
    assert_eq!((got.text("kind"), got.text("app_native_id"), got.text("app_ref")), ("login_success", "", ""));
    for (name, field) in
        [("role_to_app", "ServicePrincipal.AppId"), ("add_service_principal", "TargetId.ServicePrincipalNames")]
    {
        assert_ne!(entra(&property(name, field, zero)).text("app_native_id"), zero);
    }
}

#[test]
fn section_6_4_an_app_roles_client_is_the_service_principal_never_the_details() {
    let got = entra(&fixture("entra/role_to_app"));
    assert_eq!(
        (got.text("app_native_id"), got.text("app_object_id"), got.text("app_name")),
        (APP, OBJECT, "Acme Notes")
    );
    let got = entra(&property("role_to_app", "ServicePrincipal.AppId", ""));
    assert_eq!((got.text("app_id_kind"), got.text("app_native_id")), ("object_id", OBJECT), "not the resource's AppId");
}

#[test]
fn section_6_entra_non_interactive_and_service_principal_sign_ins_are_token_use() {
    for category in ["NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs"] {
        let got = entra(&edited("entra/signin", &[("/category", json!(category))]));
        assert_eq!((got.meaning().as_str(), got.text("app_native_id")), ("token_use success", APP));
        let failed = [("/category", json!(category)), ("/properties/status/errorCode", json!(50126))];
        assert_eq!(entra(&edited("entra/signin", &failed)).meaning(), "login_failure failure", "failures by code");
    }
}

#[test]
fn section_6_entra_codes_that_ask_for_consent_are_requests() {
    for code in [65_001, 90_094, 90_095, 900_941] {
        assert_eq!(sign_in("signin", code).text("kind"), "oauth_request", "{code}");
    }
}

#[test]
fn section_6_entra_codes_of_refusal_are_denied() {
    for code in [65_004, 50_105] {
        assert_eq!(sign_in("signin", code).meaning(), "oauth_denied denied", "{code}");
    }
}

#[test]
fn section_6_entra_codes_that_ask_for_more_are_challenges() {
    for code in [
        50_058, 50_089, 50_132, 50_133, 50_055, 50_072, 50_074, 50_076, 50_079, 50_097, 50_125, 50_127, 50_129, 50_140,
        50_143, 50_144, 50_158, 50_199, 51_006, 81_010, 16_000,
    ] {
        assert_eq!(sign_in("signin", code).meaning(), "login_challenge challenge", "{code}");
    }
}

#[test]
fn section_6_entra_500121_is_a_failure() {
    assert_eq!(sign_in("signin", 500_121).meaning(), "login_failure failure");
    assert_eq!(sign_in("signin", 50_126).meaning(), "login_failure failure");
    assert_eq!(sign_in("signin", 53_003).meaning(), "login_failure denied");
}

#[test]
fn section_6_entra_supporting_grants() {
    for (name, scopes, consent_type) in [
        ("delegated_grant", vec!["Mail.Read", "offline_access"], "user"),
        ("role_to_app", vec!["Mail.ReadWrite"], "application"),
        ("delegated_change", vec!["Mail.Read", "Mail.ReadWrite", "User.Read"], "unknown"),
    ] {
        let got = entra(&fixture(&format!("entra/{name}")));
        assert_eq!(
            (got.meaning().as_str(), got.field("is_supporting")),
            ("oauth_grant success", &json!(true)),
            "{name}"
        );
        assert_eq!((got.list("scopes"), got.text("consent_type")), (scopes, consent_type), "{name}");
        assert_eq!((got.list("resources"), got.text("app_object_id")), (vec![RESOURCE], OBJECT), "{name}");
    }
    let got = entra(&fixture("entra/delegated_grant"));
    assert_eq!((got.text("app_id_kind"), got.text("app_name")), ("object_id", ""), "the resource is not the client");
}

#[test]
fn section_6_entra_what_failed_and_changed_nothing_is_ignored() {
    let failed = [("/properties/result", json!("failure"))];
    for name in [
        "delegated_grant",
        "delegated_change",
        "role_to_app",
        "role_to_user",
        "add_application",
        "add_service_principal",
    ] {
        assert_eq!(entra(&edited(&format!("entra/{name}"), &failed)).meaning(), "ignored", "{name}");
    }
    let retried = [
        ("/properties/result", json!("failure")),
        ("/properties/resultReason", json!("Microsoft.Online.DirectoryServices.RestConcurrencyException")),
    ];
    assert_eq!(entra(&edited("entra/consent", &retried)).meaning(), "ignored", "Entra tries again by itself");
}

#[test]
fn section_6_entra_removals() {
    for name in
        ["Remove service principal", "Delete application", "Hard Delete application", "Hard delete service principal"]
    {
        let got = entra(&edited("entra/add_service_principal", &[("/properties/activityDisplayName", json!(name))]));
        assert_eq!((got.text("kind"), got.text("app_native_id")), ("app_removed", APP), "{name}");
    }
}

#[test]
fn section_6_entra_create_application_certificates_and_secrets() {
    let name = json!("Create application – Certificates and secrets management ");
    let got = entra(&edited("entra/add_application", &[("/properties/activityDisplayName", name)]));
    assert_eq!((got.text("kind"), got.text("app_native_id")), ("app_registered", APP));
}

#[test]
fn section_6_entra_one_consent_over_several_resources_is_one_event() {
    let got = entra(&fixture("entra/consent"));
    assert_eq!((got.meaning().as_str(), got.field("is_supporting")), ("oauth_grant success", &json!(false)));
    assert_eq!(got.list("scopes"), ["Mail.Read", "offline_access"], "the entry that did not change is left out");
    assert_eq!((got.list("scopes_added"), got.list("scopes_removed")), (vec!["Mail.Read", "offline_access"], vec![]));
    assert_eq!((got.list("resources"), got.text("grant_id")), (vec![RESOURCE], "new-2"));
    let both = "[] => [[Id: a, ResourceId: r2, ConsentType: Principal, Scope: B A], [Id: b, ResourceId: r1, ConsentType: Principal, Scope: C A]]; ";
    let got = entra(&property("consent", "ConsentAction.Permissions", both));
    assert_eq!((got.list("scopes"), got.list("resources")), (vec!["A", "B", "C"], vec!["r1", "r2"]));
    let got = entra(&property("consent", "ConsentAction.Permissions", "all of it"));
    assert_eq!((got.text("kind"), got.list("parse_warnings")), ("oauth_grant", vec!["permissions_unread"]));
}

#[test]
fn section_6_entra_an_assignment_to_a_person_by_themselves_supports_a_consent() {
    let got = entra(&fixture("entra/role_to_user"));
    assert_eq!(
        (got.text("kind"), got.field("is_supporting"), got.text("actor_type")),
        ("oauth_grant", &json!(true), "user")
    );
    let mut by_admin = fixture("entra/role_to_user");
    set(
        &mut by_admin,
        "/properties/initiatedBy/user",
        json!({"id": "admin", "userPrincipalName": "it@acme.example.com"}),
    );
    let got = entra(&by_admin);
    assert_eq!(
        (got.text("kind"), got.field("is_supporting"), got.text("actor_type")),
        ("app_assigned", &json!(false), "admin")
    );
    assert_eq!((got.text("user_email"), got.text("actor_email")), ("ann@acme.example.com", "it@acme.example.com"));
}

#[test]
fn section_6_field_map_each_activity_tells_its_app_in_its_own_place() {
    for (name, object) in [
        ("add_application", "bbbbbbbb-9999-4333-8444-555555555555"),
        ("add_service_principal", OBJECT),
        ("role_to_user", OBJECT),
    ] {
        let got = entra(&fixture(&format!("entra/{name}")));
        assert_eq!(
            (got.text("app_native_id"), got.text("app_object_id"), got.text("app_name")),
            (APP, object, "Acme Notes"),
            "{name}"
        );
    }
}

#[test]
fn entra_for_whom_a_consent_speaks() {
    for (edits, expected) in [
        (vec![], "user"),
        (vec![("ConsentContext.IsAdminConsent", "True")], "admin_self"),
        (vec![("ConsentContext.IsAdminConsent", "True"), ("ConsentContext.OnBehalfOfAll", "True")], "tenant_wide"),
        (vec![("ConsentContext.IsAppOnly", "True")], "application"),
        (
            vec![(
                "ConsentAction.Permissions",
                "[] => [[Id: a, ResourceId: r, ConsentType: AllPrincipals, Scope: A]]; ",
            )],
            "tenant_wide",
        ),
    ] {
        let mut record = fixture("entra/consent");
        let all = record["properties"]["targetResources"][0]["modifiedProperties"].as_array_mut().unwrap();
        for (name, value) in &edits {
            all.iter_mut().find(|each| each["displayName"] == *name).unwrap()["newValue"] =
                json!(json!(value).to_string());
        }
        assert_eq!(entra(&record).text("consent_type"), expected, "{edits:?}");
    }
}

#[test]
fn entra_revocations() {
    for (name, activity, kind) in [
        ("consent", "Revoke consent", "oauth_revoke"),
        ("role_to_app", "Remove app role assignment from service principal", "oauth_revoke"),
        ("role_to_user", "Remove app role assignment grant from user", "oauth_revoke"),
        ("add_service_principal", "Disable account", "oauth_revoke"),
        ("role_to_user", "Add app role assignment grant to group", "app_assigned"),
    ] {
        let got = entra(&edited(&format!("entra/{name}"), &[("/properties/activityDisplayName", json!(activity))]));
        assert_eq!(got.text("kind"), kind, "{activity}");
    }
    let person = [
        ("/properties/activityDisplayName", json!("Disable account")),
        ("/properties/targetResources", json!([{"id": "x", "type": "User"}])),
    ];
    assert_eq!(entra(&edited("entra/consent", &person)).meaning(), "ignored");
}

#[test]
fn entra_fields_of_a_sign_in() {
    let got = entra(&fixture("entra/signin"));
    for (field, expected) in [
        ("stream", "signin_interactive"),
        ("kind", "sso"),
        ("native_type", "SignInLogs"),
        ("session_id", "sess-1"),
        ("transaction_id", "tok-1"),
        ("occurred_at", "2026-03-02T09:15:00.250Z"),
        ("available_at", "2026-03-02T09:20:00.123Z"),
        ("user_email", "ann@acme.example.com"),
        ("app_native_id", APP),
        ("app_object_id", OBJECT),
        ("app_name", "Acme Boards"),
        ("outcome_code", "0"),
        ("auth_method", "FIDO2 security key"),
        ("auth_protocol", ""),
        ("ip", "203.0.113.7"),
        ("country", "FR"),
        ("city", "Lyon"),
        ("ua_os", "Linux"),
        ("ua_browser", "Firefox 140"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!(
        (got.field("asn"), got.field("is_mfa"), got.list("resources")),
        (&json!(64500), &json!(true), vec![RESOURCE])
    );
}

#[test]
fn entra_a_typed_name_that_is_no_address_is_dropped() {
    let failed = [
        ("/properties/status/errorCode", json!(50034)),
        ("/properties/userPrincipalName", json!("correct-horse")),
        ("/properties/userId", json!("00000000-0000-0000-0000-000000000000")),
        ("/properties/userDisplayName", json!("correct-horse")),
    ];
    let got = entra(&edited("entra/signin", &failed));
    assert_eq!(got.list("parse_warnings"), ["typed_name_dropped", "person_missing"]);
    assert!(!format!("{got:?}").contains("correct-horse"));
}

#[test]
fn entra_other_logs_are_ignored_by_their_category_and_other_activities_by_their_name() {
    let graph = edited("entra/signin", &[("/category", json!("MicrosoftGraphActivityLogs"))]);
    assert_eq!(entra(&graph), Got::Ignored("MicrosoftGraphActivityLogs".to_owned()));
    let other = edited("entra/consent", &[("/properties/activityDisplayName", json!("Update user"))]);
    assert_eq!(entra(&other), Got::Ignored("Update user".to_owned()));
    let exporter = edited("entra/consent", &[("/category", json!("ApplicationManagement"))]);
    assert_eq!(entra(&exporter).text("kind"), "oauth_grant", "the audit's own category in the envelope");
    assert_eq!(entra(&json!({"hello": 1})).meaning(), "rejected not_an_event");
}

#[test]
fn section_6_entra_a_date_that_does_not_exist_is_rejected_and_an_hour_with_one_digit_is_not() {
    let at = |text: &str| entra(&edited("entra/signin", &[("/properties/createdDateTime", json!(text))]));
    assert_eq!(
        at("2025-09-31T05:32:08Z").meaning(),
        "rejected bad_time",
        "the envelope's time does not stand in for it"
    );
    assert_eq!(at("2025-09-30T5:32:08Z").text("occurred_at"), "2025-09-30T05:32:08.000Z");
}

#[test]
fn entra_without_id_the_content_is_the_id() {
    let record = without(fixture("entra/signin"), "/properties/id");
    let got = entra(&record);
    assert_eq!(got.list("parse_warnings"), ["no_native_id"]);
    let pretty = serde_json::to_string_pretty(&record).unwrap();
    let again = crate::check::parse_all(Source::Entra, pretty.as_bytes(), &crate::check::context());
    assert_eq!(again[0].text("event_id"), got.text("event_id"));
    assert_ne!(
        entra(&edited("entra/signin", &[("/properties/id", Value::Null), ("/Level", json!(5))])).text("event_id"),
        got.text("event_id")
    );
}

#[test]
fn entra_a_changed_authorization_policy_is_a_policy_change_by_an_administrator_about_no_app() {
    let policy = json!([{
        "id": "88888888-2222-4333-8444-555555555555", "displayName": "Authorization Policy", "type": "Other",
        "modifiedProperties": [{"displayName": "AllowUserConsentForRiskyApps", "oldValue": "[false]", "newValue": "[true]"}]
    }]);
    let changed = |name: &str, result: &str| {
        parse_one(
            Source::Entra,
            &edited(
                "entra/consent",
                &[
                    ("/properties/activityDisplayName", json!(name)),
                    ("/properties/targetResources", policy.clone()),
                    ("/properties/result", json!(result)),
                ],
            ),
        )
    };
    let got = changed("Update authorization policy", "success");
    assert_eq!(got.meaning(), "policy_change success");
    for (field, expected) in [("app_ref", ""), ("app_name", ""), ("actor_type", "admin"), ("user_key", "")] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert!(!got.text("actor_key").is_empty() && got.list("parse_warnings").is_empty(), "{got:?}");
    assert_eq!(changed("Update authorization policy.", "success").meaning(), "policy_change success");
    assert_eq!(changed("Update authorization policy", "failure").meaning(), "ignored", "nothing was changed");
}
