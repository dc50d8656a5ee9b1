//! The loop: poll, fill, seal, plan, insert, acknowledge in order.
//!
//! ```text
//! events ─► poll ─► lane (one a partition) ─► sealed ─► plan committed ─► insert (≤ batches_in_flight_max) ─► landed ─► commit
//! alerts, dead_letters, identities ─► side (one a topic) ─► insert ─► commit
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use broker::{Assignment, Broker, CommitError, ConsumeError, Consumer, OpenError, Polled, Record, RecordRef, StartAt};
use codec::{DecodeError, Topic};
use enrichment::Enricher;
use event::{DeadLetter, LogId, RejectReason, Timestamp, dead_letter_id};
use runtime::{Component, Registry, Shutdown};
use sha2::{Digest, Sha256};
use store::Client;
use tokio::runtime::Handle;

use crate::{
    Config,
    batch::{Sealed, month_of},
    insert::{Lander, NotLanded},
    lag::Lag,
    lane::Lane,
    metrics::Metrics,
    plan::{BadPlan, Plan, RANGES_MAX, Range},
    restore::{RestoreError, Restoring},
    side::Side,
};

/// The consumer group.
const GROUP: &str = "sink";
/// How long one poll waits: a landed batch is committed within this time.
const POLL_TIMEOUT: Duration = Duration::from_millis(20);

/// Why `sink` cannot go on. Halt.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The log cannot be opened.
    #[error("cannot open the log for the sink: {0}")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Consume(#[from] ConsumeError),
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
    /// The commit metadata cannot be read.
    #[error("partition {partition}: {reason}")]
    Plan {
        /// The partition.
        partition: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// ClickHouse refuses a block for good.
    #[error(
        "ClickHouse refuses rows of {table}: {message}; the offset stays uncommitted, so nothing is lost: mend the table or the version, then start again"
    )]
    Refused {
        /// The table.
        table: &'static str,
        /// What the server says.
        message: String,
    },
    /// A thread or a metric cannot be made.
    #[error("cannot start the sink: {0}")]
    Start(String),
}

/// The process, ready to run.
pub struct Sink {
    broker: Broker,
    prefix: String,
    log_id: LogId,
    consumer: Consumer,
    enricher: Enricher,
    lander: Lander,
    runtime: Handle,
    lanes: BTreeMap<u32, Lane>,
    /// Sealed batches whose plan is not committed yet.
    unplanned: VecDeque<Sealed>,
    landed: (mpsc::Sender<Landed>, mpsc::Receiver<Landed>),
    is_paused: bool,
    lag: Lag,
}

/// What became of a batch.
type Landed = (u32, Range, Result<(), NotLanded>);

