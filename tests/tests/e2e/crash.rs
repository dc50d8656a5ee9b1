//! `kill -9` under load: of the whole process, and of the ClickHouse that it hosts. Rows exact, one alert id for each new app, none missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    load::{Load, Sent},
    poll,
    servers::{Daylight, Receiver, Setup},
};

/// Kills of each kind in one run.
const KILLS: u64 = 3;
/// Deliveries that one receiver is sent at the same time: so many may have been answered, and not yet written down, when a kill comes.
const IN_FLIGHT_MAX: usize = 8;
/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(60);

/// Every row is there once, and nothing else.
pub(crate) fn rows_are_exact(daylight: &Daylight, sent: &Sent) -> anyhow::Result<()> {
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", sent.events)?;
    let (rows, places) =
        ("SELECT count() FROM events", "SELECT uniqExact(_log_id, _partition, _offset, _index) FROM events");
    let (rows, places) = (daylight.number(rows)?, daylight.number(places)?);
    ensure!(rows == places, "{rows} rows at {places} coordinates: some row is there twice");
    // An unanswered page is sent again and may be there twice, at two coordinates; never more often than it was sent.
    ensure!(
        rows <= sent.events + sent.failures * 20,
        "{rows} rows of {} events, {} failures",
        sent.events,
        sent.failures
    );
    Ok(())
}

/// Each app has one alert id, here and in the table, and no other rule was moved.
pub(crate) fn alerts_are_exact(daylight: &Daylight, receiver: &Receiver, sent: &Sent) -> anyhow::Result<()> {
    let told = poll(SOON, "every new app was told of", || {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for post in receiver.posts().iter().filter(|post| post.answer == 200) {
            ensure!(post.is_signed, "a signature does not fit: {post:?}");
            let app = post.body["app_ref"].as_str().unwrap_or_default().replace("okta:app_id:", "");
            ids.entry(app).or_default().insert(format!("{} {}", post.body["rule"], post.id));
        }
        ensure!(ids.len() >= sent.apps.len(), "{} of {} apps", ids.len(), sent.apps.len());
        Ok(ids)
    })?;
    let apps: BTreeSet<String> = told.keys().cloned().collect();
    ensure!(apps == sent.apps, "told of others: {:?}", apps.symmetric_difference(&sent.apps));
    for (app, ids) in &told {
        ensure!(ids.len() == 1 && ids.iter().all(|id| id.starts_with("\"N1\"")), "{app} has the alerts {ids:?}");
    }
    let expected = u64::try_from(sent.apps.len())?;
    daylight.expect(SOON, "SELECT uniqExact(alert_id) FROM alerts FINAL", expected)
}

#[test]
fn killed_under_load_and_started_again_it_has_every_row_once_and_no_alert_more_or_less() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let daylight = setup.set("detect.learning_days", 0).start()?;
    let load = Load::new();
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| load.run(&daylight, "okta"));
        let killed = (0..KILLS).try_for_each(|_| {
            after_pages(&load, 40)?;
            daylight.kill9()?;
            daylight.restart()?;
            after_pages(&load, 40)?;
            daylight.kill9_clickhouse()
        });
        load.stop();
        killed.and_then(|()| sender.join().ok().context("the sender panicked"))
    })?;
    ensure!(sent.failures > 0, "no kill was noticed: the load is too thin");
    rows_are_exact(&daylight, &sent)?;
    alerts_are_exact(&daylight, &receiver, &sent)?;
    let again: usize = receiver.accepted().values().map(|times| times - 1).sum();
    let most = usize::try_from(KILLS)? * IN_FLIGHT_MAX;
    ensure!(again <= most, "{again} alerts were posted again after their 2xx; {KILLS} kills explain at most {most}");
    Ok(())
}

