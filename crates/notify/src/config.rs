//! Who is told, and how patiently.

use event::Severity;
use runtime::SecretSource;
use serde::Deserialize;

/// The section `[notify]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A receiver that has not answered after so long has failed this attempt. Milliseconds.
    pub request_timeout_ms: u64,
    /// The first wait after a failed attempt. Milliseconds.
    pub retry_wait_ms: u64,
    /// The longest wait between two attempts. Milliseconds.
    pub retry_wait_max_ms: u64,
    /// Alerts that wait for one receiver in memory. Beyond it, reading of alerts for this receiver pauses (none is dropped).
    pub waiting_alerts_max: usize,
    /// A receiver that is new is told of alerts of so many hours before it came.
    pub new_receiver_backlog_hours: u32,
    /// Requests to one receiver at the same time.
    pub requests_in_flight_max: usize,
    /// How long Alertmanager is told that an alert is active, from the log's time of the event. Milliseconds. The default is longer than
    /// Prometheus may show an app as new: while ours is active, its inhibit rule keeps theirs from telling people twice.
    pub alertmanager_active_ms: u64,
    /// How often an active alert is posted to Alertmanager again. Milliseconds.
    pub alertmanager_repost_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            request_timeout_ms: 10_000,
            retry_wait_ms: 250,
            retry_wait_max_ms: 60_000,
            waiting_alerts_max: 10_000,
            new_receiver_backlog_hours: 24,
            requests_in_flight_max: 8,
            alertmanager_active_ms: 90_000_000,
            alertmanager_repost_ms: 60_000,
        }
    }
}

/// One of `[[receivers]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Its name: in metrics, in logs, and in the state of deliveries. Renaming it delivers the last
    /// `new_receiver_backlog_hours` under the new name.
    pub id: String,
    /// What it speaks.
    pub kind: ReceiverKind,
    /// Where it listens. May hold a secret (Slack's do), so it is never printed.
    #[serde(default)]
    pub url: String,
    /// The URL from a file or variable, for those that hold a secret.
    #[serde(default)]
    pub url_secret: Option<SecretSource>,
    /// The key that signs a webhook's body.
    #[serde(default)]
    pub secret: Option<SecretSource>,
    /// The lowest severity that it is told of.
    #[serde(default, deserialize_with = "severity")]
    pub severity_min: SeverityMin,
    /// Only these tenants; empty for all.
    #[serde(default)]
    pub tenants: Vec<String>,
}

/// What a receiver speaks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// JSON, signed as Standard Webhooks says.
    Webhook,
    /// A Slack-compatible incoming webhook.
    Slack,
    /// Alertmanager's API, version 2.
    Alertmanager,
}

/// The lowest severity that a receiver is told of; `low` by default, because `info` belongs into reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeverityMin(pub Severity);

impl Default for SeverityMin {
    fn default() -> SeverityMin {
        SeverityMin(Severity::Low)
    }
}

fn severity<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SeverityMin, D::Error> {
    let text = String::deserialize(deserializer)?;
    Severity::parse(&text).map(SeverityMin).ok_or_else(|| {
        serde::de::Error::custom(format!("severity_min is {text:?}; it must be one of {}", Severity::NAMES.join(", ")))
    })
}
