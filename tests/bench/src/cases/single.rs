//! What one thread does without a log: detection over memory of a size, and parsing.

use std::time::Duration;

use crate::{
    alone::{self, Told},
    report::{BytesPerEvent, Cost, Measured},
    stack::Stack,
};

/// Events that the engine observes, at least: less is over before the kernel has counted it.
const OBSERVED_MIN: u64 = 2_000_000;
/// How often the same 20,000 events go through a stage.
const STAGE_ROUNDS: u64 = 40;
/// Events that are parsed.
const PARSED: u64 = 300_000;

pub(super) fn engine(stack: &Stack, pairs: u32) -> anyhow::Result<Measured> {
    let (events, seed) = (stack.scale.events.max(OBSERVED_MIN), stack.scale.seed);
    let told = alone::call(&["engine", &pairs.to_string(), &events.to_string(), &seed.to_string()])?;
    let mut measured = measured(&told);
    measured.peak_rss_mib = Some(told.peak_rss_mib);
    measured.note = "one thread; memory with the workload's own".to_owned();
    Ok(measured)
}

pub(super) fn stage(stack: &Stack, stage: &str) -> anyhow::Result<Measured> {
    let told = alone::call(&["stage", stage, &STAGE_ROUNDS.to_string(), &stack.scale.seed.to_string()])?;
    let mut measured = measured(&told);
    measured.bytes.incoming = Some(told.bytes as f64 / told.count.max(1) as f64);
    measured.note = "one thread, 20,000 events that go round".to_owned();
    Ok(measured)
}

pub(super) fn parse(stack: &Stack, provider: &str) -> anyhow::Result<Measured> {
    let events = PARSED.min(stack.scale.events);
    let told = alone::call(&["parse", provider, &events.to_string()])?;
    let mut measured = measured(&told);
    measured.bytes =
        BytesPerEvent { incoming: Some(told.bytes as f64 / told.count.max(1) as f64), ..BytesPerEvent::default() };
    measured.note = "one thread; fixtures of the parsers' tests".to_owned();
    Ok(measured)
}

fn measured(told: &Told) -> Measured {
    Measured {
        events: told.count,
        time: Duration::from_secs_f64(told.seconds),
        cost: Cost { client: Duration::from_secs_f64(told.cpu_seconds), ..Cost::default() },
        allocations_per_event: told.allocations.map(|count| count as f64 / told.count.max(1) as f64),
        ..Measured::default()
    }
}
