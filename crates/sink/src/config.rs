//! How large batches grow, how long they wait, how many are on their way.

use serde::Deserialize;

/// The section `[sink]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Rows at which a batch is sealed.
    pub batch_rows_max: usize,
    /// Bytes in memory at which a batch is sealed.
    pub batch_bytes_max: usize,
    /// Age at which a batch is sealed. Milliseconds.
    pub flush_interval_ms: u64,
    /// Batches on their way to ClickHouse, over all partitions. Beyond it, reading pauses.
    pub batches_in_flight_max: usize,
    /// Bytes of the batches on their way, over all partitions; one batch may always go. Beyond it, reading pauses.
    pub in_flight_bytes_max: usize,
    /// An insert that is not answered within this time is ambiguous. Each time that it is sent again it has twice as much, at most eight times
    /// what is said here. Milliseconds.
    pub insert_timeout_ms: u64,
    /// The longest wait between two attempts of one insert. Milliseconds.
    pub retry_wait_max_ms: u64,
    /// Records taken by one poll.
    pub poll_records_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            batch_rows_max: 200_000,
            batch_bytes_max: 128 << 20,
            flush_interval_ms: 1_000,
            batches_in_flight_max: 3,
            in_flight_bytes_max: 256 << 20,
            insert_timeout_ms: 30_000,
            retry_wait_max_ms: 5_000,
            poll_records_max: 1_024,
        }
    }
}
