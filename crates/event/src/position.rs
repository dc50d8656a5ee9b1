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

impl Position {
    /// Where stands what was remembered before this partition of this log began: in its first record, at an index that no event has.
    pub const BEFORE_LOG: Position = Position { offset: 0, index: u16::MAX };

    /// As `BEFORE_LOG`, for control records, whose order counts. Those of the log itself stand alone in their record, at index 0.
    #[must_use]
    pub const fn before_log(number: u16) -> Position {
        Position { offset: 0, index: number }
    }

    /// Is this place of a control record among these offsets of the log, and not before all of them?
    #[must_use]
    pub fn is_among(self, offsets: &std::ops::Range<u64>) -> bool {
        self.index == 0 && offsets.contains(&self.offset)
    }
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
