//! What no provider should send and some day one does: events of another age, endless texts, endless lists. Each is an event like any other;
//! what was left out of it is flagged. Whether a time can be true is judged where the event is received (`clamp`), not here.

use event::Source;
use serde_json::{Value, json};

use crate::check::{Got, edited, fixture, parse_one};

/// A fixture of each provider, and where it says when, with the form of it.
const WHEN: [(Source, &str, &str, Form); 10] = [
    (Source::Okta, "okta/sso", "/published", Form::Text),
    (Source::Entra, "entra/signin", "/properties/createdDateTime", Form::Text),
    (Source::GoogleWorkspace, "google/login", "/id/time", Form::Text),
    (Source::M365Ual, "ual/logged_in", "/CreationTime", Form::Text),
    (Source::Slack, "slack/login", "/date_create", Form::Seconds),
    (Source::Github, "github/installation", "/created_at", Form::Milliseconds),
    (Source::Auth0, "auth0/login", "/data/date", Form::Text),
    (Source::Onelogin, "onelogin/login", "/created_at", Form::Text),
    (Source::Dropbox, "dropbox/login", "/timestamp", Form::Text),
    (Source::Salesforce, "salesforce/login", "/TIMESTAMP_DERIVED", Form::Text),
];

/// Where a provider tells the client's program.
const PROGRAM: [(Source, &str, &str); 7] = [
    (Source::Okta, "okta/sso", "/client/userAgent/rawUserAgent"),
    (Source::Entra, "entra/signin", "/properties/userAgent"),
    (Source::M365Ual, "ual/logged_in", "/ExtendedProperties/1/Value"),
    (Source::Slack, "slack/login", "/context/ua"),
    (Source::Github, "github/installation", "/user_agent"),
    (Source::Auth0, "auth0/login", "/data/user_agent"),
    (Source::Salesforce, "salesforce/login", "/BROWSER_TYPE"),
];

#[derive(Clone, Copy)]
enum Form {
    Text,
    Seconds,
    Milliseconds,
}

fn meaning_of(source: Source, name: &str) -> String {
    parse_one(source, &fixture(name)).meaning()
}

#[test]
fn an_event_from_the_future_or_from_1970_is_an_event_of_that_time() {
    for (source, name, pointer, form) in WHEN {
        for (year, text, seconds) in
            [("2150", "2150-01-01T00:00:00Z", 5_680_281_600_i64), ("1970", "1970-01-02T00:00:00Z", 86_400)]
        {
            let time = match form {
                Form::Text => json!(text),
                Form::Seconds => json!(seconds),
                Form::Milliseconds => json!(seconds * 1_000),
            };
            let got = parse_one(source, &edited(name, &[(pointer, time)]));
            assert_eq!(got.meaning(), meaning_of(source, name), "{source}");
            // A small number of milliseconds reads as one of seconds: another day of those years.
            let told = got.text("occurred_at");
            assert!(
                told.starts_with(year) || matches!(form, Form::Milliseconds) && told.starts_with("197"),
                "{source}: {told}"
            );
            assert!(!got.list("parse_warnings").contains(&"clock_skew"), "{source}: parsing judges no time");
        }
    }
}

#[test]
fn a_user_agent_of_40_kb_is_cut_and_costs_no_event() {
    for (source, name, pointer) in PROGRAM {
        let got = parse_one(source, &edited(name, &[(pointer, json!("Möbius/1.0 ".repeat(3_600)))]));
        assert_eq!(got.meaning(), meaning_of(source, name), "{source}");
        assert!(got.list("parse_warnings").contains(&"text_cut"), "{source}: {:?}", got.list("parse_warnings"));
        let kept = got.text("user_agent");
        assert!(
            kept.starts_with("Möbius/1.0 ") && (1_000..=1_024).contains(&kept.len()),
            "{source}: {} bytes",
            kept.len()
        );
    }
}

#[test]
fn five_thousand_scopes_are_a_grant_whose_list_was_cut() {
    let scopes: Vec<String> = (0..5_000).map(|number| format!("q{number}")).collect();
    let permissions = |layout: &str| {
        let entry = format!(
            "Id: g, ClientId: 22222222-2222-4333-8444-555555555555, PrincipalId: 44444444-2222-4333-8444-555555555555, ResourceId: 33333333-2222-4333-8444-555555555555, ConsentType: Principal, Scope: {}",
            scopes.join(" ")
        );
        layout.replace("ENTRY", &format!("[] => [[{entry}]]; "))
    };
    let consent_of = |name: &str, list: &str, key: &str, value: &str| {
        let mut consent = fixture(name);
        let all = consent.pointer_mut(list).and_then(Value::as_array_mut).unwrap();
        let is_it = |property: &&mut Value| {
            let told = property.get("displayName").or_else(|| property.get("Name"));
            told.is_some_and(|told| told == "ConsentAction.Permissions")
        };
        all.iter_mut().find(is_it).unwrap()[key] = json!(value);
        consent
    };
    // Okta has a target for each scope. With all that stands in one, such an event is larger than an event may be, and a dead letter.
    let target = |scope: &String| json!({"type": "ConsentGrant", "displayName": scope});
    let mut targets: Vec<Value> = scopes.iter().skip(1).map(target).collect();
    targets.insert(
        0,
        json!({"type": "ConsentGrant", "displayName": scopes[0], "detailEntry": {"publicclientapp": "0oa1"}}),
    );
    let entra = consent_of(
        "entra/consent",
        "/properties/targetResources/0/modifiedProperties",
        "newValue",
        &json!(permissions("ENTRY")).to_string(),
    );
    let ual = consent_of("ual/consent", "/ModifiedProperties", "NewValue", &permissions("ENTRY"));
    let slack = edited("slack/app_installed", &[("/entity/app/scopes", json!(scopes))]);
    for (source, native) in [
        (Source::Okta, edited("okta/consent", &[("/target", json!(targets))])),
        (Source::Entra, entra),
        (Source::M365Ual, ual),
        (Source::Slack, slack),
    ] {
        let got: Got = parse_one(source, &native);
        assert_eq!(got.meaning(), "oauth_grant success", "{source}");
        assert!(got.list("parse_warnings").contains(&"list_cut"), "{source}: {:?}", got.list("parse_warnings"));
        let kept = got.list("scopes");
        assert!(kept.len() >= 500, "{source}: {} are kept", kept.len());
        assert!(
            kept.iter().all(|scope| scopes.iter().any(|whole| whole == scope) || source == Source::Slack),
            "{source}: one is cut in two"
        );
    }
}
