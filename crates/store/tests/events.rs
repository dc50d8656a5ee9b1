//! Events against the real server: what is pushed into a block is what a question gives back, column by column.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

mod support;

use std::collections::BTreeMap;

use store::{EventRow, EventsBlock};
use support::Stack;

/// A text with everything that a format could stumble over.
const HARD_TEXT: &str = "ä\t\n\r\\'\"`;🦀 {x:UInt8} \u{0}end";

/// The last moment that the column can hold.
const LAST_MS: i64 = 10_413_791_999_999;

/// 2026-03-01T09:30:00.123Z.
const MS: i64 = 1_772_357_400_123;

/// A row in which every column has a value of its own.
fn ordinary() -> EventRow<'static> {
    EventRow {
        event_id: 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10,
        tenant: "acme",
        source: 2,
        stream: 6,
        connection: "entra-hub",
        provider_tenant: "contoso",
        kind: 4,
        is_supporting: true,
        native_id: "native",
        native_type: "Consent to application",
        correlation_id: "correlation",
        session_id: "session",
        transaction_id: "transaction",
        occurred_at: MS,
        occurred_at_original_ms: -5,
        available_at: MS + 1,
        received_at: MS + 2,
        logged_at: MS + 3,
        actor_type: 4,
        user_key: 7,
        actor_key: 8,
        department: "Sales",
        app_key: "notion.so",
        app_id_kind: 1,
        app_native_id: "client",
        app_name: "Notion",
        app_object_id: "object",
        app_kind: 2,
        category: "notes",
        status: 4,
        is_first_party: true,
        scopes: "Mail.Read openid",
        scopes_added: "Mail.Read",
        scopes_removed: "profile",
        resources: "graph",
        consent_type: 3,
        grant_id: "grant",
        grant_risk: 3,
        outcome: 1,
        outcome_code: "0",
        outcome_reason: "fine",
        auth_method: "password",
        is_mfa: true,
        auth_protocol: "OPENID_CONNECT",
        ip: "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets(),
        asn: 64_496,
        as_org: "Example AS",
        is_proxy: true,
        country: "DE",
        city: "Köln",
        user_agent: "Mozilla/5.0",
        ua_os: "Linux",
        ua_browser: "Firefox",
        parse_warnings: 5,
        is_backfill: true,
        tables_version: "v1",
        log_id: 9,
        partition: 3,
        offset: 1,
        index: 2,
    }
}

/// A row at the far end of every column.
fn extreme() -> EventRow<'static> {
    EventRow {
        event_id: u128::MAX,
        tenant: HARD_TEXT,
        source: 10,
        stream: 9,
        connection: HARD_TEXT,
        provider_tenant: HARD_TEXT,
        kind: 15,
        native_id: HARD_TEXT,
        native_type: HARD_TEXT,
        correlation_id: HARD_TEXT,
        session_id: HARD_TEXT,
        transaction_id: HARD_TEXT,
        occurred_at: LAST_MS,
        occurred_at_original_ms: i64::MIN,
        available_at: LAST_MS,
        // The partition is its month: one block, one month.
        received_at: MS,
        logged_at: LAST_MS,
        actor_type: 4,
        user_key: u64::MAX,
        actor_key: u64::MAX,
        department: HARD_TEXT,
        app_key: HARD_TEXT,
        app_id_kind: 4,
        app_native_id: HARD_TEXT,
        app_name: HARD_TEXT,
        app_object_id: HARD_TEXT,
        app_kind: 7,
        category: HARD_TEXT,
        status: 5,
        scopes: HARD_TEXT,
        scopes_added: HARD_TEXT,
        scopes_removed: HARD_TEXT,
        resources: HARD_TEXT,
        consent_type: 4,
        grant_id: HARD_TEXT,
        grant_risk: 4,
        outcome: 4,
        outcome_code: HARD_TEXT,
        outcome_reason: HARD_TEXT,
        auth_method: HARD_TEXT,
        auth_protocol: HARD_TEXT,
        ip: [0xff; 16],
        asn: u32::MAX,
        as_org: HARD_TEXT,
        country: HARD_TEXT,
        city: HARD_TEXT,
        user_agent: HARD_TEXT,
        ua_os: HARD_TEXT,
        ua_browser: HARD_TEXT,
        parse_warnings: u32::MAX,
        tables_version: HARD_TEXT,
        log_id: u128::MAX,
        partition: u32::MAX,
        offset: u64::MAX,
        index: u16::MAX,
        ..EventRow::EMPTY
    }
}

/// Where nothing is told; only the month of the block and an offset to sort by.
fn sentinel() -> EventRow<'static> {
    EventRow { received_at: MS, ..EventRow::EMPTY }
}

