//! The domain: what happened, to which app, by whom, and what we think of it.
//!
//! Nothing here knows how it is stored or sent: no I/O, no clock, no serialisation. The wire shape lives in `codec`, the row shape in
//! `store`. Hot types borrow their text from the bytes that they were decoded from (`Event<'a>`), so that a million events a second
//! need no allocation; what is rare (alerts, decisions) owns its text.
//!
//! Missing values have one documented sentinel each and no `Option`: empty text, 0, `Ip::UNSPECIFIED`, `Timestamp::MISSING`. The table
//! of `events` has no Nullable column for the same reason.

mod alert;
mod app;
mod backfill;
mod closed_set;
mod control;
mod coverage;
mod dead_letter;
mod decision;
mod delivery;
mod event;
mod expectation;
mod feed;
mod gap;
mod hash;
mod identity;
mod ids;
mod kinds;
mod label;
mod ledger;
mod position;
mod time;
mod tokens;
mod warnings;

pub use alert::{Alert, AlertState, Factor, Severity};
pub use app::{AppIdKind, AppKind, AppRef, issued_key};
pub use backfill::Backfill;
pub use control::{Alias, AliasAction, Control, Reveal, TableName, TableVersion, Tick};
pub use coverage::Fact;
pub use dead_letter::{DeadLetter, RejectReason};
pub use decision::{Decision, IllegalTransition, Status};
pub use delivery::{Delivery, DeliveryState};
pub use event::{Event, Ip};
pub use expectation::Expectation;
pub use feed::{FeedCursor, PollState};
pub use gap::{Gap, GapReason};
pub use hash::{EventIdHasher, TenantKey, alert_id, content_id, dead_letter_id, session_key, stable_hash_64};
pub use identity::Identity;
pub use ids::{AlertId, EventId, LogId, UserKey};
pub use kinds::{ActorType, ConsentType, Kind, Outcome, Source, Stream};
pub use label::app_label;
pub use ledger::{AppFirst, FirstSeen, LedgerEntry, LedgerKey, Sighting};
pub use position::{Coordinates, Position};
pub use time::Timestamp;
pub use tokens::Tokens;
pub use warnings::{ParseWarning, ParseWarnings};
