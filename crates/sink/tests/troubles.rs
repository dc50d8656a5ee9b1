//! What a real ClickHouse refuses, for ever or for a while, and what becomes of a partition whose offset was lost: no row is lost, none is
//! there twice.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use broker::StartAt;
use support::{Running, Stack, of_every_kind, sign_ons};

/// Events of a record.
const EVENTS: u64 = 100;

fn append(stack: &Stack, records: std::ops::Range<u64>) {
    for number in records {
        stack.append(sign_ons(0, number * EVENTS, EVENTS));
        stack.append(sign_ons(1, number * EVENTS, EVENTS));
    }
}

#[test]
fn rows_that_the_table_refuses_become_dead_letters_once_and_all_others_land() {
    let stack = Stack::start();
    // Those of 7 people, in every batch.
    stack.execute("ALTER TABLE events ADD CONSTRAINT picky CHECK throwIf(user_key <= 7) = 0");
    append(&stack, 0..20);
    let running = stack.run();
    running.wait("everything has landed", || stack.is_done());
    // A second process meets the same rows again: its plan and offset are gone.
    running.stop().unwrap();
    let letters = "SELECT count(), uniqExact(origin), uniqExact(dead_letter_id), any(tenant), any(connection) FROM dead_letters FINAL WHERE reason = 'refused_by_table'";
    let (found, rows) = (stack.ask(letters), stack.ask("SELECT count(), countIf(user_key <= 7) FROM events"));
    let (stored, none) = rows.split_once('\t').unwrap();
    let refused = 2 * 20 * EVENTS - stored.parse::<u64>().unwrap();
    assert!(refused > 0 && none == "0", "{rows}");
    assert_eq!(found, format!("{refused}\t{refused}\t{refused}\tacme\tokta"));
    let found_so_far = stack.verify();
    assert!(found_so_far.is_sound(), "use is counted of what is stored: {found_so_far:#?}");
    assert_eq!(found_so_far.partitions.iter().map(|check| check.refused).sum::<u64>(), refused);
    let origin = stack.ask("SELECT origin FROM dead_letters FINAL ORDER BY origin LIMIT 1");
    assert!(origin.starts_with("record:events/0/"), "{origin}");
    // Met again, they are the same dead letters.
    reset(&stack);
    let running = stack.run();
    running.wait("everything has landed", || stack.is_done());
    running.stop().unwrap();
    assert_eq!(stack.ask(letters), found);
    assert_eq!(stack.ask("SELECT count(), countIf(user_key <= 7) FROM events"), rows);
    stack.stop();
}

/// What the group has committed is lost: it begins anew.
fn reset(stack: &Stack) {
    let mut consumer = stack.broker.consumer("sink", "t.events", StartAt::Earliest).unwrap();
    let polled = consumer.poll(std::time::Duration::from_secs(5), 1, &mut |_| {}).unwrap();
    assert!(matches!(polled, broker::Polled::Assigned(_)), "{polled:?}");
    (0..support::PARTITIONS).for_each(|partition| consumer.commit(partition, 0, "").unwrap());
}

#[test]
fn a_table_that_refuses_every_row_halts_the_sink_and_nothing_is_lost() {
    let stack = Stack::start();
    stack.execute("ALTER TABLE events ADD CONSTRAINT never CHECK user_key = 0");
    (0..12).for_each(|number| stack.append(sign_ons(0, number * 100, 100)));
    stack.append(sign_ons(1, 0, 1));
    let config = sink::Config { batch_rows_max: 1_200, flush_interval_ms: 60_000, ..Running::config() };
    let running = Running::start(&stack.broker, &stack.server.url(), stack.runtime.handle(), config);
    let sentence = running.halted();
    assert!(sentence.contains("mend the table"), "{sentence}");
    stack.execute("ALTER TABLE events DROP CONSTRAINT never");
    let running = stack.run();
    running.wait("everything has landed", || stack.is_done());
    running.stop().unwrap();
    assert_eq!(stack.ask("SELECT count(), uniqExact(_offset, _index) FROM events WHERE _partition = 0"), "1200\t1200");
    stack.stop();
}

