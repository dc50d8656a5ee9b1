//! Questions that give the history of a partition back, in the order of the log: what `daylight ledger rebuild` reads.
//!
//! The tables hold what detection reads of an event, every decision and merge, and every alert. They do not hold the log's ticks and the
//! versions of tables, which `detect` makes up for (`rebuild.rs`).

use std::ops::Range;

use clickhouse::Row;
use serde::Deserialize;

use crate::{Client, StoreError};

/// An event as detection reads it: members of closed sets by their place, times in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PastEvent {
    /// The record.
    pub offset: u64,
    /// The event in the record.
    pub index: u16,
    /// When the log took it.
    pub logged_at: i64,
    /// Which event.
    pub event_id: u128,
    /// Our tenant.
    pub tenant: String,
    /// The identity provider.
    pub source: u8,
    /// The connection that delivered it.
    pub connection: String,
    /// What it means.
    pub kind: u8,
    /// A companion of a consent?
    pub is_supporting: bool,
    /// What the events of one click share.
    pub correlation_id: String,
    /// When it happened.
    pub occurred_at: i64,
    /// When it reached us.
    pub received_at: i64,
    /// Who acted.
    pub actor_type: u8,
    /// Whose access is concerned.
    pub user_key: u64,
    /// The person who acted, where that is another.
    pub actor_key: u64,
    /// What kind of id `app_native_id` is.
    pub app_id_kind: u8,
    /// The provider's id of the app.
    pub app_native_id: String,
    /// The app's name as delivered.
    pub app_name: String,
    /// The app's tenant-local object.
    pub app_object_id: String,
    /// How the app is built.
    pub app_kind: u8,
    /// The canonical key that the app had there.
    pub app_key: String,
    /// What was granted.
    pub scopes: String,
    /// For whom the consent speaks.
    pub consent_type: u8,
    /// How it ended.
    pub outcome: u8,
    /// Imported history?
    pub is_backfill: bool,
}

/// A decision of the log.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PastDecision {
    /// The record.
    pub offset: u64,
    /// Our tenant.
    pub tenant: String,
    /// The canonical app.
    pub app_key: String,
    /// The references known when it was made.
    pub app_refs: Vec<String>,
    /// The new state.
    pub status: u8,
    /// The state that it replaces.
    pub previous: u8,
    /// Only for this department; empty for all.
    pub department: String,
    /// Who answers for the app.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: i64,
    /// When it ends; 0 for never.
    pub expires_at: i64,
}

/// A merge or split of the log.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PastAlias {
    /// The record.
    pub offset: u64,
    /// Our tenant.
    pub tenant: String,
    /// Merge or split.
    pub action: u8,
    /// The app that goes under.
    pub from_app_key: String,
    /// The app that it becomes part of.
    pub to_app_key: String,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: i64,
}

/// An episode that people were told of, or that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PastEpisode {
    /// The record whose event opened it.
    pub offset: u64,
    /// The event in the record.
    pub index: u16,
    /// Our tenant.
    pub tenant: String,
    /// The episode.
    pub alert_id: u128,
    /// How many people had met the app there.
    pub people: u32,
    /// Delivered or only recorded.
    pub state: u8,
}

/// What follows the columns of each question.
const OF_PARTITION: &str = "WHERE _log_id = {log_id:UInt128} AND _partition = {partition:UInt32} AND _offset >= {start:UInt64} AND _offset < {end:UInt64} ORDER BY _offset, _index";

const EVENTS: &str = "
SELECT _offset AS offset, _index AS index, toUnixTimestamp64Milli(logged_at) AS logged_at, event_id,
    toString(tenant) AS tenant, toUInt8(source) AS source, toString(connection) AS connection, toUInt8(kind) AS kind,
    is_supporting, correlation_id, toUnixTimestamp64Milli(occurred_at) AS occurred_at,
    toUnixTimestamp64Milli(received_at) AS received_at, toUInt8(actor_type) AS actor_type, user_key, actor_key,
    toUInt8(app_id_kind) AS app_id_kind, toString(app_native_id) AS app_native_id, toString(app_name) AS app_name,
    toString(app_object_id) AS app_object_id, toUInt8(app_kind) AS app_kind, toString(app_key) AS app_key,
    toString(scopes) AS scopes, toUInt8(consent_type) AS consent_type, toUInt8(outcome) AS outcome, is_backfill
FROM events";

const DECISIONS: &str = "
SELECT _offset AS offset, toString(tenant) AS tenant, toString(app_key) AS app_key, app_refs, toUInt8(status) AS status,
    toUInt8(previous) AS previous, toString(department) AS department, owner, reason, decided_by,
    toUnixTimestamp64Milli(decided_at) AS decided_at, toUnixTimestamp64Milli(expires_at) AS expires_at
FROM decisions FINAL";

const ALIASES: &str = "
SELECT _offset AS offset, toString(tenant) AS tenant, toUInt8(action) AS action, from_app_key, to_app_key, reason, decided_by,
    toUnixTimestamp64Milli(decided_at) AS decided_at
FROM aliases FINAL";

const EPISODES: &str = "
SELECT _offset AS offset, _index AS index, toString(tenant) AS tenant, alert_id, people, toUInt8(state) AS state
FROM alerts FINAL";

/// Which records of which log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The log.
    pub log_id: u128,
    /// The partition.
    pub partition: u32,
    /// The records.
    pub records: Range<u64>,
}

impl Client {
    /// The events of a stretch, in the order of the log.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn past_events(&self, stretch: &Stretch) -> Result<Vec<PastEvent>, StoreError> {
        self.past("reading events back", EVENTS, stretch).await
    }

    /// The decisions of a stretch, in the order of the log.
    ///
    /// # Errors
    /// As `past_events`.
    pub async fn past_decisions(&self, stretch: &Stretch) -> Result<Vec<PastDecision>, StoreError> {
        self.past("reading decisions back", DECISIONS, stretch).await
    }

    /// The merges and splits of a stretch, in the order of the log.
    ///
    /// # Errors
    /// As `past_events`.
    pub async fn past_aliases(&self, stretch: &Stretch) -> Result<Vec<PastAlias>, StoreError> {
        self.past("reading merges back", ALIASES, stretch).await
    }

    /// The episodes that events of a stretch opened, in the order of the log.
    ///
    /// # Errors
    /// As `past_events`.
    pub async fn past_episodes(&self, stretch: &Stretch) -> Result<Vec<PastEpisode>, StoreError> {
        self.past("reading alerts back", EPISODES, stretch).await
    }

    async fn past<T>(&self, doing: &'static str, columns: &str, stretch: &Stretch) -> Result<Vec<T>, StoreError>
    where
        T: clickhouse::RowOwned + serde::de::DeserializeOwned,
    {
        let (log_id, partition) = (stretch.log_id.to_string(), stretch.partition.to_string());
        let (start, end) = (stretch.records.start.to_string(), stretch.records.end.to_string());
        let parameters = [("log_id", log_id.as_str()), ("partition", &partition), ("start", &start), ("end", &end)];
        self.rows(doing, &format!("{columns} {OF_PARTITION}"), &parameters).await
    }
}
