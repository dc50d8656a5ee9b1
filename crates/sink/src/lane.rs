//! One partition: the batch that is being filled, those on their way, and what may be committed.

use std::{collections::VecDeque, time::Instant};

use event::{LogId, Timestamp};

use crate::{
    Config,
    batch::{Open, Sealed},
    plan::{Plan, Range},
};

/// One partition of this process.
pub(crate) struct Lane {
    /// The batch that is being filled.
    pub(crate) open: Open,
    log_id: LogId,
    in_flight: VecDeque<InFlight>,
    /// Ranges of the plan that was found on assignment: formed again exactly, before anything else is sealed.
    planned: VecDeque<Range>,
    /// What was committed last: offset and ranges on their way.
    committed: (u64, usize),
}

/// A batch on its way.
struct InFlight {
    range: Range,
    is_done: bool,
    first_logged_at: Option<Timestamp>,
}

impl Lane {
    /// A partition that is read from `start`, with the plan that stood beside its committed offset.
    pub(crate) fn new(log_id: LogId, partition: u32, start: u64, plan: Vec<Range>) -> Lane {
        Lane {
            open: Open::new(log_id, partition, start),
            log_id,
            in_flight: VecDeque::new(),
            planned: plan.into(),
            committed: (start, 0),
        }
    }

    /// Must the open batch be sealed before the record at `offset` of `month` is taken?
    pub(crate) fn must_seal_before(&mut self, offset: u64, month: Option<(i64, u8)>) -> bool {
        if self.open.is_empty() {
            // A range of the plan that the log no longer holds records for is passed over.
            while self.planned.front().is_some_and(|range| range.end <= offset) {
                self.planned.pop_front();
            }
            return false;
        }
        match self.planned.front() {
            Some(range) => offset >= range.end,
            None => self.open.is_other_month(month),
        }
    }

    /// Must the open batch be sealed now?
    pub(crate) fn must_seal(&self, config: &Config, now: Instant) -> bool {
        if self.open.is_empty() {
            return false;
        }
        match self.planned.front() {
            Some(range) => self.open.next() >= range.end,
            None => self.open.is_full(config) || self.open.is_due(config, now),
        }
    }

    /// Seals the open batch. It is on its way from here on. `Err` names a range that was planned otherwise: the same token would name
    /// other rows.
    pub(crate) fn seal(&mut self) -> Result<Sealed, Range> {
        let first_logged_at = self.open.first_logged_at();
        let sealed = self.open.seal();
        if let Some(planned) = self.planned.pop_front()
            && planned != sealed.range
        {
            return Err(planned);
        }
        self.in_flight.push_back(InFlight { range: sealed.range, is_done: false, first_logged_at });
        Ok(sealed)
    }

    /// A batch has landed.
    pub(crate) fn landed(&mut self, range: Range) {
        for known in &mut self.in_flight {
            known.is_done |= known.range == range;
        }
        while self.in_flight.front().is_some_and(|oldest| oldest.is_done) {
            self.in_flight.pop_front();
        }
    }

    /// Batches on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The oldest offset that has not landed.
    pub(crate) fn landed_to(&self) -> u64 {
        self.in_flight.front().map_or(self.open.start(), |oldest| oldest.range.start)
    }

    /// When the log took the oldest record that was read and has not landed.
    pub(crate) fn oldest_logged_at(&self) -> Option<Timestamp> {
        self.in_flight.front().map_or_else(|| self.open.first_logged_at(), |oldest| oldest.first_logged_at)
    }

    /// What to commit: the oldest offset that has not landed, and the plan. `None` when that is committed already.
    pub(crate) fn commit(&self) -> Option<(u64, String)> {
        let offset = self.landed_to();
        if self.committed == (offset, self.in_flight.len()) {
            return None;
        }
        let ranges = self.in_flight.iter().map(|batch| batch.range).collect();
        Some((offset, Plan { log_id: self.log_id, ranges }.to_metadata()))
    }

    /// That was committed.
    pub(crate) fn committed(&mut self, offset: u64) {
        self.committed = (offset, self.in_flight.len());
    }
}
