//! Each decision of section 6 that concerns Google, and the kinds and the field map of section 2, as a test.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn google(value: &Value) -> Got {
    parse_one(Source::GoogleWorkspace, value)
}

/// An event of that application and name, without parameters.
fn named(application: &str, name: &str, parameters: &Value) -> Got {
    google(&edited(
        "google/login",
        &[
            ("/id/applicationName", json!(application)),
            ("/events/0/name", json!(name)),
            ("/events/0/parameters", parameters.clone()),
        ],
    ))
}

#[test]
fn google_each_event_has_its_kind() {
    for (application, name, meaning) in [
        ("login", "login_success", "login_success success"),
        ("login", "login_failure", "login_failure failure"),
        ("login", "login_challenge", "login_challenge challenge"),
        ("login", "login_verification", "login_challenge challenge"),
        ("login", "logout", "ignored"),
        ("login", "2sv_enroll", "ignored"),
        ("saml", "login_success", "sso success"),
        ("saml", "login_failure", "oauth_denied failure"),
        ("token", "authorize", "oauth_grant success"),
        ("token", "revoke", "oauth_revoke success"),
        ("token", "deny", "oauth_denied denied"),
        ("token", "request", "oauth_request challenge"),
        ("token", "activity", "token_use success"),
        ("token", "something_new", "ignored"),
        ("admin", "ADD_APPLICATION", "app_assigned success"),
        ("admin", "REMOVE_APPLICATION", "app_unassigned success"),
        ("admin", "REVOKE_3LO_TOKEN", "oauth_revoke success"),
        ("admin", "REVOKE_3LO_DEVICE_TOKENS", "oauth_revoke success"),
        ("admin", "CREATE_USER", "ignored"),
        ("drive", "login_success", "ignored"),
        ("user_accounts", "authorize", "ignored"),
    ] {
        assert_eq!(named(application, name, &json!([])).meaning(), meaning, "{application}: {name}");
    }
}

#[test]
fn section_6_google_risk_events_are_other_and_the_person_is_the_affected_one() {
    for name in [
        "suspicious_login",
        "suspicious_login ",
        "suspicious_login_less_secure_app",
        "suspicious_programmatic_login",
        "account_disabled_spamming",
        "account_disabled_password_leak",
        "gov_attack_warning",
    ] {
        let got = google(&edited("google/risk", &[("/events/0/name", json!(name))]));
        assert_eq!(
            (got.meaning().as_str(), got.text("user_email")),
            ("other unknown", "ben@acme.example.com"),
            "{name}"
        );
        assert_eq!((got.text("actor_type"), got.field("actor_key")), ("system", &Value::Null));
    }
}

