//! Clients that read without a group, and rest between two reads: a new one connects, shakes hands and asks who leads what, a tenth of a second
//! and three threads for what is often a handful of records, and a ledger that is followed is read five times a second.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};

/// How many rest at most; those beyond are closed.
const RESTING_MAX: usize = 2;
/// How long one may have rested. One that rested for longer may believe in a topic that was made anew since.
const RESTS_FOR: Duration = Duration::from_secs(30);

/// Hears what librdkafka says of a reader.
pub(super) struct Reader;

impl ClientContext for Reader {
    fn error(&self, error: KafkaError, reason: &str) {
        // A reader that has all it wanted does not wait to be told that this was the end.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::debug!(%error, reason, "librdkafka");
        } else {
            tracing::warn!(%error, reason, "librdkafka");
        }
    }
}

impl ConsumerContext for Reader {}

/// Those that rest.
#[derive(Default)]
pub(super) struct Readers(Mutex<Vec<(Instant, BaseConsumer<Reader>)>>);

impl Readers {
    /// One that rested, or a new one.
    pub(super) fn get(&self, config: &ClientConfig) -> Result<BaseConsumer<Reader>, KafkaError> {
        let rested = {
            let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (fresh, stale): (Vec<_>, Vec<_>) =
                std::mem::take(&mut *resting).into_iter().partition(|(since, _)| since.elapsed() < RESTS_FOR);
            *resting = fresh;
            let rested = resting.pop();
            drop(resting);
            // Closing one takes a moment, and nobody waits for it under the lock.
            drop(stale);
            rested
        };
        let Some((_, reader)) = rested else { return config.create_with_context(Reader) };
        // What it heard meanwhile is of no use.
        while reader.poll(Duration::ZERO).is_some() {}
        Ok(reader)
    }

    /// It has read what it was to read.
    pub(super) fn rest(&self, reader: BaseConsumer<Reader>) {
        if reader.unassign().is_err() {
            return;
        }
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if resting.len() < RESTING_MAX {
            resting.push((Instant::now(), reader));
        }
    }
}
