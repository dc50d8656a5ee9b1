//! The roles apart, on real Kafka and a ClickHouse of its own: each is killed alone, under load, and started again; and one is stopped until it is
//! taken for dead, and wakes.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use tests::{
    events::OKTA_ORG,
    load::Load,
    poll,
    servers::{Clickhouse, Daylight, Fault, FaultProxy, KafkaServer, Protocol, Receiver, Schedule, Setup},
};

use crate::{
    crash::{alerts_are_exact, rows_are_exact},
    faults::counter,
};

/// Kafka waits so long for a consumer that was killed before it gives its partitions to another. Its own default is 45 s.
const SESSION_TIMEOUT_MS: &str = "6000";
/// How long an insert of the sink that is stopped is held back: it arrives when another has long sent the same rows.
const HELD: Duration = Duration::from_secs(15);
/// The session's end, a rebalance, and the work of a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A poll that counts upwards until it has moved by so much.
fn moves(what: &str, by: usize, count: impl Fn() -> anyhow::Result<usize>) -> anyhow::Result<()> {
    let before = count()?;
    poll(SOON, what, || {
        let now = count()?;
        ensure!(now >= before + by, "{now}, and {before} before");
        Ok(())
    })
}

fn setup(role: &'static str, kafka: &KafkaServer, clickhouse: &str) -> Setup {
    let properties = toml::Table::from_iter([("session.timeout.ms".to_owned(), SESSION_TIMEOUT_MS.into())]);
    let setup = Setup::new().role(role).tenant("acme").connection("okta", "acme", "okta", OKTA_ORG);
    let setup = setup.kafka(&kafka.bootstrap).set("log.kafka_properties", properties);
    setup.clickhouse(clickhouse, "roles").set("detect.learning_days", 0)
}

#[test]
fn each_role_killed_alone_and_started_again_brings_no_new_alert_id_and_loses_no_row() -> anyhow::Result<()> {
    let (kafka, clickhouse, receiver) = (KafkaServer::start()?, Clickhouse::start()?, Receiver::start()?);
    let role = |role| setup(role, &kafka, &clickhouse.url()).receiver("hook", &receiver).start();
    let (ingest, detect, sink, notify) = (role("ingest")?, role("detect")?, role("sink")?, role("notify")?);
    let alerts = || Ok(receiver.accepted().len());
    let rows = || Ok(usize::try_from(sink.number("SELECT count() FROM events")?)?);
    let load = Load::new();
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| load.run(&ingest, "okta"));
        let killed = (|| {
            moves("alerts and rows flow", 3, alerts).and_then(|()| moves("rows flow", 100, rows))?;
            let kill = |process: &Daylight| process.kill9().and_then(|()| process.restart());
            kill(&detect)?;
            // Rows go on while nobody detects, and alerts when detect is back.
            moves("rows flow without detect", 100, rows)?;
            moves("alerts flow again", 3, alerts)?;
            kill(&notify)?;
            moves("alerts flow again after notify", 3, alerts)?;
            sink.kill9()?;
            moves("alerts flow without the sink", 3, alerts)?;
            sink.restart()?;
            moves("rows flow again", 100, rows)?;
            kill(&ingest)?;
            moves("rows flow again after ingest", 100, rows)
        })();
        load.stop();
        let sent = sender.join().ok().context("the sender panicked");
        killed.and(sent)
    })?;
    rows_are_exact(&sink, &sent)?;
    alerts_are_exact(&sink, &receiver, &sent)
}

/// A zombie: it stands in the middle of an insert, loses its partitions, and goes on as if nothing had been.
#[test]
fn a_sink_that_slept_past_its_session_amid_an_insert_wakes_and_doubles_no_row() -> anyhow::Result<()> {
    let (kafka, clickhouse) = (KafkaServer::start()?, Clickhouse::start()?);
    let proxy = FaultProxy::start(clickhouse.url().trim_start_matches("http://"), Protocol::Http, 1)?;
    let (ingest, sleeper) =
        (setup("ingest", &kafka, &clickhouse.url()).start()?, setup("sink", &kafka, &proxy.url()).start()?);
    // Asked of ClickHouse, whatever becomes of the sleeper.
    let rows = || Ok(usize::try_from(sleeper.number("SELECT count() FROM events")?)?);
    let load = Load::new();
    let (sent, other) = std::thread::scope(|scope| -> anyhow::Result<_> {
        let sender = scope.spawn(|| load.run(&ingest, "okta"));
        let slept = (|| -> anyhow::Result<Daylight> {
            moves("rows flow", 200, rows)?;
            let held = Schedule { per_thousand: BTreeMap::from([(Fault::DelayRequest, 1_000)]), hold: HELD };
            proxy.schedule_of("INSERT", held);
            poll(SOON, "an insert is on its way", || {
                ensure!(proxy.exchanges() > 0, "not yet");
                Ok(())
            })?;
            sleeper.pause()?;
            // The only other member: it gets every partition when the session of the sleeper is over.
            let other = setup("sink", &kafka, &clickhouse.url()).start()?;
            poll(SOON, "the other takes over what the sleeper had planned", || {
                ensure!(other.log()?.contains("batches that may not have landed are formed again"), "not yet");
                Ok(())
            })?;
            moves("rows flow by the other", 200, rows)?;
            proxy.calm();
            sleeper.resume()?;
            poll(SOON, "the insert that was held arrives", || {
                ensure!(proxy.faults_of("INSERT").values().sum::<u64>() > 0, "not yet");
                Ok(())
            })?;
            moves("rows flow by both", 200, rows)?;
            Ok(other)
        })();
        load.stop();
        let sent = sender.join().ok().context("the sender panicked")?;
        slept.map(|other| (sent, other))
    })?;
    rows_are_exact(&other, &sent)?;
    for sink in [&sleeper, &other] {
        let surplus = counter(sink, |line| line.starts_with("daylight_sink_surplus_rows_total"))?;
        ensure!(surplus == 0.0, "{surplus} rows are there that should not be");
    }
    Ok(())
}

/// Rows wait in the log meanwhile, and whoever looks at the process must see why nothing comes.
#[test]
fn a_role_whose_broker_is_away_says_so_and_is_ready_again_when_it_is_back() -> anyhow::Result<()> {
    let (mut kafka, clickhouse) = (KafkaServer::start()?, Clickhouse::start()?);
    let role = |role| setup(role, &kafka, &clickhouse.url()).start();
    let roles = [role("sink")?, role("detect")?];
    let says = |role: &Daylight, status: u16, text: &str| {
        poll(SOON, &format!("readiness is {status}"), || {
            let answer = role.readiness()?;
            ensure!(answer.status == status && answer.text().contains(text), "{}: {}", answer.status, answer.text());
            Ok(())
        })
    };
    kafka.kill9()?;
    roles.iter().try_for_each(|role| says(role, 503, "the log cannot be read"))?;
    kafka.restart()?;
    roles.iter().try_for_each(|role| says(role, 200, ""))
}
