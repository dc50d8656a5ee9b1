//! Pairs of a ledger that is read from its beginning. One by one each would go to a place of its own in a table larger than the caches, which
//! cost three quarters of what loading ten million took (`perf record`); together they are sorted and put in by one pass from end to end.

use event::{LedgerEntry, LedgerKey, UserKey};
use hashbrown::HashMap;

use crate::{
    Engine,
    pairs::{Packed, Pair},
};

/// Pairs that may wait at least: 16 to 32 bytes each, in lists that grow.
const WAITING_MIN: usize = 1 << 20;
/// As many may wait as went into the tables, divided by it, so that no more passes over them are made than while they grow one by one.
const LOADED_PER_WAITING: usize = 4;

/// Pairs on their way into an engine: it does not have all of them before `finish`.
#[derive(Debug, Default)]
pub struct BulkPairs {
    tenants: HashMap<String, HashMap<u64, Vec<Pair>>>,
    waiting: usize,
    /// Pairs that went into the tables.
    loaded: usize,
}

impl BulkPairs {
    /// Takes a pair; nothing else of a ledger. The latest of a person on an app wins.
    pub fn take(&mut self, tenant: &str, entry: &LedgerEntry<'_>, engine: &mut Engine) {
        let LedgerEntry::Pair { app_hash, user_key, position, sighting } = entry else { return };
        let pair = Pair::new(*user_key, Packed::from(*position), *sighting);
        let apps = match self.tenants.get_mut(tenant) {
            Some(apps) => apps,
            None => self.tenants.entry_ref(tenant).or_default(),
        };
        apps.entry(*app_hash).or_default().push(pair);
        self.waiting += 1;
        if self.waiting >= WAITING_MIN.max(self.loaded / LOADED_PER_WAITING) {
            self.flush(engine);
        }
    }

    /// Takes the tombstone of a pair: gives the engine what waits of its app, so that it can be forgotten there.
    pub fn forget(&mut self, tenant: &str, app_hash: u64, user_key: UserKey, engine: &mut Engine) {
        if let Some(pairs) = self.tenants.get_mut(tenant).and_then(|apps| apps.remove(&app_hash)) {
            self.waiting = self.waiting.saturating_sub(pairs.len());
            self.loaded += pairs.len();
            engine.load_pairs(tenant, app_hash, pairs);
        }
        engine.forget(tenant, LedgerKey::Pair(app_hash, user_key));
    }

    /// Gives the engine what waits.
    pub fn finish(mut self, engine: &mut Engine) {
        self.flush(engine);
    }

    fn flush(&mut self, engine: &mut Engine) {
        for (tenant, apps) in self.tenants.drain() {
            for (app_hash, pairs) in apps {
                engine.load_pairs(&tenant, app_hash, pairs);
            }
        }
        self.loaded += std::mem::take(&mut self.waiting);
    }
}

#[cfg(test)]
mod tests {
    use event::{Position, Sighting};
    use proptest::prelude::*;

    use super::*;
    use crate::Settings;

    /// Which person, on which app, by which record; none is a tombstone.
    type Step = (u64, u64, Option<u64>);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec((1..40u64, 0..3u64, prop::option::weighted(0.9, 0..1_000u64)), 0..300)
    }

    fn pair(user_key: u64, app_hash: u64, offset: u64) -> LedgerEntry<'static> {
        let position = Position { offset, index: 0 };
        LedgerEntry::Pair { app_hash, user_key: UserKey(user_key), position, sighting: Sighting::USED }
    }

    proptest! {
        #[test]
        fn what_is_loaded_in_bulk_is_what_is_loaded_one_by_one(parts in prop::collection::vec(steps(), 1..4)) {
            let (mut one_by_one, mut together) = (Engine::new(Settings::default()), Engine::new(Settings::default()));
            for part in parts {
                let mut bulk = BulkPairs::default();
                for (user_key, app_hash, offset) in part {
                    match offset {
                        Some(offset) => {
                            let entry = pair(user_key, app_hash, offset);
                            one_by_one.load("acme", &entry);
                            bulk.take("acme", &entry, &mut together);
                        }
                        None => {
                            one_by_one.forget("acme", LedgerKey::Pair(app_hash, UserKey(user_key)));
                            bulk.forget("acme", app_hash, UserKey(user_key), &mut together);
                        }
                    }
                    if offset == Some(7) {
                        bulk.flush(&mut together);
                    }
                }
                bulk.finish(&mut together);
            }
            prop_assert_eq!(together.pairs(), one_by_one.pairs());
            prop_assert_eq!(together.state_hash(), one_by_one.state_hash());
        }
    }
}
