//! Records and an enricher for this crate's tests.

use std::sync::{Arc, OnceLock};

use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter};
use enrichment::Enricher;
use event::{AppIdKind, AppRef, Event, EventId, Kind, Outcome, Source, Timestamp, UserKey};

/// The month of most records.
pub(crate) const MARCH_MS: i64 = 1_772_500_000_000;
/// Another month.
pub(crate) const APRIL_MS: i64 = MARCH_MS + 40 * 86_400_000;

/// An enricher that knows the catalogue and no decision.
pub(crate) fn enricher() -> Enricher {
    static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    Enricher::new(Arc::clone(CATALOGUE.get_or_init(|| Arc::new(Catalogue::embedded().unwrap()))))
}

/// A sign-on of a person to an app.
pub(crate) fn sign_on<'a>(id: u128, app_id: &'a str, person: u64, received_at_ms: i64) -> Event<'a> {
    let mut event = Event::new(EventId(id), Source::Okta, "acme", Kind::Sso, Timestamp(received_at_ms));
    event.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: app_id };
    (event.app_name, event.user_key, event.outcome) = ("Notes", UserKey(person), Outcome::Success);
    (event.connection, event.received_at) = ("okta", Timestamp(received_at_ms));
    event
}

/// The record of events that share a header.
pub(crate) fn record(events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = BatchWriter::new(BatchHeader::of(&events[0]));
    events.iter().for_each(|event| writer.push(event).unwrap());
    writer.finish()
}

/// A record of so many sign-ons.
pub(crate) fn sign_ons(first_id: u128, count: u128, received_at_ms: i64) -> Vec<u8> {
    let events: Vec<Event<'_>> =
        (first_id..first_id + count).map(|id| sign_on(id, "0oa1", 7, received_at_ms)).collect();
    record(&events)
}
