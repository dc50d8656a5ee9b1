//! The file of a digest: which partition of which log it is of, how far it goes, the entries, and a checksum over all of it.
//!
//! ```text
//! magic 8 · version 2 · log id 16 · events' log id 16 · partition 4 · partitions 4 · next offset 8 · entries 8
//! entry  offset 8 · length of the key 4 · key · length of the value 4 · value
//! SHA-256 of everything before, 32
//! ```
//! Integers are big endian. Another version is another file: it is left aside and written anew.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use broker::LogId;
use sha2::{Digest as _, Sha256};

const MAGIC: [u8; 8] = *b"DAYLDIGE";
const VERSION: u16 = 1;
const CHECK_BYTES: usize = 32;
/// A file beyond it is not read: apps and decisions of a hundred thousand apps have less.
const FILE_BYTES_MAX: u64 = 512 * 1_024 * 1_024;
/// Names of apps are nobody else's business.
const FILE_MODE: u32 = 0o600;

/// What a file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The log of the ledger.
    pub(super) log_id: LogId,
    /// The log of the events.
    pub(super) events: u128,
    /// The partition.
    pub(super) partition: u32,
    /// How many there are: with another number, other tenants live here.
    pub(super) partitions: u32,
    /// Everything before this offset is in it.
    pub(super) next: u64,
}

/// Offset → key and value.
pub(super) type Entries = BTreeMap<u64, (Vec<u8>, Vec<u8>)>;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotUsed {
    #[error("there is none yet")]
    Missing,
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is of another log, partition or version")]
    Foreign,
    #[error("it is damaged")]
    Damaged,
}

/// Writes a file in place of the one that is there. A crash leaves the one or the other.
pub(super) fn write(folder: &Path, head: &Head, entries: &Entries) -> io::Result<()> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&head.log_id.0.to_be_bytes());
    bytes.extend_from_slice(&head.events.to_be_bytes());
    bytes.extend_from_slice(&head.partition.to_be_bytes());
    bytes.extend_from_slice(&head.partitions.to_be_bytes());
    bytes.extend_from_slice(&head.next.to_be_bytes());
    bytes.extend_from_slice(&(entries.len() as u64).to_be_bytes());
    for (offset, (key, value)) in entries {
        bytes.extend_from_slice(&offset.to_be_bytes());
        for part in [key, value] {
            // A record has far less than 4 GiB.
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        }
    }
    let check = Sha256::digest(&bytes);
    let path = path(folder, head.partition);
    let unfinished = path.with_extension("unfinished");
    fs::create_dir_all(folder)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&unfinished)?;
    file.write_all(&bytes)?;
    file.write_all(&check)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    File::open(folder)?.sync_all()
}

/// Reads the file of a partition; the head's own offset does not count.
pub(super) fn read(folder: &Path, whose: &Head) -> Result<(u64, Entries), NotUsed> {
    let mut bytes = Vec::new();
    let file = File::open(path(folder, whose.partition)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NotUsed::Missing,
        _ => NotUsed::Unreadable(error),
    })?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(NotUsed::Unreadable)?;
    let (content, check) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(NotUsed::Damaged)?;
    if Sha256::digest(content).as_slice() != check {
        return Err(NotUsed::Damaged);
    }
    let mut rest = content;
    let head = take_head(&mut rest).ok_or(NotUsed::Foreign)?;
    if (Head { next: whose.next, ..head }) != *whose {
        return Err(NotUsed::Foreign);
    }
    let entries = take_entries(&mut rest).ok_or(NotUsed::Damaged)?;
    Ok((head.next, entries))
}

/// Where the file of a partition is.
pub(super) fn path(folder: &Path, partition: u32) -> PathBuf {
    folder.join(format!("ledger-{partition}.digest"))
}

fn take_head(rest: &mut &[u8]) -> Option<Head> {
    if take(rest)? != MAGIC || u16::from_be_bytes(take(rest)?) != VERSION {
        return None;
    }
    Some(Head {
        log_id: LogId(u128::from_be_bytes(take(rest)?)),
        events: u128::from_be_bytes(take(rest)?),
        partition: u32::from_be_bytes(take(rest)?),
        partitions: u32::from_be_bytes(take(rest)?),
        next: u64::from_be_bytes(take(rest)?),
    })
}

fn take_entries(rest: &mut &[u8]) -> Option<Entries> {
    let mut entries = Entries::new();
    for _ in 0..u64::from_be_bytes(take(rest)?) {
        let offset = u64::from_be_bytes(take(rest)?);
        let key = take_bytes(rest)?;
        entries.insert(offset, (key, take_bytes(rest)?));
    }
    rest.is_empty().then_some(entries)
}

fn take_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes.to_vec())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*head)
}
