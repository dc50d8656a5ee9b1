//! ClickHouse reading Kafka by itself: a table of the Kafka engine, and a materialised view into the usual table. What most people deploy,
//! and, with `RowBinary` packed, the cheapest of its formats. It recognises no app and detects nothing.
//!
//! Two more where somebody names their binaries (`CLICKHOUSE_SINKER=`, `OTELCOL=`): nothing of theirs is here but configurations that we wrote.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use ::tests::poll;
use anyhow::{Context as _, ensure};
use stages::{
    accounting,
    workload::{PARTITIONS, Shape},
};

use crate::{
    json::{PEER_COLUMNS, PEER_ENGINE, PEER_ID},
    preload::{Form, Load},
    report::{BytesPerEvent, Measured},
    stack::{ARRIVED_WITHIN, Servers, Stack},
};

/// Whose binary is named by which variable, how it is told of its configuration, and what its table holds as the low half of an event's id.
struct Foreign {
    variable: &'static str,
    template: &'static str,
    file: &'static str,
    option: &'static str,
    /// It makes its table by itself.
    makes_table: bool,
    id: &'static str,
}

const CLICKHOUSE_SINKER: Foreign = Foreign {
    variable: "CLICKHOUSE_SINKER",
    template: include_str!("../../peers/clickhouse_sinker.hjson"),
    file: "sinker.hjson",
    option: "--local-cfg-file",
    makes_table: false,
    id: PEER_ID,
};
const COLLECTOR: Foreign = Foreign {
    variable: "OTELCOL",
    template: include_str!("../../peers/otelcol.yaml"),
    file: "otelcol.yaml",
    option: "--config",
    makes_table: true,
    id: "reinterpretAsUInt64(reverse(unhex(substring(JSONExtractString(Body, 'event_id'), 17))))",
};

/// Between two questions how far it is.
const ASK_INTERVAL: Duration = Duration::from_millis(500);
/// One event a message costs it ten times as much: it gets a part of the events.
const SINGLE_PART: u64 = 4;

pub(super) fn kafka_engine(stack: &mut Stack, form: Form) -> anyhow::Result<Measured> {
    let (format, part) = match form {
        Form::JsonSingle => ("JSONEachRow", SINGLE_PART),
        Form::RowBinaryPacked => ("RowBinary", 1),
        _ => ("JSONEachRow", 1),
    };
    let loaded = stack.load(Load { part, ..Load::of(Shape::of_apps(800), form) })?;
    let database = stack.new_database();
    let servers = stack.servers()?;
    servers.execute(&format!("CREATE DATABASE {database}"))?;
    servers.execute(&format!("CREATE TABLE {database}.events ({PEER_COLUMNS}) {PEER_ENGINE}"))?;
    servers.execute(&format!(
        "CREATE TABLE {database}.queue ({PEER_COLUMNS}) ENGINE = Kafka SETTINGS kafka_broker_list = '{}', kafka_topic_list = '{}', \
         kafka_group_name = '{database}', kafka_format = '{format}', kafka_num_consumers = 1",
        servers.kafka.bootstrap, loaded.topic
    ))?;
    ensure!(PARTITIONS > 0, "a topic has partitions");
    let books = servers.books()?;
    servers.execute(&format!(
        "CREATE MATERIALIZED VIEW {database}.feed TO {database}.events AS SELECT * FROM {database}.queue"
    ))?;
    let count = format!("SELECT count() FROM {database}.events");
    poll(ARRIVED_WITHIN, "every row has come", || {
        // Whoever asks costs the server something, too.
        thread::sleep(ASK_INTERVAL);
        let rows = servers.number(&count)?;
        ensure!(rows >= loaded.truth.events, "{rows} of {}", loaded.truth.events);
        Ok(())
    })?;
    let (time, cost) = servers.close(books, Some(&database))?;
    let flaws = servers.flaws(&format!("{database}.events"), PEER_ID, loaded.truth)?;
    let (incoming, log) = loaded.bytes_per_event();
    let out = Some(servers.bytes_per_row(&database, "events")?);
    let bytes = BytesPerEvent { incoming: Some(incoming), log: Some(log), out };
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    let note = "its default settings, one consumer; processor time of the whole ClickHouse".to_owned();
    Ok(Measured { events: loaded.truth.events, time, cost, bytes, flaws, note, ..Measured::default() })
}

