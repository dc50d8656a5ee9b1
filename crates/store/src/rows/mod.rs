//! The rows of every table, as plain structs of borrowed text and numbers, and the block that each is built into.
//!
//! Shapes only: `sink` converts the domain into them. Enum values are wire indexes (see `closed_sets`), times are milliseconds since
//! 1970-01-01T00:00:00Z, ids are numbers, addresses 16 bytes. What is missing holds the sentinel that the column's comment tells.

mod alert;
mod control;
mod coverage;
mod dead_letter;
mod event;
mod event_rows;
mod identity;
mod usage;

pub use alert::{AlertRow, AlertsBlock};
pub use control::{AliasRow, AliasesBlock, DecisionRow, DecisionsBlock, RevealRow, RevealsBlock};
pub use coverage::{
    SourceExpectationRow, SourceExpectationsBlock, SourceGapRow, SourceGapsBlock, SourceHourRow, SourceHoursBlock,
};
pub use dead_letter::{DeadLetterRow, DeadLettersBlock};
pub use event::{EventRow, EventsBlock};
pub use event_rows::{EventKeys, EventRows};
pub use identity::{IdentitiesBlock, IdentityRow};
pub use usage::{
    AppDayRow, AppDaysBlock, AppPersonDayRow, AppPersonDaysBlock, AppRow, AppSessionRow, AppSessionsBlock, AppsBlock,
};

/// A time, in milliseconds since 1970-01-01T00:00:00Z; 0 when not told.
const TIME: &str = "DateTime64(3, 'UTC')";

/// A text that repeats.
const REPEATED: &str = "LowCardinality(String)";

#[cfg(test)]
mod tests {
    use crate::{CLOSED_SETS, type_of};

    #[test]
    fn a_closed_set_is_contiguous_from_zero() {
        for (set, type_name) in CLOSED_SETS {
            let members = type_name.strip_prefix("Enum8(").unwrap().strip_suffix(')').unwrap();
            let names: Vec<&str> = members.split(", ").map(|member| member.split('\'').nth(1).unwrap()).collect();
            assert_eq!(*type_name, type_of(&names), "{set}");
        }
    }
}
