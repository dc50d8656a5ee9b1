//! The loop: poll, observe, put out what was found, commit what is settled.
//!
//! ```text
//! events ─► poll (≤ poll_records_max) ─► decode ─► enrich ─► observe ─► alerts, at once ─► durable ─► ledger (a thread a partition) ─► durable ─► commit
//! ```
//!
//! The loop waits for none of it, and reads on until so much is on its way that it may not (`lane.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use broker::{AppendError, Assignment, Broker, CommitError, ConsumeError, Consumer, Polled, SoleWriter, StartAt};
use codec::Topic;
use detection::Engine;
use enrichment::Enricher;
use event::{LogId, Timestamp};
use mutation::Mutation;
use runtime::{Backoff, Component, Registry, Shutdown, Standing};

use crate::{
    Config, DetectError,
    inspect::Inspector,
    ledger::{Restoring, origin_record, why_foreign},
    metrics::Metrics,
    outbox::{News, Outbox},
    snapshot::{Snapshots, Whose},
    watch::Watch,
    work::{Place, Work},
};

/// The consumer group: what it has committed tells how far the ledger has come.
pub const GROUP: &str = "detect";

/// How long a poll waits while something is on its way out, whose end is to be seen soon.
const BUSY_POLL: Duration = Duration::from_millis(2);

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
    /// Who is to write the ledger of a partition that is being taken up.
    writers: BTreeMap<u32, SoleWriter>,
    outbox: Outbox,
    committed_at: Instant,
    /// Something cannot be written, and the process stops.
    gave_up: bool,
    /// Partitions of ours that stand before what a newer version wrote, in `events` or in the ledger.
    halted: BTreeSet<u32>,
}

