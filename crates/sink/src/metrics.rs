//! What `sink` tells Prometheus, once a batch. Labels are tables and outcomes: closed sets.

use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use store::{
    AlertsBlock, AliasesBlock, AppDaysBlock, AppPersonDaysBlock, AppSessionsBlock, AppsBlock, DecisionsBlock,
    EventsBlock, IdentitiesBlock, RevealsBlock,
};

/// The tables that a row can be refused by.
const TABLES: &[&str] = &[
    EventsBlock::TABLE,
    AliasesBlock::TABLE,
    DecisionsBlock::TABLE,
    RevealsBlock::TABLE,
    AppPersonDaysBlock::TABLE,
    AppSessionsBlock::TABLE,
    AppDaysBlock::TABLE,
    AppsBlock::TABLE,
    AlertsBlock::TABLE,
    IdentitiesBlock::TABLE,
];

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
    /// Batches that were read back because their end was in doubt.
    pub(crate) read_backs: IntCounter,
    /// Of these, how often acknowledged rows were missing; and how many rows were sent again.
    pub(crate) repairs: IntCounter,
    /// See `repairs`.
    pub(crate) repaired_rows: IntCounter,
    /// Rows of `events` in batches that may have been stored before they were sent.
    pub(crate) rows_again: IntCounter,
    /// Rows that were found more often than they should be there.
    pub(crate) surplus_rows: IntCounter,
    /// Rows that a table refuses, by table; each became a dead letter.
    pub(crate) refused_rows: IntCounterVec,
    /// Batches on their way.
    pub(crate) in_flight: IntGauge,
    /// Records of `events` that are not in the table yet, over the partitions of this process.
    pub(crate) lag: IntGauge,
    /// How long the oldest of them has waited.
    pub(crate) oldest_age: Gauge,
    /// Partitions that halted at a record that this version cannot read.
    pub(crate) halted: IntGauge,
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
            read_backs: IntCounter::new(
                "daylight_sink_read_backs_total",
                "Batches that were read back because nobody knew what had become of them.",
            )?,
            repairs: IntCounter::new(
                "daylight_sink_repairs_total",
                "Times that rows were missing though ClickHouse had acknowledged them; they were sent again.",
            )?,
            repaired_rows: IntCounter::new("daylight_sink_repaired_rows_total", "Rows that were sent again so.")?,
            rows_again: IntCounter::new(
                "daylight_sink_rows_again_total",
                "Rows of events, of those in daylight_sink_rows_total, that another sink, or this one, may have stored and counted before.",
            )?,
            surplus_rows: IntCounter::new(
                "daylight_sink_surplus_rows_total",
                "Rows that were read back and should not be there: a second one at its position, or one of no record.",
            )?,
            refused_rows: IntCounterVec::new(
                Opts::new("daylight_sink_refused_rows_total", "Rows that a table refuses; each became a dead letter."),
                &["table"],
            )?,
            in_flight: IntGauge::new("daylight_sink_batches_in_flight", "Batches on their way to ClickHouse.")?,
            lag: IntGauge::new("daylight_sink_lag_records", "Records that are in the log and not in the table.")?,
            oldest_age: Gauge::new(
                "daylight_sink_oldest_unlanded_age_seconds",
                "How long the oldest record that is not in the table has been in the log.",
            )?,
            halted: IntGauge::new(
                "daylight_sink_partitions_halted",
                "Partitions that stand at a record of a newer version; the others go on.",
            )?,
        };
        // An alert asks by how much it grew: a series that is born with its first row has not grown.
        for table in TABLES {
            metrics.refused_rows.with_label_values(&[table]).inc_by(0);
        }
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.inserts.clone()))?;
        registry.register(Box::new(metrics.insert_seconds.clone()))?;
        registry.register(Box::new(metrics.dead_records.clone()))?;
        registry.register(Box::new(metrics.read_backs.clone()))?;
        registry.register(Box::new(metrics.repairs.clone()))?;
        registry.register(Box::new(metrics.repaired_rows.clone()))?;
        registry.register(Box::new(metrics.rows_again.clone()))?;
        registry.register(Box::new(metrics.surplus_rows.clone()))?;
        registry.register(Box::new(metrics.refused_rows.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        registry.register(Box::new(metrics.lag.clone()))?;
        registry.register(Box::new(metrics.oldest_age.clone()))?;
        registry.register(Box::new(metrics.halted.clone()))?;
        Ok(metrics)
    }
}
