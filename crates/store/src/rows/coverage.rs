//! The rows of what is known of connections: when each spoke, what is expected of it, and of which times something may be missing.

use super::{REPEATED, TIME};
use crate::closed_sets::GAP_REASON;
use crate::native::{Dictionary, Fixed, Text, native_block};

native_block! {
    /// An hour of which a connection has told something.
    SourceHourRow<'a> =>
    /// The hours of each connection. The merge takes minima and maxima, so a batch that is sent again changes nothing.
    SourceHoursBlock in "source_hours" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The connection.
        connection: &'a str => Dictionary, REPEATED;
        /// The hour of `occurred_at`.
        hour: i64 => Fixed<i64>, TIME;
        /// Its first event in the batch.
        first_at: i64 => Fixed<i64>, "SimpleAggregateFunction(min, DateTime64(3, 'UTC'))";
        /// Its last event in the batch.
        last_at: i64 => Fixed<i64>, "SimpleAggregateFunction(max, DateTime64(3, 'UTC'))";
    }
}

native_block! {
    /// One gap that `ingest` met.
    SourceGapRow<'a> =>
    /// Gaps on their way into the table. The same one again replaces itself.
    SourceGapsBlock in "source_gaps" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The connection.
        connection: &'a str => Dictionary, REPEATED;
        /// The list of it that was polled.
        feed: &'a str => Dictionary, REPEATED;
        /// Why.
        reason: u8 => Fixed<u8>, GAP_REASON;
        /// From when on.
        from_at: i64 => Fixed<i64>, TIME;
        /// Up to when.
        to_at: i64 => Fixed<i64>, TIME;
        /// What exactly.
        detail: &'a str => Text, "String";
        /// When it was found.
        noted_at: i64 => Fixed<i64>, TIME;
    }
}

native_block! {
    /// What is expected of a connection.
    SourceExpectationRow<'a> =>
    /// What is expected of connections, on its way into the table. The latest of a connection counts.
    SourceExpectationsBlock in "source_expectations" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The connection.
        connection: &'a str => Dictionary, REPEATED;
        /// Since when it is configured.
        since: i64 => Fixed<i64>, TIME;
        /// A pause that is longer is a silence; 0 where nothing is expected. Milliseconds.
        silent_after_ms: i64 => Fixed<i64>, "Int64";
        /// When it was last heard.
        heard_at: i64 => Fixed<i64>, TIME;
        /// When this was written.
        noted_at: i64 => Fixed<i64>, TIME;
    }
}
