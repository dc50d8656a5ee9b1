//! The hashes that make ids: the same for every copy of a thing, on every machine, for ever (formats.md, section 0).
//!
//! All but one are BLAKE3 over *framed* fields (length as 8 bytes little endian, then the bytes), so that ("ab", "c") and ("a", "bc") differ,
//! and each begins with its purpose, so that no two kinds of id can meet. The vectors in the tests are the contract: a change of one
//! would make every person and event new.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{AlertId, AppRef, EventId, Source, UserKey};

/// Bytes of a frame that are put together before BLAKE3 sees them: more than the fields of nearly every id.
const GATHERED_BYTES_MAX: usize = 256;

/// Feeds framed fields to BLAKE3.
///
/// A hasher is two kilobytes that are set up and moved about, and most frames are two hundred bytes: they are gathered and hashed at once,
/// which gives the same bits for a fifth of the work. Only what is longer goes through a hasher.
struct Framed {
    key: Option<[u8; 32]>,
    gathered: [u8; GATHERED_BYTES_MAX],
    len: usize,
    /// What did not fit, and everything before it.
    hasher: Option<Box<blake3::Hasher>>,
}

impl Framed {
    fn new(purpose: &str) -> Framed {
        Framed { key: None, gathered: [0; GATHERED_BYTES_MAX], len: 0, hasher: None }.field(purpose.as_bytes())
    }

    fn keyed(key: &[u8; 32], purpose: &str) -> Framed {
        Framed { key: Some(*key), gathered: [0; GATHERED_BYTES_MAX], len: 0, hasher: None }.field(purpose.as_bytes())
    }

    #[inline]
    fn field(mut self, bytes: &[u8]) -> Framed {
        self.put(&(bytes.len() as u64).to_le_bytes());
        self.put(bytes);
        self
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.gathered.get_mut(self.len..end) {
            Some(room) if self.hasher.is_none() => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            _ => self.spill(bytes),
        }
    }

    /// What does not fit.
    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        let (key, known) = (&self.key, self.gathered.get(..self.len).unwrap_or_default());
        let hasher = self.hasher.get_or_insert_with(|| {
            let mut hasher = key.as_ref().map_or_else(blake3::Hasher::new, blake3::Hasher::new_keyed);
            hasher.update(known);
            Box::new(hasher)
        });
        hasher.update(bytes);
    }

    fn bits<const N: usize>(&self) -> [u8; N] {
        let known = self.gathered.get(..self.len).unwrap_or_default();
        let hash = match (&self.hasher, &self.key) {
            (Some(hasher), _) => hasher.finalize(),
            (None, Some(key)) => blake3::keyed_hash(key, known),
            (None, None) => blake3::hash(known),
        };
        let mut out = [0; N];
        out.iter_mut().zip(hash.as_bytes()).for_each(|(out, byte)| *out = *byte);
        out
    }
}

/// Builds the id of an event from what its provider calls it.
pub struct EventIdHasher(Framed);

impl EventIdHasher {
    /// Begins with the source and the provider's tenant; never the connection, so that a hook and a poller agree.
    #[must_use]
    pub fn new(source: Source, provider_tenant: &str) -> EventIdHasher {
        EventIdHasher(
            Framed::new("daylight.event.v1").field(source.as_str().as_bytes()).field(provider_tenant.as_bytes()),
        )
    }

    /// Adds a part of the native id key, or the semantic sub-index (event name, resource): never a position alone.
    #[must_use]
    #[inline]
    pub fn field(self, text: &str) -> EventIdHasher {
        EventIdHasher(self.0.field(text.as_bytes()))
    }

    /// The id. Never `EventId::NONE`.
    #[must_use]
    pub fn finish(self) -> EventId {
        EventId(u128::from_be_bytes(self.0.bits()).max(1))
    }
}

