//! The whole process on a real embedded log, stopped or killed and started again and again, against one that is left alone: the same alerts
//! to the byte, and the same ledger. Snapshots are written all the time, so that starts use them and kills fall into them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, Cleanup, Limits, Record, TopicSpec, partition_of};
use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter, Topic, encode_ledger_entry, ledger_key};
use detect::{
    Config, Detect, DetectError, Difference, Ends, GROUP, Rebuilding, Remembered, Rewriting, rebuilt, rebuilt_from_log,
};
use enrichment::Enricher;
use event::{
    AppIdKind, AppRef, ConsentType, Control, Event, EventId, Kind, LedgerEntry, LedgerKey, LogId, Outcome, Position,
    Sighting, Source, Tick, Timestamp, Tokens, UserKey,
};
use runtime::{Health, Registry, Shutdown};

const PARTITIONS: u32 = 2;
const RECORDS: u64 = 600;
const SEED: u64 = 20_260_302;
const DEADLINE: Duration = Duration::from_secs(60);
const START_MS: i64 = 1_772_500_000_000;
/// Tells a test that it is the child of itself: the folder to work in.
const CHILD_FOLDER: &str = "DETECT_TEST_CHILD_FOLDER";

/// A number for each place, the same at every run.
fn mixed(number: u64) -> u64 {
    let mut mixed = (number ^ SEED).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 32
}

/// The record of a number: sign-ons and consents of one of three tenants, now and then a tick, rarely something unreadable.
fn record(number: u64) -> Record {
    let tenant = format!("tenant-{}", mixed(number) % 3);
    let now = Timestamp(START_MS + i64::try_from(number).unwrap() * 40_000);
    let partition = partition_of(tenant.as_bytes(), PARTITIONS);
    let value = match mixed(number + 10_000) % 40 {
        0..3 => codec::encode_control(&tenant, &Control::Tick(Tick { at: now })).unwrap(),
        3 => b"broken".to_vec(),
        _ => events(number, &tenant, now),
    };
    Record { partition, key: Some(tenant.into_bytes()), value: Some(value) }
}

fn events(number: u64, tenant: &str, now: Timestamp) -> Vec<u8> {
    let dice: Vec<u64> = (0..3).map(|row| mixed(number * 10 + row)).collect();
    let ids: Vec<String> = dice.iter().map(|dice| format!("app-{}", dice % 30)).collect();
    let event = |(row, dice): (usize, &u64)| {
        let id = EventId(u128::from(number) * 10 + row as u128 + 1);
        let mut event = Event::new(id, Source::Entra, tenant, Kind::Sso, now);
        event.app = AppRef { source: Source::Entra, id_kind: AppIdKind::AppId, id: &ids[row] };
        (event.app_name, event.user_key, event.outcome) = ("Notes", UserKey(dice / 64 % 50 + 1), Outcome::Success);
        (event.connection, event.received_at) = ("entra", now);
        if dice / 8 % 6 == 0 {
            (event.kind, event.consent_type) = (Kind::OauthGrant, ConsentType::User);
            event.scopes = Tokens::from_canonical("Mail.ReadWrite offline_access");
            event.correlation_id = ["click-0", "click-1"][row % 2];
            event.is_supporting = dice / 7 % 2 == 0;
        }
        event
    };
    let events: Vec<Event<'_>> = dice.iter().enumerate().map(event).collect();
    let mut writer = BatchWriter::new(BatchHeader::of(&events[0]));
    events.iter().for_each(|event| writer.push(event).unwrap());
    writer.finish()
}

fn open(folder: &Path) -> Broker {
    let broker = Broker::open_embedded(folder, Limits::default()).unwrap();
    make_topics(&broker);
    broker
}

fn make_topics(broker: &Broker) {
    let delete = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let topics = [(Topic::Events, delete), (Topic::Alerts, delete), (Topic::Ledger, Cleanup::Compact)];
    let topics = topics.map(|(topic, cleanup)| TopicSpec { name: topic.name("t."), partitions: PARTITIONS, cleanup });
    broker.ensure_topics(&topics).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            fs::copy(entry.path(), to).map(drop).unwrap()
        }
    }
}

