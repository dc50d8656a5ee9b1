//! What has come into a log: read by the engines themselves, without rows and databases.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::ensure;
use broker::{Broker, KafkaSettings, Limits, Record, partition_of};
use codec::{LogRecord, Topic};
use event::{FeedCursor, Gap};

/// Partitions of a topic, by default.
const PARTITIONS: u32 = 4;

/// Everything of a log that a test of sources asks for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The provider's id of each event → the connections that brought it, once for each time that it was written.
    pub(crate) events: BTreeMap<String, Vec<String>>,
    /// The provider's ids of those that came as imported history, at least once.
    pub(crate) history: BTreeSet<String>,
    /// Our ids.
    pub(crate) event_ids: BTreeSet<u128>,
    /// Where dead letters came from, and why.
    pub(crate) dead_letters: Vec<String>,
    /// Their ids, one for each time that one was written.
    pub(crate) dead_letter_ids: Vec<u128>,
    /// Gaps that pollers met.
    pub(crate) gaps: Vec<Gap>,
    /// Feed → its last cursor.
    pub(crate) cursors: BTreeMap<String, FeedCursor>,
}

impl Found {
    /// Exactly these events, each under one id of ours, and nothing dead.
    pub(crate) fn is_exactly(&self, ids: &BTreeSet<String>) -> anyhow::Result<()> {
        let found: BTreeSet<String> = self.events.keys().cloned().collect();
        let missing: Vec<_> = ids.difference(&found).take(5).collect();
        let alien: Vec<_> = found.difference(ids).take(5).collect();
        ensure!(found == *ids, "{} of {} events; missing {missing:?}, alien {alien:?}", found.len(), ids.len());
        ensure!(self.event_ids.len() == ids.len(), "{} ids for {} events", self.event_ids.len(), ids.len());
        ensure!(self.dead_letters.is_empty(), "dead: {:?}", self.dead_letters);
        Ok(())
    }

    /// Events that were written more than once.
    pub(crate) fn doubled(&self) -> usize {
        self.events.values().filter(|times| times.len() > 1).count()
    }
}

/// Reads the log of a data folder whose process has ended.
pub(crate) fn of_folder(data: &Path) -> anyhow::Result<Found> {
    read(&Broker::open_embedded(&data.join("log"), Limits::default())?)
}

/// Writes a cursor into the log of a data folder whose process has ended, as a process would that does not know yet that it polls no more.
pub(crate) fn write_cursor(data: &Path, cursor: &FeedCursor) -> anyhow::Result<()> {
    let broker = Broker::open_embedded(&data.join("log"), Limits::default())?;
    let record = Record {
        partition: partition_of(cursor.tenant.as_bytes(), PARTITIONS),
        key: Some(codec::feed_cursor_key(&cursor.tenant, &cursor.connection, &cursor.feed)),
        value: Some(codec::encode_feed_cursor(cursor)?),
    };
    broker.append(Topic::Cursors.as_str(), record)?.wait()?;
    Ok(())
}

/// Reads the log on a Kafka.
pub(crate) fn of_kafka(bootstrap: &str) -> anyhow::Result<Found> {
    read(&Broker::connect_kafka(bootstrap, KafkaSettings::default(), Limits::default())?)
}

fn read(broker: &Broker) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut trouble = None;
    for partition in 0..PARTITIONS {
        broker.read(Topic::Events.as_str(), partition, None, &mut |record| {
            let Some(value) = record.value else { return };
            match codec::decode_log_record(value) {
                Ok(LogRecord::Events(batch)) => batch.for_each(|event| match event {
                    Ok(event) => {
                        found.events.entry(event.native_id.to_owned()).or_default().push(event.connection.to_owned());
                        found.event_ids.insert(event.event_id.0);
                        if event.is_backfill {
                            found.history.insert(event.native_id.to_owned());
                        }
                    }
                    Err(error) => trouble = Some(error),
                }),
                Ok(LogRecord::Control { .. }) => {}
                Err(error) => trouble = Some(error),
            }
        })?;
        broker.read(Topic::DeadLetters.as_str(), partition, None, &mut |record| {
            if let Some(Ok(letter)) = record.value.map(codec::decode_dead_letter) {
                found.dead_letters.push(format!("{} {} {}", letter.origin, letter.reason, letter.detail));
                found.dead_letter_ids.push(letter.id.0);
            }
        })?;
        broker.read(Topic::Cursors.as_str(), partition, None, &mut |record| {
            if let Some(Ok(cursor)) = record.value.map(codec::decode_feed_cursor) {
                found.cursors.insert(cursor.feed.clone(), cursor);
            }
        })?;
    }
    let mut gaps = BTreeMap::new();
    for partition in 0..PARTITIONS {
        broker.read(Topic::Gaps.as_str(), partition, None, &mut |record| {
            if let Some(Ok(gap)) = record.value.map(codec::decode_gap) {
                // The latest record of a key counts, as in the table.
                gaps.insert(codec::gap_key(&gap), gap);
            }
        })?;
    }
    found.gaps = gaps.into_values().collect();
    trouble.map_or(Ok(found), |error| Err(error.into()))
}
