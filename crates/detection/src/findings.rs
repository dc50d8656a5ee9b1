//! What the engine found: alerts, changes of the ledger, and what it counted.

use std::sync::Arc;

use event::{
    Alert, AlertId, AlertState, AppFirst, AppIdKind, AppRef, EventId, LedgerEntry, LedgerKey, Position, Sighting,
    Source, Timestamp, UserKey,
};

use crate::held::HeldEntry;

/// What the engine found. The caller keeps one, hands it in, writes out what it holds and clears it: no allocation in steady state.
///
/// Write the alerts and have them acknowledged *before* the ledger's changes: then no crash can lose an alert, and doing the stretch
/// again yields it under the same id.
#[derive(Debug, Default)]
pub struct Findings {
    /// New episodes, in the order of the log and of the catalogue of rules.
    pub alerts: Vec<Alert>,
    /// Changes of the ledger, in order; a later one of the same key replaces an earlier one.
    pub ledger: Vec<LedgerChange>,
    /// What was counted since the last `clear`.
    pub stats: Stats,
}

impl Findings {
    /// Forgets what it holds and keeps its memory.
    pub fn clear(&mut self) {
        self.alerts.clear();
        self.ledger.clear();
        self.stats = Stats::default();
    }
}

/// What was counted: data quality above all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events observed.
    pub observed: u64,
    /// Events about using or granting an app that name no app: they fire nothing.
    pub without_app: u64,
    /// Events about using or granting an app that name no person: they fire nothing.
    pub without_person: u64,
    /// Events in which an app acts for itself, as it should be without a person. Only the rules on the app's identity look at them.
    pub by_apps: u64,
    /// Apps met for the first time.
    pub new_apps: u64,
    /// People met on an app for the first time: adoption, counted and not paged.
    pub new_people: u64,
    /// Companions that could not wait because too many were waiting already; they stood alone at once.
    pub held_overflow: u64,
}

/// A change of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerChange {
    /// Whose ledger.
    pub tenant: Arc<str>,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// First sights of an app.
    App {
        /// Its source.
        source: Source,
        /// The kind of its id.
        id_kind: AppIdKind,
        /// Its id.
        id: Arc<str>,
        /// Its name at first sight.
        name: Arc<str>,
        /// Its canonical key at first sight.
        first_key: Arc<str>,
        /// Its canonical key now.
        app_key: Arc<str>,
        /// The first sights.
        first: AppFirst,
    },
    /// A person on an app.
    Pair {
        /// `stable_hash_64` of the app.
        app_hash: u64,
        /// The person.
        user_key: UserKey,
        /// Where they first met.
        position: Position,
        /// In which ways they have met.
        sighting: Sighting,
    },
    /// An alert episode was opened.
    Episode {
        /// The episode.
        alert_id: AlertId,
        /// The event that opened it.
        position: Position,
        /// How many people had met the app.
        people: u32,
        /// Delivered or only recorded.
        state: AlertState,
    },
    /// A connection was first heard of, or heard of an earlier day.
    Connection {
        /// The connection.
        connection: Arc<str>,
        /// Its earliest day.
        earliest: Timestamp,
    },
    /// A consent or a companion waits, or waits no longer.
    Held(Box<HeldEntry>),
    /// A consent or companion is done with: a tombstone.
    Forgotten(EventId),
}

impl LedgerChange {
    /// What the change is about: with the tenant, the key in the compacted topic.
    #[must_use]
    pub fn key(&self) -> LedgerKey<'_> {
        match &self.change {
            Change::App { source, id_kind, id, .. } => {
                LedgerKey::App(AppRef { source: *source, id_kind: *id_kind, id })
            }
            Change::Pair { app_hash, user_key, .. } => LedgerKey::Pair(*app_hash, *user_key),
            Change::Episode { alert_id, .. } => LedgerKey::Episode(*alert_id),
            Change::Connection { connection, .. } => LedgerKey::Connection(connection),
            Change::Held(held) => LedgerKey::Held(held.event_id),
            Change::Forgotten(event_id) => LedgerKey::Held(*event_id),
        }
    }

    /// What the ledger now says; `None` is a tombstone.
    #[must_use]
    pub fn entry(&self) -> Option<LedgerEntry<'_>> {
        let entry = match &self.change {
            Change::App { source, id_kind, id, name, first_key, app_key, first } => LedgerEntry::App {
                app: AppRef { source: *source, id_kind: *id_kind, id },
                name,
                first_key,
                app_key,
                first: *first,
            },
            Change::Pair { app_hash, user_key, position, sighting } => {
                LedgerEntry::Pair { app_hash: *app_hash, user_key: *user_key, position: *position, sighting: *sighting }
            }
            Change::Episode { alert_id, position, people, state } => {
                LedgerEntry::Episode { alert_id: *alert_id, position: *position, people: *people, state: *state }
            }
            Change::Connection { connection, earliest } => LedgerEntry::Connection { connection, earliest: *earliest },
            Change::Held(held) => held.entry(),
            Change::Forgotten(_) => return None,
        };
        Some(entry)
    }
}
