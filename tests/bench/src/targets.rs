//! What is aimed at, computed from the runs, a line each. Minima are compared: neighbours only ever add.
//!
//! Totals are compared without merges: when a server merges, and how far, hangs on how many parts there were and on when somebody looked. Each such line
//! stands there once more with them.

use crate::report::{Ratio, Run, named};

/// A figure of a run.
type Figure = fn(&Run) -> Option<f64>;

/// What a target compares, and how.
enum Compared {
    /// A figure of one case with a fixed one, in its unit: at most.
    AtMost(&'static str, Figure, f64, &'static str),
    /// What ours cost, of several cases together, with what another costs: at most this share.
    Share { ours: &'static [&'static str], other: &'static str, cost: Of, at_most: f64 },
    /// Theirs with ours: at least so many times as much.
    Times { ours: &'static str, other: &'static str, cost: Of, at_least: f64 },
    /// The totals of a ceiling with ours: at least this share.
    Ceiling { ours: &'static str, parts: [&'static str; 2], at_least: f64 },
}

/// Whose processor time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Client,
    Clickhouse,
    /// Client, broker and ClickHouse.
    All,
}

use Compared::{AtMost, Ceiling, Share, Times};

const SINK: &str = "sink, packed, 800 apps";
const SINK_SINGLE: &str = "sink, one per record, 800 apps";
const DETECT: &str = "detect, packed, 800 apps";
const DETECT_SINGLE: &str = "detect, one per record, 800 apps";
const JSON_SINGLE: &str = "Kafka engine, JSONEachRow, one per message";
const JSON_PACKED: &str = "Kafka engine, JSONEachRow, packed";
const ROW_BINARY: &str = "Kafka engine, RowBinary, packed";
const SINKER: &str = "clickhouse_sinker, one per message";
const COLLECTOR: &str = "OpenTelemetry Collector, one per message";
const RESTART: &str = "detect, start with 10 M pairs";
const RESTART_SMALL: &str = "detect, start with 1 M pairs";
const PACED: &str = "paced, packed";
const PACED_SINGLE: &str = "paced, one per record";
const PACED_EMBEDDED: &str = "paced, embedded log, 100 events a request";

