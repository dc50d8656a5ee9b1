//! How dangerous a grant is: exact scope tokens per provider, from `data/scope_risk.tsv`.

/// How much harm a grant can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskLevel {
    /// Nothing was granted.
    #[default]
    None,
    /// Sign-in only.
    Low,
    /// Limited personal or directory data.
    Medium,
    /// Bulk read of mail, files, chat, code; or write as the person.
    High,
    /// Tenant or account takeover; unbounded export.
    Critical,
}

/// What kind of data a scope opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeFamily {
    /// Mail.
    Mail,
    /// Files.
    Files,
    /// To be completed from the data.
    Other,
}

/// What the scopes of one grant amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantRisk {
    /// The highest level of any scope.
    pub level: RiskLevel,
    /// The families with a scope of at least `High`, each once.
    pub high_families: Vec<ScopeFamily>,
    /// The scopes that reach `level`, as the provider writes them.
    pub top_scopes: Vec<String>,
    /// Does the grant outlive the session (`offline_access`)?
    pub is_persistent: bool,
}
