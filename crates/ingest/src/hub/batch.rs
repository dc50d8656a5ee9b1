//! What one look at a hub brought, on its way into the log. Nothing of it is passed over: a message is in the log, or a dead letter, or we
//! were asked to stop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use broker::RecordRef;
use event::{RejectReason, Timestamp};
use runtime::{Backoff, Shutdown};
use tokio::runtime::Handle;

use crate::{
    accept::{AcceptError, Acceptor, Appended},
    connections::Connection,
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

impl Message {
    /// Copies a record, which is only lent. One without a value has an empty body, in which there is no event.
    pub(super) fn of(record: RecordRef<'_>) -> Message {
        let body = record.value.unwrap_or_default().to_vec();
        Message { partition: record.partition, offset: record.offset, written_at: Timestamp(record.logged_at_ms), body }
    }
}

/// Takes messages of one hub into the log.
pub(super) struct Lander {
    pub(super) acceptor: Arc<Acceptor>,
    pub(super) connection: Arc<Connection>,
    /// The hub's own name, for the origin of dead letters.
    pub(super) topic: String,
    pub(super) message_bytes_max: usize,
    pub(super) metrics: HubMetrics,
    pub(super) shutdown: Shutdown,
    pub(super) runtime: Handle,
}

impl Lander {
    /// Takes in messages in their order, however long that takes, unless somebody asks to stop. Gives the next offset to read for each
    /// partition of which the log has something now.
    pub(super) fn land(&self, messages: &[Message]) -> BTreeMap<u32, u64> {
        let mut next_offsets = BTreeMap::new();
        let mut backoff = Backoff::new(LOG_WAIT, LOG_WAIT_MAX, 7);
        let mut left = messages;
        while !left.is_empty() && !self.shutdown.is_requested() {
            let (landed, failure) = self.try_landing(left);
            let (done, rest) = left.split_at(landed.min(left.len()));
            for message in done {
                next_offsets.insert(message.partition, message.offset.saturating_add(1));
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
        next_offsets
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
