//! Each rule, on the events of a provider: what must fire it and what must not. Native JSON goes in, through the real parsers, tables and
//! engine; no process and no server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use catalog::Catalogue;
use detection::{Engine, Findings, Observation, RULES, Settings};
use enrichment::Enricher;
use event::{Control, Coordinates, Decision, LogId, Position, Source, Status, TenantKey, Timestamp};
use ingest::{
    delivery::EVENTS_PER_DELIVERY_MAX,
    parse::{Outcome, ParseContext, parse_body},
};
use serde_json::{Value, json};
use tests::events::{
    Click, entra_consent, github_authorisation, github_installation, google_authorize, google_delegation, google_sso,
    okta_consent, okta_sso, page, slack_installation, ual_companion, ual_consent, ual_login,
};

const ANN: &str = "ann.archer@brightwater.example.com";
const BEN: &str = "ben.baker@brightwater.example.com";
/// An app of a company's own, in Okta; nobody's catalogue knows it.
const WIDGETS: (&str, &str) = ("0oawidgets0000000001", "Widget Planner");
/// Apps in Entra.
const TOOL: (&str, &str) = ("7a100000-0000-4000-8000-000000000001", "Quorbit Tool");
const FALSE_TEAMS: (&str, &str) = ("7a100000-0000-4000-8000-000000000002", "Micros0ft Teams");
/// Apps inside of a product.
const NOTES: (&str, &str) = ("A0QUORBITNOTES", "Quorbit Notes");
const PIPELINE: (&str, &str) = ("Iv23liQUORBIT", "Quorbit Pipeline");
/// The client by which Daylight itself logs in, whose id is configured.
const OWN: (&str, &str) = ("7a100000-0000-4000-8000-000000000003", "Daylight");
/// Facts of public lists: a rogue app, and a first-party app of Microsoft.
const EM_CLIENT: (&str, &str) = ("e9a7fea1-1cc0-4cd9-a31b-9137ca5deedd", "eM Client");
const TEAMS: (&str, &str) = ("1fec8e78-bce4-4aaf-ab1b-5451cc387264", "Microsoft Teams");

/// A client of Google's clouds that nobody knows, and one of Google's own.
const QUORBIT: (&str, &str) = ("612345678901-quorbit.apps.googleusercontent.com", "Quorbit Notes");
const CHROME: (&str, &str) = ("77185425430.apps.googleusercontent.com", "Google Chrome");

/// Some of them as decisions name them.
const WIDGETS_REF: &str = "okta:app_id:0oawidgets0000000001";
const NOTES_REF: &str = "slack:client_id:A0QUORBITNOTES";
const PIPELINE_REF: &str = "github:client_id:Iv23liQUORBIT";
const TOOL_REF: &str = "entra:client_id:7a100000-0000-4000-8000-000000000001";

