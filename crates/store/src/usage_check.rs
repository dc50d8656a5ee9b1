//! Whether usage and inventory say what their base says, asked so that the answer holds while events land.
//!
//! Of the events, those below the offset that the sink has committed are *settled*: what is derived from them is stored. So the tables must
//! know at least what the settled events say, and at most what all events say. Counts carry the start of their batch, and a batch never
//! lies across that border: they are compared below it, on both sides. Each question reads the derived table before its base, because
//! `sink` writes them the other way round.
//!
//! The tables of usage are kept for ever and the events may not be: what lies before the oldest month that `events` has may know more than
//! the events do, and is asked only whether it knows less.

use clickhouse::Row;
use serde::Deserialize;

use crate::{Client, StoreError, verify::list};

/// Differences of one table that one answer lists at most.
pub const DIFFERENCES_MAX: usize = 1_000;

/// Up to where the events of each partition are settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The log that is still written. What is stored of any other is settled.
    pub log_id: u128,
    /// By partition, one past the last settled offset.
    pub landed: Vec<u64>,
}

impl Settled {
    /// The offsets as a parameter.
    pub(crate) fn landed_list(&self) -> String {
        list(self.landed.iter())
    }
}

/// A cell of a usage table that does not say what `events` says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Row, Deserialize)]
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

/// Does an event show use? As `sink` decides it (`usage.rs`).
pub(crate) const IS_USE: &str = "(kind IN ('sso', 'token_issued', 'token_use') OR (kind = 'login_success' AND app_id_kind != 'none' AND app_native_id != '' AND app_kind != 'first_party')) AND outcome NOT IN ('failure', 'denied', 'challenge')";

/// Was an event or count derived below the committed offset?
pub(crate) const IS_SETTLED: &str =
    "(_log_id != {log_id:UInt128} OR _offset < arrayElement({landed:Array(UInt64)}, _partition + 1))";

/// The reference of an event's app, as the inventory writes it.
pub(crate) const REFERENCE: &str = "concat(toString(source), ':', toString(app_id_kind), ':', toString(app_native_id))";

/// The first day that the events tell everything of: that of the oldest month of `received_at` that is there; never, where none is.
const WHOLE_FROM: &str =
    "assumeNotNull((SELECT if(count() = 0, toDate(65535), toStartOfMonth(toDate(min(received_at)))) FROM events))";

/// The days of the question, of `events`.
const OF_EVENTS: &str =
    "app_key != '' AND toDate(occurred_at) >= toDate({first:UInt16}) AND toDate(occurred_at) <= toDate({last:UInt16})";

/// The days of the question, of a usage table.
const OF_DAYS: &str = "day >= toDate({first:UInt16}) AND day <= toDate({last:UInt16})";

const CELL: &str = "toString(tenant) AS tenant, toString(app_key) AS app_key, toString(department) AS department";

/// People whom one side knows alone, or of whose first and last use it says something else.
fn people() -> String {
    let derived = format!(
        "SELECT {CELL}, day AS date, user_key, toUnixTimestamp64Milli(min(first_used_at)) AS first, toUnixTimestamp64Milli(max(last_used_at)) AS last, toInt64(0) AS settled_first, toInt64(0) AS settled_last, toInt64(0) AS base_first, toInt64(0) AS base_last, toUInt64(1) AS is_derived, toUInt64(0) AS settled, toUInt64(0) AS events FROM app_person_days WHERE {OF_DAYS} GROUP BY tenant, app_key, department, date, user_key"
    );
    let base = format!(
        "SELECT {CELL}, toDate(occurred_at) AS date, user_key, toInt64(0) AS first, toInt64(0) AS last, toUnixTimestamp64Milli(minIf(occurred_at, {IS_SETTLED})) AS settled_first, toUnixTimestamp64Milli(maxIf(occurred_at, {IS_SETTLED})) AS settled_last, toUnixTimestamp64Milli(min(occurred_at)) AS base_first, toUnixTimestamp64Milli(max(occurred_at)) AS base_last, toUInt64(0) AS is_derived, countIf({IS_SETTLED}) AS settled, count() AS events FROM events WHERE {OF_EVENTS} AND {IS_USE} AND user_key != 0 GROUP BY tenant, app_key, department, date, user_key"
    );
    let facts = "sum(first) AS first, sum(last) AS last, sum(settled_first) AS settled_first, sum(settled_last) AS settled_last, sum(base_first) AS base_first, sum(base_last) AS base_last, sum(is_derived) AS is_derived, sum(settled) AS settled, sum(events) AS events";
    let people = format!(
        "SELECT tenant, app_key, department, date, user_key, {facts} FROM ({derived} UNION ALL {base}) GROUP BY tenant, app_key, department, date, user_key"
    );
    let knows_less = "settled > 0 AND (is_derived = 0 OR first > settled_first OR last < settled_last)";
    let knows_more =
        format!("is_derived > 0 AND date >= {WHOLE_FROM} AND (events = 0 OR first < base_first OR last > base_last)");
    format!(
        "SELECT 'app_person_days' AS table, tenant, app_key, department, toUInt16(date) AS day, 'people of one side alone, with first and last use' AS what, countIf({knows_less}) AS base, countIf({knows_more}) AS derived FROM ({people}) GROUP BY tenant, app_key, department, date HAVING base + derived > 0 ORDER BY date, tenant, app_key, department LIMIT {DIFFERENCES_MAX}"
    )
}

