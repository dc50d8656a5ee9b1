//! `daylight sink`, the released binary: from a full topic to the last row, usage tables included.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use codec::Topic;
use stages::{
    accounting,
    workload::{PARTITIONS, Shape},
};
use tests::{
    poll,
    servers::{Daylight, Setup},
};

use crate::{
    preload::{Form, Load, Loaded, empty_ledger, make_topics},
    report::{BytesPerEvent, Measured},
    stack::{ARRIVED_WITHIN, Servers, Stack},
};

/// The group of `sink`.
const GROUP: &str = "sink";
/// The low half of an event's id, as a row holds it.
const ID: &str = "toUInt64(bitAnd(event_id, 18446744073709551615))";
/// A batch is full before it is this old, also on a machine that has other things to do: neighbours must not make the blocks small.
const FLUSH_INTERVAL_MS: i64 = 10_000;
/// With fewer events no batch gets full, and all of them would wait for their time: then it stays at its default.
const EVENTS_MIN: u64 = 800_000;
/// Topics without a record: what a start costs is measured on them.
const EMPTY: &str = "empty.";

pub(super) fn run(stack: &mut Stack, apps: u32, form: Form) -> anyhow::Result<Measured> {
    run_as(stack, apps, form, &|setup| setup)
}

/// The same with a process that is told something else.
pub(crate) fn run_as(
    stack: &mut Stack,
    apps: u32,
    form: Form,
    change: &dyn Fn(Setup) -> Setup,
) -> anyhow::Result<Measured> {
    let loaded = stack.load(Load { shape: Shape::of_apps(apps), form, part: 1 })?;
    let start_up = stack.start_up("sink", start_up)?;
    let database = stack.new_database();
    let servers = stack.servers()?;
    servers.forget_group(GROUP)?;
    // A start reads it, and detection may have filled it.
    empty_ledger(&servers.broker, &loaded.prefix)?;
    prepare(servers, &database)?;
    let books = servers.books()?;
    let daylight = change(setup(servers, &loaded.prefix, &database, loaded.truth.events)).start()?;
    poll(ARRIVED_WITHIN, "every row is acknowledged", || has_rows(&daylight, loaded.truth.events))?;
    let client = accounting::cpu(daylight.process())?;
    let (time, mut cost) = servers.close(books, Some(&database))?;
    cost.client = client.saturating_sub(start_up);
    let peak = accounting::peak_mib(daylight.process())?;
    poll(ARRIVED_WITHIN, "every offset is committed", || is_committed(servers, &loaded))?;
    let flaws = servers.flaws(&format!("{database}.events"), ID, loaded.truth)?;
    let (incoming, log) = loaded.bytes_per_event();
    let bytes = BytesPerEvent {
        incoming: Some(incoming),
        log: Some(log),
        out: Some(servers.bytes_per_row(&database, "events")?),
    };
    ensure!(daylight.stop()? == 0, "the sink did not stop as it should");
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    let note = format!("its start ({} ms of the processor) taken off", start_up.as_millis());
    Ok(Measured {
        events: loaded.truth.events,
        time,
        cost,
        peak_rss_mib: Some(peak),
        bytes,
        flaws,
        note,
        ..Measured::default()
    })
}

/// What it costs to start and find nothing.
fn start_up(stack: &mut Stack) -> anyhow::Result<Duration> {
    let database = stack.new_database();
    let servers = stack.servers()?;
    make_topics(&servers.broker, EMPTY)?;
    prepare(servers, &database)?;
    let daylight = setup(servers, EMPTY, &database, 0).start()?;
    let cpu = accounting::cpu(daylight.process())?;
    ensure!(daylight.stop()? == 0, "the sink did not stop as it should");
    Ok(cpu)
}

fn setup(servers: &Servers, prefix: &str, database: &str, events: u64) -> Setup {
    let (bootstrap, url) = (&servers.kafka.bootstrap, servers.clickhouse.url());
    let setup = Setup::new().role("sink").kafka(bootstrap).set("log.topic_prefix", prefix).clickhouse(&url, database);
    if events < EVENTS_MIN { setup } else { setup.set("sink.flush_interval_ms", FLUSH_INTERVAL_MS) }
}

/// The tables, so that they are not made while somebody counts.
fn prepare(servers: &Servers, database: &str) -> anyhow::Result<()> {
    let client = servers.client(database)?;
    servers.runtime.block_on(client.migrate(store::MIGRATIONS))?;
    Ok(())
}

/// The sink's own count, because asking ClickHouse would cost ClickHouse something.
fn has_rows(daylight: &Daylight, wanted: u64) -> anyhow::Result<()> {
    let metrics = daylight.metrics()?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("daylight_sink_rows_total{table=\"events\"} "));
    let rows: f64 = line.context("no row yet")?.parse()?;
    ensure!(rows >= wanted as f64, "{rows} of {wanted}");
    Ok(())
}

fn is_committed(servers: &Servers, loaded: &Loaded) -> anyhow::Result<()> {
    for partition in 0..PARTITIONS {
        let (_, end) = servers.broker.watermarks(&loaded.topic, partition)?;
        let committed = servers.broker.committed(GROUP, &loaded.topic, partition)?.map(|committed| committed.offset);
        ensure!(committed == Some(end) || end == 0, "partition {partition}: {committed:?} of {end}");
    }
    ensure!(loaded.topic.ends_with(Topic::Events.as_str()), "{} is no topic of events", loaded.topic);
    Ok(())
}
