//! A batch of one partition: filled record by record, sealed into a range of offsets and the blocks that hold it.

use std::time::Instant;

use codec::{DecodeError, LogRecord, decode_log_record};
use enrichment::Enricher;
use event::{Control, Coordinates, LogId, Position, Timestamp};
use store::{DecisionsBlock, EncodedBlock, EventsBlock, RevealsBlock};

use crate::{
    Config,
    convert::{event_row, reveal_row, with_decision_row},
    plan::Range,
    usage::{BatchPlace, Usage},
};

/// A batch that is being filled.
pub(crate) struct Open {
    log_id: LogId,
    partition: u32,
    start: u64,
    next: u64,
    rows: u64,
    checksum: u64,
    /// The month of `received_at` that its rows lie in: one block touches one partition of the table.
    month: Option<(i64, u8)>,
    opened_at: Option<Instant>,
    /// When the log took the first record of the batch.
    first_logged_at: Timestamp,
    events: EventsBlock,
    decisions: DecisionsBlock,
    reveals: RevealsBlock,
    usage: Usage,
}

/// A sealed batch.
#[derive(Clone)]
pub(crate) struct Sealed {
    /// Of which log.
    pub(crate) log_id: LogId,
    /// Of which partition.
    pub(crate) partition: u32,
    /// Which offsets.
    pub(crate) range: Range,
    /// The blocks, `events` first.
    pub(crate) blocks: Vec<EncodedBlock>,
}

impl Sealed {
    /// The name of its rows: the same token always names the same rows.
    pub(crate) fn token(&self) -> String {
        format!("{}/{}/{}-{}", self.log_id, self.partition, self.range.start, self.range.end)
    }
}

/// The header facts of a record that decide whether it goes into this batch.
pub(crate) fn month_of(value: &[u8]) -> Result<Option<(i64, u8)>, DecodeError> {
    Ok(match decode_log_record(value)? {
        LogRecord::Events(batch) => Some(batch.header().received_at.month()),
        LogRecord::Control { .. } => None,
    })
}

impl Open {
    /// An empty batch that begins at an offset.
    pub(crate) fn new(log_id: LogId, partition: u32, start: u64) -> Open {
        Open {
            log_id,
            partition,
            start,
            next: start,
            rows: 0,
            checksum: 0,
            month: None,
            opened_at: None,
            first_logged_at: Timestamp::MISSING,
            events: EventsBlock::new(),
            decisions: DecisionsBlock::new(),
            reveals: RevealsBlock::new(),
            usage: Usage::default(),
        }
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// The next offset that it would take.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// When the log took its first record; nothing while it holds none.
    pub(crate) fn first_logged_at(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.first_logged_at)
    }

    /// Does it hold any record?
    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.start
    }

    /// Would a record of this month scatter the block over two partitions of the table?
    pub(crate) fn is_other_month(&self, month: Option<(i64, u8)>) -> bool {
        matches!((self.month, month), (Some(ours), Some(theirs)) if ours != theirs)
    }

    /// Is it large enough to go, whatever its age?
    pub(crate) fn is_full(&self, config: &Config) -> bool {
        self.events.rows() >= config.batch_rows_max
            || (self.rows.is_multiple_of(1_024) && self.events.bytes() >= config.batch_bytes_max)
    }

    /// Is it old enough to go? Rows alone make it age; offsets without rows are committed when they come along.
    pub(crate) fn is_due(&self, config: &Config, now: Instant) -> bool {
        self.opened_at
            .is_some_and(|opened| now.duration_since(opened).as_millis() >= u128::from(config.flush_interval_ms))
    }

    /// Takes a record. The offset counts as taken even if a flaw is found in it: the rows before the flaw are in the batch.
    pub(crate) fn take(
        &mut self,
        offset: u64,
        logged_at: Timestamp,
        value: &[u8],
        enricher: &mut Enricher,
    ) -> Result<(), DecodeError> {
        if self.is_empty() {
            self.first_logged_at = logged_at;
        }
        self.next = offset + 1;
        self.opened_at.get_or_insert_with(Instant::now);
        let at = |index| Coordinates {
            log_id: self.log_id,
            partition: self.partition,
            position: Position { offset, index },
        };
        match decode_log_record(value)? {
            LogRecord::Events(batch) => {
                self.month.get_or_insert(batch.header().received_at.month());
                for (index, event) in (0u16..).zip(batch) {
                    let event = event?;
                    let enriched = enricher.enrich(&event);
                    self.events.push(&event_row(&enriched, at(index), logged_at));
                    self.usage.take(&enriched);
                    self.rows += 1;
                    self.checksum = fold(self.checksum, offset, index, event.event_id.0);
                }
            }
            LogRecord::Control { tenant, control } => {
                enricher.apply(tenant, &control, at(0).position);
                match &control {
                    Control::Decision(decision) => {
                        with_decision_row(tenant, decision, at(0), &mut |row| self.decisions.push(row));
                    }
                    Control::Reveal(reveal) => self.reveals.push(&reveal_row(tenant, reveal, at(0))),
                    Control::Alias(_) | Control::TableVersion(_) | Control::Tick(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Closes the batch; the next one begins where it ends.
    pub(crate) fn seal(&mut self) -> Sealed {
        let range = Range { start: self.start, end: self.next, rows: self.rows, checksum: self.checksum };
        let place = BatchPlace { log_id: self.log_id.0, partition: self.partition, offset: self.start };
        let mut blocks = vec![self.events.take(), self.decisions.take(), self.reveals.take()];
        blocks.retain(|block| block.rows > 0);
        blocks.extend(self.usage.seal(place));
        (self.start, self.rows, self.checksum, self.month, self.opened_at) = (self.next, 0, 0, None, None);
        Sealed { log_id: self.log_id, partition: self.partition, range, blocks }
    }
}

/// Folds one row's coordinates and id into the checksum of its batch.
fn fold(checksum: u64, offset: u64, index: u16, event_id: u128) -> u64 {
    let [high, low] = [event_id >> 64, event_id].map(|part| u64::try_from(part & u128::from(u64::MAX)).unwrap_or(0));
    let row = offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(index) ^ high.rotate_left(17) ^ low;
    (checksum.rotate_left(7) ^ row).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
