//! The engine: lets the ledger and the rules see each event, in the order of the log.

use std::sync::Arc;

use enrichment::{AppInfo, Enriched};
use event::{
    ActorType, Alert, AlertId, AlertState, AppFirst, AppRef, ConsentType, Coordinates, Event, EventId, LedgerEntry,
    LedgerKey, Position, Sighting, Timestamp, UserKey, alert_id,
};
use hashbrown::HashMap;

use crate::{
    draft::{self, Opening},
    findings::{Change, Findings},
    held::{HeldEntry, has_companions},
    pairs::Pair,
    rules::{Lane, RULES, Rule},
    settings::Settings,
    sight::{Sight, way_of},
    state_hash::SetHash,
    tenant::{Episode, Meeting, Met, Tenant},
};

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// Where an event stands, and when the log took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Where it stands.
    pub coordinates: Coordinates,
    /// When the log took it.
    pub logged_at: Timestamp,
}

/// An app that a tenant has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownApp<'a> {
    /// Its reference.
    pub app: AppRef<'a>,
    /// Its name as delivered at first sight.
    pub name: &'a str,
    /// Its canonical key at first sight: the subject of its alerts.
    pub first_key: &'a str,
    /// Its canonical key now.
    pub app_key: &'a str,
    /// The first sights.
    pub first: AppFirst,
    /// How many people have used or granted it, under any of its references.
    pub people: u32,
}

/// What is remembered of every tenant, and the rules.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    pub(crate) tenants: HashMap<String, Tenant>,
    /// The value of the episode in question; kept so that looking one up allocates nothing.
    episode: String,
    ranks_max: usize,
}

