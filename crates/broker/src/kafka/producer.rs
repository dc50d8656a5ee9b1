//! Producing: one idempotent producer, bounded by bytes, that tells each record's fate to its `Ack`.
//!
//! librdkafka gives its producer another id when a record is too late, or refused. What it holds of *other* partitions is then sent under
//! that id, also what Kafka took under the one before and could not say: it would stand twice, though it was appended once
//! (<https://github.com/confluentinc/librdkafka/issues/4953>). So no record is ever too late for librdkafka; we look at the time ourselves, and a
//! producer that cannot bring one record there in time, or has one refused, is given up with all that it holds.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    message::Message,
    producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext, PurgeConfig},
    util::Timeout,
};
use tokio::sync::oneshot;

use super::{errors, lane::Lane, settings, words::LastWords};
use crate::{Ack, AppendError, Limits, OFFSET_UNKNOWN, Record, limits::record_bytes};

/// How often is looked whether a record waits for too long.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The producer, and what waits in it.
pub(super) struct Producer {
    config: ClientConfig,
    limits: Limits,
    queued_bytes: Arc<AtomicU64>,
    /// Replaced when it was given up.
    current: RwLock<Served>,
}

/// A producer of librdkafka, and the thread that hears what becomes of its records.
struct Served {
    producer: Arc<BaseProducer<Delivery>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Hears of each record's fate.
pub(super) struct Delivery {
    queued_bytes: Arc<AtomicU64>,
    /// Since when each record waits, and a number that tells two of one moment apart.
    since: Mutex<BTreeSet<(Instant, u64)>>,
    count: AtomicU64,
    is_given_up: AtomicBool,
    words: LastWords,
    /// Whose delivery it is. Weak, because a producer holds its delivery.
    producer: OnceLock<Weak<BaseProducer<Delivery>>>,
    /// One for each partition that was written to.
    lanes: Mutex<Vec<Arc<Lane>>>,
}

impl Delivery {
    /// Counts what waits in `queued_bytes`.
    pub(super) fn new(queued_bytes: Arc<AtomicU64>) -> Self {
        let (since, count, is_given_up) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(false));
        let (words, producer, lanes) = (LastWords::default(), OnceLock::new(), Mutex::default());
        Self { queued_bytes, since, count, is_given_up, words, producer, lanes }
    }

    /// The way to a partition.
    fn lane(&self, topic: &str, partition: u32) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.iter().find(|lane| lane.is_of(topic, partition)) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Lane::new(topic, partition));
        lanes.push(Arc::clone(&lane));
        lane
    }

    /// Tells who waits for a record.
    pub(super) fn tell(&self, waiting: Waiting, fate: Result<u64, AppendError>) {
        if let Some(since) = waiting.since {
            self.since().remove(&since);
        }
        waiting.tell(&self.queued_bytes, fate);
    }

    /// From now on a record waits.
    fn begin(&self) -> (Instant, u64) {
        let since = (Instant::now(), self.count.fetch_add(1, Ordering::Relaxed));
        self.since().insert(since);
        since
    }

    /// Does a record wait for longer than it may?
    fn is_late(&self, acknowledged_within: Duration) -> bool {
        self.since().first().is_some_and(|(since, _)| since.elapsed() > acknowledged_within)
    }

    /// Why a record did not get there.
    pub(super) fn failure(&self, error: &KafkaError) -> AppendError {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => self.is_given_up.store(true, Ordering::Release),
            // Given up: why, librdkafka has told before.
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => {
                let words = self.words.last().map(|trouble| format!(": {}", trouble.reason)).unwrap_or_default();
                return AppendError::Unavailable { reason: format!("it was not acknowledged in time{words}") };
            }
            _ => {}
        }
        errors::append_error(error)
    }

    fn since(&self) -> MutexGuard<'_, BTreeSet<(Instant, u64)>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the cluster cannot be reached.
    pub(super) fn words(&self) -> &LastWords {
        &self.words
    }
}

/// Who waits for a record.
pub(super) struct Waiting {
    acknowledge: oneshot::Sender<Result<u64, AppendError>>,
    bytes: u64,
    /// Where somebody looks at the time for it.
    since: Option<(Instant, u64)>,
    /// Where others may wait for its fate.
    lane: Option<Arc<Lane>>,
}

impl Producer {
    pub(super) fn new(config: ClientConfig, limits: Limits) -> Result<Self, KafkaError> {
        let queued_bytes = Arc::new(AtomicU64::new(0));
        let current = RwLock::new(Served::start(&config, &queued_bytes, limits.acknowledged_within)?);
        Ok(Self { config, limits, queued_bytes, current })
    }

    /// Queues records, all or none, and never blocks.
    pub(super) fn append_all(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Ack>, AppendError> {
        let bytes = records.iter().map(record_bytes).fold(0, u64::saturating_add);
        // One that is larger than the whole limit is let in when nothing else waits, or it never could be.
        let room = |queued: u64| {
            let after = queued.saturating_add(bytes);
            (queued == 0 || after <= self.limits.queue_bytes_max).then_some(after)
        };
        let reserved = self.queued_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, room);
        let limit_bytes = self.limits.queue_bytes_max;
        reserved.map_err(|queued_bytes| AppendError::QueueFull { queued_bytes, limit_bytes })?;
        let producer = self.working();
        Ok(records.into_iter().map(|record| send(&producer, topic, record)).collect())
    }

