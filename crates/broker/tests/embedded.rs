//! The contract on the embedded engine, and what only it promises: its folder, its retention, its disk.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and says what it saw"
)]

mod contract;

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use broker::{AppendError, Broker, Cleanup, ConsumeError, Limits, OpenError, Record, StartAt, TopicSpec};
use contract::{
    KEEP, append, groups, new_topic, read_all, record, records, sole, tombstone, topics, wait_for_partitions,
};
use tempfile::TempDir;

/// Tells a test that it is the child of itself: the folder to work in.
const CHILD_FOLDER: &str = "BROKER_TEST_CHILD_FOLDER";

/// One line for each promise, so that each is a test with its own name.
macro_rules! contract {
    ($($room:ident :: $promise:ident $(with $limits:expr)?;)*) => {$(
        #[test]
        fn $promise() {
            let folder = TempDir::new().unwrap();
            let limits = [$($limits,)? Limits::default()][0];
            $room::$promise(&|| open(folder.path(), limits));
        }
    )*};
}

contract! {
    records::records_come_back_in_order_with_keys_values_and_times;
    records::offsets_go_on_after_opening_again;
    records::what_waits_is_written_when_the_log_is_closed;
    records::what_waits_for_others_keeps_its_order;
    records::an_ack_can_be_awaited;
    records::what_can_never_be_taken_is_refused;
    records::a_full_queue_refuses_at_once_and_has_room_again_later with small_queue();
    records::a_compacted_topic_folds_to_the_last_value_of_each_key;
    records::a_waiting_poll_wakes_for_a_record_and_an_idle_one_keeps_its_time;
    records::an_offset_that_the_log_does_not_hold_is_an_error_and_no_silent_jump;
    records::many_writers_get_offsets_without_gap_or_double;
    groups::a_commit_and_its_metadata_are_there_after_opening_again;
    groups::a_group_says_how_many_members_it_has;
    groups::two_members_share_the_partitions_and_the_loser_cannot_commit;
    groups::a_member_that_never_joined_in_cannot_commit;
    groups::seeking_goes_back_and_forth;
    groups::a_paused_partition_waits_while_others_go_on;
    groups::a_paused_partition_that_goes_and_comes_back_is_read_again;
    groups::a_group_without_a_commit_begins_where_it_was_told;
    groups::no_more_records_come_than_were_asked_for;
    sole::who_was_the_sole_writer_before_writes_no_more;
    sole::what_a_sole_writer_has_written_is_seen_at_once_however_much_it_is;
    sole::a_sole_writer_is_refused_what_is_not_of_its_partition;
    topics::a_log_id_stays_and_a_recreated_topic_has_another;
    topics::partitions_are_fixed_when_the_topic_is_made;
    topics::a_topic_gets_more_partitions_and_keeps_its_records_and_its_log_id;
    topics::a_topic_that_does_not_exist_says_so;
}

#[test]
fn a_compacted_topic_holds_one_record_of_each_key_at_once() {
    let folder = TempDir::new().unwrap();
    let broker = open(folder.path(), Limits::default());
    let topic = new_topic(&broker, 1, Cleanup::Compact);
    append(&broker, &topic, vec![record(0, "a", "1"), record(0, "a", "2"), record(0, "b", "1")]);
    append(&broker, &topic, vec![record(0, "a", "3"), tombstone(0, "b")]);
    let left: Vec<_> = read_all(&broker, &topic, 0).into_iter().map(|(offset, ..)| offset).collect();
    assert_eq!(left, [3, 4], "the last of each key, a tombstone too");
    broker.enforce_retention(now_ms() + 23 * 3_600_000).unwrap();
    assert_eq!(read_all(&broker, &topic, 0).len(), 2, "a reader who is away has a day to learn of it");
    broker.enforce_retention(now_ms() + 25 * 3_600_000).unwrap();
    assert_eq!(read_all(&broker, &topic, 0), [(3, Some(b"a".to_vec()), Some(b"3".to_vec()))]);
    assert_eq!(append(&broker, &topic, vec![record(0, "b", "2")]), [5], "an offset is never given twice");
}

#[test]
fn old_records_go_by_age_and_a_late_reader_is_told() {
    let folder = TempDir::new().unwrap();
    let broker = open(folder.path(), Limits::default());
    let topic = new_topic(&broker, 1, Cleanup::Delete { retention_ms: Some(60_000), retention_bytes: None });
    append(&broker, &topic, (0..10).map(|number| record(0, "k", &format!("{number}"))).collect());
    let mut late = broker.consumer("late", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut late, &mut Vec::new(), 1);
    broker.enforce_retention(now_ms() + 30_000).unwrap();
    assert_eq!(broker.watermarks(&topic, 0).unwrap(), (0, 10));
    broker.enforce_retention(now_ms() + 90_000).unwrap();
    assert_eq!(broker.watermarks(&topic, 0).unwrap(), (10, 10));
    let error = late.poll(std::time::Duration::ZERO, 10, &mut |record| panic!("{record:?}")).unwrap_err();
    assert!(matches!(error, ConsumeError::OffsetOutOfRange { partition: 0 }), "{error}");
    drop((late, broker));
    let broker = open(folder.path(), Limits::default());
    assert_eq!(append(&broker, &topic, vec![record(0, "k", "10")]), [10], "an offset is never given twice");
}

