//! Times of which a feed could not tell everything, written before the feed goes on behind them.

use event::{FeedCursor, Gap, GapReason, Timestamp};

use super::Meaning;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// The gap that an answer shows: the provider says so itself, or the look begins before everything that it keeps.
pub(crate) fn shown_by(meaning: &Meaning, cursor: &FeedCursor, kept_ms: Option<i64>, now: Timestamp) -> Option<Gap> {
    let (reason, (from, to), detail) = match meaning {
        Meaning::Gone { why, of, .. } => (GapReason::Gone, *of, why.clone()),
        Meaning::Page(_) => {
            let kept_ms = kept_ms?;
            let kept_from = now.plus_ms(-kept_ms);
            // Within a look the beginning has not moved yet: it is said once, with the look's first page.
            let is_begin = cursor.position.is_empty() && cursor.complete_to.is_some();
            if !is_begin || cursor.complete_to >= kept_from {
                return None;
            }
            let days = kept_ms / DAY_MS;
            let detail =
                format!("nothing was fetched for longer than the {days} days for which the provider keeps its events");
            (GapReason::NotKept, (cursor.complete_to, kept_from), detail)
        }
        _ => return None,
    };
    Some(Gap {
        tenant: cursor.tenant.clone(),
        connection: cursor.connection.clone(),
        feed: cursor.feed.clone(),
        reason,
        from,
        to,
        detail,
        noted_at: now,
    })
}

#[cfg(test)]
mod tests {
    use event::PollState;

    use super::{
        super::{Page, Place},
        *,
    };

    fn cursor(position: &str, complete_to: i64) -> FeedCursor {
        FeedCursor {
            tenant: "acme".into(),
            connection: "okta".into(),
            feed: "system_log".into(),
            api: "okta".into(),
            position: position.into(),
            complete_to: Timestamp(complete_to),
            state: PollState::Polling,
            detail: String::new(),
            waits_until: Timestamp::MISSING,
            heard_at: Timestamp::MISSING,
            updated_at: Timestamp::MISSING,
            pages: 0,
            events: 0,
            duplicates: 0,
            rereads: 0,
        }
    }

    #[test]
    fn who_was_away_for_longer_than_the_provider_keeps_its_events_knows_of_a_gap_and_nobody_else() {
        let now = Timestamp(200 * DAY_MS);
        let page = Meaning::Page(Page { has_events: true, next: Place::default(), rest_ms: 1 });
        let shown = |position: &str, complete_day: i64, kept_days: Option<i64>| {
            let kept_ms = kept_days.map(|days| days * DAY_MS);
            shown_by(&page, &cursor(position, complete_day * DAY_MS), kept_ms, now)
                .map(|gap| (gap.reason, gap.from, gap.to))
        };
        let expected = (GapReason::NotKept, Timestamp(100 * DAY_MS), Timestamp(110 * DAY_MS));
        assert_eq!(shown("", 100, Some(90)), Some(expected));
        assert_eq!(shown("", 110, Some(90)), None);
        assert_eq!(shown("a link", 100, Some(90)), None, "said already, with the look's first page");
        assert_eq!(shown("", 0, Some(90)), None, "nothing was ever fetched");
        assert_eq!(shown("", 100, None), None);
        assert_eq!(shown_by(&Meaning::TokenEnded, &cursor("", DAY_MS), Some(DAY_MS), now), None);
    }

    #[test]
    fn what_the_provider_says_is_gone_is_a_gap_with_its_words() {
        let (page, of) = (Page { has_events: false, next: Place::default(), rest_ms: 1 }, (Timestamp(5), Timestamp(9)));
        let gone = Meaning::Gone { page, why: "content is gone".into(), of };
        let gap = shown_by(&gone, &cursor("x", 5), None, Timestamp(20)).unwrap();
        assert_eq!((gap.reason, gap.from, gap.to, gap.noted_at), (GapReason::Gone, of.0, of.1, Timestamp(20)));
        assert_eq!((gap.feed.as_str(), gap.detail.as_str()), ("system_log", "content is gone"));
    }
}
