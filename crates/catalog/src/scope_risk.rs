//! How dangerous a grant is: the words of the answer. `scope_table` finds it.

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

impl RiskLevel {
    /// The one spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RiskLevel::None => "none",
            RiskLevel::Low => "low",
            RiskLevel::Medium => "medium",
            RiskLevel::High => "high",
            RiskLevel::Critical => "critical",
        }
    }

    /// The level of that spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<RiskLevel> {
        let all = [RiskLevel::None, RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical];
        all.into_iter().find(|level| level.as_str() == text)
    }

    /// One level up; what is critical stays so.
    #[must_use]
    pub const fn raised(self) -> RiskLevel {
        match self {
            RiskLevel::None => RiskLevel::Low,
            RiskLevel::Low => RiskLevel::Medium,
            RiskLevel::Medium => RiskLevel::High,
            RiskLevel::High | RiskLevel::Critical => RiskLevel::Critical,
        }
    }
}

/// Prints the one spelling.
impl std::fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What kind of data a scope opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeFamily {
    /// Mail.
    Mail,
    /// Files.
    Files,
    /// Messages, channels, meeting transcripts.
    Chat,
    /// Source code and its pipelines.
    Code,
    /// Customers and sales.
    Crm,
    /// People, groups, roles, policies.
    Directory,
    /// The administration of a product.
    Admin,
    /// Cloud resources.
    Cloud,
    /// Legal search over everything.
    Ediscovery,
    /// Search over several kinds of data.
    Search,
    /// Calendars.
    Calendar,
    /// Address books.
    Contacts,
    /// Notes and tasks.
    Notes,
    /// Who the person is.
    Identity,
    /// Access that outlives the session.
    Persistence,
    /// Anything else.
    Other,
}

impl ScopeFamily {
    /// Every family, with its one spelling in the data file.
    pub const ALL: &'static [(ScopeFamily, &'static str)] = &[
        (ScopeFamily::Mail, "mail"),
        (ScopeFamily::Files, "files"),
        (ScopeFamily::Chat, "chat"),
        (ScopeFamily::Code, "code"),
        (ScopeFamily::Crm, "crm"),
        (ScopeFamily::Directory, "directory"),
        (ScopeFamily::Admin, "admin"),
        (ScopeFamily::Cloud, "cloud"),
        (ScopeFamily::Ediscovery, "ediscovery"),
        (ScopeFamily::Search, "search"),
        (ScopeFamily::Calendar, "calendar"),
        (ScopeFamily::Contacts, "contacts"),
        (ScopeFamily::Notes, "notes"),
        (ScopeFamily::Identity, "identity"),
        (ScopeFamily::Persistence, "persistence"),
        (ScopeFamily::Other, "other"),
    ];

    /// The one spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ScopeFamily::ALL.iter().find(|(family, _)| *family == self).map_or("other", |(_, text)| text)
    }

    /// The family of that spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<ScopeFamily> {
        ScopeFamily::ALL.iter().find(|(_, name)| *name == text).map(|(family, _)| *family)
    }
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