/// The end of a question that compares one number: at least that of the settled events, at most that of all.
fn between(table: &str, what: &str, derived: &str, base: &str) -> String {
    format!(
        "SELECT '{table}' AS table, tenant, app_key, department, toUInt16(date) AS day, {what} AS what, if(sum(in_table) < sum(settled), sum(settled), sum(events)) AS base, sum(in_table) AS derived FROM ({derived} UNION ALL {base}) GROUP BY tenant, app_key, department, date, what HAVING derived < sum(settled) OR (date >= {WHOLE_FROM} AND derived > sum(events)) ORDER BY date, tenant, app_key, department, what LIMIT {DIFFERENCES_MAX}"
    )
}

fn sessions() -> String {
    let derived = format!(
        "SELECT {CELL}, day AS date, uniqExact(session_key) AS in_table, toUInt64(0) AS settled, toUInt64(0) AS events FROM app_sessions WHERE {OF_DAYS} GROUP BY tenant, app_key, department, date"
    );
    let base = format!(
        "SELECT {CELL}, toDate(occurred_at) AS date, toUInt64(0) AS in_table, uniqExactIf((source, session_id), {IS_SETTLED}) AS settled, uniqExact((source, session_id)) AS events FROM events WHERE {OF_EVENTS} AND {IS_USE} AND session_id != '' GROUP BY tenant, app_key, department, date"
    );
    between("app_sessions", "'sessions'", &derived, &base)
}

fn counts() -> String {
    let derived = format!(
        "SELECT {CELL}, day AS date, pair.1 AS what, sum(pair.2) AS in_table, toUInt64(0) AS settled, toUInt64(0) AS events FROM (SELECT tenant, app_key, department, day, rows, uses, grants, failures FROM app_days FINAL WHERE {OF_DAYS} AND {IS_SETTLED}) ARRAY JOIN [('rows', rows), ('uses', uses), ('grants', grants), ('failures', failures)] AS pair GROUP BY tenant, app_key, department, date, what"
    );
    // Both borders are the same here.
    let base = format!(
        "SELECT {CELL}, toDate(occurred_at) AS date, pair.1 AS what, toUInt64(0) AS in_table, sum(toUInt64(pair.2)) AS settled, settled AS events FROM events ARRAY JOIN [('rows', 1), ('uses', {IS_USE}), ('grants', kind = 'oauth_grant' AND outcome NOT IN ('failure', 'denied')), ('failures', outcome IN ('failure', 'denied'))] AS pair WHERE {OF_EVENTS} AND {IS_SETTLED} GROUP BY tenant, app_key, department, date, what"
    );
    between("app_days", "what", &derived, &base)
}