pub(super) fn clickhouse_sinker(stack: &mut Stack) -> anyhow::Result<Option<Measured>> {
    foreign(stack, &CLICKHOUSE_SINKER)
}

pub(super) fn collector(stack: &mut Stack) -> anyhow::Result<Option<Measured>> {
    foreign(stack, &COLLECTOR)
}

/// Somebody else's process reads one JSON event a message. Its start is in its figure.
fn foreign(stack: &mut Stack, foreign: &Foreign) -> anyhow::Result<Option<Measured>> {
    let Some(binary) = std::env::var_os(foreign.variable).filter(|path| !path.is_empty()) else {
        println!("            skipped: {} names no binary", foreign.variable);
        return Ok(None);
    };
    let loaded = stack.load(Load { part: SINGLE_PART, ..Load::of(Shape::of_apps(800), Form::JsonSingle) })?;
    let database = stack.new_database();
    let servers = stack.servers()?;
    servers.execute(&format!("CREATE DATABASE {database}"))?;
    if !foreign.makes_table {
        servers.execute(&format!("CREATE TABLE {database}.events ({PEER_COLUMNS}) {PEER_ENGINE}"))?;
    }
    let folder = tempfile::tempdir()?;
    let config = folder.path().join(foreign.file);
    let port = servers.clickhouse.tcp_port().to_string();
    let words = [
        ("@BROKERS@", servers.kafka.bootstrap.as_str()),
        ("@TOPIC@", &loaded.topic),
        ("@GROUP@", &database),
        ("@DATABASE@", &database),
        ("@CLICKHOUSE_TCP_PORT@", &port),
    ];
    let text = words.iter().fold(foreign.template.to_owned(), |text, (word, told)| text.replace(word, told));
    std::fs::write(&config, text)?;
    let said = std::fs::File::create(folder.path().join("said.log"))?;
    let books = servers.books()?;
    let mut command = Command::new(binary);
    command.arg(foreign.option).arg(&config).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let mut child = command.spawn().with_context(|| format!("starting what {} names", foreign.variable))?;
    let arrived = arrived(servers, &database, loaded.truth.events, &mut child);
    let client = accounting::cpu(child.id());
    let peak = accounting::peak_mib(child.id());
    let closed = servers.close(books, Some(&database));
    child.kill().and_then(|()| child.wait()).context("ending it")?;
    arrived.with_context(|| std::fs::read_to_string(folder.path().join("said.log")).unwrap_or_default())?;
    let (time, mut cost) = closed?;
    cost.client = client?;
    let flaws = servers.flaws(&format!("{database}.events"), foreign.id, loaded.truth)?;
    let (incoming, log) = loaded.bytes_per_event();
    let out = Some(servers.bytes_per_row(&database, "events")?);
    let bytes = BytesPerEvent { incoming: Some(incoming), log: Some(log), out };
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    let note = "its start in its figure".to_owned();
    let events = loaded.truth.events;
    Ok(Some(Measured { events, time, cost, peak_rss_mib: peak.ok(), bytes, flaws, note, ..Measured::default() }))
}

/// Every row has come, and whoever brings them still runs.
fn arrived(servers: &Servers, database: &str, events: u64, child: &mut Child) -> anyhow::Result<()> {
    let count = format!("SELECT count() FROM {database}.events");
    poll(ARRIVED_WITHIN, "every row has come", || {
        if let Some(ended) = child.try_wait()? {
            return Ok(Err(anyhow::anyhow!("it ended: {ended}")));
        }
        thread::sleep(ASK_INTERVAL);
        let rows = servers.number(&count)?;
        ensure!(rows >= events, "{rows} of {events}");
        Ok(Ok(()))
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_stands_in_each_configuration() {
        for foreign in [CLICKHOUSE_SINKER, COLLECTOR] {
            for word in ["@BROKERS@", "@TOPIC@", "@GROUP@", "@DATABASE@", "@CLICKHOUSE_TCP_PORT@"] {
                assert!(foreign.template.contains(word), "{}: {word}", foreign.file);
            }
        }
    }
}
