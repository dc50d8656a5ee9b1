//! What each event type of Okta becomes (formats.md, section 1), and each decision of section 6 that concerns Okta.

use crate::check::{Got, edited, fixture, parse_one, set, without};
use event::Source;
use serde_json::{Value, json};

fn okta(value: &Value) -> Got {
    parse_one(Source::Okta, value)
}

fn typed(name: &str, event_type: &str, result: &str) -> Value {
    edited(name, &[("/eventType", json!(event_type)), ("/outcome/result", json!(result))])
}

#[test]
fn okta_each_type_has_its_kind() {
    for (event_type, result, meaning) in [
        ("user.session.start", "SUCCESS", "login_success success"),
        ("user.session.start", "FAILURE", "login_failure failure"),
        ("user.session.start", "DENY", "login_failure denied"),
        ("user.authentication.auth_via_IDP", "SUCCESS", "login_success success"),
        ("user.authentication.auth_via_social", "SUCCESS", "login_success success"),
        ("user.authentication.auth_via_AD_agent", "FAILURE", "login_failure failure"),
        ("user.authentication.auth_via_LDAP_agent", "SUCCESS", "login_success success"),
        ("user.authentication.auth_via_radius", "SUCCESS", "login_success success"),
        ("user.authentication.auth_via_inbound_SAML", "SUCCESS", "login_success success"),
        ("user.authentication.auth_via_richclient", "SUCCESS", "login_success success"),
        ("user.authentication.auth_via_mfa", "SUCCESS", "login_challenge success"),
        ("user.authentication.verify", "FAILURE", "login_challenge failure"),
        ("user.authentication.sso", "SUCCESS", "sso success"),
        ("user.authentication.sso", "FAILURE", "oauth_denied failure"),
        ("app.oauth2.signon", "SUCCESS", "sso success"),
        ("app.oauth2.authorize.code", "SUCCESS", "sso success"),
        ("app.oauth2.as.consent.grant", "SUCCESS", "oauth_grant success"),
        ("app.oauth2.consent.grant", "SUCCESS", "oauth_grant success"),
        ("app.oauth2.admin.consent.grant", "SUCCESS", "oauth_grant success"),
        ("app.oauth2.as.consent.revoke", "SUCCESS", "oauth_revoke success"),
        ("app.oauth2.as.consent.revoke.user", "SUCCESS", "oauth_revoke success"),
        ("app.oauth2.as.consent.revoke.user.client", "SUCCESS", "oauth_revoke success"),
        ("app.oauth2.as.consent.revoke.implicit.scope", "SUCCESS", "oauth_revoke success"),
        ("app.oauth2.admin.consent.revoke", "SUCCESS", "oauth_revoke success"),
        ("app.oauth2.token.revoke", "SUCCESS", "oauth_revoke success"),
        ("app.oauth2.as.token.revoke", "FAILURE", "oauth_revoke failure"),
        ("app.oauth2.token.revoke.implicit.user", "SUCCESS", "oauth_revoke success"),
        ("app.oauth2.as.authorize.scope_denied", "FAILURE", "oauth_denied failure"),
        ("app.generic.unauth_app_access_attempt", "FAILURE", "oauth_denied failure"),
        ("application.policy.sign_on.deny_access", "DENY", "oauth_denied denied"),
        ("app.oauth2.token.grant.access_token", "SUCCESS", "token_issued success"),
        ("app.oauth2.as.token.grant.id_token", "SUCCESS", "token_issued success"),
        ("app.oauth2.as.token.grant.refresh_token", "FAILURE", "oauth_denied failure"),
        ("app.oauth2.token.grant.id_jag", "SUCCESS", "token_issued success"),
        ("app.oauth2.token.grant.oauth_sts", "SUCCESS", "token_issued success"),
        ("application.user_membership.add", "SUCCESS", "app_assigned success"),
        ("application.user_membership.provision", "SUCCESS", "app_assigned success"),
        ("application.user_membership.remove", "SUCCESS", "app_unassigned success"),
        ("application.user_membership.revoke", "SUCCESS", "app_unassigned success"),
        ("application.user_membership.deprovision", "SUCCESS", "app_unassigned success"),
        ("application.lifecycle.create", "SUCCESS", "app_registered success"),
        ("application.lifecycle.delete", "SUCCESS", "app_removed success"),
        ("app.oauth2.client.lifecycle.create", "SUCCESS", "app_registered success"),
        ("app.oauth2.client.lifecycle.delete", "SUCCESS", "app_removed success"),
        ("app.lifecycle.create", "SUCCESS", "ignored"),
        ("user.session.end", "SUCCESS", "ignored"),
        ("user.account.lock", "FAILURE", "ignored"),
        ("application.user_membership.show_password", "SUCCESS", "ignored"),
        ("app.oauth2.token.grantx", "SUCCESS", "ignored"),
    ] {
        assert_eq!(okta(&typed("okta/sso", event_type, result)).meaning(), meaning, "{event_type} {result}");
    }
}

