//! Providers that are none: servers on this machine that speak a provider's documented protocol, with its pages, tokens and limits, and that
//! have bad days on demand. What each assumes about its provider is written at its top, with the source.
//!
//! A fake knows every event that it was given, so a test can say at the end: this set, and no other, is in the log.

mod google;
mod google_login;
mod graph;
mod office365;
mod okta;
mod okta_login;
mod server;

pub use google::FakeGoogle;
pub use graph::{FakeGraph, GraphFeed};
pub use office365::FakeOffice365;
pub use okta::FakeOkta;
pub use okta_login::AppTrouble;
pub use server::{Asked, Trouble};
