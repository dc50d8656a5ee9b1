//! What was measured, as `target/bench.json` and as one table.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{cases::Case, latency::Latency};

/// Everything: the shape of `target/bench.json`.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) commit: String,
    pub(crate) seed: u64,
    pub(crate) runs: Vec<Run>,
    pub(crate) ratios: Vec<Ratio>,
}

/// The machine, and how busy it was with other things.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    pub(crate) load_before: f64,
    pub(crate) load_after: f64,
}

/// Whose work it is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whose {
    Ours,
    Control,
    Peer,
}

/// One case: the repetition that cost least, or the one in the middle. Without figures where it was not verified.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) kind: Whose,
    pub(crate) events: u64,
    pub(crate) seconds: Option<f64>,
    pub(crate) events_per_second: Option<f64>,
    pub(crate) cpu_us_per_event: Option<CostPerEvent>,
    pub(crate) peak_rss_mib: Option<f64>,
    pub(crate) bytes_per_event: BytesPerEvent,
    pub(crate) allocations_per_event: Option<f64>,
    pub(crate) verified: bool,
    pub(crate) note: String,
    /// The load of the machine's last minute when it ended: its own, and the neighbours'.
    pub(crate) load: f64,
    /// Which point of which curve it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) point: Option<Point>,
    /// How long after its intended time an event was where. Of paced runs only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) latency_ms: Vec<Latency>,
    /// What else was measured, each with its unit in its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) further: BTreeMap<String, f64>,
}

/// A point of a curve: `at` so many apps, people, tenants, rows, partitions or processes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Point {
    pub(crate) curve: String,
    /// What is drawn as one line.
    pub(crate) line: String,
    pub(crate) at: u64,
}

impl Point {
    pub(crate) fn new(curve: &str, line: &str, at: u64) -> Point {
        Point { curve: curve.to_owned(), line: line.to_owned(), at }
    }
}

/// Microseconds of processor time. `clickhouse` is without `merges`; `total` is all four.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct CostPerEvent {
    pub(crate) client: f64,
    pub(crate) broker: f64,
    pub(crate) clickhouse: f64,
    pub(crate) merges: f64,
    pub(crate) total: f64,
}

/// What an event takes at each hop: as it comes in, in the log, in the table or on its way there. Nothing where the case has no such hop.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct BytesPerEvent {
    #[serde(rename = "in")]
    pub(crate) incoming: Option<f64>,
    pub(crate) log: Option<f64>,
    pub(crate) out: Option<f64>,
}

/// What something costs beside something else, or beside a fixed figure.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Ratio {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) other: f64,
    pub(crate) ratio: f64,
    pub(crate) target: String,
    pub(crate) met: bool,
}

/// What each process took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) client: Duration,
    pub(crate) broker: Duration,
    pub(crate) clickhouse: Duration,
    pub(crate) merges: Duration,
}

impl Cost {
    pub(crate) fn total(&self) -> Duration {
        self.without_merges() + self.merges
    }

    fn without_merges(&self) -> Duration {
        self.client + self.broker + self.clickhouse
    }
}

/// One repetition of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) events: u64,
    pub(crate) time: Duration,
    pub(crate) cost: Cost,
    pub(crate) peak_rss_mib: Option<f64>,
    pub(crate) bytes: BytesPerEvent,
    pub(crate) allocations_per_event: Option<f64>,
    /// What was wrong with the outcome.
    pub(crate) flaws: Vec<String>,
    pub(crate) note: String,
    pub(crate) load: f64,
    pub(crate) latency_ms: Vec<Latency>,
    pub(crate) further: BTreeMap<String, f64>,
}

impl Measured {
    /// Microseconds of an event.
    pub(crate) fn per_event(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.events.max(1) as f64
    }

    fn cost_per_event(&self) -> CostPerEvent {
        let Cost { client, broker, clickhouse, merges } = self.cost;
        CostPerEvent {
            client: self.per_event(client),
            broker: self.per_event(broker),
            clickhouse: self.per_event(clickhouse),
            merges: self.per_event(merges),
            total: self.per_event(self.cost.total()),
        }
    }

