//! The loop: poll, observe, write alerts, write the ledger, commit.
//!
//! ```text
//! events ─► poll (≤ poll_records_max) ─► decode ─► enrich ─► observe ─► alerts ─► acknowledged ─► ledger ─► acknowledged ─► commit
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use broker::{
    Ack, AppendError, Assignment, Broker, CommitError, ConsumeError, Consumer, OFFSET_UNKNOWN, OpenError, Polled,
    Record, StartAt,
};
use codec::{DecodeError, EncodeError, Topic};
use detection::Engine;
use enrichment::Enricher;
use event::{LogId, Timestamp};
use mutation::Mutation;
use runtime::{Backoff, Component, Registry, Shutdown};

use crate::{
    Config,
    inspect::Inspector,
    ledger::{Restoring, origin_record, why_foreign},
    metrics::Metrics,
    snapshot::{Snapshots, Whose},
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
    /// The ledger's positions are places of another log, or of other partitions.
    #[error("the ledger of partition {partition} does not belong to the events that are there: {why}")]
    Foreign {
        /// The partition.
        partition: u32,
        /// In what it differs, and what to do.
        why: String,
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
    snapshots: Snapshots,
    inspector: Inspector,
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
    ledger_log_id: broker::LogId,
}

impl Detect {
    /// Joins the group. Blocks while the log is asked for its id. Snapshots of the ledger are kept in a folder, where there is one: what is in
    /// it belongs to this process alone.
    ///
    /// # Errors
    /// `DetectError` when the log cannot be opened.
    pub fn new(
        broker: Broker,
        topic_prefix: &str,
        enricher: Enricher,
        config: Config,
        snapshots: Option<&Path>,
        registry: &Registry,
    ) -> Result<Detect, DetectError> {
        let (events, ledger) = (Topic::Events.name(topic_prefix), Topic::Ledger.name(topic_prefix));
        let topics = Topics {
            alerts: Topic::Alerts.name(topic_prefix),
            ledger_log_id: broker.log_id(&ledger)?,
            ledger,
            partitions: broker.partitions(&events)?,
            log_id: LogId(broker.log_id(&events)?.0),
            events,
        };
        let consumer = broker.consumer(GROUP, &topics.events, StartAt::Earliest)?;
        let failed = |error: prometheus::Error| DetectError::Start(error.to_string());
        let (metrics, watch) =
            (Metrics::register(registry).map_err(failed)?, Watch::register(registry).map_err(failed)?);
        let engine = Engine::new(config.settings());
        let work = Work::new(enricher, engine);
        let snapshots = Snapshots::new(snapshots, Duration::from_millis(config.snapshot_interval_ms));
        Ok(Detect {
            broker,
            consumer,
            topics,
            config,
            work,
            metrics,
            watch,
            snapshots,
            inspector: Inspector::default(),
            progress: BTreeMap::new(),
            dirty: BTreeSet::new(),
        })
    }

    /// Answers whoever asks here what it remembers.
    #[must_use]
    pub fn with_inspector(mut self, inspector: Inspector) -> Detect {
        self.inspector = inspector;
        self
    }

    /// Works on this thread until asked to stop.
    ///
    /// # Errors
    /// `DetectError` when it must not go on.
    pub fn run(mut self, shutdown: &Shutdown, component: &Component) -> Result<(), DetectError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 2);
        let mut is_away = false;
        while !shutdown.is_requested() {
            match self.poll() {
                Ok(Polled::Assigned(assigned)) => {
                    assigned.iter().try_for_each(|assignment| self.take_up(assignment, shutdown, component))?;
                    component.ready();
                }
                Ok(Polled::Revoked(revoked)) => self.drop_partitions(&revoked),
                Ok(Polled::Records(_)) => {
                    if std::mem::take(&mut is_away) {
                        backoff.reset();
                        component.ready();
                    }
                }
                Err(DetectError::Consume(ConsumeError::Unavailable { reason })) => {
                    is_away = true;
                    component.not_ready(format!("the log cannot be read: {reason}"));
                    shutdown.sleep(backoff.next_wait());
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.write_out(shutdown, component)?;
            // What is not written yet would be told apart from the ledger; the next batch writes it.
            if self.work.is_silent() {
                self.inspector.answer(&self.work, &self.progress);
            }
            self.watch.look(&mut self.work);
        }
        // What the last commit let go is written before the snapshots, or they would know more than the ledger.
        self.write_out(shutdown, component)?;
        if self.work.is_silent() {
            self.snapshots.finish(&self.work, now());
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

    /// Takes up a partition, for as long as it takes to read what is remembered of it.
    fn take_up(
        &mut self,
        assignment: &Assignment,
        shutdown: &Shutdown,
        component: &Component,
    ) -> Result<(), DetectError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 4);
        loop {
            match self.restore(assignment) {
                Err(DetectError::Consume(ConsumeError::Unavailable { reason })) => {
                    component.not_ready(format!("the ledger cannot be read: {reason}"));
                    shutdown.sleep(backoff.next_wait());
                    if shutdown.is_requested() {
                        return Ok(());
                    }
                }
                result => return result,
            }
        }
    }

    /// Reads what is remembered of a partition before its events are read on: the snapshot if it fits, then the compacted topic from there.
    fn restore(&mut self, assignment: &Assignment) -> Result<(), DetectError> {
        let (partition, began) = (assignment.partition, Instant::now());
        self.work.drop_partition(partition);
        self.snapshots.drop_partition(partition);
        let start = assignment.committed.as_ref().map_or(assignment.low, |committed| committed.offset);
        self.progress.insert(partition, start);
        if Mutation::AlertWithoutReplayCheck.is_made() {
            return Ok(());
        }
        let Topics { log_id, ledger_log_id, partitions, .. } = self.topics;
        let whose = Whose { events: broker::LogId(log_id.0), ledger: ledger_log_id, partition, partitions };
        let (low, high) = self.broker.watermarks(&self.topics.ledger, partition)?;
        let snapshot = self.snapshots.restore(&whose, low..=high, now(), &mut self.work);
        let unread = || (Restoring::of(partition, partitions), None);
        let (mut restoring, from) = snapshot.map_or_else(unread, |(restoring, from)| (restoring, Some(from)));
        let known = restoring.entries;
        let next = self.read_ledger(partition, from, &mut restoring)?;
        self.check_origin(&whose, from.is_none(), restoring.origin)?;
        let (entries, read) = (restoring.entries, restoring.entries - known);
        let ahead = start..assignment.high;
        let undecodable = |source| DetectError::Decode { partition, offset: 0, source };
        self.work.restored(partition, restoring, &ahead).map_err(undecodable)?;
        self.snapshots.taken_up(whose, next, read);
        self.metrics.pairs.set(i64::try_from(self.work.engine.pairs()).unwrap_or(i64::MAX));
        let took_ms = began.elapsed().as_millis();
        tracing::info!(partition, entries, read, took_ms, "the ledger is read");
        self.tell_time(assignment);
        Ok(())
    }

    /// Is the ledger of this log and of so many partitions? One that was read whole and does not say it is told to; a snapshot was of this log.
    fn check_origin(&mut self, whose: &Whose, is_whole: bool, origin: Option<(LogId, u32)>) -> Result<(), DetectError> {
        let Whose { events, partition, partitions, .. } = *whose;
        let events = LogId(events.0);
        match origin {
            Some(found) => why_foreign(found, events, partitions)
                .map_or(Ok(()), |why| Err(DetectError::Foreign { partition, why })),
            None => {
                if is_whole {
                    self.work.origins.push(origin_record(events, partition, partitions)?);
                }
                Ok(())
            }
        }
    }

    /// Reads the ledger of a partition, from an offset or its beginning, to its end.
    fn read_ledger(
        &mut self,
        partition: u32,
        from: Option<u64>,
        restoring: &mut Restoring,
    ) -> Result<u64, DetectError> {
        let (engine, enricher) = (&mut self.work.engine, &mut self.work.enricher);
        let mut flaw = None;
        let next = self.broker.read(&self.topics.ledger, partition, from, &mut |record| {
            if let Err(source) = restoring.take(record.key, record.value, engine, enricher) {
                flaw.get_or_insert(DetectError::Decode { partition, offset: record.offset, source });
            }
        })?;
        flaw.map_or(Ok(next), Err)
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
            self.snapshots.drop_partition(*partition);
            self.progress.remove(partition);
            self.dirty.remove(partition);
        }
        self.watch.look_soon();
    }

    /// Alerts, then the ledger, then the offsets: each durable before the next.
    fn write_out(&mut self, shutdown: &Shutdown, component: &Component) -> Result<(), DetectError> {
        if self.dirty.is_empty() && self.work.is_silent() {
            self.snapshots.step(&self.work, now());
            return Ok(());
        }
        let outgoing = self.work.outgoing(self.topics.partitions)?;
        let writer = Writer { broker: &self.broker, shutdown, component };
        if writer.append(&self.topics.alerts, outgoing.alerts)?.is_none() {
            return Ok(());
        }
        if Mutation::LedgerAfterOffset.is_made() {
            commit_too_early(&mut self.consumer, &self.dirty, &self.progress);
        }
        for changes in [outgoing.controls, outgoing.ledger] {
            let Some(written) = writer.append(&self.topics.ledger, changes)? else { return Ok(()) };
            for (partition, Written { next, records }) in written {
                self.snapshots.wrote(partition, next, records);
            }
        }
        self.count();
        self.work.written();
        // Here nothing is found that the ledger does not have; the commit lets go of things that it has.
        self.snapshots.step(&self.work, now());
        self.commit();
        Ok(())
    }

    /// A commit that does not go through is done again with the next batch; a fenced one means that the partition goes.
    fn commit(&mut self) {
        for partition in std::mem::take(&mut self.dirty) {
            let Some(next) = self.progress.get(&partition).copied() else { continue };
            match self.consumer.commit(partition, next, "") {
                Ok(()) => self.work.committed(partition, next),
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
        if !findings.ledger.is_empty() {
            metrics.pairs.set(i64::try_from(self.work.engine.pairs()).unwrap_or(i64::MAX));
        }
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

/// The mistake alone: the offsets go, and everything else is as it would be.
fn commit_too_early(consumer: &mut Consumer, dirty: &BTreeSet<u32>, progress: &BTreeMap<u32, u64>) {
    for (partition, next) in dirty.iter().filter_map(|partition| Some((*partition, *progress.get(partition)?))) {
        let done = consumer.commit(partition, next, "");
        tracing::debug!(partition, next, ?done, "committed before the ledger");
    }
}

/// Writes what must be durable before anything else happens.
struct Writer<'a> {
    broker: &'a Broker,
    shutdown: &'a Shutdown,
    component: &'a Component,
}

impl Writer<'_> {
    /// Appends records and waits until they are durable, for as long as it takes: nothing may be committed before. The same bytes again are
    /// harmless, because readers know alerts and ledger entries by their ids. What was written, by partition; `None` when the process
    /// stops before.
    fn append(&self, topic: &str, records: Vec<Record>) -> Result<Option<BTreeMap<u32, Written>>, DetectError> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5), 3);
        let (mut waiting, mut written) = (records, BTreeMap::new());
        while !waiting.is_empty() {
            let (failed, why) = self.attempt(topic, waiting, &mut written)?;
            if let Some(why) = why {
                tracing::warn!(%why, topic, records = failed.len(), "not written, trying again");
                self.component.not_ready(format!("{topic} cannot be written: {why}"));
                self.shutdown.sleep(backoff.next_wait());
                if self.shutdown.is_requested() {
                    return Ok(None);
                }
            } else if backoff.attempts() > 0 {
                self.component.ready();
            }
            waiting = failed;
        }
        Ok(Some(written))
    }

    /// One attempt: the records that are not durable, and why the last of them is not.
    fn attempt(
        &self,
        topic: &str,
        records: Vec<Record>,
        written: &mut BTreeMap<u32, Written>,
    ) -> Result<(Vec<Record>, Option<AppendError>), DetectError> {
        let mut acks: Vec<(Record, Result<Ack, AppendError>)> = Vec::with_capacity(records.len());
        for record in records {
            let ack = self.broker.append(topic, record.clone());
            acks.push((record, ack));
        }
        let (mut failed, mut why) = (Vec::new(), None);
        for (record, ack) in acks {
            match ack.and_then(Ack::wait) {
                Ok(offset) => written.entry(record.partition).or_default().add(offset),
                Err(error @ (AppendError::Refused { .. } | AppendError::Closed)) => return Err(error.into()),
                Err(error) => {
                    failed.push(record);
                    why = Some(error);
                }
            }
        }
        Ok((failed, why))
    }
}

/// What a partition of a topic took.
#[derive(Default)]
struct Written {
    /// One past the last offset that was told.
    next: u64,
    records: u64,
}

impl Written {
    fn add(&mut self, offset: u64) {
        self.records += 1;
        // Where the log cannot tell an offset, an earlier one will do: a snapshot is read on from there.
        if offset != OFFSET_UNKNOWN {
            self.next = self.next.max(offset + 1);
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
