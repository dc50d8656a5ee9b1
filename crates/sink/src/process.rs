//! The loop: poll, fill, seal, plan, insert, acknowledge in order.
//!
//! ```text
//! events ─► poll ─► lane (one a partition) ─► sealed ─► plan committed ─► insert (≤ batches_in_flight_max) ─► landed ─► commit
//! alerts, dead_letters, identities, gaps ─► side (one a topic) ─► insert ─► commit
//! ```

mod take_up;

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, CommitError, ConsumeError, Consumer, Polled, RecordRef, StartAt};
use codec::{DecodeError, Topic, decode_log_record};
use enrichment::Enricher;
use event::{LogId, Timestamp};
use runtime::{Backoff, Component, Registry, Shutdown, Standing};
use store::Client;
use tokio::{runtime::Handle, task::JoinSet};

use crate::{
    Config, Digest, SinkError,
    batch::month_of,
    bury::Dead,
    grave::Grave,
    insert::{Lander, NotLanded},
    lag::{Lag, Place},
    lane::{Lane, Room, choose_due},
    metrics::Metrics,
    plan::{RANGES_MAX, Range},
    side::Side,
};
use take_up::Left;

/// The consumer group.
const GROUP: &str = "sink";
/// How long one poll waits: a landed batch is committed within this time.
const POLL_TIMEOUT: Duration = Duration::from_millis(20);
/// Intervals of `flush_interval_ms` for which a batch that is due waits for room to be sent, and grows, before it is sealed all the same.
const ROOM_INTERVALS_MAX: u64 = 4;
/// How long a stop waits for inserts that are on their way. What has not landed by then is sent again by the next start.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a stop looks whether they have landed.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// The process, ready to run.
pub struct Sink {
    broker: Broker,
    prefix: String,
    /// What this process has read of the ledger.
    digest: Digest,
    log_id: LogId,
    consumer: Consumer,
    enricher: Enricher,
    lander: Lander,
    runtime: Handle,
    partitions: u32,
    taken: BTreeMap<u32, Taken>,
    /// Partitions that are ours and could not be taken up yet.
    left: Left,
    lag: Lag,
}

/// A partition that is ours. Dropping it gives up what is on its way: nothing of a partition that went may be sent any more.
struct Taken {
    lane: Lane,
    inserts: JoinSet<Landed>,
    is_paused: bool,
    /// Does it stand at a record that this version cannot read? What came before lands.
    is_halted: bool,
}

impl Taken {
    /// Must reading be paused or resumed?
    fn must_pause(&self, is_crowded: bool) -> bool {
        self.is_paused != is_crowded && !self.is_halted
    }
}

