//! The topics: what each is called and whether it keeps everything or the last record of each key. What they hold is the schemas'.

/// A topic of the log. All are partitioned by tenant, and by tenant only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Events and control records, in the one order there is.
    Events,
    /// What detection remembers. Compacted.
    Ledger,
    /// Alert episodes.
    Alerts,
    /// How far each alert has come on its way to each receiver. Compacted.
    Deliveries,
    /// How far each poller has come. Compacted.
    Cursors,
    /// Times of which a connection could not tell everything. Compacted.
    Gaps,
    /// What could not be read.
    DeadLetters,
    /// Who a pseudonym is. Compacted and restricted.
    Identities,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 8] = [
        Topic::Events,
        Topic::Ledger,
        Topic::Alerts,
        Topic::Deliveries,
        Topic::Cursors,
        Topic::Gaps,
        Topic::DeadLetters,
        Topic::Identities,
    ];

    /// Its name, without the prefix of the installation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Topic::Events => "events",
            Topic::Ledger => "ledger",
            Topic::Alerts => "alerts",
            Topic::Deliveries => "deliveries",
            Topic::Cursors => "cursors",
            Topic::Gaps => "gaps",
            Topic::DeadLetters => "dead_letters",
            Topic::Identities => "identities",
        }
    }

    /// Its name in an installation whose topics begin with `prefix`.
    #[must_use]
    pub fn name(self, prefix: &str) -> String {
        format!("{prefix}{}", self.as_str())
    }

    /// Does it keep the last record of each key only?
    #[must_use]
    pub const fn is_compacted(self) -> bool {
        matches!(self, Topic::Ledger | Topic::Deliveries | Topic::Cursors | Topic::Gaps | Topic::Identities)
    }
}