#[test]
fn section_6_okta_application_lifecycle_activate_deactivate_update() {
    for (last, meaning) in
        [("activate", "app_registered success"), ("deactivate", "app_removed success"), ("update", "ignored")]
    {
        assert_eq!(okta(&typed("okta/sso", &format!("application.lifecycle.{last}"), "SUCCESS")).meaning(), meaning);
    }
}

#[test]
fn section_6_okta_policy_evaluate_sign_on_challenge_deny_allow() {
    for (result, meaning) in
        [("CHALLENGE", "login_challenge challenge"), ("DENY", "login_failure denied"), ("ALLOW", "ignored")]
    {
        assert_eq!(okta(&typed("okta/sso", "policy.evaluate_sign_on", result)).meaning(), meaning);
    }
}

#[test]
fn section_6_okta_the_custom_servers_authorize_code_is_sso() {
    assert_eq!(okta(&typed("okta/sso", "app.oauth2.as.authorize.code", "SUCCESS")).text("kind"), "sso");
}

#[test]
fn section_6_okta_a_consent_that_failed_is_denied() {
    for event_type in ["app.oauth2.as.consent.grant", "app.oauth2.consent.grant", "app.oauth2.admin.consent.grant"] {
        let got = okta(&typed("okta/consent", event_type, "FAILURE"));
        assert_eq!(got.meaning(), "oauth_denied failure");
        assert_eq!(got.list("scopes"), ["calendar.read", "files.read"], "what was asked for");
    }
}

#[test]
fn section_6_okta_a_detected_account_is_an_assignment_by_nobody() {
    let mut event = typed("okta/membership", "application.account.detect", "SUCCESS");
    set(&mut event, "/actor", json!({"id": "00usystem", "type": "User", "alternateId": "scanner@acme.example.com"}));
    let got = okta(&event);
    assert_eq!((got.text("kind"), got.text("actor_type")), ("app_assigned", "unknown"));
    assert_eq!((got.text("user_email"), got.text("actor_email")), ("bob@acme.example.com", ""));
}

#[test]
fn section_6_okta_access_requests() {
    for (event_type, kind) in
        [("app.access_request.request", "oauth_request"), ("app.access_request.grant", "app_assigned")]
    {
        assert_eq!(okta(&typed("okta/membership", event_type, "SUCCESS")).text("kind"), kind);
    }
}

#[test]
fn section_6_okta_the_app_instance_of_auth_via_idp_is_no_app() {
    let got = okta(&typed("okta/sso", "user.authentication.auth_via_IDP", "SUCCESS"));
    assert_eq!((got.text("kind"), got.text("app_native_id"), got.text("app_id_kind")), ("login_success", "", "none"));
}

#[test]
fn section_6_okta_a_revoked_token_is_its_clients() {
    let got = okta(&typed("okta/token", "app.oauth2.as.token.revoke", "SUCCESS"));
    assert_eq!((got.text("kind"), got.text("actor_type")), ("oauth_revoke", "app"));
    assert_eq!((got.text("app_native_id"), got.text("app_name")), ("0oaclient0000000001", "Notes for Teams"));
}

#[test]
fn section_6_5_okta_consents_to_oktas_own_clients_are_ignored() {
    let mut event = typed("okta/consent", "app.oauth2.admin.consent.grant", "SUCCESS");
    assert_eq!(okta(&event).text("consent_type"), "tenant_wide");
    assert_eq!(okta(&event).text("app_native_id"), "0oaclient0000000001", "0oa is a real app");
    for index in 0..3 {
        let client = json!("okta.2b1959c8-bcc0-56eb-a589-cfcfb7422f26");
        set(&mut event, &format!("/target/{index}/detailEntry/publicclientapp"), client);
    }
    assert_eq!(okta(&event), Got::Ignored("app.oauth2.admin.consent.grant".to_owned()));
}

#[test]
fn section_6_7_the_text_unknown_is_no_alternate_id() {
    let got = okta(&edited("okta/login_failed", &[("/actor/alternateId", json!("unknown"))]));
    assert_eq!(got.list("parse_warnings"), ["person_missing"], "nothing was dropped, because nothing was told");
}

