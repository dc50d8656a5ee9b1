//! Taking up the partitions that the group gives us: where reading begins, what is formed again, and what is in force there.
//!
//! Three places are asked: the group for its plan, ClickHouse where no plan tells what was sent, the log for what is in force. Any of them
//! may be away for a while, and polling must go on meanwhile, or the group takes us for dead. So what cannot be taken up is left, and tried
//! again.

use std::time::{Duration, Instant};

use broker::{Assignment, Committed, ConsumeError, partition_of};
use codec::Topic;
use runtime::Backoff;
use store::StoreError;
use tokio::task::JoinSet;

use super::{Sink, Taken};
use crate::{
    DigestError, SinkError,
    lag::Place,
    lane::Lane,
    plan::BadPlan,
    restore::Restoring,
    resume::{Resume, resume},
};

/// Partitions that are ours and were not taken up.
pub(super) struct Left {
    assignments: Vec<Waiting>,
    /// Partitions whose commit was fenced, and which the group may leave with us all the same.
    fenced: Vec<u32>,
    backoff: Backoff,
    not_before: Option<Instant>,
}

/// A partition as the group gave it.
struct Waiting {
    assignment: Assignment,
    /// Was it tried before? Then records may have come and gone since.
    was_tried: bool,
}

/// Why a partition was not taken up.
enum NotTakenUp {
    /// Later.
    NotYet(String),
    /// It is not ours any more.
    Gone,
    /// Never.
    Halt(SinkError),
}

impl From<ConsumeError> for NotTakenUp {
    fn from(error: ConsumeError) -> NotTakenUp {
        match error {
            ConsumeError::Unavailable { reason } => NotTakenUp::NotYet(reason),
            error => NotTakenUp::Halt(error.into()),
        }
    }
}

/// Why it is not known where to resume.
enum Unknown {
    Plan(BadPlan),
    Table(StoreError),
}

impl From<BadPlan> for Unknown {
    fn from(error: BadPlan) -> Unknown {
        Unknown::Plan(error)
    }
}

impl Left {
    /// None.
    pub(super) fn new() -> Left {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 7);
        Left { assignments: Vec::new(), fenced: Vec::new(), backoff, not_before: None }
    }

    /// The group gave these.
    pub(super) fn put(&mut self, assigned: Vec<Assignment>) {
        let places: Vec<u32> = assigned.iter().map(|assignment| assignment.partition).collect();
        self.forget(&places);
        self.assignments.extend(assigned.into_iter().map(|assignment| Waiting { assignment, was_tried: false }));
        self.not_before = None;
    }

    /// The group took these.
    pub(super) fn forget(&mut self, revoked: &[u32]) {
        self.assignments.retain(|waiting| !revoked.contains(&waiting.assignment.partition));
        self.fenced.retain(|partition| !revoked.contains(partition));
    }

    /// Where they stand, as far as the group said. Of a fenced one nobody knows it before it is asked again.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + Clone {
        self.assignments.iter().map(|Waiting { assignment, .. }| {
            let landed_to = assignment.committed.as_ref().map_or(assignment.low, |committed| committed.offset);
            Place { partition: assignment.partition, landed_to, oldest_read: None }
        })
    }

    /// A commit was fenced: if the partition stays ours, it is taken up anew.
    pub(super) fn ask_again(&mut self, partition: u32) {
        self.fenced.push(partition);
    }
}

impl Sink {
    /// Takes up what is left, if it is time.
    pub(super) fn take_up_left(&mut self) -> Result<(), SinkError> {
        let is_early = self.left.not_before.is_some_and(|time| Instant::now() < time);
        if is_early || (self.left.assignments.is_empty() && self.left.fenced.is_empty()) {
            return Ok(());
        }
        let (mut later, mut fenced) = (Vec::new(), Vec::new());
        for Waiting { assignment, was_tried } in std::mem::take(&mut self.left.assignments) {
            let taken_up = self.take_up(&assignment, was_tried);
            if self.is_left(assignment.partition, taken_up)? {
                later.push(Waiting { assignment, was_tried: true });
            }
        }
        for partition in std::mem::take(&mut self.left.fenced) {
            let taken_up = self.assigned(partition).and_then(|assignment| self.take_up(&assignment, true));
            if self.is_left(partition, taken_up)? {
                fenced.push(partition);
            }
        }
        (self.left.assignments, self.left.fenced) = (later, fenced);
        self.left.not_before = None;
        if self.left.assignments.is_empty() && self.left.fenced.is_empty() {
            self.left.backoff.reset();
        } else {
            self.left.not_before = Some(Instant::now() + self.left.backoff.next_wait());
        }
        Ok(())
    }