    /// What is told while it goes on.
    pub(crate) fn line(&self) -> String {
        if !self.flaws.is_empty() {
            return format!("NOT VERIFIED, no figure: {}", self.flaws.join("; "));
        }
        let CostPerEvent { client, broker, clickhouse, merges, total } = self.cost_per_event();
        let seconds = self.time.as_secs_f64();
        format!(
            "{} events in {seconds:.2} s; µs an event: client {client:.3}, broker {broker:.3}, ClickHouse {clickhouse:.3}, merges {merges:.3}, total {total:.3}; load {:.1}  {}{}",
            self.events,
            self.load,
            self.note,
            self.latency_ms.iter().map(|latency| format!("\n            {latency}")).collect::<String>()
        )
    }

    fn run(&self, case: &Case, which: &str, note: &str) -> Run {
        let is_verified = self.flaws.is_empty();
        let seconds = is_verified.then_some(self.time.as_secs_f64());
        let parts = [note, &self.note, &self.flaws.join("; ")];
        let words: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Run {
            name: named(&case.name, which),
            kind: case.kind,
            events: self.events,
            seconds,
            events_per_second: seconds.map(|seconds| self.events as f64 / seconds.max(1e-9)),
            cpu_us_per_event: is_verified.then(|| self.cost_per_event()),
            peak_rss_mib: self.peak_rss_mib,
            bytes_per_event: self.bytes,
            allocations_per_event: self.allocations_per_event,
            verified: is_verified,
            note: words.join("; "),
            load: self.load,
            point: case.point.clone(),
            latency_ms: if is_verified { self.latency_ms.clone() } else { Vec::new() },
            further: if is_verified { self.further.clone() } else { BTreeMap::new() },
        }
    }
}

impl Run {
    /// The repetition that cost least and the one in the middle, each whole. One that is not verified speaks for all.
    pub(crate) fn of(case: &Case, measured: &[Measured]) -> Vec<Run> {
        if let Some(flawed) = measured.iter().find(|each| !each.flaws.is_empty()) {
            return ["minimum", "median"].map(|which| flawed.run(case, which, "")).into();
        }
        let mut by_cost: Vec<&Measured> = measured.iter().collect();
        by_cost.sort_by_key(|each| each.cost.without_merges());
        let note = format!("{} repetitions", measured.len());
        let chosen = [("minimum", by_cost.first()), ("median", by_cost.get(measured.len().saturating_sub(1) / 2))];
        chosen.into_iter().filter_map(|(which, each)| Some(each?.run(case, which, &note))).collect()
    }
}

/// `target/bench.json` of the workspace.
pub(crate) fn default_path() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?.join("bench.json"))
}

/// The name of a run: its case's, and which repetition it is.
pub(crate) fn named(case: &str, which: &str) -> String {
    format!("{case}, {which}")
}

impl Report {
    /// Is every run what it should be?
    pub(crate) fn is_verified(&self) -> bool {
        self.runs.iter().all(|run| run.verified)
    }

    /// Writes it to where somebody said, or to `target/bench.json` of the workspace.
    pub(crate) fn write(&self) -> anyhow::Result<PathBuf> {
        let path = match std::env::var_os("BENCH_JSON") {
            Some(named) => PathBuf::from(named),
            None => default_path()?,
        };
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Reads one that was written.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Report> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report of the bench", path.display()))
    }

