//! What every thread of the embedded engine shares: the store, and in memory what is asked for at each step (marks, commits, groups).
//!
//! The writer thread alone changes marks and commits, and only after they are durable: whoever reads the state never sees what a crash
//! could take back.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    group::{Group, MemberId},
    queue::Queue,
    row::{Marks, TopicRow},
    store::{Loaded, Store},
};
use crate::{Cleanup, Committed, Limits};

/// A topic as everybody knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) row: TopicRow,
}

/// What is asked for at each step.
#[derive(Default)]
pub(super) struct State {
    pub(super) topics: HashMap<String, Arc<Topic>>,
    pub(super) marks: HashMap<(u32, u32), Marks>,
    pub(super) committed: HashMap<(u32, u32, String), Committed>,
    pub(super) groups: HashMap<(u32, String), Group>,
    pub(super) next_member: MemberId,
    pub(super) is_closed: bool,
}

/// The engine without its writer thread.
pub(super) struct Shared {
    /// The folder, for error messages.
    pub(super) place: String,
    pub(super) limits: Limits,
    pub(super) queue: Queue,
    store: RwLock<Option<Store>>,
    state: Mutex<State>,
    /// Something that a waiting consumer may care about happened.
    pub(super) changed: Condvar,
}

impl Topic {
    pub(super) fn is_compacted(&self) -> bool {
        self.row.cleanup == Cleanup::Compact
    }
}

impl State {
    /// Takes topics, marks and commits as the store holds them.
    pub(super) fn adopt(&mut self, loaded: Loaded) {
        self.topics =
            loaded.topics.into_iter().map(|(name, row)| (name.clone(), Arc::new(Topic { name, row }))).collect();
        self.marks = loaded.marks;
        self.committed = loaded.committed;
    }

    pub(super) fn marks(&self, number: u32, partition: u32) -> Marks {
        self.marks.get(&(number, partition)).copied().unwrap_or_default()
    }
}

impl Shared {
    pub(super) fn new(place: String, limits: Limits, store: Store, loaded: Loaded) -> Self {
        let mut state = State::default();
        state.adopt(loaded);
        Self {
            place,
            limits,
            queue: Queue::new(limits.queue_bytes_max),
            store: RwLock::new(Some(store)),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// A thread that panicked while it held a lock left nothing half done that the next could trip over: the store's batches are atomic,
    /// and the state is changed after them.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store; none while it is being opened again, or after the end.
    pub(super) fn store(&self) -> RwLockReadGuard<'_, Option<Store>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store_mut(&self) -> RwLockWriteGuard<'_, Option<Store>> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}
