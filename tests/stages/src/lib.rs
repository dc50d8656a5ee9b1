//! The pure code that an event goes through, alone and on one thread: a seeded workload, the stages from bytes to a row, the detection engine,
//! the parsers. `make bench` takes their time, `make instructions` counts their instructions. Apart from the rest of the bench, because it
//! needs nothing that Daylight itself does not hold.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a measurement stops at the first surprise and counts in fractions"
)]

pub mod accounting;
pub mod allocations;
pub mod engine;
pub mod known;
pub mod parse;
pub mod random;
pub mod row;
pub mod stage;
pub mod workload;
