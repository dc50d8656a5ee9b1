//! Keeps `occurred_at` near the time of receipt.
//!
//! A provider's clock, or a forged event, must not be able to move first sights years into the past or hold a window open in the future.
//! Apart from parsing, because `daylight parse` shows what the provider said.

use std::borrow::Cow;

use event::{Event, ParseWarning, Timestamp};

/// How far before its receipt an event may have happened: a year's history and a little.
pub const PAST_DAYS_MAX: i64 = 400;

/// How far after its receipt an event may have happened: clocks differ.
pub const FUTURE_MS_MAX: i64 = 5 * 60_000;

/// The event with its `occurred_at` inside [received − 400 days, received + 5 minutes]. A moved one is a copy that is flagged and keeps the original
/// time; nearly every event is itself.
#[must_use]
pub fn clamp<'e, 't>(event: &'e Event<'t>, received_at: Timestamp) -> Cow<'e, Event<'t>> {
    let earliest = received_at.plus_ms(-PAST_DAYS_MAX * 86_400_000);
    let latest = received_at.plus_ms(FUTURE_MS_MAX);
    let inside = event.occurred_at.clamp(earliest, latest);
    if inside == event.occurred_at {
        return Cow::Borrowed(event);
    }
    let mut moved = event.clone();
    moved.occurred_at_original = event.occurred_at;
    moved.occurred_at = inside;
    moved.warnings.add(ParseWarning::ClockSkew);
    Cow::Owned(moved)
}

#[cfg(test)]
mod tests {
    use event::{EventId, Kind, Source};

    use super::*;

    #[test]
    fn section_5_6_occurred_at_is_clamped_and_flagged() {
        let received = Timestamp(1_800_000_000_000);
        let (past, future) = (received.plus_ms(-PAST_DAYS_MAX * 86_400_000), received.plus_ms(FUTURE_MS_MAX));
        for (occurred, expected, is_moved) in [
            (received, received, false),
            (past, past, false),
            (future, future, false),
            (past.plus_ms(-1), past, true),
            (future.plus_ms(1), future, true),
        ] {
            let event = Event::new(EventId(1), Source::Okta, "acme", Kind::Sso, occurred);
            let event = clamp(&event, received);
            assert_eq!(event.occurred_at, expected);
            assert_eq!(event.warnings.contains(ParseWarning::ClockSkew), is_moved);
            assert_eq!(event.occurred_at_original, if is_moved { occurred } else { Timestamp::MISSING });
        }
    }
}
