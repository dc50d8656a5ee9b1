//! Event + tables (catalogue, decisions, aliases, directory) → enriched event. Pure: `detect` and `sink` both use it, with the same result.

mod enriched;

pub use enriched::{AppInfo, Enriched};
