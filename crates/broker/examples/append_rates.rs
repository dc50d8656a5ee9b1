//! Measures durable appends of the embedded engine on this disk, for `docs/adr/0001-embedded-log-on-fjall.md`.
//!
//! `cargo run --release -p broker --example append_rates -- FOLDER`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement stops at the first surprise and prints what it saw"
)]

use std::{
    collections::VecDeque,
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use broker::{Ack, Broker, Cleanup, Limits, Record, TopicSpec};

/// How long each line is measured.
const FOR: Duration = Duration::from_secs(4);

fn main() {
    let folder = std::env::args().nth(1).expect("usage: append_rates FOLDER");
    measure_sync(Path::new(&folder), 4_096);
    measure_sync(Path::new(&folder), 102_400);
    println!("{:>9} {:>9} {:>12} {:>9} {:>9} {:>9}", "bytes", "in flight", "records/s", "MB/s", "p50 ms", "p99 ms");
    for bytes in [1_024, 102_400] {
        for in_flight in [1, 100, 1_000] {
            measure_appends(Path::new(&folder), bytes, in_flight);
        }
    }
}

/// What one write and one sync cost without any store.
fn measure_sync(folder: &Path, bytes: usize) {
    let mut file = File::create(folder.join("sync")).unwrap();
    let block = vec![7; bytes];
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < FOR / 2 {
        let one = Instant::now();
        file.write_all(&block).unwrap();
        file.sync_all().unwrap();
        times.push(one.elapsed());
    }
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("write of {bytes} bytes and fsync alone: p50 {p50:?}, p99 {p99:?}");
}

fn measure_appends(folder: &Path, bytes: usize, in_flight: usize) {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let limits = Limits { queue_bytes_max: 1 << 30, ..Limits::default() };
    let broker = Broker::open_embedded(folder.path(), limits).unwrap();
    let cleanup = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    broker.ensure_topics(&[TopicSpec { name: "t".to_owned(), partitions: 1, cleanup }]).unwrap();
    let record = Record { partition: 0, key: None, value: Some(vec![7; bytes]) };
    let mut waiting: VecDeque<(Instant, Ack)> = VecDeque::new();
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < FOR {
        while waiting.len() < in_flight {
            waiting.push_back((Instant::now(), broker.append("t", record.clone()).unwrap()));
        }
        let (at, ack) = waiting.pop_front().unwrap();
        ack.wait().unwrap();
        times.push(at.elapsed());
    }
    let seconds = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let count = u32::try_from(times.len()).unwrap();
    let rate = f64::from(count) / seconds;
    let megabytes = rate * f64::from(u32::try_from(bytes).unwrap()) / 1e6;
    let milliseconds = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    println!(
        "{bytes:>9} {in_flight:>9} {rate:>12.0} {megabytes:>9.1} {:>9.2} {:>9.2}",
        milliseconds(50),
        milliseconds(99)
    );
}
