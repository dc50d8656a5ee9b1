//! The lines of section 5 that hold for every provider, through whole bodies.

use event::Source;
use ingest::parse::{FileOptions, ParseContext, parse_files, readable_providers};
use serde_json::{Value, json};

use crate::check::{Got, KEY, context, edited, fixture, parse_all, parse_one};

#[test]
fn section_5_1_an_events_id_does_not_depend_on_its_place() {
    let (one, other) = (fixture("okta/sso"), fixture("okta/consent"));
    let ids = |page: Value| -> Vec<String> {
        let got = parse_all(Source::Okta, page.to_string().as_bytes(), &context());
        got.iter().map(|got| got.text("event_id").to_owned()).collect()
    };
    let mut reversed = ids(json!([other, one]));
    reversed.reverse();
    assert_eq!(ids(json!([one, other])), reversed);
}

#[test]
fn section_5_4_numbers_surrogates_double_keys_and_unknown_fields_cost_nothing() {
    let text = fixture("okta/sso").to_string();
    for (from, to) in [
        ("\"uuid\":", "\"more\":{\"a\":[1e400,-0.0,12345678901234567890123]},\"uuid\":"),
        ("\"uuid\":", "\"uuid\":\"first\",\"uuid\":"),
        ("Firefox/140.0", "Firefox/140.0 \\ud83d"),
        ("Firefox/140.0", "Firefox/140.0 \\ud83d\\ude00"),
    ] {
        let got = parse_all(Source::Okta, text.replace(from, to).as_bytes(), &context());
        assert_eq!(got.iter().map(Got::meaning).collect::<Vec<_>>(), ["sso success"], "{to}");
        assert_eq!(got[0].text("native_id"), "11111111-0000-4000-8000-000000000001");
    }
    let mut bytes = text.clone().into_bytes();
    let at = text.find("Firefox").unwrap();
    bytes[at] = 0xff;
    assert_eq!(parse_all(Source::Okta, &bytes, &context())[0].meaning(), "sso success");
    let big = parse_one(Source::Okta, &edited("okta/sso", &[("/transaction/id", json!(9_007_199_254_740_993_u64))]));
    assert_eq!(big.text("transaction_id"), "9007199254740993");
}

#[test]
fn section_5_5_names_are_stored_composed_and_otherwise_as_they_are() {
    for (name, expected) in
        [("Cafe\u{301} Notes", "Café Notes"), ("Sly\u{202e}fdp", "Sly\u{202e}fdp"), ("ﬁles", "ﬁles")]
    {
        let got = parse_one(Source::Okta, &edited("okta/sso", &[("/target/0/alternateId", json!(name))]));
        assert_eq!(got.text("app_name"), expected);
    }
}

#[test]
fn section_5_8_no_query_of_a_url_is_in_an_event_or_a_dead_letter() {
    let event = edited(
        "okta/sso",
        &[
            ("/debugContext/debugData/url", json!("/login/token/redirect?stateToken=st4te")),
            ("/debugContext/debugData/requestUri", json!("/x?stateToken=st4te")),
            ("/debugContext/debugData/redirectUri", json!("https://app.example.com/cb?code=st4te")),
        ],
    );
    assert!(!format!("{:?}", parse_one(Source::Okta, &event)).contains("st4te"));
    let scrubbed = ingest::delivery::scrub(event.to_string().as_bytes(), &[]);
    assert!(!scrubbed.text.contains("st4te") && scrubbed.is_redrivable);
    assert_eq!(parse_all(Source::Okta, scrubbed.text.as_bytes(), &context()), [parse_one(Source::Okta, &event)]);
}

#[test]
fn text_beyond_its_limit_is_cut_and_flagged() {
    let long = "x".repeat(5_000);
    let got = parse_one(Source::Okta, &edited("okta/sso", &[("/client/userAgent/rawUserAgent", json!(long))]));
    assert_eq!((got.text("user_agent").len(), got.list("parse_warnings")), (1_024, vec!["text_cut"]));
    let target = |scope: usize| json!({"type": "ConsentGrant", "displayName": format!("{}{scope}", "s".repeat(60)), "detailEntry": {"publicclientapp": "0oa1"}});
    let many: Vec<Value> = (0..900).map(target).collect();
    let got = parse_one(Source::Okta, &edited("okta/consent", &[("/target", json!(many))]));
    assert_eq!(got.list("parse_warnings"), ["list_cut"]);
    assert!(got.list("scopes").iter().all(|scope| scope.starts_with(&"s".repeat(60))), "no token is cut in two");
}

