//! Counts, by callgrind, what an event takes in each stage. Instructions do not depend on the neighbours, so a difference is ours.
//!
//! What a run takes beside its turns falls out: each stage is run with one turn and with two, and the difference counts. Callgrind shows
//! every program the same processor (AVX2, no AVX-512), whatever the machine has, so that libc's variants for processors are the same ones.

use std::{
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context as _, ensure};
use stages::{
    parse::{self, COUNTED},
    stage::{self, STAGES},
};

use crate::baseline::Baseline;

/// Seed of the workload.
const SEED: u64 = 1;

/// Counts everything and compares. With `is_kept`, what was counted becomes the baseline.
pub(crate) fn run(is_kept: bool) -> anyhow::Result<()> {
    let names: Vec<&str> = COUNTED.into_iter().chain(STAGES).collect();
    let mut counted: Vec<(&str, f64)> = names.iter().copied().zip(of_an_event(&names)?).collect();
    // Each stage does what those before it do.
    for place in (COUNTED.len() + 1..counted.len()).rev() {
        counted[place].1 -= counted[place - 1].1;
    }
    if is_kept {
        return Baseline::of(&counted)?.keep();
    }
    let compared = Baseline::read()?.compare(&counted)?;
    println!("{}", compared.table);
    ensure!(compared.flaws.is_empty(), "{}", compared.flaws.join("\n"));
    Ok(())
}

/// Does the work of a stage so often, and tells how many events that were.
pub(crate) fn work(name: &str, turns: u64) -> anyhow::Result<()> {
    println!("{}", work_of(name, turns)?);
    Ok(())
}

fn work_of(name: &str, turns: u64) -> anyhow::Result<u64> {
    let is_stage = STAGES.contains(&name);
    Ok(if is_stage { stage::run(name, turns, SEED)?.events } else { parse::turns(name, turns)?.events })
}

/// What an event takes of each. As many at a time as there are processors.
fn of_an_event(names: &[&str]) -> anyhow::Result<Vec<f64>> {
    let (next, counted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let count_on = || -> anyhow::Result<()> {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (one, two) = (count(name, 1)?, count(name, 2)?);
            let instructions =
                difference(one, two).with_context(|| format!("{name}: two turns are no more than one"))?;
            counted.lock().unwrap().push((*name, instructions));
        }
        Ok(())
    };
    thread::scope(|scope| {
        let counting: Vec<_> = (0..thread::available_parallelism()?.get()).map(|_| scope.spawn(count_on)).collect();
        counting.into_iter().try_for_each(|counting| counting.join().unwrap())
    })?;
    let counted = counted.into_inner().unwrap();
    let of = |name: &&str| counted.iter().find(|(counted, _)| counted == name).map(|(_, instructions)| *instructions);
    names.iter().map(|name| of(name).with_context(|| format!("{name} was not counted"))).collect()
}

/// (instructions, events) of two runs: what one event takes.
fn difference(one: (u64, u64), two: (u64, u64)) -> Option<f64> {
    Some(two.0.checked_sub(one.0)? as f64 / two.1.checked_sub(one.1).filter(|events| *events > 0)? as f64)
}

/// Instructions and events of some work alone.
fn count(stage: &str, turns: u64) -> anyhow::Result<(u64, u64)> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let done = valgrind.args(["alone", stage, &turns.to_string()]).output();
    let done = done.context("valgrind cannot be run; install it with:  sudo apt-get install valgrind")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "callgrind of {stage} failed: {said}");
    let events = String::from_utf8(done.stdout)?.trim().parse()?;
    Ok((collected(&said).with_context(|| format!("callgrind says no number: {said}"))?, events))
}

/// `==7== Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_takes_beside_its_events_falls_out() {
        assert_eq!(difference((1_500, 10), (2_500, 30)), Some(50.0));
        assert_eq!(difference((1_500, 10), (2_500, 10)), None);
    }

    #[test]
    fn the_number_of_callgrind_is_found() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 1234\n"), Some(1_234));
        assert_eq!(collected("no number"), None);
    }

    #[test]
    fn a_second_turn_is_as_many_events_again() {
        for name in ["okta", "decode"] {
            let events = |turns| work_of(name, turns).unwrap();
            assert_eq!(events(2), 2 * events(1), "{name}");
        }
    }
}