/// What happens, in order.
enum Step {
    Native(Source, Value),
    Decide(&'static str, Status),
}

/// A story, and whether its last step fires the rule.
type Case = (&'static str, &'static str, Vec<Step>, bool);

fn click(number: u64, email: &'static str, (app_id, app_name): (&'static str, &'static str)) -> Click<'static> {
    Click { number, email, app_id, app_name, at_ms: 1_772_442_000_000 + i64::try_from(number).unwrap() * 60_000 }
}

fn sso(number: u64, email: &'static str, app: (&'static str, &'static str)) -> Step {
    Step::Native(Source::Okta, okta_sso(&click(number, email, app)))
}

fn refused_sso(number: u64, email: &'static str, app: (&'static str, &'static str)) -> Step {
    let mut event = okta_sso(&click(number, email, app));
    event["eventType"] = json!("app.generic.unauth_app_access_attempt");
    event["outcome"] = json!({"result": "FAILURE", "reason": "not assigned"});
    Step::Native(Source::Okta, event)
}

fn consent(number: u64, app: (&'static str, &'static str), scopes: &[&str]) -> Step {
    Step::Native(Source::Entra, entra_consent(&click(number, ANN, app), scopes))
}

fn consent_for_all(number: u64, app: (&'static str, &'static str), scopes: &[&str]) -> Step {
    let text = entra_consent(&click(number, ANN, app), scopes).to_string();
    let text = text.replace("ConsentType: Principal", "ConsentType: AllPrincipals").replace(
        r#"{"displayName":"ConsentContext.OnBehalfOfAll","newValue":"\"False\"","oldValue":null}"#,
        r#"{"displayName":"ConsentContext.OnBehalfOfAll","newValue":"\"True\"","oldValue":null}"#,
    );
    assert!(text.contains("True"), "the fixture was not changed: {text}");
    Step::Native(Source::Entra, serde_json::from_str(&text).unwrap())
}

fn google(number: u64, app: (&'static str, &'static str), scopes: &[&str]) -> Step {
    Step::Native(Source::GoogleWorkspace, google_authorize(&click(number, ANN, app), scopes))
}

fn google_saml(number: u64, email: &'static str, label: &'static str) -> Step {
    Step::Native(Source::GoogleWorkspace, google_sso(&click(number, email, ("", label))))
}

fn google_for_all(number: u64, scopes: &[&str]) -> Step {
    let client = ("100000000000000000042", "");
    Step::Native(Source::GoogleWorkspace, google_delegation(&click(number, ANN, client), scopes))
}

fn slack(number: u64, scopes: &[&str]) -> Step {
    Step::Native(Source::Slack, slack_installation(&click(number, ANN, NOTES), scopes))
}

fn github(number: u64) -> Step {
    Step::Native(Source::Github, github_installation(&click(number, ANN, PIPELINE)))
}

fn authorised(scopes: &[&str]) -> Step {
    Step::Native(Source::Github, github_authorisation(&click(1, ANN, PIPELINE), scopes))
}

/// The same app, first met by so many people.
fn crowd(people: u64) -> Vec<Step> {
    let emails: Vec<&'static str> = (0..people)
        .map(|number| -> &'static str { Box::leak(format!("p{number}@brightwater.example.com").into_boxed_str()) })
        .collect();
    emails.into_iter().zip(1..).map(|(email, number)| sso(number, email, WIDGETS)).collect()
}

fn cases() -> Vec<Case> {
    let cases =
        [new_app_cases(), consent_cases(), identity_and_people_cases(), product_cases(), google_cases(), ual_cases()];
    cases.into_iter().flatten().collect()
}

fn new_app_cases() -> Vec<Case> {
    vec![
        ("N1", "the first sign-in to an app that nobody knows", vec![sso(1, ANN, WIDGETS)], true),
        ("N1", "a consent to an app that nobody knows", vec![consent(1, TOOL, &["User.Read"])], true),
        (
            "N1",
            "a refused attempt does not hide the use that follows",
            vec![refused_sso(1, ANN, WIDGETS), sso(2, BEN, WIDGETS)],
            true,
        ),
        ("N1", "the same app by somebody else", vec![sso(1, ANN, WIDGETS), sso(2, BEN, WIDGETS)], false),
        (
            "N1",
            "an app that IT has sanctioned",
            vec![Step::Decide(WIDGETS_REF, Status::Sanctioned), sso(1, ANN, WIDGETS)],
            false,
        ),
        ("N1", "an app of Microsoft's own", vec![consent(1, TEAMS, &["User.Read"])], false),
        ("N2", "a second person", vec![sso(1, ANN, WIDGETS), sso(2, BEN, WIDGETS)], true),
        ("N2", "the same person again", vec![sso(1, ANN, WIDGETS), sso(2, ANN, WIDGETS)], false),
        ("N4", "the fifth person", crowd(5), true),
        ("N4", "the fourth person", crowd(4), false),
    ]
}

fn consent_cases() -> Vec<Case> {
    vec![
        ("C1", "all mail, by one person", vec![consent(1, TOOL, &["Mail.ReadWrite"])], true),
        ("C1", "the headers of mail only", vec![consent(1, TOOL, &["Mail.ReadBasic"])], false),
        ("C1", "sign-in only", vec![consent(1, TOOL, &["openid", "User.Read"])], false),
        (
            "C1",
            "all mail, for an app that IT has sanctioned",
            vec![Step::Decide(TOOL_REF, Status::Sanctioned), consent(1, TOOL, &["Mail.ReadWrite"])],
            false,
        ),
        (
            "C1",
            "an Okta API for users, by consent",
            vec![Step::Native(Source::Okta, okta_consent(&click(1, ANN, WIDGETS), &["okta.users.manage"]))],
            true,
        ),
        ("C2", "mail, and access that stays", vec![consent(1, TOOL, &["Mail.Read", "offline_access"])], true),
        (
            "C2",
            "files, and access that stays",
            vec![consent(1, TOOL, &["Files.ReadWrite.All", "offline_access"])],
            true,
        ),
        ("C2", "mail without access that stays", vec![consent(1, TOOL, &["Mail.Read"])], false),
        (
            "C2",
            "access that stays, to the own profile",
            vec![consent(1, TOOL, &["User.Read", "offline_access"])],
            false,
        ),
        ("C4", "a consent for everybody", vec![consent_for_all(1, TOOL, &["User.Read"])], true),
        ("C4", "a consent for oneself", vec![consent(1, TOOL, &["User.Read"])], false),
        ("C4", "a consent for everybody, to Daylight itself", vec![consent_for_all(1, OWN, &["Mail.Read"])], false),
    ]
}

fn identity_and_people_cases() -> Vec<Case> {
    vec![
        ("R1", "a known rogue app, by its id", vec![consent(1, EM_CLIENT, &["User.Read"])], true),
        ("R1", "an app that only has the name of one", vec![consent(1, (TOOL.0, EM_CLIENT.1), &["User.Read"])], false),
        ("R2", "a name that only looks like a brand's", vec![consent(1, FALSE_TEAMS, &["User.Read"])], true),
        ("R2", "the brand itself", vec![consent(1, TEAMS, &["User.Read"])], false),
        ("R2", "a name like nobody's", vec![consent(1, TOOL, &["User.Read"])], false),
        (
            "L2",
            "use of an app that IT has blocked",
            vec![Step::Decide(WIDGETS_REF, Status::Blocked), sso(1, ANN, WIDGETS)],
            true,
        ),
        (
            "L2",
            "a refused attempt on it: there the block works",
            vec![Step::Decide(WIDGETS_REF, Status::Blocked), refused_sso(1, ANN, WIDGETS)],
            false,
        ),
        (
            "L2",
            "use of an app that is merely unwanted",
            vec![Step::Decide(WIDGETS_REF, Status::Unsanctioned), sso(1, ANN, WIDGETS)],
            false,
        ),
    ]
}

/// Grants inside of a product are of the app that is let in.
fn product_cases() -> Vec<Case> {
    vec![
        ("N1", "an app installed in Slack that nobody knows", vec![slack(1, &["commands"])], true),
        (
            "N1",
            "an app installed in Slack that IT has sanctioned",
            vec![Step::Decide(NOTES_REF, Status::Sanctioned), slack(1, &["commands"])],
            false,
        ),
        ("C1", "an app in Slack that reads direct messages", vec![slack(1, &["im:history"])], true),
        ("C1", "an app in Slack that only answers commands", vec![slack(1, &["commands"])], false),
        ("N1", "an app installed in GitHub that nobody knows", vec![github(1)], true),
        ("N1", "the same app, installed once more", vec![github(1), github(2)], false),
        (
            "N1",
            "an app installed in GitHub that IT has sanctioned",
            vec![Step::Decide(PIPELINE_REF, Status::Sanctioned), github(1)],
            false,
        ),
        ("C1", "an OAuth app that writes all code", vec![authorised(&["repo", "read:org"])], true),
        ("C1", "an OAuth app that only knows who people are", vec![authorised(&["read:user"])], false),
    ]
}

fn google_cases() -> Vec<Case> {
    const MAIL: &str = "https://mail.google.com/";
    const ONE_FILE: &str = "https://www.googleapis.com/auth/drive.file";
    let false_brand = (QUORBIT.0, FALSE_TEAMS.1);
    vec![
        ("N1", "Google: a consent to an app that nobody knows", vec![google(1, QUORBIT, &["openid"])], true),
        ("N1", "Google: a sign-in to an app by the label that IT gave it", vec![google_saml(1, ANN, "Quorbit")], true),
        ("N1", "Google: a browser of Google's own", vec![google(1, CHROME, &["openid"])], false),
        (
            "N2",
            "Google: a second person at one label",
            vec![google_saml(1, ANN, "Quorbit"), google_saml(2, BEN, "Quorbit")],
            true,
        ),
        ("C1", "Google: all mail, by one person", vec![google(1, QUORBIT, &[MAIL])], true),
        ("C1", "Google: the files that the app made itself", vec![google(1, QUORBIT, &[ONE_FILE])], false),
        ("C2", "Google: mail, by a web app, whose access stays", vec![google(1, QUORBIT, &[MAIL])], true),
        ("C2", "Google: who they are, by a web app", vec![google(1, QUORBIT, &["openid", "email"])], false),
        ("C4", "Google: domain-wide delegation", vec![google_for_all(1, &[MAIL])], true),
        ("C4", "Google: a consent for oneself", vec![google(1, QUORBIT, &[MAIL])], false),
        ("R2", "Google: a name that only looks like a brand's", vec![google(1, false_brand, &["openid"])], true),
        ("R2", "Google: a name like nobody's", vec![google(1, QUORBIT, &["openid"])], false),
    ]
}

/// The same click in the unified audit log.
fn ual_cases() -> Vec<Case> {
    let ual = |record| Step::Native(Source::M365Ual, record);
    let granted = |app, scopes: &[&str]| ual(ual_consent(&click(1, ANN, app), scopes));
    let companion = |scopes: &[&str]| ual(ual_companion(&click(1, ANN, TOOL), scopes));
    vec![
        ("N1", "UAL: a sign-in to an app that nobody knows", vec![ual(ual_login(&click(1, ANN, TOOL)))], true),
        ("N1", "UAL: a sign-in to an app of Microsoft's own", vec![ual(ual_login(&click(1, ANN, TEAMS)))], false),
        ("C1", "UAL: all mail, by one person", vec![granted(TOOL, &["Mail.ReadWrite"])], true),
        ("C1", "UAL: sign-in only", vec![granted(TOOL, &["User.Read"])], false),
        ("C1", "UAL: a companion waits for its consent", vec![companion(&["Mail.ReadWrite"])], false),
        (
            "C1",
            "UAL: the consent speaks for the companion before it",
            vec![companion(&["Mail.ReadWrite"]), granted(TOOL, &["Mail.ReadWrite"])],
            true,
        ),
        (
            "C1",
            "UAL: a companion says nothing again that its consent has said",
            vec![granted(TOOL, &["Mail.ReadWrite"]), companion(&["Mail.ReadWrite"])],
            false,
        ),
        (
            "N1",
            "UAL: an app that the directory's own log has told of",
            vec![consent(1, TOOL, &["User.Read"]), ual(ual_login(&click(2, BEN, TOOL)))],
            false,
        ),
        (
            "N1",
            "UAL: what was decided about the directory's app",
            vec![Step::Decide(TOOL_REF, Status::Sanctioned), ual(ual_login(&click(1, ANN, TOOL)))],
            false,
        ),
        ("R1", "UAL: a known rogue app, by its id", vec![granted(EM_CLIENT, &["User.Read"])], true),
        ("R1", "UAL: an app that only has its name", vec![granted((TOOL.0, EM_CLIENT.1), &["User.Read"])], false),
    ]
}

/// Runs a story and tells which rules its last step fired.
fn fired(steps: &[Step]) -> Vec<String> {
    let (key, own_clients) = (TenantKey::new([1; 32]), [OWN.0.to_owned()]);
    let mut enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    // Learning is another matter: here every connection has learnt.
    let mut engine = Engine::new(Settings { learning_days: 0, ..Settings::default() });
    let mut findings = Findings::default();
    for (offset, step) in (0..).zip(steps) {
        findings.clear();
        let position = Position { offset, index: 0 };
        let (source, event) = match step {
            Step::Native(source, event) => (*source, event),
            Step::Decide(app_ref, status) => {
                enricher.apply("brightwater", &Control::Decision(decision(app_ref, *status)), position);
                continue;
            }
        };
        let mut events = 0;
        let context =
            ParseContext { own_clients: &own_clients, ..ParseContext::new("brightwater", source.as_str(), &key) };
        parse_body(source, &page(std::slice::from_ref(event)), &context, EVENTS_PER_DELIVERY_MAX, &mut |_, outcome| {
            let Outcome::Event(event, _) = outcome else { panic!("{outcome:?} of {event}") };
            events += 1;
            let coordinates = Coordinates { log_id: LogId(1), partition: 0, position };
            let at = Observation { coordinates, logged_at: Timestamp(event.occurred_at.0 + 1_000) };
            engine.observe(at, &enricher.enrich(event), &mut findings);
        });
        assert_eq!(events, 1, "{event}");
    }
    findings.alerts.iter().map(|alert| alert.rule.clone()).collect()
}

fn decision(app_ref: &str, status: Status) -> Decision {
    Decision {
        app_key: app_ref.to_owned(),
        app_refs: vec![app_ref.to_owned()],
        status,
        previous: Status::Unreviewed,
        department: String::new(),
        owner: String::new(),
        reason: "a test".to_owned(),
        decided_by: "a test".to_owned(),
        decided_at: Timestamp(1),
        expires_at: Timestamp::MISSING,
    }
}

#[test]
fn each_rule_fires_on_the_events_that_it_must_and_on_no_other() {
    let mut wrong = Vec::new();
    for (rule, story, steps, must_fire) in cases() {
        let fired = fired(&steps);
        if fired.iter().any(|each| each == rule) != must_fire {
            let sentence = if must_fire { "must fire and does not" } else { "must not fire and does" };
            wrong.push(format!("{rule} {sentence}: {story} (fired: {fired:?})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_story_that_fires_it_and_one_that_does_not() {
    for rule in RULES {
        for must_fire in [true, false] {
            let has_story = cases().iter().any(|(of, _, _, fires)| *of == rule.id && *fires == must_fire);
            assert!(has_story, "{}: write a story that {}", rule.id, if must_fire { "fires it" } else { "does not" });
        }
    }
}
