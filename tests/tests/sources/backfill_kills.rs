//! Fifty `kill -9` amid a back-fill of 100,000 events: nothing is lost, and nothing is doubled.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tests::{fakes::FakeOkta, poll};

use crate::{
    backfill::{ago, past, typed},
    log,
    polled::{SOON, has_come, polling_okta},
};

const EVENTS: u64 = 100_000;
/// As Okta gives them.
const PAGE_EVENTS: i64 = 1_000;
const KILLS: u64 = 50;
const SEED: u64 = 0x0bac_f111;
const DAY_MS: i64 = 86_400_000;
/// The longest time between a request for a page and the kill: what follows takes about so long. Milliseconds.
const KILLED_AFTER_MS_MAX: u64 = 150;

/// The next number of a seed (splitmix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn killing_the_poller_50_times_during_a_100_000_event_back_fill_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    for number in 0..EVENTS {
        okta.store(past(number, 30 * DAY_MS - i64::try_from(number)? * 20_000));
    }
    let setup = polling_okta(&okta)
        .connection_poll_key("page_events_max", PAGE_EVENTS)
        .connection_poll_key("retry_wait_max_ms", 50);
    let ingest = setup.connection_poll_key("backfill_share_percent", 100).not_ready_is_fine().start()?;
    okta.allow_history(1);
    typed(&ingest, &["okta", "--since", &ago(31 * DAY_MS), "--no-wait"])?;
    println!("seed {SEED:#x}");
    let mut seed = SEED;
    for kill in 0..KILLS {
        // In the work on the last of the pages that this life is given.
        let delay = Duration::from_millis(next(&mut seed) % KILLED_AFTER_MS_MAX);
        poll(SOON, "this life's pages of history are asked for", || {
            ensure!(okta.history_allowed() == 0, "{} are left in life {kill}", okta.history_allowed());
            Ok(())
        })?;
        let since = Instant::now();
        poll(SOON, "the moment has come", || {
            ensure!(since.elapsed() >= delay, "not yet");
            Ok(())
        })?;
        ingest.kill9()?;
        ingest.restart()?;
        okta.allow_history(usize::try_from(1 + next(&mut seed) % 2)?);
    }
    let status = typed(&ingest, &["okta", "--status"])?;
    ensure!(status.contains("okta: running"), "all kills were to be amid the back-fill: {status}");
    okta.allow_history(usize::MAX);
    let out = typed(&ingest, &["okta"])?;
    ensure!(out.contains("okta: done"), "{out}");
    // What was there already are pages that were in the log, and their cursors not, when somebody was killed.
    println!("{}", out.lines().next().unwrap_or_default());
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.history == okta.ids());
    let asked = okta.asked().iter().filter(|asked| asked.status == 200 && asked.parameter("until").is_some()).count();
    println!("{asked} pages fetched for {}, {} events written twice", EVENTS / 1_000, found.doubled());
    ensure!(found.doubled() == 0, "{} of {EVENTS} events are in the log more than once", found.doubled());
    Ok(())
}

/// What a kill between the log and the cursor leaves, made by hand: pages that are in the log, and a cursor from before them.
#[test]
fn pages_that_are_in_the_log_and_not_in_the_cursor_are_fetched_again_and_not_written_again() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    for number in 0..60 {
        okta.store(past(number, 10 * DAY_MS - i64::try_from(number)? * 20_000));
    }
    let ingest = polling_okta(&okta).start()?;
    okta.allow_history(4);
    typed(&ingest, &["okta", "--since", &ago(11 * DAY_MS), "--no-wait"])?;
    has_come(&ingest, 20)?;
    ensure!(ingest.stop()? == 0);
    let is_older = |(name, _): &(&String, &event::FeedCursor)| name.starts_with("backfill:");
    let found = log::of_folder(ingest.data())?;
    let older = found.cursors.iter().find(is_older).context("no cursor of the back-fill")?.1.clone();
    okta.allow_history(3);
    ingest.restart()?;
    has_come(&ingest, 15)?;
    ensure!(ingest.stop()? == 0);
    log::write_cursor(ingest.data(), &older)?;
    okta.allow_history(usize::MAX);
    ingest.restart()?;
    let out = typed(&ingest, &["okta"])?;
    ensure!(out.contains("okta: done") && out.contains("60 events fetched, 15 of them were there already"), "{out}");
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0, "{} events were written again", found.doubled());
    Ok(())
}
