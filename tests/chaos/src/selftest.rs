//! A checker that can fail: the short schedule is run against a build in which one mistake is made on purpose (`crates/mutation`), mistake by mistake.
//! Each must be found, by an invariant that says what the mistake does; and the same build without any mistake must pass, or it proves nothing.

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

/// What one mistake came to.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The mistake; empty for none.
    pub mistake: &'static str,
    /// Those that should find it: one of them at least.
    pub expected: &'static [Invariant],
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
    /// Did it end as it should? A mistake is found by what it does, and none is found where there is none. One that only other invariants find
    /// was found by chance, or by a flaw of the harness.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let is_found = || self.found_by.iter().any(|invariant| self.expected.contains(invariant));
        self.failure.is_empty() && if self.mistake.is_empty() { self.found_by.is_empty() } else { is_found() }
    }
}

/// What a mistake does, in the words of the invariants.
const fn expected(mistake: Mutation) -> &'static [Invariant] {
    match mistake {
        // Rows are missing.
        Mutation::CommitBeforeInsert
        | Mutation::TokenWithoutReadBack
        | Mutation::AmbiguousIsSuccess
        | Mutation::WithoutPlanAndReadBack => &[Invariant::I1, Invariant::I4],
        // A known app is told as a new one.
        Mutation::AlertWithoutReplayCheck => &[Invariant::I5],
        // What was found is not remembered, and found again elsewhere.
        Mutation::LedgerAfterOffset => &[Invariant::I5, Invariant::I6],
        // A record is in the log twice.
        Mutation::ProduceWithoutIdempotence => &[Invariant::I1, Invariant::I2],
    }
}

/// Tries those mistakes whose names hold `only`, and none at all if it is empty. `say` is given a line now and then.
pub fn run(seed: u64, only: &str, say: &(dyn Fn(&str) + Sync)) -> Vec<Trial> {
    let none = std::iter::once(None).filter(|_| only.is_empty());
    let mistakes = Mutation::ALL.into_iter().filter(|mistake| mistake.name().contains(only)).map(Some);
    none.chain(mistakes).map(|mistake| attempt(mistake, seed, say)).collect()
}

/// The table for people.
#[must_use]
pub fn table(trials: &[Trial]) -> Vec<String> {
    let row = |trial: &Trial| {
        let named = |invariants: &[Invariant]| {
            invariants.iter().map(|invariant| format!("{invariant:?}")).collect::<Vec<_>>().join(", ")
        };
        let (found_by, expected) = (named(&trial.found_by), named(trial.expected));
        let outcome = match (trial.is_right(), trial.failure.is_empty()) {
            (true, _) if trial.mistake.is_empty() => "passes".to_owned(),
            (true, _) => format!("found by {found_by} (one of {expected} was expected)"),
            (false, true) if trial.mistake.is_empty() => format!("VIOLATED {found_by}"),
            (false, true) if found_by.is_empty() => format!("NOT FOUND (one of {expected} was expected)"),
            (false, true) => format!("FOUND BY OTHERS: {found_by} (one of {expected} was expected)"),
            (false, false) => format!("NO VERDICT: {}", trial.failure),
        };
        let mistake = if trial.mistake.is_empty() { "(no mistake)" } else { trial.mistake };
        let head = format!("{mistake:<28} {:>4} s  {outcome}", trial.took.as_secs());
        std::iter::once(head).chain(trial.examples.iter().map(|example| format!("    {example}"))).collect::<Vec<_>>()
    };
    trials.iter().flat_map(row).collect()
}

fn attempt(mutation: Option<Mutation>, seed: u64, say: &(dyn Fn(&str) + Sync)) -> Trial {
    let (began, mistake) = (std::time::Instant::now(), mutation.map_or("", Mutation::name));
    say(&format!("\nmistake: {}", if mistake.is_empty() { "none" } else { mistake }));
    let engine = Engine::Kafka;
    let amounts = if mistake.is_empty() { Amounts::short(engine) } else { Amounts::mistaken(engine) };
    let report = conduct::run(engine, seed, &amounts, &[(VARIABLE, mistake)], say);
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
    let trial =
        Trial { mistake, expected: mutation.map_or(&[], expected), found_by, examples, failure, took: began.elapsed() };
    table(std::slice::from_ref(&trial)).iter().for_each(|line| say(line));
    trial
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(mutation: Option<Mutation>, found_by: &[Invariant], failure: &str) -> Trial {
        Trial {
            mistake: mutation.map_or("", Mutation::name),
            expected: mutation.map_or(&[], expected),
            found_by: found_by.to_vec(),
            examples: Vec::new(),
            failure: failure.to_owned(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_mistake_is_found_by_what_it_does_and_a_run_without_one_finds_nothing() {
        assert!(trial(None, &[], "").is_right());
        assert!(!trial(None, &[Invariant::I8], "").is_right());
        for mutation in Mutation::ALL {
            let foreign: Vec<Invariant> =
                Invariant::ALL.into_iter().filter(|invariant| !expected(mutation).contains(invariant)).collect();
            assert!(!trial(Some(mutation), &[], "").is_right(), "{mutation:?} was not found");
            assert!(!trial(Some(mutation), &foreign, "").is_right(), "{mutation:?} was found by others");
            for invariant in expected(mutation) {
                assert!(trial(Some(mutation), &[Invariant::I8, *invariant], "").is_right(), "{mutation:?}");
                assert!(!trial(Some(mutation), &[*invariant], "nobody starts").is_right(), "{mutation:?}");
            }
        }
    }
}
