//! Who polls what: the members of the group `pollers` share the partitions of `cursors`, and whoever has a tenant's partition polls its feeds.
//!
//! No offset is committed and nothing is read through the group: it only decides. When a partition comes, its cursors are read to their end
//! first; when it goes, its pollers stop. Kafka misses a member that dies after `SESSION_TIMEOUT`, so another one goes on within seconds. For
//! as long as an old owner does not know yet that it is none, both may fetch a page and both may write a cursor: the page's events have the
//! same ids, and the older of two cursors repeats pages. Neither loses or doubles anything, so nothing needs a fence here.
//!
//! History is fetched by the same owner: it looks every half second whether any was ordered (`backfills`).

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, ConsumeError, Consumer, Polled, StartAt};
use hashbrown::HashMap;
use runtime::{Backoff, Shutdown};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    backfills::{Backfills, History},
    cursors::{Cursors, PollError, Seen},
    poller::Poller,
};

/// The consumer group.
const GROUP: &str = "pollers";
/// How soon a dead owner is missed, on Kafka: the least that its brokers allow by default. A member beats three times in that time.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// How long one look at the group waits: a stop is noticed within this time.
const LOOK_TIMEOUT: Duration = Duration::from_millis(100);
/// How often it is looked whether history was ordered.
const ORDERS_LOOK: Duration = Duration::from_millis(500);
/// How long it is not looked for where the log is away.
const ORDERS_AWAY: Duration = Duration::from_secs(5);
/// How long a stop waits for pages that are being accepted.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it looks whether they have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// The thread that shares the work.
pub(crate) struct Owner {
    consumer: Consumer,
    cursors: Cursors,
    pollers: Vec<Arc<Poller>>,
    tasks: Handle,
    turns: HashMap<u32, Turn>,
    /// Partitions that are ours and whose cursors could not be read yet.
    waiting: Vec<u32>,
    backoff: Backoff,
    history: History,
    look_at: Instant,
}

/// Our turn at a partition.
struct Turn {
    stop: Shutdown,
    running: Vec<JoinHandle<()>>,
    seen: Seen,
    backfills: Backfills,
}

