//! A member of a consumer group of Kafka, on the caller's thread.
//!
//! Classic groups with cooperative-sticky assignment: a rebalance takes only what moves. Where reading begins is decided here, partition by
//! partition, and handed to librdkafka as an explicit offset; so a committed offset that the log no longer holds becomes an error
//! (`auto.offset.reset=error`) and never a silent jump.
//!
//! A new partition is *announced* to the caller first and handed to librdkafka at the next call: a `seek` in between then simply changes where
//! it begins. Taken partitions are given back at once, inside librdkafka's callback, which also runs while a consumer is dropped.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

use super::{
    commits::Commits,
    errors::{commit_error, consume_error},
    native::{Flaw, RecordQueue, Taken},
    reader::{
        ANSWERS_WITHIN, LOOK_INTERVAL, committed_of, kafka_partition, partition_list, record_of, unsigned,
        watermarks_of,
    },
    settings,
    words::LastWords,
};
use crate::{
    Assignment, CommitError, Committed, ConsumeError, Polled, RecordRef, StartAt,
    limits::{METADATA_BYTES_MAX, POLL_BYTES_MAX},
};

/// The member.
pub(crate) struct Consumer {
    /// Records. Dropped before the client is.
    records: RecordQueue,
    client: BaseConsumer<Group>,
    topic: String,
    start: StartAt,
    /// Partitions that are ours, with the next offset to read.
    positions: BTreeMap<u32, u64>,
    /// Those of them that librdkafka does not fetch yet.
    announced: BTreeMap<u32, u64>,
    /// Partitions that came while the cluster did not answer where to begin.
    unresolved: Vec<u32>,
    /// Partitions that had an error and no record since: librdkafka takes an error in a batch for a record, so where it would go on behind a pause
    /// is behind the record that could not be fetched.
    unsure: BTreeSet<u32>,
    /// Errors, in order, with the partition that each is about, if it is about one.
    troubles: VecDeque<(Option<u32>, KafkaError)>,
    /// What the caller has to hear before it gets more records.
    news: VecDeque<Result<Polled, ConsumeError>>,
}

/// Hears what the group decides.
#[derive(Default)]
pub(super) struct Group {
    decisions: Mutex<VecDeque<Decision>>,
    /// None before the client is made, and when it is about to close.
    commits: Mutex<Option<Commits>>,
    words: LastWords,
    /// Did the group decide anything that `be_sure` was not asked about?
    has_decided: AtomicBool,
}

enum Decision {
    Assigned(Vec<u32>),
    Revoked(Vec<u32>),
}

