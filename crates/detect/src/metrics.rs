//! What `detect` tells Prometheus, once a batch. Labels are rules and severities: closed sets, never apps or people.

use detection::RULES;
use event::{AlertState, Severity, Timestamp};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::alerts::Label;

/// Metrics of `detect`.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Events observed.
    pub(crate) events: IntCounter,
    /// Events about an app that name none, and about a person that name none: data quality.
    pub(crate) incomplete: IntCounterVec,
    /// Records that could not be decoded and were passed over.
    pub(crate) undecodable: IntCounter,
    /// Alert episodes opened, by rule, severity and state.
    pub(crate) alerts: IntCounterVec,
    /// Ledger changes written.
    pub(crate) ledger_changes: IntCounter,
    /// (app, person) pairs remembered.
    pub(crate) pairs: IntGauge,
    /// Partitions that stand before what a newer version wrote.
    pub(crate) halted: IntGauge,
    /// Log append of the event → its alert durable.
    pub(crate) alert_seconds: Histogram,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let metrics = Metrics {
            events: IntCounter::new("daylight_detect_events_total", "Events observed.")?,
            incomplete: IntCounterVec::new(
                Opts::new("daylight_detect_incomplete_total", "Events that fire nothing because a key is missing."),
                &["missing"],
            )?,
            undecodable: IntCounter::new(
                "daylight_detect_undecodable_total",
                "Records passed over because they cannot be decoded.",
            )?,
            alerts: IntCounterVec::new(
                Opts::new("daylight_detect_alerts_total", "Alert episodes opened."),
                &["rule", "severity", "state"],
            )?,
            ledger_changes: IntCounter::new("daylight_detect_ledger_changes_total", "Ledger changes written.")?,
            pairs: IntGauge::new("daylight_detect_pairs", "Pairs of app and person that are remembered.")?,
            halted: IntGauge::new(
                "daylight_detect_partitions_halted",
                "Partitions that stand before what a newer version wrote.",
            )?,
            alert_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "daylight_detect_alert_seconds",
                    "From the log's append of the event to its alert being durable.",
                )
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0]),
            )?,
        };
        // They begin with 0: `increase()` does not see a counter that is born with its first alert.
        for rule in RULES {
            for (severity, state) in
                Severity::ALL.iter().flat_map(|severity| AlertState::ALL.iter().map(move |state| (severity, state)))
            {
                metrics.alerts.with_label_values(&[rule.id, severity.as_str(), state.as_str()]);
            }
        }
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.incomplete.clone()))?;
        registry.register(Box::new(metrics.undecodable.clone()))?;
        registry.register(Box::new(metrics.alerts.clone()))?;
        registry.register(Box::new(metrics.ledger_changes.clone()))?;
        registry.register(Box::new(metrics.pairs.clone()))?;
        registry.register(Box::new(metrics.halted.clone()))?;
        registry.register(Box::new(metrics.alert_seconds.clone()))?;
        Ok(metrics)
    }

    /// An alert is durable.
    pub(crate) fn tell(&self, label: &Label, now: Timestamp) {
        self.alerts.with_label_values(&[label.rule.as_str(), label.severity.as_str(), label.state.as_str()]).inc();
        let waited_ms = u32::try_from(now.since_ms(label.logged_at).max(0)).unwrap_or(u32::MAX);
        self.alert_seconds.observe(f64::from(waited_ms) / 1_000.0);
    }
}
