//! The rows of a partition: each record that is not what it should be is formed again from the log, as the sink would, and landed.
//!
//! It lands as a batch of its own that may be stored in part under other tokens: read back first, and only what is missing is sent, under
//! tokens that are the same for everybody who mends the same record. Rows that are there twice cannot be told apart, so all rows of their
//! record go, and those that should be there are stored again.

use std::collections::BTreeMap;

use broker::RecordRef;
use codec::{LogRecord, decode_log_record};
use enrichment::Enricher;
use event::{Position, Timestamp};
use store::AppDaysBlock;

use super::{ReconcileError, ReconcileRequest, Reconciler};
use crate::{
    Digest, PartitionCheck, SinkError,
    batch::Open,
    insert::Lander,
    landing::Beginning,
    restore::Restoring,
    verify::{
        Flaw,
        records::{Walk, check_partition},
    },
};

/// Records of a partition that are mended in one go over the log; the others by the next command.
pub(super) const RECORDS_MAX: usize = 100_000;

/// What is wrong with a partition.
pub(super) struct Wrong {
    /// What was found.
    pub(super) check: PartitionCheck,
    /// Record → are its rows to be removed first?
    records: BTreeMap<u64, bool>,
    /// Records for which there was no room.
    pub(super) left: u64,
}

/// Asks what is wrong with a partition.
pub(super) fn find(walk: &Walk<'_>, partition: u32, request: ReconcileRequest) -> Result<Wrong, ReconcileError> {
    let (mut records, mut left): (BTreeMap<u64, bool>, u64) = (BTreeMap::new(), 0);
    let check = check_partition(walk, partition, &mut |offset, flaw| {
        if flaw == Flaw::Refused && !request.refused {
            return;
        }
        if records.len() >= RECORDS_MAX && !records.contains_key(&offset) {
            left += 1;
            return;
        }
        *records.entry(offset).or_default() |= matches!(flaw, Flaw::Doubled | Flaw::Stray);
    })?;
    // What lies before the log cannot be stored again.
    let before = records.len();
    records.retain(|offset, _| *offset >= check.low);
    left += u64::try_from(before - records.len()).unwrap_or(u64::MAX);
    Ok(Wrong { check, records, left })
}

/// Mends what was found. Gives how many records were stored anew.
pub(super) fn mend(
    reconciler: &Reconciler,
    walk: &Walk<'_>,
    lander: &Lander,
    wrong: &Wrong,
) -> Result<u64, ReconcileError> {
    let PartitionCheck { partition, low, landed_to, .. } = wrong.check;
    if wrong.records.is_empty() {
        return Ok(0);
    }
    let mut enricher = reconciler.enricher.clone();
    restore(reconciler, walk, partition, low, &mut enricher)?;
    let (mut records, mut failure) = (0, None);
    walk.broker.read(walk.topic, partition, Some(low), &mut |record| {
        if failure.is_some() || record.offset >= landed_to || reconciler.shutdown.is_requested() {
            return;
        }
        let must_forget = wrong.records.get(&record.offset);
        match (decode_log_record(record.value.unwrap_or_default()), must_forget) {
            (Ok(decoded), Some(must_forget)) => {
                let mended = mend_record(walk, lander, &record, decoded, *must_forget, &mut enricher);
                failure = mended.err();
                records += 1;
            }
            (Ok(LogRecord::Control { tenant, control }), None) => {
                enricher.apply(tenant, &control, Position { offset: record.offset, index: 0 });
            }
            (Ok(LogRecord::Events(_)) | Err(_), _) => {}
        }
    })?;
    if reconciler.shutdown.is_requested() {
        return Err(SinkError::Start("the process stops".to_owned()).into());
    }
    failure.map_or(Ok(records), Err)
}

/// Puts in force what is in force before the log's oldest record: the rest is met where it stands.
fn restore(
    reconciler: &Reconciler,
    walk: &Walk<'_>,
    partition: u32,
    low: u64,
    enricher: &mut Enricher,
) -> Result<(), ReconcileError> {
    let digest = Digest::open(walk.broker.clone(), &reconciler.prefix, None)?;
    let (_, end) = walk.broker.watermarks(walk.topic, partition)?;
    let restoring =
        Restoring { broker: walk.broker, events: walk.topic, digest: &digest, partition, low, ahead: low..end };
    Ok(restoring.restore(enricher)?)
}

fn mend_record(
    walk: &Walk<'_>,
    lander: &Lander,
    record: &RecordRef<'_>,
    decoded: LogRecord<'_>,
    must_forget: bool,
    enricher: &mut Enricher,
) -> Result<(), ReconcileError> {
    let (offset, bytes) = (record.offset, record.value.map_or(0, <[u8]>::len));
    let mut open = Open::new(walk.log_id, record.partition, offset);
    if let Err(flaw) = open.take(offset, Timestamp(record.logged_at_ms), decoded, bytes, enricher) {
        tracing::debug!(offset, error = %flaw, "a record has a flaw; the events before it are its events");
    }
    let mut sealed = open.seal();
    // Counts by batch: this record was counted in another one. What is wrong with the counts of a day is mended afterwards.
    sealed.blocks.retain(|block| block.table != AppDaysBlock::TABLE);
    tracing::warn!(token = sealed.token(), must_forget, "the rows of a record are stored anew");
    if must_forget {
        walk.runtime.block_on(walk.client.forget_record(walk.log_id.0, record.partition, offset))?;
    }
    let landed = walk.runtime.block_on(lander.land(&sealed, Beginning::PerhapsStored));
    landed.map_err(|error| SinkError::from(error).into())
}
