//! What `notify` tells Prometheus. Labels are receivers (from the configuration) and outcomes (a closed set), never apps or people.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Metrics of `notify`.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Attempts, by receiver and outcome (`delivered`, `refused`, `unreachable`).
    pub(crate) attempts: IntCounterVec,
    /// Alerts that wait, by receiver.
    pub(crate) waiting: IntGaugeVec,
    /// Log append → 2xx.
    pub(crate) latency: HistogramVec,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let metrics = Metrics {
            attempts: IntCounterVec::new(
                Opts::new("daylight_notify_attempts_total", "Posts to receivers, by outcome."),
                &["receiver", "outcome"],
            )?,
            waiting: IntGaugeVec::new(
                Opts::new("daylight_notify_waiting_alerts", "Alerts that wait for a receiver's 2xx."),
                &["receiver"],
            )?,
            latency: HistogramVec::new(
                HistogramOpts::new(
                    "daylight_notify_delivery_seconds",
                    "From the log's append of the event to the receiver's 2xx.",
                )
                .buckets(vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0]),
                &["receiver"],
            )?,
        };
        registry.register(Box::new(metrics.attempts.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        registry.register(Box::new(metrics.latency.clone()))?;
        Ok(metrics)
    }

    /// A receiver is configured. Its series begin with 0: a rule cannot compare with what is not there.
    pub(crate) fn know(&self, receiver: &str) {
        self.waiting.with_label_values(&[receiver]);
        for outcome in ["delivered", "refused", "unreachable"] {
            self.attempts.with_label_values(&[receiver, outcome]);
        }
    }
}
