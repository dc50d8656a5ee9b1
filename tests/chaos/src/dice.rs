//! Random numbers by seed: the same seed gives the same run of numbers on every machine, which is what makes a schedule one that can be
//! played again. Not for secrets.

use std::ops::Range;

/// A source of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of a seed, for one purpose: other words give other numbers.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Dice {
        let start = purpose.bytes().fold(seed ^ 0x5eed, |mixed, byte| mix(mixed ^ u64::from(byte)));
        Dice(start)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number of a range; its start where the range is empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start).max(1);
        range.start + self.draw() % width
    }

    /// True so often of a thousand.
    pub fn per_thousand(&mut self, share: u64) -> bool {
        self.within(0..1_000) < share
    }

    /// Brings a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = usize::try_from(self.within(0..u64::try_from(last).unwrap_or(0) + 1)).unwrap_or(0);
            list.swap(last, other);
        }
    }
}

fn mix(number: u64) -> u64 {
    let mut mixed = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
