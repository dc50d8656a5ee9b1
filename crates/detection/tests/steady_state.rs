//! In steady state the engine writes nothing and allocates nothing: counted by an allocator of this test's own.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU64, Ordering},
};

use catalog::{GrantRisk, RiskLevel, ScopeFamily};
use detection::{Engine, Findings, Observation, Settings};
use enrichment::{AppInfo, Enriched};
use event::{
    AppIdKind, AppRef, ConsentType, Coordinates, Event, EventId, Kind, LogId, Position, Source, Status, Timestamp,
    UserKey,
};

/// Counts what is allocated and leaves the work to the system.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written otherwise; each call goes to the system's with the caller's own arguments"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A hundred people, four ways of meeting one app: among them a dangerous grant and the use of a blocked app, whose episodes are open.
fn events(first_offset: u64) -> Vec<Event<'static>> {
    let ways = [Kind::Sso, Kind::OauthGrant, Kind::TokenUse, Kind::TokenIssued];
    let people_and_ways = (1..=100).flat_map(|user| ways.map(|kind| (user, kind)));
    let event = |(offset, (user, kind)): (u64, (u64, Kind))| {
        let at = Timestamp(1_767_225_600_000);
        let mut event = Event::new(EventId(u128::from(offset)), Source::Okta, "acme", kind, at);
        event.connection = "okta-main";
        event.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: "0oa1" };
        event.user_key = UserKey(user);
        event.consent_type = ConsentType::User;
        event
    };
    (first_offset..).zip(people_and_ways).map(event).collect()
}

fn enriched<'a>(event: &'a Event<'a>, info: &'a AppInfo) -> Enriched<'a> {
    let grant_risk = if event.kind == Kind::OauthGrant {
        GrantRisk {
            level: RiskLevel::High,
            high_families: vec![ScopeFamily::Mail],
            top_scopes: vec!["Mail.Send".to_owned(), "Mail.Read".to_owned()],
            is_persistent: true,
        }
    } else {
        GrantRisk::default()
    };
    let status = if event.kind == Kind::TokenIssued { Status::Blocked } else { Status::Unreviewed };
    let (alternative, department, tables_version) = ("", "Sales", "t1");
    Enriched { event, app: Some(info), status, alternative, department, grant_risk, tables_version }
}

/// One test only: a second one in this process would be counted, too.
#[test]
fn an_event_of_a_known_person_on_a_known_app_writes_nothing_and_allocates_nothing() {
    let info = AppInfo { app_key: "notes.example".to_owned(), name: "Notes".to_owned(), ..AppInfo::default() };
    let (first, second) = (events(1), events(1_000));
    let first: Vec<_> = first.iter().map(|event| enriched(event, &info)).collect();
    let second: Vec<_> = second.iter().map(|event| enriched(event, &info)).collect();
    let mut engine = Engine::new(Settings::default());
    let mut out = Findings::default();
    let mut see = |log: &[Enriched<'_>], out: &mut Findings| {
        for (offset, enriched) in (u64::try_from(log[0].event.event_id.0).unwrap()..).zip(log) {
            let position = Position { offset, index: 0 };
            let coordinates = Coordinates { log_id: LogId(1), partition: 0, position };
            engine.observe(Observation { coordinates, logged_at: Timestamp(1) }, enriched, out);
        }
    };
    see(&first, &mut out);
    let rules: Vec<_> = out.alerts.iter().map(|alert| alert.rule.as_str()).collect();
    assert!(["N1", "C1", "C2", "L2"].iter().all(|rule| rules.contains(rule)), "{rules:?}");
    out.clear();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    see(&second, &mut out);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert_eq!((allocations, out.alerts.len(), out.ledger.len(), out.stats.observed), (0, 0, 0, 400));
}
