//! What plan and read-back cost: `sink` drains a full topic with them and without, pair by pair, by the same program on the same servers. The
//! program is one that can make mistakes on purpose (`make protocol-cost` builds it), because no other can leave them out.
//!
//! The target is a share of the full path: what `sink`, the broker and ClickHouse take without them, and what `detect` and `ingest` (100 events a
//! request) with the broker took, once each. The share of the sink's part alone is told beside it.

use std::{fs, path::PathBuf, process::Command};

use ::tests::servers::{Setup, binary};
use anyhow::{Context as _, ensure};
use serde::Serialize;
use stages::workload::Shape;

use crate::{
    cases::{self, Drain, Work, sink},
    machine,
    preload::{Form, Load},
    report::{Machine, Measured},
    scale::Scale,
    stack::Stack,
};

/// How a program that can make mistakes is told which one.
const VARIABLE: &str = "DAYLIGHT_MUTATION";
/// Plan and read-back are left out.
const WITHOUT: &str = "without_plan_and_read_back";
/// What is drained.
const DRAIN: Drain = Drain { load: Load::of(Shape::of_apps(800), Form::Packed), processes: 1, history: 0 };
/// Pairs, unless `TURNS` says otherwise.
const PAIRS: usize = 5;
/// The share of the full path that is allowed, of the median of all pairs.
const SHARE_MAX: f64 = 0.05;

/// How large the batches are.
struct Batches {
    name: &'static str,
    rows_max: i64,
    /// Small batches cost much more: so many times fewer events.
    part: u64,
    /// Is the target about it?
    is_target: bool,
}

/// Those of a drain, and those that a tenant's partition makes each second of some 2,000 events.
const BATCHES: [Batches; 2] = [
    Batches { name: "batches of 200,000 rows", rows_max: 200_000, part: 1, is_target: true },
    Batches { name: "batches of 2,000 rows", rows_max: 2_000, part: 4, is_target: false },
];

/// One pair, each side the mean of its two runs. Microseconds of processor time an event.
#[derive(Clone, Copy, Debug, Serialize)]
struct Pair {
    client_with: f64,
    client_without: f64,
    total_with: f64,
    total_without: f64,
    /// Of the total, merges of parts left out: when they run is chance.
    share: f64,
    /// Of the full path.
    share_of_full_path: f64,
}

/// All pairs of one size.
#[derive(Debug, Serialize)]
struct Outcome {
    name: &'static str,
    events: u64,
    pairs: Vec<Pair>,
    median_share: f64,
    median_share_of_full_path: f64,
}

/// The shape of `target/protocol.json`.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    commit: String,
    share_max: f64,
    /// What `detect` and `ingest` take of an event with the broker. Microseconds of processor time.
    others: f64,
    outcomes: Vec<Outcome>,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let version = Command::new(binary()?).arg("--version").output().context("asking the program which it is")?;
    let can_leave_out = String::from_utf8_lossy(&version.stdout).contains("mistakes");
    ensure!(can_leave_out, "this program cannot leave plan and read-back out: measure by `make protocol-cost`");
    let scale = Scale::from_environment()?;
    let pairs = if std::env::var_os("TURNS").is_some() { scale.turns } else { PAIRS };
    let load = machine::load();
    let chosen = |batches: &&Batches| batches.name.contains(&scale.chosen);
    let others = measure_others(&scale)?;
    let mut outcomes = Vec::new();
    for batches in BATCHES.iter().filter(chosen) {
        outcomes.push(compare(batches, pairs, others, &scale)?);
    }
    let (machine, commit) = (machine::describe(load), machine::commit());
    let report = Report { machine, commit, share_max: SHARE_MAX, others, outcomes };
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/protocol.json"));
    fs::write(&path, serde_json::to_string_pretty(&report)?).context("writing target/protocol.json")?;
    println!("load {:.1} before, {:.1} after", report.machine.load_before, report.machine.load_after);
    println!("detect and ingest: {others:.2} µs an event");
    for Outcome { name, median_share, median_share_of_full_path, .. } in &report.outcomes {
        let (of_sink, of_all) = (median_share * 100.0, median_share_of_full_path * 100.0);
        println!(
            "{name}: {of_all:+.1} % of the full path, {of_sink:+.1} % of the sink's part (medians of {pairs} pairs)"
        );
    }
    let is_over = |outcome: &&Outcome| outcome.median_share_of_full_path > SHARE_MAX && is_target(outcome.name);
    let over = report.outcomes.iter().find(is_over).map(|outcome| outcome.name);
    ensure!(over.is_none(), "plan and read-back cost more than {:.0} % of the full path: {over:?}", SHARE_MAX * 100.0);
    Ok(())
}