/// Every line. Those of latency are aims and no gates.
const TARGETS: &[(&str, Compared)] = &[
    ("sink, client: packed, 800 apps", AtMost(SINK, client, 0.60, "µs")),
    ("sink, client: one per record, 800 apps", AtMost(SINK_SINGLE, client, 1.0, "µs")),
    ("sink, client: packed, 20,000 apps", AtMost("sink, packed, 20,000 apps", client, 0.80, "µs")),
    ("sink, client: one per record, 20,000 apps", AtMost("sink, one per record, 20,000 apps", client, 1.2, "µs")),
    ("detect, client: packed, 800 apps", AtMost(DETECT, client, 0.45, "µs")),
    ("detect, client: one per record, 800 apps", AtMost(DETECT_SINGLE, client, 0.85, "µs")),
    ("ClickHouse a row, usage included, merges apart", AtMost(SINK, clickhouse, 0.6, "µs")),
    (
        "ClickHouse a row, usage included, beside the same rows as RowBinary",
        Share { ours: &[SINK], other: "bare insert, RowBinary, 800 apps", cost: Of::Clickhouse, at_most: 0.4 },
    ),
    (
        "share of the ceiling, packed",
        Ceiling { ours: SINK, parts: ["bare drain, packed", "bare insert, 800 apps"], at_least: 0.50 },
    ),
    (
        "share of the ceiling, one per record",
        Ceiling { ours: SINK_SINGLE, parts: ["bare drain, one per record", "bare insert, 800 apps"], at_least: 0.70 },
    ),
    (
        "sink beside the Kafka engine, JSONEachRow one per message",
        Share { ours: &[SINK_SINGLE], other: JSON_SINGLE, cost: Of::All, at_most: 0.06 },
    ),
    (
        "sink beside the Kafka engine, JSONEachRow packed",
        Share { ours: &[SINK], other: JSON_PACKED, cost: Of::All, at_most: 0.22 },
    ),
    (
        "sink beside the Kafka engine, RowBinary packed",
        Share { ours: &[SINK], other: ROW_BINARY, cost: Of::All, at_most: 0.45 },
    ),
    (
        "sink and detect beside the Kafka engine, JSONEachRow one per message",
        Share { ours: &[SINK_SINGLE, DETECT_SINGLE], other: JSON_SINGLE, cost: Of::All, at_most: 0.10 },
    ),
    (
        "sink and detect beside the Kafka engine, JSONEachRow packed",
        Share { ours: &[SINK, DETECT], other: JSON_PACKED, cost: Of::All, at_most: 0.32 },
    ),
    (
        "sink and detect beside the Kafka engine, RowBinary packed",
        Share { ours: &[SINK, DETECT], other: ROW_BINARY, cost: Of::All, at_most: 0.7 },
    ),
    (
        "sink one per record beside clickhouse_sinker",
        Share { ours: &[SINK_SINGLE], other: SINKER, cost: Of::All, at_most: 0.15 },
    ),
    ("sink packed beside clickhouse_sinker", Share { ours: &[SINK], other: SINKER, cost: Of::All, at_most: 0.10 }),
    (
        "sink one per record beside the OpenTelemetry Collector",
        Share { ours: &[SINK_SINGLE], other: COLLECTOR, cost: Of::All, at_most: 0.04 },
    ),
    (
        "plain Rust pipeline beside sink, packed, client",
        Times { ours: SINK, other: "plain Rust pipeline, packed", cost: Of::Client, at_least: 6.0 },
    ),
    (
        "plain Rust pipeline beside sink, packed, total",
        Times { ours: SINK, other: "plain Rust pipeline, packed", cost: Of::All, at_least: 3.0 },
    ),
    (
        "plain Rust pipeline beside sink, one per record, client",
        Times { ours: SINK_SINGLE, other: "plain Rust pipeline, one per record", cost: Of::Client, at_least: 6.0 },
    ),
    (
        "plain Rust pipeline beside sink, one per record, total",
        Times { ours: SINK_SINGLE, other: "plain Rust pipeline, one per record", cost: Of::All, at_least: 3.0 },
    ),
    // 150,000 and 5,000,000 events a second and core, as the time of one.
    ("ingest, client: Okta, 100 a request", AtMost("ingest over HTTP, 100 events a request", client, 6.67, "µs")),
    ("detection engine: 1 M known pairs", AtMost("detection engine, 1 M pairs", client, 0.2, "µs")),
    (
        "detection engine, 10 M pairs beside 1 k",
        Share {
            ours: &["detection engine, 10 M pairs"],
            other: "detection engine, 1 k pairs",
            cost: Of::Client,
            at_most: 1.6,
        },
    ),
    ("ledger: memory of a pair at 10 M", AtMost(RESTART, bytes_of_pair, 32.0, "B")),
    ("ledger: start with 1 M pairs, from a snapshot", AtMost(RESTART_SMALL, from_snapshot, 2.0, "s")),
    ("ledger: start with 1 M pairs, from the topic", AtMost(RESTART_SMALL, from_topic, 2.0, "s")),
    ("ledger: start with 10 M pairs, from a snapshot", AtMost(RESTART, from_snapshot, 10.0, "s")),
    ("ledger: start with 10 M pairs, from the topic", AtMost(RESTART, from_topic, 10.0, "s")),
    ("memory, sink, its blocks among it", AtMost(SINK, peak, 160.0, "MiB")),
    ("memory, detect with 300,000 pairs", AtMost(DETECT, peak, 160.0, "MiB")),
    (
        "memory, ingest with what it remembers of 400,000 events",
        AtMost("ingest over HTTP, 100 events a request", peak, 160.0, "MiB"),
    ),
    // Those of a block of 200,000 rows are none of an event.
    ("allocations of an event, decode to encode", AtMost("stage alone, decode to encode", allocations, 0.001, "")),
    ("latency p99, packed: alert on the alerts topic (aim)", AtMost(PACED, to_topic, 25.0, "ms")),
    ("latency p99, packed: alert at the receiver (aim)", AtMost(PACED, to_receiver, 250.0, "ms")),
    ("latency p99, packed: row answers a query (aim)", AtMost(PACED, to_row, 1_500.0, "ms")),
    ("latency p99, one per record: alert on the alerts topic (aim)", AtMost(PACED_SINGLE, to_topic, 25.0, "ms")),
    ("latency p99, one per record: alert at the receiver (aim)", AtMost(PACED_SINGLE, to_receiver, 250.0, "ms")),
    ("latency p99, one per record: row answers a query (aim)", AtMost(PACED_SINGLE, to_row, 1_500.0, "ms")),
    ("latency p99, embedded log: alert on the alerts topic (aim)", AtMost(PACED_EMBEDDED, to_topic, 25.0, "ms")),
    ("latency p99, embedded log: alert at the receiver (aim)", AtMost(PACED_EMBEDDED, to_receiver, 250.0, "ms")),
    ("latency p99, embedded log: row answers a query (aim)", AtMost(PACED_EMBEDDED, to_row, 1_500.0, "ms")),
];

