//! What a consumer group says to its members.

/// Where a group without a committed offset begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// With the oldest record.
    Earliest,
    /// With what comes next.
    Latest,
}

/// What a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: u64,
    /// What the committer wrote beside it; at most 4,000 bytes.
    pub metadata: String,
}

/// A partition that the group gave to this consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The partition.
    pub partition: u32,
    /// What the group had committed; `None` when nothing.
    pub committed: Option<Committed>,
    /// The oldest offset that still can be read.
    pub low: u64,
    /// One past the newest offset.
    pub high: u64,
}

/// What a poll brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// So many records went to the visitor (0 when the time ran out).
    Records(usize),
    /// The group gave these partitions. Reading begins at the committed offset, or as `StartAt` says, unless `seek` is called now. On Kafka
    /// also none: a member that the group has nothing (more) for belongs to it all the same, and stands by.
    Assigned(Vec<Assignment>),
    /// The group took these partitions: drop what is in flight for them. They can no longer be committed.
    Revoked(Vec<u32>),
}
