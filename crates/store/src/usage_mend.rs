//! Makes a day of a tenant, or an app of the inventory, say what the events say: what `daylight reconcile` does where `usage_check` has found
//! a difference.
//!
//! What a table knows and no event says is removed first; then everything that the events say is stored, whether it is there or not, because
//! every merge is idempotent. In this order it is safe beside a sink that writes: what it stores while something is removed is either in the
//! events that are read afterwards, or it is stored after them. Counts are replaced under their own keys, and nothing is removed.

use clickhouse::Row;
use serde::Deserialize;

use crate::{
    Client, Settled, StoreError,
    usage_check::{IS_SETTLED, IS_USE, REFERENCE},
    verify::list,
};

/// What every statement here says about itself: a block that was stored once and is gone must not be taken for a copy.
const STORED_ANYWAY: &str = "SETTINGS async_insert = 0, insert_deduplicate = 0, deduplicate_insert = 'disable'";

/// The events of the question: one day of one tenant.
const OF_DAY: &str = "tenant = {tenant:String} AND app_key != '' AND toDate(occurred_at) = toDate({day:UInt16})";

/// A session of a day, as the events say it.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct SessionOfDay {
    /// The canonical app.
    pub app_key: String,
    /// The department.
    pub department: String,
    /// The wire index of the source.
    pub source: u8,
    /// The provider's session.
    pub session_id: String,
}

/// A stored session of a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Row, Deserialize)]
pub struct StoredSession {
    /// The canonical app.
    pub app_key: String,
    /// The department.
    pub department: String,
    /// Stable hash of the session.
    pub session_key: u64,
}

/// What the settled events of a partition count in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct CellCounts {
    /// The log.
    pub log_id: u128,
    /// Its partition.
    pub partition: u32,
    /// The first record that counts.
    pub offset: u64,
    /// Rows, uses, grants and failures.
    pub rows: u64,
    /// See above.
    pub uses: u64,
    /// See above.
    pub grants: u64,
    /// See above.
    pub failures: u64,
}

/// One cell of the usage tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Our tenant.
    pub tenant: &'a str,
    /// The canonical app.
    pub app_key: &'a str,
    /// The department.
    pub department: &'a str,
    /// Days since 1970-01-01.
    pub day: u16,
}

/// What the inventory calls an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Deserialize)]
struct Called {
    name: String,
    category: String,
    is_first_party: bool,
    /// The day of its first event, as far as the table knows.
    first_day: u16,
}

impl Client {
    /// Makes the people of a tenant's day those of the events. `is_whole`: do the events tell everything of that day? Else nothing is removed.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses it. What was done by then does no harm.
    pub async fn mend_people(&self, tenant: &str, day: u16, is_whole: bool) -> Result<(), StoreError> {
        let day = day.to_string();
        let parameters = [("tenant", tenant), ("day", day.as_str())];
        let uses = format!("FROM events WHERE {OF_DAY} AND {IS_USE} AND user_key != 0");
        let person = "toString(app_key), toString(department), user_key";
        if is_whole {
            // Each row's first and last use is the time of some event.
            let times = format!("(SELECT {person}, occurred_at {uses})");
            let remove = format!(
                "ALTER TABLE app_person_days DELETE WHERE tenant = {{tenant:String}} AND day = toDate({{day:UInt16}}) AND NOT (({person}, first_used_at) IN {times} AND ({person}, last_used_at) IN {times}) SETTINGS mutations_sync = 2"
            );
            self.execute("removing people whom no event tells of", &remove, &parameters).await?;
        }
        let store = format!(
            "INSERT INTO app_person_days SELECT tenant, app_key, department, toDate(occurred_at) AS date, user_key, min(occurred_at), max(occurred_at) {uses} GROUP BY tenant, app_key, department, date, user_key {STORED_ANYWAY}"
        );
        self.execute("storing the people of a day", &store, &parameters).await
    }

    /// The sessions of a tenant's day, as the events say; at most `limit`.
    ///
    /// # Errors
    /// As `mend_people`.
    pub async fn sessions_of_events(
        &self,
        tenant: &str,
        day: u16,
        limit: usize,
    ) -> Result<Vec<SessionOfDay>, StoreError> {
        let question = format!(
            "SELECT DISTINCT toString(app_key) AS app_key, toString(department) AS department, toUInt8(source) AS source, session_id FROM events WHERE {OF_DAY} AND {IS_USE} AND session_id != '' LIMIT {limit}"
        );
        let day = day.to_string();
        self.rows("reading the sessions of a day", &question, &[("tenant", tenant), ("day", &day)]).await
    }

    /// The sessions of a tenant's day that are stored; at most `limit`.
    ///
    /// # Errors
    /// As `mend_people`.
    pub async fn stored_sessions(
        &self,
        tenant: &str,
        day: u16,
        limit: usize,
    ) -> Result<Vec<StoredSession>, StoreError> {
        let question = format!(
            "SELECT DISTINCT toString(app_key) AS app_key, toString(department) AS department, session_key FROM app_sessions WHERE tenant = {{tenant:String}} AND day = toDate({{day:UInt16}}) LIMIT {limit}"
        );
        let day = day.to_string();
        self.rows("reading the stored sessions of a day", &question, &[("tenant", tenant), ("day", &day)]).await
    }

