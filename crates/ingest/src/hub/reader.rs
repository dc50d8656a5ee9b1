//! The thread that reads one hub: look, take in, commit. Whatever the hub does, it goes on until somebody asks to stop.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use broker::{Assignment, CommitError, ConsumeError, Consumer, ForeignTopic, Polled, StartAt};
use event::Timestamp;
use runtime::Backoff;

use super::{
    batch::{Lander, Message, Reached},
    losses::{Loss, Losses, loss, metadata},
};
use crate::{clock::now, metrics::HubState};

/// How long one look waits for messages.
const POLL_TIMEOUT: Duration = Duration::from_millis(500);
/// Messages of one look; their bytes are bounded by the broker, at about 8 MiB.
const POLL_MESSAGES_MAX: usize = 256;
/// The first wait before the group is joined anew, and the longest.
const JOIN_WAIT: Duration = Duration::from_secs(1);
const JOIN_WAIT_MAX: Duration = Duration::from_secs(60);
/// How often a hub that was away is asked whether it is back, as long as no message says so.
const ASK_INTERVAL: Duration = Duration::from_secs(10);

/// The reader of one hub.
pub(super) struct Reader {
    hub: ForeignTopic,
    lander: Lander,
    state: Option<HubState>,
    /// What was dropped, and up to when is not known yet.
    losses: Losses,
}

/// Why the group must be joined anew.
struct Trouble {
    state: HubState,
    error: ConsumeError,
}

impl Reader {
    pub(super) fn new(hub: ForeignTopic, lander: Lander) -> Reader {
        Reader { hub, lander, state: None, losses: Losses::default() }
    }

    /// Reads until asked to stop.
    pub(super) fn run(mut self) {
        let connection = self.lander.connection.id.clone();
        self.show(HubState::Joining);
        let mut backoff = Backoff::new(JOIN_WAIT, JOIN_WAIT_MAX, u64::from(std::process::id()));
        while !self.lander.shutdown.is_requested() {
            let Err(trouble) = self.read(&mut backoff) else { return };
            self.show(trouble.state);
            let wait = backoff.next_wait();
            tracing::warn!(connection, error = %trouble.error, wait_ms = wait.as_millis(), "a hub cannot be read, trying again");
            self.lander.shutdown.sleep(wait);
        }
    }

    /// Joins the group and reads. `Ok` when asked to stop.
    fn read(&mut self, backoff: &mut Backoff) -> Result<(), Trouble> {
        let mut member = self.hub.join(StartAt::Earliest).map_err(trouble)?;
        let (mut partitions, mut messages) = (Vec::new(), Vec::new());
        self.losses = Losses::default();
        let mut asked_at = Instant::now();
        while !self.lander.shutdown.is_requested() {
            let polled = member.poll(POLL_TIMEOUT, POLL_MESSAGES_MAX, &mut |record| messages.push(Message::of(record)));
            match polled {
                Ok(Polled::Assigned(given)) => {
                    partitions.extend(given.iter().map(|assignment| assignment.partition));
                    self.begin(&mut member, &given).map_err(trouble)?;
                    self.show(HubState::Reading);
                    backoff.reset();
                }
                Ok(Polled::Revoked(taken)) => {
                    partitions.retain(|partition| !taken.contains(partition));
                    self.losses.forget(&taken);
                }
                Ok(Polled::Records(0)) => {}
                Ok(Polled::Records(_)) => {
                    self.show(HubState::Reading);
                    for (partition, loss, end) in self.losses.ended_by(&messages) {
                        self.note(partition, &loss, end);
                    }
                    // Where a loss could not be noted, we are asked to stop, and nothing lands that could be committed.
                    let reached = self.lander.land(&messages);
                    messages.clear();
                    self.commit(&mut member, &reached);
                }
                // librdkafka goes on trying by itself; the member stays what it is.
                Err(ConsumeError::Unavailable { reason }) => {
                    self.away(&reason);
                    asked_at = Instant::now();
                }
                Err(error) => return Err(trouble(error)),
            }
            if self.state == Some(HubState::Away) && asked_at.elapsed() >= ASK_INTERVAL {
                self.ask(&member, &partitions);
                asked_at = Instant::now();
            }
        }
        Ok(())
    }

    /// Where reading begins is decided by what the group has committed, unless the hub does not hold that any more: then messages were lost,
    /// which is said aloud and noted as a gap, and reading begins with the oldest that is left. The hub's retention is not ours to stop for.
    fn begin(&mut self, member: &mut Consumer, given: &[Assignment]) -> Result<(), ConsumeError> {
        for assignment in given {
            let Some(loss) = loss(assignment) else { continue };
            let (connection, partition) = (self.lander.connection.id.as_str(), assignment.partition);
            tracing::error!(
                connection,
                partition,
                lost = loss.messages,
                "the hub dropped messages before they were read; going on with the oldest there is"
            );
            self.lander.metrics.lost(connection, loss.messages);
            member.seek(partition, assignment.low)?;
            if loss.messages > 0 && assignment.low < assignment.high {
                self.losses.await_end(partition, loss);
            } else if loss.messages > 0 {
                // Nothing is left that could say up to when. It is committed at once, so that it is not found, and counted, again.
                let reached = Reached { next_offset: assignment.low, written_at: now() };
                if self.note(partition, &loss, reached.written_at) {
                    self.commit(member, &BTreeMap::from([(partition, reached)]));
                }
            }
        }
        Ok(())
    }

    /// Writes a loss down; false where somebody asked to stop first.
    fn note(&self, partition: u32, loss: &Loss, end: Timestamp) -> bool {
        let connection = &self.lander.connection;
        self.lander.note(&loss.gap((&connection.tenant, &connection.id), partition, end, now()))
    }

    /// A commit that does not go through costs nothing but reading again: the next one says more.
    fn commit(&self, member: &mut Consumer, reached: &BTreeMap<u32, Reached>) {
        let connection = self.lander.connection.id.as_str();
        for (partition, reached) in reached {
            match member.commit(*partition, reached.next_offset, &metadata(reached)) {
                Ok(()) => {}
                Err(CommitError::Fenced) => tracing::info!(connection, partition, "the partition is another's now"),
                Err(error) => tracing::warn!(connection, partition, %error, "an offset of a hub was not committed"),
            }
        }
    }

    /// Is the hub back? Silence says nothing: there may be no messages.
    fn ask(&mut self, member: &Consumer, partitions: &[u32]) {
        let Some(partition) = partitions.first() else { return };
        if member.committed(*partition).is_ok() {
            self.show(HubState::Reading);
        }
    }

    fn away(&mut self, reason: &str) {
        if self.state != Some(HubState::Away) {
            let connection = self.lander.connection.id.as_str();
            tracing::warn!(connection, reason, "a hub is away; it is tried again and again");
        }
        self.lander.metrics.failed(&self.lander.connection.id);
        self.show(HubState::Away);
    }

    fn show(&mut self, state: HubState) {
        if self.state != Some(state) {
            let connection = self.lander.connection.id.as_str();
            tracing::info!(connection, state = state.as_str(), "hub");
            self.lander.metrics.show(connection, state);
            self.state = Some(state);
        }
    }
}

fn trouble(error: ConsumeError) -> Trouble {
    let state = if matches!(error, ConsumeError::Refused { .. }) { HubState::Refused } else { HubState::Away };
    Trouble { state, error }
}
