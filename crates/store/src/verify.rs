//! Questions that check the tables: what each record of the log has become, and whether the usage tables say what their base says. For
//! `daylight verify`, and for the tests that break things.

use clickhouse::Row;
use serde::Deserialize;

use crate::{Client, StoreError};

/// Differences of one table that one answer lists at most.
const DIFFERENCES_MAX: u32 = 1_000;

/// What is stored of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct StoredRecord {
    /// Its offset.
    pub offset: u64,
    /// Rows.
    pub rows: u64,
    /// Different indexes among them.
    pub indexes: u64,
    /// The greatest index.
    pub last_index: u16,
}

/// A cell of a usage table that does not say what `events` says.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct UsageDifference {
    /// The table.
    pub table: String,
    /// Our tenant.
    pub tenant: String,
    /// The canonical app.
    pub app_key: String,
    /// The department; empty where the table knows none.
    pub department: String,
    /// The day, in days since 1970-01-01; 0 where the table knows none.
    pub day: u16,
    /// What differs.
    pub what: String,
    /// What the events say.
    pub base: u64,
    /// What the table says.
    pub derived: u64,
}

const RECORDS: &str = "
SELECT _offset AS offset, count() AS rows, uniqExact(_index) AS indexes, max(_index) AS last_index
FROM events
WHERE _log_id = {log_id:UInt128} AND _partition = {partition:UInt32} AND _offset >= {start:UInt64} AND _offset < {end:UInt64}
GROUP BY offset
ORDER BY offset";

/// Origins of events that the table refused.
const REFUSED: &str = "
SELECT DISTINCT origin
FROM dead_letters
WHERE reason = 'refused_by_table' AND startsWith(origin, {prefix:String})";

/// Does an event show use? As `sink` decides it (`usage.rs`).
const IS_USE: &str = "(kind IN ('sso', 'token_issued', 'token_use') OR (kind = 'login_success' AND app_id_kind != 'none' AND app_native_id != '' AND app_kind != 'first_party')) AND outcome NOT IN ('failure', 'denied', 'challenge')";

/// The days of the question, of `events`.
const OF_EVENTS: &str =
    "app_key != '' AND toDate(occurred_at) >= toDate({first:UInt16}) AND toDate(occurred_at) <= toDate({last:UInt16})";

/// The days of the question, of a usage table.
const OF_DAYS: &str = "day >= toDate({first:UInt16}) AND day <= toDate({last:UInt16})";

/// The common beginning of a question: each cell with a number from the events and one from the table, of which those are told that differ.
fn differing(table: &str, what: &str, base: &str, derived: &str) -> String {
    format!(
        "SELECT '{table}' AS table, tenant, app_key, department, toUInt16(date) AS day, {what} AS what, sum(base) AS base, sum(derived) AS derived
FROM ({base} UNION ALL {derived})
GROUP BY tenant, app_key, department, date, what
HAVING base != derived
ORDER BY date, tenant, app_key, department, what
LIMIT {DIFFERENCES_MAX}"
    )
}

const CELL: &str = "toString(tenant) AS tenant, toString(app_key) AS app_key, toString(department) AS department";

/// People by cell; and of those whom both know, whether first and last use agree.
fn people() -> String {
    let person = |first: &str, last: &str, from: &str, side: u8| {
        format!(
            "SELECT {CELL}, {day} AS date, user_key, toUnixTimestamp64Milli({first}) AS first, toUnixTimestamp64Milli({last}) AS last, {side} AS side FROM {from} GROUP BY tenant, app_key, department, date, user_key",
            day = if side == 1 { "toDate(occurred_at)" } else { "day" }
        )
    };
    let base = person(
        "min(occurred_at)",
        "max(occurred_at)",
        &format!("events WHERE {OF_EVENTS} AND {IS_USE} AND user_key != 0"),
        1,
    );
    let derived = person("min(first_used_at)", "max(last_used_at)", &format!("app_person_days WHERE {OF_DAYS}"), 2);
    // A person whom both know alike stands on both sides; whatever else is a difference.
    let alone = format!(
        "SELECT tenant, app_key, department, date, countIf(sides = 1) AS base, countIf(sides = 2) AS derived FROM (SELECT tenant, app_key, department, date, sum(side) AS sides FROM ({base} UNION ALL {derived}) GROUP BY tenant, app_key, department, date, user_key, first, last) GROUP BY tenant, app_key, department, date"
    );
    format!(
        "SELECT 'app_person_days' AS table, tenant, app_key, department, toUInt16(date) AS day, 'people, with first and last use' AS what, base, derived FROM ({alone}) WHERE base + derived > 0 ORDER BY date, tenant, app_key, department LIMIT {DIFFERENCES_MAX}"
    )
}

