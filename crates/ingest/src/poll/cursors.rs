//! The topic `cursors`: how far each feed has come, read when a partition is taken up and written after each page.

use broker::{AppendError, Broker, ConsumeError, Record, partition_of};
use codec::DecodeError;
use event::FeedCursor;
use hashbrown::HashMap;

/// The topic, for writing and reading.
#[derive(Clone)]
pub(crate) struct Cursors {
    broker: Broker,
    topic: String,
    partitions: u32,
}

/// Connection and feed → its last cursor.
pub(crate) type CursorMap = HashMap<(String, String), FeedCursor>;

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

    /// Reads a partition to its end. Blocks.
    pub(crate) fn read(&self, partition: u32) -> Result<CursorMap, PollError> {
        let (mut cursors, mut fatal) = (CursorMap::new(), None);
        self.broker.read(&self.topic, partition, None, &mut |record| {
            match record.value.map(codec::decode_feed_cursor) {
                Some(Ok(cursor)) => {
                    cursors.insert((cursor.connection.clone(), cursor.feed.clone()), cursor);
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
        fatal.map_or(Ok(cursors), Err)
    }

    /// Writes a cursor, and waits until the log has it.
    pub(crate) async fn write(&self, cursor: &FeedCursor) -> Result<(), AppendError> {
        let encoded = codec::encode_feed_cursor(cursor);
        let value = encoded.map_err(|error| AppendError::Refused { reason: error.to_string() })?;
        let record = Record {
            partition: self.partition_of(&cursor.tenant),
            key: Some(codec::feed_cursor_key(&cursor.tenant, &cursor.connection, &cursor.feed)),
            value: Some(value),
        };
        self.broker.append(&self.topic, record)?.await.map(drop)
    }
}