/// One run of the process, until `is_over`. With a folder for snapshots, one is always due.
fn run(broker: &Broker, snapshots: Option<&Path>, records_max: usize, is_over: impl Fn() -> bool) {
    let config = Config {
        learning_days: 0,
        poll_records_max: records_max,
        poll_timeout_ms: 5,
        commit_interval_ms: 0,
        // Little is read ahead of what is written, or it would all be read before the first stop.
        waiting_records_max: records_max,
        snapshot_interval_ms: 1,
        ..Config::default()
    };
    let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    let (shutdown, component) = (Shutdown::new(), Health::new().component("detect"));
    let detect = Detect::new(broker.clone(), "t.", enricher, config, snapshots, &Registry::new()).unwrap();
    let stop = shutdown.clone();
    let running = thread::spawn(move || detect.run(&stop, &component));
    let began = Instant::now();
    while !is_over() {
        assert!(!running.is_finished(), "detection ended");
        assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}");
        shutdown.sleep(Duration::from_millis(1));
    }
    shutdown.request();
    running.join().unwrap().unwrap();
}

fn done(broker: &Broker) -> u64 {
    let committed = |partition| broker.committed(GROUP, "t.events", partition).unwrap();
    (0..PARTITIONS).filter_map(committed).map(|committed| committed.offset).sum()
}

fn read(broker: &Broker, topic: &str) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut records = Vec::new();
    for partition in 0..PARTITIONS {
        let mut visit = |record: broker::RecordRef<'_>| {
            records.push((record.key.unwrap().to_vec(), record.value.map(<[u8]>::to_vec)));
        };
        broker.read(topic, partition, None, &mut visit).unwrap();
    }
    records
}

/// Every alert by its id, and what the ledger says of each key.
type Outcomes = (BTreeMap<u128, event::Alert>, BTreeMap<Vec<u8>, Vec<u8>>);

fn outcomes(broker: &Broker) -> Outcomes {
    let mut alerts = BTreeMap::new();
    for (_, value) in read(broker, "t.alerts") {
        let alert = codec::decode_alert(&value.unwrap()).unwrap();
        if let Some(known) = alerts.insert(alert.id.0, alert.clone()) {
            assert_eq!(known, alert, "told again, it says something else");
        }
    }
    let mut ledger = BTreeMap::new();
    for (key, value) in read(broker, "t.ledger") {
        match value {
            Some(value) => ledger.insert(key, value),
            None => ledger.remove(&key),
        };
    }
    (alerts, ledger)
}

/// Is everything that was closed forgotten?
fn is_settled(broker: &Broker) -> bool {
    let closed = |value: &Vec<u8>| {
        matches!(codec::decode_ledger_entry(value).unwrap().1, LedgerEntry::Held { closed: Some(_), .. })
    };
    !outcomes(broker).1.values().any(closed)
}

/// A clean pass over the log, up to where detection has come.
fn pass(broker: &Broker) -> Rebuilding {
    let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    let ends = |partition| (partition, broker.committed(GROUP, "t.events", partition).unwrap().unwrap().offset);
    let ends: Ends = (0..PARTITIONS).map(ends).collect();
    let config = Config { learning_days: 0, ..Config::default() };
    rebuilt_from_log(broker, "t.", enricher, &config, ends).unwrap()
}

/// What a clean pass over the log remembers is what the ledger holds, and what nothing but the ledger rebuilds.
fn check_rebuilt(broker: &Broker) {
    let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    let passed = pass(broker).finish();
    let hashes = |all: &[Remembered]| -> Vec<(String, usize, u128)> {
        all.iter().map(|one| (one.tenant.clone(), one.pairs, one.hash)).collect()
    };
    let from_ledger = rebuilt(broker, "t.", &enricher).unwrap();
    assert_eq!(passed.untold, 0);
    assert_eq!(hashes(&passed.remembered), hashes(&from_ledger));
    assert_eq!(from_ledger.len(), 3);
}

/// What a stop left to be forgotten is forgotten after the next commit.
fn settle(broker: &Broker) {
    let tick = Control::Tick(Tick { at: Timestamp(START_MS) });
    for tenant in ["tenant-0", "tenant-1", "tenant-2"] {
        let value = Some(codec::encode_control(tenant, &tick).unwrap());
        let partition = partition_of(tenant.as_bytes(), PARTITIONS);
        broker.append("t.events", Record { partition, key: None, value }).unwrap().wait().unwrap();
    }
    run(broker, None, 256, || done(broker) == RECORDS + 4 && is_settled(broker));
}

