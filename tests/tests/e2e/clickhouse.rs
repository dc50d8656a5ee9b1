//! ClickHouse away under load for the two minutes of the promise: ingest and alerts go on, the rows catch up. `DAYLIGHT_TESTS_AWAY_S=20` for
//! who cannot wait.

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    load::Load,
    poll,
    servers::{Clickhouse, Receiver, Setup},
};

use crate::crash::{alerts_are_exact, rows_are_exact};

/// How long it is away, unless the environment says otherwise. Seconds.
const AWAY_S: u64 = 120;
/// An alert of the time without ClickHouse arrives within this time. It is a second on an idle machine.
const ALERT_WITHIN: Duration = Duration::from_secs(10);
/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn while_clickhouse_is_away_events_are_taken_and_alerts_told_and_then_the_rows_catch_up() -> anyhow::Result<()> {
    let away =
        env::var("DAYLIGHT_TESTS_AWAY_S").map_or(Ok(AWAY_S), |text| text.parse()).context("DAYLIGHT_TESTS_AWAY_S")?;
    let (receiver, mut clickhouse) = (Receiver::start()?, Clickhouse::start()?);
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let daylight = setup.set("detect.learning_days", 0).clickhouse(&clickhouse.url(), "away").start()?;
    let load = Load::new();
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| load.run(&daylight, "okta"));
        let went = (|| {
            poll(SOON, "rows arrive", || {
                ensure!(daylight.number("SELECT count() FROM events")? > 1_000, "too few");
                Ok(())
            })?;
            clickhouse.kill9();
            let (began, alerts, pages) = (Instant::now(), receiver.accepted().len(), load.pages());
            poll(ALERT_WITHIN, "a new alert arrives without ClickHouse", || {
                let now = receiver.accepted().len();
                ensure!(now > alerts + 5, "{now} alerts, and {alerts} before");
                Ok(())
            })?;
            poll(SOON, "readiness says why", || {
                let answer = daylight.readiness()?;
                ensure!(
                    answer.status == 503 && answer.text().contains("ClickHouse"),
                    "{} {}",
                    answer.status,
                    answer.text()
                );
                Ok(())
            })?;
            poll(Duration::from_secs(away + 5), "its time is over", || {
                ensure!(began.elapsed() >= Duration::from_secs(away), "not yet");
                Ok(())
            })?;
            let taken = load.pages() - pages;
            // 50 pages a second are sent; half of that on a busy machine.
            ensure!(taken > away * 25, "only {taken} pages were taken in {away} s");
            clickhouse.restart()
        })();
        load.stop();
        let sent = sender.join().ok().context("the sender panicked");
        went.and(sent)
    })?;
    ensure!(sent.failures == 0, "{} attempts failed: ingest depends on ClickHouse", sent.failures);
    ensure!(sent.slowest < Duration::from_secs(5), "an answer took {:?}: ingest waits for ClickHouse", sent.slowest);
    rows_are_exact(&daylight, &sent)?;
    ensure!(daylight.number("SELECT count() FROM events")? == sent.events, "some event is there twice");
    alerts_are_exact(&daylight, &receiver, &sent)?;
    poll(SOON, "it is ready again", || {
        let answer = daylight.readiness()?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    })
}

