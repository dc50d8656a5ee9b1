//! What detection would remember if it began anew: one clean pass over a history, whether the log tells it or the tables of ClickHouse do.
//!
//! The pass is the engine's own, so there is no second opinion on what an event means. Two things are not asked of the events again. *Which
//! episodes were opened*: that is what people were told, and the alerts say it; rules and catalogue may be others by now. *What an app went
//! by*, where the history is ClickHouse's: each row says it.
//!
//! ClickHouse has no ticks. They only let companions of a consent stand alone, so the minutes in which events came stand for them, and
//! whoever rebuilds says what time it is at the end.

use std::collections::{BTreeMap, HashSet};

use broker::{Broker, partition_of};
use codec::{DecodeError, Topic, decode_alert};
use detection::{Engine, Observation};
use enrichment::{AppInfo, Enriched, Enricher};
use event::{Alert, AlertId, AlertState, Control, Coordinates, Event, LedgerEntry, LogId, Position, Tick, Timestamp};

use crate::{
    Config, DetectError, Remembered,
    inspect::remembered,
    work::{Place, Work},
};

/// Milliseconds in a minute.
const MINUTE_MS: i64 = 60_000;

/// Up to where a history is taken in: partition → the next offset of `events`.
pub type Ends = BTreeMap<u32, u64>;

/// A pass that is on its way.
pub struct Rebuilding {
    pub(crate) work: Work,
    pub(crate) log_id: LogId,
    ends: Ends,
    told: HashSet<AlertId>,
    /// The minute that it is for each tenant, where minutes of events stand for ticks.
    minutes: BTreeMap<String, i64>,
}

/// What a pass has made of its history.
pub struct Rebuilt {
    /// By tenant.
    pub remembered: Vec<Remembered>,
    /// Episodes that the pass opens and nobody was told of: an alert is missing, or the rules or the catalogue were others then.
    pub untold: u64,
}

/// An episode that people were told of, or that was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// The episode.
    pub alert_id: AlertId,
    /// The event that opened it.
    pub position: Position,
    /// How many people had met the app there.
    pub people: u32,
    /// Delivered or only recorded.
    pub state: AlertState,
}

impl<'a> From<&'a Alert> for Told<'a> {
    fn from(alert: &'a Alert) -> Told<'a> {
        let position = alert.coordinates.position;
        Told { tenant: &alert.tenant, alert_id: alert.id, position, people: alert.people, state: alert.state }
    }
}

impl Rebuilding {
    /// Nothing is taken in yet of a log that is read up to these ends.
    #[must_use]
    pub fn new(enricher: Enricher, config: &Config, log_id: LogId, ends: Ends) -> Rebuilding {
        let work = Work::new(enricher, Engine::new(config.settings()));
        Rebuilding { work, log_id, ends, told: HashSet::new(), minutes: BTreeMap::new() }
    }

    /// People were told of an episode. All of them come before the first event.
    pub fn told(&mut self, partition: u32, told: &Told<'_>) {
        if !self.is_before_end(partition, told.position) {
            return;
        }
        let Told { tenant, alert_id, position, people, state } = *told;
        self.told.insert(alert_id);
        self.work.know_tenant(partition, tenant);
        self.work.engine.load(tenant, &LedgerEntry::Episode { alert_id, position, people, state });
    }

    /// Takes a record of the log.
    ///
    /// # Errors
    /// `DecodeError` for a record of a newer version. Any other that cannot be read is passed, as detection passes it.
    pub fn record(
        &mut self,
        partition: u32,
        offset: u64,
        logged_at: Timestamp,
        value: &[u8],
    ) -> Result<(), DecodeError> {
        if !self.is_before_end(partition, Position { offset, index: 0 }) {
            return Ok(());
        }
        let taken = self.work.take(Place { log_id: self.log_id, partition, offset, logged_at }, value);
        self.work.written();
        taken.or_else(|error| if error.must_halt() { Err(error) } else { Ok(()) })
    }

    /// Takes an event that the tables tell of, with the key that its app had there. It stands for a tick where a minute has passed.
    pub fn event(
        &mut self,
        partition: u32,
        position: Position,
        logged_at: Timestamp,
        event: &Event<'_>,
        app_key: &str,
    ) {
        if !self.is_before_end(partition, position) {
            return;
        }
        let coordinates = Coordinates { log_id: self.log_id, partition, position };
        let at = Observation { coordinates, logged_at };
        self.work.know_tenant(partition, event.tenant);
        let minute = logged_at.0.div_euclid(MINUTE_MS);
        if self.minutes.get(event.tenant).is_none_or(|known| *known < minute) {
            self.minutes.insert(event.tenant.to_owned(), minute);
            self.tick(partition, event.tenant, Timestamp(minute * MINUTE_MS), position);
        }
        let Work { enricher, engine, findings, .. } = &mut self.work;
        let enriched = enricher.enrich(event);
        // Without its number: the tables knew it by this key, whatever key enrichment numbers it with.
        let info = enriched.app.map(|app| AppInfo { number: 0, app_key: app_key.to_owned(), ..app.clone() });
        engine.observe(at, &Enriched { app: info.as_ref(), ..enriched }, findings);
        self.work.written();
    }

