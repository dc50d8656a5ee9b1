//! How fast a back-fill goes and when it will end: from what was seen in the last half minute, because providers change their mind.

use std::collections::VecDeque;

use ingest::BackfillStatus;

/// The whole of a stretch.
pub(super) const WHOLE: u64 = 1_000_000;
/// What counts for the rate. Milliseconds.
const WINDOW_MS: u64 = 30_000;
/// States in which nothing is wrong.
const FINE: [&str; 1] = ["polling"];

/// What was seen lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Time, events, part of the whole.
    marks: VecDeque<(u64, u64, u64)>,
}

impl Pace {
    /// It was here at this time.
    pub(super) fn mark(&mut self, elapsed_ms: u64, status: &BackfillStatus) {
        self.marks.push_back((elapsed_ms, events_of(status), fraction_of(status)));
        while self.marks.len() > 2 && self.marks.front().is_some_and(|mark| mark.0 + WINDOW_MS < elapsed_ms) {
            self.marks.pop_front();
        }
    }

    pub(super) fn events_per_second(&self) -> u64 {
        self.span().map_or(0, |(ms, events, _)| events.saturating_mul(1_000) / ms)
    }

    /// How long it will still take; nothing where it does not move.
    pub(super) fn left_ms(&self) -> Option<u64> {
        let (ms, _, part) = self.span()?;
        let (_, _, now) = self.marks.back()?;
        WHOLE.saturating_sub(*now).saturating_mul(ms).checked_div(part)
    }

    /// From the first mark to the last.
    fn span(&self) -> Option<(u64, u64, u64)> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let ms = last.0.saturating_sub(first.0);
        (ms > 0).then(|| (ms, last.1.saturating_sub(first.1), last.2.saturating_sub(first.2)))
    }
}

/// Events of all feeds.
pub(super) fn events_of(status: &BackfillStatus) -> u64 {
    status.feeds.iter().map(|feed| feed.events).sum()
}

/// How much of the time between `since` and `until` is fetched, over all feeds; of `WHOLE`.
pub(super) fn fraction_of(status: &BackfillStatus) -> u64 {
    let range = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
    let whole = range(status.since_ms, status.until_ms).max(1);
    let done = status.feeds.iter().map(|feed| range(status.since_ms, feed.complete_to_ms).min(whole));
    let all = whole.saturating_mul(u64::try_from(status.feeds.len()).unwrap_or(1).max(1));
    let part = u128::from(done.sum::<u64>()) * u128::from(WHOLE) / u128::from(all);
    u64::try_from(part).unwrap_or(WHOLE)
}

/// What keeps a feed from going on; empty where nothing does.
pub(super) fn trouble_of(status: &BackfillStatus) -> String {
    let open = status.feeds.iter().filter(|feed| feed.complete_to_ms < status.until_ms);
    let troubles = open.filter(|feed| !FINE.contains(&feed.state.as_str())).map(|feed| match feed.state.as_str() {
        "" => format!("; {} is not begun yet", feed.feed),
        state if feed.detail.is_empty() => format!("; {}: {state}", feed.feed),
        state => format!("; {}: {state}, {}", feed.feed, feed.detail),
    });
    troubles.collect()
}

/// A length of time, in two units at most.
pub(super) fn length(ms: u64) -> String {
    match ms.div_ceil(1_000) {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        seconds @ 7_200..=172_799 => format!("{} h", seconds.div_ceil(3_600)),
        seconds => format!("{} days", seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use ingest::{BackfillStage, FeedProgress};

    use super::*;

    fn status(feeds: &[(i64, u64, &str)]) -> BackfillStatus {
        let feed = |(complete_to_ms, events, state): &(i64, u64, &str)| FeedProgress {
            feed: "log".into(),
            complete_to_ms: *complete_to_ms,
            events: *events,
            state: (*state).into(),
            ..FeedProgress::default()
        };
        BackfillStatus {
            connection: "okta".into(),
            api: "okta".into(),
            stage: BackfillStage::Running,
            since_ms: 1_000,
            until_ms: 11_000,
            asked_at_ms: 0,
            asked_by: "carla".into(),
            feeds: feeds.iter().map(feed).collect(),
        }
    }

    #[test]
    fn how_much_is_done_is_the_mean_of_the_feeds() {
        for (feeds, percent) in [
            (&[(1_000, 0, "")][..], 0),
            (&[(6_000, 0, "")], 50),
            (&[(11_000, 0, ""), (1_000, 0, "")], 50),
            (&[(99_000, 0, ""), (0, 0, "")], 50),
            (&[(11_000, 0, "")], 100),
            (&[], 0),
        ] {
            assert_eq!(fraction_of(&status(feeds)), percent * WHOLE / 100, "{feeds:?}");
        }
    }

    #[test]
    fn rate_and_end_are_those_of_the_last_half_minute() {
        let mut pace = Pace::default();
        assert_eq!((pace.events_per_second(), pace.left_ms()), (0, None));
        pace.mark(0, &status(&[(1_000, 0, "polling")]));
        assert_eq!((pace.events_per_second(), pace.left_ms()), (0, None));
        pace.mark(10_000, &status(&[(2_000, 5_000, "polling")]));
        assert_eq!((pace.events_per_second(), pace.left_ms()), (500, Some(90_000)));
        // A minute later it goes twice as fast, and what was before is forgotten.
        for seconds in [50, 60, 70, 80] {
            let complete_to_ms = 2_000 + (i64::from(seconds) - 50) * 200;
            let events = 5_000 + u64::from(seconds - 50_u32) * 1_000;
            pace.mark(u64::from(seconds) * 1_000, &status(&[(complete_to_ms, events, "polling")]));
        }
        assert_eq!((pace.events_per_second(), pace.left_ms()), (1_000, Some(15_000)));
        // It stands still: no end can be told.
        for seconds in 81..=120 {
            pace.mark(seconds * 1_000, &status(&[(8_000, 35_000, "polling")]));
        }
        assert_eq!((pace.events_per_second(), pace.left_ms()), (0, None));
    }

    #[test]
    fn what_keeps_a_feed_from_going_on_is_told_and_a_feed_that_is_done_has_no_trouble() {
        assert_eq!(trouble_of(&status(&[(1_000, 0, "polling"), (11_000, 0, "no_login")])), "");
        assert_eq!(trouble_of(&status(&[(1_000, 0, "")])), "; log is not begun yet");
        assert_eq!(trouble_of(&status(&[(1_000, 0, "no_login")])), "; log: no_login");
    }

    #[test]
    fn a_length_is_told_in_the_unit_that_a_person_would_use() {
        for (ms, text) in
            [(0, "0 s"), (119_000, "119 s"), (150_000, "3 min"), (7_200_000, "2 h"), (400_000_000, "5 days")]
        {
            assert_eq!(length(ms), text);
        }
    }
}
