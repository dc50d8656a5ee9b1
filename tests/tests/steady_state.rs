//! The way of an event from bytes to columns allocates nothing, once everybody and everything in it is known: decode, recognise, observe and
//! push, counted by an allocator of this test's own. One test only: a second one in this process would be counted, too.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter, LogRecord, RawTexts, decode_log_record};
use detection::{Engine, Findings, Observation, Settings};
use enrichment::{Enriched, Enricher};
use event::{
    AppIdKind, AppRef, Coordinates, Event, EventId, Kind, LogId, Outcome, Position, Source, Timestamp, UserKey,
};
use store::{EventKeys, EventRow, EventRows};

/// 2026-03-02T09:00:00Z.
const MORNING_MS: i64 = 1_772_442_000_000;
const RECORDS: u64 = 20;
const EVENTS_OF_A_RECORD: u64 = 100;

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

/// Sign-ons, logins and uses of tokens, some with and some without the app's name, of 50 people on 12 apps.
fn record(number: u64) -> Vec<u8> {
    let kinds = [Kind::Sso, Kind::LoginSuccess, Kind::TokenUse, Kind::LoginFailure];
    let apps: Vec<String> = (0..12).map(|app| format!("0oa{app}")).collect();
    let sessions: Vec<String> = (0..9).map(|session| format!("session-{session}")).collect();
    let events: Vec<Event<'_>> = (number * EVENTS_OF_A_RECORD..(number + 1) * EVENTS_OF_A_RECORD)
        .map(|event| {
            let place = usize::try_from(event).unwrap();
            let at = Timestamp(MORNING_MS + i64::try_from(event).unwrap());
            let mut made = Event::new(EventId(u128::from(event) + 1), Source::Okta, "acme", kinds[place % 4], at);
            (made.connection, made.received_at, made.outcome) = ("okta", Timestamp(MORNING_MS), Outcome::Success);
            made.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: &apps[place % 12] };
            (made.app_name, made.session_id) = ("Notes", &sessions[place % 9]);
            (made.user_key, made.user_agent) = (UserKey(event % 50 + 1), "Firefox/140.0");
            made
        })
        .collect();
    let mut writer = BatchWriter::new(BatchHeader::of(&events[0]));
    events.iter().for_each(|event| writer.push(event).unwrap());
    writer.finish()
}

/// The columns that a parser fills here; what is empty costs the same push.
fn row<'a>(enriched: &Enriched<'a>, at: Coordinates) -> EventRow<'a> {
    let event = enriched.event;
    EventRow {
        event_id: event.event_id.0,
        tenant: event.tenant,
        connection: event.connection,
        kind: event.kind.index(),
        session_id: event.session_id,
        occurred_at: event.occurred_at.0,
        received_at: event.received_at.0,
        user_key: event.user_key.0,
        app_key: enriched.app.map_or("", |app| &app.app_key),
        app_native_id: event.app.id,
        app_name: event.app_name,
        user_agent: event.user_agent,
        tables_version: enriched.tables_version,
        log_id: at.log_id.0,
        offset: at.position.offset,
        index: at.position.index,
        ..EventRow::EMPTY
    }
}

#[test]
fn an_event_of_known_people_and_apps_goes_from_bytes_to_columns_without_an_allocation() {
    let records: Vec<Vec<u8>> = (0..RECORDS).map(record).collect();
    let mut enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    let (mut engine, mut out, mut block) = (Engine::new(Settings::default()), Findings::default(), EventRows::new());
    let mut pass = |pass: u64, block: &mut EventRows| {
        let mut events = 0;
        for (offset, value) in (pass * RECORDS..).zip(&records) {
            let LogRecord::Events(mut batch) = decode_log_record(value).unwrap() else { panic!("events were written") };
            let (mut index, mut shared, origin) = (0, EventRow::EMPTY, batch.raw_origin());
            (shared.tenant, shared.connection) = (batch.header().tenant, batch.header().connection);
            while let Some(event) = batch.next() {
                let event = event.unwrap();
                let enriched = enricher.enrich(&event);
                let at = Coordinates { log_id: LogId(1), partition: 0, position: Position { offset, index } };
                engine.observe(Observation { coordinates: at, logged_at: event.received_at }, &enriched, &mut out);
                let app = enriched.app.unwrap().number.to_le_bytes();
                let RawTexts { grant, outcome, network, client, .. } = batch.raw_texts();
                block.push(&row(&enriched, at), &EventKeys { app: &app, grant, outcome, network, client });
                (events, index) = (events + 1, index + 1);
            }
            block.finish_record(&shared, origin);
        }
        (events, out.alerts.len(), out.ledger.len())
    };
    // The first pass learns, the second finds out how large everything is.
    let (_, _, learned) = pass(1, &mut block);
    assert!(learned > 0, "nothing was new, so nothing is shown");
    assert_eq!(block.take().rows, 2_000);
    pass(2, &mut block);
    assert_eq!(block.take().rows, 2_000);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let (events, _, changes) = pass(3, &mut block);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert_eq!((allocations, events, changes), (0, 2_000, learned), "allocations, events, changes of the ledger");
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let encoded = block.take();
    let of_block = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(encoded.rows == 2_000 && of_block < 100, "{of_block} allocations to encode {} rows", encoded.rows);
}