    /// Takes a control record that the tables tell of.
    pub fn control(&mut self, partition: u32, position: Position, tenant: &str, control: Control) {
        if self.is_before_end(partition, position) {
            let place =
                Place { log_id: self.log_id, partition, offset: position.offset, logged_at: Timestamp::MISSING };
            self.work.control(place, tenant, control);
            self.work.written();
        }
    }

    /// In a partition it is this late by now: what the tables do not tell of a history's end.
    pub fn time_is(&mut self, partition: u32, at: Timestamp) {
        let end = self.ends.get(&partition).copied().unwrap_or_default();
        let position = Position { offset: end.saturating_sub(1), index: u16::MAX };
        let tenants: Vec<String> = self.work.tenants_of(partition).map(str::to_owned).collect();
        for tenant in tenants {
            self.tick(partition, &tenant, at, position);
        }
    }

    /// Tenants that have events in another partition than is theirs among so many: what was before the log had as many. Their places there
    /// are no places of their partition now.
    #[must_use]
    pub fn strangers(&self, partitions: u32) -> Vec<&str> {
        let tenants = self.work.partitioned_tenants();
        let strangers = tenants.filter(|(partition, tenant)| partition_of(tenant.as_bytes(), partitions) != *partition);
        strangers.map(|(_, tenant)| tenant).collect()
    }

    /// What it makes of everything, once all of it is committed.
    pub fn finish(&mut self) -> Rebuilt {
        for (partition, end) in &self.ends {
            self.work.committed(*partition, *end);
        }
        self.work.written();
        let is_untold = |entry: &LedgerEntry<'_>| match entry {
            LedgerEntry::Episode { alert_id, .. } => !self.told.contains(alert_id),
            _ => false,
        };
        let tenants = self.work.partitioned_tenants();
        let untold = tenants.flat_map(|(_, tenant)| self.work.engine.entries(tenant)).filter(is_untold).count();
        Rebuilt { remembered: remembered(&self.work, &self.ends), untold: untold as u64 }
    }

    fn is_before_end(&self, partition: u32, position: Position) -> bool {
        self.ends.get(&partition).is_some_and(|end| position.offset < *end)
    }

    fn tick(&mut self, partition: u32, tenant: &str, at: Timestamp, position: Position) {
        let coordinates = Coordinates { log_id: self.log_id, partition, position };
        self.work.enricher.apply(tenant, &Control::Tick(Tick { at }), position);
        let Work { engine, findings, .. } = &mut self.work;
        engine.tick(tenant, at, Observation { coordinates, logged_at: at }, findings);
        self.work.written();
    }
}

/// A pass over the log itself: its alerts, then every record that it still has. Blocks.
///
/// # Errors
/// `DetectError` when the log cannot be read, or holds what this version cannot.
pub fn rebuilt_from_log(
    broker: &Broker,
    topic_prefix: &str,
    enricher: Enricher,
    config: &Config,
    ends: Ends,
) -> Result<Rebuilding, DetectError> {
    let (events, alerts) = (Topic::Events.name(topic_prefix), Topic::Alerts.name(topic_prefix));
    let log_id = LogId(broker.log_id(&events)?.0);
    let mut rebuilding = Rebuilding::new(enricher, config, log_id, ends.clone());
    for partition in ends.keys().copied() {
        let mut flaw = None;
        let mut halt = |offset: u64, source: DecodeError| {
            flaw.get_or_insert(DetectError::Decode { partition, offset, source });
        };
        broker.read(&alerts, partition, None, &mut |record| {
            match record.value.map(decode_alert) {
                // An alert about another log's event says nothing about this one.
                Some(Ok(alert)) if alert.coordinates.log_id == log_id => {
                    rebuilding.told(partition, &Told::from(&alert));
                }
                Some(Err(source)) => halt(record.offset, source),
                _ => {}
            }
        })?;
        broker.read(&events, partition, None, &mut |record| {
            let logged_at = Timestamp(record.logged_at_ms);
            let taken = rebuilding.record(partition, record.offset, logged_at, record.value.unwrap_or_default());
            taken.unwrap_or_else(|source| halt(record.offset, source));
        })?;
        flaw.map_or(Ok(()), Err)?;
    }
    Ok(rebuilding)
}
