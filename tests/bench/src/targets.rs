//! What the design promised (performance.md, "Targets"), computed from the runs. Minima are compared: neighbours only ever add.

use crate::report::{CostPerEvent, Ratio, Run, named};

/// What a target compares, and how.
enum Compared {
    /// A figure of one case with a fixed one: at most.
    AtMost(&'static str, fn(&CostPerEvent) -> f64, f64),
    /// Our total with that of another: at most this share.
    Share { ours: &'static str, other: &'static str, at_most: f64 },
    /// Theirs with ours, by a figure: at least so many times as much.
    Times { ours: &'static str, other: &'static str, figure: fn(&CostPerEvent) -> f64, at_least: f64 },
    /// The totals of a ceiling with ours: at least this share.
    Ceiling { ours: &'static str, parts: [&'static str; 2], at_least: f64 },
}

const TARGETS: &[(&str, Compared)] = &[
    ("sink, client µs: packed, 800 apps", Compared::AtMost("sink, packed, 800 apps", client, 0.60)),
    ("sink, client µs: one per record, 800 apps", Compared::AtMost("sink, one per record, 800 apps", client, 1.0)),
    ("sink, client µs: packed, 20,000 apps", Compared::AtMost("sink, packed, 20,000 apps", client, 0.80)),
    (
        "sink, client µs: one per record, 20,000 apps",
        Compared::AtMost("sink, one per record, 20,000 apps", client, 1.2),
    ),
    ("detect, client µs: packed, 800 apps", Compared::AtMost("detect, packed, 800 apps", client, 0.45)),
    ("detect, client µs: one per record, 800 apps", Compared::AtMost("detect, one per record, 800 apps", client, 0.85)),
    ("ClickHouse µs a row, usage included, merges apart", Compared::AtMost("sink, packed, 800 apps", clickhouse, 0.6)),
    // 150,000 and 5,000,000 events a second and core, as the time of one.
    (
        "ingest, client µs: Okta, 100 a request",
        Compared::AtMost("ingest over HTTP, 100 events a request", client, 6.67),
    ),
    ("detection engine, µs: 1 M known pairs", Compared::AtMost("detection engine, 1 M pairs", client, 0.2)),
    (
        "detection engine, 10 M pairs beside 1 k",
        Compared::Share { ours: "detection engine, 10 M pairs", other: "detection engine, 1 k pairs", at_most: 1.6 },
    ),
    (
        "share of the ceiling, packed",
        Compared::Ceiling {
            ours: "sink, packed, 800 apps",
            parts: ["bare drain, packed", "bare insert, 800 apps"],
            at_least: 0.50,
        },
    ),
    (
        "share of the ceiling, one per record",
        Compared::Ceiling {
            ours: "sink, one per record, 800 apps",
            parts: ["bare drain, one per record", "bare insert, 800 apps"],
            at_least: 0.70,
        },
    ),
    (
        "sink one per record beside Kafka engine, JSONEachRow one per message",
        Compared::Share {
            ours: "sink, one per record, 800 apps",
            other: "Kafka engine, JSONEachRow, one per message",
            at_most: 0.06,
        },
    ),
    (
        "sink packed beside Kafka engine, JSONEachRow packed",
        Compared::Share { ours: "sink, packed, 800 apps", other: "Kafka engine, JSONEachRow, packed", at_most: 0.22 },
    ),
    (
        "sink packed beside Kafka engine, RowBinary packed",
        Compared::Share { ours: "sink, packed, 800 apps", other: "Kafka engine, RowBinary, packed", at_most: 0.45 },
    ),
    (
        "plain Rust pipeline beside sink, packed, client",
        Compared::Times {
            ours: "sink, packed, 800 apps",
            other: "plain Rust pipeline, packed",
            figure: client,
            at_least: 6.0,
        },
    ),
    (
        "plain Rust pipeline beside sink, packed, total",
        Compared::Times {
            ours: "sink, packed, 800 apps",
            other: "plain Rust pipeline, packed",
            figure: |cost| cost.total,
            at_least: 3.0,
        },
    ),
];

