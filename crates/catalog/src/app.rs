//! An app of the catalogue, and what it is for.

/// The kind of need that an app serves. A sanctioned app of the same category is offered as the alternative, so the set is closed and
/// small: two apps of one category must really be able to replace each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Assistants and generative AI.
    Ai,
    /// Numbers, dashboards, product analytics.
    Analytics,
    /// Connects other apps and moves data between them.
    Automation,
    /// Calendars and booking.
    Calendar,
    /// Messages within a team.
    Chat,
    /// Source code, builds, and everything that developers use beside them.
    Code,
    /// Customers and sales.
    Crm,
    /// Pictures, layouts, prototypes, whiteboards.
    Design,
    /// Signatures and contracts.
    ESignature,
    /// Sends files and keeps them in sync with others.
    FileSharing,
    /// Money: invoices, expenses, payments.
    Finance,
    /// People, payroll, hiring.
    Hr,
    /// Courses and training.
    Learning,
    /// Mail clients and mail itself.
    Mail,
    /// Campaigns, newsletters, social media.
    Marketing,
    /// Transcribes and summarises meetings.
    MeetingNotes,
    /// Notes, documents, wikis.
    Notes,
    /// A whole office suite.
    OfficeSuite,
    /// Keeps passwords and secrets.
    PasswordManager,
    /// Tasks and projects.
    Project,
    /// Controls another computer.
    RemoteAccess,
    /// Protects, monitors, identifies.
    Security,
    /// Servers, databases, storage in the cloud.
    Storage,
    /// Tickets and help desks.
    Support,
    /// Forms and surveys.
    Survey,
    /// Meetings and recordings.
    Video,
    /// Writing aids and translation.
    Writing,
    /// None of the above: nothing of this category replaces anything else.
    Other,
}

impl Category {
    /// Every category, with its one spelling in data files, queries and metrics.
    pub const ALL: &'static [(Category, &'static str)] = &[
        (Category::Ai, "ai"),
        (Category::Analytics, "analytics"),
        (Category::Automation, "automation"),
        (Category::Calendar, "calendar"),
        (Category::Chat, "chat"),
        (Category::Code, "code"),
        (Category::Crm, "crm"),
        (Category::Design, "design"),
        (Category::ESignature, "e_signature"),
        (Category::FileSharing, "file_sharing"),
        (Category::Finance, "finance"),
        (Category::Hr, "hr"),
        (Category::Learning, "learning"),
        (Category::Mail, "mail"),
        (Category::Marketing, "marketing"),
        (Category::MeetingNotes, "meeting_notes"),
        (Category::Notes, "notes"),
        (Category::OfficeSuite, "office_suite"),
        (Category::PasswordManager, "password_manager"),
        (Category::Project, "project"),
        (Category::RemoteAccess, "remote_access"),
        (Category::Security, "security"),
        (Category::Storage, "storage"),
        (Category::Support, "support"),
        (Category::Survey, "survey"),
        (Category::Video, "video"),
        (Category::Writing, "writing"),
        (Category::Other, "other"),
    ];

    /// The one spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Category::ALL.iter().find(|(category, _)| *category == self).map_or("other", |(_, text)| text)
    }

    /// The category of that spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Category> {
        Category::ALL.iter().find(|(_, name)| *name == text).map(|(category, _)| *category)
    }
}

/// Prints the one spelling.
impl std::fmt::Display for Category {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
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
