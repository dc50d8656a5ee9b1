//! What is wrong with a mapping, or with a delivery that does not fit it.

use thiserror::Error;

/// A mapping file that cannot be used. Halt: it is read at start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}, line {line}: {key}: {problem}")]
pub struct MappingError {
    /// The file, as the configuration names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, with its section: `kind.values.LOGIN`.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A CSV whose header does not fit the mapping. Nobody has seen a header when the mapping is read, so this is found at the first delivery,
/// and all of it is refused: with a column missing, each of its rows would be wrong in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// There is no line at all.
    #[error("the CSV has no header line, which {file} needs to find its columns; send it with one")]
    NoHeader {
        /// The mapping.
        file: String,
    },
    /// A column that the mapping points at is not there, or twice.
    #[error(
        "the CSV {problem} the column `{column}` that {file} points at; correct the mapping, or export it as before"
    )]
    Column {
        /// The mapping.
        file: String,
        /// The column, as the mapping writes it.
        column: String,
        /// `lacks`, or `has twice`.
        problem: &'static str,
    },
    /// More columns than a table may have.
    #[error("the CSV has more than {limit} columns, and {file} reads few; export fewer of them")]
    TooManyColumns {
        /// The mapping.
        file: String,
        /// The limit.
        limit: usize,
    },
}
