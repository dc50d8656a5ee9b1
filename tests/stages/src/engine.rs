//! The detection engine alone: events of pairs that it knows, so many of them. No log, no bytes, one thread.

use std::{hint::black_box, time::Duration};

use anyhow::ensure;
use catalog::GrantRisk;
use detection::{Engine, Findings, Observation, Settings};
use enrichment::{AppInfo, Enriched};
use event::{AppRef, Coordinates, LogId, Position, Status};

use crate::{
    accounting, allocations,
    known::known_before,
    random::mixed,
    workload::{Shape, Texts, Workload},
};

/// Apps of the tenant.
const APPS: u32 = 800;
/// Pairs of a person, about: the more pairs, the more people.
const PAIRS_OF_A_PERSON: u32 = 8;

/// What observing cost.
pub struct Observed {
    /// Events.
    pub events: u64,
    /// Time of the processor.
    pub cpu: Duration,
    /// How often memory was asked for.
    pub allocations: u64,
}

/// Observes so many events of pairs that are known, in an order without neighbourhood.
pub fn observe(pairs: u32, events: u64, seed: u64) -> anyhow::Result<Observed> {
    let people = (pairs / PAIRS_OF_A_PERSON).max(1);
    let shape = Shape { tenants: 1, people, known_pairs: pairs, ..Shape::of_apps(APPS) };
    let workload = Workload::new(shape, seed);
    let (mut engine, mut out) = (Engine::new(Settings::default()), Findings::default());
    known_before(&workload, &mut |tenant, entry| {
        engine.load(tenant, entry);
        Ok(())
    })?;
    let apps: Vec<_> = workload.apps().collect();
    let info = |(number, (app, name)): (u64, &(AppRef<'_>, &str))| AppInfo {
        number,
        app_key: app.to_string(),
        name: (*name).to_owned(),
        ..AppInfo::default()
    };
    // As enrichment numbers them.
    let infos: Vec<AppInfo> = (1..).zip(&apps).map(info).collect();
    let known: Vec<(u32, u64)> = workload.known_pairs(0).map(|(app, user)| (app as u32, user.0)).collect();
    // Chosen before the clock runs, and in the order in which they come: choosing is not detecting, and an event's bytes lie behind those of the last.
    let chosen = |number: u64| known[(mixed(number) % known.len() as u64) as usize];
    let chosen: Vec<(u32, u64)> = (0..events).map(chosen).collect();
    let mut texts = Texts::default();
    let plain = (0..).find(|number| workload.with_event(*number, &mut texts, |event| event.kind == event::Kind::Sso));
    let number = plain.unwrap_or(0);
    workload.with_event(number, &mut texts, |event| {
        let mut event = event.clone();
        let (before, began) = (allocations::count(), accounting::this_thread());
        for (offset, (app, user_key)) in (0u64..).zip(chosen.iter().copied()) {
            (event.app, event.user_key) = (apps[app as usize].0, event::UserKey(user_key));
            let enriched = Enriched {
                event: &event,
                app: Some(&infos[app as usize]),
                status: Status::Unreviewed,
                alternative: "",
                department: "",
                grant_risk: GrantRisk::default(),
                tables_version: "v1",
            };
            let coordinates =
                Coordinates { log_id: LogId(1), partition: 0, position: Position { offset: offset + 1, index: 0 } };
            engine.observe(Observation { coordinates, logged_at: event.received_at }, black_box(&enriched), &mut out);
        }
        let (cpu, allocations) = (accounting::this_thread() - began, allocations::count() - before);
        ensure!(out.stats.observed == events, "{} of {events} were observed", out.stats.observed);
        ensure!(
            out.alerts.is_empty() && out.ledger.is_empty(),
            "pairs that were known gave {} alerts and {} changes",
            out.alerts.len(),
            out.ledger.len()
        );
        Ok(Observed { events, cpu, allocations })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_are_known_give_nothing_and_allocate_nothing() {
        let observed = observe(1_000, 5_000, 1).unwrap();
        assert_eq!(observed.events, 5_000);
        // Other tests of this program allocate at the same time, so that the count is only an upper bound.
        assert!(observed.cpu > Duration::ZERO);
    }
}
