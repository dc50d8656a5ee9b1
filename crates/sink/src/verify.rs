//! Checks what has become of the log: each event at its one place in `events` and nothing at any other, usage and inventory as their base
//! says, alerts and ledger as they vouch for each other. `daylight verify`, `daylight reconcile` and the tests that break things call the same
//! functions.
//!
//! May run while events land: compared is what has settled, which is told by the offsets that were committed before the tables are asked.

mod alerts;
pub(crate) mod records;

use broker::{Broker, ConsumeError, OpenError};
use codec::Topic;
use event::LogId;
use serde::{Deserialize, Serialize};
use store::{Client, Settled, StoreError, UsageDifference};
use tokio::runtime::Handle;

pub use alerts::AlertCheck;
use records::{Walk, check_partition};

/// Days of usage that are compared at once: the server holds their people in memory.
const DAYS_AT_ONCE: u16 = 7;
/// Findings of one kind that are listed; all are counted.
pub(crate) const LISTED_MAX: usize = 100;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be asked.
    #[error("cannot ask the log: {0}")]
    Log(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Read(#[from] ConsumeError),
    /// ClickHouse cannot be asked.
    #[error("cannot ask ClickHouse: {0}")]
    Store(#[from] StoreError),
    /// The commit metadata is no plan.
    #[error("partition {partition}: {reason}")]
    Plan {
        /// The partition.
        partition: u32,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Events without a row.
    Missing,
    /// Rows beyond the first at their place.
    Doubled,
    /// Rows of no event.
    Stray,
    /// Events that the table refused: they are dead letters, so this is not wrong, and never listed.
    Refused,
}

/// Hears of a record that is not what it should be, or that was refused: its offset, and how.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(u64, Flaw);

/// A record whose rows are not its events.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its offset.
    pub offset: u64,
    /// What is wrong.
    pub flaw: Flaw,
    /// Of how many rows.
    pub rows: u64,
}

/// One partition.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct PartitionCheck {
    /// Which.
    pub partition: u32,
    /// The oldest record that the log holds.
    pub low: u64,
    /// Up to where everything should have landed.
    pub landed_to: u64,
    /// One past the newest record.
    pub end: u64,
    /// Ranges that are on their way, as `start-end`.
    pub planned: Vec<String>,
    /// Events in the records that were compared.
    pub events: u64,
    /// Of these, how many were refused by the table and are dead letters.
    pub refused: u64,
    /// Events without a row.
    pub missing: u64,
    /// Rows beyond the first at their place.
    pub doubled: u64,
    /// Rows of no event.
    pub stray: u64,
    /// The first of these, by record.
    pub findings: Vec<Finding>,
    /// Has the sink committed an offset of this log? Otherwise nothing was compared.
    pub has_begun: bool,
    /// Was the offset committed for another log?
    pub is_other_log: bool,
}

/// Everything.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Each partition.
    pub partitions: Vec<PartitionCheck>,
    /// Usage and inventory that differ from their base, a sentence each.
    pub usage: Vec<String>,
    /// Alerts, and what the ledger knows of them.
    pub alerts: AlertCheck,
}

impl PartitionCheck {
    /// Is every event of it at its one place? Where the log has records and nothing of them was compared, nobody knows.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.missing + self.doubled + self.stray == 0 && !self.is_uncompared()
    }

    /// Does the log have records, and has the sink landed none of them yet?
    #[must_use]
    pub fn is_uncompared(&self) -> bool {
        self.end > self.low && !self.has_begun
    }
}

impl Verification {
    /// Is everything as it should be?
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.usage.is_empty() && self.alerts.wrong == 0 && self.partitions.iter().all(PartitionCheck::is_sound)
    }
}

/// Checks. Blocks, for as long as it takes to read the log, the ledger, and every event of the table. May run beside the sink: what lands
/// meanwhile is left out.
///
/// # Errors
/// `VerifyError` when log or ClickHouse cannot be asked.
pub fn verify(broker: &Broker, prefix: &str, client: &Client, runtime: &Handle) -> Result<Verification, VerifyError> {
    let (topic, dead_letters) = (Topic::Events.name(prefix), Topic::DeadLetters.name(prefix));
    let log_id = LogId(broker.log_id(&topic)?.0);
    let walk = Walk { broker, topic: &topic, dead_letters: &dead_letters, log_id, client, runtime };
    let mut found = Verification::default();
    for partition in 0..broker.partitions(&topic)? {
        found.partitions.push(check_partition(&walk, partition, &mut |_, _| {})?);
    }
    found.usage = differences(client, &settled(log_id, &found.partitions), runtime)?.iter().map(sentence).collect();
    found.alerts = alerts::check(broker, prefix, client, runtime)?;
    Ok(found)
}

/// Up to where the sink has committed: asked before the tables are, so that what lies below is stored.
pub(crate) fn settled(log_id: LogId, partitions: &[PartitionCheck]) -> Settled {
    let landed = |check: &PartitionCheck| if check.is_other_log { 0 } else { check.landed_to };
    Settled { log_id: log_id.0, landed: partitions.iter().map(landed).collect() }
}

/// Where usage and inventory differ from the events. Asked twice: tables that are written while they are read can only disagree by chance in
/// the same way once.
pub(crate) fn differences(
    client: &Client,
    settled: &Settled,
    runtime: &Handle,
) -> Result<Vec<UsageDifference>, StoreError> {
    let first = ask_differences(client, settled, runtime)?;
    if first.is_empty() {
        return Ok(first);
    }
    let second = ask_differences(client, settled, runtime)?;
    Ok(second.into_iter().filter(|found| first.iter().any(|known| is_same_cell(known, found))).collect())
}

fn ask_differences(client: &Client, settled: &Settled, runtime: &Handle) -> Result<Vec<UsageDifference>, StoreError> {
    let days = runtime.block_on(client.days_of_usage())?;
    let mut found = Vec::new();
    for (first, last) in stretches(&days) {
        found.extend(runtime.block_on(client.usage_differences(settled, first, last))?);
    }
    found.extend(runtime.block_on(client.inventory_differences(settled))?);
    Ok(found)
}

/// Days in stretches of `DAYS_AT_ONCE`, both borders included; where there are none, none are asked for.
fn stretches(days: &[u16]) -> Vec<(u16, u16)> {
    let mut found: Vec<(u16, u16)> = Vec::new();
    for day in days {
        match found.last_mut() {
            Some((first, last)) if day - *first < DAYS_AT_ONCE => *last = *day,
            _ => found.push((*day, *day)),
        }
    }
    found
}

fn is_same_cell(one: &UsageDifference, other: &UsageDifference) -> bool {
    let cell = |difference: &UsageDifference| {
        let UsageDifference { table, tenant, app_key, department, day, what, .. } = difference.clone();
        (table, tenant, app_key, department, day, what)
    };
    cell(one) == cell(other)
}

/// A difference, as a person reads it.
pub(crate) fn sentence(difference: &UsageDifference) -> String {
    let UsageDifference { table, tenant, app_key, department, day, what, base, derived } = difference;
    format!(
        "{table}: {tenant}, {app_key}, department {department:?}, day {day}: {what}: {base} by the events, {derived} in the table"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_asked_for_in_stretches_that_leave_out_what_nobody_used() {
        assert_eq!(stretches(&[]), []);
        assert_eq!(stretches(&[3, 4, 9, 10, 11, 400]), [(3, 9), (10, 11), (400, 400)]);
    }
}