impl Owner {
    /// Joins the group.
    pub(crate) fn new(
        broker: &Broker,
        cursors: Cursors,
        pollers: Vec<Arc<Poller>>,
        history: History,
        tasks: Handle,
    ) -> Result<Owner, PollError> {
        let consumer = broker.quick_consumer(GROUP, cursors.topic(), StartAt::Latest, SESSION_TIMEOUT)?;
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 5);
        let (turns, waiting, look_at) = (HashMap::new(), Vec::new(), Instant::now());
        Ok(Owner { consumer, cursors, pollers, tasks, turns, waiting, backoff, history, look_at })
    }

    /// Takes up what comes and gives up what goes, until asked to stop. Then everything in work ends before the group is left, so that the
    /// next owner begins where this one stopped.
    pub(crate) fn run(mut self, shutdown: &Shutdown) -> Result<(), PollError> {
        while !shutdown.is_requested() {
            match self.consumer.poll(LOOK_TIMEOUT, 1, &mut |_| {}) {
                Ok(Polled::Assigned(assigned)) => {
                    let partitions: Vec<u32> = assigned.iter().map(|assignment| assignment.partition).collect();
                    // Nothing of the topic is read through the group.
                    self.consumer.pause(&partitions)?;
                    self.give_up(&partitions);
                    self.waiting.extend(partitions);
                }
                Ok(Polled::Revoked(revoked)) => self.give_up(&revoked),
                Ok(Polled::Records(_)) => self.mend(),
                Err(ConsumeError::Unavailable { reason }) => {
                    tracing::warn!(%reason, "the log is away; pollers keep what they have");
                    shutdown.sleep(self.backoff.next_wait());
                }
                Err(error) => return Err(error.into()),
            }
            self.take_up(shutdown)?;
            self.attend()?;
        }
        self.drain();
        Ok(())
    }

    /// Reads the cursors of new partitions and starts their pollers.
    fn take_up(&mut self, shutdown: &Shutdown) -> Result<(), PollError> {
        let Some(partition) = self.waiting.last().copied() else { return Ok(()) };
        let mut seen = Seen::default();
        match self.cursors.read_on(partition, &mut seen) {
            Ok(()) => {}
            Err(PollError::Log(ConsumeError::Unavailable { reason })) => {
                tracing::warn!(partition, %reason, "cannot read cursors, trying again");
                shutdown.sleep(self.backoff.next_wait());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.backoff.reset();
        self.waiting.pop();
        let ours =
            self.pollers.iter().filter(|poller| self.cursors.partition_of(&poller.connection.tenant) == partition);
        let stop = Shutdown::new();
        let running = ours.map(|poller| {
            let (connection, feed) = (&poller.connection, &poller.name);
            let cursor = seen.feed(&connection.tenant, &connection.id, feed).cloned();
            tracing::info!(connection = %connection.id, %feed, is_resumed = cursor.is_some(), "polling");
            self.tasks.spawn(Arc::clone(poller).run(cursor, stop.clone()))
        });
        let running = running.collect();
        self.turns.insert(partition, Turn { stop, running, seen, backfills: Backfills::default() });
        self.look_at = Instant::now();
        Ok(())
    }

    /// Sees what history was ordered, and to it.
    fn attend(&mut self) -> Result<(), PollError> {
        if Instant::now() < self.look_at {
            return Ok(());
        }
        self.look_at = Instant::now() + ORDERS_LOOK;
        for (partition, turn) in &mut self.turns {
            turn.backfills.reap();
            match self.cursors.read_on(*partition, &mut turn.seen) {
                Ok(()) => {}
                Err(PollError::Log(ConsumeError::Unavailable { reason })) => {
                    tracing::warn!(partition, %reason, "cannot see whether history was ordered, trying again");
                    self.look_at = Instant::now() + ORDERS_AWAY;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let is_of_it = |poller: &&Arc<Poller>| self.cursors.partition_of(&poller.connection.tenant) == *partition;
            turn.backfills.attend(&turn.seen, self.pollers.iter().filter(is_of_it), &self.history, &self.tasks);
        }
        Ok(())
    }

    /// Stops the pollers of partitions that another process has now. What they are doing at this moment is harmless (see above).
    fn give_up(&mut self, partitions: &[u32]) {
        self.waiting.retain(|partition| !partitions.contains(partition));
        for turn in partitions.iter().filter_map(|partition| self.turns.remove(partition)) {
            turn.stop.request();
            turn.backfills.stop();
        }
    }

    /// A poller never ends by itself. One that does has a defect, and the others of its partition go on with it, from the last cursors.
    fn mend(&mut self) {
        let is_broken = |turn: &Turn| turn.running.iter().any(JoinHandle::is_finished);
        let broken: Vec<u32> =
            self.turns.iter().filter(|(_, turn)| is_broken(turn)).map(|(partition, _)| *partition).collect();
        for partition in broken {
            tracing::error!(partition, "a poller ended by itself; the partition's pollers are started again");
            self.give_up(&[partition]);
            self.waiting.push(partition);
        }
    }

    /// Lets the pages in work come into the log, and their cursors too.
    fn drain(&mut self) {
        for turn in self.turns.values() {
            turn.stop.request();
            turn.backfills.stop();
        }
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let tasks_of = |turn: Turn| turn.running.into_iter().chain(turn.backfills.into_tasks());
        let running: Vec<JoinHandle<()>> = self.turns.drain().flat_map(|(_, turn)| tasks_of(turn)).collect();
        while running.iter().any(|task| !task.is_finished()) && Instant::now() < deadline {
            thread::sleep(DRAIN_LOOK);
        }
    }
}
