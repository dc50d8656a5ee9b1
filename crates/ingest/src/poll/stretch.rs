//! A stretch of the past that a back-fill fetches, and how gently.
//!
//! It is fetched from its beginning on, in windows where a provider lists the newest first: so what is done is one time that only grows, and
//! a page's link that has ended costs a window and not the whole.

use event::Timestamp;

use super::Place;

/// What is listed at once where a provider lists the newest first: a day. Milliseconds.
const WINDOW_MS: i64 = 24 * 3_600_000;

/// A stretch of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// From this time on.
    pub(crate) since: Timestamp,
    /// Up to this time, exclusively. Everything is there when a feed is complete up to it.
    pub(crate) until: Timestamp,
    /// How much of the pace of live polling a back-fill takes, from 1 to 100.
    pub(crate) share_percent: u32,
}

impl Stretch {
    /// The window that comes next. It stays the same until `complete_to` moves behind it.
    pub(crate) fn window(&self, place: &Place) -> (Timestamp, Timestamp) {
        (place.complete_to, place.complete_to.plus_ms(WINDOW_MS).min(self.until))
    }

    /// The rest after a page, where live polling rests so long.
    pub(crate) fn rest_ms(&self, live_ms: u64) -> u64 {
        live_ms.saturating_mul(100) / u64::from(self.share_percent.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_join_without_a_gap_and_the_last_one_ends_with_the_stretch() {
        let stretch = Stretch { since: Timestamp(1_000), until: Timestamp(200_000_000), share_percent: 25 };
        let (mut place, mut windows) = (Place { complete_to: stretch.since, ..Place::default() }, Vec::new());
        while place.complete_to < stretch.until {
            let (since, until) = stretch.window(&place);
            windows.push((since.0, until.0));
            place.complete_to = until;
        }
        assert_eq!(windows, [(1_000, 86_401_000), (86_401_000, 172_801_000), (172_801_000, 200_000_000)]);
    }

    #[test]
    fn a_quarter_of_the_pace_rests_four_times_as_long() {
        let stretch = |share_percent| Stretch { since: Timestamp(0), until: Timestamp(1), share_percent };
        assert_eq!(
            (stretch(25).rest_ms(250), stretch(100).rest_ms(250), stretch(1).rest_ms(250)),
            (1_000, 250, 25_000)
        );
        assert_eq!((stretch(0).rest_ms(1), stretch(1).rest_ms(u64::MAX)), (100, u64::MAX));
    }
}
