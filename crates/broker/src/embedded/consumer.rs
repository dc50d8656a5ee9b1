//! Reading the embedded log: as a member of a group, or a partition from here to its end.
//!
//! Records are taken out of the store in a portion bounded by bytes and only then shown to the visitor, so that no lock is held while a
//! visitor works; the bytes themselves are shared with the store's cache, not copied. Waiting is on a condition variable.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, mpsc},
    time::{Duration, Instant},
};

use fjall::Slice;

use super::{
    group::{Change, Group, MemberId},
    queue::Command,
    row::{Marks, StoredRecord},
    state::{Shared, State, Topic},
};
use crate::{
    Assignment, CommitError, Committed, ConsumeError, Polled, RecordRef, StartAt,
    limits::{METADATA_BYTES_MAX, POLL_BYTES_MAX},
};

/// A member of a group.
pub(crate) struct Consumer {
    shared: Arc<Shared>,
    topic: Arc<Topic>,
    group: String,
    member: MemberId,
    start: StartAt,
    /// The next offset to read, of each partition that we own.
    positions: BTreeMap<u32, u64>,
    paused: BTreeSet<u32>,
    /// The partition that was read last: the next one has its turn.
    last_turn: u32,
}

/// Records as taken out of the store.
type Portion = Vec<(u64, Slice)>;

