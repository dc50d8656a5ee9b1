//! What becomes of an insert, seen on the real server: stored once, refused, or unknown.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

mod support;

use std::time::Duration;

use store::{
    AppSessionRow, AppSessionsBlock, Client, ColumnType, DatabaseName, Deduplication, EncodedBlock, EventRow,
    EventsBlock, InsertOutcome, Remedy, StoreError,
};
use support::{Stack, TIMEOUT};

/// 2026-03-01T09:30:00.123Z.
const MS: i64 = 1_772_357_400_123;

fn block(rows: u64) -> EncodedBlock {
    let mut block = EventsBlock::new();
    for offset in 0..rows {
        block.push(&EventRow { tenant: "acme", offset, received_at: MS, ..EventRow::EMPTY });
    }
    block.take()
}

/// A block of one column with one byte in it.
fn byte_block(table: &'static str, columns: &'static [ColumnType], value: u8) -> EncodedBlock {
    let mut body = vec![1, 1];
    for text in [columns[0].name, columns[0].type_name] {
        body.push(u8::try_from(text.len()).unwrap());
        body.extend_from_slice(text.as_bytes());
    }
    body.push(value);
    EncodedBlock { table, columns, rows: 1, body: body.into() }
}

#[tokio::test]
async fn the_same_token_stores_its_rows_once() {
    let stack = Stack::start().await;
    let (first, second) = (block(1_000), block(1_000));
    stack.insert(&first, "log/0/0-1000").await;
    stack.insert(&first, "log/0/0-1000").await;
    assert_eq!(stack.ask("SELECT count() FROM events").await, "1000");
    stack.insert(&second, "log/0/1000-2000").await;
    assert_eq!(
        stack.ask("SELECT count() FROM events").await,
        "2000",
        "another token is another batch, equal bytes or not"
    );
    stack.stop().await;
}

#[tokio::test]
async fn without_deduplication_a_block_is_stored_as_often_as_it_is_sent() {
    let stack = Stack::start().await;
    let block = block(10);
    for deduplication in [Deduplication::ByToken, Deduplication::Off, Deduplication::Off, Deduplication::ByToken] {
        assert_eq!(stack.client.insert(&block, "t", deduplication, TIMEOUT).await, InsertOutcome::Clean);
    }
    assert_eq!(stack.ask("SELECT count() FROM events").await, "30", "the last one's token was known");
    stack.stop().await;
}

#[tokio::test]
async fn a_part_of_a_block_is_stored_as_the_rows_that_it_holds() {
    let stack = Stack::start().await;
    let block = block(1_000);
    let offsets = block.numbers("_offset").unwrap();
    let rows: Vec<usize> = (0..1_000).filter(|row| offsets[*row] % 10 == 3).collect();
    stack.insert(&block.select(&rows).unwrap(), "part").await;
    let answer =
        stack.ask("SELECT count(), uniqExact(_offset), countIf(_offset % 10 = 3), any(tenant) FROM events").await;
    assert_eq!(answer, "100\t100\t100\tacme");
    stack.stop().await;
}

/// Two attempts must not run beside each other: the second would find no token of the first, and what is read back between them would lie.
#[tokio::test]
async fn an_insert_that_still_runs_is_not_joined_by_its_repetition() {
    const BYTE: &[ColumnType] = &[ColumnType { name: "small", type_name: "UInt8" }];
    let stack = Stack::start().await;
    let create =
        "CREATE TABLE slow (small UInt8, CONSTRAINT c CHECK sleepEachRow(1) = 0) ENGINE = MergeTree ORDER BY small";
    stack.client.execute("preparing a test", create, &[]).await.unwrap();
    let block = byte_block("slow", BYTE, 9);
    let insert = || stack.client.insert(&block, "t", Deduplication::ByToken, TIMEOUT);
    let (first, second) = tokio::join!(insert(), insert());
    let is_running = |outcome: &InsertOutcome| matches!(outcome, InsertOutcome::Ambiguous { code: 216, .. });
    assert!(is_running(&first) != is_running(&second), "{first:?} {second:?}");
    assert!(first == InsertOutcome::Clean || second == InsertOutcome::Clean, "{first:?} {second:?}");
    stack.stop().await;
}

