//! How long to wait before trying again: doubling, with a ceiling, spread out.

use std::time::Duration;

/// The part of a wait that is left to chance, where nothing else is said.
const SPREAD: f64 = 0.25;

/// Doubling waits between `base` and `max`. Pure: the caller sleeps.
///
/// The spread is a quarter of the wait, or all of it (full jitter: many who failed together do not come back together), from the attempt's number and a seed and not from a random source, so that a schedule can be
/// replayed; two processes differ by their seed.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    seed: u64,
    spread: f64,
    attempt: u32,
}

impl Backoff {
    /// Waits from `base` to `max`.
    #[must_use]
    pub const fn new(base: Duration, max: Duration, seed: u64) -> Backoff {
        Backoff { base, max, seed, spread: SPREAD, attempt: 0 }
    }

    /// Waits anywhere between nothing and what doubles from `base` to `max`.
    #[must_use]
    pub const fn full_jitter(base: Duration, max: Duration, seed: u64) -> Backoff {
        Backoff { base, max, seed, spread: 1.0, attempt: 0 }
    }

    /// The next wait; each call counts as a failed attempt.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self.base.saturating_mul(1u32.checked_shl(self.attempt.min(20)).unwrap_or(u32::MAX));
        self.attempt = self.attempt.saturating_add(1);
        let wait = doubled.min(self.max);
        let mixed = (self.seed ^ u64::from(self.attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        wait - wait.mul_f64(self.spread * f64::from(u32::try_from(mixed).unwrap_or(0)) / f64::from(u32::MAX))
    }

    /// It worked: begin anew next time.
    pub const fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Failed attempts since it last worked.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_ceiling_and_begin_anew() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 7);
        let waits: Vec<Duration> = (0..40).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] <= Duration::from_millis(100) && waits[0] >= Duration::from_millis(75));
        assert!(waits[3] > waits[0] * 4);
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(5)));
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(100));
    }

    #[test]
    fn full_jitter_is_spread_over_the_whole_wait() {
        let max = Duration::from_secs(1);
        let mut backoff = Backoff::full_jitter(max, max, 7);
        let waits: Vec<Duration> = (0..1_000).map(|_| backoff.next_wait()).collect();
        for tenth in 0..10u32 {
            let (from, to) = (max * tenth / 10, max * (tenth + 1) / 10);
            let inside = waits.iter().filter(|wait| (from..=to).contains(*wait)).count();
            assert!((50..200).contains(&inside), "{inside} of 1,000 waits in {from:?} to {to:?}");
        }
    }
}
