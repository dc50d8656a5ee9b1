//! Why the sink cannot go on. Each of these is a halt: what passes by itself is tried again where it happens.

use broker::{ConsumeError, OpenError};
use codec::DecodeError;

use crate::insert::NotLanded;

/// Why `sink` cannot go on. Halt.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The log cannot be opened.
    #[error("cannot open the log for the sink: {0}")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Consume(#[from] ConsumeError),
    /// A record was written by a newer version: its partition halts, and no other.
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
    /// The commit metadata cannot be read: its partition halts, and no other.
    #[error("partition {partition}: {reason}")]
    Plan {
        /// The partition.
        partition: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// ClickHouse refuses every block of a table.
    #[error(
        "ClickHouse refuses rows of {table}: {message}; the offset stays uncommitted, so nothing is lost: mend the table or the version, then start again"
    )]
    Refused {
        /// The table.
        table: &'static str,
        /// What the server says.
        message: String,
    },
    /// A batch must not go on.
    #[error("a batch of {table} cannot land: {reason}")]
    Halted {
        /// The table.
        table: &'static str,
        /// What happened, and what to do.
        reason: String,
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

impl From<NotLanded> for SinkError {
    fn from(error: NotLanded) -> SinkError {
        match error {
            NotLanded::Refused { table, refusal } => SinkError::Refused { table, message: refusal.message },
            NotLanded::Halted { table, reason } => SinkError::Halted { table, reason },
            NotLanded::Stopping => SinkError::Start("the process stops".to_owned()),
        }
    }
}
