//! Why detection cannot go on.

use broker::{AppendError, ConsumeError, OpenError};
use codec::{DecodeError, EncodeError};

/// Why `detect` cannot go on. Halt.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The log cannot be opened.
    #[error("cannot open the log for detection: {0}")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read events: {0}")]
    Consume(#[from] ConsumeError),
    /// The log will never take what was found.
    #[error("cannot write what was found: {0}")]
    Append(#[from] AppendError),
    /// What was found cannot be encoded.
    #[error("cannot encode what was found: {0}")]
    Encode(#[from] EncodeError),
    /// A record, or an entry of the ledger, was written by a newer version: its partition halts, and no other.
    #[error("partition {partition}, offset {offset}: {source}")]
    Decode {
        /// The partition.
        partition: u32,
        /// The record.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The ledger's positions are places of another log, or of other partitions.
    #[error("the ledger of partition {partition} does not belong to the events that are there: {why}")]
    Foreign {
        /// The partition.
        partition: u32,
        /// In what it differs, and what to do.
        why: String,
    },
    /// Metrics cannot be registered.
    #[error("cannot start detection: {0}")]
    Start(String),
}
