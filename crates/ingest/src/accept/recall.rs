//! What a back-fill wrote before this process began: read from the end of the log, so that the page which was in work when somebody was killed
//! is known again and is not written twice. Live polling needs none of it, for its pages are small and its overlaps repeat events anyway.

use broker::{ConsumeError, partition_of};
use codec::{LogRecord, Topic};
use event::Timestamp;
use hashbrown::HashSet;

use super::{Acceptor, content::content_hash, remember};
use crate::connections::Connection;

/// Records that are looked at first, from the end of the log; then twice as many, and so on.
const RECORDS_FIRST: u64 = 64;
/// More are not looked at: what lies before them may be written twice, and is one event all the same.
const RECORDS_MAX: u64 = 4_096;

/// A part of the log's end.
struct Tail {
    entries: HashSet<(u128, u64)>,
    /// When the first record of events in it was received.
    begins_at: Option<Timestamp>,
}

impl Acceptor {
    /// Remembers the imported history of a connection that was received since then, as if it had been acknowledged here. Tells how many events
    /// that are. Blocks.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn recall(&self, connection: &Connection, since: Timestamp) -> Result<usize, ConsumeError> {
        let topic = Topic::Events.name(&self.prefix);
        let partition = partition_of(connection.tenant.as_bytes(), self.partitions);
        let (low, high) = self.broker.watermarks(&topic, partition)?;
        let mut records = RECORDS_FIRST;
        loop {
            let from = high.saturating_sub(records).max(low);
            let tail = self.tail(&topic, partition, from, connection, since)?;
            let is_enough = from == low || records >= RECORDS_MAX || tail.begins_at.is_some_and(|at| at < since);
            if is_enough {
                remember(&self.history, &tail.entries);
                return Ok(tail.entries.len());
            }
            records *= 2;
        }
    }

    fn tail(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        connection: &Connection,
        since: Timestamp,
    ) -> Result<Tail, ConsumeError> {
        let mut tail = Tail { entries: HashSet::new(), begins_at: None };
        self.broker.read(topic, partition, Some(from), &mut |record| {
            let Ok(LogRecord::Events(batch)) = codec::decode_log_record(record.value.unwrap_or_default()) else {
                return;
            };
            let header = batch.header();
            tail.begins_at.get_or_insert(header.received_at);
            let is_of_it =
                header.is_backfill && header.tenant == connection.tenant && header.connection == connection.id;
            if is_of_it && header.received_at >= since {
                tail.entries.extend(batch.flatten().map(|event| (event.event_id.0, content_hash(&event))));
            }
        })?;
        Ok(tail)
    }
}
