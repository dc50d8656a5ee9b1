//! `daylight ingest`, the released binary: pages of Okta's System Log over HTTP, each answered when Kafka has acknowledged it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use codec::{LogRecord, Topic, decode_log_record};
use stages::{
    accounting,
    workload::{PARTITIONS, Shape, Workload},
};
use tests::servers::{Daylight, Setup};

use crate::{
    okta::pages,
    report::{BytesPerEvent, Measured},
    stack::{Servers, Stack},
};

/// Senders, each with a connection that it keeps.
const SENDERS: usize = 8;
/// Elements of a run at most: their pages are made before and kept.
const ELEMENTS_MAX: u64 = 400_000;
/// The same where each has a request of its own.
const SINGLE_ELEMENTS_MAX: u64 = 40_000;
/// The connection.
const CONNECTION: &str = "bench";

pub(super) fn run(stack: &mut Stack, of_page: u64) -> anyhow::Result<Measured> {
    let elements = stack.scale.events.min(if of_page == 1 { SINGLE_ELEMENTS_MAX } else { ELEMENTS_MAX });
    let workload = Workload::new(Shape { tenants: 1, ..Shape::of_apps(800) }, stack.scale.seed);
    let prefix = format!("{}.", stack.new_database().replace('_', "."));
    let pages = pages(&workload, 0..elements, of_page);
    let servers = stack.servers()?;
    let daylight = Setup::new()
        .role("ingest")
        .kafka(&servers.kafka.bootstrap)
        .set("log.topic_prefix", prefix.as_str())
        .connection(CONNECTION, &workload.tenants()[0], "okta", &workload.hosts()[0])
        .start()?;
    let (books, before) = (servers.books()?, accounting::cpu(daylight.process())?);
    send_all(&daylight, CONNECTION, &pages.bodies, &|_| None)?;
    let client = accounting::cpu(daylight.process())?.saturating_sub(before);
    let (time, mut cost) = servers.close(books, None)?;
    (cost.clickhouse, cost.merges, cost.client) = (Duration::ZERO, Duration::ZERO, client);
    let peak = accounting::peak_mib(daylight.process())?;
    ensure!(daylight.stop()? == 0, "ingest did not stop as it should");
    let (events, letters) = (events_in(servers, &prefix)?, dead_letters_in(servers, &prefix)?);
    let wanted = (pages.elements - pages.damaged, pages.damaged);
    let mut flaws = Vec::new();
    if (events, letters) != wanted {
        flaws.push(format!("events and dead letters in the log: {:?} of {wanted:?}", (events, letters)));
    }
    let log = servers.topic_bytes(&Topic::Events.name(&prefix))? as f64 / events.max(1) as f64;
    let incoming = pages.bytes as f64 / pages.elements.max(1) as f64;
    let bytes = BytesPerEvent { incoming: Some(incoming), log: Some(log), out: None };
    let note = format!("{SENDERS} connections, {of_page} events a request, TLS off");
    Ok(Measured {
        events: pages.elements,
        time,
        cost,
        peak_rss_mib: Some(peak),
        bytes,
        flaws,
        note,
        ..Measured::default()
    })
}

/// Every page, over connections that are kept; a page that has a time is not sent before it.
pub(super) fn send_all(
    daylight: &Daylight,
    connection: &str,
    bodies: &[Vec<u8>],
    due: &(dyn Fn(usize) -> Option<Instant> + Sync),
) -> anyhow::Result<()> {
    let url = daylight.events_url(connection);
    let rest = url.strip_prefix("http://").context("the door has another scheme")?;
    let (address, path) = rest.split_once('/').context("the door has no path")?;
    let authorization = format!("Bearer {}", daylight.secret(connection));
    let next = AtomicUsize::new(0);
    let send = || -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(body) = bodies.get(place) else { return Ok(()) };
            let head = format!(
                "POST /{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if let Some(due) = due(place) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            stream.write_all(&[head.as_bytes(), body].concat())?;
            let answer = read_answer(&mut stream)?;
            ensure!(answer.starts_with("HTTP/1.1 200"), "a page was not accepted: {answer}");
        }
    };
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        senders.into_iter().try_for_each(|sender| sender.join().unwrap())
    })
}

/// An answer with its body, whose length it tells.
fn read_answer(stream: &mut TcpStream) -> anyhow::Result<String> {
    let (mut answer, mut room) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut room)?;
        ensure!(read > 0, "the connection was closed amid an answer");
        answer.extend_from_slice(&room[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if body.len() >= length.context("an answer without its length")? {
            return Ok(text.into_owned());
        }
    }
}

fn events_in(servers: &Servers, prefix: &str) -> anyhow::Result<u64> {
    let mut events = 0;
    for partition in 0..PARTITIONS {
        servers.broker.read(&Topic::Events.name(prefix), partition, None, &mut |record| {
            if let Ok(LogRecord::Events(batch)) = decode_log_record(record.value.unwrap_or_default()) {
                events += batch.filter(Result::is_ok).count() as u64;
            }
        })?;
    }
    Ok(events)
}

fn dead_letters_in(servers: &Servers, prefix: &str) -> anyhow::Result<u64> {
    let mut letters = 0;
    for partition in 0..PARTITIONS {
        servers.broker.read(&Topic::DeadLetters.name(prefix), partition, None, &mut |_| letters += 1)?;
    }
    Ok(letters)
}
