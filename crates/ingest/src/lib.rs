//! The front door: native events of identity providers in, domain events out into the log.
//!
//! `delivery` and `parse` are pure: bytes to events. Around them, HTTP receives, authenticates and limits; `accept` packs and appends,
//! and the sender is answered only when the log has everything.

mod accept;
mod body;
mod clock;
mod config;
mod connections;
mod coverage;
pub mod delivery;
mod expectations;
mod gaps;
mod hec;
mod hub;
mod metrics;
pub mod parse;
mod poll;
mod process;
mod redrive;
mod rivals;
mod server;
mod window;

pub use accept::Receipt;
pub use config::{Config, ConnectionConfig};
pub use connections::{ConnectionError, MappingFileError, check_connections, read_mapping};
pub use coverage::{Told, told_by};
pub use expectations::silent_after_hours;
pub use hub::HubConfig;
pub use poll::{
    Api, BackfillDesk, BackfillError, BackfillRequest, BackfillStage, BackfillStatus, Checked, FeedProgress,
    PollConfig, PollError, check,
};
pub use process::{Ingest, IngestError, Setup};
pub use redrive::{RedriveAnswer, RedriveError, RedriveLine, RedriveRequest, Redriver};
