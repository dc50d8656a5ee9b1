//! Dropbox's team log (formats.md, section 4), fact by fact.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn dropbox(value: &Value) -> Got {
    parse_one(Source::Dropbox, value)
}

#[test]
fn dropbox_a_linked_app_is_a_grant_of_that_app() {
    let got = dropbox(&fixture("dropbox/link_member"));
    for (field, expected) in [
        ("kind", "oauth_grant"),
        ("native_id", ""),
        ("native_type", "app_link_user"),
        ("occurred_at", "2026-03-02T09:19:00.000Z"),
        ("provider_tenant", ""),
        ("session_id", "dbwsid:1"),
        ("user_email", "ann@acme.example.com"),
        ("app_ref", "dropbox:client_id:dbaid:AAAquorbit"),
        ("app_name", "Quorbit Sync"),
        ("consent_type", "user"),
        ("actor_type", "user"),
        ("country", "CH"),
        ("city", "Bern"),
        ("ip", "203.0.113.7"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!(got.list("parse_warnings"), ["no_native_id"]);
}

#[test]
fn dropbox_what_each_type_means() {
    for (tag, meaning) in [
        ("app_link_member", "oauth_grant success"),
        ("app_link_team", "oauth_grant success"),
        ("app_unlink_member", "oauth_revoke success"),
        ("app_unlink_user", "oauth_revoke success"),
        ("app_unlink_team", "oauth_revoke success"),
        ("app_blocked_by_permissions", "oauth_denied denied"),
        ("integration_policy_changed", "policy_change success"),
        ("login_success", "login_success success"),
        ("login_fail", "login_failure failure"),
        ("sign_in_as_session_start", "other success"),
        ("file_add", "ignored"),
        ("logout", "ignored"),
    ] {
        let got = dropbox(&edited("dropbox/link_member", &[("/event_type/.tag", json!(tag))]));
        assert_eq!(got.meaning(), meaning, "{tag}");
    }
    assert_eq!(dropbox(&json!({"timestamp": "2026-03-02T09:19:00Z"})).meaning(), "rejected not_an_event");
}

#[test]
fn dropbox_an_app_of_the_team_is_let_in_for_everybody_and_the_dot_of_a_tag_may_be_a_line() {
    let got = dropbox(&fixture("dropbox/link_team"));
    assert_eq!(
        (got.text("kind"), got.text("consent_type"), got.text("user_email"), got.text("transaction_id")),
        ("oauth_grant", "tenant_wide", "ada.admin@acme.example.com", "dbarod:1")
    );
}

#[test]
fn dropbox_an_integration_is_known_by_name_alone() {
    let connected = [
        ("/event_type/.tag", json!("integration_connected")),
        ("/details", json!({".tag": "integration_connected_details", "integration_name": "Quorbit Meet"})),
    ];
    let got = dropbox(&edited("dropbox/link_member", &connected));
    assert_eq!((got.text("kind"), got.text("app_ref")), ("oauth_grant", "dropbox:object_id:Quorbit Meet"));
}

#[test]
fn dropbox_a_login_is_use_of_dropbox_itself() {
    let got = dropbox(&fixture("dropbox/login"));
    assert_eq!(
        (got.text("kind"), got.text("app_ref"), got.text("auth_method")),
        ("login_success", "dropbox:label:Dropbox", "saml")
    );
    let strong = [("/details/login_method/.tag", json!("two_factor_authentication"))];
    assert_eq!(dropbox(&edited("dropbox/login", &strong)).field("is_mfa"), &json!(true));
}

#[test]
fn dropbox_an_administrator_who_works_as_a_member_is_told_of_beside_the_member() {
    let edits = [
        ("/event_type/.tag", json!("sign_in_as_session_start")),
        (
            "/actor",
            json!({".tag": "admin", "admin": {"account_id": "dbid:AAAada", "email": "ada.admin@acme.example.com"}}),
        ),
    ];
    let got = dropbox(&edited("dropbox/login", &edits));
    assert_eq!(
        (
            got.text("kind"),
            got.text("actor_type"),
            got.text("user_email"),
            got.text("actor_email"),
            got.text("app_ref")
        ),
        ("other", "admin", "ann@acme.example.com", "ada.admin@acme.example.com", "")
    );
}

#[test]
fn dropbox_the_content_is_the_id_however_it_is_printed() {
    let event = fixture("dropbox/link_member");
    let got = dropbox(&event);
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    assert_eq!(parse_all(Source::Dropbox, pretty.as_bytes(), &context())[0].text("event_id"), got.text("event_id"));
    let other = dropbox(&edited("dropbox/link_member", &[("/involve_non_team_member", json!(true))]));
    assert_ne!(other.text("event_id"), got.text("event_id"));
}

#[test]
fn dropbox_pages_are_split_and_a_failed_login_keeps_no_typed_name() {
    let page =
        json!({"events": [fixture("dropbox/link_member"), fixture("dropbox/login")], "cursor": "c", "has_more": false});
    let got = parse_all(Source::Dropbox, page.to_string().as_bytes(), &context());
    assert_eq!(
        (got[0].meaning().as_str(), got[1].meaning().as_str()),
        ("oauth_grant success", "login_success success")
    );
    let typed = json!({"account_id": "", "email": "correct-horse", "display_name": "correct-horse"});
    let failed = [("/event_type/.tag", json!("login_fail")), ("/actor/user", typed.clone()), ("/context", typed)];
    let got = dropbox(&edited("dropbox/login", &failed));
    assert_eq!(got.list("parse_warnings"), ["no_native_id", "typed_name_dropped", "person_missing"]);
    assert!(!format!("{got:?}").contains("correct-horse"));
    assert_eq!(dropbox(&without(fixture("dropbox/login"), "/timestamp")).meaning(), "rejected missing_field");
}