fn sessions() -> String {
    let base = format!(
        "SELECT {CELL}, toDate(occurred_at) AS date, uniqExact(source, session_id) AS base, 0 AS derived FROM events WHERE {OF_EVENTS} AND {IS_USE} AND session_id != '' GROUP BY tenant, app_key, department, date"
    );
    let derived = format!(
        "SELECT {CELL}, day AS date, 0 AS base, uniqExact(session_key) AS derived FROM app_sessions WHERE {OF_DAYS} GROUP BY tenant, app_key, department, date"
    );
    differing("app_sessions", "'sessions'", &base, &derived)
}

fn counts() -> String {
    let base = format!(
        "SELECT {CELL}, toDate(occurred_at) AS date, pair.1 AS what, sum(pair.2) AS base, 0 AS derived FROM events ARRAY JOIN [('rows', 1), ('uses', {IS_USE}), ('grants', kind = 'oauth_grant' AND outcome NOT IN ('failure', 'denied')), ('failures', outcome IN ('failure', 'denied'))] AS pair WHERE {OF_EVENTS} GROUP BY tenant, app_key, department, date, what"
    );
    let derived = format!(
        "SELECT {CELL}, day AS date, pair.1 AS what, 0 AS base, sum(pair.2) AS derived FROM (SELECT tenant, app_key, department, day, rows, uses, grants, failures FROM app_days FINAL WHERE {OF_DAYS}) ARRAY JOIN [('rows', rows), ('uses', uses), ('grants', grants), ('failures', failures)] AS pair GROUP BY tenant, app_key, department, date, what"
    );
    differing("app_days", "what", &base, &derived)
}

/// The inventory has no days: it is compared as a whole, and only what the events of the table still can say.
fn apps() -> String {
    let app = "toString(tenant) AS tenant, toString(app_key) AS app_key, '' AS department, toDate(0) AS date";
    let facts = |from: &str, first: &str, last: &str, references: &str, of_base: &str, of_derived: &str| {
        format!(
            "SELECT tenant, app_key, department, date, pair.1 AS what, toUInt64(pair.2) * {of_base} AS base, toUInt64(pair.2) * {of_derived} AS derived FROM (SELECT {app}, toUnixTimestamp64Milli({first}) AS first, toUnixTimestamp64Milli({last}) AS last, cityHash64(arraySort({references})) AS refs FROM {from} GROUP BY tenant, app_key) ARRAY JOIN [('first_seen_at', toUInt64(first)), ('last_seen_at', toUInt64(last)), ('app_refs, as a hash', refs)] AS pair"
        )
    };
    let reference =
        "groupUniqArray(concat(toString(source), ':', toString(app_id_kind), ':', toString(app_native_id)))";
    let base = facts("events WHERE app_key != ''", "min(occurred_at)", "max(occurred_at)", reference, "1", "0");
    let derived = facts("apps", "min(first_seen_at)", "max(last_seen_at)", "groupUniqArrayArray(app_refs)", "0", "1");
    differing("apps", "what", &base, &derived)
}

impl Client {
    /// What is stored of the records `start..end` of a partition, in order; records without rows are left out.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn stored_records(
        &self,
        log_id: u128,
        partition: u32,
        records: std::ops::Range<u64>,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let (log_id, partition) = (log_id.to_string(), partition.to_string());
        let (start, end) = (records.start.to_string(), records.end.to_string());
        let parameters = [("log_id", log_id.as_str()), ("partition", &partition), ("start", &start), ("end", &end)];
        self.rows("counting what is stored of each record", RECORDS, &parameters).await
    }

    /// The origins of refused events that begin with `prefix` (`record:events/3/`).
    ///
    /// # Errors
    /// As `stored_records`.
    pub async fn refused_origins(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.rows("listing refused events", REFUSED, &[("prefix", prefix)]).await
    }

    /// The days on which anything in `events` happened: the first and the last, in days since 1970-01-01. Nothing when there are no events.
    ///
    /// # Errors
    /// As `stored_records`.
    pub async fn days_of_events(&self) -> Result<Option<(u16, u16)>, StoreError> {
        const DAYS: &str = "SELECT toUInt16(toDate(min(occurred_at))) AS first, toUInt16(toDate(max(occurred_at))) AS last, count() AS rows FROM events";
        let found: Vec<(u16, u16, u64)> = self.rows("asking for the days of events", DAYS, &[]).await?;
        Ok(found.first().filter(|(.., rows)| *rows > 0).map(|(first, last, _)| (*first, *last)))
    }

    /// Where usage and inventory differ from the events of these days (both included); at most 1,000 differences a table. The inventory is
    /// compared as a whole. Reads every event of the days: not a question of every minute.
    ///
    /// # Errors
    /// As `stored_records`.
    pub async fn usage_differences(&self, first_day: u16, last_day: u16) -> Result<Vec<UsageDifference>, StoreError> {
        let (first, last) = (first_day.to_string(), last_day.to_string());
        let parameters = [("first", first.as_str()), ("last", last.as_str())];
        let mut differences = Vec::new();
        for question in [people(), sessions(), counts(), apps()] {
            let found: Vec<UsageDifference> =
                self.rows("comparing usage with its base", &question, &parameters).await?;
            differences.extend(found);
        }
        Ok(differences)
    }
}
