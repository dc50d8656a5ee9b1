//! The roles apart, on real Kafka and a ClickHouse of its own: each is killed alone, under load, and started again.

use std::time::Duration;

use anyhow::{Context, ensure};
use tests::{
    events::OKTA_ORG,
    load::Load,
    poll,
    servers::{Clickhouse, Daylight, KafkaServer, Receiver, Setup},
};

use crate::crash::{alerts_are_exact, rows_are_exact};

/// Kafka waits so long for a consumer that was killed before it gives its partitions to another. Its own default is 45 s.
const SESSION_TIMEOUT_MS: &str = "6000";
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

#[test]
fn each_role_killed_alone_and_started_again_brings_no_new_alert_id_and_loses_no_row() -> anyhow::Result<()> {
    let (kafka, clickhouse, receiver) = (KafkaServer::start()?, Clickhouse::start()?, Receiver::start()?);
    let role = |role: &'static str| {
        let properties = toml::Table::from_iter([("session.timeout.ms".to_owned(), SESSION_TIMEOUT_MS.into())]);
        let setup = Setup::new()
            .role(role)
            .tenant("acme")
            .connection("okta", "acme", "okta", OKTA_ORG)
            .receiver("hook", &receiver);
        let setup = setup.kafka(&kafka.bootstrap).set("log.kafka_properties", properties);
        setup.clickhouse(&clickhouse.url(), "roles").set("detect.learning_days", 0).start()
    };
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
