//! The chaos harness: Daylight under load, on real servers, while processes are killed, servers go away and the network loses what it was given;
//! then everything that was acknowledged is looked for, by a checker that is pure and can fail.
//!
//! `seed → schedule` is a function (`schedule.rs`), and so is `seed → pages` (`generator.rs`); what the client learned is its book (`book.rs`). What
//! is there afterwards is plain data (`observed.rs`), and `check.rs` compares the two, invariant by invariant.

pub mod amounts;
pub mod book;
pub mod check;
pub mod client;
pub mod conduct;
pub mod dice;
pub mod generator;
pub mod observe;
pub mod observed;
pub mod report;
pub mod schedule;
pub mod selftest;
pub mod stage;
mod testimony;