    pub(super) fn queued_bytes(&self) -> u64 {
        self.queued_bytes.load(Ordering::Acquire)
    }

    /// The producer now; for asking the cluster things.
    pub(super) fn current(&self) -> Arc<BaseProducer<Delivery>> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).producer)
    }

    /// The producer, a new one if it was given up.
    fn working(&self) -> Arc<BaseProducer<Delivery>> {
        let current = self.current();
        if !is_given_up(&current) {
            return current;
        }
        let mut slot = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if is_given_up(&slot.producer) {
            match Served::start(&self.config, &self.queued_bytes, self.limits.acknowledged_within) {
                Ok(fresh) => {
                    let old = std::mem::replace(&mut *slot, fresh);
                    // It waits for its thread and tells what it held: whoever appends does not wait for that.
                    drop(thread::Builder::new().name("producer-end".to_owned()).spawn(move || drop(old)));
                }
                Err(error) => tracing::error!(%error, "the producer cannot be started again"),
            }
        }
        Arc::clone(&slot.producer)
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Bounded: what is not acknowledged in time is given up. What a lane holds back goes before the last record that it waits for is forgotten, so
        // it is waited for, too.
        if let Err(error) = self.current().flush(Timeout::Never) {
            tracing::warn!(%error, "records were left when the log was closed");
        }
    }
}

impl Served {
    fn start(
        config: &ClientConfig,
        queued_bytes: &Arc<AtomicU64>,
        acknowledged_within: Duration,
    ) -> Result<Self, KafkaError> {
        let delivery = Delivery::new(Arc::clone(queued_bytes));
        let producer = Arc::new(BaseProducer::from_config_and_context(config, delivery)?);
        producer.context().producer.set(Arc::downgrade(&producer)).ok();
        let is_over = Arc::new(AtomicBool::new(false));
        let (served, is_told) = (Arc::clone(&producer), Arc::clone(&is_over));
        let thread = thread::Builder::new().name("producer".to_owned()).spawn(move || {
            while !is_told.load(Ordering::Acquire) {
                served.poll(LOOK_INTERVAL);
                look(&served, acknowledged_within);
            }
        });
        let failed = |error: std::io::Error| KafkaError::ClientCreation(format!("no thread for it: {error}"));
        Ok(Self { producer, is_over, thread: Some(thread.map_err(failed)?) })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of a producer panicked");
        }
    }
}

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        settings::tell_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.words.hear(&error, reason);
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = Box<Waiting>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Box<Waiting>) {
        let fate = match result {
            // A record that was written by a try whose answer got lost: Kafka knows that it has it and not where.
            Ok(message) => Ok(u64::try_from(message.offset()).unwrap_or(OFFSET_UNKNOWN)),
            Err((error, _)) => Err(self.failure(error)),
        };
        let (lane, is_there) = (waiting.lane.clone(), fate.is_ok());
        self.tell(*waiting, fate);
        if let Some(lane) = lane {
            lane.answered(self, self.producer.get().and_then(Weak::upgrade).filter(|_| is_there));
        }
    }
}

impl Waiting {
    /// For a record, and its acknowledgement.
    pub(super) fn new(record: &Record) -> (Box<Waiting>, Ack) {
        let (acknowledge, acknowledged) = oneshot::channel();
        let waiting = Waiting { acknowledge, bytes: record_bytes(record), since: None, lane: None };
        (Box::new(waiting), Ack(acknowledged))
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives the bytes back and tells whoever waits. Whoever went away meanwhile needs no answer.
    fn tell(self, queued_bytes: &AtomicU64, fate: Result<u64, AppendError>) {
        let less = |queued: u64| Some(queued.saturating_sub(self.bytes));
        queued_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok();
        self.acknowledge.send(fate).ok();
    }
}

/// Gives the producer up where a record waits for too long, and tells what a producer held that is given up.
fn look(producer: &BaseProducer<Delivery>, acknowledged_within: Duration) {
    let delivery = producer.context();
    if delivery.is_late(acknowledged_within) && !delivery.is_given_up.swap(true, Ordering::AcqRel) {
        let held_bytes = delivery.queued_bytes.load(Ordering::Acquire);
        tracing::warn!(
            held_bytes,
            ?acknowledged_within,
            "a record was not acknowledged in time: the producer is given up with what it holds"
        );
    }
    if is_given_up(producer) {
        producer.purge(PurgeConfig::default().queue().inflight());
    }
}

fn is_given_up(producer: &BaseProducer<Delivery>) -> bool {
    producer.context().is_given_up.load(Ordering::Acquire)
}

/// Sends a record by the lane of its partition. From now on somebody looks at the time for it.
fn send(producer: &BaseProducer<Delivery>, topic: &str, record: Record) -> Ack {
    let delivery = producer.context();
    let lane = delivery.lane(topic, record.partition);
    let (mut waiting, ack) = Waiting::new(&record);
    (waiting.since, waiting.lane) = (Some(delivery.begin()), Some(Arc::clone(&lane)));
    lane.take(producer, record, waiting);
    ack
}