#[test]
fn old_records_go_by_size_and_the_disk_gets_its_bytes_back() {
    let folder = TempDir::new().unwrap();
    let broker = open(folder.path(), Limits::default());
    let retention_bytes = Some(4 * 1_024 * 1_024);
    let topic = new_topic(&broker, 1, Cleanup::Delete { retention_ms: None, retention_bytes });
    // Far more than the store keeps in memory, so that tables are made and must go. A dropped table leaves the disk when the next is made.
    let mut most_bytes = 0;
    for _ in 0..160 {
        let records = (0..4).map(|_| Record { partition: 0, key: None, value: Some(vec![7; 256 * 1_024]) }).collect();
        append(&broker, &topic, records);
        broker.enforce_retention(now_ms()).unwrap();
        most_bytes = most_bytes.max(table_bytes(folder.path()));
    }
    println!("160 MiB written, never more than {most_bytes} bytes of tables");
    assert!(most_bytes > 0 && most_bytes < 40 * 1_024 * 1_024, "{most_bytes} bytes of tables at once");
    let (low, high) = broker.watermarks(&topic, 0).unwrap();
    assert_eq!((low, high), (625, 640), "15 records of 256 KiB and their heads are within 4 MiB");
    assert_eq!(read_all(&broker, &topic, 0).len(), 15);
}

#[test]
fn retention_may_change_and_the_kind_of_cleanup_may_not() {
    let folder = TempDir::new().unwrap();
    let broker = open(folder.path(), Limits::default());
    let name = new_topic(&broker, 1, KEEP);
    append(&broker, &name, vec![record(0, "k", "v")]);
    let shorter = Cleanup::Delete { retention_ms: Some(1), retention_bytes: None };
    broker.ensure_topics(&[TopicSpec { name: name.clone(), partitions: 1, cleanup: shorter }]).unwrap();
    broker.enforce_retention(now_ms() + 1_000).unwrap();
    assert_eq!(broker.watermarks(&name, 0).unwrap(), (1, 1));
    let other = TopicSpec { name, partitions: 1, cleanup: Cleanup::Compact };
    assert!(matches!(broker.ensure_topics(&[other]), Err(OpenError::Failed { .. })));
}

#[test]
fn a_second_process_is_refused_and_the_folder_is_free_after_the_first() {
    if let Some(folder) = child_folder() {
        let opened = Broker::open_embedded(&folder, Limits::default());
        println!("\n{}", matches!(opened, Err(OpenError::Locked { .. })));
        return;
    }
    let folder = TempDir::new().unwrap();
    let name = "a_second_process_is_refused_and_the_folder_is_free_after_the_first";
    let broker = open(folder.path(), Limits::default());
    assert!(matches!(Broker::open_embedded(folder.path(), Limits::default()), Err(OpenError::Locked { .. })));
    for (clone, is_locked) in [(Some(broker), "true"), (None, "false")] {
        let mut child = start_child(name, folder.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let answer = lines.filter(|line| line == "true" || line == "false").last();
        child.wait().unwrap();
        drop(clone);
        assert_eq!(answer.as_deref(), Some(is_locked));
    }
}

/// The child prints an offset and a checksum only after the acknowledgement. Whatever it printed must be there after SIGKILL, ten times over
/// the same folder.
#[test]
fn kill_nine_amid_appends_loses_nothing_acknowledged() {
    if let Some(folder) = child_folder() {
        append_until_killed(&folder);
    }
    let folder = TempDir::new().unwrap();
    let name = "kill_nine_amid_appends_loses_nothing_acknowledged";
    let mut acknowledged = 0;
    for round in 0..10 {
        let mut child = start_child(name, folder.path());
        let mut printed = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            printed.extend(line.strip_prefix("acknowledged ").map(str::to_owned));
            if printed.len() == 60 + round * 17 {
                child.kill().expect("SIGKILL");
            }
        }
        child.wait().unwrap();
        acknowledged += printed.len();
        let broker = open(folder.path(), Limits::default());
        let mut there = std::collections::HashSet::new();
        broker
            .read("killed", 0, None, &mut |record| {
                there.insert(format!("{} {}", record.offset, checksum(record.value.unwrap_or_default())));
            })
            .expect("the log can be read after the kill");
        let lost: Vec<_> = printed.iter().filter(|line| !there.contains(*line)).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?} of {} acknowledged are lost", printed.len());
        assert_eq!(broker.watermarks("killed", 0).unwrap(), (0, there.len() as u64), "offsets have no gap");
    }
    println!("10 kills, {acknowledged} acknowledged records, none lost");
}

