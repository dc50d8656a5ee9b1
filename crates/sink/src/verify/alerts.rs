//! Alerts and the ledger, which vouch for each other: detection writes an alert, then its episode into the ledger, then commits.
//!
//! So of an alert in the log, once detection has committed what was there when it was read, the ledger knows the episode; of an episode in
//! the ledger there is an alert, in the log or in the table; and what the sink has committed is in the table.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, ConsumeError};
use codec::{Topic, decode_alert, decode_ledger_entry};
use event::LedgerEntry;
use serde::{Deserialize, Serialize};
use store::{Client, StoreError};
use tokio::runtime::Handle;

use super::{LISTED_MAX, VerifyError};

/// The group that has read `alerts` into the table.
const SINK: &str = "sink";
/// The group that writes alerts and ledger.
const DETECT: &str = "detect";
/// Alerts that the table is asked for at once.
const ALERTS_AT_ONCE: usize = 500;
/// How long detection is waited for: it commits several times a second.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);
/// How often it is asked.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Alerts, and what the ledger knows of them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct AlertCheck {
    /// Different alerts in the log.
    pub logged: u64,
    /// Episodes in the ledger.
    pub episodes: u64,
    /// Alerts of which the ledger could not be asked, because detection is behind: it does not run, or reads what came meanwhile.
    pub unsettled: u64,
    /// What is wrong.
    pub wrong: u64,
    /// The first of these, a sentence each.
    pub findings: Vec<String>,
}

/// Checks every partition.
pub(super) fn check(
    broker: &Broker,
    prefix: &str,
    client: &Client,
    runtime: &Handle,
) -> Result<AlertCheck, VerifyError> {
    let mut check = AlertCheck::default();
    let topics = Topics {
        events: Topic::Events.name(prefix),
        alerts: Topic::Alerts.name(prefix),
        ledger: Topic::Ledger.name(prefix),
    };
    for partition in 0..broker.partitions(&topics.alerts)? {
        let landed = broker.committed(SINK, &topics.alerts, partition)?.map_or(0, |committed| committed.offset);
        let alerts = alerts_of(broker, &topics.alerts, partition)?;
        let is_settled = alerts.is_empty() || is_settled(broker, &topics.events, partition)?;
        let episodes = episodes_of(broker, &topics.ledger, partition)?;
        check.logged += number(alerts.len());
        check.episodes += number(episodes.len());
        let unknown: Vec<&u128> = alerts.keys().filter(|id| !episodes.contains_key(id)).collect();
        if is_settled {
            unknown.iter().for_each(|id| check.find(format!("alert {id:032x}: the ledger does not know its episode")));
        } else {
            check.unsettled += number(unknown.len());
        }
        let due: Vec<u128> = alerts.iter().filter(|(_, offset)| **offset < landed).map(|(id, _)| *id).collect();
        for id in absent(client, runtime, &due)? {
            check.find(format!("alert {id:032x} is in the log and not in the table"));
        }
        // What the ledger knows was in the log before, so the log is read once more. Episodes older than the events may be older than it.
        let alerts = alerts_of(broker, &topics.alerts, partition)?;
        let (low, _) = broker.watermarks(&topics.events, partition)?;
        let is_recent = |(id, offset): &(&u128, &u64)| **offset >= low && !alerts.contains_key(*id);
        let silent: Vec<u128> = episodes.iter().filter(is_recent).map(|(id, _)| *id).collect();
        for id in absent(client, runtime, &silent)? {
            check.find(format!("episode {id:032x} is in the ledger, and there is no alert of it"));
        }
    }
    Ok(check)
}

struct Topics {
    events: String,
    alerts: String,
    ledger: String,
}

impl AlertCheck {
    fn find(&mut self, finding: String) {
        self.wrong += 1;
        if self.findings.len() < LISTED_MAX {
            self.findings.push(finding);
        }
    }
}

/// Alert → the first record that holds it.
fn alerts_of(broker: &Broker, topic: &str, partition: u32) -> Result<BTreeMap<u128, u64>, ConsumeError> {
    let mut alerts = BTreeMap::new();
    broker.read(topic, partition, None, &mut |record| {
        if let Ok(alert) = decode_alert(record.value.unwrap_or_default()) {
            alerts.entry(alert.id.0).or_insert(record.offset);
        }
    })?;
    Ok(alerts)
}

/// Episode → the record of `events` that opened it.
fn episodes_of(broker: &Broker, topic: &str, partition: u32) -> Result<BTreeMap<u128, u64>, ConsumeError> {
    let mut episodes = BTreeMap::new();
    broker.read(topic, partition, None, &mut |record| {
        let entry = decode_ledger_entry(record.value.unwrap_or_default());
        if let Ok((_, LedgerEntry::Episode { alert_id, position, .. })) = entry {
            episodes.insert(alert_id.0, position.offset);
        }
    })?;
    Ok(episodes)
}

/// Has detection committed everything that is in the log now? Waits a moment for it.
fn is_settled(broker: &Broker, events: &str, partition: u32) -> Result<bool, ConsumeError> {
    let (_, end) = broker.watermarks(events, partition)?;
    let began = Instant::now();
    loop {
        let committed = broker.committed(DETECT, events, partition)?.map_or(0, |committed| committed.offset);
        if committed >= end {
            return Ok(true);
        }
        if began.elapsed() >= SETTLED_WITHIN {
            return Ok(false);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Of these alerts, those that are not in the table.
fn absent(client: &Client, runtime: &Handle, ids: &[u128]) -> Result<Vec<u128>, StoreError> {
    let mut absent = Vec::new();
    for some in ids.chunks(ALERTS_AT_ONCE) {
        let stored: BTreeSet<u128> = runtime.block_on(client.stored_alerts(some))?.into_iter().collect();
        absent.extend(some.iter().filter(|id| !stored.contains(id)));
    }
    Ok(absent)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
