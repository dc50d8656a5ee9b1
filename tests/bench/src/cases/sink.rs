//! `daylight sink`, the released binary: from a full topic to the last row, usage tables included.

use std::time::Duration;

use anyhow::ensure;
use stages::accounting;
use tests::{
    poll,
    servers::{Daylight, Setup},
};

use super::{Drain, start_all};
use crate::{
    history,
    log::Log,
    preload::Loaded,
    report::{BytesPerEvent, Measured},
    stack::{ARRIVED_WITHIN, Servers, Stack},
};

/// The group of `sink`.
pub(super) const GROUP: &str = "sink";
/// The low half of an event's id, as a row holds it.
pub(super) const ID: &str = "toUInt64(bitAnd(event_id, 18446744073709551615))";
/// The line of the metric that counts rows.
const ROWS: &str = "daylight_sink_rows_total{table=\"events\"} ";
/// A batch is full before it is this old, also on a machine that has other things to do: neighbours must not make the blocks small.
const FLUSH_INTERVAL_MS: i64 = 10_000;
/// With fewer events no batch gets full, and all of them would wait for their time: then it stays at its default.
const EVENTS_MIN: u64 = 800_000;

pub(super) fn run(stack: &mut Stack, drain: &Drain) -> anyhow::Result<Measured> {
    run_as(stack, drain, &|setup| setup)
}

/// The same with a process that is told something else.
pub(crate) fn run_as(stack: &mut Stack, drain: &Drain, change: &dyn Fn(Setup) -> Setup) -> anyhow::Result<Measured> {
    let loaded = stack.load(drain.load)?;
    let start_up = stack.start_up("sink", drain.load, |stack| start_up(stack, &loaded))?;
    let database = stack.new_database();
    let history = stack.history(drain.history)?;
    let servers = stack.servers()?;
    let log = Log::open(servers, &loaded, &[GROUP])?;
    prepare(servers, &database)?;
    history::attach(servers, &history, &database)?;
    let books = servers.books()?;
    let sinks = start_all(drain.processes, || change(setup(servers, &log, &database, loaded.truth.events)))?;
    poll(ARRIVED_WITHIN, "every row is acknowledged", || has_rows(&sinks, loaded.truth.events))?;
    let time = books.elapsed();
    if drain.processes > 1 {
        // A partition that changed hands may have been counted by both.
        poll(ARRIVED_WITHIN, "every offset is committed", || log.is_committed(GROUP, &loaded.topic))?;
    }
    // Use is written behind the rows of a batch, and then its offset.
    let client = accounting::cpu_at_rest(sinks.iter().map(Daylight::process))?;
    let (_, mut cost) = servers.close(books, Some(&database))?;
    cost.client = client.saturating_sub(start_up * drain.processes as u32);
    if drain.load.engine == crate::preload::Engine::Embedded {
        // Kafka has no part in it, whatever it does meanwhile.
        cost.broker = Duration::ZERO;
    }
    let mut peak = 0.0_f64;
    for sink in &sinks {
        peak = peak.max(accounting::peak_mib(sink.process())?);
        ensure!(sink.stop()? == 0, "the sink did not stop as it should");
    }
    poll(ARRIVED_WITHIN, "every offset is committed", || log.is_committed(GROUP, &loaded.topic))?;
    let flaws = servers.flaws(&format!("{database}.events WHERE {}", history::NOT_OF_IT), ID, loaded.truth)?;
    let (incoming, in_log) = loaded.bytes_per_event();
    let bytes = BytesPerEvent {
        incoming: Some(incoming),
        log: Some(in_log),
        out: Some(servers.bytes_per_row(&database, "events")?),
    };
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
fn start_up(stack: &mut Stack, loaded: &Loaded) -> anyhow::Result<Duration> {
    let database = stack.new_database();
    let servers = stack.servers()?;
    let log = Log::empty(servers, loaded)?;
    prepare(servers, &database)?;
    let daylight = setup(servers, &log, &database, 0).start()?;
    let cpu = accounting::cpu(daylight.process())?;
    ensure!(daylight.stop()? == 0, "the sink did not stop as it should");
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    Ok(cpu)
}

pub(super) fn setup(servers: &Servers, log: &Log<'_>, database: &str, events: u64) -> Setup {
    let setup = log.configure(Setup::new().role("sink")).clickhouse(&servers.clickhouse.url(), database);
    if events < EVENTS_MIN { setup } else { setup.set("sink.flush_interval_ms", FLUSH_INTERVAL_MS) }
}

/// The tables, so that they are not made while somebody counts.
pub(super) fn prepare(servers: &Servers, database: &str) -> anyhow::Result<()> {
    let client = servers.client(database)?;
    servers.runtime.block_on(client.migrate(store::MIGRATIONS))?;
    Ok(())
}

/// The sinks' own count, because asking ClickHouse would cost ClickHouse something.
pub(super) fn has_rows(sinks: &[Daylight], wanted: u64) -> anyhow::Result<()> {
    // Who had no partition yet has no row to tell of.
    let rows: f64 = sinks.iter().filter_map(|sink| super::metric(sink, ROWS).ok()).sum();
    ensure!(rows >= wanted as f64, "{rows} of {wanted}");
    Ok(())
}
