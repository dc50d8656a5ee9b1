//! How far a partition of alerts is done: an offset may be committed when nothing before it waits for the receiver.

use std::collections::BTreeSet;

/// One partition: offsets in work.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    waiting: BTreeSet<u64>,
    next: u64,
}

impl Progress {
    /// Nothing is in work, and reading begins here.
    pub(crate) fn starting_at(offset: u64) -> Progress {
        Progress { waiting: BTreeSet::new(), next: offset }
    }

    /// An alert was read that the receiver is to be told of.
    pub(crate) fn begin(&mut self, offset: u64) {
        self.waiting.insert(offset);
        self.pass(offset);
    }

    /// An alert was read that the receiver is not to be told of.
    pub(crate) fn pass(&mut self, offset: u64) {
        self.next = self.next.max(offset + 1);
    }

    /// The receiver has been told.
    pub(crate) fn complete(&mut self, offset: u64) {
        self.waiting.remove(&offset);
    }

    /// The offset that may be committed: everything before it is done.
    pub(crate) fn committable(&self) -> u64 {
        self.waiting.first().copied().unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(6), ..ProptestConfig::default() })]

        /// Alerts that are told or passed, and the order in which the receiver takes them.
        #[test]
        fn it_agrees_with_a_list_of_what_waits(
            is_told in prop::collection::vec(any::<bool>(), 1..40),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let mut progress = Progress::starting_at(100);
            let mut waiting: Vec<u64> = Vec::new();
            for (offset, is_told) in (100u64..).zip(&is_told) {
                if *is_told {
                    progress.begin(offset);
                    waiting.push(offset);
                } else {
                    progress.pass(offset);
                }
            }
            let end = 100 + is_told.len() as u64;
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
        progress.begin(10);
        progress.pass(11);
        progress.begin(12);
        assert_eq!(progress.committable(), 10);
        progress.complete(12);
        assert_eq!(progress.committable(), 10);
        progress.complete(10);
        assert_eq!(progress.committable(), 13);
    }
}
