//! An app of the catalogue.

/// The kind of need that an app serves. A sanctioned app of the same category is offered as the alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Assistants and generative AI.
    Ai,
    /// To be completed.
    Other,
}

/// One app of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppEntry {
    /// Canonical key: the app's main domain, `slack.com`.
    pub app_key: String,
    /// Name as its maker writes it.
    pub name: String,
    /// What it is for.
    pub category: Category,
    /// Who makes it.
    pub publisher: String,
    /// Domains that belong to it, the main one first.
    pub domains: Vec<String>,
}
