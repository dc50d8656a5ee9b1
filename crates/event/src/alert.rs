//! A finding that somebody should know of, with everything that explains it.

use crate::{AlertId, AppRef, Coordinates, EventId, Timestamp, UserKey, closed_set::closed_set};

closed_set! {
    /// How loud an alert is.
    Severity {
        /// Worth a line in a report.
        Info => "info",
        /// Told, not paged: a new app without a risk factor.
        Low => "low",
        /// Worth a look today.
        Medium => "medium",
        /// Worth a look now.
        High => "high",
        /// Wake somebody.
        Critical => "critical",
    }
}

closed_set! {
    /// What became of a finding.
    AlertState {
        /// It is delivered.
        Raised => "raised",
        /// Recorded and not delivered: the connection is still learning, or the history was imported.
        Muted => "muted",
    }
}

/// One reason for an alert's score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// What it is, in words a person understands: `reads all mail`.
    pub name: String,
    /// What it adds to the score.
    pub points: i16,
}

/// One alert episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Of tenant, rule, subject and episode: the same in every replay.
    pub id: AlertId,
    /// The tenant.
    pub tenant: String,
    /// The rule's id: `N1`.
    pub rule: String,
    /// The rule's version: an attribute, no part of the id.
    pub rule_version: u16,
    /// How loud.
    pub severity: Severity,
    /// Delivered or only recorded.
    pub state: AlertState,
    /// 0 to 100: the sum of the factors, within these borders.
    pub score: u8,
    /// What adds up to the score.
    pub factors: Vec<Factor>,
    /// One sentence: who did what with which app.
    pub title: String,
    /// Why it matters and what to do, in a few sentences.
    pub description: String,
    /// What the episode is about: an `app_key` or a person, as hashed into the id.
    pub subject: String,
    /// The value that opened the episode, as hashed into the id.
    pub episode: String,
    /// The canonical app; empty when the alert is about none.
    pub app_key: String,
    /// The app's reference as `source:kind:id`; empty when the alert is about none.
    pub app_ref: String,
    /// The app's name as delivered.
    pub app_name: String,
    /// A well-known name that the app's name only looks like; no decision follows from it.
    pub looks_like: String,
    /// The person, where the alert is about one or was opened by one.
    pub user_key: UserKey,
    /// The person's department at event time.
    pub department: String,
    /// How many people had met the app at that position.
    pub people: u32,
    /// The events that opened it.
    pub evidence: Vec<EventId>,
    /// A ClickHouse query that returns exactly those rows.
    pub evidence_query: String,
    /// The sanctioned app of the same category, if there is one.
    pub alternative: String,
    /// What would have prevented it.
    pub prevention: String,
    /// MITRE ATT&CK technique, if one fits.
    pub technique: String,
    /// When the opening event happened.
    pub occurred_at: Timestamp,
    /// When the opening event reached us.
    pub received_at: Timestamp,
    /// When the log took the opening event.
    pub logged_at: Timestamp,
    /// Did the event come later than its source usually is?
    pub is_late: bool,
    /// Where the opening event stands in the log.
    pub coordinates: Coordinates,
    /// Version of the tables that the verdict used.
    pub tables_version: String,
}

impl Alert {
    /// The app reference as printed in alerts and decisions; empty for no app.
    #[must_use]
    pub fn app_ref_text(app: &AppRef<'_>) -> String {
        if app.is_some() { app.to_string() } else { String::new() }
    }
}
