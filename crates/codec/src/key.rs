//! Keys of the compacted topics. Two things that differ never have the same key, not even across topics.
//!
//! A key is one byte that says what it is about, then the tenant and the other parts. A text is framed by its length (4 bytes, big
//! endian), numbers have a fixed width (big endian), members of closed sets are one byte, their place in wire order. So every key can
//! be read back in one way only. The bytes are permanent: a change would double every entry of a compacted topic.

use event::{AlertId, AppIdKind, AppRef, EventId, Gap, LedgerKey, Source, UserKey};

/// What a key is about: its first byte. Never used again for anything else.
#[derive(Clone, Copy)]
#[repr(u8)]
enum About {
    LedgerApp = 1,
    LedgerPair = 2,
    LedgerEpisode = 3,
    LedgerConnection = 4,
    LedgerControl = 5,
    LedgerHeld = 6,
    LedgerOrigin = 7,
    Identity = 16,
    Delivery = 32,
    FeedCursor = 48,
    Backfill = 49,
    Gap = 64,
    Expectation = 65,
}

/// The key of a ledger entry in the topic `ledger`.
#[must_use]
pub fn ledger_key(tenant: &str, key: LedgerKey<'_>) -> Vec<u8> {
    match key {
        LedgerKey::App(app) => {
            Key::new(About::LedgerApp, tenant).bytes(&[app.source.index(), app.id_kind.index()]).text(app.id)
        }
        LedgerKey::Pair(app_hash, user_key) => {
            Key::new(About::LedgerPair, tenant).bytes(&app_hash.to_be_bytes()).bytes(&user_key.0.to_be_bytes())
        }
        LedgerKey::Episode(alert_id) => Key::new(About::LedgerEpisode, tenant).bytes(&alert_id.0.to_be_bytes()),
        LedgerKey::Connection(connection) => Key::new(About::LedgerConnection, tenant).text(connection),
        LedgerKey::Held(event_id) => Key::new(About::LedgerHeld, tenant).bytes(&event_id.0.to_be_bytes()),
        LedgerKey::Control(name) => Key::new(About::LedgerControl, tenant).text(name),
        LedgerKey::Origin => Key::new(About::LedgerOrigin, tenant),
    }
    .0
}

/// Whose a ledger entry is and what it is about, by its key; `None` for bytes that are no such key.
#[must_use]
pub fn parse_ledger_key(key: &[u8]) -> Option<(&str, LedgerKey<'_>)> {
    let mut rest = key;
    let [about] = take(&mut rest)?;
    let tenant = take_text(&mut rest)?;
    let is = |wanted: About| about == wanted as u8;
    let found = if is(About::LedgerApp) {
        let [source, id_kind] = take(&mut rest)?;
        let (source, id_kind) = (Source::from_index(source)?, AppIdKind::from_index(id_kind)?);
        LedgerKey::App(AppRef { source, id_kind, id: take_text(&mut rest)? })
    } else if is(About::LedgerPair) {
        let app_hash = u64::from_be_bytes(take(&mut rest)?);
        LedgerKey::Pair(app_hash, UserKey(u64::from_be_bytes(take(&mut rest)?)))
    } else if is(About::LedgerEpisode) {
        LedgerKey::Episode(AlertId(u128::from_be_bytes(take(&mut rest)?)))
    } else if is(About::LedgerConnection) {
        LedgerKey::Connection(take_text(&mut rest)?)
    } else if is(About::LedgerHeld) {
        LedgerKey::Held(EventId(u128::from_be_bytes(take(&mut rest)?)))
    } else if is(About::LedgerControl) {
        LedgerKey::Control(take_text(&mut rest)?)
    } else if is(About::LedgerOrigin) {
        LedgerKey::Origin
    } else {
        return None;
    };
    rest.is_empty().then_some((tenant, found))
}

