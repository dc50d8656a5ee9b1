//! How much is measured: from the environment, so that `make bench CASE=… QUICK=1` hands it on.

use anyhow::Context as _;

/// Events of a run, unless `EVENTS` says otherwise: two full batches of `sink` in each partition, so that none waits for its time.
const EVENTS: u64 = 1_600_000;
/// The same when it has to be quick: one batch.
const EVENTS_QUICK: u64 = 800_000;
/// Turns of all cases, unless `TURNS` says otherwise.
const TURNS: usize = 3;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Part of the name of the chosen cases; empty for all.
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

    /// Is this case to be run? One that is asked for by name is, however long it takes.
    pub(crate) fn chooses(&self, name: &str, is_quick: bool) -> bool {
        if self.chosen.is_empty() { is_quick || !self.is_quick } else { name.contains(&self.chosen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_chosen_by_a_part_of_its_name_or_by_being_quick() {
        let scale = |chosen: &str, is_quick| Scale { chosen: chosen.into(), is_quick, events: 1, turns: 1, seed: 1 };
        assert!(scale("", false).chooses("sink", false));
        assert!(!scale("", true).chooses("sink", false));
        assert!(scale("", true).chooses("sink", true));
        assert!(scale("sink", true).chooses("sink packed", false));
        assert!(!scale("sink", false).chooses("detect packed", true));
    }
}
