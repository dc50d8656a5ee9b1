//! The topic `cursors`: how far each feed has come, and which history was ordered. Read when a partition is taken up, and on from there;
//! written after each page, and when somebody orders.

use broker::{AppendError, Broker, ConsumeError, Record, partition_of};
use codec::{CursorRecord, DecodeError};
use event::{Backfill, FeedCursor};
use hashbrown::HashMap;

/// The topic, for writing and reading.
#[derive(Clone)]
pub(crate) struct Cursors {
    broker: Broker,
    topic: String,
    partitions: u32,
}

/// What a partition of the topic says, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Connection and name → its last cursor.
    feeds: HashMap<(String, String), FeedCursor>,
    /// Connection → the last order of history.
    backfills: HashMap<String, Backfill>,
    /// The next offset to read.
    next: Option<u64>,
}

/// Why nothing can be polled any more. Halt.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The log refuses to be read, or to say who polls.
    #[error("pollers cannot share their work: {0}")]
    Log(#[from] ConsumeError),
    /// A newer version has written here.
    #[error("pollers cannot read how far they came, in partition {partition} at offset {offset}: {source}")]
    Decode {
        /// The partition.
        partition: u32,
        /// Where.
        offset: u64,
        /// Why.
        source: DecodeError,
    },
}

impl Seen {
    /// The last cursor of this name.
    pub(crate) fn feed(&self, tenant: &str, connection: &str, name: &str) -> Option<&FeedCursor> {
        // Names are few and short; a lookup takes them as one.
        let found = self.feeds.get(&(connection.to_owned(), name.to_owned()));
        found.filter(|cursor| cursor.tenant == tenant)
    }

    /// The last order of a connection's history.
    pub(crate) fn backfill(&self, tenant: &str, connection: &str) -> Option<&Backfill> {
        self.backfills.get(connection).filter(|order| order.tenant == tenant)
    }

    /// How far a feed has come with an order.
    pub(crate) fn progress(&self, order: &Backfill, feed: &str) -> Option<&FeedCursor> {
        self.feed(&order.tenant, &order.connection, &order.cursor_name(feed))
    }

    /// Has a feed fetched everything that was ordered?
    pub(crate) fn is_done(&self, order: &Backfill, feed: &str) -> bool {
        self.progress(order, feed).is_some_and(|cursor| cursor.complete_to >= order.until)
    }
}

impl Cursors {
    /// The topic of this name.
    pub(crate) fn new(broker: Broker, topic: String, partitions: u32) -> Cursors {
        Cursors { broker, topic, partitions }
    }

    /// Its name.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Where a tenant's cursors are.
    pub(crate) fn partition_of(&self, tenant: &str) -> u32 {
        partition_of(tenant.as_bytes(), self.partitions)
    }

    /// Reads a partition on, to its end. Blocks.
    pub(crate) fn read_on(&self, partition: u32, seen: &mut Seen) -> Result<(), PollError> {
        let mut fatal = None;
        let next = self.broker.read(&self.topic, partition, seen.next, &mut |record| {
            match record.value.map(codec::decode_cursor_record) {
                Some(Ok(CursorRecord::Feed(cursor))) => {
                    seen.feeds.insert((cursor.connection.clone(), cursor.feed.clone()), cursor);
                }
                Some(Ok(CursorRecord::Backfill(order))) => {
                    seen.backfills.insert(order.connection.clone(), order);
                }
                Some(Err(source)) if source.must_halt() => {
                    fatal.get_or_insert(PollError::Decode { partition, offset: record.offset, source });
                }
                // Its feed begins where it would without one, less the overlap; nothing comes twice.
                Some(Err(error)) => {
                    tracing::error!(%error, partition, offset = record.offset, "a cursor is passed over")
                }
                None => {}
            }
        })?;
        seen.next = Some(next);
        fatal.map_or(Ok(()), Err)
    }

    /// Writes a cursor, and waits until the log has it.
    pub(crate) async fn write(&self, cursor: &FeedCursor) -> Result<(), AppendError> {
        let key = codec::feed_cursor_key(&cursor.tenant, &cursor.connection, &cursor.feed);
        self.append(&cursor.tenant, key, codec::encode_feed_cursor(cursor)).await
    }

    /// Writes an order, and waits until the log has it.
    pub(crate) async fn order(&self, order: &Backfill) -> Result<(), AppendError> {
        let key = codec::backfill_key(&order.tenant, &order.connection);
        self.append(&order.tenant, key, codec::encode_backfill(order)).await
    }

    async fn append(
        &self,
        tenant: &str,
        key: Vec<u8>,
        encoded: Result<Vec<u8>, codec::EncodeError>,
    ) -> Result<(), AppendError> {
        let value = encoded.map_err(|error| AppendError::Refused { reason: error.to_string() })?;
        let record = Record { partition: self.partition_of(tenant), key: Some(key), value: Some(value) };
        self.broker.append(&self.topic, record)?.await.map(drop)
    }
}