#[test]
fn inserts_that_are_answered_too_late_are_sent_again_and_stored_once() -> anyhow::Result<()> {
    let (receiver, clickhouse) = (Receiver::start()?, Clickhouse::start()?);
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup.clickhouse(&clickhouse.url(), "late").set("detect.learning_days", 0);
    let daylight = setup.set("sink.insert_timeout_ms", 500).set("sink.flush_interval_ms", 200).start()?;
    let unconfirmed = || Ok::<_, anyhow::Error>(daylight.log()?.matches("insert not confirmed").count());
    let load = Load::new();
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| load.run(&daylight, "okta"));
        let went = (0..4).try_for_each(|_| {
            let rows = daylight.number("SELECT count() FROM events")?;
            poll(SOON, "rows flow", || {
                ensure!(daylight.number("SELECT count() FROM events")? > rows + 200, "not yet");
                Ok(())
            })?;
            let before = unconfirmed()?;
            clickhouse.pause()?;
            let late = poll(SOON, "inserts are not confirmed", || {
                ensure!(unconfirmed()? >= before + 3, "not yet");
                Ok(())
            });
            clickhouse.resume()?;
            late
        });
        load.stop();
        went.and(sender.join().ok().context("the sender panicked"))
    })?;
    ensure!(sent.failures == 0, "{} attempts failed: ingest depends on ClickHouse", sent.failures);
    rows_are_exact(&daylight, &sent)?;
    ensure!(daylight.number("SELECT count() FROM events")? == sent.events, "some event is there twice");
    alerts_are_exact(&daylight, &receiver, &sent)
}

/// Who is asked to stop leaves before its supervisor kills it, whatever ClickHouse does: its groups would wait for the end of its session.
#[test]
fn a_daylight_that_is_stopped_does_not_wait_for_an_insert_that_nobody_answers() -> anyhow::Result<()> {
    let (receiver, clickhouse) = (Receiver::start()?, Clickhouse::start()?);
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup.clickhouse(&clickhouse.url(), "stopping").set("detect.learning_days", 0);
    let daylight = setup.set("sink.insert_timeout_ms", 240_000).set("sink.flush_interval_ms", 50).start()?;
    let send = |first: u64, app: &str| {
        let click = |number| okta_sso(&click(number, "mia.roth@brightwater.example", app, app));
        let clicks: Vec<_> = (first..first + 20).map(click).collect();
        daylight.accept("okta", &page(&clicks))
    };
    send(0, "0oaFirst")?;
    daylight.expect(SOON, "SELECT count() FROM events", 20)?;
    clickhouse.pause()?;
    send(20, "0oaOther")?;
    // Then its row is on its way, or will be when it stops.
    poll(SOON, "the second alert is told", || {
        ensure!(receiver.accepted().len() == 2, "not yet");
        Ok(())
    })?;
    let began = Instant::now();
    ensure!(daylight.stop()? == 0, "it did not stop in order");
    ensure!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
    clickhouse.resume()?;
    daylight.restart()?;
    daylight.expect(SOON, "SELECT count() FROM events", 40)?;
    daylight.expect(SOON, "SELECT count() FROM alerts FINAL", 2)
}

/// Found by the chaos harness (seed 11): whoever was killed while ClickHouse was away did not come up again, and took no events.
#[test]
fn a_daylight_that_starts_while_clickhouse_is_away_takes_events_and_tells_alerts_and_the_rows_catch_up()
-> anyhow::Result<()> {
    let (receiver, mut clickhouse) = (Receiver::start()?, Clickhouse::start()?);
    clickhouse.kill9();
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup.set("detect.learning_days", 0).clickhouse(&clickhouse.url(), "late").not_ready_is_fine();
    let daylight = setup.start()?;
    let clicks: Vec<_> =
        (0..20).map(|number| okta_sso(&click(number, "mia.roth@brightwater.example", "0oaLate", "Late"))).collect();
    daylight.accept("okta", &page(&clicks))?;
    poll(SOON, "the alert arrives without ClickHouse", || {
        ensure!(receiver.accepted().len() == 1, "{:?}", receiver.accepted());
        Ok(())
    })?;
    let answer = daylight.readiness()?;
    ensure!(answer.status == 503 && answer.text().contains("ClickHouse"), "{} {}", answer.status, answer.text());
    clickhouse.restart()?;
    poll(SOON, "it is ready", || {
        let answer = daylight.readiness()?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    })?;
    daylight.expect(SOON, "SELECT count() FROM events", 20)?;
    daylight.expect(SOON, "SELECT count() FROM alerts FINAL", 1)
}
