//! What a remembered pair costs, counted by an allocator of this test's own. What the system counts at ten million is measured by
//! `examples/memory.rs`; this ceiling notices when a pair gets dearer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use catalog::GrantRisk;
use detection::{Engine, Findings, Observation, PAIR_BYTES, PairsCursor, Settings};
use enrichment::{AppInfo, Enriched};
use event::{
    AppIdKind, AppRef, Coordinates, Event, EventId, Kind, LogId, Position, Source, Status, Timestamp, UserKey,
};

/// Counts bytes in use and leaves the work to the system.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let in_use = IN_USE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(in_use, Relaxed);
}

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written otherwise; each call goes to the system's with the caller's own arguments"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TENANT: &str = "acme";
const PAIRS: usize = 200_000;
const APPS: u64 = 300;
/// Bytes of everything that is remembered, apps and episodes among it, for each pair. It was 37 with a table of `hashbrown` for each app.
const BYTES_A_PAIR_MAX: usize = 27;

/// Half of the people are on a tenth of the apps, so there are large tables and small ones.
fn meet(engine: &mut Engine, out: &mut Findings) {
    let ids: Vec<String> = (0..APPS).map(|app| format!("0oa{app}")).collect();
    let infos: Vec<AppInfo> =
        ids.iter().map(|id| AppInfo { app_key: format!("okta:app_id:{id}"), ..AppInfo::default() }).collect();
    for number in 0..PAIRS {
        let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let app = usize::try_from(mixed >> 40).unwrap() % if number % 2 == 0 { 30 } else { 300 };
        let mut event = Event::new(EventId(1), Source::Okta, TENANT, Kind::Sso, Timestamp(1_767_225_600_000));
        event.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: &ids[app] };
        event.user_key = UserKey(mixed);
        let (alternative, department, tables_version) = ("", "", "");
        let (info, status, grant_risk) = (Some(&infos[app]), Status::Sanctioned, GrantRisk::default());
        let enriched =
            Enriched { event: &event, app: info, status, alternative, department, grant_risk, tables_version };
        let position = Position { offset: number as u64, index: 0 };
        let coordinates = Coordinates { log_id: LogId(1), partition: 0, position };
        engine.observe(Observation { coordinates, logged_at: Timestamp(1) }, &enriched, out);
        out.clear();
    }
}

/// Bytes in use after it, and at most meanwhile, beyond those before it.
fn bytes_of(work: impl FnOnce()) -> (usize, usize) {
    let before = IN_USE.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    (IN_USE.load(Relaxed) - before, PEAK.load(Relaxed) - before)
}

/// One test only: a second one in this process would be counted, too.
#[test]
fn a_pair_takes_no_more_than_it_should_neither_live_nor_restored() {
    let (mut live, mut out) = (Engine::new(Settings::default()), Findings::default());
    let (bytes, peak) = bytes_of(|| meet(&mut live, &mut out));
    assert_eq!(live.pairs(), PAIRS);
    assert!(bytes / PAIRS >= PAIR_BYTES, "{bytes} bytes cannot be all");
    assert!(bytes <= BYTES_A_PAIR_MAX * PAIRS, "{} bytes a pair live", bytes / PAIRS);
    assert!(peak <= (BYTES_A_PAIR_MAX + 4) * PAIRS, "{} bytes a pair while the tables grow", peak / PAIRS);

    let (mut run, mut cursor) = (Vec::new(), PairsCursor::default());
    while live.write_pairs(TENANT, &mut cursor, 100_000, &mut run) {}
    assert!(run.len() < PAIRS * (PAIR_BYTES + 1), "{} bytes of runs", run.len());
    let mut restored = Engine::new(Settings::default());
    let (bytes, peak) = bytes_of(|| assert_eq!(restored.read_pairs(TENANT, &run), Ok(PAIRS as u64)));
    assert_eq!(restored.pairs(), PAIRS);
    assert!(peak.max(bytes) <= BYTES_A_PAIR_MAX * PAIRS, "{} bytes a pair restored", peak / PAIRS);
}
