//! Producing: one idempotent producer, bounded by bytes, that tells each record's fate to its `Ack`.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    message::Message,
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
    util::Timeout,
};
use tokio::sync::oneshot;

use super::{errors, settings, words::LastWords};
use crate::{Ack, AppendError, OFFSET_UNKNOWN, Record, limits::record_bytes};

/// The producer, and what waits in it.
pub(super) struct Producer {
    config: ClientConfig,
    limit_bytes: u64,
    queued_bytes: Arc<AtomicU64>,
    /// Replaced after a fatal error, which librdkafka never recovers from.
    current: RwLock<Arc<ThreadedProducer<Delivery>>>,
}

/// Hears of each record's fate.
pub(super) struct Delivery {
    queued_bytes: Arc<AtomicU64>,
    is_broken: AtomicBool,
    words: LastWords,
}

impl Delivery {
    /// Counts what waits in `queued_bytes`.
    pub(super) fn new(queued_bytes: Arc<AtomicU64>) -> Self {
        Self { queued_bytes, is_broken: AtomicBool::new(false), words: LastWords::default() }
    }

    /// Tells who waits for a record.
    pub(super) fn tell(&self, waiting: Waiting, fate: Result<u64, AppendError>) {
        waiting.tell(&self.queued_bytes, fate);
    }

    /// Why the cluster cannot be reached.
    pub(super) fn words(&self) -> &LastWords {
        &self.words
    }
}

/// A record as librdkafka takes it.
type Waited<'a> = BaseRecord<'a, [u8], [u8], Box<Waiting>>;

/// Who waits for a record.
pub(super) struct Waiting {
    acknowledge: oneshot::Sender<Result<u64, AppendError>>,
    bytes: u64,
}

impl Producer {
    pub(super) fn new(config: ClientConfig, limit_bytes: u64) -> Result<Self, KafkaError> {
        let queued_bytes = Arc::new(AtomicU64::new(0));
        let current = RwLock::new(Arc::new(start(&config, &queued_bytes)?));
        Ok(Self { config, limit_bytes, queued_bytes, current })
    }

    /// Queues records, all or none, and never blocks.
    pub(super) fn append_all(&self, topic: &str, records: &[Record]) -> Result<Vec<Ack>, AppendError> {
        let bytes = records.iter().map(record_bytes).fold(0, u64::saturating_add);
        // One that is larger than the whole limit is let in when nothing else waits, or it never could be.
        let room = |queued: u64| {
            let after = queued.saturating_add(bytes);
            (queued == 0 || after <= self.limit_bytes).then_some(after)
        };
        let reserved = self.queued_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, room);
        reserved.map_err(|queued_bytes| AppendError::QueueFull { queued_bytes, limit_bytes: self.limit_bytes })?;
        let producer = self.working();
        Ok(records.iter().map(|record| send(&producer, topic, record)).collect())
    }

    pub(super) fn queued_bytes(&self) -> u64 {
        self.queued_bytes.load(Ordering::Acquire)
    }

    /// The producer now; for asking the cluster things.
    pub(super) fn current(&self) -> Arc<ThreadedProducer<Delivery>> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The producer, a new one if it is broken.
    fn working(&self) -> Arc<ThreadedProducer<Delivery>> {
        let current = self.current();
        if !is_broken(&current) {
            return current;
        }
        let mut slot = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if is_broken(&slot) {
            match start(&self.config, &self.queued_bytes) {
                Ok(fresh) => *slot = Arc::new(fresh),
                Err(error) => tracing::error!(%error, "the producer cannot be started again"),
            }
        }
        Arc::clone(&slot)
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Bounded by the delivery time-out: by then each record has its fate.
        if let Err(error) = self.current().flush(Timeout::Never) {
            tracing::warn!(%error, "records were left when the log was closed");
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
            Err((error, _)) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.is_broken.store(true, Ordering::Release);
                }
                Err(errors::append_error(error))
            }
        };
        self.tell(*waiting, fate);
    }
}

impl Waiting {
    /// Gives the bytes back and tells whoever waits. Whoever went away meanwhile needs no answer.
    fn tell(self, queued_bytes: &AtomicU64, fate: Result<u64, AppendError>) {
        let less = |queued: u64| Some(queued.saturating_sub(self.bytes));
        queued_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok();
        self.acknowledge.send(fate).ok();
    }
}

fn start(config: &ClientConfig, queued_bytes: &Arc<AtomicU64>) -> Result<ThreadedProducer<Delivery>, KafkaError> {
    ThreadedProducer::from_config_and_context(config, Delivery::new(Arc::clone(queued_bytes)))
}

fn is_broken(producer: &ThreadedProducer<Delivery>) -> bool {
    producer.context().is_broken.load(Ordering::Acquire)
}

/// Hands one record to librdkafka, which copies it.
fn send(producer: &ThreadedProducer<Delivery>, topic: &str, record: &Record) -> Ack {
    let (message, ack) = message(topic, record);
    if let Err((error, message)) = producer.send(message) {
        producer.context().tell(*message.delivery_opaque, Err(errors::append_error(&error)));
    }
    ack
}

/// A record as librdkafka takes it, and what its sender waits for.
pub(super) fn message<'a>(topic: &'a str, record: &'a Record) -> (Waited<'a>, Ack) {
    let (acknowledge, acknowledged) = oneshot::channel();
    let waiting = Box::new(Waiting { acknowledge, bytes: record_bytes(record) });
    let message = BaseRecord {
        topic,
        partition: i32::try_from(record.partition).ok(),
        payload: record.value.as_deref(),
        key: record.key.as_deref(),
        timestamp: None,
        headers: None,
        delivery_opaque: waiting,
    };
    (message, Ack(acknowledged))
}
