//! A partition stands before what a newer version wrote, in `events` or in the ledger, and no other does: a process that ended there would take
//! detection from every tenant, at each of its starts.

#![expect(clippy::unwrap_used, clippy::float_cmp, reason = "a test may stop at the first surprise")]

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, Cleanup, Limits, Record, TopicSpec, partition_of};
use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter, Topic};
use detect::{Config, Detect, GROUP};
use enrichment::Enricher;
use event::{AppIdKind, AppRef, Event, EventId, Kind, Outcome, Source, Timestamp, UserKey};
use runtime::{Health, Registry, Shutdown};

const PARTITIONS: u32 = 2;
const DEADLINE: Duration = Duration::from_secs(120);
/// The wire format's head with a schema id that nobody has given away.
const NEWER: [u8; 8] = [0, 0x44, 0x41, 0xff, 0xff, 1, 2, 3];
/// Records of a tenant.
const RECORDS: u64 = 5;

/// A tenant of each partition.
fn tenant(partition: u32) -> String {
    let lives_there = |tenant: &String| partition_of(tenant.as_bytes(), PARTITIONS) == partition;
    (0..).map(|number| format!("tenant-{number}")).find(lives_there).unwrap()
}

fn open(folder: &Path) -> Broker {
    let broker = Broker::open_embedded(folder, Limits::default()).unwrap();
    let delete = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let topics = [(Topic::Events, delete), (Topic::Alerts, delete), (Topic::Ledger, Cleanup::Compact)];
    let topics = topics.map(|(topic, cleanup)| TopicSpec { name: topic.name("t."), partitions: PARTITIONS, cleanup });
    broker.ensure_topics(&topics).unwrap();
    broker
}

fn append(broker: &Broker, topic: Topic, partition: u32, value: Vec<u8>) {
    let record = Record { partition, key: Some(b"key".to_vec()), value: Some(value) };
    broker.append(&topic.name("t."), record).unwrap().wait().unwrap();
}

/// Somebody uses an app for the first time.
fn sign_on(tenant: &str, number: u64) -> Vec<u8> {
    let id = format!("app-{number}");
    let at = Timestamp(1_772_500_000_000);
    let mut event = Event::new(EventId(u128::from(number) + 1), Source::Entra, tenant, Kind::Sso, at);
    event.app = AppRef { source: Source::Entra, id_kind: AppIdKind::AppId, id: &id };
    (event.app_name, event.user_key, event.outcome) = ("Notes", UserKey(number + 1), Outcome::Success);
    (event.connection, event.received_at) = ("entra", at);
    let mut writer = BatchWriter::new(BatchHeader::of(&event));
    writer.push(&event).unwrap();
    writer.finish()
}

/// Detection on a thread of its own, and what it says of itself.
struct Running {
    health: Health,
    registry: Registry,
    shutdown: Shutdown,
    thread: thread::JoinHandle<Result<(), detect::DetectError>>,
}

impl Running {
    fn start(broker: &Broker) -> Running {
        let (health, registry, shutdown) = (Health::new(), Registry::new(), Shutdown::new());
        let config = Config { poll_timeout_ms: 5, ..Config::default() };
        let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
        let detect = Detect::new(broker.clone(), "t.", enricher, config, None, &registry).unwrap();
        let (component, stop) = (health.component("detect"), shutdown.clone());
        let thread = thread::spawn(move || detect.run(&stop, &component));
        Running { health, registry, shutdown, thread }
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(!self.thread.is_finished(), "detection ended before {what}");
            assert!(began.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
            self.shutdown.sleep(Duration::from_millis(5));
        }
    }

    fn halted(&self) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == "daylight_detect_partitions_halted").unwrap();
        family.get_metric().first().unwrap().get_gauge().get_value()
    }

    fn stop(self) {
        self.shutdown.request();
        self.thread.join().unwrap().unwrap();
    }
}

fn committed(broker: &Broker, partition: u32) -> u64 {
    let committed = broker.committed(GROUP, &Topic::Events.name("t."), partition).unwrap();
    committed.map_or(0, |committed| committed.offset)
}

#[test]
fn a_record_of_a_newer_version_halts_its_partition_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    for partition in 0..PARTITIONS {
        (0..RECORDS).for_each(|number| append(&broker, Topic::Events, partition, sign_on(&tenant(partition), number)));
    }
    append(&broker, Topic::Events, 0, NEWER.to_vec());
    append(&broker, Topic::Events, 0, sign_on(&tenant(0), RECORDS));
    let running = Running::start(&broker);
    running.wait("the partition halts", || running.halted() > 0.0);
    append(&broker, Topic::Events, 1, sign_on(&tenant(1), RECORDS));
    running.wait("the other one is read on", || committed(&broker, 1) == RECORDS + 1);
    running.wait("what came before is done", || committed(&broker, 0) == RECORDS);
    let reasons = running.health.reasons();
    assert!(reasons.len() == 1 && reasons[0].1.contains("partition 0 of events halts"), "{reasons:?}");
    assert!(running.halted() == 1.0);
    running.stop();
    assert_eq!(committed(&broker, 0), RECORDS, "what comes after it waits for a version that can read it");
}

#[test]
fn an_entry_of_a_newer_version_in_the_ledger_halts_its_partition_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    for partition in 0..PARTITIONS {
        (0..RECORDS).for_each(|number| append(&broker, Topic::Events, partition, sign_on(&tenant(partition), number)));
    }
    append(&broker, Topic::Ledger, 1, NEWER.to_vec());
    let running = Running::start(&broker);
    running.wait("the other one is read", || committed(&broker, 0) == RECORDS);
    running.wait("the partition halts", || running.halted() > 0.0);
    let reasons = running.health.reasons();
    assert!(reasons.len() == 1 && reasons[0].1.contains("partition 1 of ledger halts"), "{reasons:?}");
    running.stop();
    assert_eq!(committed(&broker, 1), 0, "who does not know what is remembered calls nothing new");
}
