//! Event + tables (catalogue, decisions, aliases, directory) → enriched event. Pure: `detect` and `sink` both use it, with the same result.
//!
//! An `Enricher` belongs to one consumer thread. Control records are applied in the order of the log, by that thread, between the events
//! that they stand between; tables that are files (catalogue, directory) are read elsewhere and swapped in whole, where their version
//! stands in the log. So nothing is locked while events are read, and what an event meets depends on the log and on the versions of the tables, never on timing.

mod alias;
mod apps;
mod decisions;
mod directory;
mod enriched;
mod enricher;
mod shelf;
mod tenant;
mod tenants;

pub use alias::{AliasRefused, Aliases};
pub use decisions::{Decisions, Recorded, Standing};
pub use directory::{Directory, DirectoryError};
pub use enriched::{AppInfo, Enriched};
pub use enricher::{Applied, Enricher};
pub use shelf::{CatalogueShelf, DirectoryShelf};