#[test]
fn okta_fields_of_a_sign_on() {
    let got = okta(&fixture("okta/sso"));
    for (field, expected) in [
        ("source", "okta"),
        ("stream", "system_log"),
        ("tenant", "acme"),
        ("connection", "conn"),
        ("native_id", "11111111-0000-4000-8000-000000000001"),
        ("native_type", "user.authentication.sso"),
        ("session_id", "idxSession0000000001"),
        ("transaction_id", "txn-0001"),
        ("occurred_at", "2026-03-02T09:15:00.250Z"),
        ("available_at", "2026-03-02T09:15:01.000Z"),
        ("received_at", "2027-01-15T08:00:00.000Z"),
        ("actor_type", "user"),
        ("user_email", "ann@acme.example.com"),
        ("app_native_id", "0oaboard00000000001"),
        ("app_id_kind", "app_id"),
        ("app_name", "Whiteboards (Design)"),
        ("app_kind", "saml"),
        ("app_ref", "okta:app_id:0oaboard00000000001"),
        ("outcome_code", "SUCCESS"),
        ("auth_protocol", "SAML_2_0"),
        ("ip", "203.0.113.7"),
        ("as_org", "example telecom"),
        ("country", "FR"),
        ("city", "Lyon"),
        ("ua_os", "Linux"),
        ("ua_browser", "FIREFOX"),
    ] {
        assert_eq!(got.text(field), expected, "{field}");
    }
    assert_eq!(
        (got.field("asn"), got.field("is_proxy"), got.field("actor_key")),
        (&json!(64500), &json!(false), &Value::Null)
    );
}

#[test]
fn okta_the_label_is_the_orgs_and_the_template_is_not_the_name() {
    let oidc =
        [("/target/0/alternateId", json!("Expenses")), ("/target/0/displayName", json!("OpenID Connect Client"))];
    assert_eq!(okta(&edited("okta/sso", &oidc)).text("app_name"), "Expenses");
    let got = okta(&edited("okta/sso", &[("/target/0/id", Value::Null)]));
    assert_eq!((got.text("app_native_id"), got.text("app_ref")), ("", "okta:label:Whiteboards (Design)"));
}

#[test]
fn okta_one_consent_is_one_event_however_many_scopes() {
    let got = okta(&fixture("okta/consent"));
    assert_eq!(got.list("scopes"), ["calendar.read", "files.read"]);
    assert_eq!((got.text("app_native_id"), got.text("app_name")), ("0oaclient0000000001", ""));
    assert_eq!((got.text("consent_type"), got.text("grant_id")), ("user", "oag0000000000000001"));
    assert_eq!(got.list("resources"), ["ausdefault000000001"]);
    assert_eq!(
        got.text("user_email"),
        "ann@acme.example.com",
        "the consent's user is the actor, who is known by address"
    );
}

#[test]
fn okta_granted_scopes_of_a_token_are_comma_separated() {
    let got = okta(&fixture("okta/token"));
    assert_eq!((got.text("kind"), got.text("actor_type")), ("token_issued", "app"));
    assert_eq!(got.list("scopes"), ["files.read", "openid", "profile"]);
    assert_eq!(got.text("user_email"), "ann@acme.example.com");
}

#[test]
fn okta_who_signs_on_is_not_the_account_in_the_app() {
    let shared = okta(&edited("okta/sso", &[("/target/1/alternateId", json!("marketing@acme.example.com"))]));
    assert_eq!(shared.text("user_email"), "ann@acme.example.com");
    let assigned = without(edited("okta/membership", &[("/target/2/type", json!("Note"))]), "/transaction");
    assert_eq!(okta(&assigned).text("user_email"), "bob@acme.example.com", "an assignment is the account's");
}

#[test]
fn section_5_9_oktas_own_apps_are_marked_and_kept() {
    for name in ["Okta Dashboard", "Okta Admin Console", "Okta Browser Plugin"] {
        let got = okta(&edited("okta/sso", &[("/target/0/displayName", json!(name))]));
        assert_eq!((got.text("kind"), got.text("app_kind")), ("sso", "first_party"));
    }
    let label = okta(&edited("okta/sso", &[("/target/0/alternateId", json!("Okta Dashboard"))]));
    assert_eq!(label.text("app_kind"), "saml", "a label is not a template");
}

#[test]
fn okta_without_uuid_the_content_is_the_id_and_says_so() {
    let event = without(fixture("okta/sso"), "/uuid");
    let got = okta(&event);
    assert!(got.list("parse_warnings").contains(&"no_native_id"));
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    let again = crate::check::parse_all(Source::Okta, pretty.as_bytes(), &crate::check::context());
    assert_eq!(again[0].text("event_id"), got.text("event_id"));
}

#[test]
fn okta_what_makes_no_event_is_rejected_with_its_reason() {
    for (event, reason) in [
        (without(fixture("okta/sso"), "/published"), "rejected missing_field"),
        (edited("okta/sso", &[("/published", json!("redacted"))]), "rejected bad_time"),
        (edited("okta/sso", &[("/published", json!("2025-09-31T05:00:00Z"))]), "rejected bad_time"),
        (without(fixture("okta/sso"), "/eventType"), "rejected not_an_event"),
        (json!({}), "rejected not_an_event"),
    ] {
        assert_eq!(okta(&event).meaning(), reason);
    }
}