impl Consumer {
    pub(super) fn join(shared: Arc<Shared>, topic: Arc<Topic>, group: &str, start: StartAt) -> Self {
        let mut state = shared.state();
        let member = state.next_member;
        state.next_member += 1;
        let key = (topic.row.number, group.to_owned());
        let partitions = topic.row.partitions;
        state.groups.entry(key).or_insert_with(|| Group::new(partitions)).join(member);
        drop(state);
        shared.changed.notify_all();
        let (positions, paused) = (BTreeMap::new(), BTreeSet::new());
        Self { shared, topic, group: group.to_owned(), member, start, positions, paused, last_turn: 0 }
    }

    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        records_max: usize,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<Polled, ConsumeError> {
        let deadline = Instant::now() + timeout;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        loop {
            check_open(&state, &self.topic)?;
            if let Some(change) = self.group_change(&mut state) {
                return Ok(change);
            }
            if let Some((partition, position, marks)) = self.next_turn(&state) {
                drop(state);
                let count = self.read_turn(partition, position, marks, records_max, visit)?;
                if count > 0 {
                    return Ok(Polled::Records(count));
                }
                state = shared.state();
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Polled::Records(0));
            }
            state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn seek(&mut self, partition: u32, offset: u64) -> Result<(), ConsumeError> {
        self.check_assigned(&[partition])?;
        self.positions.insert(partition, offset);
        Ok(())
    }

    pub(crate) fn pause(&mut self, partitions: &[u32]) -> Result<(), ConsumeError> {
        self.check_assigned(partitions)?;
        self.paused.extend(partitions);
        Ok(())
    }

    pub(crate) fn resume(&mut self, partitions: &[u32]) -> Result<(), ConsumeError> {
        self.check_assigned(partitions)?;
        self.paused.retain(|partition| !partitions.contains(partition));
        Ok(())
    }

    pub(crate) fn commit(&mut self, partition: u32, offset: u64, metadata: &str) -> Result<(), CommitError> {
        if metadata.len() > METADATA_BYTES_MAX {
            let reason = format!("its metadata has {} bytes, the limit is {METADATA_BYTES_MAX}", metadata.len());
            return Err(CommitError::Refused { reason });
        }
        // Ownership only ends by our own `poll`, or by dropping `self`: what holds now holds until the commit is durable.
        let key = (self.topic.row.number, self.group.clone());
        if !self.shared.state().groups.get(&key).is_some_and(|group| group.owns(self.member, partition)) {
            return Err(CommitError::Fenced);
        }
        let (answer, answered) = mpsc::channel();
        let committed = Committed { offset, metadata: metadata.to_owned() };
        let (group, number) = (self.group.clone(), self.topic.row.number);
        self.shared.queue.push(Command::Commit { group, number, partition, committed, answer });
        let closed = || Err(CommitError::Refused { reason: "the log is closed".to_owned() });
        answered.recv().unwrap_or_else(|_| closed())
    }

    pub(crate) fn is_ours(&self, partition: u32) -> bool {
        self.positions.contains_key(&partition)
    }

    pub(crate) fn committed(&self, partition: u32) -> Option<Committed> {
        let place = (self.topic.row.number, partition, self.group.clone());
        self.shared.state().committed.get(&place).cloned()
    }

    fn check_assigned(&self, partitions: &[u32]) -> Result<(), ConsumeError> {
        match partitions.iter().find(|partition| !self.positions.contains_key(partition)) {
            Some(stranger) => {
                Err(ConsumeError::Refused { reason: format!("partition {stranger} is not assigned to us") })
            }
            None => Ok(()),
        }
    }

    /// What the group has to tell us, and what follows from it for our positions.
    fn group_change(&mut self, state: &mut State) -> Option<Polled> {
        let number = self.topic.row.number;
        match state.groups.get_mut(&(number, self.group.clone()))?.take_change(self.member)? {
            Change::Revoked(partitions) => {
                for partition in &partitions {
                    self.positions.remove(partition);
                    self.paused.remove(partition);
                }
                self.shared.changed.notify_all();
                Some(Polled::Revoked(partitions))
            }
            Change::Assigned(partitions) => {
                let assignments = partitions.into_iter().map(|partition| {
                    let marks = state.marks(number, partition);
                    let committed = state.committed.get(&(number, partition, self.group.clone())).cloned();
                    let start = if self.start == StartAt::Earliest { marks.low } else { marks.next };
                    let position = committed.as_ref().map_or(start, |committed| committed.offset);
                    self.positions.insert(partition, position);
                    Assignment { partition, committed, low: marks.low, high: marks.next }
                });
                Some(Polled::Assigned(assignments.collect()))
            }
        }
    }

    /// The next partition that has something for us, in turn.
    fn next_turn(&self, state: &State) -> Option<(u32, u64, Marks)> {
        let after = self.positions.range(self.last_turn.saturating_add(1)..);
        let before = self.positions.range(..=self.last_turn);
        after.chain(before).filter(|(partition, _)| !self.paused.contains(partition)).find_map(
            |(partition, position)| {
                let marks = state.marks(self.topic.row.number, *partition);
                (*position != marks.next).then_some((*partition, *position, marks))
            },
        )
    }

    /// Reads on in one partition; 0 when it held only gaps.
    fn read_turn(
        &mut self,
        partition: u32,
        position: u64,
        marks: Marks,
        records_max: usize,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<usize, ConsumeError> {
        self.last_turn = partition;
        if position < marks.low || position > marks.next {
            return Err(ConsumeError::OffsetOutOfRange { partition });
        }
        let portion = read_portion(&self.shared, &self.topic, partition, position, marks.next, records_max)?;
        // A gap in a topic that is not compacted: retention overtook us since the marks were read. The next round sees the new ones.
        let is_contiguous = portion.first().is_some_and(|(offset, _)| *offset == position);
        if !self.topic.is_compacted() && !is_contiguous {
            let low = self.shared.state().marks(self.topic.row.number, partition).low;
            return if position < low { Ok(0) } else { Err(hole(&self.topic, partition, position)) };
        }
        let next = portion.last().map_or(marks.next, |(offset, _)| offset + 1);
        let count = show(&portion, partition, visit)?;
        self.positions.insert(partition, next);
        Ok(count)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let key = (self.topic.row.number, self.group.clone());
        let mut state = self.shared.state();
        if let Some(group) = state.groups.get_mut(&key) {
            group.leave(self.member);
            if group.is_empty() {
                state.groups.remove(&key);
            }
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

/// Reads a partition from `from` (or its oldest record) to what is its end now.
pub(super) fn read(
    shared: &Shared,
    topic: &Topic,
    partition: u32,
    from: Option<u64>,
    visit: &mut dyn FnMut(RecordRef<'_>),
) -> Result<u64, ConsumeError> {
    let marks = shared.state().marks(topic.row.number, partition);
    let mut position = from.unwrap_or(marks.low);
    if position < marks.low || position > marks.next {
        return Err(ConsumeError::OffsetOutOfRange { partition });
    }
    while position < marks.next {
        let portion = read_portion(shared, topic, partition, position, marks.next, usize::MAX)?;
        if !topic.is_compacted() && portion.first().is_none_or(|(offset, _)| *offset != position) {
            return Err(ConsumeError::OffsetOutOfRange { partition });
        }
        position = portion.last().map_or(marks.next, |(offset, _)| offset + 1);
        show(&portion, partition, visit)?;
    }
    Ok(marks.next)
}

/// Takes records out of the store: at least one if there is one, at most `records_max`, about `POLL_BYTES_MAX` bytes.
fn read_portion(
    shared: &Shared,
    topic: &Topic,
    partition: u32,
    from: u64,
    end: u64,
    records_max: usize,
) -> Result<Portion, ConsumeError> {
    let guard = shared.store();
    let away = || ConsumeError::Unavailable { reason: format!("{}: the store is away", shared.place) };
    let store = guard.as_ref().ok_or_else(away)?;
    let mut portion = Portion::new();
    let mut bytes = 0usize;
    for stored in store.records(topic.row.number, partition, from, end) {
        let (offset, row) =
            stored.map_err(|error| ConsumeError::Unavailable { reason: format!("{}: {error}", shared.place) })?;
        bytes = bytes.saturating_add(row.len());
        portion.push((offset, row));
        if portion.len() >= records_max.max(1) || bytes >= POLL_BYTES_MAX {
            break;
        }
    }
    Ok(portion)
}

fn show(portion: &Portion, partition: u32, visit: &mut dyn FnMut(RecordRef<'_>)) -> Result<usize, ConsumeError> {
    for (offset, row) in portion {
        let Some(StoredRecord { logged_at_ms, key, value }) = StoredRecord::decode(row) else {
            let reason = format!("the record at partition {partition}, offset {offset} is damaged");
            return Err(ConsumeError::Refused { reason });
        };
        visit(RecordRef { partition, offset: *offset, logged_at_ms, key, value });
    }
    Ok(portion.len())
}

fn check_open(state: &State, topic: &Topic) -> Result<(), ConsumeError> {
    if state.is_closed {
        return Err(ConsumeError::Refused { reason: "the log is closed".to_owned() });
    }
    let is_there = state.topics.get(&topic.name).is_some_and(|now| now.row.number == topic.row.number);
    let deleted = || ConsumeError::Refused { reason: format!("topic {} was deleted", topic.name) };
    is_there.then_some(()).ok_or_else(deleted)
}

fn hole(topic: &Topic, partition: u32, offset: u64) -> ConsumeError {
    let reason = format!("topic {}, partition {partition}: the record at offset {offset} is missing", topic.name);
    ConsumeError::Refused { reason }
}
