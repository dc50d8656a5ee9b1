//! Which run of which server answers us.
//!
//! An insert that was answered cleanly may still not be stored, if the server was killed in the middle of it and something between us (a
//! balancer, a proxy) sent it again by itself: the token was known by then, and its rows were lost. So a clean answer counts only from the
//! run of the server that was there before.

use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::Deserialize;

use crate::{Client, StoreError};

/// Whole seconds are told, and both readings are cut.
const UPTIME_ERROR_S: u64 = 1;

const MARK: &str = "SELECT concat(hostName(), ' ', toString(serverUUID())) AS name, toUInt64(uptime()) AS uptime_s";

/// One run of one server, as it was when it was asked.
#[derive(Clone, Debug)]
pub struct ServerMark {
    name: String,
    uptime_s: u64,
    asked_at: Instant,
    answered_at: Instant,
}

#[derive(Row, Deserialize)]
struct Told {
    name: String,
    uptime_s: u64,
}

impl ServerMark {
    /// Is this run the one that answered with `later`?
    #[must_use]
    pub fn is_same_run(&self, later: &ServerMark) -> bool {
        let between = later.asked_at.saturating_duration_since(self.answered_at);
        self.name == later.name && is_older(self.uptime_s, later.uptime_s, between)
    }
}

impl Client {
    /// Asks the server who it is and how long it has run.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn server_mark(&self) -> Result<ServerMark, StoreError> {
        let asked_at = Instant::now();
        let told: Vec<Told> = self.rows("asking the server how long it has run", MARK, &[]).await?;
        let unknown = || Told { name: String::new(), uptime_s: 0 };
        let Told { name, uptime_s } = told.into_iter().next().unwrap_or_else(unknown);
        Ok(ServerMark { name, uptime_s, asked_at, answered_at: Instant::now() })
    }
}

/// Did it get older by the time that went by, as one that was not started anew does?
fn is_older(before_s: u64, after_s: u64, between: Duration) -> bool {
    after_s + UPTIME_ERROR_S >= before_s + between.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_started_anew_is_another_run() {
        let seconds = Duration::from_secs;
        for (before_s, after_s, between, expected) in [
            (100, 100, Duration::from_millis(10), true),
            (100, 101, Duration::from_millis(10), true),
            (100, 160, seconds(60), true),
            (100, 159, Duration::from_millis(60_900), true),
            // It answered late, or its own clock is fast.
            (100, 170, seconds(60), true),
            (100, 0, Duration::from_millis(900), false),
            (100, 5, seconds(60), false),
            (0, 3, seconds(60), false),
        ] {
            assert_eq!(is_older(before_s, after_s, between), expected, "{before_s} {after_s} {between:?}");
        }
    }
}
