//! What one look at a hub brought, on its way into the log. Nothing of it is passed over: a message is in the log, or a dead letter, or we
//! were asked to stop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use broker::RecordRef;
use event::{Gap, RejectReason, Timestamp};
use runtime::{Backoff, Shutdown};
use tokio::runtime::Handle;

use crate::{
    accept::{AcceptError, Acceptor, Appended},
    connections::Connection,
    gaps::Gaps,
    metrics::HubMetrics,
};

/// The first wait when the log takes nothing, and the longest.
const LOG_WAIT: Duration = Duration::from_millis(200);
const LOG_WAIT_MAX: Duration = Duration::from_secs(5);

/// A message of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    partition: u32,
    offset: u64,
    written_at: Timestamp,
    body: Vec<u8>,
}

/// How far a partition has come into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// The next offset to read.
    pub(super) next_offset: u64,
    /// When the hub got the last message before it.
    pub(super) written_at: Timestamp,
}

impl Message {
    /// Copies a record, which is only lent. One without a value has an empty body, in which there is no event.
    pub(super) fn of(record: RecordRef<'_>) -> Message {
        let body = record.value.unwrap_or_default().to_vec();
        Message { partition: record.partition, offset: record.offset, written_at: Timestamp(record.logged_at_ms), body }
    }

    /// Of which partition it is, and when the hub got it.
    pub(super) fn place(&self) -> (u32, Timestamp) {
        (self.partition, self.written_at)
    }
}

/// Takes messages of one hub into the log.
pub(super) struct Lander {
    pub(super) acceptor: Arc<Acceptor>,
    pub(super) connection: Arc<Connection>,
    /// The hub's own name, for the origin of dead letters.
    pub(super) topic: String,
    pub(super) message_bytes_max: usize,
    /// Where it is noted what a hub dropped.
    pub(super) gaps: Gaps,
    pub(super) metrics: HubMetrics,
    pub(super) shutdown: Shutdown,
    pub(super) runtime: Handle,
}

impl Lander {
    /// Takes in messages in their order, however long that takes, unless somebody asks to stop. Tells how far each partition has come
    /// of which the log has something now.
    pub(super) fn land(&self, messages: &[Message]) -> BTreeMap<u32, Reached> {
        let mut reached = BTreeMap::new();
        let mut backoff = Backoff::new(LOG_WAIT, LOG_WAIT_MAX, 7);
        let mut left = messages;
        while !left.is_empty() && !self.shutdown.is_requested() {
            let (landed, failure) = self.try_landing(left);
            let (done, rest) = left.split_at(landed.min(left.len()));
            for message in done {
                let (next_offset, written_at) = (message.offset.saturating_add(1), message.written_at);
                reached.insert(message.partition, Reached { next_offset, written_at });
                self.metrics.landed(&self.connection.id, message.written_at);
            }
            left = rest;
            if landed > 0 {
                backoff.reset();
            }
            if let Some(error) = failure {
                let wait = backoff.next_wait();
                let connection = self.connection.id.as_str();
                tracing::warn!(connection, %error, wait_ms = wait.as_millis(), "messages of a hub wait for the log");
                self.shutdown.sleep(wait);
            }
        }
        reached
    }

    /// Writes down what a hub dropped, however long that takes. False where somebody asked to stop first.
    pub(super) fn note(&self, gap: &Gap) -> bool {
        let mut backoff = Backoff::new(LOG_WAIT, LOG_WAIT_MAX, 7);
        while !self.shutdown.is_requested() {
            let Err(error) = self.runtime.block_on(self.gaps.note(gap)) else { return true };
            let (connection, wait) = (self.connection.id.as_str(), backoff.next_wait());
            tracing::warn!(connection, %error, wait_ms = wait.as_millis(), "what a hub dropped waits for the log");
            self.shutdown.sleep(wait);
        }
        false
    }

    /// Appends from the front on, then waits for what was appended. Tells how many messages the log has, and why not all.
    fn try_landing(&self, messages: &[Message]) -> (usize, Option<AcceptError>) {
        let mut under_way = Vec::with_capacity(messages.len());
        let mut failure = None;
        for message in messages {
            match self.append(message) {
                Ok(appended) => under_way.push(appended),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let mut landed = 0;
        for appended in under_way {
            match self.runtime.block_on(self.acceptor.acknowledge(appended)) {
                Ok(_) => landed += 1,
                Err(error) => return (landed, Some(error)),
            }
        }
        (landed, failure)
    }

    /// Appends what a message holds, or the message as a dead letter where it can never be taken. An error may pass by itself.
    fn append(&self, message: &Message) -> Result<Appended, AcceptError> {
        let (connection, body) = (&self.connection, message.body.as_slice());
        let origin = format!("hub:{}:{}:{}", self.topic, message.partition, message.offset);
        let (reason, detail) = if body.len() > self.message_bytes_max {
            (RejectReason::TooLarge, format!("the message is larger than {} bytes", self.message_bytes_max))
        } else {
            match self.acceptor.append(&origin, connection, body) {
                Err(error @ AcceptError::TooMany { .. }) => (RejectReason::TooMany, error.to_string()),
                Err(error @ AcceptError::TooDeep { .. }) => (RejectReason::TooDeep, error.to_string()),
                Err(error @ AcceptError::Header(_)) => (RejectReason::MissingField, error.to_string()),
                // A defect of ours must not keep what stands behind it from coming in.
                Err(error @ AcceptError::Internal(_)) => (RejectReason::NotAnEvent, error.to_string()),
                result => return result,
            }
        };
        tracing::warn!(connection = %connection.id, origin, detail, "a message of a hub is a dead letter");
        self.acceptor.bury(&origin, connection, body, reason, detail)
    }
}
