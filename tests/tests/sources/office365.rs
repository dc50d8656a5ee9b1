//! The Office 365 Management Activity API, polled: a subscription, blobs that are listed late and twice, blobs that are gone, links that end.

use std::ops::Range;

use anyhow::ensure;
use serde_json::{Value, json};
use tests::{
    events::{Click, click, now_ms, ual_consent, ual_login},
    fakes::{FakeOffice365, Trouble},
    poll,
};

use crate::{
    log,
    polled::{SOON, has_come, is_in_state, metric, polling_office365},
};

const FEED: &str = "azure_active_directory";
const APP: &str = "5a3c0000-2222-4000-8000-000000000042";
const HOUR_MS: i64 = 3_600_000;
/// What a delivery may have, less than usual: so that a large blob is not that large.
const UNPACKED_BYTES_MAX: usize = 10 << 20;

fn a_click(number: u64) -> Click<'static> {
    Click { at_ms: now_ms() - HOUR_MS, ..click(number, "mia.roth@brightwater.example", APP, "Polled") }
}

/// Two records for each number, in blobs of one number each.
pub(crate) fn publish(office: &FakeOffice365, numbers: Range<u64>, ago_ms: i64) {
    for number in numbers {
        office.publish(records(number), ago_ms);
    }
}

fn records(number: u64) -> Vec<Value> {
    vec![ual_login(&a_click(number)), ual_consent(&a_click(number), &["Mail.Read"])]
}

#[test]
fn a_subscription_is_made_and_blobs_that_come_late_or_twice_come_whole_and_once() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    let twice = records(0);
    office.publish(twice.clone(), 0);
    publish(&office, 1..10, 0);
    let ingest = polling_office365(&office).start()?;
    has_come(&ingest, 20)?;
    // Listed now, and available for three hours by their own word: behind what earlier looks called complete.
    publish(&office, 10..13, 3 * HOUR_MS);
    has_come(&ingest, 26)?;
    // Records that another blob has already, beside a new one; fields that are new, and types that are others.
    office.publish([twice, records(20)].concat(), 0);
    let mut drifted = ual_login(&a_click(30));
    drifted["NewObject"] = json!({"deep": [1, null]});
    drifted["ClientIP"] = json!(7);
    office.publish(vec![drifted], 0);
    has_come(&ingest, 29)?;
    office.end_tokens();
    office.end_links();
    publish(&office, 40..50, 0);
    has_come(&ingest, 49)?;
    is_in_state(&ingest, FEED, "polling")?;
    ensure!(ingest.stop()? == 0);
    ensure!(office.started() == 1, "{} subscriptions", office.started());
    ensure!(office.fetched() == 25, "25 blobs were fetched {} times", office.fetched());
    let asked = office.asked();
    let is_anonymous = |asked: &&tests::fakes::Asked| {
        asked.path.contains("/activity/feed/")
            && asked.parameter("PublisherIdentifier").is_none()
            && asked.parameter("nextPage").is_none()
    };
    ensure!(asked.iter().find(is_anonymous).is_none(), "a request shares its quota with everybody");
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&office.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    Ok(())
}

#[test]
fn a_blob_that_is_gone_is_told_once_and_holds_up_no_other() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    office.subscribe();
    publish(&office, 0..2, 0);
    office.publish_expired(records(100));
    publish(&office, 2..4, 0);
    let ingest = polling_office365(&office).start()?;
    has_come(&ingest, 8)?;
    let looks = metric(&ingest, "daylight_ingest_poll_answers_total", &["outcome=\"page\""])?;
    poll(SOON, "several looks are done", || {
        let now = metric(&ingest, "daylight_ingest_poll_answers_total", &["outcome=\"page\""])?;
        ensure!(now > looks + 4.5, "{now}");
        Ok(())
    })?;
    let gone = metric(&ingest, "daylight_ingest_poll_answers_total", &["outcome=\"gone\""])?;
    ensure!(gone > 0.5 && gone < 1.5, "{gone} losses");
    ensure!(ingest.log()?.contains("AF20051"), "{}", ingest.log()?);
    ensure!(ingest.stop()? == 0);
    ensure!(office.started() == 0, "a subscription that was there was made");
    log::of_folder(ingest.data())?.is_exactly(&office.ids())
}

