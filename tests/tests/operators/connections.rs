//! `connections status`: what comes, how late, what is silent, and which figures are partial.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value as Json;
use tests::{
    events::{Click, ENTRA_TENANT, OKTA_ORG, click, entra_consent, now_ms, okta_sso, page},
    poll,
    servers::{Daylight, Setup},
};

use crate::shell::{type_to, typed};

const SOON: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn status_says_what_comes_how_late_and_which_days_are_partial() -> anyhow::Result<()> {
    let daylight = Setup::new()
        .connection("okta", "acme", "okta", OKTA_ORG)
        .connection("entra", "acme", "entra", ENTRA_TENANT)
        .set("sink.flush_interval_ms", 100)
        .start()?;
    let at = |number: u64, ago_ms: i64| {
        let used = click(number, "mia.roth@brightwater.example", "0oaApp", "App");
        okta_sso(&Click { at_ms: now_ms() - ago_ms, ..used })
    };
    daylight.expect(SOON, "SELECT count() FROM source_expectations", 2)?;
    // Now, and three days ago; nothing between.
    daylight.accept("okta", &page(&[at(1, 0), at(2, 3 * DAY_MS), at(3, 3 * DAY_MS)]))?;
    daylight.expect(SOON, "SELECT count() FROM source_hours WHERE connection = 'okta'", 2)?;
    let told = poll(SOON, "the rows are told of", || {
        let told: Json = serde_json::from_str(&typed(&daylight, &["connections", "status", "--json"])?)?;
        ensure!(told.pointer("/connections/0/types/0/events") == Some(&3.into()), "{told}");
        Ok(told)
    })?;
    let of = |path: &str| told.pointer(path).cloned().unwrap_or_default();
    ensure!(of("/connections/0/arrival") == "heard" && of("/connections/1/arrival") == "never", "{told}");
    ensure!(of("/connections/0/types/0/native_type") == "user.authentication.sso", "{told}");
    ensure!(of("/connections/0/lag/source_ms_max").as_i64() > Some(3 * DAY_MS - 1), "{told}");
    ensure!(of("/connections/0/lag/pipeline_ms_max").as_i64().is_some_and(|ms| (0..120_000).contains(&ms)), "{told}");
    ensure!(of("/connections/0/gaps/0/reason") == "silent" && of("/notes") == Json::Array(vec![]), "{told}");
    let said = typed(&daylight, &["connections", "status"])?;
    for words in [
        "SOURCE LAG",
        "! okta: partial from ",
        "(silent): no event between",
        "! entra has delivered nothing since it was configured; its figures are partial",
        "! entra: partial from ",
        "(never): no event since it was configured",
        "3 user.authentication.sso (sso)",
        "acme: rules that work: none",
        "- what is bought: invoices, cards, expenses",
    ] {
        ensure!(said.contains(words), "{words:?} is not in {said}");
    }
    let partial = "SELECT count() FROM usage_coverage WHERE tenant = 'acme' AND is_partial";
    ensure!(daylight.number(partial)? == 4, "{:?}", daylight.rows("SELECT * FROM usage_coverage ORDER BY day")?);
    // The two days without any event have no figure at all, and are told all the same.
    ensure!(daylight.number("SELECT count() FROM usage_daily")? == 2);
    let apps = type_to(&daylight, &["apps"])?;
    ensure!(apps.err.contains("on 4 of the last 30 days entra, okta did not tell everything"), "{}", apps.err);
    // What was missing comes after all.
    let late: Vec<Json> =
        (1..12).map(|number| at(10 + u64::try_from(number).unwrap_or(0), number * DAY_MS / 4)).collect();
    daylight.accept("okta", &page(&late))?;
    let of_okta = "SELECT count() FROM usage_coverage WHERE has(partial_connections, 'okta')";
    daylight.expect(SOON, of_okta, 0)?;
    let apps = type_to(&daylight, &["apps"])?;
    ensure!(apps.code == 0 && !apps.err.contains("okta"), "{}", apps.err);
    // One that never spoke speaks: from there on it is known of.
    ensure!(daylight.number(partial)? >= 1, "who never spoke is no zero");
    let consent = entra_consent(&click(9, "mia.roth@brightwater.example", "5a3c0000-1", "PDF"), &["Mail.Read"]);
    daylight.accept("entra", serde_json::json!({"records": [consent]}).to_string().as_bytes())?;
    daylight.expect(SOON, partial, 0)?;
    let apps = type_to(&daylight, &["apps"])?;
    ensure!(apps.code == 0 && !apps.err.contains("did not tell"), "{}", apps.err);
    Ok(())
}

/// The value of a series of `/metrics`; none where there is no such series.
fn series(daylight: &Daylight, name: &str) -> anyhow::Result<Option<i64>> {
    let metrics = daylight.metrics()?;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.map(str::parse).transpose()?)
}

#[test]
fn each_connection_has_a_patience_of_its_own_and_a_restart_begins_no_silence_anew() -> anyhow::Result<()> {
    let daylight = Setup::new()
        .role("ingest")
        .connection("okta", "acme", "okta", OKTA_ORG)
        .connection_key("silent_after_hours", 70)
        .connection("import", "acme", "entra", ENTRA_TENANT)
        .connection_key("is_backfill", true)
        .start()?;
    let patience =
        |of: &str| series(&daylight, &format!("daylight_ingest_silent_after_seconds{{connection=\"{of}\"}}"));
    ensure!((patience("okta")?, patience("import")?) == (Some(70 * 3_600), None), "{}", daylight.metrics()?);
    let last = || series(&daylight, "daylight_ingest_last_event_timestamp_seconds{connection=\"okta\"}");
    let since = poll(SOON, "it is written since when it is configured", || {
        let told: Json = serde_json::from_str(&typed(&daylight, &["connections", "status", "--json"])?)?;
        let since = told.pointer("/connections/0/configured_at").and_then(Json::as_str).unwrap_or_default();
        let since = event::Timestamp::parse(since).with_context(|| told.to_string())?;
        Ok(since.0.div_euclid(1_000))
    })?;
    // A later start would be another second.
    let next_second = || {
        let begun = now_ms().div_euclid(1_000);
        poll(SOON, "the next second", || {
            ensure!(now_ms().div_euclid(1_000) > begun + 1, "not yet");
            Ok(())
        })
    };
    let is_silent_since = |second: i64| {
        poll(SOON, "the silence goes on where it stood", || {
            ensure!(last()? == Some(second), "{:?}, not {second}", last()?);
            Ok(())
        })
    };
    next_second()?;
    daylight.kill9()?;
    daylight.restart()?;
    is_silent_since(since)?;
    daylight.accept("okta", &page(&[okta_sso(&click(1, "mia.roth@brightwater.example", "0oaApp", "App"))]))?;
    let heard = last()?.context("no last event")?;
    ensure!(heard > since, "{heard} after {since}");
    ensure!(daylight.stop()? == 0);
    next_second()?;
    daylight.restart()?;
    is_silent_since(heard)
}
