//! The embedded store (`fjall`) as the engine sees it: keyspaces, rows, one durable batch at a time.
//!
//! Every batch ends with `PersistMode::SyncAll`: the store's journal is on the disk, past the operating system's cache, before anybody is
//! told. A batch is atomic: after a crash all of it is there or nothing.

use std::{collections::HashMap, path::Path};

use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

use super::row::{self, IndexEntry, Marks, TopicRow};
use crate::Committed;

/// Bytes of blocks that the store keeps in memory for reading.
const CACHE_BYTES: u64 = 32 * 1_024 * 1_024;
/// Bytes of journals on disk; beyond it the store flushes the partitions that keep the oldest one alive. It bounds what a start reads again.
const JOURNAL_BYTES_MAX: u64 = 256 * 1_024 * 1_024;
/// Bytes of fresh records that a partition keeps in memory before they become a table.
const MEMTABLE_BYTES_MAX: u64 = 16 * 1_024 * 1_024;
/// Threads of the store that flush and compact.
const WORKER_THREADS: usize = 2;

/// The open store.
pub(super) struct Store {
    database: Database,
    meta: Keyspace,
    records: HashMap<(u32, u32), Keyspace>,
    indexes: HashMap<u32, Keyspace>,
}

/// All that the engine keeps in memory, as the store holds it.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) topics: HashMap<String, TopicRow>,
    pub(super) marks: HashMap<(u32, u32), Marks>,
    pub(super) committed: HashMap<(u32, u32, String), Committed>,
}

/// A batch under construction.
pub(super) struct Batch<'a> {
    store: &'a Store,
    batch: OwnedWriteBatch,
}

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Self, fjall::Error> {
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .manual_journal_persist(true)
            .open()?;
        let meta = database.keyspace("meta", options)?;
        let mut store = Self { database, meta, records: HashMap::new(), indexes: HashMap::new() };
        for topic in store.load()?.topics.values() {
            store.open_topic(topic)?;
        }
        Ok(store)
    }

    /// Reads topics, marks and commits.
    pub(super) fn load(&self) -> Result<Loaded, fjall::Error> {
        let mut loaded = Loaded::default();
        for guard in self.meta.prefix(row::TOPIC_PREFIX) {
            let (key, value) = guard.into_inner()?;
            let name = key.strip_prefix(row::TOPIC_PREFIX).and_then(|name| std::str::from_utf8(name).ok());
            let (Some(name), Some(topic)) = (name, TopicRow::decode(&value)) else { return Err(damaged()) };
            loaded.topics.insert(name.to_owned(), topic);
        }
        for guard in self.meta.prefix(row::MARKS_PREFIX) {
            let (key, value) = guard.into_inner()?;
            let parsed = row::parse_partition_key(row::MARKS_PREFIX, &key);
            let (Some((number, partition, _)), Some(marks)) = (parsed, Marks::decode(&value)) else {
                return Err(damaged());
            };
            loaded.marks.insert((number, partition), marks);
        }
        for guard in self.meta.prefix(row::COMMITTED_PREFIX) {
            let (key, value) = guard.into_inner()?;
            let parsed = row::parse_partition_key(row::COMMITTED_PREFIX, &key)
                .and_then(|(number, partition, group)| Some((number, partition, String::from_utf8(group).ok()?)));
            let (Some(place), Some(committed)) = (parsed, row::decode_committed(&value)) else {
                return Err(damaged());
            };
            loaded.committed.insert(place, committed);
        }
        Ok(loaded)
    }

    /// A number that no topic has had.
    pub(super) fn next_topic_number(&self) -> Result<u32, fjall::Error> {
        let row = self.meta.get(row::NEXT_TOPIC_NUMBER)?;
        row.map_or(Ok(0), |bytes| bytes[..].try_into().map(u32::from_be_bytes).map_err(|_| damaged()))
    }

    /// Opens, or makes, the keyspaces of a topic.
    pub(super) fn open_topic(&mut self, topic: &TopicRow) -> Result<(), fjall::Error> {
        for partition in 0..topic.partitions {
            let keyspace = self.database.keyspace(&format!("records-{}-{partition}", topic.number), options)?;
            self.records.insert((topic.number, partition), keyspace);
        }
        if topic.cleanup == crate::Cleanup::Compact {
            let keyspace = self.database.keyspace(&format!("index-{}", topic.number), options)?;
            self.indexes.insert(topic.number, keyspace);
        }
        Ok(())
    }

    /// Gives the keyspaces of a topic, whose rows are gone, back to the disk.
    pub(super) fn drop_topic(&mut self, topic: &TopicRow) -> Result<(), fjall::Error> {
        for partition in 0..topic.partitions {
            if let Some(keyspace) = self.records.remove(&(topic.number, partition)) {
                self.database.delete_keyspace(keyspace)?;
            }
        }
        self.indexes.remove(&topic.number).map_or(Ok(()), |keyspace| self.database.delete_keyspace(keyspace))
    }

    /// The records of a partition from `from` up to, not including, `end`; as stored, oldest first.
    pub(super) fn records(
        &self,
        number: u32,
        partition: u32,
        from: u64,
        end: u64,
    ) -> impl Iterator<Item = Result<(u64, Slice), fjall::Error>> {
        let range = (from < end).then(|| from.to_be_bytes()..end.to_be_bytes());
        let keyspace = self.records.get(&(number, partition));
        keyspace.zip(range).map(|(keyspace, range)| keyspace.range(range)).into_iter().flatten().map(|guard| {
            let (key, value) = guard.into_inner()?;
            Ok((row::parse_offset(&key).ok_or_else(damaged)?, value))
        })
    }

    /// Where the newest record of a key is.
    pub(super) fn index_entry(
        &self,
        number: u32,
        partition: u32,
        key: &[u8],
    ) -> Result<Option<IndexEntry>, fjall::Error> {
        let Some(index) = self.indexes.get(&number) else { return Ok(None) };
        let Some(row) = index.get(row::index_key(partition, key))? else { return Ok(None) };
        IndexEntry::decode(&row).map(Some).ok_or_else(damaged)
    }

    /// The tombstones of a partition, oldest first: when logged, offset, key.
    pub(super) fn tombstones(
        &self,
        number: u32,
        partition: u32,
    ) -> impl Iterator<Item = Result<(i64, u64, Slice), fjall::Error>> {
        let index = self.indexes.get(&number);
        index.map(|index| index.prefix(row::tombstone_prefix(partition))).into_iter().flatten().map(|guard| {
            let (key, value) = guard.into_inner()?;
            let (logged_at_ms, offset) = row::parse_tombstone_key(&key).ok_or_else(damaged)?;
            Ok((logged_at_ms, offset, value))
        })
    }

    /// Gives the tables that lie wholly below `low` back to the disk, and lets the newest records become a table so that the next call finds
    /// them. Tombstones would do it too, at the price of rewriting the tables. What stays behind is below `low` and never read.
    pub(super) fn reclaim(&self, number: u32, partition: u32, low: u64) -> Result<(), fjall::Error> {
        let Some(keyspace) = self.records.get(&(number, partition)) else { return Ok(()) };
        keyspace.tree.drop_range(0u64.to_be_bytes()..low.to_be_bytes())?;
        keyspace.rotate_memtable().map(|_| ())
    }

    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { store: self, batch: self.database.batch().durability(Some(PersistMode::SyncAll)) }
    }
}

