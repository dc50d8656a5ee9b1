//! The same events as peers read them, and the table that they are usually put into: text where text is usual, `LowCardinality` where
//! anybody who tunes a table puts it, sorted as ours is.

use std::fmt::Write as _;

use event::Event;

/// Columns of the peers' table, in the order of `put_row_binary`.
pub(crate) const PEER_COLUMNS: &str = "event_id String, tenant LowCardinality(String), connection LowCardinality(String), \
    native_id String, native_type LowCardinality(String), session_id String, transaction_id String, kind LowCardinality(String), \
    occurred_at DateTime64(3), received_at DateTime64(3), user_key String, app_id LowCardinality(String), \
    app_name LowCardinality(String), app_kind LowCardinality(String), scopes LowCardinality(String), outcome LowCardinality(String), \
    outcome_reason LowCardinality(String), auth_method LowCardinality(String), is_mfa UInt8, ip String, asn UInt32, \
    as_org LowCardinality(String), country LowCardinality(String), city LowCardinality(String), user_agent LowCardinality(String), \
    ua_os LowCardinality(String), ua_browser LowCardinality(String)";
/// How the peers' table is sorted and parted.
pub(crate) const PEER_ENGINE: &str =
    "ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, app_id, occurred_at)";
/// The low half of the id of an event in the peers' table.
pub(crate) const PEER_ID: &str = "reinterpretAsUInt64(reverse(unhex(substring(event_id, 17))))";

/// The texts of an event, by the names of the columns.
fn texts<'a>(event: &'a Event<'a>, id: &'a str, user: &'a str, ip: &'a str) -> [(&'static str, &'a str); 14] {
    [
        ("app_id", event.app.id),
        ("app_name", event.app_name),
        ("app_kind", event.app_kind.as_str()),
        ("scopes", event.scopes.as_str()),
        ("outcome", event.outcome.as_str()),
        ("outcome_reason", event.outcome_reason),
        ("auth_method", event.auth_method),
        ("event_id", id),
        ("tenant", event.tenant),
        ("connection", event.connection),
        ("native_id", event.native_id),
        ("native_type", event.native_type),
        ("user_key", user),
        ("ip", ip),
    ]
}

/// One line of `JSONEachRow`. No text of the workload needs an escape.
pub(crate) fn put_line(event: &Event<'_>, out: &mut Vec<u8>) {
    let (id, user, ip) = (event.event_id.to_string(), event.user_key.to_string(), event.ip.to_string());
    let mut line = String::with_capacity(1_024);
    line.push('{');
    for (name, text) in texts(event, &id, &user, &ip) {
        write!(line, "\"{name}\":\"{text}\",").ok();
    }
    let Event { session_id, transaction_id, as_org, country, city, user_agent, ua_os, ua_browser, .. } = event;
    for (name, text) in [
        ("session_id", session_id),
        ("transaction_id", transaction_id),
        ("as_org", as_org),
        ("country", country),
        ("city", city),
        ("user_agent", user_agent),
        ("ua_os", ua_os),
        ("ua_browser", ua_browser),
    ] {
        write!(line, "\"{name}\":\"{text}\",").ok();
    }
    write!(
        line,
        "\"kind\":\"{}\",\"occurred_at\":\"{}\",\"received_at\":\"{}\",\"is_mfa\":{},\"asn\":{}}}",
        event.kind.as_str(),
        clock(event.occurred_at),
        clock(event.received_at),
        u8::from(event.is_mfa),
        event.asn
    )
    .ok();
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

/// `2026-03-02 08:00:00.123`, as ClickHouse reads a time without being told another way.
fn clock(at: event::Timestamp) -> String {
    at.to_string().trim_end_matches('Z').replace('T', " ")
}

/// One row of `RowBinary`, in the order of `PEER_COLUMNS`.
pub(crate) fn put_row_binary(event: &Event<'_>, out: &mut Vec<u8>) {
    put_text(&event.event_id.to_string(), out);
    for each in
        [event.tenant, event.connection, event.native_id, event.native_type, event.session_id, event.transaction_id]
    {
        put_text(each, out);
    }
    put_text(event.kind.as_str(), out);
    out.extend_from_slice(&event.occurred_at.0.to_le_bytes());
    out.extend_from_slice(&event.received_at.0.to_le_bytes());
    put_text(&event.user_key.to_string(), out);
    let (app_kind, outcome) = (event.app_kind.as_str(), event.outcome.as_str());
    for each in [
        event.app.id,
        event.app_name,
        app_kind,
        event.scopes.as_str(),
        outcome,
        event.outcome_reason,
        event.auth_method,
    ] {
        put_text(each, out);
    }
    out.push(u8::from(event.is_mfa));
    put_text(&event.ip.to_string(), out);
    out.extend_from_slice(&event.asn.to_le_bytes());
    for each in [event.as_org, event.country, event.city, event.user_agent, event.ua_os, event.ua_browser] {
        put_text(each, out);
    }
}

/// A text with its length before it, seven bits a byte.
fn put_text(text: &str, out: &mut Vec<u8>) {
    let mut length = text.len();
    while length >= 128 {
        out.push((length % 128) as u8 | 128);
        length /= 128;
    }
    out.push(length as u8);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use stages::workload::{Shape, Texts, Workload};

    #[test]
    fn a_line_is_json_and_names_every_column() {
        let workload = Workload::new(Shape::of_apps(20), 1);
        for number in 0..2_000 {
            let mut line = Vec::new();
            workload.with_event(number, &mut Texts::default(), |event| put_line(event, &mut line));
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            let columns: Vec<&str> =
                PEER_COLUMNS.split(", ").map(|column| column.trim().split(' ').next().unwrap()).collect();
            assert_eq!(value.as_object().unwrap().len(), columns.len());
            columns.iter().for_each(|column| assert!(value.get(column).is_some(), "{column}"));
        }
    }

    #[test]
    fn a_text_of_more_than_127_bytes_has_two_bytes_of_length() {
        let mut out = Vec::new();
        put_text(&"x".repeat(300), &mut out);
        assert_eq!(out[..3], [0xac, 0x02, b'x']);
    }
}
