//! How long a start takes that has so many pairs to remember: from the compacted topic, and from a snapshot.
//!
//! ```text
//! cargo run --release -p detect --example restart -- 1000000 FOLDER
//! cargo run --release -p detect --example restart -- 1000000 FOLDER localhost:9092
//! ```
//! Each line says how long it took, and what it cost all threads of this process by the kernel's count: on a machine with other work, only the
//! second says anything. Pairs, a folder that is empty or was filled by the same command, and a Kafka cluster where the log is not to be the embedded one. The pairs
//! belong to one tenant, so they lie in one partition: the hardest case. Filling takes longest, and is done once.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement stops at the first surprise and prints what it saw"
)]

use std::{
    error::Error,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use broker::{Broker, Cleanup, KafkaSettings, Limits, Record, TopicSpec};
use catalog::Catalogue;
use codec::{Topic, decode_ledger_entry, encode_ledger_entry, ledger_key};
use detect::{Config, Detect};
use enrichment::Enricher;
use event::{
    AppFirst, AppIdKind, AppRef, EventId, FirstSeen, LedgerEntry, Position, Sighting, Source, Timestamp, UserKey,
    stable_hash_64,
};
use runtime::{Health, Registry, Shutdown};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TENANT: &str = "acme";
const APPS: u64 = 800;
const PREFIX: &str = "restart.";
const RECORDS_AT_ONCE: u64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pairs, folder, cluster @ ..] = &arguments[..] else {
        return Err("how many pairs, and in which folder?".into());
    };
    let (pairs, folder) = (pairs.parse::<u64>()?, Path::new(folder));
    let open = || open(folder, cluster.first().map(String::as_str));
    let snapshots = folder.join("snapshots");
    let ledger = Topic::Ledger.name(PREFIX);

    let broker = open()?;
    if broker.watermarks(&ledger, 0)?.1 == 0 {
        timed("filling", || fill(&broker, &ledger, pairs))?;
    }
    let mut records = 0u64;
    timed("reading the topic", || {
        broker.read(&ledger, 0, None, &mut |_| records += 1)?;
        Ok(())
    })?;
    timed("reading and decoding it", || {
        broker.read(&ledger, 0, None, &mut |record| drop(decode_ledger_entry(record.value.unwrap()).unwrap()))?;
        Ok(())
    })?;
    println!("{records} records");
    std::fs::remove_dir_all(&snapshots).ok();
    drop(broker);
    for way in ["from the topic", "from the snapshot"] {
        let broker = timed("opening the log", open)?;
        start_and_stop(way, broker, &snapshots)?;
    }
    for file in std::fs::read_dir(&snapshots)? {
        println!("snapshot: {} MiB", file?.metadata()?.len() >> 20);
    }
    Ok(())
}

fn open(folder: &Path, cluster: Option<&str>) -> Result<Broker, Box<dyn Error>> {
    let broker = match cluster {
        Some(cluster) => Broker::connect_kafka(cluster, KafkaSettings::default(), Limits::default())?,
        None => Broker::open_embedded(folder, Limits::default())?,
    };
    let delete = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let topics = [(Topic::Events, delete), (Topic::Alerts, delete), (Topic::Ledger, Cleanup::Compact)];
    let topics = topics.map(|(topic, cleanup)| TopicSpec { name: topic.name(PREFIX), partitions: 1, cleanup });
    broker.ensure_topics(&topics)?;
    Ok(broker)
}

/// A start until it is ready, and a clean stop, which writes a snapshot where something has changed.
fn start_and_stop(way: &str, broker: Broker, snapshots: &Path) -> Result<(), Box<dyn Error>> {
    let (health, shutdown) = (Health::new(), Shutdown::new());
    let component = health.component("detect");
    let enricher = Enricher::new(Arc::new(Catalogue::embedded()?));
    let (began, before_s) = (Instant::now(), processor_s()?);
    let detect = Detect::new(broker, PREFIX, enricher, Config::default(), Some(snapshots), &Registry::new())?;
    let stop = shutdown.clone();
    let running = thread::spawn(move || detect.run(&stop, &component));
    while !health.reasons().is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    println!(
        "start {way}, until it is ready: {:.2} s, {:.2} s of the processor, {} MiB resident",
        began.elapsed().as_secs_f64(),
        processor_s()? - before_s,
        resident_mib()?
    );
    timed("stop", || {
        shutdown.request();
        Ok(running.join().map_err(|_| "it panicked")??)
    })
}

fn fill(broker: &Broker, ledger: &str, pairs: u64) -> Result<(), Box<dyn Error>> {
    let ids: Vec<String> = (0..APPS).map(|app| format!("0oa{app}")).collect();
    let apps: Vec<AppRef<'_>> =
        ids.iter().map(|id| AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id }).collect();
    let record = |entry: &LedgerEntry<'_>| {
        let value = Some(encode_ledger_entry(TENANT, entry).unwrap());
        Record { partition: 0, key: Some(ledger_key(TENANT, entry.key())), value }
    };
    let seen = FirstSeen { position: Position::default(), event_id: EventId(1), occurred_at: Timestamp(1) };
    let first = AppFirst { used: seen, ..AppFirst::default() };
    let entries = apps.iter().map(|app| {
        let key = app.to_string();
        record(&LedgerEntry::App { app: *app, name: "Notes", first_key: &key, app_key: &key, first })
    });
    append(broker, ledger, entries.collect())?;
    let hashes: Vec<u64> = apps.iter().map(stable_hash_64).collect();
    for begin in (0..pairs).step_by(usize::try_from(RECORDS_AT_ONCE)?) {
        let numbers = begin..pairs.min(begin + RECORDS_AT_ONCE);
        let pair = |number: u64| {
            let mixed = mixed(number);
            let position = Position { offset: number, index: 0 };
            // Half of the people are on a tenth of the apps.
            let app = mixed % if number.is_multiple_of(2) { APPS / 10 } else { APPS };
            let app_hash = usize::try_from(app).ok().and_then(|app| hashes.get(app)).copied().unwrap_or(app);
            let user_key = UserKey(mixed);
            record(&LedgerEntry::Pair { app_hash, user_key, position, sighting: Sighting::USED })
        };
        append(broker, ledger, numbers.map(pair).collect())?;
    }
    Ok(())
}

fn append(broker: &Broker, topic: &str, records: Vec<Record>) -> Result<(), Box<dyn Error>> {
    for ack in broker.append_all(topic, records)? {
        ack.wait()?;
    }
    Ok(())
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    let (began, before_s) = (Instant::now(), processor_s()?);
    let done = work()?;
    println!("{what}: {:.2} s, {:.2} s of the processor", began.elapsed().as_secs_f64(), processor_s()? - before_s);
    Ok(done)
}

/// User and system time of this process so far, in seconds: fields 14 and 15, in hundredths (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
fn processor_s() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit_once(") ").ok_or("the system does not say")?.1;
    let times: Vec<f64> = behind_name.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(times.iter().sum::<f64>() / 100.0)
}

fn resident_mib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the system does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
}

fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
