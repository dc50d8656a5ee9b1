//! The whole, tested.

pub mod servers;
