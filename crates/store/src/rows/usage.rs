//! The rows of the usage and inventory tables, derived by `sink` from each batch. Every merge is idempotent: sets, minima, maxima, and
//! counts whose key holds the start of the batch that they were counted in. So a batch that is sent again changes nothing.

use super::REPEATED;
use crate::native::{Dictionary, Fixed, List, Text, native_block};

/// A time of which the smallest counts.
const FIRST_TIME: &str = "SimpleAggregateFunction(min, DateTime64(3, 'UTC'))";

/// A time of which the greatest counts.
const LAST_TIME: &str = "SimpleAggregateFunction(max, DateTime64(3, 'UTC'))";

/// A text of which the one stored last counts.
const LAST_TEXT: &str = "SimpleAggregateFunction(anyLast, String)";

native_block! {
    /// A person used an app on a day. Days are numbers since 1970-01-01 in UTC.
    AppPersonDayRow<'a> =>
    /// The set of people by app and day.
    AppPersonDaysBlock in "app_person_days" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The canonical app.
        app_key: &'a str => Dictionary, REPEATED;
        /// The person's department on that day.
        department: &'a str => Dictionary, REPEATED;
        /// The day of `occurred_at`.
        day: u16 => Fixed<u16>, "Date";
        /// The person.
        user_key: u64 => Fixed<u64>, "UInt64";
        /// First use in the batch.
        first_used_at: i64 => Fixed<i64>, FIRST_TIME;
        /// Last use in the batch.
        last_used_at: i64 => Fixed<i64>, LAST_TIME;
    }
}

native_block! {
    /// A session touched an app on a day.
    AppSessionRow<'a> =>
    /// The set of sessions by app and day.
    AppSessionsBlock in "app_sessions" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The canonical app.
        app_key: &'a str => Dictionary, REPEATED;
        /// The person's department on that day.
        department: &'a str => Dictionary, REPEATED;
        /// The day of `occurred_at`.
        day: u16 => Fixed<u16>, "Date";
        /// A stable hash of the provider's session id.
        session_key: u64 => Fixed<u64>, "UInt64";
    }
}

native_block! {
    /// What one batch holds of an app on a day. The key has the batch's start: the same batch again replaces its own counts.
    AppDayRow<'a> =>
    /// Counts by app, day and batch.
    AppDaysBlock in "app_days" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The canonical app.
        app_key: &'a str => Dictionary, REPEATED;
        /// The person's department on that day.
        department: &'a str => Dictionary, REPEATED;
        /// The day of `occurred_at`.
        day: u16 => Fixed<u16>, "Date";
        /// Rows of the batch: deliveries, a second copy of an event included.
        rows: u64 => Fixed<u64>, "UInt64";
        /// Of these, how many show use.
        uses: u64 => Fixed<u64>, "UInt64";
        /// Of these, how many are grants.
        grants: u64 => Fixed<u64>, "UInt64";
        /// Of these, how many were refused or failed.
        failures: u64 => Fixed<u64>, "UInt64";
        /// The log of the batch.
        log_id as "_log_id": u128 => Fixed<u128>, "UInt128";
        /// Its partition.
        partition as "_partition": u32 => Fixed<u32>, "UInt32";
        /// Its first record.
        offset as "_offset": u64 => Fixed<u64>, "UInt64";
    }
}

native_block! {
    /// What one batch says about an app.
    AppRow<'a> =>
    /// The inventory of apps.
    AppsBlock in "apps" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The canonical app.
        app_key: &'a str => Dictionary, REPEATED;
        /// Name to show people.
        name: &'a str => Text, LAST_TEXT;
        /// What it is for.
        category: &'a str => Text, LAST_TEXT;
        /// The provider's own app.
        is_first_party: bool => Fixed<bool>, "SimpleAggregateFunction(max, Bool)";
        /// Its references, as `source:kind:id`.
        app_refs: &'a [&'a str] => List<Text>, "SimpleAggregateFunction(groupUniqArrayArray, Array(String))";
        /// First event in the batch.
        first_seen_at: i64 => Fixed<i64>, FIRST_TIME;
        /// Last event in the batch.
        last_seen_at: i64 => Fixed<i64>, LAST_TIME;
    }
}
