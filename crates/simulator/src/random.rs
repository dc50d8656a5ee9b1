//! The one source of chance: SplitMix64, written here.
//!
//! A run must be repeatable by its seed for years. Generators in libraries change their algorithms, or how they map a number to a
//! range, between versions; these few lines never do. Every concern draws from its own stream, so that a new kind of event leaves
//! the others as they were. Algorithm: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).

/// The odd constant of SplitMix64 (2^64 divided by the golden ratio).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of numbers. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream that a number stands for.
    pub(crate) const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The stream of one concern, and of one member of it.
    pub(crate) fn stream(seed: u64, concern: &str, index: u64) -> Random {
        let named = concern.bytes().fold(seed, |hash, byte| mix(hash ^ u64::from(byte)));
        Random(mix(named ^ index.wrapping_mul(STEP)))
    }

    /// The next 64 bits.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number from 0 up to, and without, `limit`; 0 where the limit is 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let scaled = ((self.next() >> 32) * u64::from(limit)) >> 32;
        u32::try_from(scaled).unwrap_or_default()
    }

    /// A number from `low` up to, and without, `high`; `low` where there is no room between them.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let room = u128::from(high.saturating_sub(low).max(0).unsigned_abs());
        let scaled = (u128::from(self.next()) * room) >> 64;
        low.saturating_add(i64::try_from(scaled).unwrap_or_default())
    }

    /// Does something happen that happens `per_mille` times in a thousand?
    pub(crate) fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of the items, each with the same chance.
    #[expect(
        clippy::indexing_slicing,
        reason = "the index is below the length; every list picked from is a non-empty constant"
    )]
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(u32::try_from(items.len()).unwrap_or(u32::MAX)) as usize]
    }

    /// Brings the items into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(u32::try_from(last).unwrap_or(u32::MAX).saturating_add(1)) as usize;
            items.swap(last, other);
        }
    }
}

/// SplitMix64's finaliser.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first outputs of SplitMix64 for the seed 1234567, as in its reference implementation.
        let mut random = Random::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_both_ends() {
        let mut random = Random::new(1);
        let drawn: Vec<u32> = (0..1_000).map(|_| random.below(7)).collect();
        assert!(drawn.iter().all(|number| *number < 7) && drawn.contains(&0) && drawn.contains(&6));
        assert_eq!((random.below(0), random.between(5, 5), random.between(5, 3)), (0, 5, 5));
        assert!((0..1_000).all(|_| (-3..4).contains(&random.between(-3, 4))));
    }

    #[test]
    fn concerns_do_not_share_a_stream() {
        let first = |concern, index| Random::stream(7, concern, index).next();
        assert_eq!(first("people", 1), first("people", 1));
        assert_ne!(first("people", 1), first("people", 2));
        assert_ne!(first("people", 1), first("apps", 1));
    }
}