fn is_target(name: &str) -> bool {
    BATCHES.iter().any(|batches| batches.is_target && batches.name == name)
}

/// What the rest of the path takes of an event.
fn measure_others(scale: &Scale) -> anyhow::Result<f64> {
    let mut stack = Stack::new(scale.clone());
    let mut total = 0.0;
    for work in [Work::Detect(DRAIN), Work::Ingest { of_page: 100 }] {
        let measured = cases::run(&work, &mut stack)?.context("it needs nobody else's program")?;
        println!("{work:?}: {}", measured.line());
        ensure!(measured.flaws.is_empty(), "{work:?}: {:?}", measured.flaws);
        total += measured.per_event(measured.cost.total());
    }
    Ok(total)
}

/// Pairs, each of two runs of either kind; who comes first changes from pair to pair.
fn compare(batches: &Batches, pairs: usize, others: f64, scale: &Scale) -> anyhow::Result<Outcome> {
    let mut stack = Stack::new(Scale { events: scale.events / batches.part, ..scale.clone() });
    let mut told = Vec::new();
    for pair in 0..pairs {
        // There and back: what falls on every other run, as here what the memory of the run before costs, falls on both kinds.
        let order = [true, false, false, true].map(|is_with| is_with == (pair % 2 == 0));
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for is_with in order {
            let measured = drain(&mut stack, batches, is_with)?;
            if is_with { with.push(measured) } else { without.push(measured) }
        }
        told.push(Pair::of(&with, &without, others));
    }
    let events = stack.scale.events;
    let median_share = median(told.iter().map(|pair| pair.share));
    let median_share_of_full_path = median(told.iter().map(|pair| pair.share_of_full_path));
    Ok(Outcome { name: batches.name, events, median_share, median_share_of_full_path, pairs: told })
}

fn drain(stack: &mut Stack, batches: &Batches, is_with: bool) -> anyhow::Result<Measured> {
    let change = |setup: Setup| {
        let setup = setup.set("sink.batch_rows_max", batches.rows_max);
        if is_with { setup } else { setup.env(VARIABLE, WITHOUT) }
    };
    let measured = sink::run_as(stack, &DRAIN, &change)?;
    println!("{}, {}: {}", batches.name, if is_with { "with" } else { "without" }, measured.line());
    ensure!(measured.flaws.is_empty(), "{}: {:?}", batches.name, measured.flaws);
    Ok(measured)
}

impl Pair {
    fn of(with: &[Measured], without: &[Measured], others: f64) -> Pair {
        let mean = |runs: &[Measured], of: fn(&Measured) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        let total = |run: &Measured| run.per_event(run.cost.total().saturating_sub(run.cost.merges));
        let client = |run: &Measured| run.per_event(run.cost.client);
        let (total_with, total_without) = (mean(with, total), mean(without, total));
        Pair {
            client_with: mean(with, client),
            client_without: mean(without, client),
            total_with,
            total_without,
            share: total_with / total_without - 1.0,
            share_of_full_path: (total_with - total_without) / (total_without + others),
        }
    }
}

/// The one in the middle.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::Cost;

    #[test]
    fn the_share_is_what_is_more_with_it_and_the_median_is_the_one_in_the_middle() {
        let run = |client_ms, merges_ms| {
            let (client, merges) = (Duration::from_millis(client_ms), Duration::from_millis(merges_ms));
            Measured { events: 1_000, cost: Cost { client, merges, ..Cost::default() }, ..Measured::default() }
        };
        let pair = Pair::of(&[run(104, 50), run(102, 0)], &[run(99, 5), run(101, 5)], 200.0);
        assert!((pair.share - 0.03).abs() < 1e-9 && pair.client_with == 103.0, "{pair:?}");
        assert!((pair.share_of_full_path - 0.01).abs() < 1e-9, "{pair:?}");
        assert_eq!(median([0.5, 0.1, 0.2].into_iter()), 0.2);
    }
}
