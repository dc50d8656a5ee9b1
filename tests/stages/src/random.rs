//! Numbers that look random and are the same for the same seed, and the steep curve by which people choose apps.

/// Mixes a number so that neighbours have nothing in common (splitmix64).
pub const fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Zipf's curve: the number `k` comes with a weight of `1 / (k + 1) ^ exponent`.
#[derive(Debug)]
pub struct Zipf {
    /// Up to where, of all 64-bit numbers, each choice reaches.
    ends: Vec<u64>,
}

impl Zipf {
    /// A curve over `0..count`.
    pub fn new(count: u32, exponent: f64) -> Zipf {
        let weights: Vec<f64> = (1..=count).map(|rank| f64::from(rank).powf(-exponent)).collect();
        let sum: f64 = weights.iter().sum();
        let mut reached = 0.0;
        let ends = weights.iter().map(|weight| {
            reached += weight / sum;
            (reached * u64::MAX as f64) as u64
        });
        Zipf { ends: ends.collect() }
    }

    /// The choice that a random number makes.
    pub fn pick(&self, random: u64) -> usize {
        self.ends.partition_point(|end| *end < random).min(self.ends.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_800_gets_about_a_fifth_and_the_last_gets_some() {
        let zipf = Zipf::new(800, 1.1);
        let mut counts = vec![0u32; 800];
        (0..400_000).for_each(|number| counts[zipf.pick(mixed(number))] += 1);
        // 1 / sum of k^-1.1 over 800 is 0.187.
        assert!((70_000..80_000).contains(&counts[0]), "{}", counts[0]);
        assert!(counts[0] > counts[9] && counts[9] > counts[99]);
        assert!(counts[700..].iter().sum::<u32>() > 1_000);
    }

    #[test]
    fn the_largest_number_still_makes_a_choice() {
        assert_eq!(Zipf::new(3, 1.1).pick(u64::MAX), 2);
        assert_eq!(Zipf::new(1, 1.1).pick(0), 0);
    }
}
