//! What one batch will change, worked out in memory before any of it is written.
//!
//! Within a batch the store gives every row the same sequence number, so no row may be written twice: of a compacted key that comes twice
//! only the last is written, and marks are written once at the end.

use std::collections::{BTreeMap, HashMap};

use super::{
    row::{self, IndexEntry, Marks, StoredRecord},
    state::{Shared, Topic},
    store::{Batch, Store},
};
use crate::{Committed, Record};

/// The changes of one batch.
#[derive(Default)]
pub(super) struct Staging {
    records: BTreeMap<(u32, u32, u64), Vec<u8>>,
    removed: Vec<(u32, u32, u64)>,
    index: HashMap<(u32, u32, Vec<u8>), IndexEntry>,
    tombstones: Vec<(u32, Vec<u8>, Vec<u8>)>,
    pub(super) marks: HashMap<(u32, u32), Marks>,
    pub(super) committed: HashMap<(u32, u32, String), Committed>,
}

impl Staging {
    /// Stages a record and tells its offset.
    pub(super) fn append(
        &mut self,
        shared: &Shared,
        store: &Store,
        topic: &Topic,
        record: &Record,
        now_ms: i64,
    ) -> Result<u64, fjall::Error> {
        let place = (topic.row.number, record.partition);
        let mut marks = self.marks.get(&place).copied().unwrap_or_else(|| shared.state().marks(place.0, place.1));
        let offset = marks.next;
        marks.next += 1;
        // The log's clock never goes back, whatever the machine's does.
        marks.logged_at_ms = marks.logged_at_ms.max(now_ms);
        let stored = StoredRecord {
            logged_at_ms: marks.logged_at_ms,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
        };
        let row = stored.encode();
        let bytes = u64::try_from(row.len()).unwrap_or(u64::MAX);
        marks.bytes = marks.bytes.saturating_add(bytes);
        self.records.insert((place.0, place.1, offset), row);
        if topic.is_compacted() {
            let entry = IndexEntry { offset, bytes, is_tombstone: record.value.is_none() };
            let freed_bytes = self.replace(store, place, record.key.clone().unwrap_or_default(), entry)?;
            marks.bytes = marks.bytes.saturating_sub(freed_bytes);
            if entry.is_tombstone {
                let tombstone = row::tombstone_key(place.1, marks.logged_at_ms, offset);
                self.tombstones.push((place.0, tombstone, record.key.clone().unwrap_or_default()));
            }
        }
        self.marks.insert(place, marks);
        Ok(offset)
    }

    pub(super) fn commit(&mut self, number: u32, partition: u32, group: String, committed: Committed) {
        self.committed.insert((number, partition, group), committed);
    }

    /// Writes everything into the batch.
    pub(super) fn write(&mut self, batch: &mut Batch<'_>) {
        for ((number, partition, offset), row) in std::mem::take(&mut self.records) {
            batch.put_record(number, partition, offset, row);
        }
        for (number, partition, offset) in &self.removed {
            batch.remove_record(*number, *partition, *offset);
        }
        for ((number, partition, key), entry) in &self.index {
            batch.put_index(*number, row::index_key(*partition, key), entry.encode());
        }
        for (number, tombstone, key) in std::mem::take(&mut self.tombstones) {
            batch.put_index(number, tombstone, key);
        }
        for ((number, partition), marks) in &self.marks {
            batch.put_meta(row::partition_key(row::MARKS_PREFIX, *number, *partition), marks.encode());
        }
        for ((number, partition, group), committed) in &self.committed {
            batch.put_meta(row::committed_key(group, *number, *partition), row::encode_committed(committed));
        }
    }

    /// Makes `entry` the newest of its key and removes what was; tells how many bytes that frees.
    fn replace(
        &mut self,
        store: &Store,
        (number, partition): (u32, u32),
        key: Vec<u8>,
        entry: IndexEntry,
    ) -> Result<u64, fjall::Error> {
        let older = match self.index.get(&(number, partition, key.clone())) {
            Some(staged) => Some(*staged),
            None => store.index_entry(number, partition, &key)?,
        };
        self.index.insert((number, partition, key), entry);
        let Some(older) = older else { return Ok(0) };
        if self.records.remove(&(number, partition, older.offset)).is_none() {
            self.removed.push((number, partition, older.offset));
        }
        Ok(older.bytes)
    }
}
