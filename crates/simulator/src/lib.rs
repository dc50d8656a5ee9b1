//! A simulated company: what its people do with apps, told in the words of their identity providers, and the truth about it.
//!
//! `daylight demo` sends these deliveries over real HTTP into the real pipeline and compares what arrives with the truth. That truth
//! comes from the schedule (`story`, `newcomers`, `danger`): it says that an app is new, that somebody was phished, that a team
//! took something up. No rule and no threshold of `detection` is known here, and nothing there may know this crate.
//!
//! Pure: no I/O and no clock; the caller names the anchor, which is where history ends and the live phase begins. The same settings
//! give the same bytes; another anchor gives the same events, moved in time. All names and ids are invented, but for Microsoft's
//! public first-party client ids and two ids from public lists of rogue apps, which are facts.

mod adoption;
mod agenda;
mod agents;
mod apps;
mod clock;
mod company;
mod danger;
mod deliveries;
mod entra;
mod entra_audit;
mod feed;
mod google;
mod incident;
mod malformed;
mod moment;
mod names;
mod newcomers;
mod okta;
mod packing;
mod people;
mod random;
mod routine;
mod settings;
mod story;
mod suite;
#[cfg(test)]
mod tests;
mod truth;
mod ual;
mod visit;
mod writer;

pub use apps::Provider;
pub use company::{Company, StartingDecision};
pub use deliveries::{Deliveries, Delivery, Phase};
pub use feed::Feed;
pub use incident::{Incident, IncidentKind};
pub use packing::Form;
pub use settings::Settings;
pub use truth::{ElementTruth, Truth};

/// What people type into the field of the name although it is a password: to be found nowhere, dead letters and logs included.
pub const TYPED_PASSWORDS: &[&str] = names::TYPED_PASSWORDS;