#[test]
fn section_6_google_a_saml_app_is_the_label_that_an_administrator_set() {
    let got = google(&fixture("google/saml"));
    for (field, expected) in [
        ("kind", "sso"),
        ("stream", "saml"),
        ("app_native_id", ""),
        ("app_id_kind", "label"),
        ("app_name", "Whiteboards (Design)"),
        ("app_ref", "google_workspace:label:Whiteboards (Design)"),
        ("app_kind", "saml"),
        ("auth_protocol", "saml"),
        ("user_email", "ann@acme.example.com"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    for (failure, meaning) in [
        ("failure_app_not_enabled_for_user", "oauth_denied denied"),
        ("failure_app_not_configured_for_user", "oauth_denied denied"),
        ("failure_invalid_request", "oauth_denied failure"),
    ] {
        let parameters =
            json!([{"name": "application_name", "value": "Whiteboards"}, {"name": "failure_type", "value": failure}]);
        let got = named("saml", "login_failure", &parameters);
        assert_eq!((got.meaning().as_str(), got.text("outcome_code")), (meaning, failure));
    }
}

#[test]
fn section_6_google_add_application_is_an_assignment_for_all() {
    let got = google(&fixture("google/add_application"));
    assert_eq!((got.meaning().as_str(), got.text("stream")), ("app_assigned success", "admin"));
    assert_eq!(
        (got.text("app_native_id"), got.text("app_id_kind"), got.text("app_name")),
        ("123456789012", "app_id", "Quorbit for Workspace")
    );
    assert_eq!((got.field("user_key"), got.list("parse_warnings").len()), (&Value::Null, 0), "nobody in particular");
    assert_eq!((got.text("actor_type"), got.text("actor_email")), ("admin", "Ida.Admin@acme.example.com"));
}

#[test]
fn section_6_google_allow_lists_and_api_access_are_policy() {
    for name in [
        "CHANGE_APP_ACCESS",
        "CHANGE_API_ACCESS",
        "ADD_TO_TRUSTED_OAUTH2_APPS",
        "REMOVE_FROM_TRUSTED_OAUTH2_APPS",
        "ADD_TO_BLOCKED_OAUTH2_APPS",
        "REMOVE_FROM_BLOCKED_OAUTH2_APPS",
        "ADD_TO_LIMITED_OAUTH2_APPS",
        "TRUST_DOMAIN_OWNED_OAUTH2_APPS",
        "ALLOW_SERVICE_FOR_OAUTH2_ACCESS",
        "UNBLOCK_ALL_THIRD_PARTY_API_ACCESS",
        "ADD_APPLICATION_TO_WHITELIST",
        "ADD_MOBILE_APPLICATION_TO_WHITELIST",
    ] {
        let got = named(
            "admin",
            name,
            &json!([{"name": "OAUTH2_APP_ID", "value": "12-x"}, {"name": "MOBILE_APP_PACKAGE_ID", "value": "12-x"}]),
        );
        assert_eq!((got.text("kind"), got.text("app_native_id")), ("policy_change", "12-x"), "{name}");
        assert_eq!((got.text("actor_type"), got.field("user_key")), ("admin", &Value::Null));
    }
    let setting = |name: &str| json!([{"name": "SETTING_NAME", "value": name}, {"name": "OLD_VALUE", "value": "2"}, {"name": "NEW_VALUE", "value": "3"}]);
    let opened = named("admin", "CHANGE_EMAIL_SETTING", &setting("ENABLE_G_SUITE_MARKETPLACE"));
    assert_eq!(
        (opened.text("kind"), opened.text("outcome_reason")),
        ("policy_change", "ENABLE_G_SUITE_MARKETPLACE: 2 => 3")
    );
    assert_eq!(named("admin", "CHANGE_EMAIL_SETTING", &setting("ENABLE_POP_ACCESS")).meaning(), "ignored");
}

#[test]
fn section_6_google_an_entry_of_cloud_logging_is_its_insert_id_and_the_connections_tenant() {
    let mut context = context();
    context.provider_tenant = Some("C0acme001");
    let parse = |value: &Value| parse_all(Source::GoogleWorkspace, value.to_string().as_bytes(), &context).remove(0);
    let got = parse(&fixture("google/entry_login"));
    for (field, expected) in [
        ("kind", "login_success"),
        ("stream", "login"),
        ("native_id", "-invented1"),
        ("provider_tenant", "C0acme001"),
        ("occurred_at", "2026-03-02T09:15:00.250Z"),
        ("available_at", "2026-03-02T10:18:01.836Z"),
        ("user_email", "ann@acme.example.com"),
        ("ip", "203.0.113.7"),
        ("auth_method", "password"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    let other = edited("google/entry_login", &[("/insertId", json!("-invented9"))]);
    assert_ne!(parse(&other).text("event_id"), got.text("event_id"));

    let (entry, activity) = (parse(&fixture("google/entry_authorize")), parse(&fixture("google/authorize")));
    for field in
        ["kind", "stream", "occurred_at", "user_key", "app_ref", "app_name", "app_kind", "scopes", "resources", "ip"]
    {
        assert_eq!(entry.field(field), activity.field(field), "{field}");
    }
    let page =
        json!({"entries": [fixture("google/entry_login"), fixture("google/entry_authorize")], "nextPageToken": "x"});
    assert_eq!(parse_all(Source::GoogleWorkspace, page.to_string().as_bytes(), &context).len(), 2);
}

#[test]
fn google_an_entry_tells_its_log_by_service_and_method() {
    for (service, method, name, meaning) in [
        ("oauth2.googleapis.com", "google.identity.oauth2.GetToken", "", "oauth_grant success"),
        ("oauth2.googleapis.com", "google.identity.oauth2.RevokeToken", "", "oauth_revoke success"),
        ("oauth2.googleapis.com", "google.identity.oauth2.Deny", "", "oauth_denied denied"),
        ("oauth2.googleapis.com", "google.identity.oauth2.Request", "", "oauth_request challenge"),
        ("oauth2.googleapis.com", "google.identity.oauth2.GetTokenInfo", "", "token_use success"),
        ("login.googleapis.com", "google.login.LoginService.loginFailure", "login_failure", "login_failure failure"),
        ("login.googleapis.com", "google.apps.login.v1.SamlLoginSucceeded", "login_success", "sso success"),
        ("admin.googleapis.com", "google.admin.AdminService.addApplication", "ADD_APPLICATION", "app_assigned success"),
        ("compute.googleapis.com", "v1.compute.instances.insert", "", "ignored"),
    ] {
        let mut entry = edited(
            "google/entry_login",
            &[("/protoPayload/serviceName", json!(service)), ("/protoPayload/methodName", json!(method))],
        );
        entry["protoPayload"]["metadata"]["event"] =
            if name.is_empty() { json!([]) } else { json!([{"eventName": name}]) };
        assert_eq!(google(&entry).meaning(), meaning, "{method}");
    }
}

#[test]
fn google_fields_of_a_consent_are_read_from_where_the_map_says() {
    let got = google(&fixture("google/authorize"));
    for (field, expected) in [
        ("source", "google_workspace"),
        ("stream", "token"),
        ("native_type", "authorize"),
        ("native_id", "-4100000000000000001"),
        ("provider_tenant", "C0acme001"),
        ("occurred_at", "2026-03-02T09:15:00.250Z"),
        ("actor_type", "user"),
        ("user_email", "ann@acme.example.com"),
        ("app_name", "Quorbit Notes"),
        ("app_kind", "web"),
        ("consent_type", "user"),
        ("ip", "203.0.113.7"),
        ("country", "FR"),
        ("user_agent", ""),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!((got.field("asn"), got.field("actor_key")), (&json!(64500), &Value::Null));
    assert_eq!(got.list("scopes"), ["https://www.googleapis.com/auth/drive.readonly", "openid"]);
    assert_eq!(got.list("resources"), ["DRIVE", "IDENTITY"]);
    for (client_type, kind) in [
        ("NATIVE_IOS", "native"),
        ("NATIVE_CHROME_EXTENSION", "native"),
        ("CONNECTED_DEVICE", "native"),
        ("TYPE_UNSPECIFIED", "unknown"),
    ] {
        let got = google(&edited("google/authorize", &[("/events/0/parameters/2/value", json!(client_type))]));
        assert_eq!(got.text("app_kind"), kind);
    }
}

#[test]
fn google_scopes_are_one_value_many_or_the_scope_datas() {
    for scope in [
        json!({"name": "scope", "multiValue": ["openid", "a:b"]}),
        json!({"name": "scope", "value": "openid a:b"}),
        json!({"name": "scope", "multiStrValue": ["openid", "a:b", "openid"]}),
    ] {
        let got = google(&edited("google/authorize", &[("/events/0/parameters/4", scope.clone())]));
        assert_eq!(got.list("scopes"), ["a:b", "openid"], "{scope}");
    }
    let mut without_scope = fixture("google/authorize");
    without_scope["events"][0]["parameters"].as_array_mut().unwrap().pop();
    assert_eq!(google(&without_scope).list("scopes"), google(&fixture("google/authorize")).list("scopes"));
}

#[test]
fn google_five_thousand_scopes_are_cut_and_said_so() {
    let many: Vec<String> = (0..5_000).map(|number| format!("https://example.com/auth/{number}")).collect();
    let got = google(&edited("google/authorize", &[("/events/0/parameters/4/multiValue", json!(many))]));
    assert_eq!((got.text("kind"), got.list("parse_warnings")), ("oauth_grant", vec!["list_cut"]));
    assert!(got.list("scopes").len() > 100);
}

#[test]
fn google_a_login_tells_its_factors() {
    let got = google(&fixture("google/login"));
    assert_eq!((got.text("auth_method"), got.field("is_mfa")), ("password google_authenticator", &json!(true)));
    let methods = |methods: Value| {
        let got = google(&edited("google/login", &[("/events/0/parameters/1/multiValue", methods)]));
        (got.text("auth_method").to_owned(), got.field("is_mfa") == &json!(true))
    };
    assert_eq!(methods(json!(vec!["password"; 5])), ("password".to_owned(), false), "five passwords are one factor");
    assert_eq!(methods(json!(["none"])), ("google_password".to_owned(), false));
    for (status, outcome) in
        [("passed", "success"), ("Challenge Passed.", "success"), ("failed", "failure"), ("", "challenge")]
    {
        let got = google(&edited("google/login_verification", &[("/events/0/parameters/2/value", json!(status))]));
        assert_eq!((got.text("outcome"), got.text("outcome_code")), (outcome, status));
        assert_eq!(got.field("is_mfa"), &json!(outcome == "success"));
    }
    let failed = google(&fixture("google/login_failed"));
    assert_eq!(failed.text("outcome_code"), "login_failure_invalid_password");
    let suspicious = google(&edited("google/login", &[("/events/0/parameters/2/boolValue", json!(true))]));
    assert_eq!(suspicious.text("outcome_reason"), "is_suspicious");
}

#[test]
fn google_a_typed_password_is_no_name() {
    let typed = edited("google/login_failed", &[("/actor", json!({"email": "hunter2"}))]);
    let got = google(&typed);
    assert_eq!(
        (got.field("user_key"), got.list("parse_warnings")),
        (&Value::Null, vec!["typed_name_dropped", "person_missing"])
    );
    assert!(!format!("{got:?}").contains("hunter2"));
}

#[test]
fn google_who_acted_is_told_apart_from_whom_it_concerns() {
    let got = parse_all(Source::GoogleWorkspace, fixture("google/several").to_string().as_bytes(), &context());
    assert_eq!(
        (got[2].text("user_email"), got[2].text("actor_email"), got[2].text("actor_type")),
        ("ben@acme.example.com", "Ida.Admin@acme.example.com", "admin")
    );
    for (actor, actor_type) in [
        (json!({"callerType": "KEY", "key": "SYSTEM"}), "system"),
        (json!({"callerType": "KEY", "key": "consumer.example.com"}), "app"),
        (json!({"profileId": "105250506097979753968"}), "unknown"),
        (json!({"email": "ann@acme.example.com"}), "user"),
    ] {
        let got = google(&edited("google/authorize", &[("/actor", actor)]));
        assert_eq!((got.text("actor_type"), got.field("user_key").is_string()), (actor_type, actor_type == "user"));
    }
    let asked =
        json!([{"name": "client_id", "value": "12-x"}, {"name": "requester_email", "value": "cleo@acme.example.com"}]);
    assert_eq!(named("token", "request", &asked).text("user_email"), "cleo@acme.example.com");
}

#[test]
fn section_5_9_googles_own_apps_are_marked_and_kept() {
    let mut context = context();
    context.is_first_party = |source, id| source == Source::GoogleWorkspace && id.starts_with("123456789012-");
    let body = fixture("google/authorize").to_string();
    let got = parse_all(Source::GoogleWorkspace, body.as_bytes(), &context).remove(0);
    assert_eq!((got.text("kind"), got.text("app_kind")), ("oauth_grant", "first_party"));
}

#[test]
fn google_missing_parts_are_missing_and_nothing_else() {
    let bare = without(without(without(fixture("google/authorize"), "/actor"), "/ipAddress"), "/networkInfo");
    let got = google(&bare);
    assert_eq!((got.meaning().as_str(), got.list("parse_warnings")), ("oauth_grant success", vec!["person_missing"]));
    assert_eq!((got.text("ip"), got.text("country"), got.field("asn")), ("", "", &Value::Null));
}