/// What became of a batch.
type Landed = (Range, Result<(), NotLanded>);

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
        digest: Digest,
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
        let partitions = broker.partitions(&events)?;
        let consumer = broker.consumer(GROUP, &events, StartAt::Earliest)?;
        let metrics = Metrics::register(registry).map_err(|error| SinkError::Start(error.to_string()))?;
        let grave = Grave { broker: broker.clone(), topic: Topic::DeadLetters.name(prefix) };
        let component = Standing::new(component, metrics.halted.clone());
        let lander = Lander { client, config, metrics, shutdown, component, grave, mark: Arc::default() };
        let prefix = prefix.to_owned();
        Ok(Sink {
            broker,
            prefix,
            digest,
            log_id,
            consumer,
            enricher,
            lander,
            runtime,
            partitions,
            taken: BTreeMap::new(),
            left: Left::new(),
            lag: Lag::new(events),
        })
    }

    /// Works on this thread, and on one for each small table, until asked to stop.
    ///
    /// # Errors
    /// `SinkError` when it must not go on.
    pub fn run(mut self, shutdown: &Shutdown) -> Result<(), SinkError> {
        let mut sides = Vec::new();
        for topic in [Topic::Alerts, Topic::DeadLetters, Topic::Identities, Topic::Gaps] {
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
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 6);
        let mut is_log_away = false;
        while !shutdown.is_requested() {
            self.pause_or_resume()?;
            match self.poll(shutdown) {
                Ok(Polled::Assigned(assigned)) => self.left.put(assigned),
                Ok(Polled::Revoked(revoked)) => {
                    self.taken.retain(|partition, _| !revoked.contains(partition));
                    self.left.forget(&revoked);
                    self.lander.component.forget(Topic::Events.as_str(), &revoked);
                }
                Ok(Polled::Records(_)) => {
                    backoff.reset();
                    if std::mem::take(&mut is_log_away) {
                        self.lander.component.ready();
                    }
                }
                Err(SinkError::Consume(ConsumeError::Unavailable { reason })) => {
                    tracing::warn!(%reason, "the log cannot be read, trying again");
                    is_log_away = true;
                    self.lander.component.not_ready(format!("the log cannot be read: {reason}"));
                    shutdown.sleep(backoff.next_wait());
                }
                Err(error) => return Err(error),
            }
            if shutdown.is_requested() {
                break;
            }
            self.take_up_left()?;
            self.take_landed()?;
            self.seal_due()?;
            self.plan_and_send();
            self.look();
        }
        self.drain()
    }

    /// Tells how it stands.
    fn look(&mut self) {
        let in_flight: usize = self.taken.values().map(|taken| taken.lane.in_flight()).sum();
        self.lander.metrics.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        // What is left waits too: a sink that starts while ClickHouse is away must not say that nothing is behind.
        let taken = self.taken.iter().map(|(partition, taken)| Place::of(*partition, &taken.lane));
        self.lag.look(&self.broker, taken.chain(self.left.places()), &self.lander.metrics);
    }

    /// Reads on only while no sealed batch waits for room.
    fn pause_or_resume(&mut self) -> Result<(), SinkError> {
        let is_crowded = self.taken.values().any(|taken| taken.lane.waiting() > 0);
        for (partition, taken) in self.taken.iter_mut().filter(|(_, taken)| taken.must_pause(is_crowded)) {
            let place = [*partition];
            let done = if is_crowded { self.consumer.pause(&place) } else { self.consumer.resume(&place) };
            match done {
                Ok(()) => taken.is_paused = is_crowded,
                // It went, and the next poll says so.
                Err(ConsumeError::Refused { reason }) => tracing::debug!(partition, %reason, "cannot pause or resume"),
                Err(ConsumeError::Unavailable { reason }) => {
                    tracing::warn!(partition, %reason, "cannot pause or resume")
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn poll(&mut self, shutdown: &Shutdown) -> Result<Polled, SinkError> {
        let (all, enricher, lander) = (&mut self.taken, &mut self.enricher, &self.lander);
        let (mut dead, mut halted): (Vec<Dead>, Vec<(u32, SinkError)>) = (Vec::new(), Vec::new());
        let mut fatal = None;
        let polled = self.consumer.poll(POLL_TIMEOUT, lander.config.poll_records_max, &mut |record| {
            let Some(taken) = all.get_mut(&record.partition).filter(|_| fatal.is_none()) else { return };
            if taken.is_halted {
                return;
            }
            let lane = &mut taken.lane;
            match take(lane, &record, enricher) {
                Ok(None) => {}
                Ok(Some(flaw)) => dead.push(dead_record(&record, flaw)),
                Err(error @ SinkError::Decode { .. }) => {
                    taken.is_halted = true;
                    halted.push((record.partition, error));
                    return;
                }
                Err(error) => fatal = Some(error),
            }
            if fatal.is_none() && lane.must_seal(&lander.config) {
                fatal = lane.seal().err().map(|planned| unlike_planned(record.partition, planned));
            }
        })?;
        if let Some(error) = fatal {
            return Err(error);
        }
        for (partition, error) in halted {
            self.lander.component.halt(Topic::Events.as_str(), partition, error.to_string());
            // Only so that nothing is read for nothing.
            self.consumer.pause(&[partition]).ok();
        }
        let topic = Topic::DeadLetters.name(&self.prefix);
        for record in dead {
            self.lander.metrics.dead_records.inc();
            if !record.bury(&self.broker, &topic, shutdown)? {
                break;
            }
        }
        Ok(polled)
    }

    /// Seals what is full; of what is old enough the oldest, as much as there is room to send; and what has waited for room too long, or all of
    /// it where the open batches come to as many bytes as may be on their way: then they wait sealed, and reading pauses.
    fn seal_due(&mut self) -> Result<(), SinkError> {
        let (now, config) = (Instant::now(), &self.lander.config);
        let lanes = || self.taken.values().map(|taken| &taken.lane);
        let busy: usize = lanes().map(|lane| lane.in_flight() + lane.waiting()).sum();
        let open_bytes: usize = lanes().map(|lane| lane.open.bytes()).sum();
        let room = config.batches_in_flight_max.clamp(1, RANGES_MAX).saturating_sub(busy);
        let patience = Duration::from_millis(config.flush_interval_ms.saturating_mul(ROOM_INTERVALS_MAX));
        let overdue_since = if open_bytes < config.in_flight_bytes_max { now.checked_sub(patience) } else { Some(now) };
        let due =
            self.taken.iter().filter_map(|(partition, taken)| Some((taken.lane.due_since(config, now)?, *partition)));
        let due = choose_due(due.collect(), room, overdue_since);
        for (partition, taken) in &mut self.taken {
            if due.contains(partition) || taken.lane.must_seal(config) {
                taken.lane.seal().map_err(|planned| unlike_planned(*partition, planned))?;
            }
        }
        Ok(())
    }

    fn take_landed(&mut self) -> Result<(), SinkError> {
        for taken in self.taken.values_mut() {
            while let Some(joined) = taken.inserts.try_join_next() {
                match joined {
                    Ok((range, Ok(()))) => taken.lane.landed(range),
                    Ok((_, Err(NotLanded::Stopping))) => {}
                    Ok((_, Err(error))) => return Err(error.into()),
                    Err(error) => return Err(SinkError::Start(format!("an insert broke: {error}"))),
                }
            }
        }
        Ok(())
    }

    /// Commits what has landed together with the plan of what is sent next, and then sends it. What is not planned is not sent: it could not
    /// be formed again after a crash. Where the commit is fenced another has the partition, or will have it, and all its batches are dropped.
    fn plan_and_send(&mut self) {
        let sum = |count: fn(&Lane) -> usize| self.taken.values().map(|taken| count(&taken.lane)).sum::<usize>();
        let (in_flight, config) = (sum(Lane::in_flight), &self.lander.config);
        let mut room = Room {
            batches: config.batches_in_flight_max.clamp(1, RANGES_MAX).saturating_sub(in_flight),
            bytes: config.in_flight_bytes_max.saturating_sub(sum(Lane::in_flight_bytes)),
            is_idle: in_flight == 0,
        };
        let mut fenced = Vec::new();
        for (partition, taken) in &mut self.taken {
            while taken.lane.plan_next(&mut room) {}
            match commit(&mut self.consumer, *partition, &mut taken.lane) {
                Committing::Done => {}
                Committing::NotYet => continue,
                Committing::Fenced => {
                    fenced.push(*partition);
                    continue;
                }
            }
            for (sealed, beginning) in taken.lane.take_planned() {
                let lander = self.lander.clone();
                let insert = async move { (sealed.range, lander.land(&sealed, beginning).await) };
                taken.inserts.spawn_on(insert, &self.runtime);
            }
        }
        for partition in fenced {
            self.taken.remove(&partition);
            self.left.ask_again(partition);
        }
    }

    /// Waits a moment for what is on its way, so that the next start has less to send again.
    fn drain(&mut self) -> Result<(), SinkError> {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while self.taken.values().any(|taken| !taken.inserts.is_empty()) && Instant::now() < deadline {
            thread::sleep(DRAIN_LOOK);
            self.take_landed()?;
        }
        self.taken.iter_mut().for_each(|(partition, taken)| {
            commit(&mut self.consumer, *partition, &mut taken.lane);
        });
        Ok(())
    }
}

/// What became of a commit.
enum Committing {
    Done,
    NotYet,
    Fenced,
}

/// Commits where a lane stands, if that is not committed. What could not be committed is committed later.
fn commit(consumer: &mut Consumer, partition: u32, lane: &mut Lane) -> Committing {
    let Some((offset, metadata)) = lane.commit() else { return Committing::Done };
    match consumer.commit(partition, offset, &metadata) {
        Ok(()) => {
            lane.committed();
            Committing::Done
        }
        Err(CommitError::Fenced) => {
            tracing::info!(partition, "cannot commit: the partition is another's; its batches are dropped");
            Committing::Fenced
        }
        Err(error) => {
            tracing::warn!(%error, partition, "cannot commit; it is done again");
            Committing::NotYet
        }
    }
}

/// Takes one record, sealing before it where it does not belong into the open batch. `Some` is a flaw that makes it a dead letter.
fn take(lane: &mut Lane, record: &RecordRef<'_>, enricher: &mut Enricher) -> Result<Option<DecodeError>, SinkError> {
    let (partition, offset, logged_at) = (record.partition, record.offset, Timestamp(record.logged_at_ms));
    let value = record.value.unwrap_or_default();
    let decoded = match decode_log_record(value) {
        Err(source) if source.must_halt() => {
            return Err(SinkError::Decode { topic: Topic::Events.as_str().to_owned(), partition, offset, source });
        }
        decoded => decoded,
    };
    if lane.must_seal_before(offset, decoded.as_ref().ok().and_then(month_of)) {
        lane.seal().map_err(|planned| unlike_planned(partition, planned))?;
    }
    match decoded {
        Ok(decoded) => Ok(lane.open.take(offset, logged_at, decoded, value.len(), enricher).err()),
        Err(flaw) => {
            lane.open.pass(offset, logged_at);
            Ok(Some(flaw))
        }
    }
}

fn dead_record(record: &RecordRef<'_>, flaw: DecodeError) -> Dead {
    let (partition, offset, logged_at) = (record.partition, record.offset, Timestamp(record.logged_at_ms));
    Dead { partition, offset, logged_at, value: record.value.unwrap_or_default().to_vec(), flaw }
}

fn unlike_planned(partition: u32, planned: Range) -> SinkError {
    let reason = format!(
        "offsets {} to {} do not give the rows that were planned ({}); the log was changed, or another version planned them. Compare the rows of these offsets in the table with the log, then reset the offset of the group `sink`",
        planned.start, planned.end, planned.rows
    );
    SinkError::Plan { partition, reason }
}
