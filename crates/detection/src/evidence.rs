//! The ClickHouse query that returns exactly the rows that opened an alert.

use std::fmt::Write;

use event::EventId;

/// A query over `events`: the tenant's rows of these events, each copy of them. Ids are written as decimal numbers, the form that
/// ClickHouse reads into its `UInt128` without a function of ours.
pub(crate) fn query(tenant: &str, evidence: &[EventId]) -> String {
    let mut text = format!("SELECT * FROM events WHERE tenant = '{}' AND event_id IN (", quoted(tenant));
    for (place, event_id) in evidence.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        // Writing into a String cannot fail.
        let _ = write!(text, "{comma}toUInt128('{}')", event_id.0);
    }
    text.push(')');
    text
}

/// Escapes text for a ClickHouse string literal: backslash and quote (<https://clickhouse.com/docs/sql-reference/syntax#string>).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_names_each_event_and_quotes_the_tenant() {
        assert_eq!(
            query("o'neil\\", &[EventId(1), EventId(u128::MAX)]),
            "SELECT * FROM events WHERE tenant = 'o\\'neil\\\\' AND event_id IN (toUInt128('1'), toUInt128('340282366920938463463374607431768211455'))"
        );
    }
}
