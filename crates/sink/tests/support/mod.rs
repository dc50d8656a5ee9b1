//! The whole process on a real embedded log and a real ClickHouse, for the tests of this crate.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
// Each test file is a program of its own and uses only a part.
#![allow(dead_code)]

use std::{
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, Cleanup, Limits, Record, TopicSpec};
use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter, Topic, encode_control};
use enrichment::Enricher;
use event::{AppIdKind, AppRef, Control, Event, EventId, Kind, Outcome, Source, Tick, Timestamp, UserKey};
use runtime::{Component, Health, Registry, Shutdown};
use sink::{Config, Digest, Sink, Verification};
use store::{Client, Connection, DatabaseName, EmbeddedServer, HostCommand, MIGRATIONS, ServerOptions};
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};

pub(crate) const PARTITIONS: u32 = 2;
const SEED: u64 = 20_260_301;
/// Generous: on two cores beside other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(240);

/// A number for each place, the same at every run.
pub(crate) fn mixed(number: u64) -> u64 {
    let mut mixed = (number ^ SEED).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 32
}

/// The process, on a thread of its own.
pub(crate) struct Running {
    pub(crate) registry: Registry,
    shutdown: Shutdown,
    thread: thread::JoinHandle<Result<(), sink::SinkError>>,
}

impl Running {
    /// Small batches and short waits, so that a test meets many of each.
    pub(crate) fn config() -> Config {
        Config {
            batch_rows_max: 60,
            flush_interval_ms: 30,
            retry_wait_max_ms: 30,
            insert_timeout_ms: 10_000,
            poll_records_max: 7,
            ..Config::default()
        }
    }

    /// Starts it.
    pub(crate) fn start(broker: &Broker, url: &str, handle: &Handle, config: Config) -> Running {
        Running::start_as(broker, url, handle, config, Health::new().component("sink"))
    }

    /// Starts it, and it says how it fares.
    pub(crate) fn start_as(
        broker: &Broker,
        url: &str,
        handle: &Handle,
        config: Config,
        component: Component,
    ) -> Running {
        let connection = Connection {
            url: url.to_owned(),
            database: DatabaseName::parse("daylight").unwrap(),
            user: String::new(),
            password: String::new(),
        };
        let enricher = enricher();
        let shutdown = Shutdown::new();
        let client = client_of(connection);
        let (registry, stop) = (Registry::new(), shutdown.clone());
        let digest = Digest::open(broker.clone(), "t.", None).unwrap();
        let sink = Sink::new(
            broker.clone(),
            "t.",
            digest,
            client,
            enricher,
            config,
            &registry,
            stop.clone(),
            component,
            handle.clone(),
        )
        .unwrap();
        Running { registry, shutdown, thread: thread::spawn(move || sink.run(&stop)) }
    }

    /// Waits until something is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(!self.thread.is_finished(), "the sink ended while we waited: {what}");
            assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
            self.shutdown.sleep(Duration::from_millis(3));
        }
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().filter(|family| family.name() == name);
        family
            .flat_map(|family| family.get_metric())
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }

    /// Inserts of an outcome, over all tables.
    pub(crate) fn inserts(&self, outcome: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().filter(|family| family.name() == "daylight_sink_inserts_total");
        let of = family.flat_map(|family| family.get_metric());
        of.filter(|metric| metric.get_label().iter().any(|label| label.value() == outcome))
            .map(|metric| metric.get_counter().get_value())
            .sum()
    }

    /// Asks it to stop. Gives how it ended.
    pub(crate) fn stop(self) -> Result<(), sink::SinkError> {
        self.shutdown.request();
        self.thread.join().unwrap()
    }

    /// Waits until it has halted by itself. Gives the sentence.
    pub(crate) fn halted(self) -> String {
        let began = Instant::now();
        while !self.thread.is_finished() {
            assert!(began.elapsed() < DEADLINE, "it goes on");
            self.shutdown.sleep(Duration::from_millis(3));
        }
        self.thread.join().unwrap().unwrap_err().to_string()
    }
}