/// `ingest` alone, so that a start takes no time: large deliveries, each killed in the moment of its answer.
#[test]
fn what_was_answered_is_in_the_log_though_the_process_is_killed_in_the_same_moment() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let setup = || Setup::new().connection("okta", "acme", "okta", OKTA_ORG).data_folder(&folder.path().join("data"));
    let ingest = setup().role("ingest").start()?;
    let (rounds, events) = (8u64, 4_000u64);
    for round in 0..rounds {
        let clicks = (0..events).map(|event| {
            let email = format!("person{event}@brightwater.example");
            okta_sso(&click(round * events + event, &email, "0oaMoment", "Momentary"))
        });
        let receipt = ingest.accept("okta", &page(&clicks.collect::<Vec<_>>()))?;
        ingest.kill9()?;
        ensure!(receipt["events"] == events, "{receipt}");
        ingest.restart()?;
    }
    ingest.kill9()?;
    let daylight = setup().start()?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", rounds * events)
}

/// Waits until so many further pages are acknowledged.
fn after_pages(load: &Load, more: u64) -> anyhow::Result<()> {
    let goal = load.pages() + more;
    poll(SOON, "further pages are acknowledged", || {
        ensure!(load.pages() >= goal, "{} of {goal}", load.pages());
        Ok(())
    })
}

#[test]
fn a_webhook_is_retried_until_its_2xx_over_restarts_and_never_posted_again_after_it() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup
        .set("detect.learning_days", 0)
        .set("notify.retry_wait_max_ms", 1_000)
        .set("notify.request_timeout_ms", 1_000);
    let daylight = setup.start()?;
    let use_app = |number: u64| {
        let app = format!("0oaHook{number}");
        daylight.accept("okta", &page(&[okta_sso(&click(number, &format!("{app}@brightwater.example"), &app, &app))]))
    };
    let accepted = |apps: usize| {
        poll(SOON, "the alerts are accepted", || {
            let accepted = receiver.accepted();
            ensure!(accepted.len() >= apps, "{} of {apps}; {} posts", accepted.len(), receiver.posts().len());
            ensure!(accepted.values().all(|times| *times == 1), "posted again after its 2xx: {accepted:?}");
            Ok(())
        })
    };
    // It answers 500 twice, then 200.
    receiver.fail(2);
    use_app(1)?;
    accepted(1)?;
    ensure!(receiver.posts().iter().map(|post| post.answer).eq([500, 500, 200]), "{:?}", receiver.posts());
    // It hangs while the alert comes, and the process is killed meanwhile.
    receiver.hang(true);
    use_app(2)?;
    poll(SOON, "the receiver was tried", || {
        ensure!(receiver.posts().len() > 3, "not yet");
        Ok(())
    })?;
    daylight.kill9()?;
    receiver.hang(false);
    daylight.restart()?;
    accepted(2)?;
    // It is away over an orderly restart.
    receiver.fail(usize::MAX);
    use_app(3)?;
    let tried = receiver.posts().len();
    poll(SOON, "the receiver was tried", || {
        ensure!(receiver.posts().len() > tried, "not yet");
        Ok(())
    })?;
    ensure!(daylight.stop()? == 0);
    receiver.fail(0);
    daylight.restart()?;
    accepted(3)?;
    // Two more starts, each with another alert behind the old ones: nothing of what was accepted comes again.
    for number in 4..=5u64 {
        ensure!(daylight.stop()? == 0);
        daylight.restart()?;
        use_app(number)?;
        accepted(usize::try_from(number)?)?;
    }
    // An alert that waits does not make those behind it come again, though nothing behind it can be committed.
    receiver.refuse("0oaHook6");
    use_app(6)?;
    use_app(7)?;
    accepted(6)?;
    for _ in 0..2 {
        daylight.kill9()?;
        daylight.restart()?;
        let tried = receiver.posts().len();
        poll(SOON, "the alert that waits is tried again", || {
            ensure!(receiver.posts().len() > tried, "not yet");
            Ok(())
        })?;
    }
    receiver.refuse("");
    accepted(7)?;
    ensure!(daylight.stop()? == 0);
    accepted(7)?;
    let ids: BTreeSet<String> = receiver.posts().into_iter().map(|post| post.id).collect();
    ensure!(ids.len() == 7, "seven apps, and the alert ids {ids:?}");
    Ok(())
}