fn client(run: &Run) -> Option<f64> {
    run.cpu_us_per_event.map(|cost| cost.client)
}

fn clickhouse(run: &Run) -> Option<f64> {
    run.cpu_us_per_event.map(|cost| cost.clickhouse)
}

impl Of {
    fn told(self, run: &Run, has_merges: bool) -> Option<f64> {
        let cost = run.cpu_us_per_event?;
        Some(match self {
            Of::Client => cost.client,
            Of::Clickhouse => cost.clickhouse,
            Of::All if has_merges => cost.total,
            Of::All => cost.total - cost.merges,
        })
    }
}

fn peak(run: &Run) -> Option<f64> {
    run.peak_rss_mib
}

fn allocations(run: &Run) -> Option<f64> {
    run.allocations_per_event
}

fn bytes_of_pair(run: &Run) -> Option<f64> {
    run.further.get("resident_bytes_per_pair").copied()
}

fn from_snapshot(run: &Run) -> Option<f64> {
    run.further.get("start_from_snapshot_s").copied()
}

fn from_topic(run: &Run) -> Option<f64> {
    run.further.get("start_from_topic_s").copied()
}

fn to_topic(run: &Run) -> Option<f64> {
    p99(run, "alert on the alerts topic")
}

fn to_receiver(run: &Run) -> Option<f64> {
    p99(run, "alert at the receiver")
}

fn to_row(run: &Run) -> Option<f64> {
    p99(run, "row answers a query")
}

fn p99(run: &Run, to: &str) -> Option<f64> {
    run.latency_ms.iter().find(|latency| latency.to == to).map(|latency| latency.p99)
}

/// Every target whose cases were run and verified.
pub(crate) fn ratios(runs: &[Run]) -> Vec<Ratio> {
    let of = |case: &str| runs.iter().find(|run| run.verified && run.name == named(case, "minimum"));
    let line = |(name, compared): &(&str, Compared)| {
        let with_merges = || ratio(&format!("{name}, with merges"), compared, true, &of);
        let is_total = matches!(compared, Ceiling { .. } | Share { cost: Of::All, .. } | Times { cost: Of::All, .. });
        [ratio(name, compared, false, &of), is_total.then(with_merges).flatten()]
    };
    TARGETS.iter().flat_map(line).flatten().collect()
}

