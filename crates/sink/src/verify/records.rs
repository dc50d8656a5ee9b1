//! What each record of a partition has become: the log is read once more, up to where the sink has committed, because it alone knows which
//! records have how many events. What lies before its oldest record can only be checked for rows that are there twice.
//!
//! Goes over the log in stretches, so that only one of them is in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use broker::Broker;
use codec::{LogRecord, Topic, decode_dead_letter, decode_log_record};
use event::{LogId, RejectReason};
use store::{Client, StoredRecord};
use tokio::runtime::Handle;

use super::{Finding, Flaw, LISTED_MAX, PartitionCheck, Tell, VerifyError};
use crate::plan::{Plan, Range as PlannedRange};

/// The group whose offsets tell how far the rows should have come.
const GROUP: &str = "sink";
/// Records that are compared at once.
const RECORDS_AT_ONCE: u64 = 50_000;

/// What is gone over.
pub(crate) struct Walk<'a> {
    /// The log.
    pub(crate) broker: &'a Broker,
    /// The topic of events.
    pub(crate) topic: &'a str,
    /// The topic of dead letters.
    pub(crate) dead_letters: &'a str,
    /// The id of the topic of events.
    pub(crate) log_id: LogId,
    /// The tables.
    pub(crate) client: &'a Client,
    /// Whoever asks waits on it.
    pub(crate) runtime: &'a Handle,
}

/// Checks a partition. `tell` hears of each record that is not what it should be, by its offset, listed or not.
pub(crate) fn check_partition(walk: &Walk<'_>, partition: u32, tell: Tell<'_>) -> Result<PartitionCheck, VerifyError> {
    let mut check = begin(walk, partition)?;
    let refused = refused_by_record(&refused_origins(walk, partition)?);
    let mut compare_stretch = |check: &mut PartitionCheck, expected: &BTreeMap<u64, u64>, records: Range<u64>| {
        let asked = walk.client.stored_records(walk.log_id.0, partition, records.clone());
        let stored = walk.runtime.block_on(asked)?;
        compare(check, expected, &refused, &stored, records, tell);
        Ok::<(), VerifyError>(())
    };
    // Before the oldest record nothing is expected.
    let mut start = 0;
    while start < check.low {
        let end = (start + RECORDS_AT_ONCE).min(check.low);
        compare_stretch(&mut check, &BTreeMap::new(), start..end)?;
        start = end;
    }
    let mut stretch = Stretch { expected: BTreeMap::new(), start: check.low };
    let mut failure = None;
    if check.landed_to > check.low {
        let landed_to = check.landed_to;
        walk.broker.read(walk.topic, partition, Some(check.low), &mut |record| {
            if failure.is_some() || record.offset >= landed_to {
                return;
            }
            if record.offset >= stretch.start + RECORDS_AT_ONCE {
                let (expected, records) = stretch.next(record.offset);
                failure = compare_stretch(&mut check, &expected, records).err();
            }
            stretch.take(record.offset, record.value.unwrap_or_default());
        })?;
    }
    if let Some(error) = failure {
        return Err(error);
    }
    let end = check.landed_to.max(check.low);
    let (expected, records) = stretch.next(end);
    compare_stretch(&mut check, &expected, records)?;
    Ok(check)
}

/// The origins of events that the table refused, from the log: their dead letters are durable there before the offset is committed.
fn refused_origins(walk: &Walk<'_>, partition: u32) -> Result<Vec<String>, VerifyError> {
    let prefix = format!("record:{}/{partition}/", Topic::Events.as_str());
    let mut origins = Vec::new();
    walk.broker.read(walk.dead_letters, partition, None, &mut |record| {
        if let Ok(letter) = decode_dead_letter(record.value.unwrap_or_default())
            && letter.reason == RejectReason::RefusedByTable
            && letter.origin.starts_with(&prefix)
        {
            origins.push(letter.origin);
        }
    })?;
    Ok(origins)
}

