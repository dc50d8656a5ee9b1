//! The words that both engines share.

use std::{future::Future, pin::Pin, task};

use tokio::sync::oneshot;

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

/// A record to append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which partition: `partition_of(tenant, partitions)`.
    pub partition: u32,
    /// The key; compacted topics need one.
    pub key: Option<Vec<u8>>,
    /// The bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// A record as read. Borrowed from the engine, for the length of one call.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// The partition.
    pub partition: u32,
    /// The place in the partition. Offsets grow and may have gaps.
    pub offset: u64,
    /// When the log took it: milliseconds since 1970 by the log's clock.
    pub logged_at_ms: i64,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// The offset of a record of which Kafka knows that it is durable and not where: it was written by a try whose answer got lost.
pub const OFFSET_UNKNOWN: u64 = u64::MAX;

/// Resolves to the record's offset when the record is durable (`OFFSET_UNKNOWN` where the log cannot tell).
#[derive(Debug)]
pub struct Ack(pub(crate) oneshot::Receiver<Result<u64, AppendError>>);

impl Ack {
    /// Waits on this thread. Not on an async thread: there, `.await` it.
    ///
    /// # Errors
    /// As awaiting.
    pub fn wait(self) -> Result<u64, AppendError> {
        self.0.blocking_recv().unwrap_or(Err(AppendError::Closed))
    }
}

impl Future for Ack {
    type Output = Result<u64, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|received| received.unwrap_or(Err(AppendError::Closed)))
    }
}

/// Why a record was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The bytes that wait have reached their limit. Retry later; tell the sender 503.
    #[error("the log's queue is full ({queued_bytes} bytes wait, the limit is {limit_bytes}); retry later")]
    QueueFull {
        /// Bytes that wait.
        queued_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The log cannot take it now (disk full, broker away). Retry.
    #[error("the log cannot take records: {reason}; retry later")]
    Unavailable {
        /// What the engine says.
        reason: String,
    },
    /// The log will never take it. Reject.
    #[error("the log refuses the record: {reason}")]
    Refused {
        /// What the engine says.
        reason: String,
    },
    /// The log was closed. Halt.
    #[error("the log is closed")]
    Closed,
}

/// Why the log could not be opened, or a topic not be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("{folder} belongs to a running process; stop it, or choose another data folder")]
    Locked {
        /// The data folder.
        folder: String,
    },
    /// A topic exists with other partitions.
    #[error(
        "topic {topic} has {found} partitions and the configuration says {expected}; they are fixed when the topic is created (see `daylight ledger repartition`)"
    )]
    PartitionMismatch {
        /// The topic.
        topic: String,
        /// What it has.
        found: u32,
        /// What was asked for.
        expected: u32,
    },
    /// Anything else.
    #[error("cannot open the log at {place}: {reason}")]
    Failed {
        /// Address or folder.
        place: String,
        /// What the engine says.
        reason: String,
    },
}

/// Where a group without a committed offset begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// With the oldest record.
    Earliest,
    /// With what comes next.
    Latest,
}

/// What a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: u64,
    /// What the committer wrote beside it; at most 4,000 bytes.
    pub metadata: String,
}

/// A partition that the group gave to this consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The partition.
    pub partition: u32,
    /// What the group had committed; `None` when nothing.
    pub committed: Option<Committed>,
    /// The oldest offset that still can be read.
    pub low: u64,
    /// One past the newest offset.
    pub high: u64,
}

/// What a poll brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// So many records went to the visitor (0 when the time ran out).
    Records(usize),
    /// The group gave these partitions. Reading begins at the committed offset, or as `StartAt` says, unless `seek` is called now.
    Assigned(Vec<Assignment>),
    /// The group took these partitions: drop what is in flight for them. They can no longer be committed.
    Revoked(Vec<u32>),
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The offset is gone or not yet written. Halt and ask: going on would lose records in silence.
    #[error(
        "partition {partition}: the committed offset is outside of what the log holds; a person must decide (see the runbook `offset-out-of-range`)"
    )]
    OffsetOutOfRange {
        /// The partition.
        partition: u32,
    },
    /// The log cannot be read now. Retry.
    #[error("the log cannot be read: {reason}; retry later")]
    Unavailable {
        /// What the engine says.
        reason: String,
    },
    /// The topic does not exist, or cannot be read by us. Halt.
    #[error("the log refuses to be read: {reason}")]
    Refused {
        /// What the engine says.
        reason: String,
    },
}

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The partition belongs to another member now. Drop the batch.
    #[error("the partition was given to another member of the group; the batch must be dropped")]
    Fenced,
    /// Not now. Retry.
    #[error("the commit did not go through: {reason}; retry later")]
    Unavailable {
        /// What the engine says.
        reason: String,
    },
    /// Never. The metadata is too large, for one.
    #[error("the log refuses the commit: {reason}")]
    Refused {
        /// What the engine says.
        reason: String,
    },
}
