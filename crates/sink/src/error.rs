//! Why the sink cannot go on. Each of these is a halt: what passes by itself is tried again where it happens.

use broker::{ConsumeError, OpenError};
use codec::DecodeError;

/// Why `sink` cannot go on. Halt.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The log cannot be opened.
    #[error("cannot open the log for the sink: {0}")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Consume(#[from] ConsumeError),
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
    /// The commit metadata cannot be read.
    #[error("partition {partition}: {reason}")]
    Plan {
        /// The partition.
        partition: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// ClickHouse refuses a block for good.
    #[error(
        "ClickHouse refuses rows of {table}: {message}; the offset stays uncommitted, so nothing is lost: mend the table or the version, then start again (a single row that a table refuses is not left out by itself yet)"
    )]
    Refused {
        /// The table.
        table: &'static str,
        /// What the server says.
        message: String,
    },
    /// The log will never take a dead letter.
    #[error("partition {partition}, offset {offset}: its dead letter cannot be written: {reason}")]
    Bury {
        /// The partition.
        partition: u32,
        /// The record.
        offset: u64,
        /// Why.
        reason: String,
    },
    /// A thread or a metric cannot be made, or a task broke.
    #[error("the sink cannot work: {0}")]
    Start(String),
}