/// Is this the key of a ledger entry that detection alone asks for: not of an app, not of a
/// control record, and not what a partition says of itself? Pairs are nearly all that a ledger holds, so other readers pass them by without looking at the value.
#[must_use]
pub fn is_for_detection_alone(key: &[u8]) -> bool {
    const PASSED: [u8; 4] =
        [About::LedgerPair as u8, About::LedgerEpisode as u8, About::LedgerConnection as u8, About::LedgerHeld as u8];
    key.first().is_some_and(|about| PASSED.contains(about))
}

/// The key of an identity in the topic `identities`; a tombstone under it erases the person's name.
#[must_use]
pub fn identity_key(tenant: &str, user_key: UserKey) -> Vec<u8> {
    Key::new(About::Identity, tenant).bytes(&user_key.0.to_be_bytes()).0
}

/// The key of a delivery's state in the topic `deliveries`.
#[must_use]
pub fn delivery_key(tenant: &str, alert_id: AlertId, receiver: &str) -> Vec<u8> {
    Key::new(About::Delivery, tenant).bytes(&alert_id.0.to_be_bytes()).text(receiver).0
}

/// The key of a feed's cursor in the topic `cursors`.
#[must_use]
pub fn feed_cursor_key(tenant: &str, connection: &str, feed: &str) -> Vec<u8> {
    Key::new(About::FeedCursor, tenant).text(connection).text(feed).0
}

/// The key of a connection's back-fill in the topic `cursors`.
#[must_use]
pub fn backfill_key(tenant: &str, connection: &str) -> Vec<u8> {
    Key::new(About::Backfill, tenant).text(connection).0
}

/// The tenant that a key of a compacted topic belongs to; `None` for bytes that are no such key.
#[must_use]
pub fn key_tenant(key: &[u8]) -> Option<&str> {
    let mut rest = key.get(1..)?;
    take_text(&mut rest)
}

/// The key of a gap in the topic `gaps`: the same gap, found again, replaces itself.
#[must_use]
pub fn gap_key(gap: &Gap) -> Vec<u8> {
    let key = Key::new(About::Gap, &gap.tenant).text(&gap.connection).text(&gap.feed);
    key.bytes(&[gap.reason.index()]).bytes(&gap.from.0.to_be_bytes()).0
}

/// The key of what is expected of a connection, in the topic `gaps`.
#[must_use]
pub fn expectation_key(tenant: &str, connection: &str) -> Vec<u8> {
    Key::new(About::Expectation, tenant).text(connection).0
}

/// A key in the making.
struct Key(Vec<u8>);

impl Key {
    fn new(about: About, tenant: &str) -> Key {
        Key(vec![about as u8]).text(tenant)
    }

    fn text(self, text: &str) -> Key {
        // Names and ids are bounded where they come in, far below 4 GiB.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.bytes(&length.to_be_bytes()).bytes(text.as_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Key {
        self.0.extend_from_slice(bytes);
        self
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*head)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use event::{AppIdKind, AppRef, Source};

    use super::*;