/// The inventory has no days: it is compared as a whole.
fn apps() -> String {
    let app = "toString(tenant) AS tenant, toString(app_key) AS app_key";
    let derived = format!(
        "SELECT {app}, toUInt64(1) AS is_derived, toUInt64(0) AS settled, toUInt64(0) AS events, toUnixTimestamp64Milli(min(first_seen_at)) AS first, toUnixTimestamp64Milli(max(last_seen_at)) AS last, toInt64(0) AS settled_first, toInt64(0) AS settled_last, toInt64(0) AS base_first, toInt64(0) AS base_last, groupUniqArrayArray(app_refs) AS refs, emptyArrayString() AS settled_refs, emptyArrayString() AS base_refs FROM apps GROUP BY tenant, app_key"
    );
    let base = format!(
        "SELECT {app}, toUInt64(0) AS is_derived, countIf({IS_SETTLED}) AS settled, count() AS events, toInt64(0) AS first, toInt64(0) AS last, toUnixTimestamp64Milli(minIf(occurred_at, {IS_SETTLED})) AS settled_first, toUnixTimestamp64Milli(maxIf(occurred_at, {IS_SETTLED})) AS settled_last, toUnixTimestamp64Milli(min(occurred_at)) AS base_first, toUnixTimestamp64Milli(max(occurred_at)) AS base_last, emptyArrayString() AS refs, groupUniqArrayIf({REFERENCE}, {IS_SETTLED}) AS settled_refs, groupUniqArray({REFERENCE}) AS base_refs FROM events WHERE app_key != '' GROUP BY tenant, app_key"
    );
    let facts = "sum(is_derived) > 0 AS is_known, sum(settled) AS settled, sum(events) AS events, sum(first) AS first, sum(last) AS last, sum(settled_first) AS settled_first, sum(settled_last) AS settled_last, sum(base_first) AS base_first, sum(base_last) AS base_last, groupUniqArrayArray(refs) AS refs, groupUniqArrayArray(settled_refs) AS settled_refs, groupUniqArrayArray(base_refs) AS base_refs";
    // An app that was first seen before the oldest month of the events may have anything that they do not tell. 1970 is no such time.
    let whole = |time: &str| format!("({time} <= 0 OR toDate(fromUnixTimestamp64Milli({time})) >= {WHOLE_FROM})");
    let (is_whole, is_last_whole) = (whole("first"), whole("last"));
    let pairs = format!(
        "[('first_seen_at', toUInt64(if(settled > 0, settled_first, base_first)), toUInt64(first), (settled > 0 AND (NOT is_known OR first > settled_first)) OR (is_known AND {is_whole} AND (events = 0 OR first < base_first))), ('last_seen_at', toUInt64(if(settled > 0, settled_last, base_last)), toUInt64(last), (settled > 0 AND (NOT is_known OR last < settled_last)) OR (is_known AND {is_last_whole} AND (events = 0 OR last > base_last))), ('app_refs', length(base_refs), length(refs), NOT hasAll(refs, settled_refs) OR (is_known AND {is_whole} AND NOT hasAll(base_refs, refs)))]"
    );
    format!(
        "SELECT 'apps' AS table, tenant, app_key, '' AS department, toUInt16(0) AS day, pair.1 AS what, pair.2 AS base, pair.3 AS derived FROM (SELECT tenant, app_key, {facts} FROM ({derived} UNION ALL {base}) GROUP BY tenant, app_key) ARRAY JOIN {pairs} AS pair WHERE pair.4 ORDER BY tenant, app_key, what LIMIT {DIFFERENCES_MAX}"
    )
}

/// The days that events or usage know of.
const DAYS: &str = "
SELECT DISTINCT toUInt16(date) AS day
FROM
(
    SELECT day AS date FROM app_person_days
    UNION ALL SELECT day AS date FROM app_sessions
    UNION ALL SELECT day AS date FROM app_days
    UNION ALL SELECT toDate(occurred_at) AS date FROM events WHERE app_key != ''
)
ORDER BY day";

impl Client {
    /// The days on which anything was used or happened, in days since 1970-01-01 and in order.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn days_of_usage(&self) -> Result<Vec<u16>, StoreError> {
        self.rows("asking for the days of usage", DAYS, &[]).await
    }

    /// Where the usage tables differ from the events of these days (both included); at most `DIFFERENCES_MAX` a table. Reads every event of
    /// the days: not a question of every minute.
    ///
    /// # Errors
    /// As `days_of_usage`.
    pub async fn usage_differences(
        &self,
        settled: &Settled,
        first_day: u16,
        last_day: u16,
    ) -> Result<Vec<UsageDifference>, StoreError> {
        let (first, last) = (first_day.to_string(), last_day.to_string());
        let days = [("first", first.as_str()), ("last", last.as_str())];
        let mut differences = Vec::new();
        for question in [people(), sessions(), counts()] {
            differences.extend(self.differences(&question, settled, &days).await?);
        }
        Ok(differences)
    }

    /// Where the inventory differs from the events, as `usage_differences`. Reads every event that there is.
    ///
    /// # Errors
    /// As `days_of_usage`.
    pub async fn inventory_differences(&self, settled: &Settled) -> Result<Vec<UsageDifference>, StoreError> {
        self.differences(&apps(), settled, &[]).await
    }

    /// The first day of which the events tell everything; the last day there is where nothing is told of any.
    ///
    /// # Errors
    /// As `days_of_usage`.
    pub async fn whole_from(&self) -> Result<u16, StoreError> {
        let question = format!("SELECT toUInt16({WHOLE_FROM}) AS day");
        let found: Vec<u16> = self.rows("asking for the oldest month of events", &question, &[]).await?;
        Ok(found.first().copied().unwrap_or(u16::MAX))
    }

    async fn differences(
        &self,
        question: &str,
        settled: &Settled,
        days: &[(&str, &str)],
    ) -> Result<Vec<UsageDifference>, StoreError> {
        let (log_id, landed) = (settled.log_id.to_string(), settled.landed_list());
        let mut parameters = vec![("log_id", log_id.as_str()), ("landed", &landed)];
        parameters.extend_from_slice(days);
        self.rows("comparing usage with its base", question, &parameters).await
    }
}
