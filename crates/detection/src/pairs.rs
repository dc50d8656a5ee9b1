//! Who has met an app: the one table of the ledger that grows with people times apps, so its entries are small.
//!
//! Each app has a table of its own, so a pair need not name the app: 16 bytes a pair and nothing beside it. The table is one of open
//! addressing in which the entries stand *in the order of their hash*. So it may have any size and not only powers of two: it grows by a
//! quarter, in place and in one pass from end to end, and is filled between 70 and 88 percent: 18 to 23 bytes a pair. A walk that stops at
//! a hash goes on behind it, even if the table grew meanwhile (snapshots rest on that).
//!
//! Tried before: a table of `hashbrown` for each app, 17 to 39 bytes a pair and twice that while it grows; and one table of all pairs,
//! 24 bytes each, where a merge of two apps had to walk through every pair of the tenant.

use event::{Position, Sighting, UserKey};

/// Bytes of one pair in the table; the free places beside it are the table's.
pub const PAIR_BYTES: usize = size_of::<Pair>();

/// Bits of the index in a packed position.
const INDEX_BITS: u32 = 16;
/// Bits of the sighting in a pair.
const SIGHTING_BITS: u32 = 3;
/// The largest offset that a packed position can hold: 35 million million records.
const OFFSET_MAX: u64 = (1 << (64 - INDEX_BITS - SIGHTING_BITS)) - 1;

