//! How long an insert may take before nobody knows what became of it, and how long the sink waits before it sends it again.

use std::time::Duration;

use runtime::Backoff;

use crate::Config;

/// The first wait before an insert is sent again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The seed of the waits' spread.
const SEED: u64 = 4;
/// How often an insert's time is doubled. Eight times as much as the first one had, and no more: an answer that never comes must end, too.
const DOUBLINGS_MAX: u32 = 3;

/// The patience with one block. The waits between two attempts grow with each that fails, and the time of an attempt with each that has used
/// it up: an insert that a slow server cannot do in its time would otherwise be sent again and again with the same one, and never be confirmed.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    waits: Backoff,
    timeout: Duration,
    timed_out: u32,
}

impl Patience {
    /// With a block that was not sent yet.
    pub(crate) fn new(config: &Config) -> Patience {
        Patience {
            waits: Backoff::new(FIRST_WAIT, Duration::from_millis(config.retry_wait_max_ms), SEED),
            timeout: Duration::from_millis(config.insert_timeout_ms),
            timed_out: 0,
        }
    }

    /// How long the next insert may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.saturating_mul(1 << self.timed_out.min(DOUBLINGS_MAX))
    }

    /// Nobody answered, or the answer said nothing, after `taken`: how long to wait now. Only an insert that has used up its time gets more.
    pub(crate) fn failed(&mut self, taken: Duration) -> Duration {
        if taken >= self.timeout() {
            self.timed_out = self.timed_out.saturating_add(1);
        }
        self.waits.next_wait()
    }

    /// The server answered. What the next insert of this block may take stays: it has as many rows, or fewer.
    pub(crate) fn answered(&mut self) {
        self.waits.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience() -> Patience {
        Patience::new(&Config { insert_timeout_ms: 1_000, retry_wait_max_ms: 5_000, ..Config::default() })
    }

    #[test]
    fn an_insert_that_used_up_its_time_gets_twice_as_much_up_to_eight_times() {
        let mut patience = patience();
        let mut given = Vec::new();
        for _ in 0..6 {
            let timeout = patience.timeout();
            given.push(timeout.as_secs());
            patience.failed(timeout);
        }
        assert_eq!(given, [1, 2, 4, 8, 8, 8]);
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_waited_for_and_gets_no_more_time() {
        let mut patience = patience();
        let waits: Vec<Duration> = (0..8).map(|_| patience.failed(Duration::from_millis(3))).collect();
        assert!(waits.windows(2).take(4).all(|pair| pair[0] < pair[1]), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(5)), "{waits:?}");
        assert_eq!(patience.timeout(), Duration::from_secs(1));
    }

    #[test]
    fn an_answer_ends_the_waiting_and_not_the_time_that_the_server_needs() {
        let mut patience = patience();
        patience.failed(Duration::from_secs(1));
        patience.answered();
        assert_eq!(patience.timeout(), Duration::from_secs(2));
        assert!(patience.failed(Duration::ZERO) <= FIRST_WAIT);
    }
}
