//! How far a partition of alerts is done: an offset may be committed when nothing before it waits for a receiver.

use std::collections::BTreeMap;

/// One partition: offsets in work, and how many receivers each still waits for.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    waiting: BTreeMap<u64, usize>,
    next: u64,
}

impl Progress {
    /// Nothing is in work, and reading begins here.
    pub(crate) fn starting_at(offset: u64) -> Progress {
        Progress { waiting: BTreeMap::new(), next: offset }
    }

    /// An alert was read that `receivers` are to be told of.
    pub(crate) fn begin(&mut self, offset: u64, receivers: usize) {
        if receivers > 0 {
            self.waiting.insert(offset, receivers);
        }
        self.next = self.next.max(offset + 1);
    }

    /// One receiver has been told.
    pub(crate) fn complete(&mut self, offset: u64) {
        if let Some(receivers) = self.waiting.get_mut(&offset) {
            *receivers = receivers.saturating_sub(1);
            if *receivers == 0 {
                self.waiting.remove(&offset);
            }
        }
    }

    /// The offset that may be committed: everything before it is done.
    pub(crate) fn committable(&self) -> u64 {
        self.waiting.keys().next().copied().unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(6), ..ProptestConfig::default() })]

        /// Alerts with their receivers, and the order in which these are told.
        #[test]
        fn it_agrees_with_a_list_of_who_waits(
            receivers in prop::collection::vec(0usize..3, 1..20),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let mut progress = Progress::starting_at(100);
            let mut waiting: Vec<u64> = Vec::new();
            for (offset, receivers) in (100u64..).zip(&receivers) {
                progress.begin(offset, *receivers);
                waiting.extend(std::iter::repeat_n(offset, *receivers));
            }
            let end = 100 + receivers.len() as u64;
            for index in order {
                let expected = waiting.iter().min().copied().unwrap_or(end);
                prop_assert_eq!(progress.committable(), expected);
                if !waiting.is_empty() {
                    progress.complete(waiting.swap_remove(index.index(waiting.len())));
                }
            }
        }
    }

    #[test]
    fn an_offset_is_committed_when_nothing_before_it_waits() {
        let mut progress = Progress::default();
        progress.begin(10, 2);
        progress.begin(11, 0);
        progress.begin(12, 1);
        assert_eq!(progress.committable(), 10);
        progress.complete(12);
        progress.complete(10);
        assert_eq!(progress.committable(), 10, "one of two receivers was told");
        progress.complete(10);
        assert_eq!(progress.committable(), 13);
    }
}
