//! How far the tables are behind the log: in records, and in the age of the oldest one that has not landed.
//!
//! The age is what people feel, and what the alert is about: a large import makes many records wait and none of them long.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use broker::Broker;
use event::Timestamp;

use crate::{lane::Lane, metrics::Metrics};

/// How often the log is asked for its end: on Kafka a question and an answer for each partition.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Looks after the lag of this process's partitions.
pub(crate) struct Lag {
    topic: String,
    looked_at: Option<Instant>,
    /// Partitions in which records wait that nobody has read, and since when we know it.
    unread_since: BTreeMap<u32, Timestamp>,
}

/// One partition, as it stands.
#[derive(Clone, Copy, Debug)]
struct Standing {
    partition: u32,
    /// One past the newest offset.
    end: u64,
    /// The oldest offset that has not landed.
    landed_to: u64,
    /// When the log took the oldest record that was read and has not landed.
    oldest_read: Option<Timestamp>,
}

impl Lag {
    /// Of one topic.
    pub(crate) fn new(topic: String) -> Lag {
        Lag { topic, looked_at: None, unread_since: BTreeMap::new() }
    }

    /// Measures, if it is time.
    pub(crate) fn look<'l>(
        &mut self,
        broker: &Broker,
        lanes: impl Iterator<Item = (u32, &'l Lane)>,
        metrics: &Metrics,
    ) {
        if self.looked_at.is_some_and(|looked_at| looked_at.elapsed() < LOOK_INTERVAL) {
            return;
        }
        self.looked_at = Some(Instant::now());
        let mut standings = Vec::new();
        for (partition, lane) in lanes {
            let (landed_to, oldest_read) = (lane.landed_to(), lane.oldest_logged_at());
            match broker.watermarks(&self.topic, partition) {
                Ok((_, end)) => standings.push(Standing { partition, end, landed_to, oldest_read }),
                Err(error) => {
                    // What was measured last stands; that the log is away is told by whoever reads it.
                    tracing::debug!(%error, partition, "the end of the log is not known");
                    return;
                }
            }
        }
        let (records, age_ms) = self.measure(&standings, now());
        metrics.lag.set(i64::try_from(records).unwrap_or(i64::MAX));
        metrics.oldest_age.set(f64::from(u32::try_from(age_ms).unwrap_or(u32::MAX)) / 1_000.0);
    }

    /// Records that have not landed, and the age of the oldest in milliseconds. Of records that were not read, nobody knows the time: they
    /// count from the first look that finds them.
    fn measure(&mut self, standings: &[Standing], now: Timestamp) -> (u64, i64) {
        let (mut records, mut age_ms) = (0, 0);
        let mut unread_since = BTreeMap::new();
        for standing in standings {
            let behind = standing.end.saturating_sub(standing.landed_to);
            let since = match standing.oldest_read {
                Some(logged_at) => Some(logged_at),
                None if behind > 0 => {
                    let known = self.unread_since.get(&standing.partition).copied().unwrap_or(now);
                    unread_since.insert(standing.partition, known);
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

    fn standing(partition: u32, end: u64, landed_to: u64, oldest_read: Option<i64>) -> Standing {
        Standing { partition, end, landed_to, oldest_read: oldest_read.map(Timestamp) }
    }

    #[test]
    fn the_lag_is_what_has_not_landed_and_its_age_that_of_the_oldest() {
        let mut lag = Lag::new("events".into());
        for (standings, expected) in [
            (vec![], (0, 0)),
            (vec![standing(0, 10, 10, None), standing(1, 0, 0, None)], (0, 0)),
            (vec![standing(0, 10, 4, Some(9_000)), standing(1, 5, 4, Some(7_500))], (7, 2_500)),
        ] {
            assert_eq!(lag.measure(&standings, Timestamp(10_000)), expected, "{standings:?}");
        }
    }

    #[test]
    fn records_that_nobody_reads_grow_old_too() {
        let mut lag = Lag::new("events".into());
        assert_eq!(lag.measure(&[standing(3, 8, 5, None)], Timestamp(10_000)), (3, 0));
        assert_eq!(lag.measure(&[standing(3, 9, 5, None)], Timestamp(70_000)), (4, 60_000));
        assert_eq!(lag.measure(&[standing(3, 9, 9, None)], Timestamp(75_000)), (0, 0));
        assert_eq!(lag.measure(&[standing(3, 10, 9, None)], Timestamp(80_000)), (1, 0), "it counts from anew");
    }
}
