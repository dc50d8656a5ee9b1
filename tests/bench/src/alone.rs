//! Work in a process of its own, so that its processor time and its memory are its own: this binary again, with words after `alone`. It tells
//! what it did as one line of JSON.

use std::{process::Command, time::Instant};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use stages::{accounting, engine, parse, stage};

use crate::{drain, plain};

/// What was done, and what it took.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Told {
    /// Messages or events.
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_rss_mib: f64,
    /// Of the work alone; nothing where it is not counted.
    pub(crate) allocations: Option<u64>,
}

/// Does some work in a process of its own, and gives what it tells.
pub(crate) fn call(words: &[&str]) -> anyhow::Result<Told> {
    let program = std::env::current_exe().context("asking where this program is")?;
    let done = Command::new(program).arg("alone").args(words).output().context("starting this program again")?;
    ensure!(done.status.success(), "{words:?} failed: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout)
        .with_context(|| format!("{words:?} told {:?}", String::from_utf8_lossy(&done.stdout)))
}

/// The other end of `call`.
pub(crate) fn run(words: &[&str]) -> anyhow::Result<()> {
    let (process, began) = (std::process::id(), Instant::now());
    let mut told = match *words {
        ["drain", bootstrap, topic, messages] => {
            let drained = drain::drain(bootstrap, topic, messages.parse()?)?;
            let cpu_seconds = accounting::cpu(process)?.as_secs_f64();
            Told { count: drained.messages, bytes: drained.bytes, cpu_seconds, ..Told::default() }
        }
        ["plain", bootstrap, topic, events, url, database] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let count = runtime.block_on(plain::copy(bootstrap, topic, events.parse()?, url, database))?;
            let cpu_seconds = accounting::cpu(process)?.as_secs_f64();
            Told { count, cpu_seconds, ..Told::default() }
        }
        ["engine", pairs, events, seed] => {
            let observed = engine::observe(pairs.parse()?, events.parse()?, seed.parse()?)?;
            let cpu_seconds = observed.cpu.as_secs_f64();
            Told {
                count: observed.events,
                cpu_seconds,
                seconds: cpu_seconds,
                allocations: Some(observed.allocations),
                ..Told::default()
            }
        }
        ["stage", stage, rounds, seed] => {
            let staged = stage::run(stage, rounds.parse()?, seed.parse()?)?;
            let (cpu_seconds, allocations) = (staged.cpu.as_secs_f64(), Some(staged.allocations));
            Told {
                count: staged.events,
                bytes: staged.bytes,
                cpu_seconds,
                seconds: cpu_seconds,
                allocations,
                ..Told::default()
            }
        }
        ["parse", provider, events] => {
            let parsed = parse::parse(provider, events.parse()?)?;
            let (cpu_seconds, allocations) = (parsed.cpu.as_secs_f64(), Some(parsed.allocations));
            Told {
                count: parsed.events,
                bytes: parsed.bytes,
                cpu_seconds,
                seconds: cpu_seconds,
                allocations,
                ..Told::default()
            }
        }
        _ => bail!("nobody knows how to do {words:?}"),
    };
    if told.seconds == 0.0 {
        told.seconds = began.elapsed().as_secs_f64();
    }
    told.peak_rss_mib = accounting::peak_mib(process)?;
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}
