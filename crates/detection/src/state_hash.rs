//! A hash of a set: the same whatever the order in which its members are met.

use std::hash::{Hash, Hasher};

/// FNV-1a with 128 bits (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>): no secret is at stake, only equality in tests.
struct Fnv128(u128);

impl Hasher for Fnv128 {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn finish(&self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or_default()
    }
}

/// Adds up the hashes of members.
#[derive(Default)]
pub(crate) struct SetHash(u128);

impl SetHash {
    /// Adds a member of a kind.
    pub(crate) fn add(&mut self, kind: &str, member: &impl Hash) {
        let mut hasher = Fnv128(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        kind.hash(&mut hasher);
        member.hash(&mut hasher);
        self.0 = self.0.wrapping_add(hasher.0);
    }

    /// The sum.
    pub(crate) fn finish(self) -> u128 {
        self.0
    }
}
