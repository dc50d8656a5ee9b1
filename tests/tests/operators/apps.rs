//! What `apps` lists, and what it finds: references that a decision passes by, departments of their own.

use std::{fs, time::Duration};

use anyhow::ensure;
use serde_json::Value;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::{Daylight, Setup},
};

use crate::shell::{refused, type_to, typed};

const SOON: Duration = Duration::from_secs(30);

fn uses(daylight: &Daylight, number: u64, app_id: &str, name: &str) -> anyhow::Result<()> {
    let email = format!("person{number}@brightwater.example");
    let used = click(number, &email, app_id, name);
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    daylight.expect(SOON, &format!("SELECT count() FROM events WHERE session_id = 'session{number}'"), 1)
}

fn app(daylight: &Daylight, app_key: &str) -> anyhow::Result<Value> {
    let answer: Value = serde_json::from_str(&typed(daylight, &["apps", "--json"])?)?;
    let apps = answer["apps"].as_array().cloned().unwrap_or_default();
    Ok(apps.into_iter().find(|app| app["app_key"] == app_key).unwrap_or_default())
}

#[test]
fn a_sanctioned_app_under_a_new_reference_is_a_finding_until_it_is_bound() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("directory.csv");
    fs::write(&directory, "email,department\nperson1@brightwater.example,Sales\n")?;
    let tenant = toml::Table::from_iter([
        ("id".to_owned(), toml::Value::from("acme")),
        ("directory".to_owned(), directory.display().to_string().into()),
    ]);
    let daylight = Setup::new()
        .connection("okta", "acme", "okta", OKTA_ORG)
        .set("sink.flush_interval_ms", 100)
        .set("tenants", vec![toml::Value::from(tenant)])
        .start()?;
    uses(&daylight, 1, "0oaSlack", "Slack")?;
    uses(&daylight, 2, "0oaSlack", "Slack")?;
    uses(&daylight, 3, "0oaBoard", "Zigzag \u{1b}[2JBoards")?;
    poll(SOON, "the book has met both", || {
        ensure!(
            app(&daylight, "slack.com")?["people_30_days"] == 2 && app(&daylight, "okta:app_id:0oaBoard")?.is_object()
        );
        Ok(())
    })?;
    let said = typed(
        &daylight,
        &["decide", "slack", "sanctioned", "--reason", "we pay for it", "--owner", "mia", "--expires", "90d"],
    )?;
    ensure!(said.contains("okta:app_id:0oaSlack  Slack  (not bound before)"), "{said}");
    let said =
        typed(&daylight, &["decide", "Slack", "blocked", "--department", "Sales", "--reason", "they have Teams"])?;
    ensure!(said.contains("for Sales") && said.contains("was    sanctioned") && !said.contains("Note"), "{said}");
    let said =
        typed(&daylight, &["decide", "slack.com", "in_review", "--department", "Slaes", "--reason", "a typing error"])?;
    ensure!(said.contains("no directory of acme has a department \"Slaes\""), "{said}");

    uses(&daylight, 4, "0oaSecond", "Slack")?;
    let statuses = "SELECT app_native_id, toString(status) FROM events WHERE session_id = 'session4'";
    ensure!(daylight.rows(statuses)? == [["0oaSecond", "unreviewed"]]);
    let finding = poll(SOON, "the new reference is found", || {
        let said = typed(&daylight, &["apps"])?;
        ensure!(said.contains("! Slack (slack.com): okta:app_id:0oaSecond came after the decision"), "{said}");
        Ok(said)
    })?;
    for words in ["APP", "PEOPLE (30 DAYS)", "sanctioned", "mia", "is blocked for Sales", "okta:app_id:0oaBoard"] {
        ensure!(finding.contains(words), "{words:?} is not in {finding}");
    }
    ensure!(!finding.contains('\u{1b}'), "a name steers the terminal");
    // The end, the owner stay out of it here; what changes is what it binds.
    typed(&daylight, &["decide", "slack.com", "sanctioned", "--reason", "the second one is ours", "--expires", "90d"])?;
    uses(&daylight, 5, "0oaSecond", "Slack")?;
    ensure!(daylight.rows(&statuses.replace("session4", "session5"))? == [["0oaSecond", "sanctioned"]]);
    let said = typed(&daylight, &["apps", "--status", "unreviewed"])?;
    ensure!(said.contains("0oaBoard") && !said.contains("slack.com"), "{said}");
    refused(&daylight, &["apps", "--status", "odd"], 2, &["odd"])
}

#[test]
fn apps_are_listed_where_there_is_no_clickhouse_and_what_is_missing_is_said() -> anyhow::Result<()> {
    let daylight = Setup::new().role("ingest").connection("okta", "acme", "okta", OKTA_ORG).start()?;
    typed(&daylight, &["decide", "zoom.us", "tolerated", "--reason", "guests use it"])?;
    let said = type_to(&daylight, &["apps"])?;
    ensure!(said.code == 0 && said.out.contains("Zoom") && said.out.contains("tolerated"), "{}{}", said.out, said.err);
    ensure!(said.err.contains("people and last use are not known"), "{}", said.err);
    refused(
        &daylight,
        &["reveal", "00000000000000ab", "--reason", "so"],
        1,
        &["no role of this process uses ClickHouse"],
    )
}