impl Sink {
    /// Joins the group. Blocks while the log is asked for its id.
    ///
    /// # Errors
    /// `SinkError` when the log cannot be opened.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another thing that the process is given by whoever starts it, once"
    )]
    pub fn new(
        broker: Broker,
        prefix: &str,
        client: Client,
        enricher: Enricher,
        config: Config,
        registry: &Registry,
        shutdown: Shutdown,
        component: Component,
        runtime: Handle,
    ) -> Result<Sink, SinkError> {
        let events = Topic::Events.name(prefix);
        let log_id = LogId(broker.log_id(&events)?.0);
        let consumer = broker.consumer(GROUP, &events, StartAt::Earliest)?;
        let metrics = Metrics::register(registry).map_err(|error| SinkError::Start(error.to_string()))?;
        let lander = Lander { client, config, metrics, shutdown, component };
        let prefix = prefix.to_owned();
        Ok(Sink {
            broker,
            prefix,
            log_id,
            consumer,
            enricher,
            lander,
            runtime,
            lanes: BTreeMap::new(),
            unplanned: VecDeque::new(),
            landed: mpsc::channel(),
            is_paused: false,
            lag: Lag::new(events),
        })
    }

    /// Works on this thread, and on one for each small table, until asked to stop.
    ///
    /// # Errors
    /// `SinkError` when it must not go on.
    pub fn run(mut self, shutdown: &Shutdown) -> Result<(), SinkError> {
        let mut sides = Vec::new();
        for topic in [Topic::Alerts, Topic::DeadLetters, Topic::Identities] {
            let side = Side::new(&self.broker, topic, &self.prefix, self.lander.clone(), self.runtime.clone())?;
            let stop = shutdown.clone();
            let work = move || {
                let result = side.run(&stop);
                stop.request();
                result
            };
            let name = format!("sink-{}", topic.as_str());
            sides.push(
                thread::Builder::new().name(name).spawn(work).map_err(|error| SinkError::Start(error.to_string()))?,
            );
        }
        let result = self.follow_events(shutdown);
        shutdown.request();
        let sides = sides
            .into_iter()
            .map(|side| side.join().unwrap_or_else(|_| Err(SinkError::Start("a thread ended without a word".into()))));
        sides.fold(result, Result::and)
    }

    fn follow_events(&mut self, shutdown: &Shutdown) -> Result<(), SinkError> {
        self.lander.component.ready();
        while !shutdown.is_requested() {
            self.pause_or_resume()?;
            let mut sealed = Vec::new();
            let polled = self.poll(&mut sealed)?;
            self.seal_due(&mut sealed)?;
            self.unplanned.extend(sealed);
            match polled {
                Polled::Assigned(assigned) => assigned.iter().try_for_each(|assignment| self.assign(assignment))?,
                Polled::Revoked(revoked) => self.lanes.retain(|partition, _| !revoked.contains(partition)),
                Polled::Records(_) => {}
            }
            self.send_planned();
            self.take_landed()?;
            self.commit();
            self.lag.look(&self.broker, &self.lanes, &self.lander.metrics);
        }
        Ok(())
    }

    /// Reads on only while there is room for what it would bring.
    fn pause_or_resume(&mut self) -> Result<(), SinkError> {
        let in_flight: usize = self.lanes.values().map(Lane::in_flight).sum();
        self.lander.metrics.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        let is_crowded = in_flight >= self.lander.config.batches_in_flight_max.clamp(1, RANGES_MAX);
        if is_crowded != self.is_paused {
            let partitions: Vec<u32> = self.lanes.keys().copied().collect();
            if is_crowded {
                self.consumer.pause(&partitions)?
            } else {
                self.consumer.resume(&partitions)?
            }
            self.is_paused = is_crowded;
        }
        Ok(())
    }

    fn poll(&mut self, sealed: &mut Vec<Sealed>) -> Result<Polled, SinkError> {
        let (lanes, enricher, lander) = (&mut self.lanes, &mut self.enricher, &self.lander);
        let mut dead: Vec<(u32, u64, Vec<u8>, DecodeError)> = Vec::new();
        let mut fatal = None;
        let polled = self.consumer.poll(POLL_TIMEOUT, lander.config.poll_records_max, &mut |record| {
            let Some(lane) = lanes.get_mut(&record.partition).filter(|_| fatal.is_none()) else { return };
            match take(lane, &record, enricher, sealed) {
                Ok(None) => {}
                Ok(Some(flaw)) => {
                    dead.push((record.partition, record.offset, record.value.unwrap_or_default().to_vec(), flaw))
                }
                Err(error) => fatal = Some(error),
            }
            if fatal.is_none() && lane.must_seal(&lander.config, Instant::now()) {
                match lane.seal() {
                    Ok(batch) => sealed.push(batch),
                    Err(planned) => fatal = Some(unlike_planned(record.partition, planned)),
                }
            }
        });
        let polled = match polled {
            Err(ConsumeError::Unavailable { reason }) => {
                tracing::warn!(%reason, "the log cannot be read, trying again");
                Polled::Records(0)
            }
            other => other?,
        };
        if let Some(error) = fatal {
            return Err(error);
        }
        for (partition, offset, value, flaw) in dead {
            self.bury(partition, offset, &value, flaw)?;
        }
        Ok(polled)
    }

    fn seal_due(&mut self, sealed: &mut Vec<Sealed>) -> Result<(), SinkError> {
        let now = Instant::now();
        for (partition, lane) in &mut self.lanes {
            if lane.must_seal(&self.lander.config, now) {
                sealed.push(lane.seal().map_err(|planned| unlike_planned(*partition, planned))?);
            }
        }
        Ok(())
    }

    /// Takes up a partition where its committed plan says, with the decisions in force.
    fn assign(&mut self, assignment: &Assignment) -> Result<(), SinkError> {
        let partition = assignment.partition;
        let (events, ledger) = (Topic::Events.name(&self.prefix), Topic::Ledger.name(&self.prefix));
        let start = assignment.committed.as_ref().map_or(assignment.low, |committed| committed.offset);
        let (low, ahead) = (assignment.low, start..assignment.high);
        let restoring = Restoring { broker: &self.broker, events: &events, ledger: &ledger, partition, low, ahead };
        restoring.restore(&mut self.enricher).map_err(|error| match error {
            RestoreError::Consume(error) => error.into(),
            RestoreError::Decode { offset, source } => SinkError::Decode { partition, offset, source },
        })?;
        let committed = assignment.committed.as_ref();
        let plan = committed.map_or(Ok(None), |committed| Plan::parse(&committed.metadata));
        let plan = plan.map_err(|error: BadPlan| SinkError::Plan { partition, reason: error.to_string() })?;
        // The plan of another log names offsets that mean nothing here.
        let ranges = plan.filter(|plan| plan.log_id == self.log_id).map(|plan| plan.ranges).unwrap_or_default();
        if !ranges.is_empty() {
            tracing::info!(partition, ranges = ranges.len(), "batches that may not have landed are formed again");
        }
        self.lanes.insert(partition, Lane::new(self.log_id, partition, start, ranges));
        self.is_paused = false;
        Ok(())
    }

    /// Commits the plan of each sealed batch, then sends it. A batch whose plan cannot be committed now waits: unplanned, it could not be
    /// formed again after a crash. A fenced plan means that the partition went: the batch is dropped, and its new owner forms it from the
    /// same offsets.
    fn send_planned(&mut self) {
        while let Some(sealed) = self.unplanned.pop_front() {
            let Some(lane) = self.lanes.get_mut(&sealed.partition) else { continue };
            if let Some((offset, metadata)) = lane.commit() {
                match self.consumer.commit(sealed.partition, offset, &metadata) {
                    Ok(()) => lane.committed(offset),
                    Err(CommitError::Fenced) => {
                        self.lanes.remove(&sealed.partition);
                        continue;
                    }
                    Err(error) => {
                        tracing::warn!(%error, partition = sealed.partition, "cannot commit the plan; the batch waits");
                        self.unplanned.push_front(sealed);
                        return;
                    }
                }
            }
            let (lander, done) = (self.lander.clone(), self.landed.0.clone());
            self.runtime.spawn(async move {
                let result = lander.land(&sealed.blocks, &sealed.token()).await;
                if done.send((sealed.partition, sealed.range, result)).is_err() {
                    tracing::debug!("stopping: the plan stays for the next start");
                }
            });
        }
    }

    fn take_landed(&mut self) -> Result<(), SinkError> {
        while let Ok((partition, range, result)) = self.landed.1.try_recv() {
            match result {
                Ok(()) => {
                    if let Some(lane) = self.lanes.get_mut(&partition) {
                        lane.landed(range);
                    }
                }
                Err(NotLanded::Stopping) => {}
                Err(NotLanded::Refused { table, refusal }) => {
                    return Err(SinkError::Refused { table, message: refusal.message });
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self) {
        for (partition, lane) in &mut self.lanes {
            let Some((offset, metadata)) = lane.commit() else { continue };
            match self.consumer.commit(*partition, offset, &metadata) {
                Ok(()) => lane.committed(offset),
                Err(CommitError::Fenced) => {}
                Err(error) => tracing::warn!(%error, partition, "cannot commit; it is done again"),
            }
        }
    }

    /// Makes a dead letter of a record that cannot be decoded. It is durable before the record's offset can be committed.
    fn bury(&self, partition: u32, offset: u64, value: &[u8], flaw: DecodeError) -> Result<(), SinkError> {
        self.lander.metrics.dead_records.inc();
        tracing::error!(partition, offset, error = %flaw, "a record cannot be read and becomes a dead letter");
        let sha256: [u8; 32] = Sha256::digest(value).into();
        let letter = DeadLetter {
            id: dead_letter_id("log", &sha256),
            tenant: String::new(),
            connection: "log".into(),
            reason: RejectReason::BadRecord,
            detail: flaw.to_string(),
            origin: format!("record:{}/{partition}/{offset}", Topic::Events.as_str()),
            received_at: Timestamp::MISSING,
            scrubbed: String::new(),
            sha256,
            is_redrivable: false,
        };
        let failed = |reason: String| SinkError::Consume(ConsumeError::Refused { reason });
        let value = codec::encode_dead_letter(&letter).map_err(|error| failed(error.to_string()))?;
        let record = Record { partition, key: Some(b"log".to_vec()), value: Some(value) };
        let ack = self
            .broker
            .append(&Topic::DeadLetters.name(&self.prefix), record)
            .map_err(|error| failed(error.to_string()))?;
        ack.wait().map(|_| ()).map_err(|error| failed(error.to_string()))
    }
}

/// Takes one record, sealing before it where it does not belong into the open batch. `Some` is a flaw that makes it a dead letter.
fn take(
    lane: &mut Lane,
    record: &RecordRef<'_>,
    enricher: &mut Enricher,
    sealed: &mut Vec<Sealed>,
) -> Result<Option<DecodeError>, SinkError> {
    let value = record.value.unwrap_or_default();
    let halt = |source| SinkError::Decode { partition: record.partition, offset: record.offset, source };
    let month = match month_of(value) {
        Ok(month) => month,
        Err(flaw) if flaw.must_halt() => return Err(halt(flaw)),
        Err(_) => None,
    };
    if lane.must_seal_before(record.offset, month) {
        sealed.push(lane.seal().map_err(|planned| unlike_planned(record.partition, planned))?);
    }
    Ok(lane.open.take(record.offset, Timestamp(record.logged_at_ms), value, enricher).err())
}

fn unlike_planned(partition: u32, planned: Range) -> SinkError {
    let reason = format!(
        "offsets {} to {} do not give the rows that were planned ({}); the log was changed, or another version planned them: run `daylight verify`",
        planned.start, planned.end, planned.rows
    );
    SinkError::Plan { partition, reason }
}
