//! Google's Reports API, polled: four feeds of one service account, grants that come hours late, page tokens and logins that end in the middle.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use anyhow::ensure;
use serde_json::{Value, json};
use tests::{
    events::{Click, click, google_authorize, google_delegation, google_login, google_sso, now_ms},
    fakes::{FakeGoogle, Trouble},
    poll,
};

use crate::{
    log,
    polled::{RECHECK, SOON, has_come, is_in_state, metric, polling_google},
};

const APP: &str = "123456789012-polled.apps.googleusercontent.com";
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn grant(number: u64, late_ms: i64) -> Value {
    google_authorize(&a_click(4 * number, late_ms), &["https://www.googleapis.com/auth/drive.readonly"])
}

fn a_click(number: u64, late_ms: i64) -> Click<'static> {
    Click { at_ms: now_ms() - late_ms, ..click(number, "mia.roth@brightwater.example", APP, "Polled") }
}

/// One activity of each application for each number, so many milliseconds old.
fn list(google: &FakeGoogle, numbers: Range<u64>, late_ms: i64) {
    for number in numbers {
        google.list(grant(number, late_ms));
        google.list(google_login(&a_click(4 * number + 1, late_ms)));
        google.list(google_sso(&a_click(4 * number + 2, late_ms)));
        google.list(google_delegation(&a_click(4 * number + 3, late_ms), &["https://mail.google.com/"]));
    }
}

#[test]
fn grants_that_are_listed_hours_late_come_whole_and_once_over_tokens_that_end() -> anyhow::Result<()> {
    let google = FakeGoogle::start()?;
    google.token_life(Duration::from_secs(2));
    list(&google, 0..12, 0);
    let ingest = polling_google(&google).start()?;
    has_come(&ingest, 48)?;
    // Listed now, and hours old: behind what earlier looks called complete, and within the overlap.
    for (number, late_ms) in [(12, HOUR_MS), (13, 3 * HOUR_MS), (14, 5 * HOUR_MS), (15, 5 * HOUR_MS + 50 * MINUTE_MS)] {
        google.list(grant(number, late_ms));
    }
    has_come(&ingest, 52)?;
    google.end_tokens();
    list(&google, 20..23, 0);
    has_come(&ingest, 64)?;
    google.end_page_tokens();
    list(&google, 23..26, 0);
    has_come(&ingest, 76)?;
    poll(SOON, "a token was renewed before it ended", || {
        ensure!(google.tokens_given() >= 3, "{} tokens", google.tokens_given());
        Ok(())
    })?;
    ensure!(ingest.stop()? == 0);
    ensure!(google.refused().is_empty(), "statements were refused: {:?}", google.refused());
    let refused = google.asked().iter().filter(|asked| asked.status == 401).count();
    ensure!(refused <= 4, "{refused} requests with an ended token, by four feeds");
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&google.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    let feeds: BTreeSet<&str> = found.cursors.keys().map(String::as_str).collect();
    ensure!(feeds == BTreeSet::from(["admin", "login", "saml", "token"]), "{feeds:?}");
    Ok(())
}

#[test]
fn second_copies_new_fields_and_odd_types_change_nothing() -> anyhow::Result<()> {
    let google = FakeGoogle::start()?;
    list(&google, 0..3, 0);
    let ingest = polling_google(&google).start()?;
    has_come(&ingest, 12)?;
    let twice = grant(50, 0);
    google.list(twice.clone());
    google.list(twice);
    let mut drifted = grant(60, 0);
    drifted["newObject"] = json!({"deep": [1, {"deeper": null}]});
    drifted["actor"]["profileId"] = json!(100_000_000_000_000_042_u64);
    drifted["ipAddress"] = json!(["203.0.113.7"]);
    google.list(drifted);
    // From the future.
    google.list(google_login(&Click { at_ms: now_ms() + HOUR_MS, ..a_click(1_000, 0) }));
    has_come(&ingest, 15)?;
    is_in_state(&ingest, "token", "polling")?;
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    let ids: BTreeSet<String> = found.events.keys().cloned().collect();
    ensure!(ids == google.ids(), "{ids:?}");
    ensure!(found.dead_letters.is_empty(), "{:?}", found.dead_letters);
    Ok(())
}

