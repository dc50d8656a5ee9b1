//! The way of an event through pure code, alone and on one thread: decode, recognise, observe, encode. Each depth does all that the one before it
//! does, so that the difference of two is what a stage costs. It is what `make instructions` counts.

use std::{hint::black_box, sync::Arc, time::Duration};

use anyhow::{bail, ensure};
use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter, LogRecord, RawTexts, decode_log_record};
use detection::{Engine, Findings, Observation, Settings};
use enrichment::Enricher;
use event::{Coordinates, LogId, Position};
use store::{EventKeys, EventRow, EventRows};

use crate::{
    accounting, allocations,
    known::known_before,
    row::row,
    workload::{DELIVERY_EVENTS, Shape, Texts, Workload},
};

/// How far an event goes: bytes to event, event with its app, what detection makes of it, a row of a block.
pub const STAGES: [&str; 4] = ["decode", "recognise", "observe", "encode"];
/// Events that go round before anything is counted: everything that they hold is known then.
const ROUND_EVENTS: u64 = 20_000;

/// What it cost.
pub struct Staged {
    /// Events.
    pub events: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Time of the processor.
    pub cpu: Duration,
    /// How often memory was asked for.
    pub allocations: u64,
}

/// Sends the same 20,000 events round so often, as far as the stage.
pub fn run(stage: &str, rounds: u64, seed: u64) -> anyhow::Result<Staged> {
    let Some(depth) = STAGES.iter().position(|each| *each == stage) else { bail!("there is no stage {stage}") };
    let workload = Workload::new(Shape { people: 500, known_pairs: 2_000, ..Shape::of_apps(800) }, seed);
    let records = records(&workload)?;
    let mut enricher = Enricher::new(Arc::new(Catalogue::embedded()?));
    let (mut engine, mut out, mut block) = (Engine::new(Settings::default()), Findings::default(), EventRows::new());
    known_before(&workload, &mut |tenant, entry| {
        engine.load(tenant, entry);
        Ok(())
    })?;
    let mut round = |number: u64| -> anyhow::Result<u64> {
        let mut events = 0;
        for (offset, record) in (number * ROUND_EVENTS..).zip(&records) {
            let LogRecord::Events(mut batch) = decode_log_record(record)? else { bail!("a record without events") };
            let (header, origin) = (*batch.header(), batch.raw_origin());
            for index in 0u16.. {
                let Some(event) = batch.next().transpose()? else { break };
                events += 1;
                if depth == 0 {
                    black_box(&event);
                    continue;
                }
                let enriched = enricher.enrich(&event);
                let position = Position { offset, index };
                if depth > 1 {
                    let coordinates = Coordinates { log_id: LogId(1), partition: 0, position };
                    engine.observe(Observation { coordinates, logged_at: event.received_at }, &enriched, &mut out);
                }
                if depth > 2 {
                    let app = enriched.app.map_or(0, |app| app.number).to_le_bytes();
                    let RawTexts { grant, outcome, network, client, .. } = batch.raw_texts();
                    let keys = EventKeys { app: &app, grant, outcome, network, client };
                    block.push(&row(enriched.event, enriched.app.map_or("", |app| &app.app_key), position), &keys);
                }
                black_box(&enriched);
            }
            let shared = EventRow { tenant: header.tenant, connection: header.connection, offset, ..EventRow::EMPTY };
            block.finish_record(&shared, origin);
        }
        black_box(block.take());
        out.clear();
        Ok(events)
    };
    // The first learns, the second finds out how large everything is.
    ensure!(round(0)? == ROUND_EVENTS && round(1)? == ROUND_EVENTS, "a round has other events than it should");
    let (before, began) = (allocations::count(), accounting::this_thread());
    let mut events = 0;
    for number in 2..2 + rounds {
        events += round(number)?;
    }
    let (cpu, allocations) = (accounting::this_thread().saturating_sub(began), allocations::count() - before);
    let bytes: u64 = records.iter().map(|record| record.len() as u64).sum();
    Ok(Staged { events, bytes: bytes * rounds, cpu, allocations })
}

fn records(workload: &Workload) -> anyhow::Result<Vec<Vec<u8>>> {
    let (mut records, mut texts) = (Vec::new(), Texts::default());
    for first in (0..ROUND_EVENTS).step_by(DELIVERY_EVENTS as usize) {
        let place = workload.tenant_of(first) as usize;
        let received_at = workload.with_event(first, &mut texts, |event| event.received_at);
        let mut writer = BatchWriter::new(BatchHeader {
            tenant: &workload.tenants()[place],
            connection: &workload.connections()[place],
            provider_tenant: &workload.hosts()[place],
            source: event::Source::Okta,
            received_at,
            is_backfill: false,
        });
        for number in first..first + DELIVERY_EVENTS {
            workload.with_event(number, &mut texts, |event| writer.push(event))?;
        }
        records.push(writer.finish());
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_takes_every_event() {
        for stage in STAGES {
            assert_eq!(run(stage, 1, 1).unwrap().events, ROUND_EVENTS, "{stage}");
        }
        assert!(run("another", 1, 1).is_err());
    }
}
