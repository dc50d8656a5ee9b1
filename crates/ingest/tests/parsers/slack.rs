//! Slack's three logs (formats.md, section 4), fact by fact.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn slack(value: &Value) -> Got {
    parse_one(Source::Slack, value)
}

#[test]
fn slack_an_installation_is_a_grant_of_the_installed_app() {
    let got = slack(&fixture("slack/app_installed"));
    for (field, expected) in [
        ("kind", "oauth_grant"),
        ("stream", "audit"),
        ("native_type", "app_installed"),
        ("native_id", "0b1c2d3e-1111-4222-8333-944455556666"),
        ("occurred_at", "2026-03-02T09:19:00.000Z"),
        ("provider_tenant", "T0ACMEWORK"),
        ("session_id", "987654321"),
        ("user_email", "Ann@acme.example.com"),
        ("app_ref", "slack:client_id:A0QUORBIT01"),
        ("app_name", "Quorbit Notes"),
        ("app_kind", "unknown"),
        ("consent_type", "user"),
        ("actor_type", "user"),
        ("outcome", "success"),
        ("ip", "203.0.113.7"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!(got.list("scopes"), ["channels:history", "chat:write", "commands", "users:read"], "of person and bot");
    assert!(got.list("parse_warnings").is_empty());
}

#[test]
fn slack_what_each_action_means() {
    for (action, meaning) in [
        ("app_installed", "oauth_grant success"),
        ("app_scopes_expanded", "oauth_grant success"),
        ("app_resources_granted", "oauth_grant success"),
        ("bot_token_upgraded", "oauth_grant success"),
        ("org_app_workspace_added", "oauth_grant success"),
        ("app_uninstalled", "oauth_revoke success"),
        ("app_restricted", "oauth_revoke success"),
        ("org_app_workspace_removed", "oauth_revoke success"),
        ("app_approved", "policy_change success"),
        ("pref.app_whitelist_enabled", "policy_change success"),
        ("user_login", "login_success success"),
        ("user_login_failed", "login_failure failure"),
        ("anomaly", "other success"),
        ("user_logout", "ignored"),
        ("file_downloaded", "ignored"),
    ] {
        let got = slack(&edited("slack/app_installed", &[("/action", json!(action))]));
        assert_eq!(got.meaning(), meaning, "{action}");
    }
    assert_eq!(slack(&json!({"hello": 1})).meaning(), "rejected not_an_event");
}

#[test]
fn slack_an_app_of_the_organisation_is_let_in_for_everybody() {
    for (action, expected, actor) in [
        ("app_installed", "user", "user"),
        ("org_app_workspace_added", "tenant_wide", "admin"),
        ("org_app_installed", "tenant_wide", "admin"),
        ("app_uninstalled", "unknown", "user"),
    ] {
        let got = slack(&edited("slack/app_installed", &[("/action", json!(action))]));
        assert_eq!((got.text("consent_type"), got.text("actor_type")), (expected, actor), "{action}");
    }
}

#[test]
fn slack_expanded_scopes_are_the_whole_new_set_and_the_difference_is_worked_out() {
    let got = slack(&fixture("slack/scopes_expanded"));
    assert_eq!(got.list("scopes"), ["chat:write", "im:history", "users:read"]);
    assert_eq!((got.list("scopes_added"), got.list("scopes_removed")), (vec!["im:history"], vec!["commands"]));
    assert_eq!(got.list("parse_warnings"), ["zone_missing"], "exporters write the time as text");
}

#[test]
fn slack_a_login_is_use_of_slack_itself() {
    let got = slack(&fixture("slack/login"));
    assert_eq!(
        (got.text("kind"), got.text("app_ref"), got.text("app_name"), got.text("app_kind"), got.text("auth_method")),
        ("login_success", "slack:label:Slack", "Slack", "unknown", "saml")
    );
    assert_eq!(got.text("provider_tenant"), "E0ACMEGRID");
}

#[test]
fn slack_what_was_typed_at_a_failed_login_is_kept_only_as_an_address() {
    let failed = [
        ("/action", json!("user_login_failed")),
        ("/actor/user", json!({"id": "", "name": "hunter2", "email": "hunter2"})),
        ("/entity/user", Value::Null),
    ];
    let got = slack(&edited("slack/login", &failed));
    assert_eq!(got.list("parse_warnings"), ["typed_name_dropped", "person_missing"]);
    assert!(!format!("{got:?}").contains("hunter2"));
}

#[test]
fn slack_an_anomaly_is_kept_for_its_reason() {
    let got = slack(&fixture("slack/anomaly"));
    assert_eq!(
        (got.text("kind"), got.text("outcome_reason"), got.text("app_ref")),
        ("other", "session_fingerprint", "")
    );
}

#[test]
fn slack_itself_is_no_person() {
    let got = slack(&edited(
        "slack/app_installed",
        &[("/actor/user", json!({"id": "USLACKUSER", "name": "Slack", "email": ""}))],
    ));
    assert_eq!((got.text("actor_type"), got.field("user_key")), ("system", &Value::Null));
    assert!(got.list("parse_warnings").is_empty());
}

#[test]
fn slack_a_workspace_of_the_enterprise_is_no_other_tenant_and_a_guests_home_is_none_either() {
    for (configured, location, meaning) in [
        ("E0ACMEGRID", "T0ACMEWORK", "oauth_grant success"),
        ("E0ACMEGRID", "E0ACMEGRID", "oauth_grant success"),
        ("E0ACMEGRID", "E0OTHER", "rejected wrong_tenant"),
        ("T0ACMEWORK", "T0ACMEWORK", "oauth_grant success"),
        ("T0ACMEWORK", "T0OTHER", "rejected wrong_tenant"),
    ] {
        let entry = edited(
            "slack/app_installed",
            &[("/context/location/id", json!(location)), ("/actor/user/team", json!("E0SOMEBODYELSE"))],
        );
        let mut context = context();
        context.provider_tenant = Some(configured);
        let got = parse_all(Source::Slack, entry.to_string().as_bytes(), &context).remove(0);
        assert_eq!(got.meaning(), meaning, "{configured} {location}");
        if let Got::Event(..) = got {
            assert_eq!(got.text("provider_tenant"), configured);
        }
    }
}

#[test]
fn slack_without_id_the_content_is_the_id_and_without_time_there_is_no_event() {
    let got = slack(&without(fixture("slack/app_installed"), "/id"));
    assert_eq!(got.list("parse_warnings"), ["no_native_id"]);
    assert_eq!(slack(&without(fixture("slack/app_installed"), "/date_create")).meaning(), "rejected missing_field");
}

#[test]
fn slack_the_integration_log_tells_of_apps_and_of_services_by_other_ids() {
    let app = slack(&fixture("slack/integration"));
    assert_eq!(
        (app.text("kind"), app.text("app_ref"), app.text("app_name"), app.text("native_type")),
        ("oauth_grant", "slack:client_id:A0QUORBIT01", "Quorbit Notes", "added")
    );
    assert_eq!(app.list("scopes"), ["channels:read", "chat:write:user"], "one text with commas");
    assert_eq!(app.text("occurred_at"), "2026-03-02T09:20:01.000Z", "seconds as text");
    let service = slack(&fixture("slack/integration_service"));
    assert_eq!(
        (service.text("kind"), service.text("app_ref"), service.text("app_name"), service.text("outcome_reason")),
        ("oauth_revoke", "slack:app_id:5550001111", "Airship Calendar", "user")
    );
    assert!([&app, &service].iter().all(|got| got.list("parse_warnings") == ["no_native_id"]));
    let updated = slack(&edited("slack/integration", &[("/change_type", json!("updated"))]));
    assert_eq!(updated, Got::Ignored("updated".to_owned()), "its settings changed, and nothing was granted");
}

#[test]
fn slack_an_access_is_known_by_its_last_time_however_often_it_is_polled() {
    let got = slack(&fixture("slack/access"));
    for (field, expected) in [
        ("kind", "login_success"),
        ("stream", "login"),
        ("app_ref", "slack:label:Slack"),
        ("occurred_at", "2026-03-02T09:21:40.000Z"),
        ("country", "CH"),
        ("as_org", "Example Telecom"),
        ("ip", "203.0.113.8"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    let again = slack(&edited("slack/access", &[("/region", json!("ZH"))]));
    let later = slack(&edited("slack/access", &[("/date_last", json!(1_772_450_000)), ("/count", json!(8))]));
    assert_eq!(again.text("event_id"), got.text("event_id"));
    assert_ne!(later.text("event_id"), got.text("event_id"));
    assert_eq!(later.text("user_key"), got.text("user_key"));
}

#[test]
fn slack_pages_of_each_log_are_split() {
    for (key, name) in [("entries", "app_installed"), ("logs", "integration"), ("logins", "access")] {
        let entry = fixture(&format!("slack/{name}"));
        let page = json!({"ok": true, "response_metadata": {"next_cursor": "x"}, (key): [entry, entry]});
        let got = parse_all(Source::Slack, page.to_string().as_bytes(), &context());
        assert!(got.len() == 2 && got[0] == got[1] && got[0] == slack(&entry), "{key}");
    }
}
