//! Why a catalogue was not loaded.

/// A line of a catalogue file that cannot be read. The catalogue is refused as a whole: half a catalogue would make known apps new.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "reading the catalogue: {file}, line {line}: {problem}; nothing of the catalogue was loaded, correct the line and load it again"
)]
pub struct CatalogueError {
    /// The file: a name under `data/`, or the path of a company's own.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}