#[test]
fn limits_failures_proxies_and_cut_answers_cost_no_event() -> anyhow::Result<()> {
    let google = FakeGoogle::start()?;
    list(&google, 0..2, 0);
    let ingest = polling_google(&google).start()?;
    has_come(&ingest, 8)?;
    let mut number = 2;
    for trouble in Trouble::usual() {
        // Each feed meets it, at a first page or in the middle, or while it logs in.
        google.trouble(vec![trouble; 5]);
        list(&google, number..number + 2, 0);
        number += 2;
        has_come(&ingest, usize::try_from(number * 4)?)?;
    }
    for feed in ["login", "token", "saml", "admin"] {
        is_in_state(&ingest, feed, "polling")?;
    }
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&google.ids())
}

#[test]
fn a_revoked_delegation_and_a_lost_right_are_named_make_no_storm_and_end_by_themselves() -> anyhow::Result<()> {
    let google = FakeGoogle::start()?;
    list(&google, 0..1, 0);
    let ingest = polling_google(&google).start()?;
    has_come(&ingest, 4)?;
    let mut number = 1;
    for (state, break_it, mend_it) in [
        ("missing_permission", (&|| google.delegate(false)) as &dyn Fn(), (&|| google.delegate(true)) as &dyn Fn()),
        ("missing_permission", &|| google.permit(false), &|| google.permit(true)),
        (
            "no_login",
            &|| {
                google.keep_key(false);
                google.end_tokens();
            },
            &|| google.keep_key(true),
        ),
    ] {
        break_it();
        for feed in ["login", "token", "saml", "admin"] {
            is_in_state(&ingest, feed, state)?;
        }
        let (began, before) = (std::time::Instant::now(), google.asked().len());
        poll(SOON, "it was tried again", || {
            ensure!(google.asked().len() >= before + 12, "not yet");
            Ok(())
        })?;
        ensure!(began.elapsed() >= RECHECK, "twelve tries of four feeds in {:?}", began.elapsed());
        mend_it();
        list(&google, number..number + 1, 0);
        number += 1;
        has_come(&ingest, usize::try_from(number * 4)?)?;
    }
    let log = ingest.log()?;
    for word in ["admin.reports.audit.readonly", "privilege Reports", "invalid_grant", "key of service_account"] {
        ensure!(log.contains(word), "no {word:?} in {log}");
    }
    ensure!(!google.is_secret_in(&log) && !google.is_secret_in(&ingest.metrics()?), "a secret is told");
    Ok(())
}

#[test]
fn a_clock_of_ours_that_is_ahead_is_told_at_the_login_and_moves_no_window() -> anyhow::Result<()> {
    let google = FakeGoogle::start()?;
    google.skew(-2 * HOUR_MS);
    let ingest = polling_google(&google).start()?;
    is_in_state(&ingest, "token", "no_login")?;
    ensure!(ingest.log()?.contains("the clock of this machine is wrong"), "{}", ingest.log()?);
    google.skew(0);
    list(&google, 0..3, 2 * HOUR_MS);
    has_come(&ingest, 12)?;
    ensure!(metric(&ingest, "daylight_ingest_poll_state", &["state=\"no_login\""])? < 0.5);
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&google.ids())
}

#[test]
fn a_poller_of_google_that_is_killed_in_the_middle_of_a_look_loses_no_event() -> anyhow::Result<()> {
    let google = FakeGoogle::start()?;
    let ingest = polling_google(&google).start()?;
    for kill in 0..4_u64 {
        list(&google, 30 * kill..30 * (kill + 1), 0);
        let before = google.asked().len();
        poll(SOON, "it is in the middle of a look", || {
            ensure!(google.asked().len() > before + 8, "not yet");
            Ok(())
        })?;
        ingest.kill9()?;
        ingest.restart()?;
    }
    // 120 activities of each feed are 24 pages of five; after so many, each feed has been at its last page.
    poll(SOON, "everything was looked at once more, to the end", || {
        for feed in ["login", "token", "saml", "admin"] {
            let labels = [format!("feed=\"{feed}\""), "outcome=\"page\"".to_owned()];
            let pages = metric(&ingest, "daylight_ingest_poll_answers_total", &[&labels[0], &labels[1]])?;
            ensure!(pages > 47.5, "{pages} pages of {feed}");
        }
        Ok(())
    })?;
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&google.ids())
}
