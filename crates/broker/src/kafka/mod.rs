//! The Kafka engine: `rdkafka`, with what correctness rests on decided here and not left to defaults.
//!
//! Topic facts (partitions, whether compacted) are asked once and remembered, so that `append` does not ask the cluster each time.

mod check;
mod commits;
mod consumer;
mod errors;
mod lane;
mod native;
mod producer;
mod reader;
mod readers;
mod settings;
mod sole_writer;
mod topics;
mod words;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use rdkafka::{ClientConfig, producer::Producer as _};

pub use self::settings::{KafkaSettings, is_secret_property};
pub(crate) use self::{check::check_foreign, consumer::Consumer, sole_writer::SoleWriter};
use self::{native::Description, producer::Producer, readers::Readers};
use crate::{Ack, AppendError, ConsumeError, Limits, LogId, OpenError, Record, StartAt, limits::why_refused};

/// How long the cluster may take to answer when it is connected to, or asked about a topic.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// How long one question waits. Short, because a refused password is heard of beside it.
const ASKED_FOR: Duration = Duration::from_secs(1);
/// The pause between two questions.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// The connection to a cluster.
pub(crate) struct Engine {
    bootstrap: String,
    settings: KafkaSettings,
    limits: Limits,
    client: ClientConfig,
    producer: Producer,
    readers: Readers,
    topics: RwLock<HashMap<String, TopicFacts>>,
}

/// What does not change while a topic lives.
#[derive(Debug, Clone, Copy)]
struct TopicFacts {
    partitions: u32,
    /// False also where we did not make sure: then Kafka itself refuses a record without a key.
    is_compacted: bool,
}

impl Engine {
    /// Connects, and makes sure that somebody answers.
    pub(crate) fn connect(bootstrap: &str, settings: KafkaSettings, limits: Limits) -> Result<Self, OpenError> {
        let failed = |reason: String| OpenError::Failed { place: bootstrap.to_owned(), reason };
        let client = settings::client_config(bootstrap, &settings);
        let producer = Producer::new(settings::producer_config(&client, &limits), limits);
        let producer = producer.map_err(|error| failed(words::without_values(&error)))?;
        wait_for_answer(&producer).map_err(|(reason, is_hopeless)| {
            let place = bootstrap.to_owned();
            if is_hopeless { OpenError::Failed { place, reason } } else { OpenError::Away { place, reason } }
        })?;
        let (readers, topics) = (Readers::default(), RwLock::default());
        Ok(Self { bootstrap: bootstrap.to_owned(), settings, limits, client, producer, readers, topics })
    }

    pub(crate) fn log_id(&self, topic: &str) -> Result<Option<LogId>, OpenError> {
        Ok(self.describe(topic)?.map(|found| LogId(found.topic_id)))
    }

    pub(crate) fn partitions(&self, topic: &str) -> Result<Option<u32>, OpenError> {
        Ok(self.facts(topic)?.map(|facts| facts.partitions))
    }

