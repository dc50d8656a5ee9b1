//! Events that come at half of the rate at which they could: an open loop, which sends at the intended time whatever became of the last event,
//! and counts from there. So a stall shows in every event that had to wait for it.

mod embedded;
mod kafka;
mod watch;

use std::time::{Duration, Instant};

use ::tests::servers::Receiver;
use anyhow::{Context as _, ensure};
use event::{Alert, AlertState, Severity};

pub(super) use embedded::run as embedded;
pub(super) use kafka::run as kafka;

use crate::latency::Latency;
use watch::{SeenAlert, SeenRows};

/// How long events are sent, if there are enough of them.
const SECONDS: f64 = 20.0;
/// Between the decision to begin and the first event.
const LEAD: Duration = Duration::from_millis(500);
/// The receiver.
const RECEIVER: &str = "oncall";

/// When which event was to be sent.
#[derive(Clone, Copy, Debug)]
struct Pace {
    began: Instant,
    began_ms: i64,
    /// Events a second.
    rate: f64,
    /// The first event that was sent.
    first: u64,
    /// Events that go together.
    at_once: u64,
}

impl Pace {
    fn begin(rate: f64, first: u64, at_once: u64) -> Pace {
        let began_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default() + LEAD;
        Pace { began: Instant::now() + LEAD, began_ms: began_ms.as_millis() as i64, rate, first, at_once }
    }

    /// Since the beginning, when an event was to be sent: with the first of those with which it goes.
    fn after(&self, number: u64) -> Duration {
        let of_all = number.saturating_sub(self.first) / self.at_once * self.at_once;
        Duration::from_secs_f64(of_all as f64 / self.rate)
    }

    fn due(&self, number: u64) -> Instant {
        self.began + self.after(number)
    }
}

/// Half of what was drained, unless `RATE` says how many events a second.
fn rate(drained: f64) -> anyhow::Result<f64> {
    match std::env::var("RATE") {
        Ok(told) if !told.is_empty() => told.parse().with_context(|| format!("RATE={told} is no number")),
        _ => Ok(drained / 2.0),
    }
}

/// The number of an event of the workload, by what its provider calls it.
fn number_of(native_id: &str) -> Option<u64> {
    u64::from_str_radix(native_id.rsplit('-').next()?, 16).ok()
}

/// What was watched, as percentiles.
fn latencies(pace: &Pace, alerts: &[SeenAlert], told: &Receiver, rows: &SeenRows) -> Vec<Latency> {
    let to_topic = alerts.iter().filter_map(|alert| alert.at.checked_duration_since(pace.due(alert.number)));
    let posts = told.posts();
    let to_receiver = alerts.iter().filter_map(|alert| {
        let post = posts.iter().find(|post| post.answer == 200 && post.id == alert.id)?;
        post.arrived_at.checked_duration_since(pace.due(alert.number))
    });
    let to_row = rows.iter().filter_map(|(number, at)| at.checked_duration_since(pace.due(*number)));
    let ways = [
        ("alert on the alerts topic", to_topic.collect::<Vec<_>>()),
        ("alert at the receiver", to_receiver.collect()),
        ("row answers a query", to_row.collect()),
    ];
    ways.into_iter().filter_map(|(to, watched)| Latency::of(to, watched)).collect()
}

/// Is the receiver told of it? Of what is raised, from low on.
fn is_for_the_receiver(alert: &Alert) -> bool {
    alert.state == AlertState::Raised && alert.severity > Severity::Info
}

/// Every alert that the receiver is told of has been accepted.
fn all_told(alerts: &[SeenAlert], told: &Receiver) -> anyhow::Result<()> {
    let accepted = told.accepted();
    let missing = alerts.iter().filter(|alert| alert.is_to_be_told && !accepted.contains_key(&alert.id)).count();
    ensure!(missing == 0, "{missing} of {} alerts were not delivered", alerts.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_due_with_the_first_of_its_delivery() {
        let pace = Pace::begin(1_000.0, 2_000, 500);
        let after = |number| pace.due(number).duration_since(pace.began).as_millis();
        assert_eq!([after(2_000), after(2_499), after(2_500), after(3_250)], [0, 0, 500, 1_000]);
    }

    #[test]
    fn the_number_is_what_the_providers_id_ends_with() {
        assert_eq!(number_of("0011aabb-0011-11f1-2233-00000000010a"), Some(266));
        assert_eq!(number_of("not a number"), None);
    }
}
