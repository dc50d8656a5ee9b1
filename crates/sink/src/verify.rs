//! Checks what has become of the log: each event at its one place in `events`, nothing at any other, and usage and inventory as their base
//! says. `daylight verify` and the tests that break things call the same function.
//!
//! The log is read once more, up to where the sink has committed: it alone knows which records have how many events. What lies before its
//! oldest record can only be checked for rows that are there twice.

use std::collections::{BTreeMap, BTreeSet};

use broker::{Broker, ConsumeError, OpenError};
use codec::{LogRecord, Topic, decode_log_record};
use event::LogId;
use serde::{Deserialize, Serialize};
use store::{Client, StoreError, StoredRecord, UsageDifference};
use tokio::runtime::Handle;

use crate::plan::{Plan, Range};

/// The group whose offsets tell how far the rows should have come.
const GROUP: &str = "sink";
/// Records that are asked for at once.
const RECORDS_AT_ONCE: u64 = 50_000;
/// Findings of a partition that are listed; all are counted.
const LISTED_MAX: usize = 100;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be asked.
    #[error("cannot ask the log: {0}")]
    Log(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Read(#[from] ConsumeError),
    /// ClickHouse cannot be asked.
    #[error("cannot ask ClickHouse: {0}")]
    Store(#[from] StoreError),
    /// The commit metadata is no plan.
    #[error("partition {partition}: {reason}")]
    Plan {
        /// The partition.
        partition: u32,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Events without a row.
    Missing,
    /// Rows beyond the first at their place.
    Doubled,
    /// Rows of no event.
    Stray,
}

/// A record whose rows are not its events.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its offset.
    pub offset: u64,
    /// What is wrong.
    pub flaw: Flaw,
    /// Of how many rows.
    pub rows: u64,
}

/// One partition.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct PartitionCheck {
    /// Which.
    pub partition: u32,
    /// The oldest record that the log holds.
    pub low: u64,
    /// Up to where everything should have landed.
    pub landed_to: u64,
    /// One past the newest record.
    pub end: u64,
    /// Ranges that are on their way, as `start-end`.
    pub planned: Vec<String>,
    /// Events in the records that were compared.
    pub events: u64,
    /// Of these, how many were refused by the table and are dead letters.
    pub refused: u64,
    /// Events without a row.
    pub missing: u64,
    /// Rows beyond the first at their place.
    pub doubled: u64,
    /// Rows of no event.
    pub stray: u64,
    /// The first of these, by record.
    pub findings: Vec<Finding>,
    /// Was the offset committed for another log? Then nothing of this one was compared.
    pub is_other_log: bool,
}

/// Everything.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Each partition.
    pub partitions: Vec<PartitionCheck>,
    /// Usage and inventory that differ from their base, a sentence each.
    pub usage: Vec<String>,
}

impl Verification {
    /// Is everything as it should be?
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_sound = |check: &PartitionCheck| check.missing + check.doubled + check.stray == 0;
        self.usage.is_empty() && self.partitions.iter().all(is_sound)
    }
}

/// Checks. Blocks, for as long as it takes to read the log and every event of the table. May run beside the sink: what lands meanwhile is
/// left out.
///
/// # Errors
/// `VerifyError` when log or ClickHouse cannot be asked.
pub fn verify(broker: &Broker, prefix: &str, client: &Client, runtime: &Handle) -> Result<Verification, VerifyError> {
    let topic = Topic::Events.name(prefix);
    let log_id = LogId(broker.log_id(&topic)?.0);
    let mut found = Verification::default();
    for partition in 0..broker.partitions(&topic)? {
        found.partitions.push(check_partition(broker, &topic, log_id, partition, client, runtime)?);
    }
    if let Some((first, last)) = runtime.block_on(client.days_of_events())? {
        let differences = runtime.block_on(client.usage_differences(first, last))?;
        found.usage = differences.iter().map(sentence).collect();
    }
    Ok(found)
}

fn check_partition(
    broker: &Broker,
    topic: &str,
    log_id: LogId,
    partition: u32,
    client: &Client,
    runtime: &Handle,
) -> Result<PartitionCheck, VerifyError> {
    let (low, end) = broker.watermarks(topic, partition)?;
    let mut check = PartitionCheck { partition, low, landed_to: low, end, ..PartitionCheck::default() };
    let committed = broker.committed(GROUP, topic, partition)?;
    if let Some(committed) = &committed {
        let plan = Plan::parse(&committed.metadata)
            .map_err(|error| VerifyError::Plan { partition, reason: error.to_string() })?;
        check.is_other_log = plan.as_ref().is_some_and(|plan| plan.log_id != log_id);
        if !check.is_other_log {
            check.landed_to = committed.offset;
            let shown = |range: &Range| format!("{}-{}", range.start, range.end);
            check.planned = plan.iter().flat_map(|plan| &plan.ranges).map(shown).collect();
        }
    }
    let expected = if check.landed_to > low {
        events_of(broker, topic, partition, low..check.landed_to)?
    } else {
        BTreeMap::new()
    };
    let refused =
        runtime.block_on(client.refused_origins(&format!("record:{}/{partition}/", Topic::Events.as_str())))?;
    let refused = refused_by_record(&refused);
    let mut start = 0;
    while start < check.landed_to.max(low) {
        let records = start..(start + RECORDS_AT_ONCE).min(check.landed_to.max(low));
        start = records.end;
        let stored = runtime.block_on(client.stored_records(log_id.0, partition, records.clone()))?;
        compare(&mut check, &expected, &refused, &stored, records);
    }
    Ok(check)
}