/// Two logs with the same records, and what a process makes of the first that nobody disturbs.
struct Pair {
    folder: tempfile::TempDir,
    quiet: Broker,
}

impl Pair {
    fn new() -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("first");
        let broker = open(&first);
        for number in 0..RECORDS {
            broker.append("t.events", record(number)).unwrap();
        }
        broker.append("t.events", record(RECORDS)).unwrap().wait().unwrap();
        drop(broker);
        copy(&first, &folder.path().join("second"));
        let quiet = open(&first);
        run(&quiet, None, 256, || done(&quiet) == RECORDS + 1);
        Pair { folder, quiet }
    }

    fn second(&self) -> PathBuf {
        self.folder.path().join("second")
    }

    fn snapshots(&self) -> PathBuf {
        self.second().join("snapshots")
    }

    /// Compares the second with the first, when both have settled.
    fn check(self, disturbed: &Broker, starts: u64) {
        assert!(outcomes(&self.quiet).0.len() > 50, "{} alerts", outcomes(&self.quiet).0.len());
        assert!(starts > 10, "{starts} starts");
        [&self.quiet, disturbed].into_iter().for_each(settle);
        let (expected, found) = (outcomes(&self.quiet), outcomes(disturbed));
        assert_eq!(found.0, expected.0);
        assert_eq!(found.1, expected.1);
        for broker in [&self.quiet, disturbed] {
            check_rebuilt(broker);
        }
    }
}

#[test]
fn stops_anywhere_change_neither_an_alert_nor_the_ledger() {
    let pair = Pair::new();
    let (stopped, snapshots) = (open(&pair.second()), pair.snapshots());
    let mut starts = 0;
    while done(&stopped) < RECORDS + 1 {
        let until = done(&stopped) + mixed(starts) % 40;
        let records_max = 1 + usize::try_from(mixed(starts) % 9).unwrap();
        // Every third start finds the snapshots of an earlier one gone.
        if starts % 3 == 2 {
            fs::remove_dir_all(&snapshots).ok();
        }
        run(&stopped, Some(&snapshots), records_max, || done(&stopped) >= until.min(RECORDS + 1));
        starts += 1;
        assert_eq!(files(&snapshots, "snapshot"), 2, "a clean stop leaves one of each partition");
    }
    pair.check(&stopped, starts);
}

/// Writes the ledger anew from the log.
fn rewrite(broker: &Broker) -> Vec<Difference> {
    let mut pass = pass(broker);
    pass.finish();
    let mut rewriting = Rewriting::new(broker, "t.").unwrap();
    rewriting.take().unwrap();
    rewriting.write(&pass, &mut |_, written, all| assert!(written <= all, "{written} of {all}")).unwrap()
}

fn put(broker: &Broker, partition: u32, key: &[u8], value: Option<Vec<u8>>) {
    let record = Record { partition, key: Some(key.to_vec()), value };
    broker.append("t.ledger", record).unwrap().wait().unwrap();
}

/// Part of it is gone, part of it says something else, and there is what nobody knows.
fn damage(broker: &Broker, whole: &BTreeMap<Vec<u8>, Vec<u8>>) -> u64 {
    let origin = ledger_key("", LedgerKey::Origin);
    for (number, (key, value)) in (0..).zip(whole.iter().filter(|(key, _)| **key != origin)) {
        let (tenant, entry) = codec::decode_ledger_entry(value).unwrap();
        let partition = partition_of(tenant.as_bytes(), PARTITIONS);
        match entry {
            _ if number % 3 == 0 => put(broker, partition, key, None),
            LedgerEntry::Pair { app_hash, user_key, position, sighting } if number % 3 == 1 => {
                let position = Position { offset: position.offset + 1, ..position };
                let entry = LedgerEntry::Pair { app_hash, user_key, position, sighting };
                put(broker, partition, key, Some(encode_ledger_entry(tenant, &entry).unwrap()));
            }
            _ => {}
        }
    }
    let (user_key, position) = (UserKey(999_999), Position { offset: 3, index: 0 });
    let surplus = LedgerEntry::Pair { app_hash: 77, user_key, position, sighting: Sighting::USED };
    let partition = partition_of(b"tenant-1", PARTITIONS);
    put(
        broker,
        partition,
        &ledger_key("tenant-1", surplus.key()),
        Some(encode_ledger_entry("tenant-1", &surplus).unwrap()),
    );
    1
}