/// How far the log goes, and how far the sink has come. Asked before the tables are.
fn begin(walk: &Walk<'_>, partition: u32) -> Result<PartitionCheck, VerifyError> {
    let committed = walk.broker.committed(GROUP, walk.topic, partition)?;
    let (low, end) = walk.broker.watermarks(walk.topic, partition)?;
    let mut check = PartitionCheck { partition, low, landed_to: low, end, ..PartitionCheck::default() };
    if let Some(committed) = &committed {
        let plan = Plan::parse(&committed.metadata)
            .map_err(|error| VerifyError::Plan { partition, reason: error.to_string() })?;
        check.is_other_log = plan.as_ref().is_some_and(|plan| plan.log_id != walk.log_id);
        check.has_begun = !check.is_other_log;
        if check.has_begun {
            check.landed_to = committed.offset;
            let shown = |range: &PlannedRange| format!("{}-{}", range.start, range.end);
            check.planned = plan.iter().flat_map(|plan| &plan.ranges).map(shown).collect();
        }
    }
    Ok(check)
}

/// Records that wait to be compared: offset → how many events; records without any are left out.
struct Stretch {
    expected: BTreeMap<u64, u64>,
    start: u64,
}

impl Stretch {
    /// A record that cannot be read to its end has the events before the flaw, as in `batch`.
    fn take(&mut self, offset: u64, value: &[u8]) {
        if let Ok(LogRecord::Events(batch)) = decode_log_record(value) {
            let count = batch.take_while(Result::is_ok).count();
            if count > 0 {
                self.expected.insert(offset, u64::try_from(count).unwrap_or(u64::MAX));
            }
        }
    }

    /// Ends at an offset, and begins there anew.
    fn next(&mut self, end: u64) -> (BTreeMap<u64, u64>, Range<u64>) {
        let records = self.start..end;
        self.start = end;
        (std::mem::take(&mut self.expected), records)
    }
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
    records: Range<u64>,
    tell: Tell<'_>,
) {
    let mut find = |check: &mut PartitionCheck, offset, flaw, rows: u64| {
        if rows == 0 {
            return;
        }
        tell(offset, flaw);
        match flaw {
            Flaw::Missing => check.missing += rows,
            Flaw::Doubled => check.doubled += rows,
            Flaw::Stray => check.stray += rows,
            Flaw::Refused => {
                check.refused += rows;
                return;
            }
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
        find(check, *offset, Flaw::Refused, dead.min(absent));
        find(check, *offset, Flaw::Missing, absent.saturating_sub(dead));
    }
}

/// Indexes of a record beyond its events: at least so many.
fn strays(record: &StoredRecord, events: u64) -> u64 {
    let is_beyond = u64::from(record.last_index) >= events;
    if is_beyond { record.indexes.saturating_sub(events).max(1) } else { 0 }
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
        let mut told = Vec::new();
        let mut check = PartitionCheck { low: 10, landed_to: 17, ..PartitionCheck::default() };
        compare(&mut check, &expected, &refused, &stored, 0..17, &mut |offset, flaw| told.push((offset, flaw)));
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
        let is_wrong = |(_, flaw): &(u64, Flaw)| *flaw != Flaw::Refused;
        assert_eq!(told.iter().position(|told| *told == (15, Flaw::Refused)), Some(6));
        told.retain(is_wrong);
        assert_eq!(told, expected_findings.map(|(offset, flaw, _)| (offset, flaw)));
        assert_eq!((check.events, check.refused, check.missing, check.doubled, check.stray), (18, 1, 3, 2, 2));
        assert!(!check.is_sound());
    }

    #[test]
    fn findings_are_listed_up_to_a_limit_and_all_counted() {
        let expected: BTreeMap<u64, u64> = (0..1_000).map(|offset| (offset, 2)).collect();
        let mut check = PartitionCheck { landed_to: 1_000, ..PartitionCheck::default() };
        let mut told = 0;
        compare(&mut check, &expected, &BTreeMap::new(), &[], 0..1_000, &mut |_, _| told += 1);
        assert_eq!((check.findings.len(), check.missing, told), (LISTED_MAX, 2_000, 1_000));
    }
}
