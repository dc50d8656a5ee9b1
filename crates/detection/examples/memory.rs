//! How much memory a remembered pair takes, and how long it takes to fill and to restore it: the figures behind the ledger's targets.
//!
//! ```text
//! cargo run --release -p detection --example memory -- live 10000000 800
//! cargo run --release -p detection --example memory -- restored 10000000 800
//! ```
//! How the pairs come, how many, and over how many apps, which are met as Zipf(1.1) has it. The allocator is the one of the binary, and what counts is what the system says that
//! the process holds, not what was asked for.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement stops at the first surprise and prints what it saw"
)]

use std::{error::Error, fs, time::Instant};

use catalog::GrantRisk;
use detection::{Engine, Findings, Observation, Settings};
use enrichment::{AppInfo, Enriched};
use event::{
    AppIdKind, AppRef, Coordinates, Event, EventId, Kind, LedgerEntry, LogId, Position, Sighting, Source, Status,
    Timestamp, UserKey, stable_hash_64,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TENANT: &str = "acme";
const DEFAULT_PAIRS: u64 = 1_000_000;
const DEFAULT_APPS: u64 = 800;

/// The apps of the run, and how likely each is.
struct Apps {
    ids: Vec<String>,
    infos: Vec<AppInfo>,
    /// Sums of the likelihoods, of 2⁶⁴.
    until: Vec<u64>,
}

impl Apps {
    fn new(count: u64) -> Apps {
        let weights: Vec<f64> = (1..=count).map(|rank| (rank as f64).powf(-1.1)).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let until = weights.iter().map(|weight| {
            sum += weight / total;
            (sum * u64::MAX as f64) as u64
        });
        let info = |app: u64| AppInfo { app_key: format!("app-{app}.example"), ..AppInfo::default() };
        Apps {
            until: until.collect(),
            ids: (0..count).map(|app| format!("0oa{app}")).collect(),
            infos: (0..count).map(info).collect(),
        }
    }

    fn pick(&self, number: u64) -> usize {
        self.until.partition_point(|until| *until < mixed(number)).min(self.ids.len() - 1)
    }

    fn reference(&self, app: usize) -> AppRef<'_> {
        AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: &self.ids[app] }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place).map(|text| text.parse()).transpose();
    let (pairs, apps) = (number(1)?.unwrap_or(DEFAULT_PAIRS), Apps::new(number(2)?.unwrap_or(DEFAULT_APPS)));
    let is_restored = arguments.first().is_some_and(|way| way == "restored");
    let way = if is_restored { "restored" } else { "live" };
    let mut engine = Engine::new(Settings::default());
    let what = format!("{pairs} pairs, {} apps, {way}", apps.ids.len());
    measure(&what, pairs, || {
        if is_restored { restore(&mut engine, pairs, &apps) } else { live(&mut engine, pairs, &apps) }
    })?;
    known(&mut engine, pairs, &apps);
    println!("  state hash {:032x}", engine.state_hash());
    Ok(())
}

/// Does something and tells what it took.
fn measure(what: &str, pairs: u64, work: impl FnOnce()) -> Result<(), Box<dyn Error>> {
    let (before, began) = (status_kib("VmRSS:")?, Instant::now());
    work();
    let (took, after, peak) = (began.elapsed(), status_kib("VmRSS:")?, status_kib("VmHWM:")?);
    println!(
        "{what}: {:.2} s, {:.1} bytes a pair resident ({:.1} MiB; peak of the process {:.1} MiB)",
        took.as_secs_f64(),
        after.saturating_sub(before) as f64 * 1_024.0 / pairs as f64,
        after as f64 / 1_024.0,
        peak as f64 / 1_024.0,
    );
    Ok(())
}

/// As the loop of `detect` does it: each pair is met for the first time.
fn live(engine: &mut Engine, pairs: u64, apps: &Apps) {
    let mut out = Findings::default();
    for number in 0..pairs {
        observe(engine, number, number, apps, &mut out);
        if number % 1_000 == 0 {
            out.clear();
        }
    }
}

/// Steady state: everybody again, in another order.
fn known(engine: &mut Engine, pairs: u64, apps: &Apps) {
    let (mut out, began) = (Findings::default(), Instant::now());
    let events = pairs.min(2_000_000);
    for number in 0..events {
        observe(engine, mixed(number) % pairs, pairs + number, apps, &mut out);
    }
    let each_ns = began.elapsed().as_nanos() as f64 / events as f64;
    println!("  steady state: {each_ns:.0} ns an event, making it up included; {} changes", out.ledger.len());
}

fn observe(engine: &mut Engine, number: u64, offset: u64, apps: &Apps, out: &mut Findings) {
    let app = apps.pick(number);
    let at = Timestamp(1_767_225_600_000);
    let mut event = Event::new(EventId(u128::from(number) + 1), Source::Okta, TENANT, Kind::Sso, at);
    (event.connection, event.app, event.user_key) = ("okta", apps.reference(app), person(number));
    let (alternative, department, tables_version) = ("", "Sales", "t1");
    let (info, status, grant_risk) = (Some(&apps.infos[app]), Status::Sanctioned, GrantRisk::default());
    let enriched = Enriched { event: &event, app: info, status, alternative, department, grant_risk, tables_version };
    let coordinates = Coordinates { log_id: LogId(1), partition: 0, position: Position { offset, index: 0 } };
    engine.observe(Observation { coordinates, logged_at: at }, &enriched, out);
}

/// The entries of the compacted topic, one by one. A start gives the engine the pairs together (`BulkPairs`).
fn restore(engine: &mut Engine, pairs: u64, apps: &Apps) {
    let hashes: Vec<u64> = (0..apps.ids.len()).map(|app| stable_hash_64(&apps.reference(app))).collect();
    for number in 0..pairs {
        let (app_hash, user_key) = (hashes[apps.pick(number)], person(number));
        let position = Position { offset: number, index: 0 };
        engine.load(TENANT, &LedgerEntry::Pair { app_hash, user_key, position, sighting: Sighting::USED });
    }
}

fn person(number: u64) -> UserKey {
    UserKey(mixed(number ^ 0x5555_5555))
}

fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// A line of what the system says of this process: KiB.
fn status_kib(name: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("the system does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
