//! `redrive`: puts dead letters through again, each once, after whatever was wrong is mended.
//!
//! ```text
//! group `redrive` on `dead_letters` ─► whoever has a partition goes over it: which letters are open? (the latest record of an id counts)
//!   ─► some letters ─► parsed as their connection does ─► plan committed ─► events durable ─► "redriven" durable ─► the next ones
//! ```
//!
//! The plan is metadata beside a committed offset, as in `sink`: which letters are in work, and where `events` ended before. Whoever finds one
//! looks from there on which of their events the log has, and does not write these again; and it stays, or is part of each later plan, until the last
//! of its letters has its note. So a letter is put through once, however often
//! the command is killed and typed again; and the group sees to it that two of them never have the same partition.
//!
//! What is rejected still stays the dead letter that it is. Text that is not JSON was masked, and what was too large was cut: these cannot be
//! put through, and the answer says so. A row that a table refused is in the log: `reconcile --refused` stores it.

mod plan;
mod run;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use broker::{AppendError, Broker, CommitError, ConsumeError, OpenError};
use codec::EncodeError;
use event::{DeadLetter, RejectReason, Source};
use serde::{Deserialize, Serialize};

use crate::{
    accept::{AcceptError, Acceptor},
    connections::{Connection, Connections},
};

/// Which dead letters.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedriveRequest {
    /// Only say what would become of them.
    pub dry_run: bool,
    /// Of this tenant; empty: of any.
    pub tenant: String,
    /// Of this connection; empty: of any.
    pub connection: String,
    /// Rejected for this reason; empty: for any.
    pub reason: String,
    /// Received since then, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What became of the dead letters of a connection that were rejected for one reason.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct RedriveLine {
    /// The connection.
    pub connection: String,
    /// Why they were rejected.
    pub reason: String,
    /// How many were open.
    pub letters: u64,
    /// Of these, how many were put through.
    pub accepted: u64,
    /// What they gave: events that were written to the log.
    pub events: u64,
    /// Events of theirs that the log had already.
    pub known: u64,
    /// How many are rejected still, and stay.
    pub rejected: u64,
    /// How many cannot be put through.
    pub not_redrivable: u64,
    /// Why, for the first that was not put through.
    pub why: String,
}

/// What was done.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct RedriveAnswer {
    /// Was nothing changed?
    pub dry_run: bool,
    /// By connection and reason.
    pub lines: Vec<RedriveLine>,
    /// Partitions that another process holds, which redrives as well: theirs were not looked at here.
    pub busy: Vec<u32>,
    /// Letters for which there was no room in memory: do it again.
    pub left: u64,
}

/// Why it ended. What was put through by then is, and is not put through again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// Somebody does it.
    #[error("somebody redrives already; wait until that has ended")]
    Busy,
    /// The log cannot be asked.
    #[error("cannot redrive: {0}")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot redrive: {0}")]
    Consume(#[from] ConsumeError),
    /// The log does not take a plan.
    #[error("cannot redrive: {0}")]
    Commit(#[from] CommitError),
    /// The log does not take what was put through, or the note that it was.
    #[error("cannot redrive: {0}; do it again, nothing is put through twice")]
    Append(#[from] AppendError),
    /// The events cannot be appended.
    #[error("cannot redrive: {0}; do it again, nothing is put through twice")]
    Accept(String),
    /// A defect of ours.
    #[error("a dead letter cannot be written: {0}")]
    Encode(#[from] EncodeError),
    /// The metadata is no plan.
    #[error(
        "partition {partition}: what stands beside the offset of the group `redrive` is no plan ({metadata:?}): a newer version redrives, or somebody moved it; delete the group's offsets once no other redrive runs"
    )]
    Plan {
        /// The partition.
        partition: u32,
        /// What stands there.
        metadata: String,
    },
}

impl From<AcceptError> for RedriveError {
    fn from(error: AcceptError) -> RedriveError {
        RedriveError::Accept(error.to_string())
    }
}

/// Redrives. Clones do it one after the other.
#[derive(Clone)]
pub struct Redriver {
    broker: Broker,
    prefix: String,
    acceptor: Arc<Acceptor>,
    connections: Arc<Connections>,
    turn: Arc<Mutex<()>>,
}

impl Redriver {
    /// For the topics that begin with `prefix`.
    pub(crate) fn new(
        broker: Broker,
        prefix: &str,
        acceptor: Arc<Acceptor>,
        connections: Arc<Connections>,
    ) -> Redriver {
        Redriver { broker, prefix: prefix.to_owned(), acceptor, connections, turn: Arc::default() }
    }

    /// Puts dead letters through again. Blocks for as long as it takes.
    ///
    /// # Errors
    /// `RedriveError`; then it can be done again.
    pub fn redrive(&self, request: &RedriveRequest) -> Result<RedriveAnswer, RedriveError> {
        let Ok(_turn) = self.turn.try_lock() else { return Err(RedriveError::Busy) };
        run::run(self, request)
    }

    /// The connection that a letter goes through, or why it cannot.
    fn connection_of(&self, letter: &DeadLetter) -> Result<Arc<Connection>, &'static str> {
        match letter.reason {
            RejectReason::RefusedByTable => {
                return Err("a row that a table refuses; once it is mended: daylight reconcile --refused");
            }
            RejectReason::BadRecord => {
                return Err("a record of the log; once this version can read it: daylight reconcile");
            }
            _ if !letter.is_redrivable => return Err("its text is not JSON and was masked, or was cut"),
            _ => {}
        }
        let connection =
            self.connections.get(&letter.connection).ok_or("its connection is not in the configuration")?;
        if connection.tenant != letter.tenant {
            return Err("its connection belongs to another tenant now");
        }
        // Okta's hook names the org in the envelope, which a dead letter does not have: nobody could check it.
        if letter.reason == RejectReason::WrongTenant && connection.provider == Source::Okta {
            return Err("an event hook of another org; the letter does not tell which");
        }
        Ok(connection)
    }
}

impl RedriveRequest {
    /// Is it asked for?
    fn matches(&self, letter: &DeadLetter) -> bool {
        let is_any = |asked: &str, found: &str| asked.is_empty() || asked == found;
        is_any(&self.tenant, &letter.tenant)
            && is_any(&self.connection, &letter.connection)
            && is_any(&self.reason, letter.reason.as_str())
            && letter.received_at.0 >= self.since_ms
    }
}
