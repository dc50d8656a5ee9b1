//! Bad input and hard days: the built binary on its embedded log and its hosted ClickHouse, from a provider's JSON to rows and webhooks.
//!
//! One process for all of it: tests that only look at their own tenant share one Daylight (`shared`), those that harm it have their own.

#![expect(clippy::indexing_slicing, reason = "a test may stop at the first surprise, and so may what only tests call")]

mod clickhouse;
mod configuration;
mod crash;
mod deliveries;
mod disk;
mod door;
mod faults;
mod hec;
mod hub;
mod mapped;
mod parse;
mod roles;
mod secrecy;
mod shared;
mod tls;
mod troubles;
