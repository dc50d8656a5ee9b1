//! What a topic is: its name, its partitions, what goes away from it, and which log it is.

/// One log for ever: Kafka's topic id, or the id that the embedded log made when the topic was created. A recreated topic is another log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogId(pub u128);

/// What a topic is created as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name, prefix included.
    pub name: String,
    /// How many partitions; fixed for ever. A mismatch with an existing topic halts.
    pub partitions: u32,
    /// What goes away, and when.
    pub cleanup: Cleanup,
}

/// What goes away from a topic, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Old records, by age and by size of a partition; `None` is no limit.
    Delete {
        /// Milliseconds that a record is kept.
        retention_ms: Option<u64>,
        /// Bytes that a partition may hold.
        retention_bytes: Option<u64>,
    },
    /// All records of a key but the last; a record without a value (tombstone) removes its key.
    Compact,
}
