//! The troubles of a ClickHouse that runs and refuses: each is begun and ended by a statement, passes, and is none of the rows' mistake.
//!
//! What stops it otherwise is elsewhere: `Clickhouse::kill9` and `restart` (an outage), `pause` and `resume`, `Disk::fill` under a
//! `Clickhouse::start_on` (a disk that is full in earnest, where root may mount one).

/// A trouble of the table `events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// More room must be left on the disk than there is.
    DiskFull,
    /// An insert wants more memory than the server may take (the constraint's array: 16 MiB an element). Nothing is allocated: the server's own
    /// account refuses.
    MemoryLimit,
    /// Inserts wait for merges, and are refused.
    TooManyParts,
    /// A constraint throws something that nobody has a list for: a sleep longer than the engine allows.
    ThrowingConstraint,
}

impl Trouble {
    /// Every trouble.
    pub const ALL: [Trouble; 4] =
        [Trouble::DiskFull, Trouble::MemoryLimit, Trouble::TooManyParts, Trouble::ThrowingConstraint];

    /// For a count of faults.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Trouble::DiskFull => "disk_full",
            Trouble::MemoryLimit => "memory_limit",
            Trouble::TooManyParts => "too_many_parts",
            Trouble::ThrowingConstraint => "throwing_constraint",
        }
    }

    /// ClickHouse's number of the exception that an insert meets.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Trouble::DiskFull => 243,
            Trouble::MemoryLimit => 241,
            Trouble::TooManyParts => 252,
            Trouble::ThrowingConstraint => 160,
        }
    }

    /// What begins it, for the tables of a database. May be run twice.
    #[must_use]
    pub fn begins(self, database: &str) -> String {
        let how = match self {
            Trouble::DiskFull => "MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000",
            Trouble::MemoryLimit => {
                "ADD CONSTRAINT IF NOT EXISTS hungry CHECK NOT ignore(arrayMap(number -> toFixedString(toString(number), 16777215), range(1000 + _index % 2)))"
            }
            Trouble::TooManyParts => {
                "MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1, max_avg_part_size_for_too_many_parts = 0"
            }
            Trouble::ThrowingConstraint => "ADD CONSTRAINT IF NOT EXISTS throwing CHECK sleepEachRow(4) = 0",
        };
        format!("ALTER TABLE {database}.events {how}")
    }

    /// What ends it. May be run twice, and where it never began.
    #[must_use]
    pub fn ends(self, database: &str) -> String {
        let how = match self {
            Trouble::DiskFull => "RESET SETTING min_free_disk_bytes_to_perform_insert",
            Trouble::MemoryLimit => "DROP CONSTRAINT IF EXISTS hungry",
            Trouble::TooManyParts => {
                "RESET SETTING parts_to_throw_insert, parts_to_delay_insert, max_avg_part_size_for_too_many_parts"
            }
            Trouble::ThrowingConstraint => "DROP CONSTRAINT IF EXISTS throwing",
        };
        format!("ALTER TABLE {database}.events {how}")
    }
}
