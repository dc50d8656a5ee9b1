//! An event with what the tables say about it.

use catalog::{Category, GrantRisk};
use event::{Event, Status};

/// What is known about an app under the tables in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppInfo {
    /// Another one for each app as delivered (tenant, reference and name), and for the same one after the tables have changed: who has met
    /// a number of this enricher need not look at the texts again. 0 where nobody gave one.
    pub number: u64,
    /// Canonical key: the catalogue's (`slack.com`), or provisional (`okta:app_id:0oa…`) for an app that nobody knows yet.
    pub app_key: String,
    /// Its key before any merge.
    pub own_key: String,
    /// Name to show people: the catalogue's, else as delivered.
    pub name: String,
    /// Does the catalogue know it, by id or by a label that an administrator set?
    pub is_catalogued: bool,
    /// What it is for, where the catalogue knows.
    pub category: Option<Category>,
    /// Who makes it; empty when not known.
    pub publisher: String,
    /// A well-known or sanctioned app whose *name* it only resembles (`app_key` of that app); empty when none. No decision follows from it.
    pub looks_like: String,
    /// Is the name only *confusable* with that app's (`Micros0ft`)? False where it is the very name, delivered by an id that nobody knows:
    /// many genuine apps look so until the catalogue learns their id.
    pub is_confusable: bool,
    /// The provider's own app: exempt from the new-app, consent and usage lanes.
    pub is_first_party: bool,
    /// Known rogue, by id: why; empty when not.
    pub rogue_reason: String,
}

/// An event with what the tables say about it.
#[derive(Clone, Debug)]
pub struct Enriched<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// The app; `None` when the event concerns none.
    pub app: Option<&'a AppInfo>,
    /// What IT has decided about the app, for the person's department or for all.
    pub status: Status,
    /// The sanctioned app of the same category in this tenant, by name; empty when none.
    pub alternative: &'a str,
    /// The person's department when it happened; empty when not known.
    pub department: &'a str,
    /// What the grant amounts to; `RiskLevel::None` for what is no grant.
    pub grant_risk: GrantRisk,
    /// Version of the tables used.
    pub tables_version: &'a str,
}
