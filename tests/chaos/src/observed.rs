//! What is there after a run, as plain data: the checker reads it, and its tests make it up.

use std::{collections::BTreeMap, time::Duration};

/// Of what memories are rebuilt.
pub const REBUILT: [&str; 3] = ["ledger", "log", "clickhouse"];

/// Rows of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `native_id`, of which the last twelve digits are the sequence number.
    pub native_id: String,
    /// Whose.
    pub tenant: String,
    /// The checksum that was sent, from `transaction_id`.
    pub checksum: String,
    /// The app's id.
    pub app: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The pseudonym.
    pub user_key: String,
    /// Rows with all of this.
    pub rows: u64,
    /// Their distinct coordinates.
    pub places: u64,
    /// Their distinct event ids.
    pub ids: u64,
}

/// One post that a receiver has answered, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The alert's id.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// The rule.
    pub rule: String,
    /// The app's id.
    pub app: String,
    /// Does the signature fit?
    pub is_signed: bool,
    /// Was it answered with 200?
    pub is_taken: bool,
    /// Could the sender see that answer, and live on long enough to write it down?
    pub is_seen: bool,
    /// And was there a fault later that could make it forget?
    pub is_before_faults: bool,
    /// Since the run began.
    pub at: Duration,
}

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Why.
    pub reason: String,
    /// From where.
    pub origin: String,
}

/// One partition, as `daylight verify` tells of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Which.
    pub partition: u64,
    /// Events of the log that were compared.
    pub events: u64,
    /// Of these, refused by the table.
    pub refused: u64,
    /// Without a row.
    pub missing: u64,
    /// Rows beyond the first at their place.
    pub doubled: u64,
    /// Rows of no event.
    pub stray: u64,
    /// Records that lie between what has landed and the end.
    pub unlanded: u64,
}

/// What is remembered of a tenant, from several who should know the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The tenant.
    pub tenant: String,
    /// Who, and the hash of what they know.
    pub values: Vec<(String, String)>,
}

/// Counters of everybody, over the last stretch, which nobody harmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Native events that ingest read.
    pub read: u64,
    /// Of these, acknowledged by the log.
    pub accepted: u64,
    /// Second copies.
    pub duplicates: u64,
    /// Those that concern nobody.
    pub ignored: u64,
    /// Those that cannot be read.
    pub rejected: u64,
    /// Rows that landed.
    pub landed: u64,
    /// Of them, those that may be counted for the second time: who loses a partition before its commit has counted them, and so does the next.
    pub landed_again: u64,
    /// Rows that the table refused.
    pub refused: u64,
    /// Events that detection observed.
    pub observed: u64,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Of the tenants of the run.
    pub rows: Vec<Row>,
    /// Rows of `events`, and their distinct coordinates.
    pub row_count: u64,
    /// Distinct coordinates among them.
    pub place_count: u64,
    /// Each, told apart by its id.
    pub dead_letters: Vec<DeadLetter>,
    /// By partition.
    pub partitions: Vec<Partition>,
    /// Posts, in the order in which they arrived.
    pub posts: Vec<Told>,
    /// Rule and app of alerts in the table → distinct ids.
    pub alert_rows: BTreeMap<(String, String), u64>,
    /// By tenant.
    pub memories: Vec<Memory>,
    /// Episodes that a clean pass over the history opens and nobody was told of.
    pub untold: u64,
    /// Sentences of `daylight verify` on usage and inventory.
    pub usage_differences: Vec<String>,
    /// Sentences of `daylight verify` on alerts and the ledger.
    pub alert_differences: Vec<String>,
    /// How long a fresh event took to be a row and a delivered alert.
    pub probe_took: Option<Duration>,
    /// Records that the sink has not landed.
    pub lag_records: u64,
    /// What has grown, a sentence each.
    pub growth: Vec<String>,
    /// Counters.
    pub sums: Sums,
    /// Where a secret or a name stands that should not.
    pub leaks: Vec<String>,
    /// Answers of ingest that should never come.
    pub surprises: Vec<String>,
}

impl Memory {
    /// Those of whom nobody told anything: beside whoever detects, what the ledger, the log and ClickHouse rebuild.
    #[must_use]
    pub fn silent(&self) -> Vec<&'static str> {
        let is_told = |who: &str| self.values.iter().any(|(told, _)| told == who);
        let rebuilt = REBUILT.into_iter().filter(|who| !is_told(who));
        let is_live = self.values.iter().any(|(who, _)| !REBUILT.contains(&who.as_str()));
        rebuilt.chain((!is_live).then_some("whoever detects")).collect()
    }

    /// Does everybody who was asked know the same?
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        let mut hashes = self.values.iter().map(|(_, hash)| hash);
        let first = hashes.next();
        first.is_some() && hashes.all(|hash| Some(hash) == first)
    }
}
