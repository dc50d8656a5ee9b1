//! What was acknowledged a short while ago: the same event, delivered again, is dropped here.
//!
//! An entry is (event id, content hash): a fuller later copy of the same event passes. It is made only after the log's acknowledgement,
//! so a copy is never dropped in favour of one that may be lost. What slips through (two deliveries at once, a restart, a copy older
//! than the window) is a second coordinate with the same event id, which no figure counts twice.

use std::collections::VecDeque;

use hashbrown::HashSet;

/// A bounded set that forgets its oldest entries first.
#[derive(Debug)]
pub(crate) struct Window {
    known: HashSet<u128>,
    order: VecDeque<u128>,
    entries_max: usize,
}

impl Window {
    /// Holds up to `entries_max` entries (about 50 bytes each).
    pub(crate) fn new(entries_max: usize) -> Window {
        Window { known: HashSet::new(), order: VecDeque::new(), entries_max }
    }

    /// Was this seen?
    pub(crate) fn contains(&self, id: u128, content: u64) -> bool {
        self.known.contains(&folded(id, content))
    }

    /// It is in the log now.
    pub(crate) fn insert(&mut self, id: u128, content: u64) {
        let entry = folded(id, content);
        if !self.known.insert(entry) {
            return;
        }
        self.order.push_back(entry);
        if self.order.len() > self.entries_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// An entry as one number, so that a look costs as little memory as it can: it is a cache miss, and the dearest of an event. An id is 128 bits of
/// a hash already, or 64 bits of one (a person's), whose upper half is nothing: so two entries meet as rarely as two ids do.
fn folded(id: u128, content: u64) -> u128 {
    id.wrapping_add(u128::from(content) << 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_copy_is_known_and_a_fuller_one_is_not() {
        let mut window = Window::new(10);
        window.insert(1, 100);
        assert!(window.contains(1, 100));
        assert!(!window.contains(1, 101));
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_limit() {
        let mut window = Window::new(2);
        for id in [1, 2, 2, 3] {
            window.insert(id, 0);
        }
        assert!(!window.contains(1, 0));
        assert!(window.contains(2, 0) && window.contains(3, 0));
        assert_eq!((window.known.len(), window.order.len()), (2, 2));
    }
}
