//! Who has met which app: the one table of the ledger that grows with people times apps, so its entries are small.
//!
//! 24 bytes a pair and one control byte of the table, at a load between 44 and 88 percent: 28 to 57 bytes a pair in memory.

use event::{Position, Sighting, UserKey};
use hashbrown::HashTable;

/// Bytes of one pair in the table, without the table's control byte.
pub const PAIR_BYTES: usize = size_of::<Pair>();

/// Bits of the index in a packed position.
const INDEX_BITS: u32 = 16;
/// The largest offset that a packed position can hold: 281 million million records.
const OFFSET_MAX: u64 = (1 << (64 - INDEX_BITS)) - 1;

/// A position as one number of the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Packed(u64);

impl From<Position> for Packed {
    fn from(position: Position) -> Packed {
        Packed(position.offset.min(OFFSET_MAX) << INDEX_BITS | u64::from(position.index))
    }
}

impl From<Packed> for Position {
    fn from(packed: Packed) -> Position {
        let index = u16::try_from(packed.0 & u64::from(u16::MAX)).unwrap_or(u16::MAX);
        Position { offset: packed.0 >> INDEX_BITS, index }
    }
}

/// A person on an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The person.
    pub(crate) user_key: UserKey,
    /// Where the first use or grant stands; until there is one, the first attempt.
    pub(crate) position: Packed,
    /// Index of the app in its tenant.
    pub(crate) app: u32,
    /// In which ways they have met.
    pub(crate) sighting: Sighting,
}

impl Pair {
    /// Has the person really used or granted, and not only tried?
    pub(crate) fn is_met(&self) -> bool {
        is_met(self.sighting)
    }
}

/// Is one of these ways more than an attempt?
pub(crate) fn is_met(sighting: Sighting) -> bool {
    sighting.bits() & (Sighting::USED.bits() | Sighting::GRANTED.bits()) != 0
}

/// What an observation did to a pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairUpdate {
    /// The pair as it is now.
    pub(crate) pair: Pair,
    /// Is anything new in it?
    pub(crate) is_changed: bool,
    /// Was this the first use or grant?
    pub(crate) is_first_met: bool,
}

/// Who has met which app.
#[derive(Debug, Default)]
pub(crate) struct Pairs(HashTable<Pair>);

impl Pairs {
    /// The pair of a person and an app.
    pub(crate) fn get(&self, app: u32, user_key: UserKey) -> Option<&Pair> {
        self.0.find(hash(app, user_key), |pair| pair.app == app && pair.user_key == user_key)
    }

    /// Notes that they met, in one way, at a position.
    pub(crate) fn meet(&mut self, app: u32, user_key: UserKey, position: Packed, way: Sighting) -> PairUpdate {
        let found = self.0.find_mut(hash(app, user_key), |pair| pair.app == app && pair.user_key == user_key);
        let Some(pair) = found else {
            let pair = Pair { user_key, position, app, sighting: way };
            self.set(pair);
            return PairUpdate { pair, is_changed: true, is_first_met: is_met(way) };
        };
        if pair.sighting.contains(way) {
            return PairUpdate { pair: *pair, is_changed: false, is_first_met: false };
        }
        let is_first_met = is_met(way) && !pair.is_met();
        if is_first_met {
            pair.position = position;
        }
        pair.sighting = pair.sighting.union(way);
        PairUpdate { pair: *pair, is_changed: true, is_first_met }
    }

    /// Puts a pair in place of whatever is there.
    pub(crate) fn set(&mut self, pair: Pair) {
        let is_same = |other: &Pair| other.app == pair.app && other.user_key == pair.user_key;
        let rehash = |other: &Pair| hash(other.app, other.user_key);
        *self.0.entry(hash(pair.app, pair.user_key), is_same, rehash).insert(pair).get_mut() = pair;
    }

    /// Every pair, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.0.iter()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Spreads a pair over the table. The person's key is a keyed hash already, so nobody outside can choose collisions; the multipliers are
/// those of SplitMix64.
fn hash(app: u32, user_key: UserKey) -> u64 {
    let mut bits = user_key.0 ^ u64::from(app).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_fits_into_32_bytes() {
        assert_eq!(PAIR_BYTES, 24);
    }

    #[test]
    fn a_position_survives_packing_in_order() {
        let positions = [(0, 0), (0, u16::MAX), (1, 0), (1, 1), (1 << 40, 7)];
        let packed = positions.map(|(offset, index)| Packed::from(Position { offset, index }));
        assert!(packed.is_sorted());
        for (packed, (offset, index)) in packed.into_iter().zip(positions) {
            assert_eq!(Position::from(packed), Position { offset, index });
        }
    }

    #[test]
    fn the_first_use_takes_the_place_of_an_attempt() {
        let at = |offset| Packed::from(Position { offset, index: 0 });
        let mut pairs = Pairs::default();
        assert!(!pairs.meet(1, UserKey(9), at(1), Sighting::ATTEMPTED).is_first_met);
        let used = pairs.meet(1, UserKey(9), at(2), Sighting::USED);
        assert!(used.is_first_met && used.pair.position == at(2));
        let granted = pairs.meet(1, UserKey(9), at(3), Sighting::GRANTED);
        assert!(granted.is_changed && !granted.is_first_met && granted.pair.position == at(2));
        assert!(!pairs.meet(1, UserKey(9), at(4), Sighting::USED).is_changed);
        assert_eq!(pairs.len(), 1);
    }
}
