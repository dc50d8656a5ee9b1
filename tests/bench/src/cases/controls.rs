//! What bounds `sink` from below: reading alone, and inserting alone.

use std::time::Duration;

use anyhow::ensure;
use store::{Deduplication, EncodedBlock, EventRow, EventsBlock, InsertOutcome};

use crate::{
    accounting, alone,
    preload::{Form, Load},
    report::{BytesPerEvent, Measured},
    stack::Stack,
    workload::{Shape, Texts, Truth, Workload},
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
                open.push(&row(event, number));
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

/// As `sink` writes it, but for what enrichment says.
fn row<'a>(event: &'a event::Event<'a>, number: u64) -> EventRow<'a> {
    EventRow {
        event_id: event.event_id.0,
        tenant: event.tenant,
        source: event.source.index(),
        stream: event.stream.index(),
        connection: event.connection,
        provider_tenant: event.provider_tenant,
        kind: event.kind.index(),
        native_id: event.native_id,
        native_type: event.native_type,
        session_id: event.session_id,
        transaction_id: event.transaction_id,
        occurred_at: event.occurred_at.0,
        available_at: event.available_at.0,
        received_at: event.received_at.0,
        logged_at: event.received_at.0,
        actor_type: event.actor_type.index(),
        user_key: event.user_key.0,
        app_key: event.app.id,
        app_id_kind: event.app.id_kind.index(),
        app_native_id: event.app.id,
        app_name: event.app_name,
        app_kind: event.app_kind.index(),
        scopes: event.scopes.as_str(),
        consent_type: event.consent_type.index(),
        outcome: event.outcome.index(),
        outcome_reason: event.outcome_reason,
        auth_method: event.auth_method,
        is_mfa: event.is_mfa,
        ip: event.ip.0,
        asn: event.asn,
        as_org: event.as_org,
        country: event.country,
        city: event.city,
        user_agent: event.user_agent,
        ua_os: event.ua_os,
        ua_browser: event.ua_browser,
        tables_version: "v1",
        log_id: 1,
        partition: 0,
        offset: number / 500,
        index: (number % 500) as u16,
        ..EventRow::EMPTY
    }
}
