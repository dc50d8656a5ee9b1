//! What is expected of each connection: that it speaks, and how soon again. Written into the log, because whoever calls a figure partial (the
//! views in ClickHouse) has no configuration of connections; and read back at a start, so that a restart begins no silence anew: a connection
//! that never delivered is missed since the day on which it was configured, however often the process is started.
//!
//! That a connection was heard is written every few minutes and not with each event, so that it costs nothing.

use std::{sync::Arc, time::Duration};

use broker::ConsumeError;
use event::{Expectation, Source, Timestamp};
use runtime::{Backoff, Shutdown};

use crate::{
    ConnectionConfig,
    clock::now,
    gaps::{Gaps, GapsError, Noted},
    metrics::Metrics,
};

/// The longest patience that can be set. Hours: a year.
pub(crate) const SILENT_AFTER_HOURS_MAX: u32 = 24 * 366;
/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;
/// How often it is written that a connection was heard: a part of the shortest patience.
const NOTE_INTERVAL: Duration = Duration::from_secs(600);
/// The first wait when the log is away, and the longest.
const LOG_WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// After how many hours without an event a connection is called silent: as its configuration says, or as is usual for what it reads. 0 where
/// nothing is expected, as of history that is imported once.
#[must_use]
pub fn silent_after_hours(config: &ConnectionConfig) -> u32 {
    let usual = if config.is_backfill { 0 } else { usual_hours(config.provider) };
    config.silent_after_hours.unwrap_or(usual)
}

/// Machines sign in at night and on Sundays, so half a day without anybody is odd for an identity provider. People do not: what is their work
/// alone is quiet from Friday to Monday. What comes as files of a day is a day old, and the next one has yet to come.
const fn usual_hours(provider: Source) -> u32 {
    match provider {
        Source::Slack | Source::Github | Source::Dropbox => 72,
        Source::Salesforce | Source::Mapped => 48,
        // Its records may be a day late.
        Source::M365Ual => 36,
        _ => 12,
    }
}

/// Keeps what is expected of the connections of this process.
pub(crate) struct Expectations {
    gaps: Gaps,
    metrics: Metrics,
    expected: Vec<Expected>,
}

/// One connection, and what the log says of it.
struct Expected {
    tenant: String,
    connection: String,
    silent_after_ms: i64,
    noted: Option<Expectation>,
}

impl Expectations {
    /// Of these connections. Their silence counts from now until the log has been read.
    pub(crate) fn new(configs: &[ConnectionConfig], gaps: Gaps, metrics: Metrics, now: Timestamp) -> Expectations {
        let expected = configs.iter().map(|config| {
            let silent_after_ms = i64::from(silent_after_hours(config)).saturating_mul(HOUR_MS);
            metrics.know(&config.id, silent_after_ms, now);
            Expected { tenant: config.tenant.clone(), connection: config.id.clone(), silent_after_ms, noted: None }
        });
        let expected = expected.collect();
        Expectations { gaps, metrics, expected }
    }

