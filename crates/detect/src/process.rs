//! The loop: poll, observe, write alerts, write the ledger, commit.
//!
//! ```text
//! events ─► poll (≤ poll_records_max) ─► decode ─► enrich ─► observe ─► alerts ─► acknowledged ─► ledger ─► acknowledged ─► commit
//! ```

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use broker::{
    Ack, AppendError, Assignment, Broker, CommitError, ConsumeError, Consumer, OpenError, Polled, Record, StartAt,
    partition_of,
};
use codec::{DecodeError, EncodeError, Topic};
use detection::{Engine, Findings};
use enrichment::Enricher;
use event::{LogId, Position, Timestamp};
use runtime::{Backoff, Component, Registry, Shutdown};

use crate::{
    Config,
    ledger::{Restoring, change_record},
    metrics::Metrics,
    watch::Watch,
    work::{Place, Work},
};

/// The consumer group: what it has committed tells how far the ledger has come.
pub const GROUP: &str = "detect";

/// Why `detect` cannot go on. Halt.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The log cannot be opened.
    #[error("cannot open the log for detection: {0}")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read events: {0}")]
    Consume(#[from] ConsumeError),
    /// The log will never take what was found.
    #[error("cannot write what was found: {0}")]
    Append(#[from] AppendError),
    /// What was found cannot be encoded.
    #[error("cannot encode what was found: {0}")]
    Encode(#[from] EncodeError),
    /// A record was written by a newer version.
    #[error("partition {partition}, offset {offset}: {source}")]
    Decode {
        /// The partition.
        partition: u32,
        /// The record.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Metrics cannot be registered.
    #[error("cannot start detection: {0}")]
    Start(String),
}

/// The process, ready to run.
pub struct Detect {
    broker: Broker,
    consumer: Consumer,
    topics: Topics,
    config: Config,
    work: Work,
    metrics: Metrics,
    watch: Watch,
    /// Partition → the next offset to commit.
    progress: BTreeMap<u32, u64>,
    dirty: BTreeSet<u32>,
}

struct Topics {
    events: String,
    alerts: String,
    ledger: String,
    partitions: u32,
    log_id: LogId,
}

impl Detect {
    /// Joins the group. Blocks while the log is asked for its id.
    ///
    /// # Errors
    /// `DetectError` when the log cannot be opened.
    pub fn new(
        broker: Broker,
        topic_prefix: &str,
        enricher: Enricher,
        config: Config,
        registry: &Registry,
    ) -> Result<Detect, DetectError> {
        let events = Topic::Events.name(topic_prefix);
        let topics = Topics {
            alerts: Topic::Alerts.name(topic_prefix),
            ledger: Topic::Ledger.name(topic_prefix),
            partitions: broker.partitions(&events)?,
            log_id: LogId(broker.log_id(&events)?.0),
            events,
        };
        let consumer = broker.consumer(GROUP, &topics.events, StartAt::Earliest)?;
        let failed = |error: prometheus::Error| DetectError::Start(error.to_string());
        let (metrics, watch) =
            (Metrics::register(registry).map_err(failed)?, Watch::register(registry).map_err(failed)?);
        let engine = Engine::new(config.settings());
        let work =
            Work { enricher, engine, findings: Findings::default(), controls: Vec::new(), tenants: BTreeSet::new() };
        Ok(Detect {
            broker,
            consumer,
            topics,
            config,
            work,
            metrics,
            watch,
            progress: BTreeMap::new(),
            dirty: BTreeSet::new(),
        })
    }

    /// Works on this thread until asked to stop.
    ///
    /// # Errors
    /// `DetectError` when it must not go on.
    pub fn run(mut self, shutdown: &Shutdown, component: &Component) -> Result<(), DetectError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 2);
        while !shutdown.is_requested() {
            match self.poll() {
                Ok(Polled::Assigned(assigned)) => {
                    for assignment in &assigned {
                        self.restore(assignment)?;
                    }
                    component.ready();
                }
                Ok(Polled::Revoked(revoked)) => self.drop_partitions(&revoked),
                Ok(Polled::Records(_)) => backoff.reset(),
                Err(DetectError::Consume(ConsumeError::Unavailable { reason })) => {
                    component.not_ready(format!("the log cannot be read: {reason}"));
                    std::thread::sleep(backoff.next_wait());
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.write_out(shutdown)?;
            self.watch.look(&mut self.work);
        }
        Ok(())
    }

    /// One poll: every record is observed as it is read.
    fn poll(&mut self) -> Result<Polled, DetectError> {
        let (work, progress, dirty, metrics) = (&mut self.work, &mut self.progress, &mut self.dirty, &self.metrics);
        let watch = &mut self.watch;
        let log_id = self.topics.log_id;
        let mut fatal = None;
        let timeout = Duration::from_millis(self.config.poll_timeout_ms);
        let polled = self.consumer.poll(timeout, self.config.poll_records_max, &mut |record| {
            if fatal.is_some() {
                return;
            }
            let logged_at = Timestamp(record.logged_at_ms);
            watch.log_is_at(logged_at);
            let place = Place { log_id, partition: record.partition, offset: record.offset, logged_at };
            if let Err(source) = work.take(place, record.value.unwrap_or_default()) {
                if source.must_halt() {
                    fatal = Some(DetectError::Decode { partition: place.partition, offset: place.offset, source });
                    return;
                }
                // `sink` reads the same record and makes it a dead letter; here it is only counted.
                metrics.undecodable.inc();
                tracing::error!(partition = place.partition, offset = place.offset, error = %source, "a record cannot be read");
            }
            progress.insert(record.partition, record.offset + 1);
            dirty.insert(record.partition);
        })?;
        fatal.map_or(Ok(polled), Err)
    }

    /// Reads what is remembered of a partition before its events are read on.
    fn restore(&mut self, assignment: &Assignment) -> Result<(), DetectError> {
        self.work.drop_partition(assignment.partition);
        let mut restoring = Restoring::default();
        let (engine, enricher) = (&mut self.work.engine, &mut self.work.enricher);
        let mut flaw = None;
        self.broker.read(&self.topics.ledger, assignment.partition, None, &mut |record| {
            if let Err(source) = restoring.take(record.key, record.value, engine, enricher) {
                flaw.get_or_insert(DetectError::Decode { partition: record.partition, offset: record.offset, source });
            }
        })?;
        if let Some(flaw) = flaw {
            return Err(flaw);
        }
        let entries = restoring.entries;
        self.work.tenants.extend(restoring.tenants.iter().map(|tenant| (assignment.partition, tenant.clone())));
        let start = assignment.committed.as_ref().map_or(assignment.low, |committed| committed.offset);
        let ahead = start..assignment.high;
        restoring
            .finish(&ahead, &mut self.work.engine, &mut self.work.enricher)
            .map_err(|source| DetectError::Decode { partition: assignment.partition, offset: 0, source })?;
        tracing::info!(partition = assignment.partition, entries, "the ledger is read");
        self.tell_time(assignment);
        Ok(())
    }

    /// Asks the last record of a partition what time it is in the log, so that a restart knows at once what is new and what was.
    fn tell_time(&mut self, assignment: &Assignment) {
        self.watch.look_soon();
        if assignment.high <= assignment.low {
            return;
        }
        let (watch, from) = (&mut self.watch, Some(assignment.high - 1));
        let read = self.broker.read(&self.topics.events, assignment.partition, from, &mut |record| {
            watch.log_is_at(Timestamp(record.logged_at_ms));
        });
        if let Err(error) = read {
            // The next record that is read tells the time as well; a tick a minute does.
            tracing::debug!(%error, partition = assignment.partition, "the last record cannot be read");
        }
    }

    fn drop_partitions(&mut self, revoked: &[u32]) {
        for partition in revoked {
            self.work.drop_partition(*partition);
            self.progress.remove(partition);
            self.dirty.remove(partition);
        }
        self.watch.look_soon();
    }

    /// Alerts, then the ledger, then the offsets: each durable before the next.
    fn write_out(&mut self, shutdown: &Shutdown) -> Result<(), DetectError> {
        if self.dirty.is_empty() && self.work.findings.alerts.is_empty() && self.work.findings.ledger.is_empty() {
            return Ok(());
        }
        let partitions = self.topics.partitions;
        let alerts = self.work.findings.alerts.iter().map(|alert| {
            let tenant = alert.tenant.as_bytes();
            let value = codec::encode_alert(alert)?;
            Ok(Record { partition: partition_of(tenant, partitions), key: Some(tenant.to_vec()), value: Some(value) })
        });
        let alerts = alerts.collect::<Result<Vec<_>, EncodeError>>()?;
        let controls = self.work.controls.iter().map(|entry| entry.record(partitions));
        let changes = self.work.findings.ledger.iter().map(|change| change_record(change, partitions));
        let ledger = last_of_each_key(controls.chain(changes).collect::<Result<Vec<_>, EncodeError>>()?);
        if !append_durably(&self.broker, &self.topics.alerts, alerts, shutdown)?
            || !append_durably(&self.broker, &self.topics.ledger, ledger, shutdown)?
        {
            return Ok(());
        }
        self.count();
        self.work.findings.clear();
        self.work.controls.clear();
        self.commit();
        Ok(())
    }

    /// A commit that does not go through is done again with the next batch; a fenced one means that the partition goes.
    fn commit(&mut self) {
        for partition in std::mem::take(&mut self.dirty) {
            let Some(next) = self.progress.get(&partition) else { continue };
            match self.consumer.commit(partition, *next, "") {
                Ok(()) => {
                    // What was closed before the committed offset can never be asked for again.
                    let before = Position { offset: *next, index: 0 };
                    let work = &mut self.work;
                    for (_, tenant) in work.tenants.iter().filter(|(of, _)| *of == partition) {
                        work.engine.committed(tenant, before, &mut work.findings);
                    }
                }
                Err(CommitError::Fenced) => tracing::info!(partition, "the partition belongs to another process now"),
                Err(error) => {
                    tracing::warn!(%error, partition, "cannot commit; it is done again with the next batch");
                    self.dirty.insert(partition);
                }
            }
        }
    }

    fn count(&self) {
        let (findings, metrics) = (&self.work.findings, &self.metrics);
        metrics.events.inc_by(findings.stats.observed);
        metrics.incomplete.with_label_values(&["app"]).inc_by(findings.stats.without_app);
        metrics.incomplete.with_label_values(&["person"]).inc_by(findings.stats.without_person);
        metrics.ledger_changes.inc_by(findings.ledger.len() as u64);
        metrics.pairs.set(i64::try_from(self.work.engine.pairs()).unwrap_or(i64::MAX));
        let now = now();
        for alert in &findings.alerts {
            metrics
                .alerts
                .with_label_values(&[alert.rule.as_str(), alert.severity.as_str(), alert.state.as_str()])
                .inc();
            let waited_ms = u32::try_from(now.since_ms(alert.logged_at).max(0)).unwrap_or(u32::MAX);
            metrics.alert_seconds.observe(f64::from(waited_ms) / 1_000.0);
        }
    }
}

/// The last record of each key. What is written once cannot be overtaken by an older value when a part of a batch is written again.
fn last_of_each_key(records: Vec<Record>) -> Vec<Record> {
    let mut last: HashMap<Option<Vec<u8>>, Record> = HashMap::with_capacity(records.len());
    for record in records {
        last.insert(record.key.clone(), record);
    }
    last.into_values().collect()
}

/// Appends records and waits until they are durable, for as long as it takes: nothing may be committed before. The same bytes again are
/// harmless, because readers know alerts and ledger entries by their ids. False when the process stops before.
fn append_durably(
    broker: &Broker,
    topic: &str,
    records: Vec<Record>,
    shutdown: &Shutdown,
) -> Result<bool, DetectError> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5), 3);
    let mut waiting = records;
    while !waiting.is_empty() {
        let mut acks: Vec<(Record, Result<Ack, AppendError>)> = Vec::with_capacity(waiting.len());
        for record in waiting {
            let ack = broker.append(topic, record.clone());
            acks.push((record, ack));
        }
        let mut failed = Vec::new();
        for (record, ack) in acks {
            match ack.and_then(Ack::wait) {
                Ok(_) => {}
                Err(error @ (AppendError::Refused { .. } | AppendError::Closed)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, topic, "not written, trying again");
                    failed.push(record);
                }
            }
        }
        waiting = failed;
        if !waiting.is_empty() {
            if shutdown.is_requested() {
                return Ok(false);
            }
            std::thread::sleep(backoff.next_wait());
        }
    }
    Ok(true)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