#[tokio::test]
async fn a_server_that_was_started_anew_is_known_as_another_run() {
    let mut stack = Stack::start().await;
    // So that it has an age to lose.
    stack.ask("SELECT sleep(2.5)").await;
    let before = stack.client.server_mark().await.unwrap();
    assert!(before.is_same_run(&stack.client.server_mark().await.unwrap()));
    stack.server.kill();
    assert!(stack.client.server_mark().await.is_err());
    stack.server.restart().await.unwrap();
    assert!(!before.is_same_run(&stack.client.server_mark().await.unwrap()));
    stack.stop().await;
}

#[tokio::test]
async fn what_was_stored_is_there_after_kill_9_and_its_token_still_counts() {
    let mut stack = Stack::start().await;
    stack.insert(&block(5_000), "before").await;
    stack.server.kill();
    let url = stack.server.url();
    assert!(stack.server.check().is_err(), "a server that ended is noticed");
    stack.server.restart().await.unwrap();
    assert_eq!(stack.server.url(), url);
    stack.insert(&block(5_000), "before").await;
    stack.insert(&block(10), "after").await;
    assert_eq!(stack.ask("SELECT count() FROM events").await, "5010");
    stack.stop().await;
}

#[tokio::test]
async fn an_insert_that_nobody_answers_is_ambiguous() {
    let mut stack = Stack::start().await;
    let block = block(10);
    let outcome = stack.client.insert(&block, "t", Deduplication::ByToken, Duration::from_millis(0)).await;
    assert!(matches!(&outcome, InsertOutcome::Ambiguous { code: 0, .. }), "{outcome:?}");
    stack.server.kill();
    let outcome = stack.client.insert(&block, "t", Deduplication::ByToken, TIMEOUT).await;
    let InsertOutcome::Ambiguous { code: 0, reason } = &outcome else { panic!("{outcome:?}") };
    assert!(!reason.contains("INSERT") && !reason.contains("http"), "{reason}");
    let error = stack.client.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert_eq!(error.remedy(), Remedy::Retry);
}

#[tokio::test]
async fn what_the_server_will_never_take_is_refused_with_its_remedy() {
    const BYTE: &[ColumnType] = &[ColumnType { name: "small", type_name: "UInt8" }];
    const MISNAMED: &[ColumnType] = &[ColumnType { name: "other", type_name: "UInt8" }];
    const MISTYPED: &[ColumnType] = &[ColumnType { name: "small", type_name: "Int8" }];
    let stack = Stack::start().await;
    let create = "CREATE TABLE limited (small UInt8, CONSTRAINT c CHECK small < 10) ENGINE = MergeTree ORDER BY small";
    stack.client.execute("preparing a test", create, &[]).await.unwrap();
    let cases = [
        (byte_block("limited", BYTE, 9), None),
        (byte_block("limited", BYTE, 10), Some((469, Remedy::Reject))),
        (byte_block("limited", MISNAMED, 1), Some((16, Remedy::Halt))),
        (byte_block("limited", MISTYPED, 1), Some((53, Remedy::Halt))),
        (byte_block("missing", BYTE, 1), Some((60, Remedy::Halt))),
    ];
    for (number, (block, refusal)) in cases.iter().enumerate() {
        let outcome = stack.client.insert(block, &format!("case {number}"), Deduplication::ByToken, TIMEOUT).await;
        let found = match &outcome {
            InsertOutcome::Clean => None,
            InsertOutcome::Refused(refusal) => Some((refusal.code, refusal.remedy)),
            InsertOutcome::Ambiguous { .. } => panic!("case {number}: {outcome:?}"),
        };
        assert_eq!(found, *refusal, "case {number}: {outcome:?}");
    }
    assert_eq!(stack.ask("SELECT count() FROM limited").await, "1");
    stack.stop().await;
}