/// Of eight homes, so many have an entry at most; then the table grows.
const FILLED_MAX_OF_8: usize = 7;
/// Pairs that come together are put in by a pass over the whole table where they are more than its pairs divided by it.
const PAIRS_PER_PASS: usize = 8;
/// Homes that a table gets at least when it grows.
const HOMES_ADDED_MIN: usize = 2;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

    /// Is it a pair at all, and not an empty place?
    fn is_taken(&self) -> bool {
        self.user_key.is_some()
    }

    /// The pair as 16 bytes.
    pub(crate) fn to_bytes(self) -> [u8; PAIR_BYTES] {
        (u128::from(self.user_key.0) << 64 | u128::from(self.bits)).to_be_bytes()
    }

    /// The pair of 16 bytes.
    pub(crate) fn from_bytes(bytes: [u8; PAIR_BYTES]) -> Pair {
        let (user_key, bits) = bytes.split_at(PAIR_BYTES / 2);
        let number = |half: &[u8]| half.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        Pair { user_key: UserKey(number(user_key)), bits: number(bits) }
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
pub(crate) struct Pairs {
    /// Places in the order of hashes. None stands before its home, none has a gap between its home and itself; an empty one has no person.
    places: Vec<Pair>,
    /// How many places are homes. Those behind them take what the last homes push out.
    homes: usize,
    /// How many places are taken.
    len: usize,
}

impl Pairs {
    /// The pair of a person.
    pub(crate) fn get(&self, user_key: UserKey) -> Option<&Pair> {
        let place = self.find(hash(user_key)).ok()?;
        self.places.get(place)
    }

    /// Notes that a person met the app, in one way, at a position.
    pub(crate) fn meet(&mut self, user_key: UserKey, position: Packed, way: Sighting) -> PairUpdate {
        let found = self.find(hash(user_key)).ok().and_then(|place| self.places.get_mut(place));
        let Some(pair) = found else {
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

    /// Puts a pair in place of whatever is there. A pair of nobody is left out: it would be an empty place.
    pub(crate) fn set(&mut self, pair: Pair) {
        if !pair.is_taken() {
            return;
        }
        if (self.len + 1) * 8 > self.homes * FILLED_MAX_OF_8 {
            self.grow(self.homes + (self.homes / 4).max(HOMES_ADDED_MIN));
        }
        match self.find(hash(pair.user_key)) {
            Ok(place) => {
                if let Some(known) = self.places.get_mut(place) {
                    *known = pair;
                }
            }
            Err(place) => self.insert(place, pair),
        }
    }

    /// Puts pairs in place of whatever is there, the latest of a person last.
    pub(crate) fn set_all(&mut self, mut pairs: Vec<Pair>) {
        if pairs.len() <= self.places.len() / PAIRS_PER_PASS {
            pairs.into_iter().for_each(|pair| self.set(pair));
            return;
        }
        pairs.retain(Pair::is_taken);
        keep_latest(&mut pairs);
        self.places.retain(Pair::is_taken);
        self.places.reserve_exact(pairs.len());
        self.places.append(&mut pairs);
        // Two runs that are sorted already: one pass.
        keep_latest(&mut self.places);
        self.len = self.places.len();
        self.grow(homes_of(self.len).max(self.homes));
        // Room was made for pairs that were there already.
        if self.places.capacity() - self.places.len() > self.places.len() / PAIRS_PER_PASS {
            self.places.shrink_to_fit();
        }
    }

    /// Takes a pair out. Those behind it that were pushed on from their home move up.
    pub(crate) fn remove(&mut self, user_key: UserKey) -> bool {
        let Ok(place) = self.find(hash(user_key)) else { return false };
        let is_pushed_on =
            |(next, pair): &(usize, &Pair)| pair.is_taken() && home(hash(pair.user_key), self.homes) < *next;
        let behind = self.places.iter().enumerate().skip(place + 1);
        let end = behind.take_while(is_pushed_on).last().map_or(place, |(last, _)| last);
        if let Some(moved) = self.places.get_mut(place..=end) {
            moved.rotate_left(1);
            moved.last_mut().into_iter().for_each(|last| *last = Pair::default());
        }
        self.len -= 1;
        true
    }

    /// Makes room for so many pairs in all, for whoever knows that they come.
    pub(crate) fn reserve(&mut self, pairs: usize) {
        let homes = homes_of(pairs);
        if homes > self.homes {
            self.grow(homes);
        }
    }

    /// Every pair, in the order of their hashes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.places.iter().filter(|pair| pair.is_taken())
    }

    /// The pairs whose hash is at least this one, in the order of their hashes.
    pub(crate) fn iter_from(&self, hash: u64) -> impl Iterator<Item = &Pair> {
        let place = self.find(hash).unwrap_or_else(|place| place);
        self.places.get(place..).unwrap_or_default().iter().filter(|pair| pair.is_taken())
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the pair of a hash stands, or where it belongs.
    fn find(&self, wanted: u64) -> Result<usize, usize> {
        let mut place = home(wanted, self.homes);
        loop {
            match self.places.get(place).filter(|pair| pair.is_taken()).map(|pair| hash(pair.user_key)) {
                Some(known) if known == wanted => return Ok(place),
                Some(known) if known < wanted => place += 1,
                _ => return Err(place),
            }
        }
    }

    /// Puts a new pair at the place where it belongs; what stands there moves on by one, up to the next free place.
    fn insert(&mut self, place: usize, pair: Pair) {
        self.len += 1;
        let behind = self.places.get(place..).unwrap_or_default();
        let free = behind.iter().position(|pair| !pair.is_taken()).map_or(self.places.len(), |gap| place + gap);
        if free == self.places.len() {
            // Not as a vector grows by itself: that would double.
            self.places.reserve_exact(1);
            self.places.push(Pair::default());
        }
        if let Some(moved) = self.places.get_mut(place..=free) {
            moved.rotate_right(1);
            moved.iter_mut().take(1).for_each(|first| *first = pair);
        }
    }

    /// Spreads the pairs over so many homes: no fewer than there were. In place, so that a large table does not need twice its room.
    fn grow(&mut self, homes: usize) {
        self.places.retain(Pair::is_taken);
        let ends_at = self.places.iter().fold(0, |next, pair| home(hash(pair.user_key), homes).max(next) + 1);
        let total = ends_at.max(homes);
        let pairs = self.places.len();
        self.places.reserve_exact(total.saturating_sub(pairs));
        self.places.resize(total, Pair::default());
        // All to the end first; then each to its place, which never lies behind the place that it is taken from.
        self.places.rotate_right(total - pairs);
        let mut next = 0;
        for from in total - pairs..total {
            let Some(to) = self.places.get(from).map(|pair| home(hash(pair.user_key), homes).max(next)) else { break };
            self.places.swap(from, to);
            next = to + 1;
        }
        self.homes = homes;
    }
}

/// The homes that so many pairs and one more need.
fn homes_of(pairs: usize) -> usize {
    pairs.saturating_add(1).saturating_mul(8) / FILLED_MAX_OF_8 + 1
}

/// Sorts pairs as they stand in a table. Of several of one person the last stays.
fn keep_latest(pairs: &mut Vec<Pair>) {
    pairs.sort_by_key(|pair| hash(pair.user_key));
    pairs.dedup_by(|later, earlier| {
        let is_same = later.user_key == earlier.user_key;
        if is_same {
            *earlier = *later;
        }
        is_same
    });
}

/// Spreads people over the table: no two have the same hash. Their key is a keyed hash already, so nobody outside can choose neighbours; the
/// multiplier is that of SplitMix64, for keys that are small numbers.
pub(crate) fn hash(user_key: UserKey) -> u64 {
    let bits = user_key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^ (bits >> 32)
}

/// The home of a hash among so many.
fn home(hash: u64, homes: usize) -> usize {
    // A usize has 64 bits wherever this runs, and the result is below `homes`.
    let scaled = (u128::from(hash) * homes as u128) >> 64;
    usize::try_from(scaled).unwrap_or(usize::MAX)
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

    /// What `find` rests on, and what a pair costs.
    fn check(pairs: &Pairs) {
        let mut last = None;
        for (place, pair) in pairs.places.iter().enumerate().filter(|(_, pair)| pair.is_taken()) {
            let home = home(hash(pair.user_key), pairs.homes);
            assert!(home <= place && last < Some(hash(pair.user_key)), "out of order at {place}");
            assert!(pairs.places[home..place].iter().all(Pair::is_taken), "a gap before {place}");
            last = Some(hash(pair.user_key));
        }
        assert_eq!(pairs.iter().count(), pairs.len());
    }

    #[test]
    fn a_table_of_any_size_finds_everybody_and_nobody_else() {
        // Small numbers, keyed hashes, and keys whose hashes all lie at the end of the table.
        let last = |number: u64| UserKey((u64::MAX - number).wrapping_mul(0xf1de_83e1_9937_733d));
        let keys: [&dyn Fn(u64) -> UserKey; 3] =
            [&|number| UserKey(number + 1), &|number| UserKey(hash(UserKey(number + 1))), &last];
        for (way, key) in keys.into_iter().enumerate() {
            let mut pairs = Pairs::default();
            for number in 0..2_000u64 {
                let position = Packed::from(Position { offset: number, index: 0 });
                assert!(pairs.get(key(number)).is_none());
                assert!(pairs.meet(key(number), position, Sighting::USED).is_first_met);
                assert!(number % 97 != 0 || way == 2 || pairs.places.capacity() <= 8 + pairs.len() * 3 / 2);
                if number % 131 == 0 {
                    check(&pairs);
                }
            }
            check(&pairs);
            for number in 0..2_000 {
                let found = pairs.get(key(number)).map(Pair::position);
                assert_eq!(found, Some(Packed::from(Position { offset: number, index: 0 })), "key {way}, {number}");
            }
        }
    }

    #[test]
    fn a_walk_goes_on_where_it_stopped_although_the_table_grew() {
        let mut pairs = Pairs::default();
        let pair = |number| Pair::new(UserKey(number), Packed(0), Sighting::USED);
        (1..=100).for_each(|number| pairs.set(pair(number)));
        let before: Vec<Pair> = pairs.iter().copied().collect();
        let stopped = hash(before[49].user_key) + 1;
        (101..=1_000).for_each(|number| pairs.set(pair(number)));
        let after: Vec<Pair> = pairs.iter_from(stopped).copied().collect();
        assert!(before[50..].iter().all(|pair| after.contains(pair)));
        assert!(before[..50].iter().all(|pair| !after.contains(pair)));
        assert_eq!(pairs.iter_from(0).count(), 1_000);
    }

    #[test]
    fn room_that_was_made_beforehand_is_enough() {
        let mut pairs = Pairs::default();
        pairs.reserve(1_000);
        let homes = pairs.homes;
        (1..=1_000).for_each(|number| pairs.set(Pair::new(UserKey(number), Packed(0), Sighting::USED)));
        check(&pairs);
        assert_eq!(pairs.homes, homes);
        pairs.set(Pair::new(UserKey::NONE, Packed(0), Sighting::USED));
        assert_eq!(pairs.len(), 1_000, "nobody is no pair");
    }

    #[test]
    fn pairs_that_come_together_stand_as_those_that_come_alone() {
        let key = |number: u64| UserKey(hash(UserKey(number % 3_000 + 1)));
        let (mut alone, mut together) = (Pairs::default(), Pairs::default());
        // Few beside many, many beside few, and people who come again.
        for numbers in [0..10, 5..2_000, 1_990..2_100, 0..0, 2_500..9_000] {
            let pairs: Vec<Pair> = numbers
                .map(|number| {
                    let position = Packed::from(Position { offset: number, index: 0 });
                    Pair::new(key(number), position, Sighting::USED)
                })
                .collect();
            pairs.iter().for_each(|pair| alone.set(*pair));
            together.set_all(pairs);
            check(&together);
            assert!(together.iter().eq(alone.iter()));
        }
        together.set_all(vec![Pair::default(); 9_000]);
        assert_eq!(together.len(), alone.len(), "nobody is no pair");
        check(&together);
    }

    #[test]
    fn who_was_taken_out_is_gone_and_nobody_else() {
        let key = |number: u64| UserKey(hash(UserKey(number + 1)));
        let mut pairs = Pairs::default();
        (0..2_000).for_each(|number| pairs.set(Pair::new(key(number), Packed(0), Sighting::USED)));
        assert!(!pairs.remove(UserKey(5)), "nobody of that name is there");
        for number in (0..2_000).filter(|number| number % 3 != 0) {
            assert!(pairs.remove(key(number)));
            if number % 131 == 0 {
                check(&pairs);
            }
        }
        check(&pairs);
        for number in 0..2_000 {
            assert_eq!(pairs.get(key(number)).is_some(), number % 3 == 0, "{number}");
        }
        (0..2_000).for_each(|number| pairs.set(Pair::new(key(number), Packed(0), Sighting::USED)));
        check(&pairs);
        assert_eq!(pairs.len(), 2_000);
    }

    #[test]
    fn a_pair_comes_back_from_its_bytes() {
        let pair = Pair::new(UserKey(u64::MAX - 5), Packed(1 << 40 | 77), Sighting::GRANTED);
        assert_eq!(Pair::from_bytes(pair.to_bytes()), pair);
    }
}
