//! How much is measured: from the environment, so that `make bench CASE=… QUICK=1` hands it on.

use anyhow::Context as _;

use crate::cases::Rank;

/// Events of a run, unless `EVENTS` says otherwise: two full batches of `sink` in each partition, so that none waits for its time.
const EVENTS: u64 = 1_600_000;
/// The same when it has to be quick: one batch.
const EVENTS_QUICK: u64 = 800_000;
/// Turns of all cases, unless `TURNS` says otherwise.
const TURNS: usize = 3;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Beginnings of the names of the chosen cases, with `|` between them; empty for all.
    pub(crate) chosen: String,
    /// Only what a developer runs before a commit?
    pub(crate) is_quick: bool,
    /// Events of a run. Cases that cost much more take a part of them.
    pub(crate) events: u64,
    /// How often each case is run.
    pub(crate) turns: usize,
    /// What the workload is made from.
    pub(crate) seed: u64,
}

impl Scale {
    /// `CASE`, `QUICK`, `EVENTS`, `TURNS`, `SEED`.
    pub(crate) fn from_environment() -> anyhow::Result<Scale> {
        let text = |name: &str| std::env::var(name).unwrap_or_default();
        let is_quick = !text("QUICK").is_empty();
        let number = |name: &str, default: u64| match text(name) {
            empty if empty.is_empty() => Ok(default),
            told => told.parse::<u64>().with_context(|| format!("{name}={told} is no number")),
        };
        Ok(Scale {
            chosen: text("CASE"),
            is_quick,
            events: number("EVENTS", if is_quick { EVENTS_QUICK } else { EVENTS })?.max(1_000),
            turns: usize::try_from(number("TURNS", if is_quick { 1 } else { TURNS as u64 })?)?.max(1),
            seed: number("SEED", 20_260_301)?,
        })
    }

    /// Is this case to be run in this turn? One that is asked for by name is, however long it takes.
    pub(crate) fn chooses(&self, name: &str, rank: Rank, turn: usize) -> bool {
        let is_chosen = match self.chosen.as_str() {
            "" => rank == Rank::Quick || !self.is_quick,
            chosen => chosen.split('|').any(|beginning| name.starts_with(beginning)),
        };
        is_chosen && (rank != Rank::Once || turn == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_chosen_by_the_beginning_of_its_name_or_by_being_quick() {
        let scale = |chosen: &str, is_quick| Scale { chosen: chosen.into(), is_quick, events: 1, turns: 1, seed: 1 };
        assert!(scale("", false).chooses("sink", Rank::EachTurn, 2));
        assert!(!scale("", true).chooses("sink", Rank::EachTurn, 1));
        assert!(scale("", true).chooses("sink", Rank::Quick, 1));
        assert!(scale("sink", true).chooses("sink packed", Rank::EachTurn, 1));
        assert!(!scale("sink", false).chooses("embedded log, sink", Rank::Quick, 1));
        assert!(scale("sink|curve", false).chooses("curve apps", Rank::Once, 1));
        assert!(!scale("curve", false).chooses("curve apps", Rank::Once, 2), "a curve is drawn once");
    }
}