impl Consumer {
    pub(super) fn join(config: &rdkafka::ClientConfig, topic: &str, start: StartAt) -> Result<Self, ConsumeError> {
        let failed = |error: KafkaError| consume_error(&error);
        let client: BaseConsumer<Group> = config.create_with_context(Group::default()).map_err(failed)?;
        *client.context().commits() = Some(Commits::new(client.client()));
        client.subscribe(&[topic]).map_err(failed)?;
        let (positions, announced) = (BTreeMap::new(), BTreeMap::new());
        let (unresolved, troubles, news) = (Vec::new(), VecDeque::new(), VecDeque::new());
        let (records, topic, unsure) = (RecordQueue::new(client.client()), topic.to_owned(), BTreeSet::new());
        Ok(Self { records, client, topic, start, positions, announced, unresolved, unsure, troubles, news })
    }

    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        records_max: usize,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<Polled, ConsumeError> {
        let deadline = Instant::now() + timeout;
        let (mut count, mut bytes) = (0, 0);
        // That the cluster is away librdkafka says about once a second. Whoever rests behind each time would hear of it for minutes after it is back.
        let mut away = None;
        self.fetch_announced()?;
        self.resolve()?;
        loop {
            if let Err(error) = self.hear(&mut count, visit) {
                if count == 0 {
                    return Err(error);
                }
                // Records were shown. What went wrong is met again by the next call.
                break;
            }
            while self.news.is_empty()
                && let Some((partition, error)) = self.troubles.pop_front()
            {
                match self.explain(partition, &error) {
                    Some(error @ ConsumeError::Unavailable { .. }) => away = Some(error),
                    Some(error) => self.news.push_back(Err(error)),
                    None => {}
                }
            }
            if !self.news.is_empty() || count >= records_max.max(1) || bytes >= POLL_BYTES_MAX {
                break;
            }
            // More records are only taken if they are there already.
            let is_waiting = count == 0 && away.is_none();
            let left = if is_waiting { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            let taken = self.take(left.min(LOOK_INTERVAL), records_max.max(1) - count, POLL_BYTES_MAX - bytes, visit);
            count += taken.count;
            bytes += taken.bytes;
            if taken.count == 0 && left.is_zero() && self.troubles.is_empty() {
                break;
            }
        }
        // Where records came, or the group decided something, it is back.
        if let Some(error) = away.filter(|_| count == 0 && self.news.is_empty()) {
            return Err(error);
        }
        match self.news.pop_front() {
            Some(news) if count == 0 => news,
            news => {
                news.into_iter().for_each(|news| self.news.push_front(news));
                Ok(Polled::Records(count))
            }
        }
    }

    pub(crate) fn seek(&mut self, partition: u32, offset: u64) -> Result<(), ConsumeError> {
        self.check_assigned(&[partition])?;
        self.positions.insert(partition, offset);
        if let Some(begin) = self.announced.get_mut(&partition) {
            *begin = offset;
            return Ok(());
        }
        self.seek_fetched(partition, offset)
    }

    fn seek_fetched(&self, partition: u32, offset: u64) -> Result<(), ConsumeError> {
        let place = kafka_partition(partition)?;
        let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
        let deadline = Instant::now() + ANSWERS_WITHIN;
        // Right after an assignment librdkafka is not ready to seek for a moment.
        while let Err(error) = self.client.seek(&self.topic, place, offset, ANSWERS_WITHIN) {
            if Instant::now() >= deadline {
                return Err(consume_error(&error));
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(crate) fn pause(&mut self, partitions: &[u32]) -> Result<(), ConsumeError> {
        self.check_assigned(partitions)?;
        self.fetch_announced()?;
        self.client.pause(&self.places(partitions)).map_err(|error| consume_error(&error))?;
        self.be_sure(partitions)
    }

    pub(crate) fn resume(&mut self, partitions: &[u32]) -> Result<(), ConsumeError> {
        self.check_assigned(partitions)?;
        self.fetch_announced()?;
        self.client.resume(&self.places(partitions)).map_err(|error| consume_error(&error))
    }

    /// Kafka fences by the group's generation, which does not know single partitions; what is not ours by our own books is fenced here.
    pub(crate) fn commit(&mut self, partition: u32, offset: u64, metadata: &str) -> Result<(), CommitError> {
        if metadata.len() > METADATA_BYTES_MAX {
            let reason = format!("its metadata has {} bytes, the limit is {METADATA_BYTES_MAX}", metadata.len());
            return Err(CommitError::Refused { reason });
        }
        let mut places = TopicPartitionList::with_capacity(1);
        let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
        let added = places.add_partition_offset(&self.topic, i32::try_from(partition).unwrap_or(i32::MAX), offset);
        added.map_err(|error| commit_error(&error))?;
        for mut place in places.elements() {
            place.set_metadata(metadata);
        }
        let is_ours = || self.positions.contains_key(&partition) && !self.client.assignment_lost();
        match self.client.context().commits().as_mut() {
            Some(commits) => commits.commit(self.client.client(), &places, &is_ours),
            None => Err(CommitError::Fenced),
        }
    }

    pub(crate) fn is_ours(&self, partition: u32) -> bool {
        self.positions.contains_key(&partition)
    }

    pub(crate) fn committed(&self, partition: u32) -> Result<Option<Committed>, ConsumeError> {
        let committed = committed_of(&self.client, &self.topic, &[partition]).map_err(|error| consume_error(&error))?;
        Ok(committed.into_iter().next().and_then(|(_, committed)| committed))
    }

    /// Shows records that are there, or come within `wait`. What else is in their queue becomes a trouble.
    fn take(
        &mut self,
        wait: Duration,
        count_max: usize,
        bytes_max: usize,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Taken {
        let Self { records, positions, unsure, troubles, client, .. } = self;
        let mut count = 0;
        let taken = records.take(wait, count_max, bytes_max, &mut |met| match met {
            Ok(record) => {
                let partition = record.partition;
                if show(positions, record, visit) {
                    unsure.remove(&partition);
                    count += 1;
                }
            }
            Err(Flaw { partition, error, reason, .. }) => {
                client.context().words.hear(&error, &reason);
                unsure.insert(partition);
                troubles.push_back((Some(partition), error));
            }
        });
        Taken { count, bytes: taken.bytes }
    }

    /// After a pause, ours or the one that librdkafka makes for each decision of the group: tells it where we are in those of these partitions that
    /// had an error. Not after each error, because that would take away its rest before it tries again.
    fn be_sure(&mut self, partitions: &[u32]) -> Result<(), ConsumeError> {
        for partition in partitions {
            let position = self.positions.get(partition).filter(|_| !self.announced.contains_key(partition));
            if let (true, Some(position)) = (self.unsure.contains(partition), position) {
                self.seek_fetched(*partition, *position)?;
            }
            self.unsure.remove(partition);
        }
        Ok(())
    }

    /// Hears what does not come with the records: the group's decisions, and that the cluster is away. No record comes this way, because all
    /// partitions are led to the other; but one that did would be lost if nobody looked at it.
    fn hear(&mut self, count: &mut usize, visit: &mut dyn FnMut(RecordRef<'_>)) -> Result<(), ConsumeError> {
        while let Some(met) = self.client.poll(Duration::ZERO) {
            match met {
                Ok(message) => *count += usize::from(show(&mut self.positions, record_of(&message), visit)),
                Err(error) => self.troubles.push_back((None, error)),
            }
        }
        self.hear_decisions()?;
        if self.client.context().has_decided.load(Ordering::Relaxed) {
            self.be_sure(&self.positions.keys().copied().collect::<Vec<_>>())?;
            // Decisions come inside of the client's `poll`, so none came since.
            self.client.context().has_decided.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes over what the group decided during the last look.
    fn hear_decisions(&mut self) -> Result<(), ConsumeError> {
        while let Some(decision) = self.client.context().next_decision() {
            match decision {
                Decision::Revoked(partitions) => {
                    for partition in &partitions {
                        self.positions.remove(partition);
                    }
                    self.unresolved.retain(|partition| !partitions.contains(partition));
                    self.news.push_back(Ok(Polled::Revoked(partitions)));
                }
                // A member of a group that has more members than partitions is told, once it belongs to it.
                Decision::Assigned(partitions) if partitions.is_empty() => {
                    self.news.push_back(Ok(Polled::Assigned(Vec::new())));
                }
                Decision::Assigned(partitions) => {
                    self.unresolved.extend(partitions);
                    self.resolve()?;
                }
            }
        }
        Ok(())
    }

    /// Finds out where new partitions begin and announces them.
    fn resolve(&mut self) -> Result<(), ConsumeError> {
        if self.unresolved.is_empty() {
            return Ok(());
        }
        let failed = |error: KafkaError| consume_error(&error);
        let committed = committed_of(&self.client, &self.topic, &self.unresolved).map_err(failed)?;
        let mut assignments = Vec::with_capacity(committed.len());
        for (partition, committed) in committed {
            let place = kafka_partition(partition)?;
            let watermarks = watermarks_of(self.client.client(), &self.topic, place, ANSWERS_WITHIN).map_err(failed)?;
            let (low, high) = (unsigned(watermarks.0), unsigned(watermarks.1));
            assignments.push(Assignment { partition, committed, low, high });
        }
        for assignment in &assignments {
            let start = if self.start == StartAt::Earliest { assignment.low } else { assignment.high };
            let position = assignment.committed.as_ref().map_or(start, |committed| committed.offset);
            self.positions.insert(assignment.partition, position);
            self.announced.insert(assignment.partition, position);
        }
        self.unresolved.clear();
        self.news.push_back(Ok(Polled::Assigned(assignments)));
        Ok(())
    }

    /// Lets librdkafka fetch what was announced.
    fn fetch_announced(&mut self) -> Result<(), ConsumeError> {
        if self.announced.is_empty() {
            return Ok(());
        }
        let places: Vec<(u32, u64)> = self.announced.iter().map(|(partition, offset)| (*partition, *offset)).collect();
        let failed = |error: KafkaError| consume_error(&error);
        for (partition, _) in &places {
            self.records.lead_here(self.client.client(), &self.topic, kafka_partition(*partition)?).map_err(failed)?;
        }
        let list = partition_list(&self.topic, &places).map_err(failed)?;
        self.client.incremental_assign(&list).map_err(failed)?;
        self.announced.clear();
        Ok(())
    }

    /// An error in our words; nothing when it is about a partition that has gone.
    fn explain(&self, partition: Option<u32>, error: &KafkaError) -> Option<ConsumeError> {
        if let (Some(partition), Some(RDKafkaErrorCode::AutoOffsetReset)) = (partition, error.rdkafka_error_code()) {
            return self.positions.contains_key(&partition).then_some(ConsumeError::OffsetOutOfRange { partition });
        }
        Some(match (consume_error(error), self.client.context().words.take()) {
            (ConsumeError::Unavailable { .. }, Some(trouble)) => ConsumeError::Unavailable { reason: trouble.reason },
            (error, _) => error,
        })
    }

    fn check_assigned(&self, partitions: &[u32]) -> Result<(), ConsumeError> {
        match partitions.iter().find(|partition| !self.positions.contains_key(partition)) {
            Some(stranger) => {
                Err(ConsumeError::Refused { reason: format!("partition {stranger} is not assigned to us") })
            }
            None => Ok(()),
        }
    }

    fn places(&self, partitions: &[u32]) -> TopicPartitionList {
        let mut places = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            places.add_partition(&self.topic, i32::try_from(*partition).unwrap_or(i32::MAX));
        }
        places
    }
}

/// Shows a record, unless it is of a partition that has gone (that is its next owner's), or was shown before: librdkafka pauses what it
/// fetches while the group decides, and begins again behind what it knows to be taken. It knows that at the end of a batch, so a decision amid one
/// would bring its records twice.
fn show(positions: &mut BTreeMap<u32, u64>, record: RecordRef<'_>, visit: &mut dyn FnMut(RecordRef<'_>)) -> bool {
    let Some(position) = positions.get_mut(&record.partition).filter(|position| **position <= record.offset) else {
        tracing::debug!(record.partition, record.offset, "a record that is not ours, or was shown");
        return false;
    };
    *position = record.offset.saturating_add(1);
    visit(record);
    true
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // librdkafka waits for an answer to each assignment, also while it closes.
        if !self.unresolved.is_empty() {
            self.client.incremental_assign(&self.places(&self.unresolved)).ok();
        }
        self.fetch_announced().ok();
        // The queue of answers must go before the client does.
        *self.client.context().commits() = None;
    }
}

impl Group {
    fn commits(&self) -> MutexGuard<'_, Option<Commits>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_decision(&self) -> Option<Decision> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        settings::tell_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.words.hear(&error, reason);
    }
}

impl ConsumerContext for Group {
    /// Runs inside of `poll`, or of a drop. An empty assignment needs its answer too, or the group stands still.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, places: &mut TopicPartitionList) {
        let partitions: Vec<u32> =
            places.elements().iter().filter_map(|place| u32::try_from(place.partition()).ok()).collect();
        let is_assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        self.has_decided.store(true, Ordering::Relaxed);
        if !is_assigned {
            self.commits().as_mut().into_iter().for_each(Commits::settle_before_giving_away);
            // librdkafka remembers for good what was paused. Who gets a partition again would wait for its records for ever.
            if let Err(error) = consumer.resume(places) {
                tracing::warn!(%error, "what goes is paused, and stays so if it comes back");
            }
        }
        let answered = match (is_assigned, partitions.is_empty()) {
            (true, false) => Ok(()),
            (true, true) => consumer.incremental_assign(places),
            (false, _) => consumer.incremental_unassign(places),
        };
        if let Err(error) = answered {
            tracing::error!(%error, "answering a rebalance");
        }
        if is_assigned || !partitions.is_empty() {
            let decision = if is_assigned { Decision::Assigned(partitions) } else { Decision::Revoked(partitions) };
            self.decisions.lock().unwrap_or_else(PoisonError::into_inner).push_back(decision);
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        ClientConfig,
        mocking::MockCluster,
        producer::{BaseProducer, BaseRecord, Producer as _},
        types::RDKafkaApiKey,
    };

    use super::*;

    /// No real cluster fails at will, so librdkafka's own stands in.
    #[test]
    fn a_record_that_could_not_be_fetched_at_first_is_shown_after_a_pause() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("events", 1, 1).unwrap();
        let config = ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).clone();
        let producer: BaseProducer = config.create().unwrap();
        let produce = |value: &str| {
            producer.send(BaseRecord::<(), str>::to("events").partition(0).payload(value)).unwrap();
            producer.flush(ANSWERS_WITHIN).unwrap();
        };
        let mut consumer =
            Consumer::join(&settings::consumer_config(&config, "group"), "events", StartAt::Earliest).unwrap();
        let mut shown = Vec::new();
        let deadline = Instant::now() + 12 * ANSWERS_WITHIN;
        let mut poll = |consumer: &mut Consumer| {
            assert!(Instant::now() < deadline, "shown in time: {shown:?}");
            let polled = consumer.poll(LOOK_INTERVAL, 100, &mut |record| shown.push(record.offset));
            (polled, shown.len())
        };
        produce("first");
        while poll(&mut consumer).1 < 1 {}
        let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_MSG; 4];
        let mut asked = None;
        while poll(&mut consumer).0.is_ok() {
            // On a slow machine the group may decide once more, and librdkafka drops what it had fetched before, an error too.
            if asked.is_none_or(|asked: Instant| asked.elapsed() > ANSWERS_WITHIN) {
                cluster.request_errors(RDKafkaApiKey::Fetch, &errors[..1]);
                asked = Some(Instant::now());
            }
        }
        consumer.pause(&[0]).unwrap();
        consumer.resume(&[0]).unwrap();
        produce("second");
        produce("third");
        while poll(&mut consumer).1 < 3 {}
        let asked = Instant::now();
        cluster.request_errors(RDKafkaApiKey::Fetch, &errors);
        produce("fourth");
        while poll(&mut consumer).1 < 4 {}
        let took = asked.elapsed();
        assert!(took > Duration::from_secs(1), "librdkafka rests 500 ms before it tries again: {took:?}");
        assert_eq!(shown, [0, 1, 2, 3]);
    }

    #[test]
    fn a_record_is_shown_once_in_its_order_and_of_our_partitions_alone() {
        let mut positions = BTreeMap::from([(0, 5), (1, 0)]);
        let mut shown = Vec::new();
        // 6 was compacted away; the batch from 7 comes again; 2 is not ours; 4 is behind where we began.
        for (partition, offset) in [(0, 4), (0, 5), (0, 7), (0, 8), (0, 7), (0, 8), (0, 9), (1, 0), (2, 0)] {
            let record = RecordRef { partition, offset, logged_at_ms: 0, key: None, value: None };
            show(&mut positions, record, &mut |record| shown.push((record.partition, record.offset)));
        }
        assert_eq!(shown, [(0, 5), (0, 7), (0, 8), (0, 9), (1, 0)]);
        assert_eq!(positions, BTreeMap::from([(0, 10), (1, 1)]));
    }
}