impl Batch<'_> {
    pub(super) fn put_record(&mut self, number: u32, partition: u32, offset: u64, row: Vec<u8>) {
        if let Some(keyspace) = self.store.records.get(&(number, partition)) {
            self.batch.insert(keyspace, offset.to_be_bytes(), row);
        }
    }

    pub(super) fn remove_record(&mut self, number: u32, partition: u32, offset: u64) {
        if let Some(keyspace) = self.store.records.get(&(number, partition)) {
            self.batch.remove(keyspace, offset.to_be_bytes());
        }
    }

    pub(super) fn put_index(&mut self, number: u32, key: Vec<u8>, row: Vec<u8>) {
        if let Some(keyspace) = self.store.indexes.get(&number) {
            self.batch.insert(keyspace, key, row);
        }
    }

    pub(super) fn remove_index(&mut self, number: u32, key: Vec<u8>) {
        if let Some(keyspace) = self.store.indexes.get(&number) {
            self.batch.remove(keyspace, key);
        }
    }

    pub(super) fn put_meta(&mut self, key: Vec<u8>, row: Vec<u8>) {
        self.batch.insert(&self.store.meta, key, row);
    }

    pub(super) fn remove_meta(&mut self, key: Vec<u8>) {
        self.batch.remove(&self.store.meta, key);
    }

    /// Writes the batch and syncs it to the disk.
    pub(super) fn commit(self) -> Result<(), fjall::Error> {
        self.batch.commit()
    }
}

fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX).manual_journal_persist(true)
}

/// A row that we did not write, or not like this.
fn damaged() -> fjall::Error {
    fjall::Error::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, "a row of the log cannot be understood"))
}
