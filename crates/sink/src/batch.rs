//! A batch of one partition: filled record by record, sealed into a range of offsets and the blocks that hold it.

use std::time::{Duration, Instant};

use codec::{BatchReader, DecodeError, LogRecord};
use enrichment::Enricher;
use event::{Control, Coordinates, LogId, Position, Timestamp};
use mutation::Mutation;
use store::{AliasesBlock, DecisionsBlock, EncodedBlock, EventRows, RevealsBlock};

use crate::{
    Config,
    convert::{alias_row, app_key, keys, own_row, reveal_row, shared_row, with_decision_row},
    hours::Hours,
    plan::Range,
    usage::{BatchPlace, Usage},
};

/// Bytes of records after which the rows' bytes are counted again: counting walks over every column.
const COUNT_INTERVAL_BYTES: usize = 256 << 10;

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
    events: EventRows,
    decisions: DecisionsBlock,
    aliases: AliasesBlock,
    reveals: RevealsBlock,
    hours: Hours,
    usage: Usage,
    /// Bytes of `events` when they were last counted, and bytes of records taken since.
    bytes: usize,
    uncounted_bytes: usize,
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
    /// When the log took its first record.
    pub(crate) first_logged_at: Timestamp,
    /// The blocks, `events` first.
    pub(crate) blocks: Vec<EncodedBlock>,
}

impl Sealed {
    /// The name of its rows: the same token always names the same rows.
    pub(crate) fn token(&self) -> String {
        format!("{}/{}/{}-{}", self.log_id, self.partition, self.range.start, self.range.end)
    }

    /// Bytes of its blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.body.len()).sum()
    }
}

/// The month that decides whether a record goes into this batch; nothing for a record without rows of `events`.
pub(crate) fn month_of(record: &LogRecord<'_>) -> Option<(i64, u8)> {
    match record {
        LogRecord::Events(batch) => Some(batch.header().received_at.month()),
        LogRecord::Control { .. } => None,
    }
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
            events: EventRows::new(),
            decisions: DecisionsBlock::new(),
            aliases: AliasesBlock::new(),
            reveals: RevealsBlock::new(),
            hours: Hours::default(),
            usage: Usage::default(),
            bytes: 0,
            uncounted_bytes: 0,
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
        self.events.rows() >= config.batch_rows_max || self.bytes >= config.batch_bytes_max
    }

    /// When it is old enough to go. Records without rows make it age too: their offsets are to be committed.
    pub(crate) fn due_since(&self, config: &Config) -> Option<Instant> {
        self.opened_at.and_then(|opened| opened.checked_add(Duration::from_millis(config.flush_interval_ms)))
    }

    /// Bytes of its rows, as they were counted last.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a record of so many bytes. The offset counts as taken even if a flaw is found in an event: the rows before it are in the batch.
    pub(crate) fn take(
        &mut self,
        offset: u64,
        logged_at: Timestamp,
        record: LogRecord<'_>,
        bytes: usize,
        enricher: &mut Enricher,
    ) -> Result<(), DecodeError> {
        self.pass(offset, logged_at);
        self.uncounted_bytes += bytes;
        let taken = match record {
            LogRecord::Events(batch) => self.take_events(offset, logged_at, batch, enricher),
            LogRecord::Control { tenant, control } => {
                self.take_control(offset, tenant, &control, enricher);
                Ok(())
            }
        };
        if self.uncounted_bytes >= COUNT_INTERVAL_BYTES {
            (self.bytes, self.uncounted_bytes) = (self.events.bytes(), 0);
        }
        taken
    }

    /// Takes the offset of a record that cannot be read.
    pub(crate) fn pass(&mut self, offset: u64, logged_at: Timestamp) {
        if self.is_empty() {
            self.first_logged_at = logged_at;
        }
        self.next = offset + 1;
        self.opened_at.get_or_insert_with(Instant::now);
    }

    fn take_events(
        &mut self,
        offset: u64,
        logged_at: Timestamp,
        batch: BatchReader<'_>,
        enricher: &mut Enricher,
    ) -> Result<(), DecodeError> {
        let (header, origin) = (*batch.header(), batch.raw_origin());
        self.month.get_or_insert(header.received_at.month());
        let taken = self.take_each(offset, batch, enricher);
        // Also where a flaw was found: those before it are in the batch.
        let at = self.at(offset, 0);
        let shared = shared_row(&header, enricher.tables_version(header.tenant), at, logged_at);
        self.events.finish_record(&shared, origin);
        taken
    }

    fn take_each(
        &mut self,
        offset: u64,
        mut batch: BatchReader<'_>,
        enricher: &mut Enricher,
    ) -> Result<(), DecodeError> {
        let is_planned = !Mutation::WithoutPlanAndReadBack.is_made();
        // Not `0u16..`: behind the last index that a record may have, that has no next one.
        for index in 0..=u16::MAX {
            let Some(event) = batch.next() else { break };
            let event = event?;
            let enriched = enricher.enrich(&event);
            let app = app_key(&enriched);
            self.events.push(&own_row(&enriched, index), &keys(&app, batch.raw_texts()));
            self.hours.take(&event);
            self.usage.take(&enriched);
            self.rows += 1;
            if is_planned {
                self.checksum = fold(self.checksum, offset, index, event.event_id.0);
            }
        }
        Ok(())
    }

    fn take_control(&mut self, offset: u64, tenant: &str, control: &Control, enricher: &mut Enricher) {
        let at = self.at(offset, 0);
        enricher.apply(tenant, control, at.position);
        match control {
            Control::Decision(decision) => {
                with_decision_row(tenant, decision, at, &mut |row| self.decisions.push(row));
            }
            Control::Reveal(reveal) => self.reveals.push(&reveal_row(tenant, reveal, at)),
            Control::Alias(alias) => self.aliases.push(&alias_row(tenant, alias, at)),
            Control::TableVersion(_) | Control::Tick(_) => {}
        }
    }

    fn at(&self, offset: u64, index: u16) -> Coordinates {
        Coordinates { log_id: self.log_id, partition: self.partition, position: Position { offset, index } }
    }

    /// Closes the batch; the next one begins where it ends.
    pub(crate) fn seal(&mut self) -> Sealed {
        let range = Range { start: self.start, end: self.next, rows: self.rows, checksum: self.checksum };
        let place = BatchPlace { log_id: self.log_id.0, partition: self.partition, offset: self.start };
        let controls = [self.decisions.take(), self.aliases.take(), self.reveals.take(), self.hours.seal()];
        let mut blocks = vec![self.events.take()];
        blocks.extend(controls);
        blocks.retain(|block| block.rows > 0);
        blocks.extend(self.usage.seal(place));
        (self.start, self.rows, self.checksum, self.month, self.opened_at) = (self.next, 0, 0, None, None);
        (self.bytes, self.uncounted_bytes) = (0, 0);
        Sealed { log_id: self.log_id, partition: self.partition, range, first_logged_at: self.first_logged_at, blocks }
    }
}

/// Folds one row's coordinates and id into the checksum of its batch.
fn fold(checksum: u64, offset: u64, index: u16, event_id: u128) -> u64 {
    let [high, low] = [event_id >> 64, event_id].map(|part| u64::try_from(part & u128::from(u64::MAX)).unwrap_or(0));
    let row = offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(index) ^ high.rotate_left(17) ^ low;
    (checksum.rotate_left(7) ^ row).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[cfg(test)]
mod tests;
