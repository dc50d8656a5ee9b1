//! The rows of the embedded store, to bytes and back. Integers are big endian, so that the store's order is the order of offsets.
//!
//! Keyspaces: `meta` (one for all), `records-N-P` (one for each partition P of topic number N: its keys only grow, so the store moves
//! whole tables instead of rewriting them) and `index-N` (one for each compacted topic). A topic's number is never given twice.

use crate::{Cleanup, Committed, LogId};

/// The row of `meta` that holds the next topic number.
pub(super) const NEXT_TOPIC_NUMBER: &[u8] = b"n";
/// What the rows of topics begin with in `meta`; the topic's name follows.
pub(super) const TOPIC_PREFIX: &[u8] = b"t";
/// What the rows of marks begin with in `meta`; topic number and partition follow.
pub(super) const MARKS_PREFIX: &[u8] = b"m";
/// What the rows of committed offsets begin with in `meta`; topic number, partition and the group's name follow.
pub(super) const COMMITTED_PREFIX: &[u8] = b"c";

const HAS_KEY: u8 = 1;
const HAS_VALUE: u8 = 2;
const INDEX_KEY_TAG: u8 = b'k';
const INDEX_TOMBSTONE_TAG: u8 = b'x';
const CLEANUP_DELETE: u8 = 0;
const CLEANUP_COMPACT: u8 = 1;

/// A record as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredRecord<'a> {
    pub(super) logged_at_ms: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
}

/// How far a partition reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The oldest offset that still can be read.
    pub(super) low: u64,
    /// The offset that the next record gets.
    pub(super) next: u64,
    /// Bytes of the records between the two, as stored.
    pub(super) bytes: u64,
    /// When the newest record was logged.
    pub(super) logged_at_ms: i64,
}

/// What a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopicRow {
    pub(super) number: u32,
    pub(super) partitions: u32,
    pub(super) log_id: LogId,
    pub(super) cleanup: Cleanup,
}

/// Where the newest record of a key is, in a compacted topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub(super) offset: u64,
    /// Bytes of the stored record.
    pub(super) bytes: u64,
    pub(super) is_tombstone: bool,
}

/// `meta`: `prefix + topic number + partition`.
pub(super) fn partition_key(prefix: &[u8], number: u32, partition: u32) -> Vec<u8> {
    [prefix, &number.to_be_bytes(), &partition.to_be_bytes()].concat()
}

/// The parts of a key made by `partition_key`, and what follows them.
pub(super) fn parse_partition_key(prefix: &[u8], key: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    let mut rest = key.strip_prefix(prefix)?;
    Some((u32::from_be_bytes(take(&mut rest)?), u32::from_be_bytes(take(&mut rest)?), rest.to_vec()))
}

/// `meta`: where the committed offset of a group is kept.
pub(super) fn committed_key(group: &str, number: u32, partition: u32) -> Vec<u8> {
    let mut key = partition_key(COMMITTED_PREFIX, number, partition);
    key.extend_from_slice(group.as_bytes());
    key
}

/// `meta`: where a topic is kept.
pub(super) fn topic_key(name: &str) -> Vec<u8> {
    [TOPIC_PREFIX, name.as_bytes()].concat()
}

/// `index-N`: where the newest offset of a key is kept.
pub(super) fn index_key(partition: u32, key: &[u8]) -> Vec<u8> {
    [&partition.to_be_bytes()[..], &[INDEX_KEY_TAG], key].concat()
}

/// `index-N`: the tombstones of a partition, oldest first.
pub(super) fn tombstone_prefix(partition: u32) -> Vec<u8> {
    [&partition.to_be_bytes()[..], &[INDEX_TOMBSTONE_TAG]].concat()
}

/// `index-N`: one tombstone; its row holds the key that it removes.
pub(super) fn tombstone_key(partition: u32, logged_at_ms: i64, offset: u64) -> Vec<u8> {
    let mut key = tombstone_prefix(partition);
    key.extend_from_slice(&logged_at_ms.to_be_bytes());
    key.extend_from_slice(&offset.to_be_bytes());
    key
}

/// When the tombstone was logged, and its offset.
pub(super) fn parse_tombstone_key(key: &[u8]) -> Option<(i64, u64)> {
    let mut rest = key;
    let _partition: [u8; 4] = take(&mut rest)?;
    let _tag: [u8; 1] = take(&mut rest)?;
    Some((i64::from_be_bytes(take(&mut rest)?), u64::from_be_bytes(take(&mut rest)?)))
}

impl StoredRecord<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (key, value) = (self.key.unwrap_or_default(), self.value.unwrap_or_default());
        let mut bytes = Vec::with_capacity(13 + key.len() + value.len());
        bytes.extend_from_slice(&self.logged_at_ms.to_be_bytes());
        let has_key = if self.key.is_some() { HAS_KEY } else { 0 };
        let has_value = if self.value.is_some() { HAS_VALUE } else { 0 };
        bytes.push(has_key | has_value);
        // `limits::KEY_BYTES_MAX` keeps a key far below 4 GiB.
        bytes.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        bytes
    }
}

impl<'a> StoredRecord<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let logged_at_ms = i64::from_be_bytes(take(&mut rest)?);
        let [flags] = take(&mut rest)?;
        let key_len = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        let (key, value) = rest.split_at_checked(key_len)?;
        let key = (flags & HAS_KEY != 0).then_some(key);
        Some(Self { logged_at_ms, key, value: (flags & HAS_VALUE != 0).then_some(value) })
    }
}