#[tokio::test]
async fn a_question_changes_nothing_and_its_values_stay_values() {
    let stack = Stack::start().await;
    for sql in [
        "DROP TABLE events",
        "INSERT INTO events (tenant) VALUES ('x')",
        "SET readonly = 0",
        "SELECT * FROM file('/etc/hostname')",
    ] {
        let error = stack.client.query_text(sql, &[], "TSV").await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{sql}: {error}");
    }
    let hostile = "x' OR 1 = 1; DROP TABLE events -- \\ ?";
    let answer =
        stack.client.query_text("SELECT {value:String} AS v, '?'", &[("value", hostile)], "TSVRaw").await.unwrap();
    assert_eq!(answer, format!("{hostile}\t?\n"));
    let pretty = stack.client.query_text("SELECT 1 AS one", &[], "PrettyCompactMonoBlock").await.unwrap();
    assert!(pretty.contains("one"), "{pretty}");
    stack.stop().await;
}

#[tokio::test]
async fn a_client_of_another_database_sees_none_of_ours() {
    let stack = Stack::start().await;
    let other = Client::new(stack.server.connection(DatabaseName::parse("other").unwrap())).unwrap();
    let outcome = other.insert(&block(1), "t", Deduplication::ByToken, TIMEOUT).await;
    assert!(matches!(&outcome, InsertOutcome::Refused(refusal) if refusal.remedy == Remedy::Halt), "{outcome:?}");
    stack.stop().await;
}

#[tokio::test]
async fn what_was_stored_can_be_read_back_by_its_coordinates() {
    let stack = Stack::start().await;
    let mut block = EventsBlock::new();
    for (partition, offset, index) in [(0, 7, 1), (0, 7, 0), (0, 9, 0), (0, 10, 0), (1, 8, 0)] {
        block.push(&EventRow { log_id: 5, partition, offset, index, received_at: MS, ..EventRow::EMPTY });
    }
    stack.insert(&block.take(), "t").await;
    let stored = stack.client.stored_positions(5, 0, 7..10).await.unwrap();
    let stored: Vec<(u64, u16)> = stored.iter().map(|position| (position.offset, position.index)).collect();
    assert_eq!(stored, [(7, 0), (7, 1), (9, 0)]);
    let last = stack.client.last_stored_position(5, 0).await.unwrap().unwrap();
    assert_eq!((last.offset, last.index), (10, 0));
    assert_eq!(stack.client.last_stored_position(6, 0).await.unwrap(), None, "another log is another log");
    stack.stop().await;
}

#[tokio::test]
async fn a_set_is_stored_as_it_comes_and_asked_as_a_set() {
    let stack = Stack::start().await;
    let mut block = AppSessionsBlock::new();
    for session_key in [1, 2, 2] {
        block.push(&AppSessionRow { tenant: "acme", app_key: "slack", department: "", day: 20_513, session_key });
    }
    stack.insert(&block.take(), "log/0/0-1").await;
    assert_eq!(stack.ask("SELECT count() FROM app_sessions").await, "3", "it was merged with itself: wasted work");
    assert_eq!(stack.ask("SELECT count() FROM app_sessions FINAL").await, "2");
    stack.stop().await;
}

#[tokio::test]
async fn merges_work_out_no_statistics() {
    let stack = Stack::start().await;
    stack.insert(&block(1_000), "log/0/0-1000").await;
    stack.insert(&block(1_000), "log/0/1000-2000").await;
    stack.client.execute("merging", "OPTIMIZE TABLE events FINAL", &[]).await.unwrap();
    let of_parts = "SELECT uniqExact(name), sum(notEmpty(statistics)) FROM system.parts_columns \
                    WHERE database = currentDatabase() AND table = 'events' AND active";
    assert_eq!(stack.ask(of_parts).await, "1\t0");
    stack.stop().await;
}