impl Engine {
    /// An engine that remembers nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Engine {
        let ranks_max = settings.exact_ranks();
        Engine { settings, tenants: HashMap::new(), episode: String::new(), ranks_max }
    }

    /// Its thresholds and limits.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes in an entry of the compacted topic. Any order will do; the latest entry of a key must come last.
    pub fn load(&mut self, tenant: &str, entry: &LedgerEntry<'_>) {
        tenant_of(&mut self.tenants, tenant).load(entry);
    }

    /// Takes in pairs of an app, the latest of a person last.
    pub(crate) fn load_pairs(&mut self, tenant: &str, app_hash: u64, pairs: Vec<Pair>) {
        tenant_of(&mut self.tenants, tenant).apps.restore_pairs(app_hash, pairs);
    }

    /// Takes in a tombstone of the compacted topic: what was loaded under this key is forgotten.
    pub fn forget(&mut self, tenant: &str, key: LedgerKey<'_>) {
        self.tenants.get_mut(tenant).into_iter().for_each(|tenant| tenant.forget(key));
    }

    /// Drops everything that is remembered of a tenant (its partition went to another process).
    pub fn unload(&mut self, tenant: &str) {
        self.tenants.remove(tenant);
    }

    /// Sees an event. Events of one tenant come in the order of the log; doing a stretch again is allowed at any time.
    pub fn observe(&mut self, at: Observation, enriched: &Enriched<'_>, out: &mut Findings) {
        let event = enriched.event;
        out.stats.observed += 1;
        let tenant = tenant_of(&mut self.tenants, event.tenant);
        let earliest = tenant.earliest_day(event.connection, event.occurred_at, out);
        let Some(way) = way_of(event) else { return };
        let person = person_of(event);
        let is_by_app = !person.is_some() && matches!(event.actor_type, ActorType::App | ActorType::System);
        if !person.is_some() && !is_by_app && !is_for_all(event, way) {
            out.stats.without_person += 1;
            return;
        }
        let learning_ms = i64::from(self.settings.learning_days) * DAY_MS;
        let is_learning = event.is_backfill || event.occurred_at < earliest.plus_ms(learning_ms);
        let (settings, ranks_max, is_companion) = (&self.settings, self.ranks_max, is_companion(event, way));
        let case = Case { settings, enriched, at, person, way, is_learning, is_companion, ranks_max };
        if is_companion {
            case.companion(tenant, &mut self.episode, out);
            return;
        }
        let Some(info) = enriched.app.filter(|_| event.app.is_some()) else {
            out.stats.without_app += 1;
            return;
        };
        if is_by_app && !is_for_all(event, way) {
            out.stats.by_apps += 1;
            case.glance(tenant, info, &mut self.episode, out);
        } else {
            case.meeting(tenant, info, &mut self.episode, out);
        }
    }

    /// Time has come to `at`: companions whose consent did not come stand alone.
    pub fn tick(&mut self, tenant: &str, at: Timestamp, place: Observation, out: &mut Findings) {
        let Some(tenant) = self.tenants.get_mut(tenant) else { return };
        let position = place.coordinates.position;
        for entry in tenant.held.due(position, at, self.settings.held_ms()) {
            stand_alone(tenant, &entry, out);
            close(tenant, &entry, position, out);
        }
    }

    /// After a merge or a split, the apps that went by a key so far go by the one that `key_of` names for each (reference, name): enrichment
    /// says which apps are one, and detection has no opinion of its own about chains, splits and what was refused.
    pub fn regroup(
        &mut self,
        tenant: &str,
        app_key: &str,
        key_of: &mut dyn FnMut(&AppRef<'_>, &str) -> Option<String>,
        out: &mut Findings,
    ) {
        tenant_of(&mut self.tenants, tenant).regroup(app_key, key_of, out);
    }

    /// The same for every app of a tenant whose ledger is ahead of merges or splits that the log tells again. The ledger is not told: it knows.
    pub fn regroup_restored(&mut self, tenant: &str, key_of: &mut dyn FnMut(&AppRef<'_>, &str) -> Option<String>) {
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.regroup_restored(key_of);
        }
    }

    /// The caller has committed everything before `before`: what was closed there is forgotten.
    pub fn committed(&mut self, tenant: &str, before: Position, out: &mut Findings) {
        let Some(tenant) = self.tenants.get_mut(tenant) else { return };
        tenant.apps.forget_ranks();
        for event_id in tenant.held.forget(before) {
            tenant.write(out, Change::Forgotten(event_id));
        }
    }

    /// The tenants that something is remembered of, in no order.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.keys().map(String::as_str)
    }

    /// The apps that a tenant has met, in no order: what gauges and lists are made of after a restart.
    pub fn apps(&mut self, tenant: &str) -> impl Iterator<Item = KnownApp<'_>> {
        let ranks_max = self.ranks_max;
        self.tenants.get_mut(tenant).into_iter().flat_map(move |tenant| {
            // After a restore nobody has counted yet.
            tenant.apps.count(ranks_max);
            tenant.known_apps()
        })
    }

    /// What became of an episode: delivered, only recorded, or (`None`) never opened.
    #[must_use]
    pub fn episode_state(&self, tenant: &str, id: AlertId) -> Option<AlertState> {
        Some(self.tenants.get(tenant)?.episodes.get(&id)?.state)
    }

    /// How many (app, person) pairs are remembered in all.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.tenants.values().map(Tenant::pairs).sum()
    }

    /// A hash of everything that is remembered, whatever the order in which it came: for tests and for `ledger hash`. It is only comparable
    /// between processes of one version on one kind of machine.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        let mut hash = SetHash::default();
        self.tenants.values().for_each(|tenant| tenant.add_to(&mut hash));
        hash.finish()
    }

    /// The part of the state hash that is one tenant's; `None` when nothing is remembered of it. The parts add up, modulo 2¹²⁸.
    #[must_use]
    pub fn tenant_hash(&self, tenant: &str) -> Option<u128> {
        let mut hash = SetHash::default();
        self.tenants.get(tenant)?.add_to(&mut hash);
        Some(hash.finish())
    }

    /// How many (app, person) pairs are remembered of a tenant.
    #[must_use]
    pub fn tenant_pairs(&self, tenant: &str) -> usize {
        self.tenants.get(tenant).map_or(0, Tenant::pairs)
    }

    /// The tenant of that name; a new one where it was not met before.
    pub(crate) fn tenant(&mut self, name: &str) -> &mut Tenant {
        tenant_of(&mut self.tenants, name)
    }
}

/// One event with everything that judging it takes.
#[derive(Clone, Copy)]
struct Case<'a> {
    settings: &'a Settings,
    enriched: &'a Enriched<'a>,
    at: Observation,
    person: UserKey,
    way: Sighting,
    is_learning: bool,
    is_companion: bool,
    ranks_max: usize,
}