/// A record of so many sign-ons of many people to a few apps, all of one month. The same bytes may stand in the log many times: rows are told
/// apart by their coordinates.
pub(crate) fn sign_ons(partition: u32, first: u64, count: u64) -> Record {
    const MARCH: Timestamp = Timestamp(1_772_500_000_000);
    let apps: Vec<String> = (0..9).map(|app| format!("0oa{app}")).collect();
    let events = (first..first + count).map(|number| {
        let mut event = Event::new(EventId(u128::from(number) + 1), Source::Okta, "acme", Kind::Sso, MARCH);
        let id = apps.get(usize::try_from(mixed(number) % 9).unwrap()).unwrap();
        event.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id };
        (event.app_name, event.user_key, event.outcome) =
            ("Notes", UserKey(mixed(number + 7) % 400 + 1), Outcome::Success);
        (event.connection, event.received_at) = ("okta", MARCH);
        event
    });
    let events: Vec<Event<'_>> = events.collect();
    let mut writer = BatchWriter::new(BatchHeader::of(events.first().unwrap()));
    events.iter().for_each(|event| writer.push(event).unwrap());
    Record { partition, key: Some(b"acme".to_vec()), value: Some(writer.finish()) }
}

/// A record without any row of events: a minute that has begun.
pub(crate) fn tick(partition: u32) -> Record {
    let value = encode_control("acme", &Control::Tick(Tick { at: Timestamp(1_772_500_000_000) })).unwrap();
    Record { partition, key: Some(b"acme".to_vec()), value: Some(value) }
}

/// A record of every kind of event with every outcome, with and without a person and a session, over three days.
pub(crate) fn of_every_kind(partition: u32) -> Record {
    const MARCH_MS: i64 = 1_772_500_000_000;
    let sessions = ["", "one", "two"];
    let pairs = Kind::ALL.iter().flat_map(|kind| Outcome::ALL.iter().map(move |outcome| (*kind, *outcome)));
    let events = (0u64..).zip(pairs.flat_map(|pair| (0..4u64).map(move |number| (pair, number)))).map(
        |(number, ((kind, outcome), person))| {
            let mut event =
                Event::new(EventId(u128::from(number) + 1), Source::Okta, "acme", kind, Timestamp(MARCH_MS));
            let day = i64::try_from(mixed(number) % 3).unwrap();
            (event.occurred_at, event.received_at) = (Timestamp(MARCH_MS + day * 86_400_000), Timestamp(MARCH_MS));
            event.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: "0oa1" };
            (event.app_name, event.user_key, event.outcome, event.connection) =
                ("Notes", UserKey(person), outcome, "okta");
            event.session_id = sessions.get(usize::try_from(mixed(number) % 3).unwrap()).unwrap();
            event
        },
    );
    let events: Vec<Event<'_>> = events.collect();
    let mut writer = BatchWriter::new(BatchHeader::of(events.first().unwrap()));
    events.iter().for_each(|event| writer.push(event).unwrap());
    Record { partition, key: Some(b"acme".to_vec()), value: Some(writer.finish()) }
}

/// A log, a server and somebody to ask it.
pub(crate) struct Stack {
    pub(crate) runtime: Runtime,
    pub(crate) broker: Broker,
    pub(crate) server: EmbeddedServer,
    pub(crate) client: Client,
    _folders: [TempDir; 2],
}