/// What a question should say of a row, by column: written out, so that a column that is forgotten is found.
fn expected(row: &EventRow<'_>) -> BTreeMap<&'static str, String> {
    let name = |type_name: &str, index: u8| {
        let members: Vec<&str> = type_name.split('\'').skip(1).step_by(2).collect();
        members[usize::from(index)].to_owned()
    };
    BTreeMap::from([
        ("event_id", row.event_id.to_string()),
        ("tenant", row.tenant.into()),
        ("source", name(store::SOURCE, row.source)),
        ("stream", name(store::STREAM, row.stream)),
        ("connection", row.connection.into()),
        ("provider_tenant", row.provider_tenant.into()),
        ("kind", name(store::KIND, row.kind)),
        ("is_supporting", row.is_supporting.to_string()),
        ("native_id", row.native_id.into()),
        ("native_type", row.native_type.into()),
        ("correlation_id", row.correlation_id.into()),
        ("session_id", row.session_id.into()),
        ("transaction_id", row.transaction_id.into()),
        ("occurred_at", row.occurred_at.to_string()),
        ("occurred_at_original_ms", row.occurred_at_original_ms.to_string()),
        ("available_at", row.available_at.to_string()),
        ("received_at", row.received_at.to_string()),
        ("logged_at", row.logged_at.to_string()),
        ("actor_type", name(store::ACTOR_TYPE, row.actor_type)),
        ("user_key", row.user_key.to_string()),
        ("actor_key", row.actor_key.to_string()),
        ("department", row.department.into()),
        ("app_key", row.app_key.into()),
        ("app_id_kind", name(store::APP_ID_KIND, row.app_id_kind)),
        ("app_native_id", row.app_native_id.into()),
        ("app_name", row.app_name.into()),
        ("app_object_id", row.app_object_id.into()),
        ("app_kind", name(store::APP_KIND, row.app_kind)),
        ("category", row.category.into()),
        ("status", name(store::STATUS, row.status)),
        ("is_first_party", row.is_first_party.to_string()),
        ("scopes", row.scopes.into()),
        ("scopes_added", row.scopes_added.into()),
        ("scopes_removed", row.scopes_removed.into()),
        ("resources", row.resources.into()),
        ("consent_type", name(store::CONSENT_TYPE, row.consent_type)),
        ("grant_id", row.grant_id.into()),
        ("grant_risk", name(store::GRANT_RISK, row.grant_risk)),
        ("outcome", name(store::OUTCOME, row.outcome)),
        ("outcome_code", row.outcome_code.into()),
        ("outcome_reason", row.outcome_reason.into()),
        ("auth_method", row.auth_method.into()),
        ("is_mfa", row.is_mfa.to_string()),
        ("auth_protocol", row.auth_protocol.into()),
        ("ip", std::net::Ipv6Addr::from(row.ip).to_string()),
        ("asn", row.asn.to_string()),
        ("as_org", row.as_org.into()),
        ("is_proxy", row.is_proxy.to_string()),
        ("country", row.country.into()),
        ("city", row.city.into()),
        ("user_agent", row.user_agent.into()),
        ("ua_os", row.ua_os.into()),
        ("ua_browser", row.ua_browser.into()),
        ("parse_warnings", row.parse_warnings.to_string()),
        ("is_backfill", row.is_backfill.to_string()),
        ("tables_version", row.tables_version.into()),
        ("_log_id", row.log_id.to_string()),
        ("_partition", row.partition.to_string()),
        ("_offset", row.offset.to_string()),
        ("_index", row.index.to_string()),
    ])
}

/// The value of a column in text, as hexadecimal, so that no format escapes anything.
fn select(name: &str, type_name: &str) -> String {
    let value =
        if type_name.starts_with("DateTime64") { format!("toUnixTimestamp64Milli({name})") } else { name.into() };
    format!("SELECT lower(hex(toString({value}))) FROM events ORDER BY _offset")
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn every_column_gives_back_what_was_stored_sentinels_and_extremes_included() {
    let stack = Stack::start().await;
    let rows = [sentinel(), ordinary(), extreme()];
    let mut block = EventsBlock::new();
    // Pushed in another order than they are asked for: the block sorts by the table's key, and no value may stay behind.
    rows.iter().rev().for_each(|row| block.push(row));
    stack.insert(&block.take(), "t1").await;
    for column in EventsBlock::COLUMNS {
        let texts: Vec<String> = rows.iter().map(|row| hex(&expected(row)[column.name])).collect();
        let found = stack.ask(&select(column.name, column.type_name)).await;
        // An empty text is an empty line, which the end of the answer swallows.
        let found: Vec<&str> = found.split('\n').collect();
        let expected: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(found, expected, "{}", column.name);
    }
    assert_eq!(expected(&rows[0]).len(), EventsBlock::COLUMNS.len());
    let age = stack.ask("SELECT max(abs(dateDiff('second', inserted_at, now64(3)))) < 60 FROM events").await;
    assert_eq!(age, "1", "inserted_at is the server's time");
    stack.stop().await;
}

#[tokio::test]
async fn a_dictionary_of_any_size_arrives_whole() {
    let stack = Stack::start().await;
    let mut block = EventsBlock::new();
    // One block after the other through the same dictionaries; the last one needs four bytes an index.
    for entries in [1_u64, 255, 256, 257, 65_535, 65_536, 65_537] {
        for offset in 0..entries {
            let user_agent = format!("agent {offset}");
            let row = EventRow {
                tenant: "acme",
                user_agent: &user_agent,
                log_id: u128::from(entries),
                offset,
                received_at: MS,
                ..EventRow::EMPTY
            };
            block.push(&row);
            // A second row of the same text, so that an index repeats.
            block.push(&EventRow { index: 1, ..row });
        }
        stack.insert(&block.take(), &format!("dictionary/{entries}")).await;
        let answer = stack
            .ask(&format!(
                "SELECT count(), uniqExact(user_agent), countIf(user_agent != concat('agent ', toString(_offset))) \
                 FROM events WHERE _log_id = {entries}"
            ))
            .await;
        assert_eq!(answer, format!("{}\t{entries}\t0", 2 * entries));
    }
    stack.stop().await;
}

#[tokio::test]
async fn a_block_without_rows_is_clean_and_stores_nothing() {
    let stack = Stack::start().await;
    stack.insert(&EventsBlock::new().take(), "empty").await;
    assert_eq!(stack.ask("SELECT count() FROM events").await, "0");
    stack.stop().await;
}
