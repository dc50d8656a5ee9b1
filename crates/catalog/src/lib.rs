//! What is known about apps before anybody in the company uses one: catalogue, resolver, scope risk. Pure.
//!
//! The data are plain text files under `data/`, embedded in the binary and read once at start, so that a mistake in them is one sentence
//! that names file and line. A company's own file of apps, of the same form, is laid over ours.

mod app;
mod catalogue;
mod decorations;
mod error;
mod first_party;
mod name;
mod names;
mod resolution;
mod scope_risk;
mod scope_table;
mod tsv;

pub use app::{AppEntry, Category};
pub use catalogue::{Catalogue, CatalogueFiles, OwnApps};
pub use error::CatalogueError;
pub use resolution::{LookAlike, Resolution, ResolvedBy};
pub use scope_risk::{GrantRisk, RiskLevel, ScopeFamily};
