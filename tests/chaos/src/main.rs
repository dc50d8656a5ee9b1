//! `make chaos`: runs a seed on each engine, writes `target/chaos.json`, and ends with 0 only if every invariant holds.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{path::PathBuf, process::ExitCode, time::SystemTime};

use anyhow::Context;
use chaos::{amounts::Amounts, conduct, report::Report, schedule::Engine, selftest};
use clap::{Parser, ValueEnum};
use serde_json::Value;

/// Which engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    Kafka,
    Embedded,
    Both,
}

/// Daylight under load and faults by seed, and a checker of what came out.
#[derive(Debug, Parser)]
struct Arguments {
    /// Of which schedule, load and faults are made; another one at each run where none is given.
    #[arg(long)]
    seed: Option<u64>,
    /// On which log.
    #[arg(long, value_enum, default_value = "both")]
    engine: Choice,
    /// A few faults of each kind, instead of all that is promised.
    #[arg(long)]
    short: bool,
    /// Ten times the events and five times the faults: some hours, and a few gigabytes of memory.
    #[arg(long, conflicts_with = "short")]
    long: bool,
    /// Makes one mistake after the other and sees each found. Daylight must be built with `mutations`, and `DAYLIGHT_TESTS_BINARY` name it.
    #[arg(long)]
    selftest: bool,
    /// Of the mistakes, only those whose name holds this.
    #[arg(long, default_value = "")]
    mistake: String,
    /// Events to be acknowledged at least.
    #[arg(long)]
    events: Option<u64>,
    /// Where the figures go.
    #[arg(long, default_value = "target/chaos.json")]
    out: PathBuf,
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        println!("{error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(seed_of_now);
    if arguments.selftest {
        let trials = selftest::run(seed, &arguments.mistake, &|line| println!("{line}"));
        println!();
        selftest::table(&trials).iter().for_each(|line| println!("{line}"));
        let is_right = trials.iter().all(selftest::Trial::is_right);
        return Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let engines: &[Engine] = match arguments.engine {
        Choice::Kafka => &[Engine::Kafka],
        Choice::Embedded => &[Engine::Embedded],
        Choice::Both => &[Engine::Embedded, Engine::Kafka],
    };
    let mut reports: Vec<Report> = Vec::new();
    // A run that comes to no verdict must not leave the figures of another.
    if arguments.out.exists() {
        std::fs::remove_file(&arguments.out).context("removing the figures of an earlier run")?;
    }
    for engine in engines {
        let mut amounts = match (arguments.short, arguments.long) {
            (true, _) => Amounts::short(*engine),
            (_, true) => Amounts::long(*engine),
            _ => Amounts::promised(*engine),
        };
        amounts.events = arguments.events.unwrap_or(amounts.events);
        println!("again: make chaos SEED={seed} ENGINE={}", engine.name());
        let report = conduct::run(*engine, seed, &amounts, &[], &|line| println!("{line}"));
        reports.push(report.with_context(|| format!("seed {seed}, engine {}", engine.name()))?);
        // After each engine, so that what the first has shown is not lost with the second.
        let all: Vec<Value> = reports.iter().map(Report::json).collect();
        if let Some(folder) = arguments.out.parent() {
            std::fs::create_dir_all(folder).context("making the folder of the figures")?;
        }
        std::fs::write(&arguments.out, serde_json::to_string_pretty(&all)?).context("writing the figures")?;
    }
    reports.iter().for_each(|report| println!("\n{report}"));
    let is_sound = reports.iter().all(|report| report.verdict.is_sound());
    println!("{}; figures in {}", if is_sound { "every invariant holds" } else { "VIOLATED" }, arguments.out.display());
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Small enough to be typed again.
fn seed_of_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs() % 1_000_000
}
