//! What operators do to a running Daylight: decide, merge, list, reveal, read tables again; and what it refuses to start with.
//!
//! The built binary on both sides: the process, and the commands as people type them.

#![expect(clippy::indexing_slicing, reason = "a test may stop at the first surprise, and so may what only tests call")]

mod apps;
mod connections;
mod decisions;
mod init;
mod keys;
mod ledger;
mod merges;
mod redrive;
mod reload;
mod repartition;
mod reveal;
mod shell;
mod verify;
