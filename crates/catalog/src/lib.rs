//! What is known about apps before anybody in the company uses one: catalogue, resolver, scope risk. Pure.

mod app;
mod scope_risk;

pub use app::{AppEntry, Category};
pub use scope_risk::{GrantRisk, RiskLevel, ScopeFamily};
