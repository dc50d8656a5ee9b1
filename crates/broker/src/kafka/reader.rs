//! Reading without being a member of a group: a partition to its end, watermarks, what a group has committed.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    client::Client,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Message},
};

use super::{
    Engine,
    errors::{consume_error, is_leader_unknown},
    native::{Flaw, RecordQueue},
    settings::consumer_config,
};
use crate::{Committed, ConsumeError, RecordRef};

/// How long the cluster may take to answer a question.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How long a read may go without a record before it gives up.
const RECORD_WITHIN: Duration = Duration::from_secs(30);
/// How long a group's coordinator may take to be found: a cluster that starts makes the topic of offsets first.
const COORDINATOR_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked for.
const COORDINATOR_LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How often a partition's leader is asked for.
const LEADER_LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long the cluster waits for more at the end of a partition before it says that this is the end. The default of 500 ms would be felt where
/// the last offsets are no records: they were compacted away, or are the ends of transactions.
const END_TOLD_WITHIN_MS: u32 = 20;
/// How long to wait for records before it is heard what else there is. A rebalance is answered so much later.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// librdkafka wants a group's name for reading a partition. Nobody joins it and nothing is committed in it.
const NO_GROUP: &str = "daylight-reader";

impl Engine {
    pub(crate) fn watermarks(&self, topic: &str, partition: u32) -> Result<(u64, u64), ConsumeError> {
        let place = kafka_partition(partition)?;
        if self.partitions(topic).map_err(away)?.is_none_or(|partitions| partition >= partitions) {
            return Err(unknown_partition(topic, partition));
        }
        let producer = self.producer.current();
        let client = rdkafka::producer::Producer::client(&*producer);
        let deadline = Instant::now() + ANSWERS_WITHIN;
        loop {
            match watermarks_of(client, topic, place, ANSWERS_WITHIN) {
                Ok((low, high)) => return Ok((unsigned(low), unsigned(high))),
                // A broker that has just started leads nothing for a moment.
                Err(error) if is_leader_unknown(&error) && Instant::now() < deadline => {
                    std::thread::sleep(LEADER_LOOK_INTERVAL);
                }
                Err(error) => return Err(consume_error(&error)),
            }
        }
    }

    pub(crate) fn committed(
        &self,
        group: &str,
        topic: &str,
        partition: u32,
    ) -> Result<Option<Committed>, ConsumeError> {
        let consumer: BaseConsumer = self.create_consumer(group)?;
        let deadline = Instant::now() + COORDINATOR_WITHIN;
        loop {
            match committed_of(&consumer, topic, &[partition]) {
                Ok(committed) => return Ok(committed.into_iter().next().and_then(|(_, committed)| committed)),
                // A cluster that has just started, or has lost a node, moves its coordinators for a while.
                Err(error) if is_coordinator_moving(&error) && Instant::now() < deadline => {
                    std::thread::sleep(COORDINATOR_LOOK_INTERVAL);
                }
                Err(error) => return Err(consume_error(&error)),
            }
        }
    }

    pub(crate) fn read(
        &self,
        topic: &str,
        partition: u32,
        from: Option<u64>,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<u64, ConsumeError> {
        let (low, high) = self.watermarks(topic, partition)?;
        let from = from.unwrap_or(low);
        if from < low || from > high {
            return Err(ConsumeError::OffsetOutOfRange { partition });
        }
        if from == high {
            return Ok(high);
        }
        let mut config = consumer_config(&self.client, NO_GROUP);
        // Where the last offsets are no records, only the end itself tells that it is reached.
        config.set("enable.partition.eof", "true");
        config.set("fetch.wait.max.ms", END_TOLD_WITHIN_MS.to_string());
        let failed = |error: KafkaError| consume_error(&error);
        let reading = self.readers.get(&config).map_err(failed)?;
        let consumer = &reading.client;
        // Dropped before the reader rests, with what it fetched ahead.
        let mut records = RecordQueue::new(consumer.client());
        records.lead_here(consumer.client(), topic, kafka_partition(partition)?).map_err(failed)?;
        consumer.assign(&partition_list(topic, &[(partition, from)]).map_err(failed)?).map_err(failed)?;
        let mut deadline = Instant::now() + RECORD_WITHIN;
        let mut reached = Reached { next: from, high, trouble: None };
        loop {
            let before = reached.next;
            records.take(LOOK_INTERVAL, usize::MAX, usize::MAX, &mut |met| reached.meet(met, visit));
            // What is not about the partition comes this way. A record that did would be lost if nobody looked at it.
            match consumer.poll(Duration::ZERO) {
                Some(Ok(message)) => reached.meet(Ok(record_of(&message)), visit),
                Some(Err(error)) => reached.is_in_trouble(&error),
                None => {}
            }
            if reached.next >= high {
                drop(records);
                self.readers.rest(reading);
                return Ok(high);
            }
            if reached.next > before {
                deadline = Instant::now() + RECORD_WITHIN;
            }
            // librdkafka goes on trying what may go away by itself.
            if reached.is_hopeless() || Instant::now() >= deadline {
                let reason = format!("topic {topic}, partition {partition}: no record within {RECORD_WITHIN:?}");
                return Err(reached.trouble.unwrap_or(ConsumeError::Unavailable { reason }));
            }
        }
    }

    pub(super) fn create_consumer(&self, group: &str) -> Result<BaseConsumer, ConsumeError> {
        consumer_config(&self.client, group).create().map_err(|error| consume_error(&error))
    }
}

/// How far a read has come.
struct Reached {
    next: u64,
    high: u64,
    trouble: Option<ConsumeError>,
}

impl Reached {
    fn meet(&mut self, met: Result<RecordRef<'_>, Flaw>, visit: &mut dyn FnMut(RecordRef<'_>)) {
        match met {
            Ok(record) => {
                self.next = record.offset.saturating_add(1);
                if record.offset < self.high {
                    visit(record);
                }
            }
            // Whoever led the partition before may believe in an earlier end.
            Err(Flaw { error: KafkaError::PartitionEOF(_), offset, .. }) => {
                if offset.is_some_and(|offset| offset >= self.high) {
                    self.next = self.high;
                }
            }
            Err(Flaw { error, reason, partition, .. }) => {
                tracing::warn!(%error, %reason, "librdkafka");
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
                    self.trouble = Some(ConsumeError::OffsetOutOfRange { partition });
                } else {
                    self.is_in_trouble(&error);
                }
            }
        }
    }

    fn is_in_trouble(&mut self, error: &KafkaError) {
        if !self.is_hopeless() {
            self.trouble = Some(consume_error(error));
        }
    }

    /// Is there a trouble that does not go away by itself?
    fn is_hopeless(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| !matches!(trouble, ConsumeError::Unavailable { .. }))
    }
}

