//! What goes away with time: old records of a topic with a limit, and tombstones that everybody had time to read.
//!
//! Only the low mark is moved and made durable; the bytes go back to the disk table by table (`Store::reclaim`).

use super::{
    row::{self, Marks, StoredRecord},
    state::{Shared, Topic},
    store::{Batch, Store},
};
use crate::{Cleanup, TOMBSTONE_KEPT_MS};

/// Records and tombstones that one pass removes from a partition. The writer does nothing else meanwhile; the rest waits for the next pass.
const RECORDS_PER_PASS_MAX: usize = 10_000;

/// What a pass will change in one partition.
#[derive(Debug, Default)]
struct Removal {
    marks: Marks,
    tombstones: Vec<Tombstone>,
}

#[derive(Debug)]
struct Tombstone {
    row_key: Vec<u8>,
    offset: u64,
    /// The key that is forgotten for good; none when it has come back to life since.
    key: Option<Vec<u8>>,
}

/// One pass over one partition. True when its low mark moved; the next pass must then reclaim once more (`was_moved`), for the tables
/// that were still in memory this time.
pub(super) fn enforce(
    shared: &Shared,
    store: &Store,
    topic: &Topic,
    partition: u32,
    now_ms: i64,
    was_moved: bool,
) -> Result<bool, fjall::Error> {
    let number = topic.row.number;
    let mut marks = shared.state().marks(number, partition);
    let removal = Removal::plan(store, topic, partition, marks, now_ms)?;
    if let Some(removal) = &removal {
        let mut batch = store.batch();
        removal.write(&mut batch, number, partition);
        batch.commit()?;
        marks = removal.marks;
        shared.state().marks.insert((number, partition), marks);
    }
    let is_moved = removal.is_some() && !topic.is_compacted();
    if is_moved || was_moved {
        store.reclaim(number, partition, marks.low)?;
    }
    Ok(is_moved)
}

impl Removal {
    /// Works out what a pass at `now_ms` removes; nothing when all may stay.
    fn plan(
        store: &Store,
        topic: &Topic,
        partition: u32,
        marks: Marks,
        now_ms: i64,
    ) -> Result<Option<Self>, fjall::Error> {
        match topic.row.cleanup {
            Cleanup::Delete { retention_ms, retention_bytes } => {
                let oldest_ms = retention_ms.map_or(i64::MIN, |kept_ms| before(now_ms, kept_ms));
                let bytes_max = retention_bytes.unwrap_or(u64::MAX);
                Self::plan_records(store, topic.row.number, partition, marks, oldest_ms, bytes_max)
            }
            Cleanup::Compact => Self::plan_tombstones(store, topic.row.number, partition, marks, now_ms),
        }
    }

    fn write(&self, batch: &mut Batch<'_>, number: u32, partition: u32) {
        for tombstone in &self.tombstones {
            batch.remove_index(number, tombstone.row_key.clone());
            if let Some(key) = &tombstone.key {
                batch.remove_record(number, partition, tombstone.offset);
                batch.remove_index(number, row::index_key(partition, key));
            }
        }
        batch.put_meta(row::partition_key(row::MARKS_PREFIX, number, partition), self.marks.encode());
    }

    fn plan_records(
        store: &Store,
        number: u32,
        partition: u32,
        marks: Marks,
        oldest_ms: i64,
        bytes_max: u64,
    ) -> Result<Option<Self>, fjall::Error> {
        let mut left = marks;
        if oldest_ms == i64::MIN && left.bytes <= bytes_max {
            return Ok(None);
        }
        for stored in store.records(number, partition, marks.low, marks.next).take(RECORDS_PER_PASS_MAX) {
            let (offset, row) = stored?;
            let is_old = StoredRecord::decode(&row).is_none_or(|record| record.logged_at_ms < oldest_ms);
            if !is_old && left.bytes <= bytes_max {
                break;
            }
            left.low = offset + 1;
            left.bytes = left.bytes.saturating_sub(u64::try_from(row.len()).unwrap_or(u64::MAX));
        }
        Ok((left.low > marks.low).then_some(Self { marks: left, tombstones: Vec::new() }))
    }

    fn plan_tombstones(
        store: &Store,
        number: u32,
        partition: u32,
        mut marks: Marks,
        now_ms: i64,
    ) -> Result<Option<Self>, fjall::Error> {
        let mut tombstones = Vec::new();
        for found in store.tombstones(number, partition).take(RECORDS_PER_PASS_MAX) {
            let (logged_at_ms, offset, key) = found?;
            if logged_at_ms >= now_ms.saturating_sub(TOMBSTONE_KEPT_MS) {
                break;
            }
            let newest = store.index_entry(number, partition, &key)?.filter(|entry| entry.offset == offset);
            marks.bytes = marks.bytes.saturating_sub(newest.map_or(0, |entry| entry.bytes));
            let row_key = row::tombstone_key(partition, logged_at_ms, offset);
            tombstones.push(Tombstone { row_key, offset, key: newest.map(|_| key.to_vec()) });
        }
        Ok((!tombstones.is_empty()).then_some(Self { marks, tombstones }))
    }
}

fn before(now_ms: i64, span_ms: u64) -> i64 {
    now_ms.saturating_sub(i64::try_from(span_ms).unwrap_or(i64::MAX))
}
