//! What bounds `sink` from below: reading alone, and inserting alone.

use std::time::Duration;

use anyhow::ensure;
use event::Position;
use stages::{
    accounting,
    row::row,
    workload::{DELIVERY_EVENTS, Shape, Texts, Truth, Workload},
};
use store::{Deduplication, EncodedBlock, EventsBlock, InsertOutcome};
use tests::http;

use super::INSERT_TIMEOUT;
use crate::{
    alone,
    json::{PEER_COLUMNS, PEER_ENGINE, PEER_ID},
    preload::{Form, Load},
    report::{BytesPerEvent, Measured},
    stack::Stack,
};

/// The same rows take several times as many bytes, all of which are kept: a part of the events.
const ROW_BINARY_PART: u64 = 2;
/// Rows of a block: what `sink` sends when there is enough.
const BLOCK_ROWS: u64 = 200_000;

pub(super) fn drain(stack: &mut Stack, form: Form) -> anyhow::Result<Measured> {
    let loaded = stack.load(Load::of(Shape::of_apps(800), form))?;
    let servers = stack.servers()?;
    let books = servers.books()?;
    let told = alone::call(&["drain", &servers.kafka.bootstrap, &loaded.topic, &loaded.messages.to_string()])?;
    let (_, mut cost) = servers.close(books, None)?;
    // ClickHouse has no part in it, whatever it does meanwhile.
    (cost.clickhouse, cost.merges) = (Duration::ZERO, Duration::ZERO);
    cost.client = Duration::from_secs_f64(told.cpu_seconds);
    let mut flaws = Vec::new();
    if (told.count, told.bytes) != (loaded.messages, loaded.bytes) {
        flaws.push(format!(
            "{} messages of {} bytes were read of {} of {}",
            told.count, told.bytes, loaded.messages, loaded.bytes
        ));
    }
    let (incoming, log) = loaded.bytes_per_event();
    let bytes = BytesPerEvent { incoming: Some(incoming), log: Some(log), out: None };
    Ok(Measured {
        events: loaded.truth.events,
        time: Duration::from_secs_f64(told.seconds),
        cost,
        peak_rss_mib: Some(told.peak_rss_mib),
        bytes,
        flaws,
        ..Measured::default()
    })
}

/// The plain Rust pipeline, into the table that peers use.
pub(super) fn plain(stack: &mut Stack, form: Form) -> anyhow::Result<Measured> {
    let loaded = stack.load(Load::of(Shape::of_apps(800), form))?;
    let database = stack.new_database();
    let servers = stack.servers()?;
    servers.execute(&format!("CREATE DATABASE {database}"))?;
    servers.execute(&format!("CREATE TABLE {database}.events ({PEER_COLUMNS}) {PEER_ENGINE}"))?;
    let books = servers.books()?;
    let (events, url) = (loaded.truth.events.to_string(), servers.clickhouse.url());
    let told = alone::call(&["plain", &servers.kafka.bootstrap, &loaded.topic, &events, &url, &database])?;
    let (_, mut cost) = servers.close(books, Some(&database))?;
    cost.client = Duration::from_secs_f64(told.cpu_seconds);
    let flaws = servers.flaws(&format!("{database}.events"), PEER_ID, loaded.truth)?;
    let (incoming, log) = loaded.bytes_per_event();
    let out = Some(servers.bytes_per_row(&database, "events")?);
    let bytes = BytesPerEvent { incoming: Some(incoming), log: Some(log), out };
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    let (time, peak_rss_mib) = (Duration::from_secs_f64(told.seconds), Some(told.peak_rss_mib));
    Ok(Measured { events: loaded.truth.events, time, cost, peak_rss_mib, bytes, flaws, ..Measured::default() })
}

pub(super) fn insert(stack: &mut Stack, apps: u32) -> anyhow::Result<Measured> {
    let (seed, events, database) = (stack.scale.seed, stack.scale.events, stack.new_database());
    let (blocks, truth) = blocks(apps, seed, events);
    let servers = stack.servers()?;
    let client = servers.client(&database)?;
    servers.runtime.block_on(client.migrate(store::MIGRATIONS))?;
    let body_bytes: usize = blocks.iter().map(|block| block.body.len()).sum();
    let (books, before) = (servers.books()?, accounting::cpu(std::process::id())?);
    for (number, block) in blocks.iter().enumerate() {
        let token = format!("bench/{number}");
        let sent = client.insert(block, &token, Deduplication::ByToken, INSERT_TIMEOUT);
        let outcome = servers.runtime.block_on(sent);
        ensure!(outcome == InsertOutcome::Clean, "a block was not stored: {outcome:?}");
    }
    let ours = accounting::cpu(std::process::id())?.saturating_sub(before);
    let (time, mut cost) = servers.close(books, Some(&database))?;
    (cost.client, cost.broker) = (ours, Duration::ZERO);
    let flaws = servers.flaws(&format!("{database}.events"), super::sink::ID, truth)?;
    let out = Some(servers.bytes_per_row(&database, "events")?);
    let bytes = BytesPerEvent { incoming: Some(body_bytes as f64 / truth.events as f64), log: None, out };
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    Ok(Measured { events: truth.events, time, cost, bytes, flaws, ..Measured::default() })
}

