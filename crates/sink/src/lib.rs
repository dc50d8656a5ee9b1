//! The process that lands every event in ClickHouse, once per coordinate.
//!
//! A batch is *sealed* (a range of offsets of one partition and one month), *planned* (the range is committed as metadata before anything
//! is sent), *inserted* under a token made of its range, and acknowledged in order. After a crash the planned ranges are formed again,
//! so the same token always names the same rows. Alerts, dead letters and identities follow their topics into their tables.

mod batch;
mod bury;
mod config;
mod convert;
mod digest;
mod error;
#[cfg(test)]
mod fixture;
mod grave;
mod hours;
mod insert;
mod lag;
mod landing;
mod lane;
mod metrics;
mod patience;
mod plan;
mod process;
mod reconcile;
mod restore;
mod resume;
mod side;
mod usage;
mod verify;

pub use config::Config;
pub use digest::{Digest, DigestError};
pub use error::SinkError;
pub use process::Sink;
pub use reconcile::{MendedRows, ReconcileError, ReconcileRequest, Reconciler, Reconciliation};
pub use verify::{AlertCheck, Finding, Flaw, PartitionCheck, Verification, VerifyError, verify};
