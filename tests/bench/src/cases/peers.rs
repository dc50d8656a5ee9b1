//! ClickHouse reading Kafka by itself: a table of the Kafka engine, and a materialised view into the usual table. What most people deploy,
//! and, with `RowBinary` packed, the best that it can be tuned to. It recognises no app and detects nothing.

use anyhow::ensure;
use stages::workload::{PARTITIONS, Shape};
use tests::poll;

use crate::{
    json::{PEER_COLUMNS, PEER_ENGINE, PEER_ID},
    preload::{Form, Load},
    report::{BytesPerEvent, Measured},
    stack::{ARRIVED_WITHIN, Stack},
};

/// One event a message costs it ten times as much: it gets a part of the events.
const SINGLE_PART: u64 = 4;

pub(super) fn kafka_engine(stack: &mut Stack, form: Form) -> anyhow::Result<Measured> {
    let (format, part) = match form {
        Form::JsonSingle => ("JSONEachRow", SINGLE_PART),
        Form::RowBinaryPacked => ("RowBinary", 1),
        _ => ("JSONEachRow", 1),
    };
    let loaded = stack.load(Load { shape: Shape::of_apps(800), form, part })?;
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
