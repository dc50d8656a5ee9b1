//! Two apps are one from a merge on: in rows, for detection and in the list; and two again after a split.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use tests::{
    events::{OKTA_ORG, click, now_ms, okta_sso, page},
    poll,
    servers::{Daylight, Setup},
};

use crate::shell::{ask, refused, typed};

const SOON: Duration = Duration::from_secs(30);
const ONE: &str = "okta:app_id:0oaOne";
const TWO: &str = "okta:app_id:0oaTwo";
const HOUR_MS: i64 = 3_600_000;

/// A person uses an app, some hours ago; waits for the row and gives its app and status.
fn uses(daylight: &Daylight, number: u64, who: &str, app_ref: &str, hours_ago: i64) -> anyhow::Result<[String; 2]> {
    let email = format!("{who}@brightwater.example");
    let (id, name) = if app_ref == ONE { ("0oaOne", "Zigzag Boards") } else { ("0oaTwo", "Brightwater Boards") };
    let mut used = click(number, &email, id, name);
    used.at_ms = now_ms() - hours_ago * HOUR_MS;
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    let row = format!("SELECT app_key, toString(status) FROM events WHERE session_id = 'session{number}'");
    let rows = poll(SOON, "the use is a row", || {
        let rows = daylight.rows(&row)?;
        ensure!(rows.len() == 1, "{rows:?}");
        Ok(rows)
    })?;
    let mut cells = rows[0].iter().map(|cell| cell.as_str().unwrap_or_default().to_owned());
    Ok(std::array::from_fn(|_| cells.next().unwrap_or_default()))
}

/// The sessions that any alert has as evidence.
fn alerted(daylight: &Daylight) -> anyhow::Result<Vec<String>> {
    let query =
        "SELECT session_id FROM events WHERE event_id IN (SELECT arrayJoin(evidence) FROM alerts) ORDER BY session_id";
    let sessions = daylight.rows(query)?;
    Ok(sessions.iter().map(|row| row[0].as_str().unwrap_or_default().to_owned()).collect())
}

/// What an alert comes of, detection has come to by then: all of a tenant lies in one order.
fn expect_alerted(daylight: &Daylight, sessions: &[&str]) -> anyhow::Result<()> {
    poll(SOON, "the last of these is alerted", || {
        let alerted = alerted(daylight)?;
        ensure!(alerted == sessions, "{alerted:?}");
        Ok(())
    })
}

fn listed(daylight: &Daylight, app_key: &str) -> anyhow::Result<Value> {
    let answer: Value = serde_json::from_str(&typed(daylight, &["apps", "--json"])?)?;
    let apps = answer["apps"].as_array().cloned().unwrap_or_default();
    Ok(apps.into_iter().find(|app| app["app_key"] == app_key).unwrap_or_default())
}

fn pair(app_key: &str, status: &str) -> [String; 2] {
    [app_key.to_owned(), status.to_owned()]
}

#[test]
fn two_apps_are_one_from_a_merge_to_a_split_in_rows_alerts_and_the_list() -> anyhow::Result<()> {
    let daylight = Setup::new()
        .connection("okta", "acme", "okta", OKTA_ORG)
        .set("detect.learning_days", 0)
        .set("sink.flush_interval_ms", 100)
        .start()?;
    ensure!(uses(&daylight, 1, "mia", ONE, 1)? == pair(ONE, "unreviewed"));
    ensure!(uses(&daylight, 2, "noa", TWO, 2)? == pair(TWO, "unreviewed"));
    expect_alerted(&daylight, &["session1", "session2"])?;
    let first_seen = poll(SOON, "both are listed", || {
        let apps = (listed(&daylight, ONE)?, listed(&daylight, TWO)?);
        ensure!(apps.0["people_30_days"] == 1 && apps.1["people_30_days"] == 1, "{apps:?}");
        Ok(apps.1["first_seen_at"].clone())
    })?;
    what_makes_no_sense_is_refused(&daylight)?;

    let said = typed(&daylight, &["merge", "brightwater boards", ONE, "--reason", "our label for the same boards"])?;
    for words in ["Brightwater Boards (okta:app_id:0oaTwo) is part of Zigzag Boards (okta:app_id:0oaOne)", TWO] {
        ensure!(said.contains(words), "{words:?} is not in {said}");
    }
    ensure!(uses(&daylight, 3, "noa", ONE, 0)? == pair(ONE, "unreviewed"));
    ensure!(uses(&daylight, 4, "mia", TWO, 0)? == pair(ONE, "unreviewed"));
    // Both are known there; only who is new is told of.
    ensure!(uses(&daylight, 5, "zoe", TWO, 0)? == pair(ONE, "unreviewed"));
    expect_alerted(&daylight, &["session1", "session2", "session5"])?;
    ensure!(daylight.rows("SELECT DISTINCT app_key FROM alerts WHERE rule != 'N1'")? == [[ONE]]);
    it_is_listed_as_one(&daylight, &first_seen)?;
    what_is_merged_is_not_merged_again(&daylight)?;

    typed(&daylight, &["decide", "Brightwater Boards", "sanctioned", "--reason", "we pay for both"])?;
    ensure!(uses(&daylight, 6, "mia", TWO, 0)? == pair(ONE, "sanctioned"));
    ensure!(daylight.stop()? == 0);
    daylight.restart()?;
    ensure!(uses(&daylight, 7, "noa", TWO, 0)? == pair(ONE, "sanctioned"), "a restart forgot it");

    let said = typed(&daylight, &["split", "Brightwater Boards", "zigzag boards", "--reason", "it is not, after all"])?;
    ensure!(said.contains("an app of its own again") && said.contains("is unreviewed again"), "{said}");
    ensure!(uses(&daylight, 8, "noa", TWO, 0)? == pair(TWO, "unreviewed"));
    ensure!(uses(&daylight, 9, "mia", ONE, 0)? == pair(ONE, "sanctioned"));
    // She met it under both names, so that nobody is told of her; who is new to it is told of.
    ensure!(uses(&daylight, 10, "ida", TWO, 0)? == pair(TWO, "unreviewed"));
    expect_alerted(&daylight, &["session1", "session10", "session2", "session5"])?;
    let apps = (listed(&daylight, ONE)?, listed(&daylight, TWO)?);
    let is_alone = apps.0["references"].as_array().is_some_and(|references| references.len() == 1);
    ensure!(apps.0["merged"] == json!([]) && is_alone, "{apps:?}");
    ensure!(apps.1["first_seen_at"] == first_seen && apps.1["status"] == "unreviewed", "{apps:?}");

    let history =
        "SELECT toString(action), from_app_key, to_app_key, reason, decided_by FROM aliases FINAL ORDER BY _offset";
    let of = |action: &str, reason: &str| [action, TWO, ONE, reason, "carla"].map(str::to_owned);
    let history = daylight.rows(history)?;
    ensure!(
        history == [of("merge", "our label for the same boards"), of("split", "it is not, after all")],
        "{history:?}"
    );
    Ok(())
}