    /// Removes sessions of a cell, and waits until that is done. For some thousands at a time.
    ///
    /// # Errors
    /// As `mend_people`.
    pub async fn remove_sessions(&self, cell: &Cell<'_>, keys: &[u64]) -> Result<(), StoreError> {
        const REMOVE: &str = "ALTER TABLE app_sessions DELETE WHERE tenant = {tenant:String} AND day = toDate({day:UInt16}) AND app_key = {app_key:String} AND department = {department:String} AND has({keys:Array(UInt64)}, session_key) SETTINGS mutations_sync = 2";
        let keys = list(keys.iter());
        let day = cell.day.to_string();
        let mut parameters = cell.parameters(&day).to_vec();
        parameters.push(("keys", &keys));
        self.execute("removing sessions that no event tells of", REMOVE, &parameters).await
    }

    /// What the settled events of a cell count, by partition of their log.
    ///
    /// # Errors
    /// As `mend_people`.
    pub async fn counts_of_events(&self, cell: &Cell<'_>, settled: &Settled) -> Result<Vec<CellCounts>, StoreError> {
        let question = format!(
            "SELECT _log_id AS log_id, _partition AS partition, min(_offset) AS offset, count() AS rows, countIf({IS_USE}) AS uses, countIf(kind = 'oauth_grant' AND outcome NOT IN ('failure', 'denied')) AS grants, countIf(outcome IN ('failure', 'denied')) AS failures FROM events WHERE {OF_DAY} AND app_key = {{app_key:String}} AND department = {{department:String}} AND {IS_SETTLED} GROUP BY log_id, partition ORDER BY log_id, partition"
        );
        self.cell_counts(&question, cell, settled).await
    }

    /// What the settled batches have counted in a cell, in order.
    ///
    /// # Errors
    /// As `mend_people`.
    pub async fn stored_counts(&self, cell: &Cell<'_>, settled: &Settled) -> Result<Vec<CellCounts>, StoreError> {
        let question = format!(
            "SELECT _log_id AS log_id, _partition AS partition, _offset AS offset, rows, uses, grants, failures FROM app_days FINAL WHERE tenant = {{tenant:String}} AND app_key = {{app_key:String}} AND department = {{department:String}} AND day = toDate({{day:UInt16}}) AND {IS_SETTLED} ORDER BY log_id, partition, offset"
        );
        self.cell_counts(&question, cell, settled).await
    }

    async fn cell_counts(
        &self,
        question: &str,
        cell: &Cell<'_>,
        settled: &Settled,
    ) -> Result<Vec<CellCounts>, StoreError> {
        let (log_id, landed, day) = (settled.log_id.to_string(), settled.landed_list(), cell.day.to_string());
        let mut parameters = cell.parameters(&day).to_vec();
        parameters.extend([("log_id", log_id.as_str()), ("landed", &landed)]);
        self.rows("reading the counts of a cell", question, &parameters).await
    }

    /// Makes an app of the inventory what the events say of it; what it is called stays. Where it was seen before the day from which on the
    /// events tell everything, nothing is removed.
    ///
    /// # Errors
    /// As `mend_people`.
    pub async fn mend_app(&self, tenant: &str, app_key: &str, whole_from: u16) -> Result<(), StoreError> {
        const IN_TABLE: &str = "SELECT anyLast(name) AS name, anyLast(category) AS category, max(is_first_party) AS is_first_party, toUInt16(toDate(min(first_seen_at))) AS first_day FROM apps WHERE tenant = {tenant:String} AND app_key = {app_key:String} HAVING count() > 0";
        const IN_EVENTS: &str = "SELECT argMax(toString(app_name), (app_name != '', occurred_at)) AS name, argMax(toString(category), occurred_at) AS category, max(is_first_party) AS is_first_party, toUInt16(toDate(min(occurred_at))) AS first_day FROM events WHERE tenant = {tenant:String} AND app_key = {app_key:String} HAVING count() > 0";
        const REMOVE: &str = "ALTER TABLE apps DELETE WHERE tenant = {tenant:String} AND app_key = {app_key:String} SETTINGS mutations_sync = 2";
        let parameters = [("tenant", tenant), ("app_key", app_key)];
        let doing = "asking what an app is called";
        let mut called: Vec<Called> = self.rows(doing, IN_TABLE, &parameters).await?;
        if called.is_empty() {
            called = self.rows(doing, IN_EVENTS, &parameters).await?;
        }
        let called = called.into_iter().next().unwrap_or_default();
        if called.first_day == 0 || called.first_day >= whole_from {
            self.execute("removing what no event tells of an app", REMOVE, &parameters).await?;
        }
        let is_first_party = u8::from(called.is_first_party).to_string();
        let store = format!(
            "INSERT INTO apps SELECT tenant, app_key, {{name:String}}, {{category:String}}, toBool({{is_first_party:UInt8}}), groupUniqArray({REFERENCE}), min(occurred_at), max(occurred_at) FROM events WHERE tenant = {{tenant:String}} AND app_key = {{app_key:String}} GROUP BY tenant, app_key {STORED_ANYWAY}"
        );
        let parameters = [
            ("tenant", tenant),
            ("app_key", app_key),
            ("name", called.name.as_str()),
            ("category", called.category.as_str()),
            ("is_first_party", is_first_party.as_str()),
        ];
        self.execute("storing an app of the inventory", &store, &parameters).await
    }
}

impl<'a> Cell<'a> {
    fn parameters<'p>(&'p self, day: &'p str) -> [(&'p str, &'p str); 4] {
        [("tenant", self.tenant), ("app_key", self.app_key), ("department", self.department), ("day", day)]
    }
}
