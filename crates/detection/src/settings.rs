//! The thresholds of the rules and the limits of the engine, each with its unit.

use event::Source;

/// Milliseconds in a minute.
const MINUTE_MS: i64 = 60_000;
/// Milliseconds in an hour.
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The thresholds of the rules and the limits of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Days after a connection's first day during which what is new is only recorded. The first day counts whole.
    pub learning_days: u16,
    /// N2 tells of each new person until so many people have met the app; from there on N4 tells of the growth.
    pub adoption_told_people_max: u32,
    /// N4 tells when so many people have met an app. At most 100,000 each: up to the largest, ranks are kept exactly.
    pub popular_people: Vec<u32>,
    /// Ticks (minutes of the log's time) that a companion of a consent waits for it.
    pub held_ticks: u16,
    /// Consents and companions that wait per tenant. Beyond it, a companion stands alone at once and nothing is lost.
    pub held_max: usize,
    /// Events named as evidence of one alert; further ones are found by their correlation id.
    pub evidence_max: usize,
    /// Delay from which an event is marked late, for sources that are usually there within minutes and may take an hour (Okta's System Log,
    /// Entra's sign-ins): milliseconds.
    pub late_after_ms: i64,
    /// The same for Google, whose token log is usually hours behind: milliseconds.
    pub late_after_google_ms: i64,
    /// The same for sources that may be a day behind (the unified audit log, Salesforce's log files): milliseconds.
    pub late_after_daily_ms: i64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            learning_days: 14,
            adoption_told_people_max: 5,
            popular_people: vec![5, 50, 500],
            held_ticks: 5,
            held_max: 10_000,
            evidence_max: 32,
            late_after_ms: HOUR_MS,
            late_after_google_ms: 6 * HOUR_MS,
            late_after_daily_ms: 24 * HOUR_MS,
        }
    }
}

impl Settings {
    /// Delay from which an event of this source is marked late: milliseconds.
    #[must_use]
    pub const fn late_after_ms(&self, source: Source) -> i64 {
        match source {
            Source::GoogleWorkspace => self.late_after_google_ms,
            Source::M365Ual | Source::Salesforce => self.late_after_daily_ms,
            _ => self.late_after_ms,
        }
    }

    /// How long a companion of a consent waits for it: milliseconds of the log's time.
    #[must_use]
    pub fn held_ms(&self) -> i64 {
        i64::from(self.held_ticks) * MINUTE_MS
    }

    /// Up to which rank people of an app are kept in exact order.
    #[must_use]
    pub(crate) fn exact_ranks(&self) -> usize {
        /// No threshold above this is kept exactly: 800 KB an app.
        const RANKS_MAX: u32 = 100_000;
        let largest = self.popular_people.iter().copied().max().unwrap_or(0).max(self.adoption_told_people_max);
        usize::try_from(largest.min(RANKS_MAX)).unwrap_or(usize::MAX)
    }
}
