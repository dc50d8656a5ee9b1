//! OneLogin's events (formats.md, section 4), fact by fact.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn onelogin(value: &Value) -> Got {
    parse_one(Source::Onelogin, value)
}

#[test]
fn onelogin_a_login_to_onelogin_is_about_no_app() {
    let got = onelogin(&fixture("onelogin/login"));
    for (field, expected) in [
        ("kind", "login_success"),
        ("native_id", "7700001"),
        ("native_type", "5"),
        ("provider_tenant", "55555"),
        ("occurred_at", "2026-03-02T09:19:00.123Z"),
        ("app_ref", ""),
        ("actor_type", "user"),
        ("user_email", ""),
        ("ip", "203.0.113.7"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert!(got.field("user_key").is_string(), "the name is no login, and the id is the person");
}

#[test]
fn onelogin_what_each_number_means() {
    for (code, meaning) in [
        (json!(5), "login_success success"),
        (json!("5"), "login_success success"),
        (json!(6), "login_failure failure"),
        (json!(8), "sso success"),
        (json!(78), "sso success"),
        (json!(77), "oauth_denied failure"),
        (json!(90), "oauth_denied denied"),
        (json!(34), "oauth_request success"),
        (json!(137), "app_assigned success"),
        (json!(138), "oauth_denied denied"),
        (json!(206), "app_assigned success"),
        (json!(207), "app_unassigned success"),
        (json!(3), "other success"),
        (json!(11), "ignored"),
        (json!(531), "ignored"),
    ] {
        let got = onelogin(&edited("onelogin/app", &[("/event_type_id", code.clone())]));
        assert_eq!(got.meaning(), meaning, "{code}");
    }
    assert_eq!(onelogin(&json!({"hello": 1})).meaning(), "rejected not_an_event");
}

#[test]
fn onelogin_an_app_is_its_id_or_else_the_label_that_an_administrator_gave_it() {
    let got = onelogin(&fixture("onelogin/app"));
    assert_eq!((got.text("app_ref"), got.text("app_name")), ("onelogin:app_id:4242", "Quorbit Planner"));
    let sparse = onelogin(&without(fixture("onelogin/app"), "/app_id"));
    assert_eq!(sparse.text("app_ref"), "onelogin:label:Quorbit Planner");
}

#[test]
fn onelogin_the_webhook_has_another_id_and_another_time_and_an_administrator_is_no_subject() {
    let got = onelogin(&fixture("onelogin/webhook"));
    assert_eq!(
        (got.text("native_id"), got.text("occurred_at"), got.text("actor_type")),
        ("0b1c2d3e-aaaa-4222-8333-944455556666", "2026-03-02T09:19:06.000Z", "admin")
    );
    assert_eq!(got.text("actor_email"), "ada.admin@acme.example.com", "who has no name is told by address");
    assert_eq!(got.field("user_key"), onelogin(&fixture("onelogin/app")).field("user_key"));
}

#[test]
fn onelogin_an_app_that_joins_a_role_is_about_nobody_in_particular() {
    let got = onelogin(&edited("onelogin/webhook", &[("/event_type_id", json!(1)), ("/user_id", Value::Null)]));
    assert_eq!((got.text("kind"), got.field("user_key")), ("app_assigned", &Value::Null));
    assert!(got.list("parse_warnings").is_empty());
}

#[test]
fn onelogin_a_name_that_was_typed_is_kept_only_as_an_address() {
    let failed = [
        ("/event_type_id", json!(6)),
        ("/user_id", Value::Null),
        ("/user_name", json!("correct-horse")),
        ("/actor_user_id", Value::Null),
        ("/actor_user_name", Value::Null),
    ];
    let got = onelogin(&edited("onelogin/login", &failed));
    assert_eq!(got.list("parse_warnings"), ["typed_name_dropped", "person_missing"]);
    assert!(!format!("{got:?}").contains("correct-horse"));
    let known = onelogin(&edited("onelogin/login", &[("/event_type_id", json!(6))]));
    assert!(known.list("parse_warnings").is_empty(), "the name beside an id is the account's");
}

#[test]
fn onelogin_pages_are_split_and_another_account_is_another_tenant() {
    let entry = fixture("onelogin/app");
    let page =
        json!({"status": {"error": false, "code": 200}, "pagination": {"after_cursor": null}, "data": [entry, entry]});
    let mut context = context();
    context.provider_tenant = Some("55555");
    let got = parse_all(Source::Onelogin, page.to_string().as_bytes(), &context);
    assert!(got.len() == 2 && got[0] == got[1] && got[0].meaning() == "sso success");
    context.provider_tenant = Some("66666");
    let got = parse_all(Source::Onelogin, entry.to_string().as_bytes(), &context);
    assert_eq!(got[0].meaning(), "rejected wrong_tenant");
}

#[test]
fn onelogin_without_time_there_is_no_event_and_without_id_the_content_is_one() {
    assert_eq!(onelogin(&without(fixture("onelogin/app"), "/created_at")).meaning(), "rejected missing_field");
    assert_eq!(onelogin(&without(fixture("onelogin/app"), "/id")).list("parse_warnings"), ["no_native_id"]);
}