#[test]
fn an_unknown_country_and_a_bad_address_are_flagged() {
    let odd = [("/client/geographicalContext/country", json!("Atlantis")), ("/client/ipAddress", json!("redacted"))];
    assert_eq!(
        parse_one(Source::Okta, &edited("okta/sso", &odd)).list("parse_warnings"),
        ["bad_ip", "unknown_country"]
    );
}

#[test]
fn a_provider_without_a_parser_is_said_so() {
    for source in Source::ALL.iter().copied().filter(|source| readable_providers().all(|readable| readable != *source))
    {
        let got = parse_one(source, &json!({"events": []}));
        assert_eq!(got, Got::Rejected("not_an_event".to_owned(), format!("there is no parser for {source}")));
    }
}

#[test]
fn files_are_counted_and_names_are_printed_only_when_asked_for() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/okta");
    let files = [folder.join("hook.json"), folder.join("login_failed.json")];
    for is_clear in [false, true] {
        let options = FileOptions {
            provider: Source::Okta,
            is_clear,
            tenant_key: &KEY,
            is_first_party: |_, _| false,
            mapping: None,
        };
        let mut out = Vec::new();
        let counts = parse_files(&options, &files, &mut out).unwrap();
        assert_eq!((counts.read, counts.events, counts.ignored, counts.rejected), (3, 3, 0, 0));
        let out = String::from_utf8(out).unwrap();
        assert_eq!((out.lines().count(), out.contains("ann@acme.example.com")), (3, is_clear));
        assert!(out.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["occurred_at"].is_string()));
    }
    let options = FileOptions {
        provider: Source::Okta,
        is_clear: false,
        tenant_key: &KEY,
        is_first_party: |_, _| false,
        mapping: None,
    };
    let error = parse_files(&options, &[folder.join("none.json")], &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("none.json") && error.contains("name a file that exists"), "{error}");
}

/// The app by which Daylight itself logs in: its consents, sign-ins and delegations are kept, and marked as the provider's own are.
#[test]
fn section_5_9_the_clients_of_our_own_connections_are_marked_and_kept() {
    const REGISTERED: &str = "11111111-2222-4333-8444-555555555555";
    for (source, name, own, kind) in [
        (Source::Entra, "entra/consent", REGISTERED, "oauth_grant"),
        (Source::Entra, "entra/signin_sp", REGISTERED, "token_use"),
        (Source::Entra, "entra/role_to_app", REGISTERED, "oauth_grant"),
        (Source::M365Ual, "ual/consent", REGISTERED, "oauth_grant"),
        (Source::M365Ual, "ual/role_to_app", REGISTERED, "oauth_grant"),
        (Source::GoogleWorkspace, "google/delegation", "100000000000000000042", "oauth_grant"),
        (Source::Okta, "okta/token", "0oaclient0000000001", "token_issued"),
    ] {
        let body = fixture(name).to_string();
        let told = |own_clients: &[String]| {
            let got = parse_all(source, body.as_bytes(), &ParseContext { own_clients, ..context() }).remove(0);
            assert_eq!(got.text("kind"), kind, "{name}");
            (got.text("app_native_id").to_owned(), got.text("app_kind") == "first_party")
        };
        let (id, is_marked) = told(&[own.to_uppercase()]);
        assert_eq!((id.as_str(), is_marked), (own, true), "{name}");
        assert!(!told(&["another".to_owned(), String::new()]).1, "{name}");
    }
}

#[test]
fn section_5_9_microsofts_own_apps_are_marked_and_kept() {
    for (source, name) in [(Source::Entra, "entra/signin"), (Source::M365Ual, "ual/logged_in")] {
        let mut context = context();
        context.is_first_party = |source, _| source.issuer() == Source::Entra;
        let got = parse_all(source, fixture(name).to_string().as_bytes(), &context).remove(0);
        assert_eq!((got.text("kind"), got.text("app_kind")), ("login_success", "first_party"), "{name}");
    }
}
