//! The engine and its rules: events in, alerts and ledger changes out. Pure, replayable, without a clock.
//!
//! Time and order are those of the log. The engine remembers, for ever and per tenant, which apps were met, by whom and where in the log
//! (the *ledger*), and it says "new" exactly for the event whose position is the remembered one. So doing a stretch of the log again
//! yields the same alerts, byte for byte, and an event of a known person on a known app changes nothing, writes nothing, allocates nothing.
//!
//! A rule is one file of `rules/` and one line of `RULES`. It says when an episode opens and how to tell people of it; learning mode,
//! episodes, evidence and the ledger are the engine's.

mod app_table;
mod bulk;
mod draft;
mod engine;
mod evidence;
mod findings;
mod held;
mod pairs;
mod rules;
mod score;
mod settings;
mod sight;
mod snapshot;
mod state_hash;
mod tenant;

pub use bulk::BulkPairs;
pub use draft::Draft;
pub use engine::{Engine, KnownApp, Observation};
pub use findings::{Change, Findings, LedgerChange, Stats};
pub use held::HeldEntry;
pub use pairs::PAIR_BYTES;
pub use rules::{Lane, RULES, Rule};
pub use settings::Settings;
pub use sight::Sight;
pub use snapshot::{BrokenRun, PairsCursor};
