//! Auth0's tenant log (formats.md, section 4), fact by fact.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, context, edited, fixture, parse_all, parse_one, without};

fn auth0(value: &Value) -> Got {
    parse_one(Source::Auth0, value)
}

#[test]
fn auth0_a_login_is_use_of_the_app_that_it_was_for() {
    let got = auth0(&fixture("auth0/login"));
    for (field, expected) in [
        ("kind", "login_success"),
        ("native_type", "s"),
        ("native_id", "90020260302091900123000000000000001223372036854775807"),
        ("occurred_at", "2026-03-02T09:19:00.123Z"),
        ("provider_tenant", "acme"),
        ("session_id", "sess-1"),
        ("user_email", "ann@acme.example.com"),
        ("app_ref", "auth0:client_id:qUoRbItPlAnNeR000000000000000001"),
        ("app_name", "Quorbit Planner"),
        ("auth_method", "waad"),
        ("country", "CH"),
        ("city", "Bern"),
        ("ip", "203.0.113.7"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert!(got.list("parse_warnings").is_empty() && got.list("scopes").is_empty(), "a login grants nothing");
}

#[test]
fn auth0_what_each_code_means() {
    for (code, meaning) in [
        ("s", "login_success success"),
        ("f", "login_failure failure"),
        ("fp", "login_failure failure"),
        ("fu", "login_failure failure"),
        ("fcoa", "login_failure failure"),
        ("pwd_leak", "login_failure denied"),
        ("limit_wc", "login_failure denied"),
        ("signup_pwd_leak", "other denied"),
        ("gd_auth_succeed", "login_challenge success"),
        ("ssa", "sso success"),
        ("seacft", "token_issued success"),
        ("sertft", "token_issued success"),
        ("ferrt", "oauth_denied failure"),
        ("feacft", "oauth_denied failure"),
        ("fsa", "ignored"),
        ("slo", "ignored"),
        ("gd_send_pn", "ignored"),
    ] {
        let got = auth0(&edited("auth0/login", &[("/data/type", json!(code))]));
        assert_eq!(got.meaning(), meaning, "{code}");
    }
    assert_eq!(auth0(&json!({"log_id": "1", "data": {}})).meaning(), "rejected not_an_event");
}

#[test]
fn auth0_a_client_that_gets_a_token_for_itself_is_no_person_and_scopes_may_be_one_text() {
    let got = auth0(&fixture("auth0/token"));
    assert_eq!(
        (got.text("kind"), got.text("actor_type"), got.text("app_kind"), got.field("user_key")),
        ("token_issued", "app", "service", &Value::Null)
    );
    assert_eq!(got.list("scopes"), ["read:orders", "write:orders"]);
    assert_eq!(got.list("resources"), ["https://api.acme.example.com"]);
    assert_eq!(got.list("parse_warnings"), ["zone_missing"]);
}

#[test]
fn auth0_an_operation_is_about_the_app_in_its_body_and_not_about_the_dashboard_that_made_it() {
    let got = auth0(&fixture("auth0/operation"));
    for (field, expected) in [
        ("kind", "oauth_grant"),
        ("consent_type", "application"),
        ("app_ref", "auth0:client_id:nIgHtLyExPoRt0000000000000000001"),
        ("grant_id", "cgr_1"),
        ("actor_type", "admin"),
        ("user_email", "ada.admin@acme.example.com"),
        ("native_id", "90020260302091903"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!(got.list("scopes"), ["read:logs", "read:users"]);
}

#[test]
fn auth0_operations_are_known_by_method_and_path_and_not_by_their_words() {
    for (method, path, meaning) in [
        ("post", "/api/v2/clients", "app_registered success"),
        ("POST", "/v2/clients", "app_registered success"),
        ("post", "/oidc/register", "app_registered success"),
        ("post", "/api/v2/integrations/installed", "app_registered success"),
        ("delete", "/api/v2/clients/qUoRbIt", "app_removed success"),
        ("delete", "/api/v2/client-grants/cgr_1", "oauth_revoke success"),
        ("delete", "/api/v2/grants/g1", "oauth_revoke success"),
        ("patch", "/api/v2/clients/qUoRbIt", "ignored"),
        ("post", "/api/v2/clients/qUoRbIt/rotate-secret", "ignored"),
        ("put", "/api/v2/guardian/policies", "ignored"),
        ("post", "", "ignored"),
    ] {
        let edits = [("/data/details/request/method", json!(method)), ("/data/details/request/path", json!(path))];
        assert_eq!(auth0(&edited("auth0/operation", &edits)).meaning(), meaning, "{method} {path}");
    }
    let removed = edited(
        "auth0/operation",
        &[
            ("/data/details/request/method", json!("delete")),
            ("/data/details/request/path", json!("/api/v2/clients/qUoRbIt")),
            ("/data/details/request/body", json!({})),
            ("/data/details/response/body", json!([])),
        ],
    );
    assert_eq!(auth0(&removed).text("app_ref"), "auth0:client_id:qUoRbIt", "where nothing else tells it");
}

#[test]
fn auth0_what_was_typed_is_kept_nowhere_and_the_words_about_it_neither() {
    let got = auth0(&fixture("auth0/wrong_password"));
    assert_eq!(got.list("parse_warnings"), ["typed_name_dropped", "person_missing"]);
    assert!(!format!("{got:?}").contains("correct-horse"), "{got:?}");
    let known = auth0(&edited("auth0/wrong_password", &[("/data/user_name", json!("ann@acme.example.com"))]));
    assert_eq!(known.text("user_email"), "ann@acme.example.com");
}

#[test]
fn auth0_a_connection_may_be_set_up_with_the_tenants_host_and_the_hostname_proves_nothing() {
    for (configured, meaning) in [
        ("acme", "login_success success"),
        ("acme.eu.auth0.com", "login_success success"),
        ("umbrella.eu.auth0.com", "rejected wrong_tenant"),
        ("login.acme.example.com", "rejected wrong_tenant"),
    ] {
        let mut context = context();
        context.provider_tenant = Some(configured);
        let got = parse_all(Source::Auth0, fixture("auth0/login").to_string().as_bytes(), &context).remove(0);
        assert_eq!(got.meaning(), meaning, "{configured}");
    }
}

#[test]
fn auth0_the_stream_the_api_and_the_bus_tell_the_same_event() {
    let streamed = fixture("auth0/login");
    let expected = auth0(&streamed);
    let bus =
        json!({"version": "0", "detail-type": "Auth0 log", "source": "aws.partner/auth0.com/x", "detail": streamed});
    for (shape, value) in [
        ("an object with logs", json!({"logs": [streamed]})),
        ("an array", json!([streamed])),
        ("the bus", bus),
        ("the API", streamed["data"].clone()),
    ] {
        assert_eq!(auth0(&value), expected, "{shape}");
    }
    let outer = without(streamed, "/data/log_id");
    assert_eq!(auth0(&outer).text("event_id"), expected.text("event_id"));
    let neither = auth0(&without(outer, "/log_id"));
    assert_eq!(neither.list("parse_warnings"), ["no_native_id"]);
}
