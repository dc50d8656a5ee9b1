//! What an event says, as 64 bits: by it a second copy is told from a fuller one.
//!
//! The hash is understood by this process alone, and compared only with that of the same event id. So it need not be std's, which withstands
//! chosen keys and is slow over the sixty fields of an event: whoever finds two contents that meet has cost himself an event of his own.

use std::{
    hash::{BuildHasher, Hash},
    sync::LazyLock,
};

use event::{Event, ParseWarnings, Timestamp};
use hashbrown::DefaultHashBuilder;

/// A hash of what the event says, whoever delivered it and whenever.
pub(super) fn content_hash(event: &Event<'_>) -> u64 {
    let mut content = event.clone();
    (content.connection, content.received_at, content.is_backfill) = ("", Timestamp::MISSING, false);
    (content.occurred_at_original, content.warnings) = (Timestamp::MISSING, ParseWarnings::NONE);
    hash_of(&content)
}

/// A hash of anything.
pub(super) fn hash_of(content: impl Hash) -> u64 {
    static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);
    HASHER.hash_one(content)
}

#[cfg(test)]
mod tests {
    use event::{EventId, Kind, ParseWarning, Source};

    use super::*;

    #[test]
    fn the_same_event_by_another_door_is_the_same_and_a_fuller_one_is_not() {
        let event = Event::new(EventId(1), Source::Okta, "acme", Kind::Sso, Timestamp(1));
        let mut again = event.clone();
        (again.connection, again.received_at, again.is_backfill) = ("other", Timestamp(9), true);
        again.warnings.add(ParseWarning::ClockSkew);
        assert_eq!(content_hash(&again), content_hash(&event));
        again.city = "Berlin";
        assert_ne!(content_hash(&again), content_hash(&event));
    }
}
