//! One partition: the batch that is being filled, those that wait for room, those on their way, and what may be committed.
//!
//! ```text
//! open ─► sealed, waiting ─► planned (committed) ─► on its way ─► landed, in order ─► committed
//! ```
//!
//! Pure: it decides, and `process` polls, commits and sends. The one rule behind it: *a batch is sent only while a plan that names its range
//! is committed, and the range stays in every plan until the batch has landed.* So after a crash anywhere the ranges that may have been
//! stored are known, are formed again exactly, and the same token always names the same rows.

use std::{collections::VecDeque, time::Instant};

use event::{LogId, Timestamp};
use mutation::Mutation;

use crate::{
    Config,
    batch::{Open, Sealed},
    landing::Beginning,
    plan::{Plan, RANGES_MAX, Range},
    resume::Resume,
};

/// One partition of this process.
pub(crate) struct Lane {
    /// The batch that is being filled.
    pub(crate) open: Open,
    log_id: LogId,
    /// Sealed batches for which there is no room yet.
    waiting: VecDeque<Waiting>,
    in_flight: VecDeque<InFlight>,
    /// Ranges of the plan that was found on assignment: formed again exactly, before anything else is sealed.
    planned: VecDeque<Range>,
    /// Records before this offset may be stored in batches that nobody knows any more.
    stored_below: Option<u64>,
    /// Counts the changes of what is to be committed, and which of them was committed.
    revision: u64,
    committed: u64,
}

/// A sealed batch that waits for room.
struct Waiting {
    sealed: Sealed,
    first_logged_at: Option<Timestamp>,
    /// Does it stand in the plan that was found on assignment? Then it stays in every plan.
    is_planned: bool,
}

/// A batch on its way.
struct InFlight {
    range: Range,
    bytes: usize,
    is_done: bool,
    first_logged_at: Option<Timestamp>,
    /// The batch itself until its plan is committed, with what is known of it.
    unsent: Option<(Sealed, Beginning)>,
}

/// Room for batches on their way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Batches.
    pub(crate) batches: usize,
    /// Bytes of their blocks. The first batch of all goes whatever it has.
    pub(crate) bytes: usize,
    /// Is nothing on its way?
    pub(crate) is_idle: bool,
}

impl Lane {
    /// A partition that is taken up where `resume` says.
    pub(crate) fn new(log_id: LogId, partition: u32, resumed: Resume) -> Lane {
        let Resume { start, ranges, stored_below, is_other_log: _ } = resumed;
        Lane {
            open: Open::new(log_id, partition, start),
            log_id,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            planned: ranges.into(),
            stored_below,
            revision: 0,
            committed: 0,
        }
    }

    /// Must the open batch be sealed before the record at `offset` of `month` is taken?
    pub(crate) fn must_seal_before(&self, offset: u64, month: Option<(i64, u8)>) -> bool {
        if self.open.is_empty() {
            return false;
        }
        match self.planned.front() {
            Some(range) => offset >= range.end,
            None => self.open.is_other_month(month),
        }
    }

    /// Must the open batch be sealed now, because it is full or all that was planned?
    pub(crate) fn must_seal(&self, config: &Config) -> bool {
        if self.open.is_empty() {
            return false;
        }
        match self.planned.front() {
            Some(range) => self.open.next() >= range.end,
            None => self.open.is_full(config),
        }
    }

    /// Since when the open batch is old enough to go: what may be sealed where there is room to send it, and only there. Without room it would
    /// wait all the same, and keep others from being read; open, it grows, and a slow server gets few large blocks instead of many small ones.
    pub(crate) fn due_since(&self, config: &Config, now: Instant) -> Option<Instant> {
        let is_free = self.planned.is_empty() && !self.open.is_empty();
        self.open.due_since(config).filter(|since| is_free && *since <= now)
    }

    /// Seals the open batch; it waits from here on. `Err` names a range that was planned otherwise: the same token would name other rows.
    pub(crate) fn seal(&mut self) -> Result<(), Range> {
        let first_logged_at = self.open.first_logged_at();
        let sealed = self.open.seal();
        let planned = self.planned.pop_front();
        if let Some(planned) = planned.filter(|planned| *planned != sealed.range) {
            return Err(planned);
        }
        self.waiting.push_back(Waiting { sealed, first_logged_at, is_planned: planned.is_some() });
        Ok(())
    }

