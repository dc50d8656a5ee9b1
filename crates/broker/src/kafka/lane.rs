//! The records of one partition on their way to Kafka: a few at once, and what comes meanwhile together.
//!
//! While five records of a partition are unanswered, an idempotent producer of librdkafka sends no more of it, and its thread asks without a pause
//! whether it may: a third of all that `ingest` took, and the more the slower the cluster was. So what librdkafka would not send yet is held back
//! here, and handed over together when everything before it is answered. That is one `linger.ms` later than librdkafka would send it, and batches
//! grow with the load.
//!
//! Order is kept: what is held back goes in the order in which it came, and nothing overtakes it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::{
    producer::{Delivery, Waiting},
    settings::LINGER_MS,
};
use crate::{AppendError, Record};

/// Records of a partition that may be with librdkafka before one is held back: what it sends without an answer.
const UNANSWERED_MAX: usize = 5;
/// So long after the first of them nothing of them is sent yet, and more may join. Half of what librdkafka waits for more, to be sure.
const JOINED_WITHIN: Duration = Duration::from_micros(LINGER_MS as u64 * 500);
/// Bytes that are handed over together. Less than librdkafka packs into one request (`batch.size`, a million), or it would send a part and wait.
const TOGETHER_BYTES_MAX: u64 = 512 * 1_024;

/// The way to one partition.
pub(super) struct Lane {
    topic: String,
    partition: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Records with librdkafka.
    unanswered: usize,
    /// When the first of them went, and what they come to.
    first_at: Option<Instant>,
    bytes: u64,
    held: VecDeque<(Record, Box<Waiting>)>,
}

impl State {
    /// Would librdkafka send another one?
    fn has_room(&self) -> bool {
        let may_join = || self.first_at.is_some_and(|first| first.elapsed() < JOINED_WITHIN);
        self.unanswered < UNANSWERED_MAX || (self.bytes < TOGETHER_BYTES_MAX && may_join())
    }

    fn add(&mut self, bytes: u64) {
        if self.unanswered == 0 {
            (self.first_at, self.bytes) = (Some(Instant::now()), 0);
        }
        self.unanswered += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Lane {
    pub(super) fn new(topic: &str, partition: u32) -> Lane {
        Lane { topic: topic.to_owned(), partition, state: Mutex::default() }
    }

    pub(super) fn is_of(&self, topic: &str, partition: u32) -> bool {
        self.partition == partition && self.topic == topic
    }

    /// Hands a record over, or holds it back.
    pub(super) fn take(&self, producer: &BaseProducer<Delivery>, record: Record, waiting: Box<Waiting>) {
        let mut state = self.lock();
        if state.held.is_empty() && state.has_room() {
            self.hand_over(&mut state, producer, &record, waiting);
        } else {
            state.held.push_back((record, waiting));
        }
    }

    /// One of the records has its fate; the last of them lets the others go. Where it did not get there, or the producer is gone (`None`), those have
    /// the same fate: the producer is given up, or will be (ADR 15).
    pub(super) fn answered(&self, delivery: &Delivery, producer: Option<Arc<BaseProducer<Delivery>>>) {
        let mut state = self.lock();
        state.unanswered = state.unanswered.saturating_sub(1);
        if state.unanswered > 0 {
            return;
        }
        let Some(producer) = producer else {
            for (_, waiting) in state.held.drain(..) {
                let reason = "the records before it were not acknowledged".to_owned();
                delivery.tell(*waiting, Err(AppendError::Unavailable { reason }));
            }
            return;
        };
        while state.unanswered == 0 || state.bytes < TOGETHER_BYTES_MAX {
            let Some((record, waiting)) = state.held.pop_front() else { return };
            self.hand_over(&mut state, &producer, &record, waiting);
        }
    }

    /// Hands one record to librdkafka, which copies it.
    fn hand_over(&self, state: &mut State, producer: &BaseProducer<Delivery>, record: &Record, waiting: Box<Waiting>) {
        let bytes = waiting.bytes();
        match producer.send(message(&self.topic, record, waiting)) {
            Ok(()) => state.add(bytes),
            Err((error, message)) => {
                let delivery = producer.context();
                delivery.tell(*message.delivery_opaque, Err(delivery.failure(&error)));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record as librdkafka takes it.
pub(super) type Message<'a> = BaseRecord<'a, [u8], [u8], Box<Waiting>>;

/// Makes one.
pub(super) fn message<'a>(topic: &'a str, record: &'a Record, waiting: Box<Waiting>) -> Message<'a> {
    BaseRecord {
        topic,
        partition: i32::try_from(record.partition).ok(),
        payload: record.value.as_deref(),
        key: record.key.as_deref(),
        timestamp: None,
        headers: None,
        delivery_opaque: waiting,
    }
}
