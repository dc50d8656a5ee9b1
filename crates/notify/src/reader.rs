//! The thread that reads alerts for one receiver: hands each to the receiver's queue, and commits what is done.
//!
//! What has been delivered is read from `deliveries` when a partition comes. When it goes, what is on its way for it is given up: the new
//! owner tells the receiver. A post that is under way at that moment may reach the receiver a second time, under the same id; that is the
//! only time, beside a 2xx that got lost.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::{Assignment, CommitError, Committed, ConsumeError, Consumer, Polled, Record, RecordRef, StartAt};
use codec::DecodeError;
use event::{Alert, DeliveryState, Timestamp};
use hashbrown::HashMap;
use runtime::{Backoff, Component, Shutdown};
use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::{
    NotifyError, ReceiverKind,
    deliver::{Job, Place, now},
    process::{Lane, Log},
    progress::Progress,
    receivers::active_until,
    told::Told,
};

/// What the name of a receiver's consumer group begins with.
const GROUP_PREFIX: &str = "notify-";
/// What the metadata of a commit holds: the time since which the receiver is told of alerts, in milliseconds since 1970.
const SINCE: &str = "since=";
const HOUR_MS: i64 = 3_600_000;
/// How long one poll waits: a stop and a finished delivery are noticed within this time.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);
/// Alerts taken by one poll: there is room for so many in the queue, or reading pauses.
pub(crate) const POLL_RECORDS_MAX: usize = 256;
/// How long a stop waits for posts that are under way.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a stop looks whether they have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(10);
/// Records of `deliveries` that nobody needs any more, removed when a partition comes; the rest the next time.
const FORGOTTEN_MAX: usize = 10_000;

/// The thread that reads.
pub(crate) struct Reader {
    log: Log,
    lane: Lane,
    done: mpsc::UnboundedReceiver<Place>,
    consumer: Consumer,
    partitions: HashMap<u32, Turn>,
    turns: u64,
}

/// Our turn at a partition.
struct Turn {
    number: u64,
    progress: Progress,
    /// What is committed; nothing at the first start, and then the time in `since` is yet to be kept, too.
    committed: Option<u64>,
    /// Alerts of before are not for this receiver: it was not there yet.
    since: Timestamp,
    told: Told,
    given_up: Shutdown,
    is_paused: bool,
}

impl Reader {
    /// Joins the receiver's group.
    pub(crate) fn new(log: Log, lane: Lane, done: mpsc::UnboundedReceiver<Place>) -> Result<Reader, NotifyError> {
        let group = format!("{GROUP_PREFIX}{}", lane.receiver.id);
        let consumer = log.broker.consumer(&group, &log.alerts, StartAt::Earliest)?;
        Ok(Reader { log, lane, done, consumer, partitions: HashMap::new(), turns: 0 })
    }

