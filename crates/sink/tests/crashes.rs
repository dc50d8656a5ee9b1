//! The whole process on a real embedded log and a real ClickHouse, with a proxy between them that loses requests and answers, stopped and
//! started again and again: every row is there once, and usage adds up.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, Cleanup, Limits, Record, TopicSpec};
use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter, Topic};
use enrichment::Enricher;
use event::{AppIdKind, AppRef, Event, EventId, Kind, Outcome, Source, Timestamp, UserKey};
use runtime::{Health, Registry, Shutdown};
use sink::{Config, Sink};
use store::{Client, Connection, DatabaseName, EmbeddedServer, HostCommand, MIGRATIONS, ServerOptions};
use tokio::runtime::Handle;

const PARTITIONS: u32 = 2;
const RECORDS: u64 = 480;
const SEED: u64 = 20_260_301;
const DEADLINE: Duration = Duration::from_secs(90);
const MARCH_MS: i64 = 1_772_500_000_000;
const APRIL_MS: i64 = MARCH_MS + 40 * 86_400_000;

/// A number for each place, the same at every run.
fn mixed(number: u64) -> u64 {
    let mut mixed = (number ^ SEED).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 32
}

/// A way to the server that can lose requests and answers.
struct Proxy {
    url: String,
    /// Of ten requests, so many are lost before they reach the server, and so many answers after it has acted.
    losses: Arc<[AtomicU64; 2]>,
    requests: Arc<AtomicU64>,
}

impl Proxy {
    fn open(upstream: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (losses, requests) = (Arc::new([AtomicU64::new(0), AtomicU64::new(0)]), Arc::new(AtomicU64::new(0)));
        let (shared, counter) = (Arc::clone(&losses), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (losses, requests, upstream) = (Arc::clone(&shared), Arc::clone(&counter), upstream.clone());
                thread::spawn(move || pass(stream.unwrap(), &upstream, &losses, &requests));
            }
        });
        Proxy { url, losses, requests }
    }

    fn lose(&self, requests: u64, answers: u64) {
        self.losses[0].store(requests, Ordering::SeqCst);
        self.losses[1].store(answers, Ordering::SeqCst);
    }
}

fn pass(mut stream: TcpStream, upstream: &str, losses: &[AtomicU64; 2], requests: &AtomicU64) {
    let Some(request) = read_request(&mut stream) else { return };
    let dice = mixed(requests.fetch_add(1, Ordering::SeqCst)) % 10;
    let (lost, unanswered) = (losses[0].load(Ordering::SeqCst), losses[1].load(Ordering::SeqCst));
    if dice < lost {
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream) else { return };
    let mut answer = Vec::new();
    if server.write_all(&request).is_err() || server.read_to_end(&mut answer).is_err() {
        return;
    }
    if dice >= lost + unanswered {
        stream.write_all(&answer).ok();
    }
}

/// A request, told to be the last of its connection.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 64 << 10];
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        if bytes.len() >= head + 4 + length.unwrap_or(0) {
            let line = bytes.windows(2).position(|two| two == b"\r\n")?;
            return Some([&bytes[..line], b"\r\nConnection: close", &bytes[line..]].concat());
        }
    }
}

fn host_command() -> HostCommand {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let stack = std::env::var_os("DAYLIGHT_STACK").map_or_else(|| workspace.join("target/stack"), PathBuf::from);
    let library = stack.join("clickhouse/libchdb.so");
    assert!(library.is_file(), "{} is missing: run `make stack`, which fetches the real servers", library.display());
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/sink_clickhouse_host");
    assert!(program.is_file(), "{} is missing: `cargo test -p sink` builds it", program.display());
    HostCommand { program, prefix: vec![library.into()] }
}

fn open(folder: &std::path::Path) -> Broker {
    let broker = Broker::open_embedded(folder, Limits::default()).unwrap();
    let delete = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let spec =
        |(topic, cleanup): (Topic, Cleanup)| TopicSpec { name: topic.name("t."), partitions: PARTITIONS, cleanup };
    let topics = [
        (Topic::Events, delete),
        (Topic::Alerts, delete),
        (Topic::DeadLetters, delete),
        (Topic::Identities, Cleanup::Compact),
        (Topic::Ledger, Cleanup::Compact),
    ];
    broker.ensure_topics(&topics.map(spec)).unwrap();
    broker
}

/// The record of a number: one to five sign-ons, rarely of another month, rarely unreadable. With how many rows it makes.
fn record(number: u64) -> (Record, u64) {
    let partition = u32::from(number.is_multiple_of(3));
    if number % 50 == 17 {
        return (Record { partition, key: None, value: Some(format!("broken {number}").into_bytes()) }, 0);
    }
    let received_at = Timestamp(if mixed(number).is_multiple_of(19) { APRIL_MS } else { MARCH_MS });
    let rows = 1 + mixed(number) % 5;
    let ids: Vec<String> = (0..rows).map(|row| format!("0oa{}", mixed(number * 10 + row) % 7)).collect();
    let event = |(row, id): (u64, &'static str)| {
        let mut event =
            Event::new(EventId(u128::from(number * 10 + row) + 1), Source::Okta, "acme", Kind::Sso, received_at);
        event.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id };
        (event.app_name, event.user_key, event.outcome) =
            ("Notes", UserKey(mixed(row + number) % 40 + 1), Outcome::Success);
        (event.connection, event.received_at) = ("okta", received_at);
        event
    };
    let ids = ids.into_iter().map(|id| &*Box::leak(id.into_boxed_str()));
    let events: Vec<Event<'_>> = (0..rows).zip(ids).map(event).collect();
    let mut writer = BatchWriter::new(BatchHeader::of(&events[0]));
    events.iter().for_each(|event| writer.push(event).unwrap());
    (Record { partition, key: Some(b"acme".to_vec()), value: Some(writer.finish()) }, rows)
}

