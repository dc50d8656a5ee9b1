//! The network between Daylight and ClickHouse at its worst: requests that never arrive, that arrive long after their sender gave up, and
//! above all answers that are lost after the insert was applied. Every row is there once.
//!
//! A body that ends too early makes the embedded engine (26.7) abort as a whole, so the test starts it again where it finds it dead: each such
//! fault is a crash of the server amid an insert, too.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use tests::{
    events::OKTA_ORG,
    load::Load,
    poll,
    servers::{Clickhouse, Daylight, Fault, FaultProxy, Protocol, Receiver, Schedule, Setup},
};

use crate::crash::{alerts_are_exact, rows_are_exact};

/// The seed of the schedule, unless the environment says otherwise (`DAYLIGHT_TESTS_SEED`).
const SEED: u64 = 20_260_314;
/// Faults that must have met an insert before the test is content (`DAYLIGHT_TESTS_FAULTS`).
const FAULTS: u64 = 120;
/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(240);

/// A number of the environment.
fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    std::env::var(name).map_or(Ok(default), |text| text.parse()).with_context(|| name.to_owned())
}

/// The sum of the process's metrics whose lines are meant.
pub(crate) fn counter(daylight: &Daylight, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<f64> {
    let text = daylight.metrics()?;
    let lines = text.lines().filter(|line| is_meant(line));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

#[test]
fn whatever_the_network_does_to_inserts_every_row_is_there_once() -> anyhow::Result<()> {
    let (seed, faults) = (number("DAYLIGHT_TESTS_SEED", SEED)?, number("DAYLIGHT_TESTS_FAULTS", FAULTS)?);
    let (receiver, mut clickhouse) = (Receiver::start()?, Clickhouse::start()?);
    let proxy = FaultProxy::start(clickhouse.url().trim_start_matches("http://"), Protocol::Http, seed)?;
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup.set("detect.learning_days", 0).clickhouse(&proxy.url(), "faults");
    let setup = setup.set("sink.flush_interval_ms", 50).set("sink.retry_wait_max_ms", 100);
    // A request that is held arrives after its sender has given up, and has sent it again.
    let daylight = setup.set("sink.insert_timeout_ms", 1_500).start()?;
    let schedule = |share: u64| Schedule {
        per_thousand: BTreeMap::from([
            (Fault::DropRequest, share),
            (Fault::CutRequest, share),
            (Fault::LoseResponse, 4 * share),
            (Fault::CutResponse, share),
            (Fault::HoldResponse, share),
            (Fault::DelayRequest, share),
            (Fault::DelayResponse, share),
        ]),
        hold: Duration::from_millis(2_500),
    };
    proxy.schedule_of("INSERT", schedule(30));
    let load = Load::new();
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| load.run(&daylight, "okta"));
        let met = || proxy.faults().values().sum::<u64>();
        let went = poll(SOON, "faults meet inserts", || {
            clickhouse.revive()?;
            ensure!(met() >= faults, "{} of {faults}", met());
            Ok(())
        });
        load.stop();
        went.and(sender.join().ok().context("the sender panicked"))
    })?;
    proxy.calm();
    poll(SOON, "the rows catch up", || {
        clickhouse.revive()?;
        let there = daylight.number("SELECT uniqExact(event_id) FROM events")?;
        ensure!(there >= sent.events, "{there} of {}", sent.events);
        Ok(())
    })?;
    rows_are_exact(&daylight, &sent)?;
    ensure!(daylight.number("SELECT count() FROM events")? == sent.events, "some event is there twice");
    alerts_are_exact(&daylight, &receiver, &sent)?;
    ensure!(
        counter(&daylight, |line| line.starts_with("daylight_sink_surplus_rows_total"))? == 0.0,
        "rows are there that should not be"
    );
    let read_backs = counter(&daylight, |line| line.starts_with("daylight_sink_read_backs_total"))?;
    ensure!(read_backs >= 5.0, "only {read_backs} batches were in doubt: {:?}", proxy.faults());
    ensure!(proxy.faults().len() == 7, "some fault never came: {:?}", proxy.faults());
    Ok(())
}

#[test]
fn an_insert_that_takes_longer_than_its_time_gets_more_and_lands() -> anyhow::Result<()> {
    let (receiver, clickhouse) = (Receiver::start()?, Clickhouse::start()?);
    let proxy = FaultProxy::start(clickhouse.url().trim_start_matches("http://"), Protocol::Http, SEED)?;
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup.clickhouse(&proxy.url(), "slow").set("sink.retry_wait_max_ms", 100);
    let daylight = setup.set("sink.insert_timeout_ms", 400).start()?;
    // Every answer takes longer than the first two attempts wait for it.
    let slow = Schedule { per_thousand: BTreeMap::from([(Fault::DelayResponse, 1_000)]), hold: Duration::from_secs(1) };
    proxy.schedule_of("INSERT", slow);
    let load = Load::new();
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| load.run(&daylight, "okta"));
        let confirmed = |line: &str| {
            let is_events = line.contains("table=\"events\"") && line.contains("outcome=\"clean\"");
            line.starts_with("daylight_sink_inserts_total") && is_events
        };
        let went = poll(SOON, "an insert of events is confirmed", || {
            let there = counter(&daylight, confirmed)?;
            ensure!(there > 0.0, "none of {:?}", proxy.faults());
            Ok(())
        });
        load.stop();
        went.and(sender.join().ok().context("the sender panicked"))
    })?;
    proxy.calm();
    rows_are_exact(&daylight, &sent)
}