/// A process that starts: the reason why it ends.
fn refused(broker: &Broker) -> String {
    let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    let detect = Detect::new(broker.clone(), "t.", enricher, Config::default(), None, &Registry::new()).unwrap();
    let ended = detect.run(&Shutdown::new(), &Health::new().component("detect"));
    let refused = ended.unwrap_err();
    assert!(matches!(refused, DetectError::Foreign { .. }), "{refused}");
    refused.to_string()
}

#[test]
fn a_ledger_that_was_lost_or_damaged_is_written_anew_as_it_was() {
    let Pair { folder: _folder, quiet: broker } = Pair::new();
    settle(&broker);
    let (alerts, whole) = outcomes(&broker);
    let ends = || -> Vec<u64> {
        (0..PARTITIONS).map(|partition| broker.watermarks("t.ledger", partition).unwrap().1).collect()
    };
    let before = ends();
    assert!(rewrite(&broker).iter().all(Difference::is_none));
    assert_eq!(ends(), before, "nothing is written where nothing differs");

    let surplus = damage(&broker, &whole);
    let found = rewrite(&broker);
    let sum = |count: fn(&Difference) -> u64| found.iter().map(count).sum::<u64>();
    assert!(sum(|one| one.missing) > 50 && sum(|one| one.changed) > 50, "{found:?}");
    assert_eq!(sum(|one| one.surplus), surplus);
    assert_eq!(outcomes(&broker).1, whole);
    check_rebuilt(&broker);

    broker.delete_topic("t.ledger").unwrap();
    make_topics(&broker);
    rewrite(&broker);
    assert_eq!(outcomes(&broker).1, whole);

    // Cut off: half of a ledger is not taken for all of it.
    let events = LogId(broker.log_id("t.events").unwrap().0);
    let rebuilding = LedgerEntry::Origin { events, partitions: LedgerEntry::REBUILDING };
    put(&broker, 1, &ledger_key("", LedgerKey::Origin), Some(encode_ledger_entry("", &rebuilding).unwrap()));
    let sentence = refused(&broker);
    assert!(sentence.contains("ledger rebuild --write"), "{sentence}");
    rewrite(&broker);
    assert_eq!(outcomes(&broker).1, whole);

    // And it is one that is gone on with.
    broker.append("t.events", record(RECORDS + 1)).unwrap().wait().unwrap();
    run(&broker, None, 256, || done(&broker) == RECORDS + 5);
    assert!(outcomes(&broker).0.len() >= alerts.len());
    check_rebuilt(&broker);
}

/// The child says each time that it has come further, and is killed at one place or another of its work.
#[test]
fn kill_nine_amid_snapshots_changes_neither_an_alert_nor_the_ledger() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER).map(PathBuf::from) {
        return work_until_killed(&folder);
    }
    let pair = Pair::new();
    let (mut starts, mut half_written, mut is_done) = (0, 0, false);
    while !is_done {
        let mut child = start_child("kill_nine_amid_snapshots_changes_neither_an_alert_nor_the_ledger", &pair.second());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        for (count, line) in lines.filter(|line| line.starts_with("at ")).enumerate() {
            is_done = line == "at the end";
            if is_done || count as u64 == mixed(starts) % 20 {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        starts += 1;
        half_written += files(&pair.snapshots(), "unfinished");
    }
    println!("{starts} kills, {half_written} of them left half a snapshot");
    assert!(half_written > 0, "no kill fell into a snapshot");
    assert!(files(&pair.snapshots(), "snapshot") > 0);
    let killed = open(&pair.second());
    pair.check(&killed, starts);
}

fn work_until_killed(folder: &Path) {
    let broker = open(folder);
    let said = std::cell::Cell::new(u64::MAX);
    run(&broker, Some(&folder.join("snapshots")), 2, || {
        let at = done(&broker);
        if said.replace(at) != at {
            println!("\nat {}", if at == RECORDS + 1 { "the end".to_owned() } else { at.to_string() });
        }
        false
    });
}

fn start_child(test: &str, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD_FOLDER, folder);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// How many files of a folder have this extension.
fn files(folder: &Path, extension: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    entries.filter(|entry| entry.path().extension().is_some_and(|found| found == extension)).count()
}