fn append(broker: &Broker, numbers: std::ops::Range<u64>) -> u64 {
    let (mut rows, live) = (0, Shutdown::new());
    for number in numbers {
        let (record, more) = record(number);
        broker.append("t.events", record).unwrap().wait().unwrap();
        rows += more;
        // Live, so that age seals batches where a restart, which finds everything there, would seal them by their rows.
        live.sleep(Duration::from_millis(mixed(number) % 9));
    }
    rows
}

/// One run of the process, from its start until `is_over`.
fn run(broker: &Broker, url: &str, handle: &Handle, is_over: impl Fn() -> bool) {
    let connection = Connection {
        url: url.to_owned(),
        database: DatabaseName::parse("daylight").unwrap(),
        user: String::new(),
        password: String::new(),
    };
    let config = Config {
        batch_rows_max: 60,
        flush_interval_ms: 30,
        retry_wait_max_ms: 30,
        insert_timeout_ms: 10_000,
        poll_records_max: 7,
        ..Config::default()
    };
    let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    let (shutdown, component) = (Shutdown::new(), Health::new().component("sink"));
    let client = Client::new(connection).unwrap();
    let (registry, stop) = (Registry::new(), shutdown.clone());
    let sink =
        Sink::new(broker.clone(), "t.", client, enricher, config, &registry, stop.clone(), component, handle.clone())
            .unwrap();
    let running = thread::spawn(move || sink.run(&stop));
    let began = Instant::now();
    while !is_over() {
        assert!(!running.is_finished(), "the sink ended: {:?}", running.join());
        assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}");
        shutdown.sleep(Duration::from_millis(3));
    }
    shutdown.request();
    running.join().unwrap().unwrap();
}

/// Is everything committed, and nothing planned?
fn is_done(broker: &Broker, topic: &str) -> bool {
    (0..PARTITIONS).all(|partition| {
        let (_, end) = broker.watermarks(topic, partition).unwrap();
        let committed = broker.committed("sink", topic, partition).unwrap();
        committed.is_some_and(|committed| committed.offset == end && !committed.metadata.contains(':'))
    })
}

#[test]
fn every_row_is_there_once_whatever_is_lost_between_us_and_the_database() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (logs, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server =
        runtime.block_on(EmbeddedServer::start(host_command(), ServerOptions::new(data.path().into()))).unwrap();
    let client = Client::new(server.connection(DatabaseName::parse("daylight").unwrap())).unwrap();
    runtime.block_on(client.migrate(MIGRATIONS)).unwrap();
    let proxy = Proxy::open(server.url().trim_start_matches("http://").to_owned());
    let broker = open(logs.path());
    // Rounds: of ten requests, so many are lost, and so many answers.
    let rounds = [(0, 3), (0, 10), (0, 0), (1, 2), (0, 10), (0, 1), (3, 3), (10, 0), (0, 5), (0, 10), (2, 1), (0, 0)];
    let mut rows = 0;
    for (round, (requests, answers)) in (0u64..).zip(rounds) {
        let per_round = RECORDS / rounds.len() as u64;
        proxy.lose(requests, answers);
        let stop_at = proxy.requests.load(Ordering::SeqCst) + 10 + mixed(round) % 30;
        let (log, numbers) = (broker.clone(), round * per_round..(round + 1) * per_round);
        let appending = thread::spawn(move || append(&log, numbers));
        run(&broker, &proxy.url, runtime.handle(), || proxy.requests.load(Ordering::SeqCst) >= stop_at);
        rows += appending.join().unwrap();
    }
    proxy.lose(0, 0);
    run(&broker, &proxy.url, runtime.handle(), || {
        is_done(&broker, "t.events") && is_done_or_empty(&broker, "t.dead_letters")
    });
    let ask = |sql: &str| runtime.block_on(client.query_text(sql, &[], "TSVRaw")).unwrap().trim_end().to_owned();
    let per_round = RECORDS / rounds.len() as u64;
    let broken = (0..per_round * rounds.len() as u64).filter(|number| number % 50 == 17).count();
    let counted = format!("{rows}\t{rows}\t{rows}");
    assert_eq!(ask("SELECT count(), uniqExact(_partition, _offset, _index), uniqExact(event_id) FROM events"), counted);
    assert_eq!(ask("SELECT sum(rows), sum(uses) FROM app_days FINAL"), format!("{rows}\t{rows}"));
    let by_base = "SELECT uniqExact(app_key, toDate(occurred_at), user_key) FROM events";
    assert_eq!(ask("SELECT uniqExact(app_key, day, user_key) FROM app_person_days"), ask(by_base));
    assert_eq!(ask("SELECT count() FROM dead_letters FINAL WHERE reason = 'bad_record'"), broken.to_string());
    drop(client);
    runtime.block_on(server.stop());
}

fn is_done_or_empty(broker: &Broker, topic: &str) -> bool {
    (0..PARTITIONS).all(|partition| {
        let (_, end) = broker.watermarks(topic, partition).unwrap();
        let committed = broker.committed("sink", topic, partition).unwrap();
        end == 0 || committed.is_some_and(|committed| committed.offset == end)
    })
}