struct Topics {
    events: String,
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
        let outbox = Outbox::new(broker.clone(), Topic::Alerts.name(topic_prefix), config.waiting_records_max);
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
            writers: BTreeMap::new(),
            outbox,
            committed_at: Instant::now(),
            gave_up: false,
            halted: BTreeSet::new(),
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
        let standing = Standing::new(component.clone(), self.metrics.halted.clone());
        let commit_interval = Duration::from_millis(self.config.commit_interval_ms);
        let mut is_away = false;
        while !shutdown.is_requested() {
            let may_read = !self.outbox.is_full() && (self.is_quiet() || !self.needs_quiet());
            match if may_read { self.poll(&standing) } else { self.rest() } {
                Ok(Polled::Assigned(assigned)) => {
                    self.begin_writing(&assigned);
                    assigned.iter().try_for_each(|assignment| self.take_up(assignment, shutdown, &standing))?;
                    standing.ready();
                }
                Ok(Polled::Revoked(revoked)) => self.drop_partitions(&revoked, &standing),
                Ok(Polled::Records(_)) => {
                    if may_read && std::mem::take(&mut is_away) {
                        backoff.reset();
                        standing.ready();
                    }
                }
                Err(DetectError::Consume(ConsumeError::Unavailable { reason })) => {
                    is_away = true;
                    standing.not_ready(format!("the log cannot be read: {reason}"));
                    shutdown.sleep(backoff.next_wait());
                }
                Err(error) => return Err(error),
            }
            self.write_out(shutdown, &standing)?;
            if self.committed_at.elapsed() >= commit_interval {
                self.commit();
            }
            self.look_around();
        }
        // What the last commit lets go is written before the snapshots, or they would know more than the ledger.
        if self.drain(shutdown, &standing)? {
            self.commit();
            if self.drain(shutdown, &standing)? {
                self.snapshots.finish(&self.work, now());
            }
        }
        Ok(())
    }

    /// What is done beside the events, some of it only while everything is durable that was found: a snapshot, or an answer, would else be
    /// ahead of the ledger.
    fn look_around(&mut self) {
        let is_quiet = self.is_quiet();
        if is_quiet && self.inspector.is_asked() {
            self.inspector.answer(&self.work, &self.outbox.positions());
        }
        self.snapshots.step(&self.work, is_quiet, now());
        self.watch.look(&mut self.work);
    }

    /// Does somebody wait until everything is durable that was found?
    fn needs_quiet(&self) -> bool {
        self.inspector.is_asked() || self.snapshots.needs_quiet()
    }

    /// Is everything durable that was found?
    fn is_quiet(&self) -> bool {
        self.work.is_silent() && self.outbox.is_settled()
    }

    /// In place of a poll, where no more may be read now.
    fn rest(&self) -> Result<Polled, DetectError> {
        self.outbox.pause();
        Ok(Polled::Records(0))
    }

    /// One poll: every record is observed as it is read. A partition stands before a record that a newer version wrote; the others go on.
    fn poll(&mut self, standing: &Standing) -> Result<Polled, DetectError> {
        let Detect { work, outbox, metrics, watch, halted, .. } = self;
        let log_id = self.topics.log_id;
        let (mut stands, mut read) = (BTreeMap::new(), None::<(u32, u64)>);
        let timeout = Duration::from_millis(self.config.poll_timeout_ms);
        let timeout = if outbox.is_settled() { timeout } else { timeout.min(BUSY_POLL) };
        let polled = self.consumer.poll(timeout, self.config.poll_records_max, &mut |record| {
            if halted.contains(&record.partition) || stands.contains_key(&record.partition) {
                return;
            }
            let logged_at = Timestamp(record.logged_at_ms);
            watch.log_is_at(logged_at);
            let place = Place { log_id, partition: record.partition, offset: record.offset, logged_at };
            if let Err(source) = work.take(place, record.value.unwrap_or_default()) {
                if source.must_halt() {
                    let Place { partition, offset, .. } = place;
                    stands.insert(partition, DetectError::Decode { partition, offset, source });
                    return;
                }
                // `sink` reads the same record and makes it a dead letter; here it is only counted.
                metrics.undecodable.inc();
                tracing::error!(partition = place.partition, offset = place.offset, error = %source, "a record cannot be read");
            }
            // Records come in runs of one partition, whose last one counts.
            if let Some((partition, next)) = read.replace((record.partition, record.offset + 1))
                && partition != record.partition
            {
                outbox.read_up_to(partition, next);
            }
        });
        read.into_iter().for_each(|(partition, next)| outbox.read_up_to(partition, next));
        let polled = polled?;
        for (partition, why) in stands {
            self.halt(Topic::Events, partition, &why, standing);
        }
        Ok(polled)
    }

    /// A partition stands, and no other: it is read on by a version that understands what is there.
    fn halt(&mut self, topic: Topic, partition: u32, why: &DetectError, standing: &Standing) {
        self.halted.insert(partition);
        standing.halt(topic.as_str(), partition, why.to_string());
        // Only so that nothing is read for nothing.
        self.consumer.pause(&[partition]).ok();
    }

    /// Begins to write the ledgers of new partitions, beside each other, because each takes Kafka a while. What does not succeed is tried again by
    /// `restore`.
    fn begin_writing(&mut self, assigned: &[Assignment]) {
        let (broker, ledger) = (&self.broker, self.topics.ledger.as_str());
        thread::scope(|scope| {
            let begin = |assignment: &Assignment| {
                let partition = assignment.partition;
                (partition, scope.spawn(move || broker.sole_writer(ledger, partition)))
            };
            let threads: Vec<_> = assigned.iter().map(begin).collect();
            for (partition, thread) in threads {
                match thread.join() {
                    Ok(Ok(writer)) => drop(self.writers.insert(partition, writer)),
                    _ => drop(self.writers.remove(&partition)),
                }
            }
        });
    }

    /// Takes up a partition, for as long as it takes to read what is remembered of it.
    fn take_up(
        &mut self,
        assignment: &Assignment,
        shutdown: &Shutdown,
        standing: &Standing,
    ) -> Result<(), DetectError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 4);
        loop {
            match self.restore(assignment) {
                Err(
                    DetectError::Consume(ConsumeError::Unavailable { reason })
                    | DetectError::Append(AppendError::Unavailable { reason }),
                ) => {
                    let partition = assignment.partition;
                    standing.not_ready(format!("the ledger of partition {partition} cannot be taken up: {reason}"));
                    shutdown.sleep(backoff.next_wait());
                    if shutdown.is_requested() {
                        return Ok(());
                    }
                }
                Err(why @ DetectError::Decode { partition, .. }) => {
                    self.drop_partitions(&[partition], standing);
                    self.halt(Topic::Ledger, partition, &why, standing);
                    return Ok(());
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        let start = start_of(assignment);
        match self.writers.remove(&assignment.partition) {
            Some(writer) => self.outbox.take_up((assignment.partition, start), writer, shutdown, standing),
            None => Ok(()),
        }
    }

    /// Reads what is remembered of a partition before its events are read on: the snapshot if it fits, then the compacted topic from there. Before
    /// that, nobody else may write it any more: so what is read is all that counts.
    fn restore(&mut self, assignment: &Assignment) -> Result<(), DetectError> {
        let (partition, began) = (assignment.partition, Instant::now());
        self.forget(partition);
        if !self.writers.contains_key(&partition) {
            self.writers.insert(partition, self.broker.sole_writer(&self.topics.ledger, partition)?);
        }
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
        let read = self.read_ledger(partition, from, &mut restoring);
        // Whatever comes of it: what was taken in must be found again when it is to be dropped.
        restoring.tenants.iter().for_each(|tenant| self.work.know_tenant(partition, tenant));
        let next = read?;
        self.check_origin(&whose, from.is_none(), restoring.origin)?;
        let (entries, read) = (restoring.entries, restoring.entries - known);
        let ahead = start_of(assignment)..assignment.high;
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

    fn drop_partitions(&mut self, revoked: &[u32], standing: &Standing) {
        for partition in revoked {
            self.forget(*partition);
            self.writers.remove(partition);
            self.halted.remove(partition);
        }
        for topic in [Topic::Events, Topic::Ledger] {
            standing.forget(topic.as_str(), revoked);
        }
        self.watch.look_soon();
    }

    /// A partition went, or is taken up anew. What is on its way is left to whoever reads the same events again.
    fn forget(&mut self, partition: u32) {
        self.work.drop_partition(partition);
        self.snapshots.drop_partition(partition);
        self.outbox.drop_partition(partition);
    }

    /// Puts out what was found and hears what became of what was put out before.
    fn write_out(&mut self, shutdown: &Shutdown, standing: &Standing) -> Result<(), DetectError> {
        self.count();
        let outgoing = self.work.outgoing(self.topics.partitions)?;
        self.outbox.put(outgoing)?;
        self.work.written();
        if Mutation::LedgerAfterOffset.is_made() {
            commit_too_early(&mut self.consumer, &self.outbox.positions());
        }
        let mut news = Vec::new();
        self.outbox.advance(shutdown, standing, &mut news)?;
        for news in news {
            match news {
                News::Told(label) => self.metrics.tell(&label, now()),
                News::Written { partition, next, count } => self.snapshots.wrote(partition, next, count),
                // The group has taken it, and its successor has begun: it will be told to us as well.
                News::Lost { partition, .. } if !self.consumer.is_ours(partition) => {
                    self.drop_partitions(&[partition], standing)
                }
                News::Lost { reason, .. } => return self.join_anew(&reason, standing),
                News::GaveUp => self.gave_up = true,
            }
        }
        Ok(())
    }

    /// Waits until everything is durable that was found; false when that cannot be, because the process stops.
    fn drain(&mut self, shutdown: &Shutdown, standing: &Standing) -> Result<bool, DetectError> {
        self.write_out(shutdown, standing)?;
        while !self.is_quiet() && !self.gave_up {
            self.outbox.pause();
            self.write_out(shutdown, standing)?;
        }
        Ok(self.is_quiet())
    }

    /// Somebody else may write what we write: the group gave our partitions away while we slept, or will. So all is forgotten, and what the group
    /// gives us from here on is taken up as by a process that has just started.
    fn join_anew(&mut self, reason: &str, standing: &Standing) -> Result<(), DetectError> {
        tracing::warn!(%reason, "the ledger has another writer; what was not written is left to him, and the group is joined anew");
        standing.not_ready(format!("the group is joined anew: {reason}"));
        let ours: Vec<u32> = self.outbox.partitions().into_iter().chain(self.halted.iter().copied()).collect();
        self.drop_partitions(&ours, standing);
        self.work.written();
        self.consumer = self.broker.consumer(GROUP, &self.topics.events, StartAt::Earliest)?;
        Ok(())
    }

    /// A commit that does not go through is done again with the next; a fenced one means that the partition goes.
    fn commit(&mut self) {
        self.committed_at = Instant::now();
        for (partition, next) in self.outbox.to_commit() {
            match self.consumer.commit(partition, next, "") {
                Ok(()) => self.work.committed(partition, next),
                Err(CommitError::Fenced) => tracing::info!(partition, "the partition belongs to another process now"),
                Err(error) => {
                    tracing::warn!(%error, partition, "cannot commit; it is done again");
                    continue;
                }
            }
            self.outbox.committed(partition, next);
        }
        self.metrics.pairs.set(i64::try_from(self.work.engine.pairs()).unwrap_or(i64::MAX));
    }

    fn count(&self) {
        let (findings, metrics) = (&self.work.findings, &self.metrics);
        metrics.events.inc_by(findings.stats.observed);
        metrics.incomplete.with_label_values(&["app"]).inc_by(findings.stats.without_app);
        metrics.incomplete.with_label_values(&["person"]).inc_by(findings.stats.without_person);
        metrics.ledger_changes.inc_by(findings.ledger.len() as u64);
    }
}

/// Where a partition is read on.
fn start_of(assignment: &Assignment) -> u64 {
    assignment.committed.as_ref().map_or(assignment.low, |committed| committed.offset)
}

/// The mistake alone: the offsets go, and everything else is as it would be.
fn commit_too_early(consumer: &mut Consumer, read: &BTreeMap<u32, u64>) {
    for (partition, next) in read {
        let done = consumer.commit(*partition, *next, "");
        tracing::debug!(partition, next, ?done, "committed before the ledger");
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
