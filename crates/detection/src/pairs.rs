//! Who has met an app: the one table of the ledger that grows with people times apps, so its entries are small.
//!
//! Each app has a table of its own, so a pair need not name the app: 16 bytes a pair and one control byte of the table, at a load between
//! 44 and 88 percent: 19 to 39 bytes a pair in memory. A table of all pairs was tried: 24 bytes each, and a merge of two apps had to walk
//! through every pair of the tenant.

use event::{Position, Sighting, UserKey};
use hashbrown::HashTable;

/// Bytes of one pair in the table, without the table's control byte.
pub const PAIR_BYTES: usize = size_of::<Pair>();

/// Bits of the index in a packed position.
const INDEX_BITS: u32 = 16;
/// Bits of the sighting in a pair.
const SIGHTING_BITS: u32 = 3;
/// The largest offset that a packed position can hold: 35 million million records.
const OFFSET_MAX: u64 = (1 << (64 - INDEX_BITS - SIGHTING_BITS)) - 1;

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
    /// The position, then the three bits of the sighting.
    bits: u64,
}

impl Pair {
    pub(crate) fn new(user_key: UserKey, position: Packed, sighting: Sighting) -> Pair {
        Pair { user_key, bits: position.0 << SIGHTING_BITS | u64::from(sighting.bits()) }
    }

    /// Where the first use or grant stands; until there is one, the first attempt.
    pub(crate) fn position(&self) -> Packed {
        Packed(self.bits >> SIGHTING_BITS)
    }

    /// In which ways they have met.
    pub(crate) fn sighting(&self) -> Sighting {
        // The lowest byte holds the three bits and five of the position, which `from_bits` drops.
        Sighting::from_bits(self.bits.to_le_bytes()[0])
    }

    /// Has the person really used or granted, and not only tried?
    pub(crate) fn is_met(&self) -> bool {
        is_met(self.sighting())
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

/// Who has met one app.
#[derive(Debug, Default)]
pub(crate) struct Pairs(HashTable<Pair>);

impl Pairs {
    /// The pair of a person.
    pub(crate) fn get(&self, user_key: UserKey) -> Option<&Pair> {
        self.0.find(hash(user_key), |pair| pair.user_key == user_key)
    }

    /// Notes that a person met the app, in one way, at a position.
    pub(crate) fn meet(&mut self, user_key: UserKey, position: Packed, way: Sighting) -> PairUpdate {
        let Some(pair) = self.0.find_mut(hash(user_key), |pair| pair.user_key == user_key) else {
            let pair = Pair::new(user_key, position, way);
            self.set(pair);
            return PairUpdate { pair, is_changed: true, is_first_met: is_met(way) };
        };
        if pair.sighting().contains(way) {
            return PairUpdate { pair: *pair, is_changed: false, is_first_met: false };
        }
        let is_first_met = is_met(way) && !pair.is_met();
        let position = if is_first_met { position } else { pair.position() };
        *pair = Pair::new(user_key, position, pair.sighting().union(way));
        PairUpdate { pair: *pair, is_changed: true, is_first_met }
    }

    /// Puts a pair in place of whatever is there.
    pub(crate) fn set(&mut self, pair: Pair) {
        let is_same = |other: &Pair| other.user_key == pair.user_key;
        *self.0.entry(hash(pair.user_key), is_same, |other| hash(other.user_key)).insert(pair).get_mut() = pair;
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

/// Spreads people over the table. Their key is a keyed hash already, so nobody outside can choose collisions; the multiplier is that of
/// SplitMix64, for keys that are small numbers.
fn hash(user_key: UserKey) -> u64 {
    let bits = user_key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^ (bits >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_fits_into_16_bytes() {
        assert_eq!(PAIR_BYTES, 16);
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
        assert!(!pairs.meet(UserKey(9), at(1), Sighting::ATTEMPTED).is_first_met);
        let used = pairs.meet(UserKey(9), at(2), Sighting::USED);
        assert!(used.is_first_met && used.pair.position() == at(2));
        let granted = pairs.meet(UserKey(9), at(3), Sighting::GRANTED);
        assert!(granted.is_changed && !granted.is_first_met && granted.pair.position() == at(2));
        assert!(!pairs.meet(UserKey(9), at(4), Sighting::USED).is_changed);
        assert_eq!(pairs.len(), 1);
    }
}
