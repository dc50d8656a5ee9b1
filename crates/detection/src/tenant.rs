//! What is remembered of one tenant, and how an event changes it.

use std::sync::Arc;

use enrichment::AppInfo;
use event::{
    AlertId, AlertState, AppFirst, AppRef, Event, FirstSeen, LedgerEntry, LedgerKey, Position, Sighting, Timestamp,
    UserKey, issued_key,
};
use hashbrown::HashMap;

use crate::{
    app_table::AppTable,
    engine::KnownApp,
    findings::{Change, Findings, LedgerChange},
    held::{Held, HeldEntry},
    pairs::{Packed, Pair, is_met},
    state_hash::SetHash,
};

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// An episode that was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Episode {
    pub(crate) position: Position,
    pub(crate) people: u32,
    pub(crate) state: AlertState,
}

/// What is remembered of one tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) name: Arc<str>,
    pub(crate) apps: AppTable,
    pub(crate) episodes: HashMap<AlertId, Episode>,
    /// The earliest day of each connection, as its first millisecond.
    pub(crate) connections: HashMap<Arc<str>, Timestamp>,
    /// The connection that was asked for last: most events have the one of the event before.
    last_connection: Option<(Arc<str>, Timestamp)>,
    pub(crate) held: Held,
}

/// What an event means for its app and person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    /// Index of the app.
    pub(crate) app: u32,
    /// Is it the first use or grant of the app?
    pub(crate) is_new_app: bool,
    /// Is it the person's first use or grant of the app?
    pub(crate) is_new_person: bool,
    /// How many people had met the app there.
    pub(crate) people: u32,
}

/// One meeting of a person and an app.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meeting<'a> {
    pub(crate) event: &'a Event<'a>,
    pub(crate) info: &'a AppInfo,
    /// `UserKey::NONE` for a grant that concerns the whole tenant.
    pub(crate) person: UserKey,
    pub(crate) way: Sighting,
    pub(crate) position: Position,
    pub(crate) ranks_max: usize,
}

impl Tenant {
    pub(crate) fn new(name: Arc<str>) -> Tenant {
        Tenant {
            name,
            apps: AppTable::default(),
            episodes: HashMap::new(),
            connections: HashMap::new(),
            last_connection: None,
            held: Held::default(),
        }
    }

    /// Takes in an entry of the compacted topic. Any order will do.
    pub(crate) fn load(&mut self, entry: &LedgerEntry<'_>) {
        match entry {
            LedgerEntry::App { app, name, first_key, app_key, first } => {
                let index = self.apps.insert(app, name, first_key, &issued_key(app_key));
                if let Some(app) = self.apps.get_mut(index) {
                    app.first = *first;
                }
            }
            LedgerEntry::Pair { app_hash, user_key, position, sighting } => {
                let app = self.apps.place(*app_hash);
                self.apps.restore_pair(app, Pair::new(*user_key, Packed::from(*position), *sighting));
            }
            LedgerEntry::Episode { alert_id, position, people, state } => {
                self.episodes.insert(*alert_id, Episode { position: *position, people: *people, state: *state });
            }
            LedgerEntry::Connection { connection, earliest } => {
                self.last_connection = None;
                self.connections.insert(Arc::from(*connection), *earliest);
            }
            LedgerEntry::Held { event_id, correlation_id, position, received_at, is_consent, risk, closed, alerts } => {
                self.held.put(HeldEntry {
                    event_id: *event_id,
                    correlation_id: (*correlation_id).to_owned(),
                    position: *position,
                    received_at: *received_at,
                    is_consent: *is_consent,
                    risk: *risk,
                    closed: *closed,
                    alerts: alerts.clone(),
                });
            }
            // Decisions and aliases are enrichment's; what an alias changed here stands in the entries of its apps.
            LedgerEntry::Control { .. } | LedgerEntry::Origin { .. } => {}
        }
    }

    /// Takes out the entry of a key of the compacted topic.
    pub(crate) fn forget(&mut self, key: LedgerKey<'_>) {
        match key {
            LedgerKey::App(app) => self.apps.forget_app(&app),
            LedgerKey::Pair(app_hash, user_key) => self.apps.forget_pair(app_hash, user_key),
            LedgerKey::Episode(alert_id) => drop(self.episodes.remove(&alert_id)),
            LedgerKey::Connection(connection) => drop(self.connections.remove(connection)),
            LedgerKey::Held(event_id) => self.held.remove(event_id),
            LedgerKey::Control(_) | LedgerKey::Origin => {}
        }
    }

