//! What becomes of a record that cannot be read: a dead letter, durable before the record's offset can be committed.

use std::time::Duration;

use broker::{AppendError, Broker, Record};
use codec::{DecodeError, Topic};
use event::{DeadLetter, RejectReason, Timestamp, dead_letter_id};
use runtime::{Backoff, Shutdown};
use sha2::{Digest, Sha256};

use crate::SinkError;

/// A record that cannot be read.
pub(crate) struct Dead {
    /// Its partition.
    pub(crate) partition: u32,
    /// Its offset.
    pub(crate) offset: u64,
    /// When the log took it.
    pub(crate) logged_at: Timestamp,
    /// Its bytes.
    pub(crate) value: Vec<u8>,
    /// What is wrong with them.
    pub(crate) flaw: DecodeError,
}

impl Dead {
    /// The dead letter. The same record gives the same one, however often it is met.
    fn letter(&self) -> DeadLetter {
        let sha256: [u8; 32] = Sha256::digest(&self.value).into();
        DeadLetter {
            id: dead_letter_id("log", &sha256),
            tenant: String::new(),
            connection: "log".into(),
            reason: RejectReason::BadRecord,
            detail: self.flaw.to_string(),
            origin: format!("record:{}/{}/{}", Topic::Events.as_str(), self.partition, self.offset),
            // The table keeps dead letters for 14 days from here on: without a time it would drop them at once.
            received_at: self.logged_at,
            scrubbed: String::new(),
            sha256,
            is_redrivable: false,
            redriven_at: Timestamp::MISSING,
        }
    }

    /// Writes the dead letter, for as long as it takes. False when the process stops before.
    pub(crate) fn bury(&self, broker: &Broker, topic: &str, shutdown: &Shutdown) -> Result<bool, SinkError> {
        let (partition, offset) = (self.partition, self.offset);
        tracing::error!(partition, offset, error = %self.flaw, "a record cannot be read and becomes a dead letter");
        let failed = |reason: String| SinkError::Bury { partition, offset, reason };
        let value = codec::encode_dead_letter(&self.letter()).map_err(|error| failed(error.to_string()))?;
        let record = Record { partition, key: Some(b"log".to_vec()), value: Some(value) };
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5), 5);
        loop {
            match broker.append(topic, record.clone()).and_then(broker::Ack::wait) {
                Ok(_) => return Ok(true),
                Err(error @ (AppendError::Refused { .. } | AppendError::Closed)) => {
                    return Err(failed(error.to_string()));
                }
                Err(error) => tracing::warn!(%error, topic, "a dead letter is not written, trying again"),
            }
            shutdown.sleep(backoff.next_wait());
            if shutdown.is_requested() {
                return Ok(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_record_is_dead_once_and_has_the_time_of_the_log() {
        let dead = |offset| Dead {
            partition: 1,
            offset,
            logged_at: Timestamp(1_700_000_000_000),
            value: b"not a record".to_vec(),
            flaw: DecodeError::NotFramed,
        };
        assert_eq!(dead(5).letter(), dead(5).letter());
        assert_eq!(dead(5).letter().id, dead(9).letter().id, "the same bytes are one dead letter");
        assert_eq!(dead(5).letter().received_at, Timestamp(1_700_000_000_000));
        assert_eq!(dead(5).letter().origin, "record:events/1/5");
    }
}