#[test]
fn a_record_of_a_newer_version_halts_its_partition_and_no_other() {
    let stack = Stack::start();
    append(&stack, 0..4);
    let newer =
        |partition| broker::Record { partition, key: None, value: Some(vec![0, 0x44, 0x41, 0xff, 0xff, 1, 2, 3]) };
    stack.append(newer(0));
    stack.broker.append("t.alerts", newer(1)).unwrap().wait().unwrap();
    let health = runtime::Health::new();
    let running = stack.run_as(health.component("sink"));
    running.wait("the two partitions halt", || running.metric("daylight_sink_partitions_halted") == 2.0);
    append(&stack, 4..8);
    // What came before is in the table, what comes after is not; the other partition goes on.
    running.wait("the other partition has landed", || {
        stack.ask("SELECT _partition, count(), uniqExact(_offset, _index) FROM events GROUP BY 1 ORDER BY 1")
            == format!("0\t{0}\t{0}\n1\t{1}\t{1}", 4 * EVENTS, 8 * EVENTS)
    });
    let reasons = health.reasons();
    assert!(reasons.len() == 1 && reasons[0].1.contains("halts"), "{reasons:?}");
    let check = stack.verify().partitions[0].clone();
    assert_eq!((check.landed_to, check.end, check.is_sound()), (4, 9, true));
    running.stop().unwrap();
    stack.stop();
}

#[test]
fn a_plan_that_cannot_be_read_halts_its_partition_and_no_other() {
    let stack = Stack::start();
    append(&stack, 0..4);
    let mut member = stack.broker.consumer("sink", "t.events", broker::StartAt::Earliest).unwrap();
    let first = member.poll(std::time::Duration::from_secs(60), 1, &mut |_| {}).unwrap();
    assert!(matches!(first, broker::Polled::Assigned(_)), "{first:?}");
    member.commit(0, 0, "a plan of another version").unwrap();
    drop(member);
    let health = runtime::Health::new();
    let running = stack.run_as(health.component("sink"));
    running.wait("the partition halts", || running.metric("daylight_sink_partitions_halted") == 1.0);
    append(&stack, 4..8);
    running.wait("the other partition has landed", || {
        stack.ask("SELECT _partition, count() FROM events GROUP BY 1 ORDER BY 1") == format!("1\t{}", 8 * EVENTS)
    });
    let reasons = health.reasons();
    assert!(reasons.len() == 1 && reasons[0].1.contains("not a plan of version"), "{reasons:?}");
    assert_eq!(running.metric("daylight_sink_partitions_halted"), 1.0, "also while it is tried again");
    running.stop().unwrap();
    stack.stop();
}

/// (what begins it, what ends it), statements of SQL.
const TROUBLES: &[(&str, &str)] = &[
    (
        "ALTER TABLE events MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1, max_avg_part_size_for_too_many_parts = 0",
        "ALTER TABLE events RESET SETTING parts_to_throw_insert, parts_to_delay_insert, max_avg_part_size_for_too_many_parts",
    ),
    (
        "ALTER TABLE app_days MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1, max_avg_part_size_for_too_many_parts = 0",
        "ALTER TABLE app_days RESET SETTING parts_to_throw_insert, parts_to_delay_insert, max_avg_part_size_for_too_many_parts",
    ),
    // A constraint that takes too long, which is none of the rows' mistake.
    ("ALTER TABLE events ADD CONSTRAINT broken CHECK sleepEachRow(3) = 0", "ALTER TABLE events DROP CONSTRAINT broken"),
    // The disk is said to be full.
    (
        "ALTER TABLE events MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000",
        "ALTER TABLE events RESET SETTING min_free_disk_bytes_to_perform_insert",
    ),
];

