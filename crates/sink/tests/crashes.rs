//! The whole process on a real embedded log and a real ClickHouse, with a proxy between them that loses requests and answers, stopped and
//! started again and again: every row is there once, and usage adds up.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

mod support;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use broker::{Broker, Record};
use codec::{BatchHeader, BatchWriter};
use event::{AppIdKind, AppRef, Event, EventId, Kind, Outcome, Source, Timestamp, UserKey};
use runtime::Shutdown;
use support::{Running, Stack, mixed};

const RECORDS: u64 = 480;
const MARCH_MS: i64 = 1_772_500_000_000;
const APRIL_MS: i64 = MARCH_MS + 40 * 86_400_000;

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

#[test]
fn every_row_is_there_once_whatever_is_lost_between_us_and_the_database() {
    let stack = Stack::start();
    let proxy = Proxy::open(stack.server.url().trim_start_matches("http://").to_owned());
    // Rounds: of ten requests, so many are lost, and so many answers.
    let rounds = [(0, 3), (0, 10), (0, 0), (1, 2), (0, 10), (0, 1), (3, 3), (10, 0), (0, 5), (0, 10), (2, 1), (0, 0)];
    let (mut rows, start) =
        (0, || Running::start(&stack.broker, &proxy.url, stack.runtime.handle(), Running::config()));
    for (round, (requests, answers)) in (0u64..).zip(rounds) {
        let per_round = RECORDS / rounds.len() as u64;
        proxy.lose(requests, answers);
        let stop_at = proxy.requests.load(Ordering::SeqCst) + 10 + mixed(round) % 30;
        let (log, numbers) = (stack.broker.clone(), round * per_round..(round + 1) * per_round);
        let appending = thread::spawn(move || append(&log, numbers));
        let running = start();
        running.wait("requests are made", || proxy.requests.load(Ordering::SeqCst) >= stop_at);
        running.stop().unwrap();
        rows += appending.join().unwrap();
    }
    proxy.lose(0, 0);
    let running = start();
    running.wait("everything has landed", || stack.is_done());
    running.stop().unwrap();
    let per_round = RECORDS / rounds.len() as u64;
    let broken = (0..per_round * rounds.len() as u64).filter(|number| number % 50 == 17).count();
    stack.is_exact(rows);
    assert_eq!(stack.ask("SELECT uniqExact(event_id) FROM events"), rows.to_string());
    assert_eq!(stack.ask("SELECT count() FROM dead_letters FINAL WHERE reason = 'bad_record'"), broken.to_string());
    stack.stop();
}

/// The case that tokens alone lose: the server knows the token and has not the rows.
#[test]
fn rows_whose_token_is_known_and_which_are_not_there_are_sent_again_under_the_next() {
    let stack = Stack::start();
    let proxy = Proxy::open(stack.server.url().trim_start_matches("http://").to_owned());
    let running = Running::start(&stack.broker, &proxy.url, stack.runtime.handle(), Running::config());
    // Each partition was asked for; from here on no answer comes through.
    running.wait("it has begun", || proxy.requests.load(Ordering::SeqCst) >= 2);
    proxy.lose(0, 10);
    let rows = append(&stack.broker, 0..12);
    running.wait("batches are stored, and nobody hears of it", || stack.ask("SELECT count() FROM events") != "0");
    running.stop().unwrap();
    stack.execute("ALTER TABLE events DELETE WHERE 1 SETTINGS mutations_sync = 2");
    assert_eq!(stack.ask("SELECT count() FROM events"), "0");
    let running = stack.run();
    running.wait("everything has landed", || stack.is_done());
    let (repairs, repaired) =
        (running.metric("daylight_sink_repairs_total"), running.metric("daylight_sink_repaired_rows_total"));
    assert!(repairs >= 1.0 && repaired > 0.0, "{repairs} repairs of {repaired} rows");
    running.stop().unwrap();
    stack.is_exact(rows);
    stack.stop();
}