/// The id of an event whose provider gave none: its content, as the parser canonicalised it (to be flagged `NoNativeId`).
#[must_use]
pub fn content_id(source: Source, provider_tenant: &str, content: &[u8]) -> EventId {
    let framed = Framed::new("daylight.content.v1").field(source.as_str().as_bytes()).field(provider_tenant.as_bytes());
    EventId(u128::from_be_bytes(framed.field(content).bits()).max(1))
}

/// The id of an alert episode. `subject` is the `app_key` as it was at first sight, or the person; `episode` the *value* that opened it
/// (the threshold crossed, the scope set, the department): never an ordinal, never the rule's version.
#[must_use]
pub fn alert_id(tenant: &str, rule: &str, subject: &str, episode: &str) -> AlertId {
    let framed = Framed::new("daylight.alert.v1").field(tenant.as_bytes()).field(rule.as_bytes());
    AlertId(u128::from_be_bytes(framed.field(subject.as_bytes()).field(episode.as_bytes()).bits()).max(1))
}

/// The id of a dead letter: the connection and the SHA-256 of the rejected bytes, so that the same bytes are dead once.
#[must_use]
pub fn dead_letter_id(connection: &str, sha256: &[u8; 32]) -> EventId {
    let framed = Framed::new("daylight.dead.v1").field(connection.as_bytes()).field(sha256);
    EventId(u128::from_be_bytes(framed.bits()).max(1))
}

/// 64 bits of an app reference, for keys in memory and in the ledger.
#[must_use]
pub fn stable_hash_64(app: &AppRef<'_>) -> u64 {
    let framed =
        Framed::new("daylight.app.v1").field(app.source.as_str().as_bytes()).field(app.id_kind.as_str().as_bytes());
    u64::from_be_bytes(framed.field(app.id.as_bytes()).bits())
}

/// 64 bits of an `app_key`, for labels that are too long to stand as they are.
pub(crate) fn label_hash(app_key: &str) -> u64 {
    u64::from_be_bytes(Framed::new("daylight.label.v1").field(app_key.as_bytes()).bits())
}

/// 64 bits of a provider's session, for sets of sessions: XXH3, with the source's place in wire order as its seed. Every event of a session
/// asks for it, and BLAKE3 took twenty times as long; who could make up session ids that collide would make a count of sessions smaller, and
/// nothing else.
#[must_use]
pub fn session_key(source: Source, session_id: &str) -> u64 {
    xxh3_64_with_seed(session_id.as_bytes(), u64::from(source.index()))
}

/// A tenant's secret for pseudonyms. It is for ever: another key would make everybody new.
#[derive(Clone)]
pub struct TenantKey([u8; 32]);

impl TenantKey {
    /// Takes 32 secret bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> TenantKey {
        TenantKey(bytes)
    }

    /// What may be written down of the key: 64 bits that tell two keys apart and nothing else.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        u64::from_be_bytes(Framed::keyed(&self.0, "daylight.fingerprint.v1").bits())
    }

    /// The pseudonym of a person: of the e-mail (trimmed, lower case, NFC) where there is one, else of the source's own id.
    /// `UserKey::NONE` when both are missing.
    #[must_use]
    pub fn person(&self, email: &str, source: Source, native_id: &str) -> UserKey {
        let email = email.trim();
        let framed = Framed::keyed(&self.0, "daylight.person.v1");
        let framed = if !email.is_empty() {
            framed.field(b"email").field(normal(email).as_bytes())
        } else if !native_id.is_empty() {
            framed.field(source.as_str().as_bytes()).field(native_id.as_bytes())
        } else {
            return UserKey::NONE;
        };
        UserKey(u64::from_be_bytes(framed.bits()).max(1))
    }
}

/// An address in composed form and lower case. Of ASCII, as most are, lower case is all of it, and most are written so.
fn normal(email: &str) -> Cow<'_, str> {
    match email.is_ascii() {
        true if !email.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Borrowed(email),
        true => Cow::Owned(email.to_ascii_lowercase()),
        false => Cow::Owned(email.nfc().flat_map(char::to_lowercase).nfc().collect()),
    }
}

