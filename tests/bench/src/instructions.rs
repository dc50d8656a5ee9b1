//! `bench instructions`: how many instructions an event takes in each stage of pure code, counted by callgrind, beside what is committed in
//! `instructions.tsv`. Instructions do not depend on the neighbours, so a difference is ours.
//!
//! What a run takes before and after its rounds falls out: it is run with one round and with three, and the difference counts.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, ensure};

use crate::stage::STAGES;

/// How much more or less than the baseline is the same. Measured: the same binary differs by less than 0.1 %, another compiler by more.
const TOLERANCE: f64 = 0.03;
/// Rounds of the two runs.
const ROUNDS: (u64, u64) = (1, 3);
/// Events of the two runs of a parser.
const PARSED: (u64, u64) = (20_000, 60_000);

/// Counts everything and compares. With `is_kept`, what was counted becomes the baseline.
pub(crate) fn run(is_kept: bool) -> anyhow::Result<()> {
    let mut counted: Vec<(String, f64)> = Vec::new();
    let mut before = 0.0;
    for stage in STAGES {
        let of = |rounds: u64| count(&["stage", stage, &rounds.to_string(), "1"]);
        let all = of_an_event(of(ROUNDS.0)?, of(ROUNDS.1)?);
        counted.push((stage.to_owned(), all - before));
        before = all;
    }
    for provider in ["okta", "entra", "google_workspace", "m365_ual"] {
        let of = |events: u64| count(&["parse", provider, &events.to_string()]);
        counted.push((format!("parse {provider}"), of_an_event(of(PARSED.0)?, of(PARSED.1)?)));
    }
    let baseline = baseline()?;
    let mut worse = Vec::new();
    println!("{:<26}{:>12}{:>12}{:>9}", "instructions an event", "counted", "baseline", "");
    for (name, instructions) in &counted {
        let known = baseline.get(name).copied();
        let change = known.map_or(0.0, |known| instructions / known - 1.0);
        println!("{name:<26}{instructions:>12.0}{:>12.0}{:>8.1}%", known.unwrap_or(0.0), change * 100.0);
        if known.is_none_or(|known| (instructions / known - 1.0).abs() > TOLERANCE) {
            worse.push(name.as_str());
        }
    }
    if is_kept {
        let lines: Vec<String> = counted.iter().map(|(name, count)| format!("{name}\t{count:.0}\n")).collect();
        return fs::write(path(), lines.concat()).context("writing the baseline");
    }
    let what_now = "find out why; if it is meant, run `target/release/bench instructions keep` and commit instructions.tsv with the reason";
    ensure!(
        worse.is_empty(),
        "more than {} % beside the baseline, or not in it: {worse:?}. {what_now}",
        TOLERANCE * 100.0
    );
    Ok(())
}

/// (instructions, events) of two runs: what one event takes.
fn of_an_event(one: (u64, u64), other: (u64, u64)) -> f64 {
    other.0.saturating_sub(one.0) as f64 / other.1.saturating_sub(one.1).max(1) as f64
}

/// Instructions and events of some work alone.
fn count(words: &[&str]) -> anyhow::Result<(u64, u64)> {
    let program = std::env::current_exe()?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).arg("alone").args(words);
    let done = valgrind.output().context("valgrind is missing: apt-get install valgrind")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "callgrind of {words:?} failed: {said}");
    let told: crate::alone::Told = serde_json::from_slice(&done.stdout)?;
    Ok((collected(&said).with_context(|| format!("callgrind says no number: {said}"))?, told.count))
}

/// `==7== Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

fn baseline() -> anyhow::Result<BTreeMap<String, f64>> {
    let text = fs::read_to_string(path()).unwrap_or_default();
    let line = |line: &str| -> anyhow::Result<(String, f64)> {
        let (name, count) = line.split_once('\t').with_context(|| format!("instructions.tsv: {line}"))?;
        Ok((name.to_owned(), count.parse()?))
    };
    text.lines().map(line).collect()
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.tsv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_takes_beside_its_events_falls_out() {
        assert!((of_an_event((1_500, 10), (2_500, 30)) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn the_number_of_callgrind_is_found() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 1234\n"), Some(1_234));
        assert_eq!(collected("no number"), None);
    }
}
