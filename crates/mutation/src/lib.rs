//! Mistakes that are made on purpose, so that the checker of `make chaos` is seen to fail: a checker that finds nothing wrong proves nothing
//! before it has found each of these. `make chaos-selftest` builds `daylight` with the feature `mutations` (here `made`) and names one
//! mistake in the environment of its processes.
//!
//! Without the feature, which is nobody's default, `is_made` is `false` to the compiler, and no program holds any of it:
//! `tests/tests/mutations.rs` looks.

/// The variable of the environment that names the mistake to make. No program without mistakes holds this text.
#[cfg(feature = "made")]
const VARIABLE: &str = "DAYLIGHT_MUTATION";

/// A mistake that somebody might make in earnest. Each stands at one place of the code, where its name is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// `sink` commits the offset behind a batch before the batch is sent.
    CommitBeforeInsert,
    /// `sink` sends what is in doubt again under its token, and believes the answer.
    TokenWithoutReadBack,
    /// `sink` takes an insert for stored of which nobody knows what became.
    AmbiguousIsSuccess,
    /// `detect` calls new whatever this run of it has not seen, and tells of it as this run's own finding.
    AlertWithoutReplayCheck,
    /// `detect` commits its offset before its changes of the ledger are durable.
    LedgerAfterOffset,
    /// `broker` sends a record again whose acknowledgement was lost, and Kafka cannot know that it is the same.
    ProduceWithoutIdempotence,
    /// `sink` neither plans a batch nor reads anything back. No mistake that anybody would make unseen, so it is not among `ALL`: what the
    /// protocol costs is measured against it (`make protocol-cost`).
    WithoutPlanAndReadBack,
}

impl Mutation {
    /// Every mistake that the checker must find.
    pub const ALL: [Mutation; 6] = [
        Mutation::CommitBeforeInsert,
        Mutation::TokenWithoutReadBack,
        Mutation::AmbiguousIsSuccess,
        Mutation::AlertWithoutReplayCheck,
        Mutation::LedgerAfterOffset,
        Mutation::ProduceWithoutIdempotence,
    ];

    /// As the environment names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mutation::CommitBeforeInsert => "commit_before_insert",
            Mutation::TokenWithoutReadBack => "token_without_read_back",
            Mutation::AmbiguousIsSuccess => "ambiguous_is_success",
            Mutation::AlertWithoutReplayCheck => "alert_without_replay_check",
            Mutation::LedgerAfterOffset => "ledger_after_offset",
            Mutation::ProduceWithoutIdempotence => "produce_without_idempotence",
            Mutation::WithoutPlanAndReadBack => "without_plan_and_read_back",
        }
    }

    /// Is it to be made?
    #[cfg(not(feature = "made"))]
    #[inline]
    #[must_use]
    pub const fn is_made(self) -> bool {
        false
    }

    /// Is it to be made?
    #[cfg(feature = "made")]
    #[must_use]
    pub fn is_made(self) -> bool {
        static NAMED: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| std::env::var(VARIABLE).ok());
        NAMED.as_deref() == Some(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mistake_is_made_unless_it_is_asked_for() {
        assert!(Mutation::ALL.iter().all(|mutation| !mutation.is_made()));
        assert!(!Mutation::WithoutPlanAndReadBack.is_made());
    }
}
