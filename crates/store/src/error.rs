//! What can go wrong with a question, and what to do about it.

/// What now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It may pass by itself: try again.
    Retry,
    /// This value will never be accepted: leave it out.
    Reject,
    /// Nothing will be accepted until somebody changes something: stop and say so.
    Halt,
}

/// A question, or a change of the schema, that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configured URL cannot be used.
    #[error(
        "the ClickHouse URL cannot be used: {reason}; write it as http://host:8123 or https://host:8443, the account in its own settings"
    )]
    BadUrl {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("{doing}: ClickHouse does not answer at {url}; it is tried again")]
    Unreachable {
        /// What we were doing.
        doing: &'static str,
        /// The server.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server took longer than allowed.
    #[error("{doing}: ClickHouse took longer than {limit_ms} ms; it is tried again")]
    TooSlow {
        /// What we were doing.
        doing: &'static str,
        /// How long was allowed.
        limit_ms: u128,
    },
    /// The server said no.
    #[error("{doing}: ClickHouse refused it: {message}")]
    Refused {
        /// What we were doing.
        doing: &'static str,
        /// ClickHouse's number of the exception; 0 when it gave none.
        code: u32,
        /// Its words.
        message: String,
    },
    /// The answer is larger than we take.
    #[error("{doing}: the answer is larger than {limit_bytes} bytes; ask for less, or add a LIMIT")]
    TooLarge {
        /// What we were doing.
        doing: &'static str,
        /// What we take at most.
        limit_bytes: usize,
    },
    /// A migration that ran here once was changed since.
    #[error(
        "migration {name} was changed after it had run on this database (recorded {recorded}, now {now}); \
         migrations only go forward: restore the file and put the change into a new one"
    )]
    MigrationChanged {
        /// The migration.
        name: String,
        /// The hash that was recorded when it ran.
        recorded: String,
        /// The hash of the file in this binary.
        now: String,
    },
    /// The database is ahead of this binary.
    #[error("the database has run migration {version}, which this binary does not know; use a newer daylight")]
    MigrationUnknown {
        /// The migration's number.
        version: u32,
    },
}

impl StoreError {
    /// Try again, or stop and ask somebody? A question is never *rejected*: it holds no value of ours that could be left out.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            StoreError::Unreachable { .. } | StoreError::TooSlow { .. } => Remedy::Retry,
            StoreError::BadUrl { .. }
            | StoreError::Refused { .. }
            | StoreError::TooLarge { .. }
            | StoreError::MigrationChanged { .. }
            | StoreError::MigrationUnknown { .. } => Remedy::Halt,
        }
    }
}