/// Prints `***`: a key never reaches a log.
impl std::fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: TenantKey = TenantKey::new([7; 32]);

    #[test]
    fn one_person_has_one_key_however_the_address_is_written() {
        let key = KEY.person("zoë@example.com", Source::Okta, "00u1");
        assert_eq!(KEY.person(" ZOE\u{308}@Example.COM ", Source::Entra, "other"), key);
        assert_ne!(KEY.person("", Source::Okta, "00u1"), key);
        assert_ne!(TenantKey::new([8; 32]).person("zoë@example.com", Source::Okta, ""), key);
        assert_eq!(KEY.person("  ", Source::Okta, ""), UserKey::NONE);
    }

    /// Worked out apart from this code, from the definitions of BLAKE3 and of the frame.
    #[test]
    fn ids_are_these_numbers_for_ever() {
        let event = EventIdHasher::new(Source::Okta, "acme.okta.com").field("u1").field("grant").finish();
        let app = AppRef { source: Source::Okta, id_kind: crate::AppIdKind::AppId, id: "0oa1" };
        for (what, id, vector) in [
            ("event", event.to_string(), "e9bd472f05d14434cefd52b63d5d792a"),
            ("content", content_id(Source::Entra, "t1", br#"{"a":1}"#).to_string(), "83cd1201a56fac5b47320e46e1d8cd2f"),
            ("alert", alert_id("acme", "N1", "slack.com", "").to_string(), "dbfa386742dcdae30ad5e5a5efb1a2a5"),
            ("dead letter", dead_letter_id("okta", &[9; 32]).to_string(), "ce814d7a0bac111d7f494afd49cec298"),
            ("app", format!("{:016x}", stable_hash_64(&app)), "b97d4f02097582a3"),
            ("session", format!("{:016x}", session_key(Source::Okta, "s1")), "9a275e3f454930d1"),
            ("key", format!("{:016x}", KEY.fingerprint()), "daddbc1dbc1b1ce2"),
            ("person by mail", KEY.person("Zoë@Example.com", Source::Okta, "00u1").to_string(), "03e6775f928f48d8"),
            ("person by id", KEY.person("", Source::Okta, "00u1").to_string(), "1b43e31802e184f1"),
        ] {
            assert_eq!(id, vector, "{what}");
        }
    }

    #[test]
    fn a_frame_of_any_length_is_what_blake3_makes_of_its_bytes() {
        for length in (0..40).chain(200..300).chain([1_023, 1_024, 1_025, 5_000]) {
            let (first, last) = ("x".repeat(length), "y".repeat(length / 3));
            let mut told = Vec::new();
            for field in ["purpose", &first, &last, "z"] {
                told.extend_from_slice(&(field.len() as u64).to_le_bytes());
                told.extend_from_slice(field.as_bytes());
            }
            let framed = |framed: Framed| -> [u8; 16] {
                framed.field(first.as_bytes()).field(last.as_bytes()).field(b"z").bits()
            };
            assert_eq!(framed(Framed::new("purpose")), blake3::hash(&told).as_bytes()[..16], "{length}");
            let keyed = blake3::keyed_hash(&[3; 32], &told);
            assert_eq!(framed(Framed::keyed(&[3; 32], "purpose")), keyed.as_bytes()[..16], "{length}, with a key");
        }
    }

    #[test]
    fn fields_are_framed() {
        let id = |a: &str, b: &str| EventIdHasher::new(Source::Okta, "acme.okta.com").field(a).field(b).finish();
        assert_ne!(id("ab", "c"), id("a", "bc"));
    }

    #[test]
    fn a_key_prints_nothing() {
        assert_eq!(format!("{KEY:?}"), "***");
    }
}
