//! Pollers against providers that have bad days: after the dust, the set of events in the log is the provider's set.

#![cfg(test)]

mod backfill;
mod backfill_kills;
mod bad_days;
mod check;
mod gaps;
mod google;
mod graph;
mod handover;
mod log;
mod office365;
mod okta;
mod ownership;
mod polled;
