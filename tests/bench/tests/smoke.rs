//! The bench itself, at every test run: its smallest cases, on real servers, from full topics to a report in which everything is verified. What a
//! run costs is not looked at: here it must only not rot.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

use anyhow::ensure;
use serde_json::Value;

/// The sink and detection of a company of a thousand people.
const CASES: &str = "curve people: 1000 people";
/// Two deliveries a company.
const EVENTS: &str = "8000";

#[test]
fn the_smallest_cases_are_measured_and_verified() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let json = folder.path().join("bench.json");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.env("CASE", CASES).env("EVENTS", EVENTS).env("TURNS", "1").env("BENCH_JSON", &json).env_remove("QUICK");
    let done = bench.output()?;
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n");
    ensure!(done.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
    let runs = report["runs"].as_array().unwrap();
    // Sink and detection, each with its minimum and its median.
    ensure!(runs.len() == 4, "{said}");
    for run in runs {
        ensure!(run["verified"] == true && run["cpu_us_per_event"]["client"].is_f64(), "{run}");
        ensure!(run["events"] == 4_000 && run["point"]["curve"] == "people", "{run}");
    }
    Ok(())
}
