//! A checker that can fail: the short schedule is run against a build in which one mistake is made on purpose (`crates/mutation`), mistake by mistake.
//! Each must be found, by some invariant; and the same build without any mistake must pass, or it proves nothing.

use std::time::Duration;

use mutation::Mutation;

use crate::{
    amounts::Amounts,
    check::{Invariant, Verdict},
    conduct,
    schedule::Engine,
};

/// The variable of the environment that names the mistake.
const VARIABLE: &str = "DAYLIGHT_MUTATION";
/// Nobody waits long for what will never come.
const RESTS_WITHIN: Duration = Duration::from_secs(60);

/// What one mistake came to.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The mistake; empty for none.
    pub mistake: &'static str,
    /// The invariants that found it.
    pub found_by: Vec<Invariant>,
    /// What they said, one sentence each.
    pub examples: Vec<String>,
    /// Why it came to no verdict; empty if it did.
    pub failure: String,
    /// How long it took.
    pub took: Duration,
}

impl Trial {
    /// Did it end as it should? A mistake is found, and none is found where there is none.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.failure.is_empty() && self.found_by.is_empty() == self.mistake.is_empty()
    }
}

/// Tries those mistakes whose names hold `only`, and none at all if it is empty. `say` is given a line now and then.
pub fn run(seed: u64, only: &str, say: &(dyn Fn(&str) + Sync)) -> Vec<Trial> {
    let names = Mutation::ALL.into_iter().map(Mutation::name);
    let mistakes = std::iter::once("").filter(|_| only.is_empty()).chain(names.filter(|name| name.contains(only)));
    mistakes.map(|mistake| attempt(mistake, seed, say)).collect()
}

/// The table for people.
#[must_use]
pub fn table(trials: &[Trial]) -> Vec<String> {
    let row = |trial: &Trial| {
        let found_by: Vec<String> = trial.found_by.iter().map(|invariant| format!("{invariant:?}")).collect();
        let outcome = match (trial.is_right(), trial.failure.is_empty()) {
            (true, _) if trial.mistake.is_empty() => "passes".to_owned(),
            (true, _) => format!("found by {}", found_by.join(", ")),
            (false, true) if trial.mistake.is_empty() => format!("VIOLATED {}", found_by.join(", ")),
            (false, true) => "NOT FOUND".to_owned(),
            (false, false) => format!("NO VERDICT: {}", trial.failure),
        };
        let mistake = if trial.mistake.is_empty() { "(no mistake)" } else { trial.mistake };
        let head = format!("{mistake:<28} {:>4} s  {outcome}", trial.took.as_secs());
        std::iter::once(head).chain(trial.examples.iter().map(|example| format!("    {example}"))).collect::<Vec<_>>()
    };
    trials.iter().flat_map(row).collect()
}

fn attempt(mistake: &'static str, seed: u64, say: &(dyn Fn(&str) + Sync)) -> Trial {
    let began = std::time::Instant::now();
    say(&format!("\nmistake: {}", if mistake.is_empty() { "none" } else { mistake }));
    let rests_within = if mistake.is_empty() { Amounts::short(Engine::Kafka).rests_within } else { RESTS_WITHIN };
    let amounts = Amounts { rests_within, ..Amounts::short(Engine::Kafka) };
    let report = conduct::run(Engine::Kafka, seed, &amounts, &[(VARIABLE, mistake)], say);
    let (verdict, failure) = match report {
        Ok(report) => {
            say(&report.to_string());
            (report.verdict, String::new())
        }
        Err(error) => (Verdict::default(), format!("{error:#}")),
    };
    let found_by: Vec<Invariant> = Invariant::ALL.into_iter().filter(|invariant| !verdict.holds(*invariant)).collect();
    let first = |invariant: &Invariant| Some(format!("{invariant:?}: {}", verdict.findings.get(invariant)?.first()?));
    let examples = found_by.iter().filter_map(first).collect();
    let trial = Trial { mistake, found_by, examples, failure, took: began.elapsed() };
    table(std::slice::from_ref(&trial)).iter().for_each(|line| say(line));
    trial
}
