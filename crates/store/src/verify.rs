//! Questions that check the tables: what each record of the log has become, and which alerts are stored. For `daylight verify`, and for the
//! tests that break things. Whether usage says what its base says is asked in `usage_check`.

use clickhouse::Row;
use serde::Deserialize;

use crate::{Client, StoreError};

/// What is stored of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct StoredRecord {
    /// Its offset.
    pub offset: u64,
    /// Rows.
    pub rows: u64,
    /// Different indexes among them.
    pub indexes: u64,
    /// The greatest index.
    pub last_index: u16,
}

const RECORDS: &str = "
SELECT _offset AS offset, count() AS rows, uniqExact(_index) AS indexes, max(_index) AS last_index
FROM events
WHERE _log_id = {log_id:UInt128} AND _partition = {partition:UInt32} AND _offset >= {start:UInt64} AND _offset < {end:UInt64}
GROUP BY offset
ORDER BY offset";

/// Of these alerts, those that are stored.
const ALERTS: &str = "SELECT DISTINCT alert_id FROM alerts WHERE has({ids:Array(UInt128)}, alert_id)";

/// Removes everything that is stored of one record.
const FORGET_RECORD: &str = "ALTER TABLE events DELETE WHERE _log_id = {log_id:UInt128} AND _partition = {partition:UInt32} AND _offset = {offset:UInt64} SETTINGS mutations_sync = 2";

impl Client {
    /// What is stored of the records `start..end` of a partition, in order; records without rows are left out.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn stored_records(
        &self,
        log_id: u128,
        partition: u32,
        records: std::ops::Range<u64>,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let (log_id, partition) = (log_id.to_string(), partition.to_string());
        let (start, end) = (records.start.to_string(), records.end.to_string());
        let parameters = [("log_id", log_id.as_str()), ("partition", &partition), ("start", &start), ("end", &end)];
        self.rows("counting what is stored of each record", RECORDS, &parameters).await
    }

    /// Which of these alerts are stored. For some thousands at a time.
    ///
    /// # Errors
    /// As `stored_records`.
    pub async fn stored_alerts(&self, ids: &[u128]) -> Result<Vec<u128>, StoreError> {
        let ids = list(ids.iter());
        self.rows("asking which alerts are stored", ALERTS, &[("ids", &ids)]).await
    }

    /// Removes every row of one record, and waits until that is done: rows that are there twice cannot be told apart, so all go, and whoever
    /// removed them stores them once.
    ///
    /// # Errors
    /// As `stored_records`.
    pub async fn forget_record(&self, log_id: u128, partition: u32, offset: u64) -> Result<(), StoreError> {
        let (log_id, partition, offset) = (log_id.to_string(), partition.to_string(), offset.to_string());
        let parameters = [("log_id", log_id.as_str()), ("partition", &partition), ("offset", &offset)];
        self.execute("removing the rows of a record", FORGET_RECORD, &parameters).await
    }
}

/// Numbers as a parameter of type `Array`.
pub(crate) fn list<T: std::fmt::Display>(numbers: impl Iterator<Item = T>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(","))
}
