//! What a run says: an object for `chaos.json`, and a table for people.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    check::{Invariant, SHOWN_MAX, Verdict},
    schedule::Engine,
};

/// Of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// By which it can be played again.
    pub seed: u64,
    /// Which log.
    pub engine: Engine,
    /// Kind → how often.
    pub faults: BTreeMap<String, u64>,
    /// What the checker says.
    pub verdict: Verdict,
    /// How long it took.
    pub wall: Duration,
}

impl Report {
    /// The object of `chaos.json`.
    #[must_use]
    pub fn json(&self) -> Value {
        let figures = &self.verdict.figures;
        let holds = |invariant: Invariant| (format!("{invariant:?}"), Value::from(self.verdict.holds(invariant)));
        json!({
            "seed": self.seed,
            "engine": self.engine.name(),
            "events_acknowledged": figures.events_acknowledged,
            "rows": figures.rows,
            "missing": figures.missing,
            "doubled": figures.doubled,
            "poison": figures.poison,
            "dead_letters": figures.dead_letters,
            "alerts_expected": figures.alerts_expected,
            "alerts_delivered": figures.alerts_delivered,
            "alerts_missing": figures.alerts_missing,
            "alerts_doubled": figures.alerts_doubled,
            "alerts_told_before_faults": figures.told_before_faults,
            "faults": self.faults,
            "invariants": Invariant::ALL.into_iter().map(holds).collect::<Map<String, Value>>(),
            "wall_s": self.wall.as_secs(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.verdict.figures;
        writeln!(to, "seed {}, engine {}, {} s", self.seed, self.engine.name(), self.wall.as_secs())?;
        writeln!(
            to,
            "  events   {:>9} acknowledged  {:>9} rows  {:>4} missing  {:>4} doubled",
            figures.events_acknowledged, figures.rows, figures.missing, figures.doubled
        )?;
        writeln!(to, "  poison   {:>9} acknowledged  {:>9} dead letters", figures.poison, figures.dead_letters)?;
        writeln!(
            to,
            "  alerts   {:>9} expected      {:>9} told  {:>4} missing  {:>4} told again",
            figures.alerts_expected, figures.alerts_delivered, figures.alerts_missing, figures.alerts_doubled
        )?;
        writeln!(
            to,
            "  {:>9}  alerts told before faults after which they could be told again",
            figures.told_before_faults
        )?;
        for (kind, count) in &self.faults {
            writeln!(to, "  {count:>9}  {kind}")?;
        }
        for invariant in Invariant::ALL {
            let findings = self.verdict.findings.get(&invariant).map(Vec::as_slice).unwrap_or_default();
            let word = if findings.is_empty() { "holds" } else { "VIOLATED" };
            writeln!(to, "  {:<4} {word:<9} {}", format!("{invariant:?}"), invariant.sentence())?;
            for finding in findings.iter().take(SHOWN_MAX) {
                writeln!(to, "       ! {finding}")?;
            }
            if findings.len() > SHOWN_MAX {
                writeln!(to, "       ! and {} more", findings.len() - SHOWN_MAX)?;
            }
        }
        Ok(())
    }
}