#[test]
fn throttling_failures_proxies_and_cut_blobs_cost_no_record() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    publish(&office, 0..3, 0);
    let ingest = polling_office365(&office).start()?;
    has_come(&ingest, 6)?;
    let mut number = 3;
    for trouble in Trouble::usual() {
        publish(&office, number..number + 4, 0);
        number += 4;
        // At a list, or at a blob.
        office.trouble(vec![trouble; 2]);
        has_come(&ingest, usize::try_from(number * 2)?)?;
    }
    is_in_state(&ingest, FEED, "polling")?;
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&office.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    Ok(())
}

#[test]
fn a_lost_permission_is_named_and_ends_by_itself() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    publish(&office, 0..2, 0);
    let ingest = polling_office365(&office).start()?;
    has_come(&ingest, 4)?;
    office.permit(false);
    is_in_state(&ingest, FEED, "missing_permission")?;
    let given = office.tokens_given();
    poll(SOON, "it comes again with a token that could carry the permission", || {
        ensure!(office.tokens_given() > given, "not yet");
        Ok(())
    })?;
    office.permit(true);
    publish(&office, 2..4, 0);
    has_come(&ingest, 8)?;
    is_in_state(&ingest, FEED, "polling")?;
    let log = ingest.log()?;
    ensure!(log.contains("ActivityFeed.Read"), "{log}");
    ensure!(!log.contains(office.client().1) && !log.contains("planted-office-token"), "a secret is in the log");
    Ok(())
}

#[test]
fn a_poller_of_blobs_that_is_killed_again_and_again_loses_no_record() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    let ingest = polling_office365(&office).start()?;
    for kill in 0..4_u64 {
        publish(&office, 20 * kill..20 * (kill + 1), 0);
        let before = office.fetched();
        poll(SOON, "it is in the middle of a look", || {
            ensure!(office.fetched() > before + 3, "not yet");
            Ok(())
        })?;
        ingest.kill9()?;
        ingest.restart()?;
    }
    poll(SOON, "a whole look brought nothing new", || {
        let last: Vec<_> = office.asked().into_iter().rev().take(30).collect();
        let is_list = |asked: &tests::fakes::Asked| asked.path.ends_with("/content");
        ensure!(last.len() == 30 && last.iter().all(is_list), "still fetching");
        Ok(())
    })?;
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&office.ids())
}

#[test]
fn a_clock_of_the_providers_that_is_behind_leaves_nothing_out() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    office.skew(-6 * HOUR_MS);
    let ingest = polling_office365(&office).start()?;
    is_in_state(&ingest, FEED, "polling")?;
    publish(&office, 0..3, 0);
    has_come(&ingest, 6)?;
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&office.ids())
}

/// Neither can be asked for in parts, as other providers' pages can: one blob is larger than a delivery in events, one in bytes.
#[test]
fn a_blob_that_is_too_large_for_a_delivery_comes_whole_in_several_also_after_a_kill() -> anyhow::Result<()> {
    let office = FakeOffice365::start()?;
    let many: Vec<Value> = (0..10_400).map(|number| ual_login(&a_click(number))).collect();
    let wide = |number| {
        let mut record = ual_login(&a_click(number));
        record["NewObject"] = "x".repeat(200 << 10).into();
        record
    };
    let wide: Vec<Value> = (20_000..20_060).map(wide).collect();
    let bytes = [&many, &wide].map(|records| json!(records).to_string().len());
    ensure!(bytes[0] < UNPACKED_BYTES_MAX && bytes[1] > UNPACKED_BYTES_MAX, "{bytes:?} bytes");
    office.publish(many, 0);
    office.publish(wide, 0);
    publish(&office, 30_000..30_003, 0);
    let limit = i64::try_from(UNPACKED_BYTES_MAX)?;
    let ingest = polling_office365(&office).set("ingest.unpacked_bytes_max", limit).start()?;
    // The first part is in the log, the second may be, and the cursor stands before both: the blob is fetched once more.
    has_come(&ingest, 10_000)?;
    ingest.kill9()?;
    ingest.restart()?;
    has_come(&ingest, 10_466)?;
    is_in_state(&ingest, FEED, "polling")?;
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&office.ids())
}
