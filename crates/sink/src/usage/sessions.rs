//! Keys of sessions, each worked out once a batch: the hash that makes one must be the same for ever, and costs more than all the rest of
//! counting an event.

use std::hash::BuildHasher;

use event::{Source, session_key};
use hashbrown::{DefaultHashBuilder, HashTable};

/// The sessions that a batch has met.
#[derive(Default)]
pub(super) struct SessionKeys {
    hasher: DefaultHashBuilder,
    known: HashTable<Known>,
    /// Their ids, one behind the other: no allocation for each.
    text: Vec<u8>,
}

struct Known {
    hash: u64,
    source: Source,
    start: usize,
    bytes: usize,
    key: u64,
}

impl SessionKeys {
    /// What `session_key` says. The id is not empty.
    pub(super) fn key(&mut self, source: Source, session_id: &str) -> u64 {
        let id = session_id.as_bytes();
        let hash = self.hasher.hash_one((source, id));
        let text = &self.text;
        let is_it = |known: &Known| {
            known.source == source && text.get(known.start..known.start + known.bytes).is_some_and(|known| known == id)
        };
        if let Some(known) = self.known.find(hash, is_it) {
            return known.key;
        }
        let known = Known { hash, source, start: text.len(), bytes: id.len(), key: session_key(source, session_id) };
        let key = known.key;
        self.text.extend_from_slice(id);
        self.known.insert_unique(hash, known, |known| known.hash);
        key
    }

    /// Forgets them and keeps the memory: the next batch has about as many.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_one_that_is_stored_for_ever_asked_once_or_again_and_after_another_batch() {
        let mut keys = SessionKeys::default();
        for _ in 0..2 {
            for _ in 0..2 {
                for (source, id) in
                    [(Source::Okta, "s1"), (Source::Entra, "s1"), (Source::Okta, "s11"), (Source::Okta, "s")]
                {
                    assert_eq!(keys.key(source, id), session_key(source, id), "{source} {id}");
                }
            }
            assert_eq!(keys.known.len(), 4);
            keys.clear();
        }
    }
}