    /// Plans the oldest batch that waits and takes its room. False when none waits, there is no room, or no plan can hold it.
    pub(crate) fn plan_next(&mut self, room: &mut Room) -> bool {
        let Some(bytes) = self.waiting.front().map(|batch| batch.sealed.bytes()) else { return false };
        let has_room = room.batches > 0 && (room.is_idle || bytes <= room.bytes);
        if !has_room || self.in_flight.len() >= RANGES_MAX {
            return false;
        }
        let Some(Waiting { sealed, first_logged_at, is_planned }) = self.waiting.pop_front() else { return false };
        let range = sealed.range;
        let beginning = match self.stored_below {
            Some(below) if range.start < below => Beginning::PerhapsStored,
            _ if is_planned => Beginning::SentBefore,
            _ => Beginning::New,
        };
        let unsent = Some((sealed, beginning));
        self.in_flight.push_back(InFlight { range, bytes, is_done: false, first_logged_at, unsent });
        self.revision += u64::from(!Mutation::WithoutPlanAndReadBack.is_made());
        *room = Room { batches: room.batches - 1, bytes: room.bytes.saturating_sub(bytes), is_idle: false };
        true
    }

    /// What to commit: the oldest offset that has not landed, and the plan. `None` when that is committed already.
    pub(crate) fn commit(&self) -> Option<(u64, String)> {
        if self.committed == self.revision {
            return None;
        }
        let without_plan = Plan { log_id: self.log_id, stored_below: None, ranges: Vec::new() };
        if Mutation::CommitBeforeInsert.is_made() {
            let sent_to = self.in_flight.back().map_or_else(|| self.landed_to(), |batch| batch.range.end);
            return Some((sent_to, without_plan.to_metadata()));
        }
        if Mutation::WithoutPlanAndReadBack.is_made() {
            return Some((self.landed_to(), without_plan.to_metadata()));
        }
        let on_their_way = self.in_flight.iter().map(|batch| batch.range);
        // A range of the plan that was found may have been stored already: it must not fall out of the plan before it has landed.
        let formed_again = self.waiting.iter().filter(|batch| batch.is_planned).map(|batch| batch.sealed.range);
        let ranges = on_their_way.chain(formed_again).chain(self.planned.iter().copied()).collect();
        let landed_to = self.landed_to();
        let stored_below = self.stored_below.filter(|below| *below > landed_to);
        Some((landed_to, Plan { log_id: self.log_id, stored_below, ranges }.to_metadata()))
    }

    /// What `commit` gave is committed.
    pub(crate) fn committed(&mut self) {
        self.committed = self.revision;
    }

    /// The batches to send: planned, and their plan is committed.
    pub(crate) fn take_planned(&mut self) -> Vec<(Sealed, Beginning)> {
        if self.committed != self.revision {
            return Vec::new();
        }
        self.in_flight.iter_mut().filter_map(|batch| batch.unsent.take()).collect()
    }

    /// A batch has landed.
    pub(crate) fn landed(&mut self, range: Range) {
        for known in &mut self.in_flight {
            known.is_done |= known.range == range;
        }
        while self.in_flight.front().is_some_and(|oldest| oldest.is_done) {
            self.in_flight.pop_front();
            self.revision += 1;
        }
    }

    /// Batches on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Bytes of their blocks.
    pub(crate) fn in_flight_bytes(&self) -> usize {
        self.in_flight.iter().map(|batch| batch.bytes).sum()
    }

    /// Batches that wait for room.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The oldest offset that has not landed.
    pub(crate) fn landed_to(&self) -> u64 {
        let on_its_way = self.in_flight.front().map(|batch| batch.range.start);
        let waits = || self.waiting.front().map(|batch| batch.sealed.range.start);
        on_its_way.or_else(waits).unwrap_or(self.open.start())
    }

    /// When the log took the oldest record that was read and has not landed.
    pub(crate) fn oldest_logged_at(&self) -> Option<Timestamp> {
        let on_its_way = self.in_flight.front().map(|batch| batch.first_logged_at);
        let waits = || self.waiting.front().map(|batch| batch.first_logged_at);
        on_its_way.or_else(waits).unwrap_or_else(|| self.open.first_logged_at())
    }
}

/// Which of the partitions that are due are sealed: the oldest, as many as there is room to send; and those that were due at `overdue_since`
/// already, room or not, because a partition with few events must not wait for ever behind others that fill one batch after the other.
pub(crate) fn choose_due(mut due: Vec<(Instant, u32)>, room: usize, overdue_since: Option<Instant>) -> Vec<u32> {
    due.sort_unstable();
    let is_overdue = |since: Instant| overdue_since.is_some_and(|overdue| since <= overdue);
    let chosen = (0..).zip(due).filter(|(place, (since, _))| *place < room || is_overdue(*since));
    chosen.map(|(_, (_, partition))| partition).collect()
}

#[cfg(test)]
mod tests;
