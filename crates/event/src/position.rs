//! Where an event stands in the log.

use std::fmt;

use crate::LogId;

/// Place of one event inside one partition: the record's offset, then the event's index in the packed record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Offset of the record in its partition.
    pub offset: u64,
    /// Index of the event in the record, from 0.
    pub index: u16,
}

/// Prints `offset.index`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.offset, self.index)
    }
}

/// Place of one event in the world: no two events share it, and no event has two of them unless its sender sent it twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinates {
    /// The log: a recreated topic is another log.
    pub log_id: LogId,
    /// The partition of the topic.
    pub partition: u32,
    /// The place in the partition.
    pub position: Position,
}