fn ratio<'r>(name: &str, compared: &Compared, has_merges: bool, of: &dyn Fn(&str) -> Option<&'r Run>) -> Option<Ratio> {
    let all = |case: &str| Of::All.told(of(case)?, has_merges);
    let (ours, other, target, is_least, words) = match compared {
        AtMost(case, figure, at_most, unit) => {
            let words = format!("≤ {at_most} {unit}").trim_end().to_owned();
            (figure(of(case)?)?, *at_most, 1.0, false, words)
        }
        Share { ours, other, cost, at_most } => {
            let ours = ours.iter().map(|case| cost.told(of(case)?, has_merges)).sum::<Option<f64>>()?;
            (ours, cost.told(of(other)?, has_merges)?, *at_most, false, format!("≤ {at_most}×"))
        }
        // The other over ours: the other way round than the rest, as is the ceiling.
        Times { ours, other, cost, at_least } => {
            let (other, ours) = (cost.told(of(other)?, has_merges)?, cost.told(of(ours)?, has_merges)?);
            (other, ours, *at_least, true, format!("≥ {at_least}×"))
        }
        Ceiling { ours, parts: [one, two], at_least } => {
            (all(one)? + all(two)?, all(ours)?, *at_least, true, format!("≥ {at_least}"))
        }
    };
    let is_nothing = other == 0.0;
    let ratio = if is_nothing { ours } else { ours / other };
    let met = match (is_least, is_nothing) {
        (true, _) => ratio >= target,
        (false, false) => ratio <= target,
        (false, true) => ours <= 0.0,
    };
    Some(Ratio { name: name.to_owned(), ours, other, ratio, target: words, met })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cases::cases,
        report::{BytesPerEvent, CostPerEvent, Whose},
    };

    fn run(total: f64) -> Run {
        let cost = CostPerEvent { client: total / 2.0, broker: 0.0, clickhouse: total / 2.0, merges: 0.0, total };
        Run {
            name: String::new(),
            kind: Whose::Ours,
            events: 1,
            seconds: None,
            events_per_second: None,
            cpu_us_per_event: Some(cost),
            peak_rss_mib: None,
            bytes_per_event: BytesPerEvent::default(),
            allocations_per_event: Some(0.0),
            verified: true,
            note: String::new(),
            load: 0.0,
            point: None,
            latency_ms: Vec::new(),
            further: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn every_target_names_cases_that_exist() {
        let cases = cases();
        let is_case = |name: &str| cases.iter().any(|case| case.name == name);
        for (name, compared) in TARGETS {
            let named = match compared {
                AtMost(case, ..) => vec![*case],
                Share { ours, other, .. } => ours.iter().copied().chain([*other]).collect(),
                Times { ours, other, .. } => vec![*ours, *other],
                Ceiling { ours, parts, .. } => vec![*ours, parts[0], parts[1]],
            };
            assert!(named.iter().all(|case| is_case(case)), "{name}: {named:?}");
        }
    }

    #[test]
    fn a_share_of_the_ceiling_is_met_from_below_and_a_share_of_a_peer_from_above() {
        let (bare, ours) = (run(0.3), run(1.0));
        let known = |case: &str| Some(if case.starts_with("bare") { &bare } else { &ours });
        let of = |compared| ratio("", &compared, false, &known).unwrap();
        let ceiling = |at_least| Ceiling { ours: "sink", parts: ["bare a", "bare b"], at_least };
        assert!(of(ceiling(0.5)).met && !of(ceiling(0.7)).met);
        let share = |at_most| Share { ours: &["bare"], other: "peer", cost: Of::All, at_most };
        assert!(of(share(0.4)).met && !of(share(0.2)).met);
        let both = |at_most| Share { ours: &["bare", "bare"], other: "peer", cost: Of::All, at_most };
        assert!(of(both(0.7)).met && !of(both(0.4)).met, "two cases are added");
        assert!(of(AtMost("sink", client, 0.5, "µs")).met && !of(AtMost("sink", client, 0.4, "µs")).met);
        let times = |at_least| Times { ours: "bare", other: "plain", cost: Of::Client, at_least };
        assert!(of(times(3.0)).met && !of(times(4.0)).met);
    }

    #[test]
    fn merges_are_left_out_and_told_beside() {
        let cost = |total, merges| CostPerEvent { client: 0.0, broker: 0.0, clickhouse: total - merges, merges, total };
        let named = |case: &str, cost| Run { name: named(case, "minimum"), cpu_us_per_event: Some(cost), ..run(0.0) };
        let runs = [
            named(SINK, cost(4.0, 1.0)),
            named("bare drain, packed", cost(0.3, 0.0)),
            named("bare insert, 800 apps", cost(1.6, 1.0)),
        ];
        let ratios = ratios(&runs);
        let of = |name: &str| ratios.iter().find(|ratio| ratio.name == name).map(|ratio| (ratio.ratio * 1e3).round());
        assert_eq!(of("share of the ceiling, packed"), Some(300.0));
        assert_eq!(of("share of the ceiling, packed, with merges"), Some(475.0));
        assert_eq!(of("sink, client: packed, 800 apps, with merges"), None);
    }

    #[test]
    fn nothing_is_met_by_nothing_alone() {
        let (none, some) = (run(1.0), Run { allocations_per_event: Some(0.1), ..run(1.0) });
        let of = |run: &Run| ratio("", &AtMost("stage", allocations, 0.0, ""), false, &|_| Some(run)).unwrap().met;
        assert!(of(&none) && !of(&some));
    }

    #[test]
    fn what_was_not_run_has_no_ratio() {
        assert!(ratio("", &AtMost("sink", client, 0.5, "µs"), false, &|_| None).is_none());
    }
}
