//! Clients that read without a group, and rest between two reads: a new one starts threads, connects and asks who leads what, for what is often
//! a handful of records, and a ledger that is followed is read up to five times a second.

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
/// How long one may have rested.
const RESTS_FOR: Duration = Duration::from_secs(30);
/// How old one may be: it keeps what it knew of a topic that was made anew since, and a fetch or so of each partition that it ever read.
const LIVES_FOR: Duration = Duration::from_secs(300);

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

/// A client that reads.
pub(super) struct Reading {
    pub(super) client: BaseConsumer<Reader>,
    born: Instant,
    /// Since when it rests.
    rests: Instant,
}

/// Those that rest.
#[derive(Default)]
pub(super) struct Readers(Mutex<Vec<Reading>>);

impl Readers {
    /// One that rested, or a new one.
    pub(super) fn get(&self, config: &ClientConfig) -> Result<Reading, KafkaError> {
        let (rested, _old) = {
            let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_fresh =
                |reading: &Reading| reading.rests.elapsed() < RESTS_FOR && reading.born.elapsed() < LIVES_FOR;
            let (fresh, old): (Vec<_>, Vec<_>) = std::mem::take(&mut *resting).into_iter().partition(is_fresh);
            *resting = fresh;
            // Closing one takes a moment: not under the lock.
            (resting.pop(), old)
        };
        let now = Instant::now();
        let Some(reading) = rested else {
            return Ok(Reading { client: config.create_with_context(Reader)?, born: now, rests: now });
        };
        // What it heard meanwhile is of no use.
        while reading.client.poll(Duration::ZERO).is_some() {}
        Ok(reading)
    }

    /// It has read what it was to read.
    pub(super) fn rest(&self, reading: Reading) {
        // That it fetches no more takes effect after the first answer. The second is asked for because it comes when it has: whoever reads the
        // same partition next would else find its records led nowhere.
        if reading.client.unassign().is_err() || reading.client.assignment().is_err() {
            return;
        }
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if resting.len() < RESTING_MAX {
            resting.push(Reading { rests: Instant::now(), ..reading });
        }
    }
}
