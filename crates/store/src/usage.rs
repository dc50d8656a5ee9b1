//! The questions of every day, answered from the sets: who uses what. Nothing here scans `events`.

use clickhouse::Row;
use serde::Deserialize;

use crate::{Client, StoreError};

/// Apps that one answer lists at most.
const APPS_MAX: u32 = 10_000;

/// People of a tenant who used any app: on the day, in the 7 days, and in the 30 days that end with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct ActivePeople {
    /// On the day.
    pub daily: u64,
    /// In the 7 days that end with it.
    pub weekly: u64,
    /// In the 30 days that end with it.
    pub monthly: u64,
}

/// The use of one app, up to and including a day.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct AppUsage {
    /// The canonical app.
    pub app_key: String,
    /// People on the day.
    pub daily: u64,
    /// People in the 7 days that end with it.
    pub weekly: u64,
    /// People in the 30 days that end with it.
    pub monthly: u64,
    /// Sessions in the 30 days that end with it.
    pub sessions: u64,
    /// First use in those 30 days, in milliseconds since 1970-01-01T00:00:00Z.
    pub first_used_at_ms: i64,
    /// Last use in those 30 days, in milliseconds since 1970-01-01T00:00:00Z.
    pub last_used_at_ms: i64,
}

const ACTIVE_PEOPLE: &str = "
SELECT
    uniqExactIf(user_key, day = toDate({day:UInt16})) AS daily,
    uniqExactIf(user_key, day > toDate({day:UInt16}) - 7) AS weekly,
    uniqExact(user_key) AS monthly
FROM app_person_days
WHERE tenant = {tenant:String} AND day > toDate({day:UInt16}) - 30 AND day <= toDate({day:UInt16})";

const APP_USAGE: &str = "
SELECT
    people.app_key AS app_key,
    people.daily AS daily,
    people.weekly AS weekly,
    people.monthly AS monthly,
    sessions.count AS sessions,
    toUnixTimestamp64Milli(people.first_used) AS first_used_at_ms,
    toUnixTimestamp64Milli(people.last_used) AS last_used_at_ms
FROM
(
    SELECT
        toString(app_key) AS app_key,
        uniqExactIf(user_key, day = toDate({day:UInt16})) AS daily,
        uniqExactIf(user_key, day > toDate({day:UInt16}) - 7) AS weekly,
        uniqExact(user_key) AS monthly,
        min(first_used_at) AS first_used,
        max(last_used_at) AS last_used
    FROM app_person_days
    WHERE tenant = {tenant:String} AND day > toDate({day:UInt16}) - 30 AND day <= toDate({day:UInt16})
    GROUP BY app_key
) AS people
LEFT JOIN
(
    SELECT toString(app_key) AS app_key, uniqExact(session_key) AS count
    FROM app_sessions
    WHERE tenant = {tenant:String} AND day > toDate({day:UInt16}) - 30 AND day <= toDate({day:UInt16})
    GROUP BY app_key
) AS sessions USING (app_key)
ORDER BY monthly DESC, app_key
LIMIT {limit:UInt32}";

impl Client {
    /// How many people of a tenant are active on a day, its week and its month. `day` is a number of days since 1970-01-01.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn active_people(&self, tenant: &str, day: u16) -> Result<ActivePeople, StoreError> {
        let day = day.to_string();
        let parameters = [("tenant", tenant), ("day", day.as_str())];
        let rows = self.rows("counting active people", ACTIVE_PEOPLE, &parameters).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// The use of every app of a tenant in the 30 days that end with `day`, the most used first; at most 10,000 of them.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses the question.
    pub async fn app_usage(&self, tenant: &str, day: u16) -> Result<Vec<AppUsage>, StoreError> {
        let (day, limit) = (day.to_string(), APPS_MAX.to_string());
        let parameters = [("tenant", tenant), ("day", day.as_str()), ("limit", limit.as_str())];
        self.rows("listing the use of apps", APP_USAGE, &parameters).await
    }
}