    /// Notes the earliest day of a connection and gives it. A day and not an instant, so that history that comes newest first does not
    /// write a change for each event.
    pub(crate) fn earliest_day(&mut self, connection: &str, occurred_at: Timestamp, out: &mut Findings) -> Timestamp {
        if !occurred_at.is_some() {
            return self.connections.get(connection).copied().unwrap_or_default();
        }
        let day = Timestamp(occurred_at.day().saturating_mul(DAY_MS));
        if let Some((last, earliest)) = &self.last_connection
            && *earliest <= day
            && **last == *connection
        {
            return *earliest;
        }
        match self.connections.get_key_value_mut(connection) {
            Some((known, earliest)) if *earliest <= day => {
                self.last_connection = Some((Arc::clone(known), *earliest));
                return *earliest;
            }
            Some((_, earliest)) => *earliest = day,
            None => {
                self.connections.insert(Arc::from(connection), day);
            }
        }
        self.last_connection = None;
        self.write(out, Change::Connection { connection: Arc::from(connection), earliest: day });
        day
    }

    /// Notes that a person met an app, and tells what is new in it.
    pub(crate) fn meet(&mut self, meeting: &Meeting<'_>, out: &mut Findings) -> Option<Met> {
        let index = self.sight_app(meeting, out);
        let people_before = self.apps.group_of(index)?.people;
        let packed = Packed::from(meeting.position);
        let is_new_person = meeting.person.is_some() && self.meet_person(index, packed, meeting, out);
        let group = self.apps.get(index)?.group?;
        let here = (meeting.position, meeting.event.event_id);
        let is_first_of_ref = self.apps.get(index)?.first_met() == Some(here);
        let is_new_app = is_first_of_ref && is_met(meeting.way) && self.apps.first_met(group) == Some(here);
        if self.apps.group(group)?.people > people_before {
            out.stats.new_people += 1;
        }
        let people = self.apps.rank(group, packed, meeting.ranks_max);
        Some(Met { app: index, is_new_app, is_new_person, people })
    }

    /// Notes an app, its group and the first sight of the way it was met.
    fn sight_app(&mut self, meeting: &Meeting<'_>, out: &mut Findings) -> u32 {
        let Meeting { event, info, way, position, .. } = *meeting;
        let mut is_changed = false;
        let index = self.apps.numbered(info.number).unwrap_or_else(|| {
            let index = self.apps.find(&event.app).unwrap_or_else(|| {
                is_changed = true;
                out.stats.new_apps += 1;
                let name = if event.app_name.is_empty() { &info.name } else { event.app_name };
                self.apps.insert(&event.app, name, &info.app_key, &info.app_key)
            });
            if self.apps.group_of(index).is_some_and(|group| *group.key != *info.app_key) {
                self.apps.set_group(index, &info.app_key);
                is_changed = true;
            }
            self.apps.note_number(info.number, index);
            index
        });
        self.apps.count(meeting.ranks_max);
        if let Some(app) = self.apps.get_mut(index) {
            let first = app.first_mut(way);
            if !first.is_some() {
                *first = FirstSeen { position, event_id: event.event_id, occurred_at: event.occurred_at };
                is_changed = true;
            } else if event.occurred_at < first.occurred_at {
                first.occurred_at = event.occurred_at;
                is_changed = true;
            }
        }
        if is_changed {
            self.write_app(index, out);
        }
        index
    }

    /// Notes a person on an app; tells whether this is the person's first use or grant of the whole group.
    fn meet_person(&mut self, app: u32, packed: Packed, meeting: &Meeting<'_>, out: &mut Findings) -> bool {
        let Some(known) = self.apps.get_mut(app) else { return false };
        let update = known.pairs.meet(meeting.person, packed, meeting.way);
        let (app_hash, group) = (known.hash, known.group);
        if update.is_changed {
            let (position, sighting) = (update.pair.position().into(), update.pair.sighting());
            self.write(out, Change::Pair { app_hash, user_key: meeting.person, position, sighting });
        }
        // The steady state ends here: known, and met elsewhere in the log.
        if !update.pair.is_met() || update.pair.position() != packed {
            return false;
        }
        let elsewhere = self.apps.met_elsewhere(app, meeting.person);
        if let Some(group) = group.filter(|_| update.is_first_met) {
            match elsewhere {
                None => self.apps.add_person(group, packed, meeting.ranks_max),
                Some(other) if packed < other => self.apps.move_person(group),
                Some(_) => {}
            }
        }
        is_met(meeting.way) && elsewhere.is_none_or(|other| packed < other)
    }

