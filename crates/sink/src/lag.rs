//! How far the tables are behind the log: in records, and in the age of the oldest one that has not landed.
//!
//! The age is what people feel, and what the alert is about: a large import makes many records wait and none of them long.

use std::{
    collections::BTreeMap,
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use broker::{Broker, ConsumeError};
use event::Timestamp;

use crate::{lane::Lane, metrics::Metrics};

/// How often the log is asked for its end: on Kafka a question and an answer for each partition, so a thread of its own asks. A log that is
/// away lets one wait for many seconds, and the loop has better things to do.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Looks after the lag of this process's partitions.
pub(crate) struct Lag {
    topic: String,
    asked_at: Option<Instant>,
    is_asking: bool,
    ends: (mpsc::Sender<Option<Ends>>, mpsc::Receiver<Option<Ends>>),
    /// Partitions in which records wait that nobody has read, and since when we know it.
    unread_since: BTreeMap<u32, Timestamp>,
}

/// Partition → one past its newest offset.
type Ends = BTreeMap<u32, u64>;

/// How far a partition of this process has come, whether it could be taken up or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) partition: u32,
    /// The oldest offset that has not landed.
    pub(crate) landed_to: u64,
    /// When the log took the oldest record that was read and has not landed.
    pub(crate) oldest_read: Option<Timestamp>,
}

impl Place {
    /// Of a partition that was taken up.
    pub(crate) fn of(partition: u32, lane: &Lane) -> Place {
        Place { partition, landed_to: lane.landed_to(), oldest_read: lane.oldest_logged_at() }
    }
}

impl Lag {
    /// Of one topic.
    pub(crate) fn new(topic: String) -> Lag {
        Lag { topic, asked_at: None, is_asking: false, ends: mpsc::channel(), unread_since: BTreeMap::new() }
    }

    /// Asks, if it is time, and measures, if the answer is there.
    pub(crate) fn look(&mut self, broker: &Broker, places: impl Iterator<Item = Place> + Clone, metrics: &Metrics) {
        while let Ok(ends) = self.ends.1.try_recv() {
            self.is_asking = false;
            let Some(ends) = ends else { continue };
            let known = places.clone().filter_map(|place| Some((place, *ends.get(&place.partition)?)));
            let (records, age_ms) = self.measure(known, now());
            metrics.lag.set(i64::try_from(records).unwrap_or(i64::MAX));
            metrics.oldest_age.set(f64::from(u32::try_from(age_ms).unwrap_or(u32::MAX)) / 1_000.0);
        }
        let is_due = self.asked_at.is_none_or(|asked_at| asked_at.elapsed() >= LOOK_INTERVAL);
        if is_due && !self.is_asking {
            self.asked_at = Some(Instant::now());
            self.is_asking = self.ask(broker, places.map(|place| place.partition).collect());
        }
    }

    /// Sends somebody to ask.
    fn ask(&self, broker: &Broker, partitions: Vec<u32>) -> bool {
        let (broker, topic, answer) = (broker.clone(), self.topic.clone(), self.ends.0.clone());
        let ask = move || {
            let end = |partition: u32| Ok((partition, broker.watermarks(&topic, partition)?.1));
            let ends: Result<Ends, ConsumeError> = partitions.into_iter().map(end).collect();
            if let Err(error) = &ends {
                // What was measured last stands; that the log is away is told by whoever reads it.
                tracing::debug!(%error, "the end of the log is not known");
            }
            if answer.send(ends.ok()).is_err() {
                tracing::debug!("stopping: nobody asks for the lag any more");
            }
        };
        thread::Builder::new().name("sink-lag".into()).spawn(ask).is_ok()
    }

    /// Records that have not landed, and the age of the oldest in milliseconds. Of records that were not read, nobody knows the time: they
    /// count from the first look that finds them. Beside each place stands its end, one past its newest offset.
    fn measure(&mut self, places: impl Iterator<Item = (Place, u64)>, now: Timestamp) -> (u64, i64) {
        let (mut records, mut age_ms) = (0, 0);
        let mut unread_since = BTreeMap::new();
        for (place, end) in places {
            let behind = end.saturating_sub(place.landed_to);
            let since = match place.oldest_read {
                Some(logged_at) => Some(logged_at),
                None if behind > 0 => {
                    let known = self.unread_since.get(&place.partition).copied().unwrap_or(now);
                    unread_since.insert(place.partition, known);
                    Some(known)
                }
                None => None,
            };
            records += behind;
            age_ms = age_ms.max(since.map_or(0, |since| now.since_ms(since)));
        }
        self.unread_since = unread_since;
        (records, age_ms)
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: u32, end: u64, landed_to: u64, oldest_read: Option<i64>) -> (Place, u64) {
        (Place { partition, landed_to, oldest_read: oldest_read.map(Timestamp) }, end)
    }

    #[test]
    fn the_lag_is_what_has_not_landed_and_its_age_that_of_the_oldest() {
        let mut lag = Lag::new("events".into());
        for (places, expected) in [
            (vec![], (0, 0)),
            (vec![place(0, 10, 10, None), place(1, 0, 0, None)], (0, 0)),
            (vec![place(0, 10, 4, Some(9_000)), place(1, 5, 4, Some(7_500))], (7, 2_500)),
        ] {
            assert_eq!(lag.measure(places.clone().into_iter(), Timestamp(10_000)), expected, "{places:?}");
        }
    }

    #[test]
    fn records_that_nobody_reads_grow_old_too() {
        let mut lag = Lag::new("events".into());
        assert_eq!(lag.measure([place(3, 8, 5, None)].into_iter(), Timestamp(10_000)), (3, 0));
        assert_eq!(lag.measure([place(3, 9, 5, None)].into_iter(), Timestamp(70_000)), (4, 60_000));
        assert_eq!(lag.measure([place(3, 9, 9, None)].into_iter(), Timestamp(75_000)), (0, 0));
        assert_eq!(lag.measure([place(3, 10, 9, None)].into_iter(), Timestamp(80_000)), (1, 0), "it counts from anew");
    }
}