fn client(cost: &CostPerEvent) -> f64 {
    cost.client
}

fn clickhouse(cost: &CostPerEvent) -> f64 {
    cost.clickhouse
}

/// Every target whose cases were run and verified.
pub(crate) fn ratios(runs: &[Run]) -> Vec<Ratio> {
    let cost = |case: &str| runs.iter().find(|run| run.name == named(case, "minimum"))?.cpu_us_per_event;
    TARGETS.iter().filter_map(|(name, compared)| ratio(name, compared, &cost)).collect()
}

fn ratio(name: &str, compared: &Compared, cost: &dyn Fn(&str) -> Option<CostPerEvent>) -> Option<Ratio> {
    let (ours, other, target, is_least) = match compared {
        Compared::AtMost(case, figure, at_most) => (figure(&cost(case)?), *at_most, 1.0, false),
        Compared::Share { ours, other, at_most } => (cost(ours)?.total, cost(other)?.total, *at_most, false),
        // The other over ours: the other way round than the rest, as is the ceiling.
        Compared::Times { ours, other, figure, at_least } => {
            (figure(&cost(other)?), figure(&cost(ours)?), *at_least, true)
        }
        Compared::Ceiling { ours, parts: [one, two], at_least } => {
            let ceiling = cost(one)?.total + cost(two)?.total;
            (ceiling, cost(ours)?.total, *at_least, true)
        }
    };
    let ratio = ours / other.max(1e-9);
    let met = if is_least { ratio >= target } else { ratio <= target };
    let target = match compared {
        Compared::AtMost(_, _, at_most) => format!("≤ {at_most} µs"),
        Compared::Share { at_most, .. } => format!("≤ {at_most}×"),
        Compared::Times { at_least, .. } => format!("≥ {at_least}×"),
        Compared::Ceiling { at_least, .. } => format!("≥ {at_least}"),
    };
    Some(Ratio { name: name.to_owned(), ours, other, ratio, target, met })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::CASES;

    fn cost(total: f64) -> CostPerEvent {
        CostPerEvent { client: total / 2.0, broker: 0.0, clickhouse: total / 2.0, merges: 0.0, total }
    }

    #[test]
    fn every_target_names_cases_that_exist() {
        let is_case = |name: &str| CASES.iter().any(|case| case.name == name);
        for (name, compared) in TARGETS {
            let named = match compared {
                Compared::AtMost(case, ..) => vec![*case],
                Compared::Share { ours, other, .. } | Compared::Times { ours, other, .. } => vec![*ours, *other],
                Compared::Ceiling { ours, parts, .. } => vec![*ours, parts[0], parts[1]],
            };
            assert!(named.iter().all(|case| is_case(case)), "{name}: {named:?}");
        }
    }

    #[test]
    fn a_share_of_the_ceiling_is_met_from_below_and_a_share_of_a_peer_from_above() {
        let known = |case: &str| Some(cost(if case.starts_with("bare") { 0.3 } else { 1.0 }));
        let of = |compared| ratio("", &compared, &known).unwrap();
        let ceiling = |at_least| Compared::Ceiling { ours: "sink", parts: ["bare a", "bare b"], at_least };
        assert!(of(ceiling(0.5)).met && !of(ceiling(0.7)).met);
        let share = |at_most| Compared::Share { ours: "bare", other: "peer", at_most };
        assert!(of(share(0.4)).met && !of(share(0.2)).met);
        assert!(of(Compared::AtMost("sink", client, 0.5)).met && !of(Compared::AtMost("sink", client, 0.4)).met);
    }

    #[test]
    fn what_was_not_run_has_no_ratio() {
        assert!(ratio("", &Compared::AtMost("sink", client, 0.5), &|_| None).is_none());
    }
}
