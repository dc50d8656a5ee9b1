//! Companions of a consent that wait for it.
//!
//! One click on "accept" makes Entra write three to eight events that share a correlation id, in any order. The consent is what people are
//! told of; a companion ("Add delegated permission grant", …) is judged on arrival, and what it would say waits for the consent. The
//! consent takes it in as evidence. When no consent comes within five ticks, or when the companion grants something worse than the consent
//! told, it stands alone: nothing can hide in a companion.
//!
//! Closed entries stay until the caller has committed past the place where they were closed, so that a replay sees what the first pass saw.

use event::{Alert, EventId, LedgerEntry, Position, Source, Timestamp};
use hashbrown::HashMap;

/// A consent, or a companion of one.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldEntry {
    /// The event.
    pub event_id: EventId,
    /// What the events of one click share.
    pub correlation_id: String,
    /// Where the event stands.
    pub position: Position,
    /// When it reached us.
    pub received_at: Timestamp,
    /// Is it the consent itself?
    pub is_consent: bool,
    /// How dangerous its scopes are: 0 (none) to 4 (critical).
    pub risk: u8,
    /// Where it was joined or stood alone.
    pub closed: Option<Position>,
    /// What it says if it has to stand alone.
    pub alerts: Vec<Alert>,
}

impl HeldEntry {
    /// As the ledger keeps it.
    pub(crate) fn entry(&self) -> LedgerEntry<'_> {
        LedgerEntry::Held {
            event_id: self.event_id,
            correlation_id: &self.correlation_id,
            position: self.position,
            received_at: self.received_at,
            is_consent: self.is_consent,
            risk: self.risk,
            closed: self.closed,
            alerts: self.alerts.clone(),
        }
    }

    /// Did it wait when the log stood at `position`? In a replay the entry may be closed already, by a later record or by this very one.
    pub(crate) fn is_open_at(&self, position: Position) -> bool {
        self.position < position && self.closed.is_none_or(|closed| closed >= position)
    }
}

/// Does this source write companions of a consent as events of their own?
pub(crate) const fn has_companions(source: Source) -> bool {
    matches!(source, Source::Entra | Source::M365Ual)
}

/// The consents and companions of a tenant that wait, or were closed a short while ago.
#[derive(Debug, Default)]
pub(crate) struct Held {
    by_click: HashMap<String, Vec<HeldEntry>>,
    /// How many of them wait.
    open: usize,
}

impl Held {
    /// How many wait. Those that are closed do not count: they go when the caller commits.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    /// Those of one click, in no order.
    pub(crate) fn of_click(&self, correlation_id: &str) -> &[HeldEntry] {
        self.by_click.get(correlation_id).map_or(&[], Vec::as_slice)
    }

    /// Every one, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &HeldEntry> {
        self.by_click.values().flatten()
    }

    /// Puts one in, in place of the one of the same event.
    pub(crate) fn put(&mut self, entry: HeldEntry) {
        self.open += usize::from(entry.closed.is_none());
        let click = self.by_click.entry_ref(entry.correlation_id.as_str()).or_default();
        let Some(known) = click.iter_mut().find(|known| known.event_id == entry.event_id) else {
            click.push(entry);
            return;
        };
        self.open -= usize::from(known.closed.is_none());
        *known = entry;
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, event_id: EventId) {
        let open = &mut self.open;
        self.by_click.retain(|_, click| {
            click.retain(|entry| {
                let is_it = entry.event_id == event_id;
                *open -= usize::from(is_it && entry.closed.is_none());
                !is_it
            });
            !click.is_empty()
        });
    }

    /// Closes one at a position and gives it back as it is now; `None` when it was closed there already.
    pub(crate) fn close(&mut self, correlation_id: &str, event_id: EventId, position: Position) -> Option<HeldEntry> {
        let click = self.by_click.get_mut(correlation_id)?;
        let entry = click.iter_mut().find(|entry| entry.event_id == event_id && entry.closed != Some(position))?;
        self.open -= usize::from(entry.closed.is_none());
        entry.closed = Some(position);
        Some(entry.clone())
    }

    /// Those that waited when the log stood at `position` and whose time is over at `now`, in the order of the log.
    pub(crate) fn due(&self, position: Position, now: Timestamp, held_ms: i64) -> Vec<HeldEntry> {
        let is_due = |entry: &&HeldEntry| entry.is_open_at(position) && now.since_ms(entry.received_at) >= held_ms;
        let mut due: Vec<HeldEntry> = self.iter().filter(is_due).cloned().collect();
        due.sort_unstable_by_key(|entry| entry.position);
        due
    }

    /// Drops what was closed before a position and names it, in the order of the log.
    pub(crate) fn forget(&mut self, before: Position) -> Vec<EventId> {
        let is_over = |entry: &HeldEntry| entry.closed.is_some_and(|closed| closed < before);
        let mut over: Vec<(Position, EventId)> =
            self.iter().filter(|entry| is_over(entry)).map(|entry| (entry.position, entry.event_id)).collect();
        over.sort_unstable();
        if over.is_empty() {
            return Vec::new();
        }
        self.by_click.retain(|_, click| {
            click.retain(|entry| !is_over(entry));
            !click.is_empty()
        });
        over.into_iter().map(|(_, event_id)| event_id).collect()
    }
}