impl Stack {
    pub(crate) fn start() -> Stack {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (logs, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let server =
            runtime.block_on(EmbeddedServer::start(host_command(), ServerOptions::new(data.path().into()))).unwrap();
        let client = client_of(server.connection(DatabaseName::parse("daylight").unwrap()));
        runtime.block_on(client.migrate(MIGRATIONS)).unwrap();
        Stack { broker: open(logs.path()), runtime, server, client, _folders: [logs, data] }
    }

    pub(crate) fn ask(&self, sql: &str) -> String {
        self.runtime.block_on(self.client.query_text(sql, &[], "TSVRaw")).unwrap().trim_end().to_owned()
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.runtime.block_on(self.client.execute("preparing a test", sql, &[])).unwrap();
    }

    /// The process with the configuration of tests.
    pub(crate) fn run(&self) -> Running {
        Running::start(&self.broker, &self.server.url(), self.runtime.handle(), Running::config())
    }

    /// The same, and it says how it fares.
    pub(crate) fn run_as(&self, component: Component) -> Running {
        let (url, config) = (self.server.url(), Running::config());
        Running::start_as(&self.broker, &url, self.runtime.handle(), config, component)
    }

    /// `kill -9`, and another start on the same data.
    pub(crate) fn kill_server(&mut self) {
        self.server.kill();
        self.runtime.block_on(self.server.restart()).unwrap();
    }

    /// Is everything committed that the log holds?
    pub(crate) fn is_done(&self) -> bool {
        is_done(&self.broker, "t.events") && is_done_or_empty(&self.broker, "t.dead_letters")
    }

    /// What `daylight verify` says.
    pub(crate) fn verify(&self) -> Verification {
        sink::verify(&self.broker, "t.", &self.client, self.runtime.handle()).unwrap()
    }

    /// Every row is where it should be and nothing else is, `events` of them, and usage and inventory say what the rows say.
    pub(crate) fn is_exact(&self, events: u64) {
        let found = self.verify();
        assert!(found.is_sound(), "{found:#?}");
        let rows = self.ask("SELECT count(), uniqExact(_log_id, _partition, _offset, _index) FROM events");
        assert_eq!(rows, format!("{events}\t{events}"));
        assert_eq!(found.partitions.iter().map(|check| check.events).sum::<u64>(), events);
    }

    /// Appends one record and waits until it is durable.
    pub(crate) fn append(&self, record: Record) {
        self.broker.append("t.events", record).unwrap().wait().unwrap();
    }

    pub(crate) fn stop(self) {
        drop(self.client);
        self.runtime.block_on(self.server.stop());
    }
}

pub(crate) fn enricher() -> Enricher {
    Enricher::new(Arc::new(Catalogue::embedded().unwrap()))
}

fn client_of(connection: Connection) -> Client {
    Client::new(connection).unwrap()
}

pub(crate) fn host_command() -> HostCommand {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let stack = std::env::var_os("DAYLIGHT_STACK").map_or_else(|| workspace.join("target/stack"), PathBuf::from);
    let library = stack.join("clickhouse/libchdb.so");
    assert!(library.is_file(), "{} is missing: run `make stack`, which fetches the real servers", library.display());
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/sink_clickhouse_host");
    assert!(program.is_file(), "{} is missing: `cargo test -p sink` builds it", program.display());
    HostCommand { program, prefix: vec![library.into()] }
}

pub(crate) fn open(folder: &std::path::Path) -> Broker {
    let broker = Broker::open_embedded(folder, Limits::default()).unwrap();
    let delete = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let spec =
        |(topic, cleanup): (Topic, Cleanup)| TopicSpec { name: topic.name("t."), partitions: PARTITIONS, cleanup };
    let topics = [
        (Topic::Events, delete),
        (Topic::Alerts, delete),
        (Topic::DeadLetters, delete),
        (Topic::Identities, Cleanup::Compact),
        (Topic::Gaps, Cleanup::Compact),
        (Topic::Ledger, Cleanup::Compact),
    ];
    broker.ensure_topics(&topics.map(spec)).unwrap();
    broker
}

/// Is everything committed, and nothing planned?
pub(crate) fn is_done(broker: &Broker, topic: &str) -> bool {
    (0..PARTITIONS).all(|partition| {
        let (_, end) = broker.watermarks(topic, partition).unwrap();
        let committed = broker.committed("sink", topic, partition).unwrap();
        committed.is_some_and(|committed| committed.offset == end && !committed.metadata.contains(':'))
    })
}

/// As `is_done`, for a topic that may never have had a record.
pub(crate) fn is_done_or_empty(broker: &Broker, topic: &str) -> bool {
    (0..PARTITIONS).all(|partition| {
        let (_, end) = broker.watermarks(topic, partition).unwrap();
        let committed = broker.committed("sink", topic, partition).unwrap();
        end == 0 || committed.is_some_and(|committed| committed.offset == end)
    })
}
