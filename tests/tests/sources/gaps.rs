//! Times of which a provider has nothing any more: written down before polling goes on, in the log and in what `connections status` says.

use anyhow::ensure;
use event::{FeedCursor, Gap, GapReason, Timestamp};
use serde_json::Value as Json;
use tests::{
    events::now_ms,
    fakes::{FakeOffice365, FakeOkta},
    servers::{Daylight, binary},
};

use crate::{
    log,
    office365::publish,
    polled::{has_come, is_in_state, metric, polling_office365, polling_okta, sign_on},
};

const DAY_MS: i64 = 24 * 3_600_000;

/// What `connections status --json` says of the only connection.
fn status(daylight: &Daylight) -> anyhow::Result<Json> {
    let mut command = std::process::Command::new(binary()?);
    let output = command.args(["connections", "status", "--json", "--data-folder"]).arg(daylight.data()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Json = serde_json::from_slice(&output.stdout)?;
    Ok(answer.pointer("/connections/0").cloned().unwrap_or_default())
}

/// The cursor that a process left so many days ago.
fn left(data: &std::path::Path, feed: &str, days: i64) -> anyhow::Result<FeedCursor> {
    let mut cursor = log::of_folder(data)?.cursors[feed].clone();
    (cursor.position, cursor.complete_to) = (String::new(), Timestamp(now_ms() - days * DAY_MS));
    log::write_cursor(data, &cursor)?;
    Ok(cursor)
}

fn is_about(gaps: &[Gap], reason: GapReason, from: Timestamp, kept_days: i64) -> anyhow::Result<()> {
    ensure!(gaps.len() == 1, "{gaps:?}");
    let (gap, to) = (&gaps[0], Timestamp(now_ms() - kept_days * DAY_MS));
    ensure!(gap.reason == reason && gap.from == from, "{gap:?} from {from}");
    // The provider's clock, some minutes ago, and less an hour where its reach is taken with care.
    ensure!((0..2 * 3_600_000).contains(&(to.0 - gap.to.0).abs()), "{gap:?} to {to}");
    Ok(())
}

#[test]
fn who_was_away_for_longer_than_okta_keeps_its_log_writes_a_gap_once() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let ingest = polling_okta(&okta).start()?;
    okta.store(sign_on(1));
    has_come(&ingest, 1)?;
    ensure!(ingest.stop()? == 0);
    let cursor = left(ingest.data(), "system_log", 100)?;
    ingest.restart()?;
    okta.store(sign_on(2));
    has_come(&ingest, 2)?;
    is_in_state(&ingest, "system_log", "polling")?;
    ensure!(metric(&ingest, "daylight_ingest_poll_answers_total", &["outcome=\"gone\""])? > 0.5, "no loss is counted");
    let told = status(&ingest)?;
    ensure!(told.pointer("/feeds/0/state") == Some(&"polling".into()), "{told}");
    ensure!(told.pointer("/gaps/0/reason") == Some(&"not_kept".into()), "{told}");
    ensure!(told.get("arrival") == Some(&"unknown".into()), "without tables nobody knows what has come: {told}");
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    is_about(&found.gaps, GapReason::NotKept, cursor.complete_to, 90)?;
    found.is_exactly(&okta.ids())?;
    // A start with the cursor of now says nothing more.
    ingest.restart()?;
    okta.store(sign_on(3));
    has_come(&ingest, 1)?;
    ensure!(ingest.stop()? == 0);
    ensure!(log::of_folder(ingest.data())?.gaps == found.gaps);
    Ok(())
}

#[test]
fn what_microsoft_365_no_longer_lists_is_a_gap_from_the_last_look_to_its_reach() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    publish(&office, 0..1, 0);
    let ingest = polling_office365(&office).start()?;
    has_come(&ingest, 2)?;
    ensure!(ingest.stop()? == 0);
    let cursor = left(ingest.data(), "azure_active_directory", 9)?;
    ingest.restart()?;
    tests::poll(crate::polled::SOON, "it goes on behind the gap", || {
        let gone = metric(&ingest, "daylight_ingest_poll_answers_total", &["outcome=\"gone\""])?;
        ensure!(gone > 0.5, "not yet");
        Ok(())
    })?;
    is_in_state(&ingest, "azure_active_directory", "polling")?;
    ensure!(ingest.stop()? == 0);
    is_about(&log::of_folder(ingest.data())?.gaps, GapReason::Gone, cursor.complete_to, 7)
}