    /// The path of an alert: read, hand over, commit.
    pub(crate) fn run(mut self, shutdown: &Shutdown, component: &Component) -> Result<(), NotifyError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 3);
        let mut is_away = false;
        while !shutdown.is_requested() {
            self.pause_or_resume()?;
            let mut read = Vec::new();
            match self.consumer.poll(POLL_TIMEOUT, POLL_RECORDS_MAX, &mut |record| read.push(owned(&record))) {
                Ok(Polled::Assigned(assigned)) => {
                    assigned.iter().try_for_each(|assignment| self.assign(assignment, shutdown))?;
                    component.ready();
                }
                Ok(Polled::Revoked(revoked)) => self.give_up(&revoked),
                Ok(Polled::Records(_)) => {
                    for (partition, offset, value) in read {
                        self.hand_over(partition, offset, &value)?;
                    }
                    if std::mem::take(&mut is_away) {
                        backoff.reset();
                        component.ready();
                    }
                }
                Err(ConsumeError::Unavailable { reason }) => {
                    is_away = true;
                    component.not_ready(format!("the log cannot be read: {reason}"));
                    shutdown.sleep(backoff.next_wait());
                }
                Err(error) => return Err(error.into()),
            }
            self.take_done();
            self.commit();
        }
        self.drain();
        Ok(())
    }

    /// Reads on only while the receiver's queue has room for a whole poll.
    fn pause_or_resume(&mut self) -> Result<(), NotifyError> {
        let is_crowded = self.lane.jobs.capacity() < POLL_RECORDS_MAX;
        for (partition, turn) in self.partitions.iter_mut().filter(|(_, turn)| turn.is_paused != is_crowded) {
            let place = [*partition];
            let done = if is_crowded { self.consumer.pause(&place) } else { self.consumer.resume(&place) };
            match done {
                Ok(()) => turn.is_paused = is_crowded,
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

    /// Takes up a partition, for as long as it takes to read what was delivered there.
    fn assign(&mut self, assignment: &Assignment, shutdown: &Shutdown) -> Result<(), NotifyError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 4);
        self.give_up(&[assignment.partition]);
        loop {
            match self.take_up(assignment) {
                Err(NotifyError::Log(ConsumeError::Unavailable { reason })) => {
                    tracing::warn!(partition = assignment.partition, %reason, "cannot take up a partition, trying again");
                    shutdown.sleep(backoff.next_wait());
                    if shutdown.is_requested() {
                        return Ok(());
                    }
                }
                result => return result,
            }
        }
    }

    /// Reads what was delivered, and what Alertmanager should still hold, before this partition's alerts are read on.
    fn take_up(&mut self, assignment: &Assignment) -> Result<(), NotifyError> {
        let partition = assignment.partition;
        let from = assignment.committed.as_ref().map_or(assignment.low, |committed| committed.offset);
        let told = self.restore_told(partition)?;
        if self.lane.receiver.kind == ReceiverKind::Alertmanager {
            self.restore_active(partition, from)?;
        }
        self.turns += 1;
        let (progress, given_up) = (Progress::starting_at(from), Shutdown::new());
        let since = told_since(assignment.committed.as_ref(), now(), self.lane.config.new_receiver_backlog_hours);
        let committed = assignment.committed.as_ref().map(|committed| committed.offset);
        let turn = Turn { number: self.turns, progress, committed, since, told, given_up, is_paused: false };
        self.partitions.insert(partition, turn);
        Ok(())
    }

    fn restore_told(&self, partition: u32) -> Result<Told, NotifyError> {
        let now = now();
        let (mut told, mut forgotten, mut fatal) = (Told::default(), Vec::new(), None);
        self.log.broker.read(&self.log.deliveries, partition, None, &mut |record| {
            let delivery = match record.value.map(codec::decode_delivery) {
                Some(Ok(delivery)) => delivery,
                Some(Err(source)) => return pass_over(&self.log.deliveries, &record, source, &mut fatal),
                None => return,
            };
            let is_ours = delivery.receiver == self.lane.receiver.id && delivery.state == DeliveryState::Delivered;
            let is_needed = !is_ours || told.restore(delivery.alert_id, delivery.delivered_at, now);
            if !is_needed && forgotten.len() < FORGOTTEN_MAX {
                forgotten.push(record.key.map(<[u8]>::to_vec));
            }
        })?;
        fatal.map_or(Ok(()), Err)?;
        for key in forgotten {
            // What is not removed now is found again by the next owner of the partition: nobody waits for it.
            if let Err(error) = self.log.broker.append(&self.log.deliveries, Record { partition, key, value: None }) {
                tracing::debug!(%error, "an old delivery is not removed yet");
                break;
            }
        }
        Ok(told)
    }

    fn restore_active(&self, partition: u32, from: u64) -> Result<(), NotifyError> {
        let active_ms = i64::try_from(self.lane.config.alertmanager_active_ms).unwrap_or(i64::MAX);
        let mut fatal = None;
        self.log.broker.read(&self.log.alerts, partition, None, &mut |record| {
            let alert = match record.value.filter(|_| record.offset < from).map(codec::decode_alert) {
                Some(Ok(alert)) => alert,
                Some(Err(source)) => return pass_over(&self.log.alerts, &record, source, &mut fatal),
                None => return,
            };
            if active_until(&alert, active_ms) > now() && self.lane.receiver.wants(&alert) {
                post_again(&self.lane, &Arc::new(alert));
            }
        })?;
        fatal.map_or(Ok(()), Err)
    }

    /// Partitions went to another process.
    fn give_up(&mut self, partitions: &[u32]) {
        for turn in partitions.iter().filter_map(|partition| self.partitions.remove(partition)) {
            turn.given_up.request();
        }
    }

    /// Gives an alert to the receiver, if it wants it and does not have it.
    fn hand_over(&mut self, partition: u32, offset: u64, value: &[u8]) -> Result<(), NotifyError> {
        let Some(turn) = self.partitions.get_mut(&partition) else { return Ok(()) };
        turn.progress.pass(offset);
        let alert = match codec::decode_alert(value) {
            Ok(alert) => Arc::new(alert),
            Err(source) if source.must_halt() => {
                return Err(NotifyError::Decode { topic: self.log.alerts.clone(), partition, offset, source });
            }
            Err(error) => {
                tracing::error!(%error, partition, offset, "an alert cannot be read and is passed over");
                return Ok(());
            }
        };
        if !self.lane.receiver.wants(&alert) || alert.logged_at < turn.since {
            return Ok(());
        }
        let now = now();
        if !turn.told.tell(alert.id, now, now) {
            post_again(&self.lane, &alert);
            return Ok(());
        }
        turn.progress.begin(offset);
        self.lane.metrics.waiting.with_label_values(&[&self.lane.receiver.id]).inc();
        let place = Place { partition, turn: turn.number, offset };
        let job = Job { alert, place, given_up: turn.given_up.clone() };
        // There was room for a whole poll, so this does not wait.
        if self.lane.jobs.blocking_send(job).is_err() {
            tracing::debug!("stopping: an alert stays in the log for the next start");
        }
        Ok(())
    }

    /// Notes what is done. True when nothing will be done any more.
    fn take_done(&mut self) -> bool {
        loop {
            match self.done.try_recv() {
                Ok(place) => {
                    if let Some(turn) =
                        self.partitions.get_mut(&place.partition).filter(|turn| turn.number == place.turn)
                    {
                        turn.progress.complete(place.offset);
                    }
                }
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
    }

    /// Commits what is done since the last time. A commit that does not go through is done again with the next.
    fn commit(&mut self) {
        for (partition, turn) in &mut self.partitions {
            let next = turn.progress.committable();
            if turn.committed.is_some_and(|committed| next <= committed) {
                continue;
            }
            match self.consumer.commit(*partition, next, &format!("{SINCE}{}", turn.since.0)) {
                Ok(()) => turn.committed = Some(next),
                Err(CommitError::Fenced) => tracing::debug!(partition, "cannot commit: the partition is about to go"),
                Err(error) => tracing::warn!(%error, partition, "cannot commit alerts; it is tried again"),
            }
        }
    }

    /// Waits a moment for the posts that are under way, so that the next start tells nobody twice.
    fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while !self.take_done() && Instant::now() < deadline {
            thread::sleep(DRAIN_LOOK);
        }
        self.commit();
    }
}

/// Since when a receiver is told: as its first commit says, or, before that, from a while ago on. Otherwise a receiver that is new in the
/// configuration would be told of each alert of the last 90 days.
fn told_since(committed: Option<&Committed>, now: Timestamp, backlog_hours: u32) -> Timestamp {
    let noted = committed.and_then(|committed| committed.metadata.strip_prefix(SINCE)?.parse().ok());
    noted.map_or_else(|| now.plus_ms(-HOUR_MS * i64::from(backlog_hours)), Timestamp)
}

/// Alertmanager has been told of it, and is to be told again until its time is over.
fn post_again(lane: &Lane, alert: &Arc<Alert>) {
    if lane.receiver.kind == ReceiverKind::Alertmanager && lane.active.blocking_send(Arc::clone(alert)).is_err() {
        tracing::debug!("stopping: nothing is posted again");
    }
}

/// A record that cannot be read: fatal where a newer version wrote it.
fn pass_over(topic: &str, record: &RecordRef<'_>, source: DecodeError, fatal: &mut Option<NotifyError>) {
    let (partition, offset) = (record.partition, record.offset);
    if source.must_halt() {
        fatal.get_or_insert(NotifyError::Decode { topic: topic.to_owned(), partition, offset, source });
    } else {
        tracing::error!(topic, partition, offset, error = %source, "a record cannot be read and is passed over");
    }
}

fn owned(record: &RecordRef<'_>) -> (u32, u64, Vec<u8>) {
    (record.partition, record.offset, record.value.unwrap_or_default().to_vec())
}