impl Marks {
    pub(super) fn encode(&self) -> Vec<u8> {
        [self.low.to_be_bytes(), self.next.to_be_bytes(), self.bytes.to_be_bytes(), self.logged_at_ms.to_be_bytes()]
            .concat()
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        Some(Self {
            low: u64::from_be_bytes(take(&mut bytes)?),
            next: u64::from_be_bytes(take(&mut bytes)?),
            bytes: u64::from_be_bytes(take(&mut bytes)?),
            logged_at_ms: i64::from_be_bytes(take(&mut bytes)?),
        })
    }
}

impl TopicRow {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (tag, retention_ms, retention_bytes) = match self.cleanup {
            Cleanup::Delete { retention_ms, retention_bytes } => (CLEANUP_DELETE, retention_ms, retention_bytes),
            Cleanup::Compact => (CLEANUP_COMPACT, None, None),
        };
        let mut bytes = Vec::with_capacity(41);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.partitions.to_be_bytes());
        bytes.extend_from_slice(&self.log_id.0.to_be_bytes());
        bytes.push(tag);
        // The largest number stands for "no limit".
        bytes.extend_from_slice(&retention_ms.unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(&retention_bytes.unwrap_or(u64::MAX).to_be_bytes());
        bytes
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let number = u32::from_be_bytes(take(&mut bytes)?);
        let partitions = u32::from_be_bytes(take(&mut bytes)?);
        let log_id = LogId(u128::from_be_bytes(take(&mut bytes)?));
        let [tag] = take(&mut bytes)?;
        let retention_ms = Some(u64::from_be_bytes(take(&mut bytes)?)).filter(|ms| *ms != u64::MAX);
        let retention_bytes = Some(u64::from_be_bytes(take(&mut bytes)?)).filter(|limit| *limit != u64::MAX);
        let cleanup = match tag {
            CLEANUP_DELETE => Cleanup::Delete { retention_ms, retention_bytes },
            CLEANUP_COMPACT => Cleanup::Compact,
            _ => return None,
        };
        Some(Self { number, partitions, log_id, cleanup })
    }
}

impl IndexEntry {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = [self.offset.to_be_bytes(), self.bytes.to_be_bytes()].concat();
        bytes.push(u8::from(self.is_tombstone));
        bytes
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let offset = u64::from_be_bytes(take(&mut bytes)?);
        let bytes_stored = u64::from_be_bytes(take(&mut bytes)?);
        let [is_tombstone] = take(&mut bytes)?;
        Some(Self { offset, bytes: bytes_stored, is_tombstone: is_tombstone != 0 })
    }
}

pub(super) fn encode_committed(committed: &Committed) -> Vec<u8> {
    [&committed.offset.to_be_bytes()[..], committed.metadata.as_bytes()].concat()
}

pub(super) fn decode_committed(mut bytes: &[u8]) -> Option<Committed> {
    let offset = u64::from_be_bytes(take(&mut bytes)?);
    Some(Committed { offset, metadata: std::str::from_utf8(bytes).ok()?.to_owned() })
}

/// The number in a row of eight bytes or fewer; an offset, as the key of a record.
pub(super) fn parse_offset(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_back_as_it_was() {
        for (key, value) in [
            (None, None),
            (Some(&b""[..]), Some(&b""[..])),
            (Some(&b"k"[..]), None),
            (None, Some(&b"v"[..])),
            (Some(&b"key"[..]), Some(&b"value"[..])),
        ] {
            let record = StoredRecord { logged_at_ms: 17, key, value };
            assert_eq!(StoredRecord::decode(&record.encode()), Some(record));
        }
        let marks = Marks { low: 1, next: 2, bytes: 3, logged_at_ms: -4 };
        assert_eq!(Marks::decode(&marks.encode()), Some(marks));
        for cleanup in [
            Cleanup::Compact,
            Cleanup::Delete { retention_ms: None, retention_bytes: None },
            Cleanup::Delete { retention_ms: Some(1), retention_bytes: Some(2) },
        ] {
            let topic = TopicRow { number: 1, partitions: 2, log_id: LogId(3), cleanup };
            assert_eq!(TopicRow::decode(&topic.encode()), Some(topic));
        }
        let entry = IndexEntry { offset: 1, bytes: 2, is_tombstone: true };
        assert_eq!(IndexEntry::decode(&entry.encode()), Some(entry));
        let committed = Committed { offset: 9, metadata: "{\"plan\":[]}".to_owned() };
        assert_eq!(decode_committed(&encode_committed(&committed)), Some(committed));
        assert_eq!(parse_tombstone_key(&tombstone_key(3, 4, 5)), Some((4, 5)));
        let key = committed_key("sink", 6, 7);
        assert_eq!(parse_partition_key(COMMITTED_PREFIX, &key), Some((6, 7, b"sink".to_vec())));
    }

    #[test]
    fn a_row_cut_short_is_nothing_and_no_panic() {
        let record = StoredRecord { logged_at_ms: 17, key: Some(b"key"), value: Some(b"value") }.encode();
        for end in 0..16 {
            assert_eq!(StoredRecord::decode(&record[..end]), None, "{end}");
        }
    }
}
