//! `make bench`: how much processor time an event costs Daylight, the controls that bound it, and the peers that do the same work, on the
//! same events, the same Kafka and the same ClickHouse, in turns.
//!
//! ```text
//! bench                 every case, three times in turns, and every curve once; prints one table and writes target/bench.json
//! CASE=sink bench       the cases whose name begins with "sink"; `|` between several
//! QUICK=1 bench         the cases that matter most, once, on fewer events
//! bench list            the names of the cases
//! bench draw            curves of target/bench.json into docs/performance
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
mod curves;
mod drain;
mod history;
mod json;
mod latency;
mod log;
mod machine;
mod okta;
mod plain;
mod preload;
mod protocol;
mod queue;
mod report;
mod scale;
mod stack;
mod svg;
mod targets;

use std::time::Instant;

use anyhow::ensure;

use cases::{Case, cases};
use report::{Measured, Report, Run};
use scale::Scale;
use stack::Stack;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => bench(),
        ["alone", ref words @ ..] => alone::run(words),
        ["list"] => {
            cases().iter().for_each(|case| println!("{}", case.name));
            Ok(())
        }
        ["draw"] => curves::draw(),
        ["protocol"] => protocol::run(),
        _ => anyhow::bail!("unknown words {words:?}: cases are chosen by CASE=…, see docs/performance.md"),
    }
}

/// All chosen cases in turns: what changes on the machine meanwhile then meets all of them.
fn bench() -> anyhow::Result<()> {
    let scale = Scale::from_environment()?;
    let cases: Vec<Case> = cases().into_iter().filter(|case| scale.chooses(&case.name, case.rank, 1)).collect();
    ensure!(!cases.is_empty(), "no name of a case begins with {:?}: `bench list` lists them", scale.chosen);
    let (began, load) = (Instant::now(), machine::load());
    let mut stack = Stack::new(scale.clone());
    let mut measured: Vec<Vec<Measured>> = cases.iter().map(|_| Vec::new()).collect();
    for turn in 1..=scale.turns {
        for (case, measured) in cases.iter().zip(&mut measured) {
            if !scale.chooses(&case.name, case.rank, turn) {
                continue;
            }
            let minutes = began.elapsed().as_secs_f64() / 60.0;
            println!("{minutes:6.1} min  turn {turn} of {}  {}", scale.turns, case.name);
            // What goes wrong with one case must not cost the figures of the others: it has none, and says why.
            let broken =
                |error: anyhow::Error| Some(Measured { flaws: vec![format!("{error:#}")], ..Measured::default() });
            let run = cases::run(&case.work, &mut stack).unwrap_or_else(broken);
            if let Some(run) = run.map(|run| Measured { load: machine::load(), ..run }) {
                println!("            {}", run.line());
                measured.push(run);
            }
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