#[test]
fn trouble_that_passes_is_waited_for() {
    let stack = Stack::start();
    let running = stack.run();
    append(&stack, 0..1);
    running.wait("rows land", || stack.is_done());
    let mut records = 1;
    for (begins, ends) in TROUBLES.iter().cycle().take(3 * TROUBLES.len()) {
        stack.execute(begins);
        let before = running.inserts("ambiguous");
        append(&stack, records..records + 4);
        records += 4;
        running.wait(begins, || running.inserts("ambiguous") >= before + 3.0);
        stack.execute(ends);
        running.wait("everything has landed", || stack.is_done());
    }
    assert_eq!(running.inserts("refused"), 0.0);
    assert_eq!(running.metric("daylight_sink_surplus_rows_total"), 0.0);
    running.stop().unwrap();
    stack.is_exact(2 * records * EVENTS);
    stack.stop();
}

#[test]
fn an_offset_that_was_lost_or_moved_makes_no_row_twice() {
    let stack = Stack::start();
    append(&stack, 0..10);
    let running = stack.run();
    running.wait("everything has landed", || stack.is_done());
    running.stop().unwrap();
    stack.is_exact(2 * 10 * EVENTS);
    // Some rows are lost, too: what is missing is sent, what is there is not.
    stack.execute("ALTER TABLE events DELETE WHERE _offset IN (3, 4) AND _index > 40 SETTINGS mutations_sync = 2");
    reset(&stack);
    append(&stack, 10..15);
    let running = stack.run();
    running.wait("everything has landed", || stack.is_done());
    running.stop().unwrap();
    let found = stack.verify();
    assert!(found.partitions.iter().all(|check| check.missing + check.doubled + check.stray == 0), "{found:#?}");
    assert_eq!(found.partitions.iter().map(|check| check.events).sum::<u64>(), 2 * 15 * EVENTS);
    stack.stop();
}

#[test]
fn what_is_wrong_with_the_tables_is_found() {
    let stack = Stack::start();
    append(&stack, 0..6);
    stack.append(of_every_kind(1));
    let running = stack.run();
    running.wait("everything has landed", || stack.is_done());
    running.stop().unwrap();
    let found = stack.verify();
    assert!(found.is_sound(), "whatever kinds of events there are, usage is what the events say: {found:#?}");
    // (what is done, the flaws of partition 0 after it, a word of each sentence about usage).
    let damages: &[(&str, [u64; 3], &[&str])] = &[
        (
            "ALTER TABLE events DELETE WHERE _partition = 0 AND _offset = 2 AND _index < 10 SETTINGS mutations_sync = 2",
            [10, 0, 0],
            &["app_days"],
        ),
        (
            "INSERT INTO events SELECT * FROM events WHERE _partition = 0 AND _offset = 3 AND _index < 7",
            [10, 7, 0],
            &["app_days"],
        ),
        (
            "INSERT INTO events SELECT * REPLACE (_index + 500 AS _index) FROM (SELECT * FROM events WHERE _partition = 0 AND _offset = 4 AND _index < 3)",
            [10, 7, 3],
            &["app_days"],
        ),
        (
            "ALTER TABLE app_person_days DELETE WHERE user_key % 50 = 3 SETTINGS mutations_sync = 2",
            [10, 7, 3],
            &["app_days", "app_person_days"],
        ),
        (
            "ALTER TABLE app_sessions DELETE WHERE 1 SETTINGS mutations_sync = 2",
            [10, 7, 3],
            &["app_days", "app_person_days", "app_sessions"],
        ),
        (
            "INSERT INTO apps (tenant, app_key, app_refs) VALUES ('acme', 'slack.com', ['okta:app_id:never'])",
            [10, 7, 3],
            &["app_days", "app_person_days", "app_sessions", "apps"],
        ),
    ];
    for (sql, flaws, tables) in damages {
        stack.execute(sql);
        let found = stack.verify();
        let check = found.partitions.first().unwrap();
        assert_eq!([check.missing, check.doubled, check.stray], *flaws, "{sql}");
        let named: std::collections::BTreeSet<&str> =
            found.usage.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(named.into_iter().collect::<Vec<_>>(), *tables, "{sql}");
        assert!(!found.is_sound(), "{sql}");
    }
    stack.stop();
}