impl Case<'_> {
    /// An event of its own: the ledger notes it, then the rules judge it.
    fn meeting(&self, tenant: &mut Tenant, info: &AppInfo, episode: &mut String, out: &mut Findings) {
        let Case { way, person, ranks_max, .. } = *self;
        let position = self.at.coordinates.position;
        let event = self.enriched.event;
        let meeting = Meeting { event, info, person, way, position, ranks_max };
        let Some(met) = tenant.meet(&meeting, out) else { return };
        // The steady state ends here: nearly every event opens nothing, and what telling takes is not even looked up.
        if way != Sighting::GRANTED && !self.opens_any(tenant, info, met, episode) {
            return;
        }
        let Some(subject) = tenant.apps.get(met.app).map(|app| app.first_key.clone()) else { return };
        let companions = if way == Sighting::GRANTED { self.join(tenant, out) } else { Vec::new() };
        let sight = self.sight(info, &subject, Some(met));
        for rule in RULES.iter().filter(|rule| applies(rule, &sight)) {
            if let Some(alert) = self.open(rule, &sight, tenant, &companions, episode) {
                raise(tenant, alert, out);
            }
        }
    }

    /// Would a rule open an episode, whether or not it is known already?
    fn opens_any(&self, tenant: &Tenant, info: &AppInfo, met: Met, episode: &mut String) -> bool {
        let subject = tenant.apps.get(met.app).map_or("", |app| &app.first_key);
        let sight = self.sight(info, subject, Some(met));
        RULES.iter().filter(|rule| applies(rule, &sight)).any(|rule| {
            episode.clear();
            (rule.opens)(&sight, episode)
        })
    }

    /// An app that acts for itself: nobody has met it, so the ledger notes nothing, and only what it claims to be is judged.
    fn glance(&self, tenant: &mut Tenant, info: &AppInfo, episode: &mut String, out: &mut Findings) {
        let known = tenant.first_key(&self.enriched.event.app);
        let sight = self.sight(info, known.as_deref().unwrap_or(&info.app_key), None);
        for rule in RULES.iter().filter(|rule| rule.lane == Lane::Identity) {
            if let Some(alert) = self.open(rule, &sight, tenant, &[], episode) {
                raise(tenant, alert, out);
            }
        }
    }

    /// A companion of a consent: what it would say waits for the consent, unless that came already, or too many wait.
    fn companion(&self, tenant: &mut Tenant, episode: &mut String, out: &mut Findings) {
        let event = self.enriched.event;
        let nameless = AppInfo::default();
        let info = self.enriched.app.filter(|_| event.app.is_some()).unwrap_or(&nameless);
        let subject = if event.app.is_some() {
            tenant.first_key(&event.app).map_or_else(|| info.app_key.clone(), |key| key.to_string())
        } else {
            format!("grant:{}", event.event_id)
        };
        let sight = self.sight(info, &subject, None);
        let rules = RULES.iter().filter(|rule| matches!(rule.lane, Lane::Consent | Lane::Identity));
        let mut alerts = Vec::new();
        for rule in rules.filter(|rule| applies(rule, &sight)) {
            alerts.extend(self.open(rule, &sight, tenant, &[], episode));
        }
        let position = self.at.coordinates.position;
        let click = tenant.held.of_click(event.correlation_id);
        let is_known = click.iter().any(|entry| entry.event_id == event.event_id);
        if alerts.is_empty() || is_known {
            return;
        }
        let told =
            click.iter().filter(|entry| entry.is_consent && entry.is_open_at(position)).map(|entry| entry.risk).max();
        if told.is_some_and(|told| self.risk() <= told) {
            return;
        }
        let is_full = tenant.held.open() >= self.settings.held_max;
        if told.is_some() || is_full {
            out.stats.held_overflow += u64::from(is_full);
            alerts.into_iter().for_each(|alert| raise_unless_open(tenant, alert, out));
            return;
        }
        self.hold(tenant, false, alerts, out);
    }

    /// A consent takes in its companions as evidence, lets those that grant worse stand alone, and is remembered for those to come.
    fn join(&self, tenant: &mut Tenant, out: &mut Findings) -> Vec<EventId> {
        let event = self.enriched.event;
        let position = self.at.coordinates.position;
        if !has_companions(event.source) || event.correlation_id.is_empty() {
            return Vec::new();
        }
        let click = tenant.held.of_click(event.correlation_id);
        let mut waiting: Vec<HeldEntry> =
            click.iter().filter(|entry| !entry.is_consent && entry.is_open_at(position)).cloned().collect();
        waiting.sort_unstable_by_key(|entry| entry.position);
        let is_known = click.iter().any(|entry| entry.event_id == event.event_id);
        if !is_known && tenant.held.open() < self.settings.held_max {
            self.hold(tenant, true, Vec::new(), out);
        }
        let mut companions = Vec::new();
        for entry in waiting {
            if entry.risk > self.risk() {
                stand_alone(tenant, &entry, out);
            } else {
                companions.push(entry.event_id);
            }
            close(tenant, &entry, position, out);
        }
        companions
    }

    fn hold(&self, tenant: &mut Tenant, is_consent: bool, alerts: Vec<Alert>, out: &mut Findings) {
        let event = self.enriched.event;
        let entry = HeldEntry {
            event_id: event.event_id,
            correlation_id: event.correlation_id.to_owned(),
            position: self.at.coordinates.position,
            received_at: if event.received_at.is_some() { event.received_at } else { self.at.logged_at },
            is_consent,
            risk: self.risk(),
            closed: None,
            alerts,
        };
        tenant.held.put(entry.clone());
        tenant.write(out, Change::Held(Box::new(entry)));
    }

    /// How dangerous the grant is: 0 (none) to 4 (critical).
    fn risk(&self) -> u8 {
        self.enriched.grant_risk.level as u8
    }

    fn sight<'s>(&'s self, app: &'s AppInfo, subject: &'s str, met: Option<Met>) -> Sight<'s> {
        Sight {
            enriched: self.enriched,
            app,
            subject,
            person: self.person,
            way: self.way,
            is_new_app: met.is_some_and(|met| met.is_new_app),
            is_new_person: met.is_some_and(|met| met.is_new_person),
            people: met.map_or(0, |met| met.people),
            settings: self.settings,
        }
    }

    /// The alert of a rule, if this event opens an episode that is not in the ledger, or is the one that opened it.
    fn open(
        &self,
        rule: &'static Rule,
        sight: &Sight<'_>,
        tenant: &Tenant,
        companions: &[EventId],
        episode: &mut String,
    ) -> Option<Alert> {
        episode.clear();
        if !(rule.opens)(sight, episode) {
            return None;
        }
        let is_history = self.enriched.event.is_backfill;
        if is_history && !rule.is_muted_while_learning {
            // Recorded and not told, as all history; and what people must be told of is told when it happens while somebody can do something.
            episode.insert_str(0, "history/");
        }
        let id = alert_id(&tenant.name, rule.id, sight.subject, episode);
        // Whether the episode of a companion is open is asked when its time is over: what the ledger says now may be from later.
        let known = tenant.episodes.get(&id).filter(|_| !self.is_companion);
        if known.is_some_and(|known| known.position != self.at.coordinates.position) {
            return None;
        }
        let is_muted = is_history || (rule.is_muted_while_learning && self.is_learning);
        let state = if is_muted { AlertState::Muted } else { AlertState::Raised };
        let opening = Opening {
            id,
            tenant: &tenant.name,
            episode,
            // What the first pass told, a replay tells again, although the ledger may know more by now.
            people: known.map_or(sight.people, |known| known.people),
            state: known.map_or(state, |known| known.state),
            coordinates: self.at.coordinates,
            logged_at: self.at.logged_at,
            companions,
        };
        Some(draft::alert(rule, sight, &opening))
    }
}

