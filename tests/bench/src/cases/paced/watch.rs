//! Who looks, while events come: a reader of the topic of alerts, and somebody who asks ClickHouse again and again for the rows of incidents.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use codec::{Topic, decode_alert};
use event::{Alert, Coordinates};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

use super::{is_for_the_receiver, number_of};

/// Time between two questions for rows: what a row is found late by.
const ASK_INTERVAL: Duration = Duration::from_millis(25);
/// Alerts whose events are looked up at a time: the text of a query has its limit.
const ALERTS_AT_ONCE: usize = 2_000;
/// How long a look at the topic waits.
const LOOK: Duration = Duration::from_millis(50);

/// Incident event → when a query first found its row.
pub(super) type SeenRows = BTreeMap<u64, Instant>;

/// An alert of the topic, and the event that opened it.
#[derive(Clone, Debug)]
pub(super) struct SeenAlert {
    pub(super) id: String,
    pub(super) coordinates: Coordinates,
    /// The opening event; `u64::MAX` until somebody has looked it up.
    pub(super) number: u64,
    pub(super) is_to_be_told: bool,
    pub(super) app: (String, String),
    pub(super) at: Instant,
}

impl SeenAlert {
    pub(super) fn of(alert: Alert, at: Instant) -> SeenAlert {
        let is_to_be_told = is_for_the_receiver(&alert);
        SeenAlert {
            id: alert.id.to_string(),
            coordinates: alert.coordinates,
            number: u64::MAX,
            is_to_be_told,
            app: (alert.tenant, alert.app_ref),
            at,
        }
    }
}

/// Reads the topic of alerts as they come, until told to stop.
pub(super) fn alerts(
    bootstrap: &str,
    prefix: &str,
    partitions: u32,
    is_stopped: &AtomicBool,
) -> anyhow::Result<Vec<SeenAlert>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "watch").set("enable.auto.commit", "false");
    // Detection may write in transactions.
    config.set("isolation.level", "read_committed");
    let consumer: BaseConsumer = config.create().context("making a consumer")?;
    let mut places = TopicPartitionList::new();
    for partition in 0..partitions {
        places.add_partition_offset(&Topic::Alerts.name(prefix), i32::try_from(partition)?, Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    let mut seen = Vec::new();
    loop {
        // What came before the end is read, also when the end is known.
        let is_last = is_stopped.load(Ordering::Relaxed);
        match consumer.poll(LOOK) {
            Some(message) => {
                let (message, at) = (message?, Instant::now());
                seen.push(SeenAlert::of(decode_alert(message.payload().unwrap_or_default())?, at));
            }
            None if is_last => return Ok(seen),
            None => {}
        }
    }
}

/// Asks for the rows of incidents, as the key of the table finds them, until told to stop. `ask` gives native ids, one a line.
pub(super) fn rows(
    tenants: &[String],
    ask: impl Fn(&str) -> anyhow::Result<Vec<String>>,
    is_stopped: &AtomicBool,
) -> anyhow::Result<SeenRows> {
    let tenants: Vec<String> = tenants.iter().map(|tenant| format!("'{tenant}'")).collect();
    let sql = format!(
        "SELECT native_id FROM events WHERE tenant IN ({}) AND startsWith(app_key, 'okta:app_id:0oaincident')",
        tenants.join(", ")
    );
    let mut seen = SeenRows::new();
    while !is_stopped.load(Ordering::Relaxed) {
        let (asked, ids) = (Instant::now(), ask(&sql)?);
        let at = Instant::now();
        ids.iter().filter_map(|id| number_of(id)).for_each(|number| {
            seen.entry(number).or_insert(at);
        });
        thread::sleep(ASK_INTERVAL.saturating_sub(asked.elapsed()));
    }
    Ok(seen)
}

/// Place of an event in the log → its number, of the rows to which a condition applies. `ask` gives lines of place and native id.
pub(super) fn places(
    condition: &str,
    ask: impl Fn(&str) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let sql = format!(
        "SELECT concat(toString(_partition), ',', toString(_offset), ',', toString(_index), ' ', native_id) FROM events WHERE {condition}"
    );
    let line = |line: String| {
        let (place, native_id) = line.split_once(' ')?;
        Some((place.to_owned(), number_of(native_id)?))
    };
    ask(&sql)?.into_iter().map(|each| line(each).context("a row without its number")).collect()
}

/// The places of the events that opened alerts.
pub(super) fn places_of(
    alerts: &[SeenAlert],
    ask: impl Fn(&str) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    for some in alerts.chunks(ALERTS_AT_ONCE) {
        let wanted: Vec<String> = some.iter().map(|alert| format!("({})", place(&alert.coordinates))).collect();
        found.extend(places(&format!("(_partition, _offset, _index) IN ({})", wanted.join(", ")), &ask)?);
    }
    Ok(found)
}

/// Writes into each alert which event opened it.
pub(super) fn fill(alerts: &mut [SeenAlert], places: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    for alert in alerts {
        alert.number = *places.get(&place(&alert.coordinates)).context("the event of an alert has no row")?;
    }
    Ok(())
}

fn place(coordinates: &Coordinates) -> String {
    let Coordinates { partition, position, .. } = coordinates;
    format!("{partition},{},{}", position.offset, position.index)
}
