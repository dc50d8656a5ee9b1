//! What the log may hold in memory, and take in one piece: the same words for both engines, so that a limit means the same on either.

use std::time::Duration;

/// Bytes of commit metadata that both engines take. Kafka's own default (`offset.metadata.max.bytes`) is 4,096.
pub const METADATA_BYTES_MAX: usize = 4_000;

/// Bytes of a key that both engines take. The embedded store keeps a compacted topic's keys in an index whose keys end at 65,535 bytes.
pub const KEY_BYTES_MAX: usize = 32 * 1_024;

/// Milliseconds that a tombstone of a compacted topic stays readable, so that a reader who was away learns of it: Kafka's default
/// `delete.retention.ms`.
pub const TOMBSTONE_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// Bytes of records that a sole writer writes at once. A single larger record still goes.
pub(crate) const SOLE_WRITE_BYTES_MAX: u64 = 8 * 1_024 * 1_024;

/// Bytes of records that one call of `poll` holds, however many records were asked for. A single larger record still comes through.
pub(crate) const POLL_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// Limits of the log, chosen by the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of records that may wait for their acknowledgement; beyond it `append` answers `QueueFull` at once.
    pub queue_bytes_max: u64,
    /// Bytes of one record, key and value together; a larger one is refused. On Kafka, topics are created with this `max.message.bytes`.
    pub record_bytes_max: u32,
    /// How long a record may wait for a broker of Kafka to acknowledge it. Longer than the election of a new leader takes; shorter than any sender
    /// waits. The embedded log takes what it can at once.
    pub acknowledged_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes_max: 64 * 1_024 * 1_024,
            record_bytes_max: 4 * 1_024 * 1_024,
            acknowledged_within: Duration::from_secs(30),
        }
    }
}

/// Why a record would be refused by either engine, or nothing.
pub(crate) fn why_refused(
    record: &crate::Record,
    partitions: u32,
    is_compacted: bool,
    limits: &Limits,
) -> Option<String> {
    let key_bytes = record.key.as_ref().map_or(0, Vec::len);
    let bytes = record_bytes(record);
    if record.partition >= partitions {
        Some(format!("partition {} of {partitions} does not exist", record.partition))
    } else if is_compacted && record.key.is_none() {
        Some("a compacted topic needs a key".to_owned())
    } else if key_bytes > KEY_BYTES_MAX {
        Some(format!("its key has {key_bytes} bytes, the limit is {KEY_BYTES_MAX}"))
    } else if bytes > u64::from(limits.record_bytes_max) {
        Some(format!("it has {bytes} bytes, the limit is {}", limits.record_bytes_max))
    } else {
        None
    }
}

/// Bytes of a record that count against the limits.
pub(crate) fn record_bytes(record: &crate::Record) -> u64 {
    let key_bytes = record.key.as_ref().map_or(0, Vec::len);
    let value_bytes = record.value.as_ref().map_or(0, Vec::len);
    u64::try_from(key_bytes.saturating_add(value_bytes)).unwrap_or(u64::MAX)
}