    /// Is it to be tried again?
    fn is_left(&mut self, partition: u32, taken_up: Result<(), NotTakenUp>) -> Result<bool, SinkError> {
        match taken_up {
            Ok(()) => Ok(false),
            Err(NotTakenUp::Gone) => {
                tracing::info!(partition, "the partition is another's");
                Ok(false)
            }
            Err(NotTakenUp::NotYet(reason)) => {
                tracing::warn!(partition, %reason, "cannot take up a partition, trying again");
                self.lander.component.not_ready(format!("cannot take up partition {partition}: {reason}"));
                // Only so that nothing is read for nothing.
                self.consumer.pause(&[partition]).ok();
                Ok(true)
            }
            Err(NotTakenUp::Halt(error)) => Err(error),
        }
    }

    /// How a partition whose commit was fenced stands now.
    fn assigned(&mut self, partition: u32) -> Result<Assignment, NotTakenUp> {
        let events = Topic::Events.name(&self.prefix);
        let committed = self.consumer.committed(partition)?;
        let (low, high) = self.broker.watermarks(&events, partition)?;
        // The group says whether it is ours: only then may it be moved.
        let at = committed.as_ref().map_or(low, |committed| committed.offset);
        self.seek(partition, at)?;
        Ok(Assignment { partition, committed, low, high })
    }

    fn seek(&mut self, partition: u32, offset: u64) -> Result<(), NotTakenUp> {
        self.consumer.seek(partition, offset).map_err(|error| match error {
            ConsumeError::Refused { .. } => NotTakenUp::Gone,
            error => error.into(),
        })
    }

    /// Takes up a partition where its committed plan says, with the decisions in force. `is_moved` says that reading may stand anywhere.
    fn take_up(&mut self, assignment: &Assignment, is_moved: bool) -> Result<(), NotTakenUp> {
        let partition = assignment.partition;
        self.taken.remove(&partition);
        let resumed = self.resume(assignment.committed.as_ref(), assignment.low, partition)?;
        if resumed.is_other_log {
            tracing::warn!(partition, "what is committed belongs to another log: this one is read from its beginning");
        }
        if let Some(below) = resumed.stored_below {
            tracing::warn!(
                partition,
                below,
                "no plan tells what was sent: rows before this offset are read back, and only missing ones sent"
            );
        }
        if !resumed.ranges.is_empty() {
            let ranges = resumed.ranges.len();
            tracing::info!(partition, ranges, "batches that may not have landed are formed again");
        }
        let events = Topic::Events.name(&self.prefix);
        let (low, ahead) = (assignment.low, resumed.start..assignment.high);
        let (broker, digest) = (&self.broker, &self.digest);
        let restoring = Restoring { broker, events: &events, digest, partition, low, ahead };
        // What an earlier turn at this partition had read may lie ahead of where this one begins.
        let partitions = self.partitions;
        self.enricher.forget(|tenant| partition_of(tenant.as_bytes(), partitions) == partition);
        restoring.restore(&mut self.enricher).map_err(|error| match error {
            DigestError::Consume(error) => error.into(),
            DigestError::Decode { partition: _, offset, source } => {
                let topic = Topic::Ledger.name(&self.prefix);
                self.stands(partition, &SinkError::Decode { topic, partition, offset, source })
            }
            error @ DigestError::Foreign { .. } => NotTakenUp::Halt(SinkError::Start(error.to_string())),
        })?;
        if resumed.is_other_log || is_moved {
            self.seek(partition, resumed.start)?;
        }
        if is_moved {
            self.consumer.resume(&[partition])?;
            self.lander.component.ready();
        }
        self.lander.component.forget(Topic::Events.as_str(), &[partition]);
        let lane = Lane::new(self.log_id, partition, resumed);
        self.taken.insert(partition, Taken { lane, inserts: JoinSet::new(), is_paused: false, is_halted: false });
        Ok(())
    }

    fn resume(&self, committed: Option<&Committed>, low: u64, partition: u32) -> Result<Resume, NotTakenUp> {
        let last_stored = || {
            let asked = self.lander.client.last_stored_position(self.log_id.0, partition);
            let last = self.runtime.block_on(asked).map_err(Unknown::Table)?;
            Ok(last.map(|last| last.offset))
        };
        resume(committed, low, self.log_id, last_stored).map_err(|error| match error {
            Unknown::Plan(error) => self.stands(partition, &SinkError::Plan { partition, reason: error.to_string() }),
            Unknown::Table(error) => NotTakenUp::NotYet(error.to_string()),
        })
    }

    /// The partition halts, and no other: it is taken up when a person has mended what is wrong with it.
    fn stands(&self, partition: u32, why: &SinkError) -> NotTakenUp {
        self.lander.component.halt(Topic::Events.as_str(), partition, why.to_string());
        NotTakenUp::NotYet(why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_taken_up_is_told_where_it_stands() {
        let committed = Committed { offset: 7, metadata: String::new() };
        let assignment = |partition, committed| Assignment { partition, committed, low: 3, high: 9 };
        let mut left = Left::new();
        left.put(vec![assignment(0, None), assignment(1, Some(committed)), assignment(2, None)]);
        left.forget(&[2]);
        let places: Vec<_> = left.places().map(|place| (place.partition, place.landed_to)).collect();
        assert_eq!(places, [(0, 3), (1, 7)]);
    }
}
