//! Which partition a tenant lives in: murmur2 as Kafka's own Java clients compute it, on both engines.

/// The partition of a key: `toPositive(murmur2(key)) % partitions`, as Kafka's `DefaultPartitioner`
/// (`org.apache.kafka.common.utils.Utils.murmur2`). `partitions` of 0 counts as 1.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

/// 32-bit murmur2 with Kafka's seed, reading little endian.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "keys are tenant ids of some bytes; Java's length is 32 bits too"
    )]
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = word.iter().rev().fold(0u32, |acc, byte| acc << 8 | u32::from(*byte));
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0u32, |acc, byte| acc << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Kafka's own `UtilsTest.testMurmur2`, as signed numbers there.
    #[test]
    fn murmur2_gives_what_kafkas_own_test_expects() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash.cast_unsigned(), "{key}");
        }
    }

    #[test]
    fn a_tenant_stays_in_its_partition() {
        assert_eq!(partition_of(b"acme", 4), partition_of(b"acme", 4));
        assert!(partition_of(b"acme", 4) < 4);
        assert_eq!(partition_of(b"acme", 0), 0);
    }
}
