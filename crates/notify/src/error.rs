//! Why `notify` cannot work. Each of these is a halt: what passes by itself is tried again where it happens.

use broker::ConsumeError;
use codec::DecodeError;

/// Why `notify` cannot work. Halt.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A receiver's configuration is wrong.
    #[error("receiver {receiver}: {reason}")]
    Receiver {
        /// Its name.
        receiver: String,
        /// What is wrong.
        reason: String,
    },
    /// The log cannot be read.
    #[error("cannot read alerts: {0}")]
    Log(#[from] ConsumeError),
    /// A record was written by a newer version.
    #[error("{topic}, partition {partition}, offset {offset}: {source}")]
    Decode {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The record.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The HTTP client or a thread cannot be made.
    #[error("cannot start notify: {0}")]
    Start(String),
}