    pub(crate) fn append_all(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Ack>, AppendError> {
        let facts = self.facts(topic).map_err(|error| AppendError::Unavailable { reason: error.to_string() })?;
        let unknown = || AppendError::Refused { reason: format!("topic {topic} does not exist") };
        let facts = facts.ok_or_else(unknown)?;
        let refused = |record| why_refused(record, facts.partitions, facts.is_compacted, &self.limits);
        match records.iter().find_map(refused) {
            Some(reason) => Err(AppendError::Refused { reason }),
            None => self.producer.append_all(topic, records),
        }
    }

    pub(crate) fn queued_bytes(&self) -> u64 {
        self.producer.queued_bytes()
    }

    pub(crate) fn consumer(&self, group: &str, topic: &str, start: StartAt) -> Result<Consumer, ConsumeError> {
        let unknown = || ConsumeError::Refused { reason: format!("topic {topic} does not exist") };
        self.facts(topic).map_err(reader::away)?.ok_or_else(unknown)?;
        Consumer::join(&settings::consumer_config(&self.client, group), topic, start)
    }

    pub(crate) fn quick_consumer(
        &self,
        group: &str,
        topic: &str,
        start: StartAt,
        session_timeout: Duration,
    ) -> Result<Consumer, ConsumeError> {
        let unknown = || ConsumeError::Refused { reason: format!("topic {topic} does not exist") };
        self.facts(topic).map_err(reader::away)?.ok_or_else(unknown)?;
        Consumer::join(&settings::quick_consumer_config(&self.client, group, session_timeout), topic, start)
    }

    /// What is known of a topic, asked once.
    fn facts(&self, topic: &str) -> Result<Option<TopicFacts>, OpenError> {
        if let Some(facts) = self.topics.read().unwrap_or_else(PoisonError::into_inner).get(topic) {
            return Ok(Some(*facts));
        }
        let found = self.describe(topic)?;
        Ok(found.map(|found| self.remember(topic, found.partitions, false)))
    }

    fn remember(&self, topic: &str, partitions: u32, is_compacted: bool) -> TopicFacts {
        let facts = TopicFacts { partitions, is_compacted };
        self.topics.write().unwrap_or_else(PoisonError::into_inner).insert(topic.to_owned(), facts);
        facts
    }

    fn forget(&self, topic: &str) {
        self.topics.write().unwrap_or_else(PoisonError::into_inner).remove(topic);
    }

    fn describe(&self, topic: &str) -> Result<Option<Description>, OpenError> {
        let producer = self.producer.current();
        let deadline = Instant::now() + ANSWERS_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match native::describe(producer.client(), topic, left) {
                Ok(description) => return Ok(description),
                Err(undescribed) if undescribed.is_refused => {
                    return Err(self.failed(format!("describing topic {topic}: {}", undescribed.reason)));
                }
                // A broker that has just started does not know yet what it has.
                Err(undescribed) if Instant::now() >= deadline => {
                    return Err(self.away(format!("describing topic {topic}: {}", undescribed.reason)));
                }
                Err(_) => std::thread::park_timeout(ASK_INTERVAL),
            }
        }
    }

    fn away(&self, reason: String) -> OpenError {
        OpenError::Away { place: self.bootstrap.clone(), reason }
    }

    fn failed(&self, reason: String) -> OpenError {
        OpenError::Failed { place: self.bootstrap.clone(), reason }
    }
}

/// Joins a group that reads a topic of a cluster which is not our log's.
pub(crate) fn join_foreign(
    brokers: &str,
    properties: &BTreeMap<String, String>,
    group: &str,
    topic: &str,
    start: StartAt,
) -> Result<Consumer, ConsumeError> {
    let settings = KafkaSettings { replication: 1, properties: properties.clone() };
    let client = settings::client_config(brokers, &settings);
    Consumer::join(&settings::consumer_config(&client, group), topic, start)
}

/// Asks until somebody answers, the time is over, or it is clear that nobody ever will. Says why, where librdkafka knows it, and whether that stays
/// so.
fn wait_for_answer(producer: &Producer) -> Result<(), (String, bool)> {
    let (producer, deadline) = (producer.current(), Instant::now() + ANSWERS_WITHIN);
    loop {
        let Err(error) = producer.client().fetch_metadata(Some("no-such-topic"), ASKED_FOR) else { return Ok(()) };
        let trouble = producer.context().words().last();
        let is_over = Instant::now() >= deadline || trouble.as_ref().is_some_and(|trouble| trouble.is_hopeless);
        if is_over {
            return Err(
                trouble.map_or_else(|| (error.to_string(), false), |trouble| (trouble.reason, trouble.is_hopeless))
            );
        }
        // A time-out comes after its time; any other error may come at once.
        std::thread::park_timeout(ASK_INTERVAL);
    }
}
