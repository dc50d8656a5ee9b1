//! What `sink` tells Prometheus, once a batch. Labels are tables and outcomes: closed sets.

use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Metrics of `sink`.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Rows acknowledged, by table.
    pub(crate) rows: IntCounterVec,
    /// Inserts, by table and outcome (`clean`, `ambiguous`, `refused`).
    pub(crate) inserts: IntCounterVec,
    /// From the first attempt to the acknowledgement, by table.
    pub(crate) insert_seconds: HistogramVec,
    /// Records that became dead letters.
    pub(crate) dead_records: IntCounter,
    /// Batches on their way.
    pub(crate) in_flight: IntGauge,
    /// Records of `events` that are not in the table yet, over the partitions of this process.
    pub(crate) lag: IntGauge,
    /// How long the oldest of them has waited.
    pub(crate) oldest_age: Gauge,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let metrics = Metrics {
            rows: IntCounterVec::new(
                Opts::new("daylight_sink_rows_total", "Rows that ClickHouse has acknowledged."),
                &["table"],
            )?,
            inserts: IntCounterVec::new(
                Opts::new("daylight_sink_inserts_total", "Inserts, by outcome."),
                &["table", "outcome"],
            )?,
            insert_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "daylight_sink_insert_seconds",
                    "From the first attempt of an insert to its acknowledgement.",
                )
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0]),
                &["table"],
            )?,
            dead_records: IntCounter::new("daylight_sink_dead_records_total", "Records that cannot be decoded.")?,
            in_flight: IntGauge::new("daylight_sink_batches_in_flight", "Batches on their way to ClickHouse.")?,
            lag: IntGauge::new("daylight_sink_lag_records", "Records that are in the log and not in the table.")?,
            oldest_age: Gauge::new(
                "daylight_sink_oldest_unlanded_age_seconds",
                "How long the oldest record that is not in the table has been in the log.",
            )?,
        };
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.inserts.clone()))?;
        registry.register(Box::new(metrics.insert_seconds.clone()))?;
        registry.register(Box::new(metrics.dead_records.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        registry.register(Box::new(metrics.lag.clone()))?;
        registry.register(Box::new(metrics.oldest_age.clone()))?;
        Ok(metrics)
    }
}