    /// One table of all runs, and what they come to beside the targets.
    pub(crate) fn table(&self) -> String {
        let mut out = format!(
            "{:<54}{:>9}{:>9}{:>9}{:>9}{:>9}{:>12}{:>7}{:>6}{:>6}{:>6}\n",
            "µs of processor time an event",
            "client",
            "broker",
            "ClickH.",
            "merges",
            "total",
            "events/s",
            "MiB",
            "in B",
            "log B",
            "out B"
        );
        for run in &self.runs {
            let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"));
            let BytesPerEvent { incoming, log, out: outgoing } = run.bytes_per_event;
            let cost = match &run.cpu_us_per_event {
                Some(cost) => [cost.client, cost.broker, cost.clickhouse, cost.merges, cost.total]
                    .map(|each| format!("{each:.3}")),
                None => ["–"; 5].map(str::to_owned),
            };
            // Writing into a String cannot fail.
            write!(out, "{:<54}", run.name).ok();
            cost.iter().for_each(|each| write!(out, "{each:>9}").unwrap_or_default());
            let rest = [run.events_per_second, run.peak_rss_mib, incoming, log, outgoing].map(number);
            rest.iter()
                .zip([12, 7, 6, 6, 6])
                .for_each(|(each, width)| write!(out, "{each:>width$}").unwrap_or_default());
            out.push_str(if run.verified { "\n" } else { "  NOT VERIFIED\n" });
        }
        for run in self.runs.iter().filter(|run| !run.latency_ms.is_empty()) {
            writeln!(out, "\n{}", run.name).ok();
            run.latency_ms.iter().for_each(|latency| writeln!(out, "    {latency}").unwrap_or_default());
        }
        if !self.ratios.is_empty() {
            write!(
                out,
                "\n{:<70}{:>10}{:>10}{:>9}   {:<10}\n",
                "beside the targets (minima)", "ours", "other", "ratio", "target"
            )
            .ok();
        }
        for Ratio { name, ours, other, ratio, target, met } in &self.ratios {
            let verdict = if *met { "met" } else { "MISSED" };
            writeln!(out, "{name:<70}{ours:>10.3}{other:>10.3}{ratio:>9.3}   {target:<10} {verdict}").ok();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Rank, Work};

    fn measured(client_ms: u64) -> Measured {
        let cost = Cost { client: Duration::from_millis(client_ms), ..Cost::default() };
        Measured { events: 1_000, time: Duration::from_secs(2), cost, ..Measured::default() }
    }

    fn case() -> Case {
        let (name, work) = ("a case".to_owned(), Work::Insert { apps: 20 });
        Case { name, kind: Whose::Ours, rank: Rank::Quick, work, point: None }
    }

    #[test]
    fn minimum_and_median_are_whole_repetitions() {
        let runs = Run::of(&case(), &[measured(9), measured(3), measured(5)]);
        let costs: Vec<f64> = runs.iter().map(|run| run.cpu_us_per_event.unwrap().client).collect();
        assert_eq!(costs, [3.0, 5.0]);
        assert_eq!(runs[0].name, "a case, minimum");
        assert_eq!(runs[0].events_per_second, Some(500.0));
    }

    #[test]
    fn a_run_that_lost_rows_has_no_figure() {
        let lossy = Measured { flaws: vec!["7 rows are missing".into()], ..measured(1) };
        for run in Run::of(&case(), &[measured(9), lossy]) {
            assert!(!run.verified && run.cpu_us_per_event.is_none() && run.events_per_second.is_none());
            assert!(run.note.contains("7 rows are missing"), "{}", run.note);
        }
    }

    #[test]
    fn the_shape_is_the_one_that_others_read() {
        let machine = Machine {
            processor: "p".into(),
            cores: 2,
            memory_mib: 1,
            kernel: "k".into(),
            load_before: 0.0,
            load_after: 0.0,
        };
        let report =
            Report { machine, commit: "c".into(), seed: 1, runs: Run::of(&case(), &[measured(1)]), ratios: vec![] };
        let json = serde_json::to_value(&report).unwrap();
        let run = json["runs"][0].as_object().unwrap();
        for key in [
            "name",
            "kind",
            "events",
            "seconds",
            "events_per_second",
            "cpu_us_per_event",
            "peak_rss_mib",
            "bytes_per_event",
            "allocations_per_event",
            "verified",
            "note",
            "load",
        ] {
            assert!(run.contains_key(key), "{key}");
        }
        assert_eq!(run["kind"], "ours");
        assert!(run["bytes_per_event"].as_object().unwrap().contains_key("in"));
        assert!(report.table().contains("a case, median"));
    }
}
