//! ClickHouse: the tables and how they come to be, columnar blocks and how they get there, questions, and the server of one machine.
//!
//! An edge: it knows rows, bytes and SQL, and no event. `sink` converts the domain into the plain structs of `rows`, pushes them into a
//! block, and hands the encoded block with its token to `Client::insert`, which tells what became of it: stored, refused, or unknown.
//! Nothing here retries: what to do about an unknown end is the caller's to decide, because only the caller knows what can be read back.

mod bucket_sort;
mod client;
mod closed_sets;
mod connection;
mod error;
mod history;
pub mod host;
mod insert;
mod mark;
mod migrate;
mod native;
mod outcome;
mod readback;
mod rows;
mod server;
mod split;
mod usage;
mod usage_check;
mod usage_mend;
mod verify;

pub use bucket_sort::sorted_in_buckets;
pub use client::{Client, Parameter};
pub use closed_sets::{
    ACTOR_TYPE, ALERT_STATE, ALIAS_ACTION, APP_ID_KIND, APP_KIND, CLOSED_SETS, CONSENT_TYPE, GAP_REASON, GRANT_RISK,
    KIND, OUTCOME, REJECT_REASON, SEVERITY, SOURCE, STATUS, STREAM, type_of,
};
pub use connection::{BadName, Connection, DatabaseName};
pub use error::{Remedy, StoreError};
pub use history::{PastAlias, PastDecision, PastEpisode, PastEvent, Stretch};
pub use insert::{Deduplication, query_id};
pub use mark::ServerMark;
pub use migrate::{MIGRATIONS, Migration, MigrationReport};
pub use native::{BadBlock, ColumnType, EncodedBlock};
pub use outcome::{InsertOutcome, Refusal, classify};
pub use readback::StoredPosition;
pub use rows::*;
pub use server::{EmbeddedServer, HostCommand, KEPT_FREE_BYTES, ServerError, ServerOptions, engine_arguments};
pub use usage::{ActivePeople, AppUsage};
pub use usage_check::{DIFFERENCES_MAX, Settled, UsageDifference};
pub use usage_mend::{Cell, CellCounts, SessionOfDay, StoredSession};
pub use verify::StoredRecord;
