//! What can go wrong, and what to do then: retry, reject or halt.

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
    /// A `SoleWriter` is over: another took its place, or nobody knows what became of what it sent. Take the partition up anew.
    #[error("the partition has, or needs, another sole writer: {reason}")]
    Fenced {
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
        "topic {topic} has {found} partitions and the configuration says {expected}; what lies where was decided with the old number: set [log] partitions to what the topic has, or stop every process and let `daylight ledger repartition` move what must move"
    )]
    PartitionMismatch {
        /// The topic.
        topic: String,
        /// What it has.
        found: u32,
        /// What was asked for.
        expected: u32,
    },
    /// The cluster does not answer, or cannot yet do what it was asked for. Retry.
    #[error("cannot open the log at {place}: {reason}")]
    Away {
        /// Its address.
        place: String,
        /// What the engine says.
        reason: String,
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

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The offset is gone or not yet written. Halt and ask: going on would lose records in silence.
    #[error(
        "partition {partition}: the committed offset is outside of what the log holds; a person must decide: the records in between are lost to this group (raise the retention), then reset its offset"
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
