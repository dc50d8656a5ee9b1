//! The process that decides what is worth somebody's attention.
//!
//! It reads `events` in order on one thread, lets the pure engine observe each, and writes alerts and ledger changes. An offset is
//! committed only after both are durable, so a crash repeats a stretch, and repeating a stretch changes nothing.

mod config;
mod first_seen;
mod inspect;
mod ledger;
mod metrics;
mod process;
mod rebuild;
mod repartition;
mod rewrite;
mod snapshot;
mod watch;
mod work;
mod writer;

pub use config::Config;
pub use inspect::{Inspector, Remembered, rebuilt};
pub use process::{Detect, DetectError, GROUP};
pub use rebuild::{Ends, Rebuilding, Rebuilt, Told, rebuilt_from_log};
pub use repartition::{Copied, RepartitionError, Repartitioned, repartition};
pub use rewrite::{Difference, RewriteError, Rewriting};
