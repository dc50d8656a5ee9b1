//! Files of native events → lines of canonical JSON: the body of `daylight parse`.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use event::{RejectReason, Source, TenantKey};
use thiserror::Error;

use super::{HeaderError, Mapping, Named, Outcome, ParseContext, parse_pieces, write_event};

/// Largest file that is read: a file is held in memory while it is parsed.
pub const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// How files are parsed.
#[derive(Clone, Copy, Debug)]
pub struct FileOptions<'a> {
    /// Whose format the files are in.
    pub provider: Source,
    /// Should names be printed beside the pseudonyms?
    pub is_clear: bool,
    /// The secret that makes the pseudonyms.
    pub tenant_key: &'a TenantKey,
    /// Is this client id one of the provider's own apps?
    pub is_first_party: fn(Source, &str) -> bool,
    /// How a mapped source is read.
    pub mapping: Option<&'a Mapping>,
}

/// What became of the native events of some files. `read = events + ignored + rejected`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Native events after fan-out.
    pub read: u64,
    /// Those that mean something to us.
    pub events: u64,
    /// Well-formed ones of types that say nothing about apps.
    pub ignored: u64,
    /// Those that could not be used.
    pub rejected: u64,
    /// The ignored ones by native type, as delivered.
    pub ignored_by_type: BTreeMap<String, u64>,
    /// The rejected ones by reason.
    pub rejected_by_reason: BTreeMap<&'static str, u64>,
    /// The rejected ones one by one, as `file: element 3 at byte 1234: reason: detail`; at most `REJECTS_TOLD_MAX`.
    pub rejects: Vec<String>,
}

/// Most rejected elements that are told of one by one.
const REJECTS_TOLD_MAX: usize = 1_000;

/// A file that could not be parsed.
#[derive(Debug, Error)]
pub enum FileError {
    /// It could not be read.
    #[error("could not read {}: {source}; name a file that exists and that you may read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than `FILE_BYTES_MAX`.
    #[error("{} has {bytes} bytes, more than the {FILE_BYTES_MAX} that are read at once; split it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It is a CSV without the columns that the mapping needs.
    #[error("{}: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is missing.
        source: HeaderError,
    },
    /// The output could not be written.
    #[error("could not write the parsed events: {0}")]
    Unwritable(#[from] io::Error),
}

/// Parses files and writes one JSON object a line for each event.
///
/// # Errors
/// When a file cannot be read or the output cannot be written; what was written before stays written.
pub fn parse_files(options: &FileOptions<'_>, files: &[PathBuf], out: &mut impl Write) -> Result<Counts, FileError> {
    let mut counts = Counts::default();
    for path in files {
        let body = read(path)?;
        parse_file(options, path, &body, &mut counts, out)?;
    }
    Ok(counts)
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned(), bytes });
    }
    fs::read(path).map_err(unreadable)
}

fn parse_file(
    options: &FileOptions<'_>,
    path: &Path,
    body: &[u8],
    counts: &mut Counts,
    out: &mut impl Write,
) -> Result<(), FileError> {
    let mut context = ParseContext::new("", "", options.tenant_key);
    context.is_first_party = options.is_first_party;
    context.mapping = options.mapping;
    let mut written = Ok(());
    let parted = parse_pieces(options.provider, body, &context, usize::MAX, &mut |element, outcome| {
        counts.read += 1;
        match outcome {
            Outcome::Event(event, identities) => {
                counts.events += 1;
                let named = if options.is_clear { Named::Clear(identities) } else { Named::Pseudonyms };
                if written.is_ok() {
                    written = write_event(event, named, out).and_then(|()| out.write_all(b"\n"));
                }
            }
            Outcome::Ignored { native_type } => {
                counts.ignored += 1;
                *counts.ignored_by_type.entry(native_type.to_owned()).or_default() += 1;
            }
            Outcome::Rejected { reason, detail } => {
                let place = format!("{}: element {} at byte {}", path.display(), element.index, element.offset);
                reject(counts, reason, &format!("{place}: {reason}: {detail}"));
            }
        }
    });
    parted.map_err(|source| FileError::Header { path: path.to_owned(), source })?;
    Ok(written?)
}

fn reject(counts: &mut Counts, reason: RejectReason, sentence: &str) {
    counts.rejected += 1;
    *counts.rejected_by_reason.entry(reason.as_str()).or_default() += 1;
    if counts.rejects.len() < REJECTS_TOLD_MAX {
        counts.rejects.push(sentence.to_owned());
    }
}
