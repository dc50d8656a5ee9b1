//! The sole writer of a partition, as Kafka knows it: a producer of transactions whose name is the partition's.
//!
//! Whoever begins under a name ends the one before: Kafka takes back what that one has not committed, and refuses whatever it sends from then on,
//! also what was on its way. That is all that is wanted of transactions here, so each write is one, and none is ever aborted and gone on with
//! by the same producer: librdkafka has no KIP-890, so an end that comes late could meet the next transaction. What goes wrong ends the
//! writer, and the next beginning settles what is open before it returns.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use rdkafka::{
    error::KafkaError,
    producer::{BaseProducer, Producer as _},
};

use super::{
    Engine,
    errors::append_error,
    lane::message,
    producer::{Delivery, Waiting},
    reader::watermarks_of,
    settings,
};
use crate::{Ack, AppendError, OFFSET_UNKNOWN, Record, limits::why_refused};

/// How long becoming the writer may take: the coordinator is looked for, and what the one before left open is settled.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// How long records may take to be written and committed.
const WRITTEN_WITHIN: Duration = Duration::from_secs(45);

/// How long one question whether records are seen may take, and the pause before the next.
const ASKED_FOR: Duration = Duration::from_secs(5);
const ASK_INTERVAL: Duration = Duration::from_millis(1);

/// The writer.
pub(crate) struct SoleWriter {
    producer: BaseProducer<Delivery>,
    topic: String,
    partition: u32,
    /// Something went wrong: nobody knows what is there.
    is_over: bool,
}

impl Engine {
    pub(crate) fn sole_writer(&self, topic: &str, partition: u32) -> Result<SoleWriter, AppendError> {
        let facts = self.facts(topic).map_err(|error| AppendError::Unavailable { reason: error.to_string() })?;
        let probe = Record { partition, key: Some(Vec::new()), value: None };
        let unknown = || AppendError::Refused { reason: format!("topic {topic} does not exist") };
        let facts = facts.ok_or_else(unknown)?;
        if let Some(reason) = why_refused(&probe, facts.partitions, facts.is_compacted, &self.limits) {
            return Err(AppendError::Refused { reason });
        }
        let config = settings::sole_writer_config(&self.client, &self.limits, &format!("{topic}-{partition}"));
        let context = Delivery::new(Arc::new(AtomicU64::new(0)));
        let producer: BaseProducer<Delivery> =
            config.create_with_context(context).map_err(|error| append_error(&error))?;
        producer.init_transactions(TAKEN_WITHIN).map_err(|error| {
            let words = producer.context().words().last().map(|trouble| trouble.reason);
            not_taken(&error, words)
        })?;
        Ok(SoleWriter { producer, topic: topic.to_owned(), partition, is_over: false })
    }
}

impl SoleWriter {
    pub(crate) fn append_all(&mut self, records: &[Record]) -> Result<u64, AppendError> {
        if std::mem::replace(&mut self.is_over, true) {
            return Err(AppendError::Fenced { reason: "an earlier write of it went wrong".to_owned() });
        }
        let next = self.transaction(records)?;
        self.is_over = false;
        Ok(next)
    }

    /// One transaction: all of the records, or none.
    fn transaction(&self, records: &[Record]) -> Result<u64, AppendError> {
        let deadline = Instant::now() + WRITTEN_WITHIN;
        self.producer.begin_transaction().map_err(|error| lost(&error))?;
        let acks: Vec<Ack> = records.iter().map(|record| self.send(record)).collect();
        self.producer.flush(WRITTEN_WITHIN).map_err(|error| lost(&error))?;
        let mut next = 0;
        for ack in acks {
            match ack.wait() {
                Ok(OFFSET_UNKNOWN) => {
                    return Err(AppendError::Fenced { reason: "Kafka cannot tell where a record is".to_owned() });
                }
                Ok(offset) => next = next.max(offset.saturating_add(1)),
                Err(error @ (AppendError::Refused { .. } | AppendError::Fenced { .. })) => return Err(error),
                Err(error) => return Err(AppendError::Fenced { reason: error.to_string() }),
            }
        }
        loop {
            match self.producer.commit_transaction(deadline.saturating_duration_since(Instant::now())) {
                Ok(()) => break,
                // Asking again goes on with the same commit.
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {}
                Err(error) => return Err(lost(&error)),
            }
        }
        self.wait_until_seen(next, deadline)?;
        Ok(next)
    }

    /// The commit is decided before it stands in the partition. Whoever sees what we do next, an offset that is committed for one, must see these
    /// records, too.
    fn wait_until_seen(&self, next: u64, deadline: Instant) -> Result<(), AppendError> {
        let place = i32::try_from(self.partition).unwrap_or(i32::MAX);
        while Instant::now() < deadline {
            match watermarks_of(self.producer.client(), &self.topic, place, ASKED_FOR) {
                Ok((_, high)) if u64::try_from(high).is_ok_and(|high| high >= next) => return Ok(()),
                _ => std::thread::park_timeout(ASK_INTERVAL),
            }
        }
        Err(AppendError::Fenced { reason: "what was committed is not seen".to_owned() })
    }

    fn send(&self, record: &Record) -> Ack {
        let (waiting, ack) = Waiting::new(record);
        if let Err((error, message)) = self.producer.send(message(&self.topic, record, waiting)) {
            self.producer.context().tell(*message.delivery_opaque, Err(append_error(&error)));
        }
        ack
    }
}

/// Why nobody became the writer.
fn not_taken(error: &KafkaError, words: Option<String>) -> AppendError {
    match (append_error(error), words) {
        (AppendError::Unavailable { reason }, words) => {
            let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
            let reason = format!(
                "its coordinator of transactions does not answer: {reason}{words}; a cluster of fewer than three brokers needs its transaction.state.log.replication.factor set"
            );
            AppendError::Unavailable { reason }
        }
        (error, _) => error,
    }
}

/// The writer is over.
fn lost(error: &KafkaError) -> AppendError {
    match append_error(error) {
        error @ AppendError::Refused { .. } => error,
        error => AppendError::Fenced { reason: error.to_string() },
    }
}
