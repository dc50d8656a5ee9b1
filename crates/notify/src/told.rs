//! What the receiver has been told of: a replay of `detect` writes an alert again under the same id, and nobody is to be told twice.
//!
//! Of one partition, because it is read from `deliveries` when the partition comes, and worth nothing once it has gone. It is bounded by
//! time: what stands in `alerts` is kept for 90 days, so what was told earlier cannot be read again.

use event::{AlertId, Timestamp};
use hashbrown::HashMap;

/// How long it is known that a receiver was told: as long as alerts are kept. Milliseconds.
const KEPT_MS: i64 = 90 * 86_400_000;
/// Entries below which nobody looks for old ones.
const SWEPT_FROM: usize = 1_024;

/// What the receiver has been told of, or is being told: alert → since when.
#[derive(Debug, Default)]
pub(crate) struct Told {
    since: HashMap<AlertId, Timestamp>,
    /// Entries at which old ones are looked for.
    sweep_at: usize,
}

impl Told {
    /// The receiver is told of an alert at a time. False when it was told before.
    pub(crate) fn tell(&mut self, alert: AlertId, at: Timestamp, now: Timestamp) -> bool {
        if self.since.len() >= self.sweep_at.max(SWEPT_FROM) {
            self.since.retain(|_, since| now.since_ms(*since) < KEPT_MS);
            // Twice as many as are left: the sweeps cost a constant for each entry.
            self.sweep_at = 2 * self.since.len();
        }
        self.since.insert(alert, at).is_none()
    }

    /// What stands in `deliveries`. False when it is too old to matter: nobody needs the record any more.
    pub(crate) fn restore(&mut self, alert: AlertId, at: Timestamp, now: Timestamp) -> bool {
        let matters = now.since_ms(at) < KEPT_MS;
        if matters {
            self.tell(alert, at, now);
        }
        matters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receiver_is_told_of_an_alert_once() {
        let (mut told, now) = (Told::default(), Timestamp(KEPT_MS * 10));
        assert!(told.tell(AlertId(1), now, now));
        assert!(!told.tell(AlertId(1), now, now));
        assert!(told.restore(AlertId(2), now.plus_ms(-KEPT_MS + 1), now));
        assert!(!told.tell(AlertId(2), now, now));
        assert!(!told.restore(AlertId(3), now.plus_ms(-KEPT_MS), now));
        assert!(told.tell(AlertId(3), now, now), "it was told before alerts of now were kept");
    }

    #[test]
    fn what_cannot_be_read_again_is_forgotten() {
        let mut told = Told::default();
        let a_day = 86_400_000;
        for number in 0..100_000u32 {
            let now = Timestamp(i64::from(number) * a_day);
            told.tell(AlertId(u128::from(number) + 1), now, now);
            assert!(told.since.len() <= SWEPT_FROM, "one alert a day is 90 to be known");
        }
    }
}