/// Offset → how many events the record has; records without any are left out. A record that cannot be read to its end has those before the
/// flaw, as in `batch`.
fn events_of(
    broker: &Broker,
    topic: &str,
    partition: u32,
    records: std::ops::Range<u64>,
) -> Result<BTreeMap<u64, u64>, ConsumeError> {
    let mut events = BTreeMap::new();
    broker.read(topic, partition, Some(records.start), &mut |record| {
        if !records.contains(&record.offset) {
            return;
        }
        if let Ok(LogRecord::Events(batch)) = decode_log_record(record.value.unwrap_or_default()) {
            let count = batch.take_while(Result::is_ok).count();
            if count > 0 {
                events.insert(record.offset, u64::try_from(count).unwrap_or(u64::MAX));
            }
        }
    })?;
    Ok(events)
}

/// `record:events/3/41/7` → record 41 has a refused event 7.
fn refused_by_record(origins: &[String]) -> BTreeMap<u64, BTreeSet<u64>> {
    let mut refused: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for origin in origins {
        let mut words = origin.rsplit('/').map(str::parse);
        if let (Some(Ok(index)), Some(Ok(offset))) = (words.next(), words.next()) {
            refused.entry(offset).or_default().insert(index);
        }
    }
    refused
}

/// Compares a stretch of records. Before `check.low` the log cannot say what should be there.
fn compare(
    check: &mut PartitionCheck,
    expected: &BTreeMap<u64, u64>,
    refused: &BTreeMap<u64, BTreeSet<u64>>,
    stored: &[StoredRecord],
    records: std::ops::Range<u64>,
) {
    let find = |check: &mut PartitionCheck, offset, flaw, rows: u64| {
        if rows == 0 {
            return;
        }
        match flaw {
            Flaw::Missing => check.missing += rows,
            Flaw::Doubled => check.doubled += rows,
            Flaw::Stray => check.stray += rows,
        }
        if check.findings.len() < LISTED_MAX {
            check.findings.push(Finding { offset, flaw, rows });
        }
    };
    for record in stored {
        find(check, record.offset, Flaw::Doubled, record.rows.saturating_sub(record.indexes));
        if record.offset < check.low {
            continue;
        }
        find(check, record.offset, Flaw::Stray, strays(record, expected.get(&record.offset).copied().unwrap_or(0)));
    }
    let stored: BTreeMap<u64, &StoredRecord> = stored.iter().map(|record| (record.offset, record)).collect();
    for (offset, events) in expected.range(records) {
        let there = stored.get(offset).map_or(0, |record| record.indexes - strays(record, *events));
        let dead = refused.get(offset).map_or(0, |indexes| u64::try_from(indexes.len()).unwrap_or(u64::MAX));
        let absent = events.saturating_sub(there);
        check.events += events;
        check.refused += dead.min(absent);
        find(check, *offset, Flaw::Missing, absent.saturating_sub(dead));
    }
}

/// Indexes of a record beyond its events: at least so many.
fn strays(record: &StoredRecord, events: u64) -> u64 {
    let is_beyond = u64::from(record.last_index) >= events;
    if is_beyond { record.indexes.saturating_sub(events).max(1) } else { 0 }
}

fn sentence(difference: &UsageDifference) -> String {
    let UsageDifference { table, tenant, app_key, department, day, what, base, derived } = difference;
    format!(
        "{table}: {tenant}, {app_key}, department {department:?}, day {day}: {what}: {base} by the events, {derived} in the table"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, rows: u64, indexes: u64, last_index: u16) -> StoredRecord {
        StoredRecord { offset, rows, indexes, last_index }
    }

    #[test]
    fn each_record_is_compared_with_its_events() {
        let expected = BTreeMap::from([(10, 5), (11, 3), (12, 2), (14, 1), (15, 4), (16, 3)]);
        let refused =
            refused_by_record(&["record:events/0/15/2".into(), "record:events/0/15/2".into(), "nonsense".into()]);
        let stored = [
            // Before the log begins: twice is twice, and nobody knows how many there should be.
            record(3, 9, 8, 200),
            record(10, 5, 5, 4),
            record(11, 4, 3, 2),
            record(12, 1, 1, 1),
            // No record of events.
            record(13, 1, 1, 0),
            record(15, 3, 3, 3),
            // One is missing, and one is there that should not be.
            record(16, 3, 3, 9),
        ];
        let mut check = PartitionCheck { low: 10, landed_to: 17, ..PartitionCheck::default() };
        compare(&mut check, &expected, &refused, &stored, 0..17);
        let found: Vec<(u64, Flaw, u64)> =
            check.findings.iter().map(|finding| (finding.offset, finding.flaw, finding.rows)).collect();
        let expected_findings = [
            (3, Flaw::Doubled, 1),
            (11, Flaw::Doubled, 1),
            (13, Flaw::Stray, 1),
            (16, Flaw::Stray, 1),
            (12, Flaw::Missing, 1),
            (14, Flaw::Missing, 1),
            (16, Flaw::Missing, 1),
        ];
        assert_eq!(found, expected_findings);
        assert_eq!((check.events, check.refused, check.missing, check.doubled, check.stray), (18, 1, 3, 2, 2));
        assert!(!Verification { partitions: vec![check], usage: vec![] }.is_sound());
    }

    #[test]
    fn findings_are_listed_up_to_a_limit_and_all_counted() {
        let expected: BTreeMap<u64, u64> = (0..1_000).map(|offset| (offset, 2)).collect();
        let mut check = PartitionCheck { landed_to: 1_000, ..PartitionCheck::default() };
        compare(&mut check, &expected, &BTreeMap::new(), &[], 0..1_000);
        assert_eq!((check.findings.len(), check.missing), (LISTED_MAX, 2_000));
    }
}
