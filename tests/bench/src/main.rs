//! `make bench`: how much processor time an event costs Daylight, the controls that bound it, and the peers that do the same work, on the
//! same events, the same Kafka and the same ClickHouse, in turns.
//!
//! ```text
//! bench                 every case, three times in turns; prints one table and writes target/bench.json
//! CASE=sink bench       the cases whose name contains "sink"
//! QUICK=1 bench         the cases that matter most, once, on fewer events
//! bench protocol        what plan and read-back cost; writes target/protocol.json (needs a build that can leave them out)
//! ```
//! Processor time is what is compared, not time: it is the kernel's own count of each process, and neighbours move it far less than they
//! move the clock. A run that lost rows has no figure.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement stops at the first surprise, counts in fractions and prints what it saw"
)]

mod alone;
mod cases;
mod drain;
mod json;
mod machine;
mod okta;
mod plain;
mod preload;
mod protocol;
mod report;
mod scale;
mod stack;
mod targets;

use std::time::Instant;

use anyhow::{Context as _, ensure};

use cases::{CASES, Case};
use report::{Measured, Report, Run};
use scale::Scale;
use stack::Stack;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((alone, words)) if alone == "alone" => alone::run(words),
        Some((protocol, [])) if protocol == "protocol" => protocol::run(),
        Some((unknown, _)) => {
            anyhow::bail!("unknown word {unknown}: the cases are chosen by CASE=…, see --help in docs/performance.md")
        }
        None => bench(),
    }
}

/// All chosen cases in turns: what changes on the machine meanwhile then meets all of them.
fn bench() -> anyhow::Result<()> {
    let scale = Scale::from_environment()?;
    let cases: Vec<&Case> = CASES.iter().filter(|case| scale.chooses(case.name, case.is_quick)).collect();
    ensure!(!cases.is_empty(), "no case is called {:?}; there are:\n  {}", scale.chosen, names().join("\n  "));
    let (began, load) = (Instant::now(), machine::load());
    let mut stack = Stack::new(scale.clone());
    let mut measured: Vec<Vec<Measured>> = cases.iter().map(|_| Vec::new()).collect();
    for turn in 1..=scale.turns {
        for (case, measured) in cases.iter().zip(&mut measured) {
            let minutes = began.elapsed().as_secs_f64() / 60.0;
            println!("{minutes:6.1} min  turn {turn} of {}  {}", scale.turns, case.name);
            let run = cases::run(&case.work, &mut stack).with_context(|| format!("measuring {}", case.name))?;
            println!("            {}", run.line());
            measured.push(run);
        }
    }
    let runs: Vec<Run> = cases.iter().zip(&measured).flat_map(|(case, measured)| Run::of(case, measured)).collect();
    let ratios = targets::ratios(&runs);
    let report = Report { machine: machine::describe(load), commit: machine::commit(), seed: scale.seed, runs, ratios };
    println!("\n{}", report.table());
    let path = report.write()?;
    println!("written to {}", path.display());
    ensure!(report.is_verified(), "a run is not what it should be: see its note");
    Ok(())
}

fn names() -> Vec<&'static str> {
    CASES.iter().map(|case| case.name).collect()
}
