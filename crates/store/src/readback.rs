//! What of the log has become rows: the questions that the promise of exactly once is kept with. After an insert whose end nobody knows,
//! `sink` reads back the coordinates of its range and sends what is missing.

use clickhouse::Row;
use serde::Deserialize;

use crate::{Client, StoreError};

/// Place of a row in its partition of the log: record and index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Row, Deserialize)]
pub struct StoredPosition {
    /// Offset of the record.
    pub offset: u64,
    /// Index of the event in the record.
    pub index: u16,
}

const POSITIONS: &str = "
SELECT _offset AS offset, _index AS index
FROM events
WHERE _log_id = {log_id:UInt128} AND _partition = {partition:UInt32} AND _offset >= {start:UInt64} AND _offset < {end:UInt64}
ORDER BY offset, index";

const LAST: &str = "
SELECT _offset AS offset, _index AS index
FROM events
WHERE _log_id = {log_id:UInt128} AND _partition = {partition:UInt32}
ORDER BY offset DESC, index DESC
LIMIT 1";

impl Client {
    /// The positions of `events` that are stored from records `start..end` of a partition, in order; one that is stored twice comes twice.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn stored_positions(
        &self,
        log_id: u128,
        partition: u32,
        records: std::ops::Range<u64>,
    ) -> Result<Vec<StoredPosition>, StoreError> {
        let (log_id, partition) = (log_id.to_string(), partition.to_string());
        let (start, end) = (records.start.to_string(), records.end.to_string());
        let parameters = [("log_id", log_id.as_str()), ("partition", &partition), ("start", &start), ("end", &end)];
        self.rows("reading back what was stored", POSITIONS, &parameters).await
    }

    /// The last position of a partition that is stored; `None` when nothing of this log is.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn last_stored_position(
        &self,
        log_id: u128,
        partition: u32,
    ) -> Result<Option<StoredPosition>, StoreError> {
        let (log_id, partition) = (log_id.to_string(), partition.to_string());
        let parameters = [("log_id", log_id.as_str()), ("partition", &partition)];
        Ok(self.rows("reading back the last row", LAST, &parameters).await?.into_iter().next())
    }
}
