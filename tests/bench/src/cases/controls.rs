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

use crate::{
    alone,
    json::{PEER_COLUMNS, PEER_ENGINE, PEER_ID},
    preload::{Form, Load},
    report::{BytesPerEvent, Measured},
    stack::Stack,
};

/// Rows of a block: what `sink` sends when there is enough.
const BLOCK_ROWS: u64 = 200_000;
/// Patience with one insert.
const INSERT_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) fn drain(stack: &mut Stack, form: Form) -> anyhow::Result<Measured> {
    let loaded = stack.load(Load { shape: Shape::of_apps(800), form, part: 1 })?;
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
    let loaded = stack.load(Load { shape: Shape::of_apps(800), form, part: 1 })?;
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
    let id = "toUInt64(bitAnd(event_id, 18446744073709551615))";
    let flaws = servers.flaws(&format!("{database}.events"), id, truth)?;
    let out = Some(servers.bytes_per_row(&database, "events")?);
    let bytes = BytesPerEvent { incoming: Some(body_bytes as f64 / truth.events as f64), log: None, out };
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    Ok(Measured { events: truth.events, time, cost, bytes, flaws, ..Measured::default() })
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