fn what_makes_no_sense_is_refused(daylight: &Daylight) -> anyhow::Result<()> {
    let cases: [(&[&str], i32, &[&str]); 8] = [
        (&["merge", ONE, ONE, "--reason", "so"], 1, &["is that app itself"]),
        (&["merge", "Zigzag Boards", ONE, "--reason", "so"], 1, &["is that app itself"]),
        (&["merge", ONE, "no such app", "--reason", "so"], 1, &["nobody knows", "no such app", "daylight apps"]),
        (&["merge", ONE, TWO], 2, &["--reason"]),
        (&["merge", ONE, TWO, "--reason", " "], 1, &["reason is missing"]),
        (&["merge", ONE, TWO, "--reason", "so", "--tenant", "umbrella"], 1, &["no tenant", "acme"]),
        (&["split", ONE, TWO, "--reason", "so"], 1, &["part of no other app"]),
        (&["split", "no such app", TWO, "--reason", "so"], 1, &["nobody knows"]),
    ];
    for (words, code, told) in cases {
        refused(daylight, words, code, told)?;
    }
    for (body, status) in [
        ("{", 400),
        (r#"{"from": "x", "to": "y"}"#, 400),
        (r#"{"action": "join", "from": "x", "into": "y", "reason": "so", "decided_by": "me"}"#, 400),
        (r#"{"action": "merge", "from": "x", "into": "y", "reason": "so", "decided_by": "me"}"#, 404),
        (
            r#"{"action": "split", "from": "okta:app_id:0oaOne", "into": "zoom.us", "reason": "so", "decided_by": "me"}"#,
            409,
        ),
    ] {
        let answer = ask(daylight, "/v1/alias", body)?;
        ensure!(answer.status == status, "{body}: {} {}", answer.status, answer.text());
    }
    ensure!(daylight.number("SELECT count() FROM aliases")? == 0);
    Ok(())
}

fn it_is_listed_as_one(daylight: &Daylight, first_seen: &Value) -> anyhow::Result<()> {
    let app = poll(SOON, "everybody is counted once", || {
        let app = listed(daylight, ONE)?;
        ensure!(app["people_30_days"] == 3, "mia, noa and zoe: {app}");
        Ok(app)
    })?;
    ensure!(listed(daylight, TWO)?.is_null());
    ensure!(app["name"] == "Zigzag Boards" && app["first_seen_at"] == *first_seen, "the earlier counts: {app}");
    ensure!(app["references"].as_array().is_some_and(|references| references.len() == 2), "{app}");
    let merge = &app["merged"][0];
    ensure!(merge["from"] == TWO && merge["decided_by"] == "carla", "{app}");
    let said = typed(daylight, &["apps"])?;
    ensure!(said.contains("has okta:app_id:0oaTwo in it") && said.contains("our label for the same boards"), "{said}");
    Ok(())
}

fn what_is_merged_is_not_merged_again(daylight: &Daylight) -> anyhow::Result<()> {
    let cases: [(&[&str], &[&str]); 4] = [
        (&["merge", ONE, TWO, "--reason", "so"], &["part of itself"]),
        (&["merge", TWO, ONE, "--reason", "so"], &["is part of", "already", "daylight split"]),
        (&["merge", TWO, "zoom.us", "--reason", "so"], &["is part of", "already"]),
        (&["split", TWO, "zoom.us", "--reason", "so"], &["not of Zoom (zoom.us)"]),
    ];
    for (words, told) in cases {
        refused(daylight, words, 1, told)?;
    }
    Ok(())
}

#[test]
fn of_several_tenants_the_one_that_is_meant_is_named() -> anyhow::Result<()> {
    let setup = Setup::new().role("ingest").connection("okta", "acme", "okta", OKTA_ORG);
    let daylight = setup.connection("other", "umbrella", "okta", "umbrella.okta.com").start()?;
    let words = ["merge", "slack.com", "zoom.us", "--reason", "so"];
    refused(&daylight, &words, 1, &["name the tenant", "acme", "umbrella"])?;
    let said = typed(&daylight, &[&words[..], &["--tenant", "umbrella"]].concat())?;
    ensure!(said.contains("umbrella: Slack (slack.com) is part of Zoom (zoom.us)"), "{said}");
    ensure!(listed(&daylight, "zoom.us")?["merged"][0]["from"] == "slack.com");
    Ok(())
}