/// Does the group have no coordinator *yet*? Asking again helps.
fn is_coordinator_moving(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}

/// Where a partition begins and ends. librdkafka keeps the answer "nobody leads it" for up to a quarter of an hour and asks no broker again: whoever
/// asks at a bad moment would hear it long after. So the cluster is asked who leads what, in what is left of the time, for the next call. About
/// all topics: of a single one, a producer's client would ask in a way that makes it where it is missing.
pub(super) fn watermarks_of<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    place: i32,
    within: Duration,
) -> Result<(i64, i64), KafkaError> {
    let deadline = Instant::now() + within;
    let answer = client.fetch_watermarks(topic, place, within);
    if answer.as_ref().is_err_and(is_leader_unknown) {
        client.fetch_metadata(None, deadline.saturating_duration_since(Instant::now())).ok();
    }
    answer
}

/// What the consumer's group has committed for partitions.
pub(super) fn committed_of<C: rdkafka::consumer::ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: &[u32],
) -> Result<Vec<(u32, Option<Committed>)>, KafkaError> {
    let mut places = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        // A partition beyond 2³¹ cannot have come from Kafka.
        places.add_partition(topic, i32::try_from(*partition).unwrap_or(i32::MAX));
    }
    let places = consumer.committed_offsets(places, ANSWERS_WITHIN)?;
    let mut committed = Vec::with_capacity(partitions.len());
    for place in places.elements() {
        place.error()?;
        let partition = u32::try_from(place.partition()).unwrap_or(u32::MAX);
        committed.push((
            partition,
            match place.offset() {
                Offset::Offset(offset) => {
                    Some(Committed { offset: unsigned(offset), metadata: place.metadata().to_owned() })
                }
                _ => None,
            },
        ));
    }
    Ok(committed)
}

/// Partitions with offsets, as librdkafka wants them.
pub(super) fn partition_list(topic: &str, places: &[(u32, u64)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (partition, offset) in places {
        let partition = i32::try_from(*partition).unwrap_or(i32::MAX);
        let offset = i64::try_from(*offset).unwrap_or(i64::MAX);
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    }
    Ok(list)
}

/// A record as everybody sees it. Kafka's numbers are signed and never below 0 in a record that was read.
pub(super) fn record_of<'a>(message: &'a BorrowedMessage<'_>) -> RecordRef<'a> {
    RecordRef {
        partition: u32::try_from(message.partition()).unwrap_or_default(),
        offset: unsigned(message.offset()),
        logged_at_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key(),
        value: message.payload(),
    }
}

pub(super) fn unsigned(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or_default()
}

pub(super) fn kafka_partition(partition: u32) -> Result<i32, ConsumeError> {
    i32::try_from(partition)
        .map_err(|error| ConsumeError::Refused { reason: format!("partition {partition}: {error}") })
}

pub(super) fn away(error: crate::OpenError) -> ConsumeError {
    ConsumeError::Unavailable { reason: error.to_string() }
}

fn unknown_partition(topic: &str, partition: u32) -> ConsumeError {
    ConsumeError::Refused { reason: format!("topic {topic} has no partition {partition}") }
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, mocking::MockCluster};

    use super::*;

    /// A single node leads whatever it has, so librdkafka's own cluster stands in.
    #[test]
    fn a_partition_without_a_leader_is_asked_for_again_and_not_for_a_quarter_of_an_hour_later() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("ledger", 2, 1).unwrap();
        let config = ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).clone();
        let consumer: BaseConsumer = consumer_config(&config, NO_GROUP).create().unwrap();
        let ask = || watermarks_of(consumer.client(), "ledger", 1, ANSWERS_WITHIN);
        cluster.partition_leader("ledger", 1, None).unwrap();
        let error = ask().unwrap_err();
        assert!(is_leader_unknown(&error), "{error}");
        cluster.partition_leader("ledger", 1, Some(1)).unwrap();
        // The first answer may still be the old one.
        assert_eq!(ask().or_else(|_| ask()).unwrap(), (0, 0));
    }
}