/// The same rows, sent as `RowBinary`: taken out of a table of ours in its order, and put into another one.
pub(super) fn insert_row_binary(stack: &mut Stack, apps: u32) -> anyhow::Result<Measured> {
    let (seed, events) = (stack.scale.seed, stack.scale.events / ROW_BINARY_PART);
    let (source, database) = (stack.new_database(), stack.new_database());
    let (blocks, truth) = blocks(apps, seed, events);
    let servers = stack.servers()?;
    let client = servers.client(&source)?;
    servers.runtime.block_on(client.migrate(store::MIGRATIONS))?;
    for (number, block) in blocks.iter().enumerate() {
        let token = format!("source/{number}");
        let sent = client.insert(block, &token, Deduplication::ByToken, INSERT_TIMEOUT);
        let outcome = servers.runtime.block_on(sent);
        ensure!(outcome == InsertOutcome::Clean, "a block was not stored: {outcome:?}");
    }
    drop(blocks);
    servers.settle(&source)?;
    servers.runtime.block_on(servers.client(&database)?.migrate(store::MIGRATIONS))?;
    let ask = |database: &str, settings: &str, sql: &str, body: &[u8]| -> anyhow::Result<Vec<u8>> {
        let query = sql.replace(' ', "+");
        let url = format!("{}/?database={database}&{settings}&query={query}", servers.clickhouse.url());
        let answer = http::post(&url, &[], body)?;
        ensure!(answer.status == 200, "ClickHouse refuses {sql}: {}", answer.text());
        Ok(answer.body)
    };
    let mut bodies = Vec::new();
    for first in (0..events).step_by(BLOCK_ROWS as usize) {
        let sql = format!("SELECT * FROM events LIMIT {BLOCK_ROWS} OFFSET {first} FORMAT RowBinary");
        bodies.push(ask(&source, "max_threads=1", &sql, &[])?);
    }
    servers.execute(&format!("DROP DATABASE {source} SYNC"))?;
    let body_bytes: usize = bodies.iter().map(Vec::len).sum();
    let (books, before) = (servers.books()?, accounting::cpu(std::process::id())?);
    for body in &bodies {
        let settings = "async_insert=0&max_insert_threads=1&max_threads=1&insert_deduplicate=0";
        ask(&database, settings, "INSERT INTO events FORMAT RowBinary", body)?;
    }
    let ours = accounting::cpu(std::process::id())?.saturating_sub(before);
    let (time, mut cost) = servers.close(books, Some(&database))?;
    (cost.client, cost.broker) = (ours, Duration::ZERO);
    let flaws = servers.flaws(&format!("{database}.events"), super::sink::ID, truth)?;
    let bytes = BytesPerEvent {
        incoming: Some(body_bytes as f64 / truth.events as f64),
        log: None,
        out: Some(servers.bytes_per_row(&database, "events")?),
    };
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    let note = format!("blocks of {BLOCK_ROWS} rows in the order of the table, no usage tables");
    Ok(Measured { events: truth.events, time, cost, bytes, flaws, note, ..Measured::default() })
}

/// The blocks that `sink` would send of the same events, one partition after the other.
fn blocks(apps: u32, seed: u64, events: u64) -> (Vec<EncodedBlock>, Truth) {
    let workload = Workload::new(Shape::of_apps(apps), seed);
    let (mut texts, mut truth) = (Texts::default(), Truth::default());
    let (mut blocks, mut open) = (Vec::new(), EventsBlock::new());
    for tenant in 0..workload.tenants().len() as u64 {
        for number in (0..events).filter(|number| workload.tenant_of(*number) == tenant) {
            workload.with_event(number, &mut texts, |event| {
                truth.add(event);
                let position = Position { offset: number / DELIVERY_EVENTS, index: (number % DELIVERY_EVENTS) as u16 };
                open.push(&row(event, event.app.id, position));
            });
            if open.rows() as u64 == BLOCK_ROWS {
                blocks.push(open.take());
            }
        }
        blocks.push(open.take());
    }
    blocks.retain(|block| block.rows > 0);
    (blocks, truth)
}
