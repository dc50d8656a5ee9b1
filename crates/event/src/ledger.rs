//! What detection never forgets, as entries of the compacted topic `ledger`.
//!
//! An entry replaces the one with the same key. Detection is replay-idempotent because entries hold *positions*: "new" is true exactly
//! for the event whose position is the stored one, so doing a stretch of the log again gives the same alerts and changes nothing.

use crate::{Alert, AlertId, AlertState, AppRef, Control, EventId, LogId, Position, Timestamp, UserKey};

/// The first event of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstSeen {
    /// Where it stands in the tenant's partition.
    pub position: Position,
    /// Which event it was; `EventId::NONE` when there has been none.
    pub event_id: EventId,
    /// The earliest `occurred_at` heard of; a late event lowers it without a second alert.
    pub occurred_at: Timestamp,
}

impl FirstSeen {
    /// Has there been one?
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.event_id.is_some()
    }
}

/// First sights of an app, apart for each way of being seen: a denied attempt must not hide the grant that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppFirst {
    /// Somebody tried, was refused or asked.
    pub attempted: FirstSeen,
    /// Somebody used it.
    pub used: FirstSeen,
    /// Somebody granted it something.
    pub granted: FirstSeen,
}

/// In which ways a person has met an app: three bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sighting(u8);

impl Sighting {
    /// Tried, was refused or asked.
    pub const ATTEMPTED: Sighting = Sighting(1);
    /// Used.
    pub const USED: Sighting = Sighting(2);
    /// Granted.
    pub const GRANTED: Sighting = Sighting(4);

    /// The bits: 1 attempted, 2 used, 4 granted.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From bits; those that mean nothing are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Sighting {
        Sighting(bits & 7)
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Sighting) -> Sighting {
        Sighting(self.0 | other.0)
    }

    /// Is every way of `other` in this set?
    #[must_use]
    pub const fn contains(self, other: Sighting) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What an entry is about; with the tenant, the key of the compacted topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LedgerKey<'a> {
    /// First sights of an app.
    App(AppRef<'a>),
    /// A person on an app (`stable_hash_64` of its reference).
    Pair(u64, UserKey),
    /// An alert episode that was opened.
    Episode(AlertId),
    /// A connection's learning time.
    Connection(&'a str),
    /// A consent, or a companion of one, that waits for the rest of its click.
    Held(EventId),
    /// A decision, alias or table version in force, by its name.
    Control(&'a str),
    /// Of which log the partition's positions are. Of no tenant.
    Origin,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerEntry<'a> {
    /// First sights of an app, with the keys and the name that it had.
    App {
        /// The app.
        app: AppRef<'a>,
        /// Its name as delivered at first sight.
        name: &'a str,
        /// Its canonical key at first sight: the subject of its alerts for ever, whatever it is merged into.
        first_key: &'a str,
        /// Its canonical key now: references that share it are one app.
        app_key: &'a str,
        /// The first sights.
        first: AppFirst,
    },
    /// A person on an app.
    Pair {
        /// `stable_hash_64` of the app's reference.
        app_hash: u64,
        /// The person.
        user_key: UserKey,
        /// Where the first use or grant stands; until there is one, the first attempt.
        position: Position,
        /// In which ways they have met.
        sighting: Sighting,
    },
    /// An alert episode.
    Episode {
        /// The episode.
        alert_id: AlertId,
        /// The event that opened it.
        position: Position,
        /// How many people had met the app there, so that a replay tells the same number.
        people: u32,
        /// Delivered or only recorded, so that a replay does the same.
        state: AlertState,
    },
    /// A connection's learning time runs from its earliest `occurred_at`.
    Connection {
        /// The connection.
        connection: &'a str,
        /// The earliest `occurred_at` heard of.
        earliest: Timestamp,
    },
    /// A consent, or a companion of one, that waits for the rest of its click. Forgotten by a tombstone once it is closed.
    Held {
        /// The event.
        event_id: EventId,
        /// What the events of one click share.
        correlation_id: &'a str,
        /// Where the event stands.
        position: Position,
        /// When the event reached us: the five ticks are counted from here.
        received_at: Timestamp,
        /// Is it the consent itself, remembered for companions that come after it?
        is_consent: bool,
        /// How dangerous its scopes are: 0 (none) to 4 (critical).
        risk: u8,
        /// Where it was joined or stood alone; `None` while it waits.
        closed: Option<Position>,
        /// What it says if it has to stand alone.
        alerts: Vec<Alert>,
    },
    /// A control record in force.
    Control {
        /// Which one it replaces: `decision/APP/DEPARTMENT/POSITION` and the like; history is kept by the position in the name.
        name: &'a str,
        /// Where it stands in the log.
        position: Position,
        /// What it says.
        control: Control,
    },
    /// Of which log the positions of this partition of the ledger are: places of another log, or of another partition, would be mistaken for
    /// places of this one.
    Origin {
        /// The log of the events.
        events: LogId,
        /// How many partitions it has: with another number, tenants live elsewhere. `REBUILDING` while the ledger is written anew.
        partitions: u32,
    },
}

impl LedgerEntry<'_> {
    /// Stands for the number of partitions while a ledger is written anew from a history: half of one must not be taken for all of it.
    pub const REBUILDING: u32 = 0;

    /// What the entry is about.
    #[must_use]
    pub fn key(&self) -> LedgerKey<'_> {
        match self {
            LedgerEntry::App { app, .. } => LedgerKey::App(*app),
            LedgerEntry::Pair { app_hash, user_key, .. } => LedgerKey::Pair(*app_hash, *user_key),
            LedgerEntry::Episode { alert_id, .. } => LedgerKey::Episode(*alert_id),
            LedgerEntry::Connection { connection, .. } => LedgerKey::Connection(connection),
            LedgerEntry::Held { event_id, .. } => LedgerKey::Held(*event_id),
            LedgerEntry::Control { name, .. } => LedgerKey::Control(name),
            LedgerEntry::Origin { .. } => LedgerKey::Origin,
        }
    }
}