    #[test]
    fn keys_are_these_bytes_for_ever() {
        let gap = Gap {
            tenant: "ab".into(),
            connection: "c".into(),
            feed: "f".into(),
            reason: event::GapReason::NotKept,
            from: event::Timestamp(5),
            to: event::Timestamp(6),
            detail: "x".into(),
            noted_at: event::Timestamp(7),
        };
        let app = AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id: "x1" };
        for (key, bytes) in [
            (ledger_key("ab", LedgerKey::App(app)), &b"\x01\0\0\0\x02ab\x02\x01\0\0\0\x02x1"[..]),
            (ledger_key("ab", LedgerKey::Pair(1, UserKey(2))), b"\x02\0\0\0\x02ab\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02"),
            (ledger_key("ab", LedgerKey::Episode(AlertId(3))), b"\x03\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03"),
            (ledger_key("ab", LedgerKey::Connection("c")), b"\x04\0\0\0\x02ab\0\0\0\x01c"),
            (ledger_key("ab", LedgerKey::Control("c")), b"\x05\0\0\0\x02ab\0\0\0\x01c"),
            (
                ledger_key("ab", LedgerKey::Held(event::EventId(3))),
                b"\x06\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03",
            ),
            (ledger_key("", LedgerKey::Origin), b"\x07\0\0\0\0"),
            (identity_key("ab", UserKey(2)), b"\x10\0\0\0\x02ab\0\0\0\0\0\0\0\x02"),
            (delivery_key("ab", AlertId(3), "r"), b"\x20\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x01r"),
            (feed_cursor_key("ab", "c", "f"), b"\x30\0\0\0\x02ab\0\0\0\x01c\0\0\0\x01f"),
            (backfill_key("ab", "c"), b"\x31\0\0\0\x02ab\0\0\0\x01c"),
            (gap_key(&gap), b"\x40\0\0\0\x02ab\0\0\0\x01c\0\0\0\x01f\x01\0\0\0\0\0\0\0\x05"),
            (expectation_key("ab", "c"), b"\x41\0\0\0\x02ab\0\0\0\x01c"),
        ] {
            assert_eq!(key, bytes);
        }
    }

    #[test]
    fn everybody_reads_apps_and_control_records_and_of_which_log_they_are() {
        let app = AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id: "x1" };
        for (key, is_passed) in [
            (LedgerKey::App(app), false),
            (LedgerKey::Control("c"), false),
            (LedgerKey::Pair(1, UserKey(2)), true),
            (LedgerKey::Episode(AlertId(3)), true),
            (LedgerKey::Connection("c"), true),
            (LedgerKey::Held(event::EventId(3)), true),
            (LedgerKey::Origin, false),
        ] {
            assert_eq!(is_for_detection_alone(&ledger_key("ab", key)), is_passed, "{key:?}");
        }
        assert!(!is_for_detection_alone(b""));
    }

    #[test]
    fn the_key_of_a_ledger_entry_says_what_it_is_about() {
        let app = AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id: "x1" };
        for about in [
            LedgerKey::App(app),
            LedgerKey::Control("c"),
            LedgerKey::Pair(1, UserKey(2)),
            LedgerKey::Episode(AlertId(3)),
            LedgerKey::Connection("c"),
            LedgerKey::Held(EventId(3)),
            LedgerKey::Origin,
        ] {
            let key = ledger_key("ab", about);
            assert_eq!(parse_ledger_key(&key), Some(("ab", about)));
            (0..key.len()).for_each(|end| assert_eq!(parse_ledger_key(&key[..end]), None, "{about:?}, {end}"));
            assert_eq!(parse_ledger_key(&[&key[..], b"x"].concat()), None, "{about:?} and more");
        }
        assert_eq!(parse_ledger_key(&identity_key("ab", UserKey(2))), None);
    }

    #[test]
    fn every_key_names_its_tenant() {
        let keys = [
            ledger_key("ab", LedgerKey::Control("c")),
            identity_key("ab", UserKey(2)),
            delivery_key("ab", AlertId(3), "r"),
            feed_cursor_key("ab", "c", "f"),
            expectation_key("ab", "c"),
        ];
        keys.iter().for_each(|key| assert_eq!(key_tenant(key), Some("ab")));
        assert_eq!(key_tenant(&ledger_key("", LedgerKey::Origin)), Some(""));
        for bytes in [&b""[..], b"\x05\0\0\0", b"\x05\0\0\0\x03ab", b"\x05\0\0\0\x01\xff"] {
            assert_eq!(key_tenant(bytes), None);
        }
    }

    #[test]
    fn a_border_that_moves_makes_another_key() {
        let control = |tenant, name| ledger_key(tenant, LedgerKey::Control(name));
        assert_ne!(control("ab", "c"), control("a", "bc"));
        assert_ne!(control("a", "b"), ledger_key("a", LedgerKey::Connection("b")));
        assert_ne!(delivery_key("a", AlertId(1), "b"), delivery_key("ab", AlertId(1), ""));
    }
}
