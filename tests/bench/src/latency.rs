//! How long after its intended time an event was where: percentiles, not means, because somebody waits for the slowest ones.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Percentiles of one way, in milliseconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// From the intended time to where.
    pub(crate) to: String,
    /// Events that were watched.
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
}

impl Latency {
    /// Of what was watched; nothing of nothing.
    pub(crate) fn of(to: &str, mut watched: Vec<Duration>) -> Option<Latency> {
        watched.sort_unstable();
        let at = |share: f64| {
            // The smallest value that so large a share does not exceed.
            let place = (watched.len() as f64 * share).ceil() as usize;
            watched.get(place.saturating_sub(1)).map(|duration| duration.as_secs_f64() * 1e3)
        };
        let (p50, p99, p99_9) = (at(0.5)?, at(0.99)?, at(0.999)?);
        Some(Latency { to: to.to_owned(), count: watched.len() as u64, p50, p99, p99_9 })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { to, count, p50, p99, p99_9 } = self;
        write!(f, "{to}: p50 {p50:.1} ms, p99 {p99:.1} ms, p99.9 {p99_9:.1} ms of {count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let latency = Latency::of("here", (1..=1_000).map(Duration::from_millis).collect()).unwrap();
        assert_eq!((latency.p50, latency.p99, latency.p99_9, latency.count), (500.0, 990.0, 999.0, 1_000));
        let one = Latency::of("here", vec![Duration::from_millis(7)]).unwrap();
        assert_eq!((one.p50, one.p99_9), (7.0, 7.0));
        assert_eq!(Latency::of("here", Vec::new()), None);
    }
}