/// On a file system of 40 MiB of its own (a tmpfs in a mount namespace of the child).
#[test]
fn a_full_disk_acknowledges_nothing_and_room_heals_the_log() {
    if let Some(folder) = child_folder() {
        fill_the_disk_and_make_room(&folder);
        println!("\nhealed");
        return;
    }
    let folder = TempDir::new().unwrap();
    let script = "mount -t tmpfs -o size=40m tmpfs \"$1\" && exec \"$2\" --exact --nocapture \"$3\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .arg("a_full_disk_acknowledges_nothing_and_room_heals_the_log")
        .env(CHILD_FOLDER, folder.path())
        .output()
        .expect("this test needs `unshare` (util-linux): apt-get install util-linux");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("healed"), "{stdout}\n{stderr}");
}

fn fill_the_disk_and_make_room(folder: &Path) {
    let filler = folder.join("filler");
    fs::write(&filler, vec![0; 16 * 1_024 * 1_024]).unwrap();
    let log = folder.join("data");
    let broker = open(&log, Limits::default());
    broker.ensure_topics(&[TopicSpec { name: "full".to_owned(), partitions: 1, cleanup: KEEP }]).unwrap();
    let mut acknowledged = Vec::new();
    let mut attempt = |number: u32| {
        let value = format!("{number}-{}", "v".repeat(512 * 1_024));
        let result = broker.append("full", record(0, "k", &value)).unwrap().wait();
        if let Ok(offset) = &result {
            acknowledged.push((*offset, value));
        }
        result
    };
    let failed = (0..200).find_map(|number| attempt(number).err()).expect("40 MiB hold less than 100 MiB");
    assert!(matches!(failed, AppendError::Unavailable { .. }), "{failed}");
    // Opening again frees what was half written: fill that too, until it stays full.
    let deadline = std::time::Instant::now() + contract::DEADLINE;
    let rest = fs::File::create(folder.join("rest")).unwrap();
    let mut failures = 0;
    while failures < 3 {
        assert!(std::time::Instant::now() < deadline, "the disk never stays full");
        while io::Write::write(&mut &rest, &[0; 4_096]).is_ok() {}
        failures = if attempt(200).is_err() { failures + 1 } else { 0 };
    }
    fs::remove_file(&filler).unwrap();
    while let Err(error) = attempt(201) {
        assert!(std::time::Instant::now() < deadline, "{error}");
    }
    let read = |broker: &Broker| {
        let there = read_all(broker, "full", 0);
        for (offset, value) in &acknowledged {
            let found = there.iter().find(|(found, ..)| found == offset);
            let found = found.and_then(|(_, _, value)| value.as_deref());
            assert!(found == Some(value.as_bytes()), "offset {offset} is lost or another");
        }
    };
    read(&broker);
    drop(broker);
    read(&open(&log, Limits::default()));
}

fn append_until_killed(folder: &Path) -> ! {
    let broker = open(folder, Limits::default());
    broker.ensure_topics(&[TopicSpec { name: "killed".to_owned(), partitions: 1, cleanup: KEEP }]).unwrap();
    println!();
    let mut number = 0usize;
    loop {
        let records = (0..20).map(|_| {
            number += 1;
            let byte = u8::try_from(number % 251).unwrap();
            Record { partition: 0, key: None, value: Some(vec![byte; 1 + (number * 7_919) % 60_000]) }
        });
        let records: Vec<Record> = records.collect();
        let sums: Vec<u64> =
            records.iter().map(|record| checksum(record.value.as_deref().unwrap_or_default())).collect();
        let acks = broker.append_all("killed", records).unwrap();
        for (ack, sum) in acks.into_iter().zip(sums) {
            println!("acknowledged {} {sum}", ack.wait().unwrap());
        }
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(14_695_981_039_346_656_037, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211))
}

fn child_folder() -> Option<PathBuf> {
    std::env::var_os(CHILD_FOLDER).map(PathBuf::from)
}

/// Runs one test of this file in a process of its own.
fn start_child(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(CHILD_FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn open(folder: &Path, limits: Limits) -> Broker {
    Broker::open_embedded(folder, limits).expect("the log opens")
}

fn small_queue() -> Limits {
    Limits { queue_bytes_max: 64 * 1_024, ..Limits::default() }
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Bytes of the tables in the log's folder, journals left out.
fn table_bytes(folder: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map_while(Result::ok) {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_none_or(|extension| extension != "jnl") {
                bytes += metadata.len();
            }
        }
    }
    bytes
}