    /// Reads what the log knows, and keeps it true until asked to stop.
    pub(crate) async fn keep(mut self, shutdown: Shutdown) {
        let mut backoff = Backoff::new(LOG_WAIT.0, LOG_WAIT.1, 9);
        let noted = loop {
            match self.read().await {
                Ok(noted) => break noted,
                Err(GapsError::Log(ConsumeError::Unavailable { reason })) => {
                    tracing::warn!(%reason, "what is expected of connections cannot be read, trying again");
                }
                Err(error) => {
                    tracing::error!(%error, "what is expected of connections is not kept: silences count from the start of the process");
                    return;
                }
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        };
        self.remember(noted);
        let mut looks = tokio::time::interval(NOTE_INTERVAL);
        while !shutdown.is_requested() {
            tokio::select! {
                () = shutdown.requested() => {}
                _ = looks.tick() => {}
            }
            self.note(now()).await;
        }
    }

    async fn read(&self) -> Result<Noted, GapsError> {
        let (gaps, tenants) =
            (self.gaps.clone(), Arc::<[String]>::from_iter(self.expected.iter().map(|one| one.tenant.clone())));
        let reading = tokio::task::spawn_blocking(move || gaps.read(tenants.iter().map(String::as_str))).await;
        reading.unwrap_or_else(|error| Err(ConsumeError::Unavailable { reason: error.to_string() }.into()))
    }

    /// Silences go on where they stood.
    fn remember(&mut self, mut noted: Noted) {
        for one in &mut self.expected {
            one.noted = noted.expectations.remove(&(one.tenant.clone(), one.connection.clone()));
            if let Some(noted) = &one.noted {
                let last = if noted.heard_at.is_some() { noted.heard_at } else { noted.since };
                self.metrics.remember(&one.connection, last);
            }
        }
    }

    /// Writes what is not written yet. What the log does not take now is written at the next look.
    async fn note(&mut self, now: Timestamp) {
        for one in &mut self.expected {
            let heard_at = self.metrics.heard_at(&one.connection);
            let Some(due) = one.due(heard_at, now) else { continue };
            match self.gaps.expect(&due).await {
                Ok(()) => one.noted = Some(due),
                Err(error) => {
                    tracing::warn!(%error, connection = one.connection, "what is expected of a connection is not written");
                }
            }
        }
    }
}

impl Expected {
    /// What is to be written, where it differs from what was.
    fn due(&self, heard_at: Timestamp, now: Timestamp) -> Option<Expectation> {
        let noted = self.noted.as_ref();
        let due = Expectation {
            tenant: self.tenant.clone(),
            connection: self.connection.clone(),
            since: noted.map_or(now, |noted| noted.since),
            silent_after_ms: self.silent_after_ms,
            heard_at: noted.map_or(heard_at, |noted| noted.heard_at.max(heard_at)),
            noted_at: now,
        };
        let is_same =
            |noted: &Expectation| (noted.silent_after_ms, noted.heard_at) == (due.silent_after_ms, due.heard_at);
        (!noted.is_some_and(is_same)).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(provider: &str, more: &str) -> ConnectionConfig {
        let text = format!(
            r#"{{"id":"x","tenant":"acme","provider":"{provider}","provider_tenant":"x","secret":{{"env":"S"}}{more}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_source_of_files_has_more_patience_than_a_live_one_and_the_configuration_has_the_last_word() {
        for (provider, more, hours) in [
            ("okta", "", 12),
            ("entra", "", 12),
            ("google_workspace", "", 12),
            ("m365_ual", "", 36),
            ("salesforce", "", 48),
            ("slack", "", 72),
            ("okta", r#","silent_after_hours":70"#, 70),
            ("okta", r#","silent_after_hours":0"#, 0),
            ("okta", r#","is_backfill":true"#, 0),
            ("okta", r#","is_backfill":true,"silent_after_hours":5"#, 5),
        ] {
            assert_eq!(silent_after_hours(&config(provider, more)), hours, "{provider}{more}");
        }
    }

    #[test]
    fn what_is_written_is_what_changed_and_since_stays() {
        let mut one = Expected { tenant: "acme".into(), connection: "x".into(), silent_after_ms: 5, noted: None };
        let first = one.due(Timestamp::MISSING, Timestamp(100)).unwrap();
        assert_eq!((first.since, first.heard_at, first.silent_after_ms), (Timestamp(100), Timestamp::MISSING, 5));
        one.noted = Some(first);
        assert_eq!(one.due(Timestamp::MISSING, Timestamp(200)), None);
        let heard = one.due(Timestamp(150), Timestamp(200)).unwrap();
        assert_eq!((heard.since, heard.heard_at, heard.noted_at), (Timestamp(100), Timestamp(150), Timestamp(200)));
        one.noted = Some(heard);
        // Another process heard it later, or this one has heard nothing yet after a restart.
        assert_eq!(one.due(Timestamp(120), Timestamp(300)), None);
        assert_eq!(one.due(Timestamp::MISSING, Timestamp(300)), None);
        one.silent_after_ms = 9;
        let changed = one.due(Timestamp::MISSING, Timestamp(300)).unwrap();
        assert_eq!((changed.since, changed.heard_at, changed.silent_after_ms), (Timestamp(100), Timestamp(150), 9));
    }
}
