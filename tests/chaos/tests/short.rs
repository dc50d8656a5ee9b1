//! A few faults of each kind, at every test run: the same harness, the same checker, smaller amounts. `make chaos CHAOS=--short` does the same.

#![allow(clippy::panic, clippy::print_stderr, reason = "a test stops at the first surprise, and tells what it saw")]

use chaos::{amounts::Amounts, conduct, schedule::Engine};

/// The seed, unless `DAYLIGHT_TESTS_SEED` names another.
const SEED: u64 = 20_261_122;

#[test]
fn embedded_every_invariant_holds_through_kills_and_lost_answers() -> anyhow::Result<()> {
    run(Engine::Embedded)
}

#[test]
fn kafka_every_invariant_holds_through_kills_of_roles_and_broker_and_lost_answers() -> anyhow::Result<()> {
    run(Engine::Kafka)
}

fn run(engine: Engine) -> anyhow::Result<()> {
    let seed = std::env::var("DAYLIGHT_TESTS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    let report = conduct::run(engine, seed, &Amounts::short(engine), &[], &|line| eprintln!("{line}"))?;
    eprintln!("{report}");
    anyhow::ensure!(report.verdict.is_sound(), "seed {seed}, engine {}: {report}", engine.name());
    Ok(())
}