/// Does the rule look at this app at all? The provider's own apps are exempt from some lanes.
fn applies(rule: &Rule, sight: &Sight<'_>) -> bool {
    !(sight.app.is_first_party && rule.lane.exempts_first_party())
}

/// Puts an alert out and its episode into the ledger.
fn raise(tenant: &mut Tenant, alert: Alert, out: &mut Findings) {
    let position = alert.coordinates.position;
    let (alert_id, people, state) = (alert.id, alert.people, alert.state);
    if tenant.episodes.insert(alert_id, Episode { position, people, state }).is_none() {
        tenant.write(out, Change::Episode { alert_id, position, people, state });
    }
    out.alerts.push(alert);
}

/// Puts an alert out unless another event opened its episode.
fn raise_unless_open(tenant: &mut Tenant, alert: Alert, out: &mut Findings) {
    let known = tenant.episodes.get(&alert.id);
    if known.is_none_or(|known| known.position == alert.coordinates.position) {
        raise(tenant, alert, out);
    }
}

/// A companion says what it has to say.
fn stand_alone(tenant: &mut Tenant, entry: &HeldEntry, out: &mut Findings) {
    for alert in &entry.alerts {
        raise_unless_open(tenant, alert.clone(), out);
    }
}

/// Closes a held entry at a position.
fn close(tenant: &mut Tenant, entry: &HeldEntry, position: Position, out: &mut Findings) {
    if let Some(closed) = tenant.held.close(&entry.correlation_id, entry.event_id, position) {
        tenant.write(out, Change::Held(Box::new(closed)));
    }
}

/// Is it a companion that has a consent to wait for?
fn is_companion(event: &Event<'_>, way: Sighting) -> bool {
    event.is_supporting && way == Sighting::GRANTED && has_companions(event.source) && !event.correlation_id.is_empty()
}

/// The person that an event is about: whose access it is, else who acted.
fn person_of(event: &Event<'_>) -> UserKey {
    if event.user_key.is_some() { event.user_key } else { event.actor_key }
}

/// Is it a grant for the whole tenant? It concerns no single person, so none is missing there.
fn is_for_all(event: &Event<'_>, way: Sighting) -> bool {
    way == Sighting::GRANTED && matches!(event.consent_type, ConsentType::TenantWide | ConsentType::Application)
}

/// The tenant of that name; a new one where it was not met before.
fn tenant_of<'e>(tenants: &'e mut HashMap<String, Tenant>, name: &str) -> &'e mut Tenant {
    tenants.entry_ref(name).or_insert_with_key(|name| Tenant::new(Arc::from(name)))
}
