//! GitHub's audit log (formats.md, section 4), fact by fact.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn github(value: &Value) -> Got {
    parse_one(Source::Github, value)
}

#[test]
fn github_an_installed_app_is_a_grant_to_the_app_itself() {
    let got = github(&fixture("github/installation"));
    for (field, expected) in [
        ("kind", "oauth_grant"),
        ("native_type", "integration_installation.create"),
        ("native_id", "xY3kQuorbitInstall01"),
        ("occurred_at", "2026-03-02T09:19:00.123Z"),
        ("provider_tenant", "acme-holding"),
        ("transaction_id", "AAAA:1:2:3"),
        ("app_ref", "github:client_id:Iv23liQUORBIT"),
        ("app_name", "Quorbit CI"),
        ("consent_type", "application"),
        ("actor_type", "user"),
        ("user_email", "ann@acme.example.com"),
        ("country", "CH"),
        ("ip", "203.0.113.7"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert!(got.list("parse_warnings").is_empty());
}

#[test]
fn github_what_each_action_means() {
    for (action, meaning) in [
        ("integration_installation.create", "oauth_grant success"),
        ("integration_installation.version_updated", "oauth_grant success"),
        ("integration_installation.destroy", "oauth_revoke success"),
        ("integration_installation.suspend", "oauth_revoke success"),
        ("integration_installation_request.create", "oauth_request success"),
        ("integration_installation.repositories_added", "ignored"),
        ("org.oauth_app_access_approved", "oauth_grant success"),
        ("org.oauth_app_access_denied", "oauth_revoke success"),
        ("org.oauth_app_access_requested", "oauth_request success"),
        ("oauth_application.create", "app_registered success"),
        ("oauth_application.destroy", "app_removed success"),
        ("oauth_authorization.create", "oauth_grant success"),
        ("oauth_authorization.destroy", "oauth_revoke success"),
        ("org_credential_authorization.grant", "oauth_grant success"),
        ("org_credential_authorization.revoke", "oauth_revoke success"),
        ("personal_access_token.access_granted", "oauth_grant success"),
        ("personal_access_token.request_created", "oauth_request success"),
        ("personal_access_token.request_denied", "oauth_denied denied"),
        ("org.disable_oauth_app_restrictions", "policy_change success"),
        ("org.enable_oauth_app_restrictions", "policy_change success"),
        ("org.disable_two_factor_requirement", "ignored"),
        ("org.sso_response", "login_success success"),
        ("user.failed_login", "login_failure failure"),
        ("repo.create", "ignored"),
    ] {
        let got = github(&edited("github/installation", &[("/action", json!(action))]));
        assert_eq!(got.meaning(), meaning, "{action}");
    }
    assert_eq!(github(&json!({"hello": 1})).meaning(), "rejected not_an_event");
}

#[test]
fn github_a_closed_request_says_how_it_was_closed() {
    for (reason, meaning) in [("denied", "oauth_denied denied"), ("approved", "ignored"), ("cancelled", "ignored")] {
        let edits = [("/action", json!("integration_installation_request.close")), ("/reason", json!(reason))];
        assert_eq!(github(&edited("github/installation", &edits)).meaning(), meaning, "{reason}");
    }
}

#[test]
fn github_an_approved_oauth_app_is_known_by_name_alone_and_the_id_beside_it_is_whose_token_acted() {
    let got = github(&fixture("github/oauth_approved"));
    assert_eq!(
        (got.text("app_ref"), got.text("app_name"), got.text("consent_type"), got.text("actor_type")),
        ("github:object_id:Quorbit Boards", "Quorbit Boards", "tenant_wide", "admin")
    );
}

#[test]
fn github_an_authorisation_names_its_app_and_scopes() {
    let got = github(&fixture("github/oauth_authorization"));
    assert_eq!((got.text("app_ref"), got.text("consent_type")), ("github:client_id:445566", "user"));
    assert_eq!(got.list("scopes"), ["read:org", "repo"]);
    assert_eq!((got.text("actor_type"), got.field("actor_key")), ("user", &Value::Null), "for oneself");
}

#[test]
fn github_a_token_of_a_person_is_a_grant_without_an_app() {
    let got = github(&fixture("github/token"));
    assert_eq!((got.text("kind"), got.text("app_ref"), got.text("grant_id")), ("oauth_grant", "", "31"));
    assert_eq!(got.text("actor_type"), "admin", "an owner approved it for somebody else");
    assert!(got.field("user_key").is_string() && got.field("actor_key").is_string());
    assert!(got.list("parse_warnings").is_empty(), "no app is missing");
}

#[test]
fn github_the_events_of_a_webhook_are_no_page() {
    let got = github(&fixture("github/webhook"));
    assert_eq!(got, Got::Ignored("hook.create".to_owned()));
}

#[test]
fn github_entries_of_old_servers_keep_half_of_it_in_data() {
    let got = github(&fixture("github/server_2017"));
    assert_eq!(
        (got.text("kind"), got.text("transaction_id"), got.text("country"), got.text("provider_tenant")),
        ("app_registered", "r-1", "CH", "")
    );
    assert_eq!(
        got.list("parse_warnings"),
        ["no_native_id", "app_missing"],
        "an id of dots is none, and the app is not told"
    );
    assert!(
        got.field("user_key").is_string() && got.field("actor_key").is_string(),
        "whose app it is, and who made it"
    );
}

#[test]
fn github_times_are_milliseconds_or_text_under_two_names() {
    let old = github(&fixture("github/installation_2022"));
    assert_eq!(
        (old.text("occurred_at"), old.text("app_ref")),
        ("2026-03-02T09:28:05.542Z", "github:object_id:Quorbit CI")
    );
    let streamed = github(&without(fixture("github/installation"), "/created_at"));
    assert_eq!(streamed.text("occurred_at"), "2026-03-02T09:19:00.123Z");
    let neither = without(without(fixture("github/installation"), "/created_at"), "/@timestamp");
    assert_eq!(github(&neither).meaning(), "rejected missing_field");
}

#[test]
fn github_a_bot_is_no_person() {
    for edit in [
        ("/actor_is_bot", json!(true)),
        ("/actor", json!("dependabot[bot]")),
        ("/programmatic_access_type", json!("GitHub App server-to-server token")),
    ] {
        let got = github(&edited("github/installation", std::slice::from_ref(&edit)));
        assert_eq!((got.text("actor_type"), got.field("user_key")), ("app", &Value::Null), "{edit:?}");
    }
    let for_a_person = ("/programmatic_access_type", json!("GitHub App user-to-server token"));
    assert_eq!(github(&edited("github/installation", &[for_a_person])).text("actor_type"), "user");
}

#[test]
fn github_a_connection_may_be_an_organisation_or_an_enterprise() {
    for (configured, meaning) in [
        ("acme", "oauth_grant success"),
        ("Acme-Holding", "oauth_grant success"),
        ("somebody-else", "rejected wrong_tenant"),
    ] {
        let mut context = context();
        context.provider_tenant = Some(configured);
        let body = fixture("github/installation").to_string();
        let got = parse_all(Source::Github, body.as_bytes(), &context).remove(0);
        assert_eq!(got.meaning(), meaning, "{configured}");
    }
    let mut context = context();
    context.provider_tenant = Some("acme");
    let body = fixture("github/server_2017").to_string();
    let got = parse_all(Source::Github, body.as_bytes(), &context).remove(0);
    assert_eq!(got.text("provider_tenant"), "acme", "an entry that does not say is the connection's");
}

#[test]
fn github_a_failed_login_keeps_no_typed_name() {
    let failed = [
        ("/action", json!("user.failed_login")),
        ("/actor", json!("correct-horse")),
        ("/actor_id", Value::Null),
        ("/external_identity_nameid", Value::Null),
    ];
    let got = github(&edited("github/installation", &failed));
    assert_eq!(got.list("parse_warnings"), ["typed_name_dropped", "person_missing"]);
    assert!(!format!("{got:?}").contains("correct-horse"));
}
