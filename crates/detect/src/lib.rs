//! The process that decides what is worth somebody's attention.
//!
//! It reads `events` in order on one thread, lets the pure engine observe each, and writes alerts and ledger changes. An offset is
//! committed only after both are durable, so a crash repeats a stretch, and repeating a stretch changes nothing.

mod alerts;
mod config;
mod error;
mod first_seen;
mod inspect;
mod lane;
mod ledger;
mod metrics;
mod outbox;
mod process;
mod rebuild;
mod repartition;
mod rewrite;
mod scribe;
mod snapshot;
mod watch;
mod work;

pub use config::Config;
pub use error::DetectError;
pub use inspect::{Inspector, Remembered, rebuilt};
pub use process::{Detect, GROUP};
pub use rebuild::{Ends, Rebuilding, Rebuilt, Told, rebuilt_from_log};
pub use repartition::{Copied, RepartitionError, Repartitioned, repartition};
pub use rewrite::{Difference, RewriteError, Rewriting};