    /// The apps that go by a key are asked for their key again.
    pub(crate) fn regroup(
        &mut self,
        app_key: &str,
        key_of: &mut dyn FnMut(&AppRef<'_>, &str) -> Option<String>,
        out: &mut Findings,
    ) {
        for index in self.apps.members(app_key) {
            let Some(app) = self.apps.get(index) else { continue };
            let key = key_of(&AppRef { source: app.source, id_kind: app.id_kind, id: &app.id }, &app.name);
            if let Some(key) = key.filter(|key| key != app_key) {
                self.apps.set_group(index, &key);
                self.write_app(index, out);
            }
        }
    }

    /// Every app is asked for its key again.
    pub(crate) fn regroup_restored(&mut self, key_of: &mut dyn FnMut(&AppRef<'_>, &str) -> Option<String>) {
        for index in (0..).take_while(|index: &u32| self.apps.get(*index).is_some()).collect::<Vec<_>>() {
            let app = self.apps.get(index).filter(|app| app.group.is_some());
            if let Some(key) = app.and_then(|app| key_of(&app.reference(), &app.name)) {
                self.apps.set_group(index, &key);
            }
        }
    }

    /// How many (app, person) pairs there are.
    pub(crate) fn pairs(&self) -> usize {
        self.apps.iter().map(|app| app.pairs.len()).sum()
    }

    /// The apps that were met, in no order.
    pub(crate) fn known_apps(&self) -> impl Iterator<Item = KnownApp<'_>> {
        self.apps.iter().filter_map(|app| {
            let group = self.apps.group(app.group?)?;
            Some(KnownApp {
                app: app.reference(),
                name: &app.name,
                first_key: &app.first_key,
                app_key: &group.key,
                first: app.first,
                people: group.people,
            })
        })
    }

    /// Adds everything to a hash that does not depend on the order.
    pub(crate) fn add_to(&self, hash: &mut SetHash) {
        let first = |first: &AppFirst| {
            [first.attempted, first.used, first.granted].map(|seen| (seen.position, seen.event_id, seen.occurred_at))
        };
        for app in self.apps.iter().filter(|app| app.group.is_some()) {
            let key = app.group.and_then(|group| self.apps.group(group)).map_or("", |group| &group.key);
            hash.add("app", &(&self.name, app.hash, &*app.name, &*app.first_key, key, first(&app.first)));
        }
        for app in self.apps.iter() {
            for pair in app.pairs.iter() {
                hash.add("pair", &(&self.name, app.hash, pair.user_key, pair.position(), pair.sighting().bits()));
            }
        }
        for (id, episode) in &self.episodes {
            hash.add("episode", &(&self.name, id, episode.position, episode.people, episode.state));
        }
        for (connection, earliest) in &self.connections {
            hash.add("connection", &(&self.name, connection, earliest));
        }
        for held in self.held.iter() {
            let alerts: Vec<_> = held.alerts.iter().map(|alert| (alert.id, alert.coordinates, alert.state)).collect();
            let told = (held.received_at, held.is_consent, held.risk, alerts);
            hash.add("held", &(&self.name, held.event_id, &*held.correlation_id, held.position, held.closed, told));
        }
    }

    /// Notes a change of the ledger.
    pub(crate) fn write(&self, out: &mut Findings, change: Change) {
        out.ledger.push(LedgerChange { tenant: self.name.clone(), change });
    }

    fn write_app(&self, index: u32, out: &mut Findings) {
        let Some(app) = self.apps.get(index) else { return };
        let app_key = self.apps.group_of(index).map_or_else(|| app.first_key.clone(), |group| group.key.clone());
        let change = Change::App {
            source: app.source,
            id_kind: app.id_kind,
            id: app.id.clone(),
            name: app.name.clone(),
            first_key: app.first_key.clone(),
            app_key,
            first: app.first,
        };
        self.write(out, change);
    }

    /// The key that an app had at first sight.
    pub(crate) fn first_key(&self, app: &AppRef<'_>) -> Option<Arc<str>> {
        Some(self.apps.get(self.apps.find(app)?)?.first_key.clone())
    }
}
