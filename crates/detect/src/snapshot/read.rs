//! Reading a snapshot back. It is checked whole before anything of it is used, and what does not fit is ignored with a sentence: the
//! compacted topic has everything that it has.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    ops::RangeInclusive,
    path::Path,
};

use codec::{decode_ledger_entry, ledger_key};
use event::Timestamp;

use super::{
    AGE_MAX_MS,
    format::{CHECK_BYTES, FRAME_HEAD_BYTES, FrameKind, HEAD_BYTES, Head, Whose, frame_head, take_pairs},
};
use crate::{ledger::Restoring, work::Work};

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1_024;

/// Why a snapshot is not used. Never an error: it only costs time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ignored {
    /// There is none.
    #[error("there is none yet")]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Not ours, or of another version.
    #[error("it is no snapshot, or one of another version")]
    OtherVersion,
    /// Of another log or partition.
    #[error("it is of another log, or of another partition")]
    Foreign,
    /// The ledger does not reach from its offset on.
    #[error("the ledger cannot be read on from its offset {offset}, only from {low} to {high}")]
    OutOfReach {
        /// Its offset.
        offset: u64,
        /// The oldest offset of the ledger.
        low: u64,
        /// The end of the ledger.
        high: u64,
    },
    /// Tombstones that it lacks may be gone by now.
    #[error("it is older than {} hours, and what was forgotten since may be forgotten for good", AGE_MAX_MS / 3_600_000)]
    TooOld,
    /// The bytes are not those that were written.
    #[error("it is damaged")]
    Damaged,
}

/// A snapshot that may be used.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// What it says of itself.
    pub(crate) head: Head,
    file: BufReader<File>,
}

/// Opens a snapshot and checks all of it, for a ledger that can be read from and up to these offsets, at this time.
pub(crate) fn open(
    path: &Path,
    whose: &Whose,
    reach: RangeInclusive<u64>,
    now: Timestamp,
) -> Result<Snapshot, Ignored> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Ignored::Missing,
        _ => Ignored::Unreadable(error),
    })?;
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut bytes = [0; HEAD_BYTES];
    read_exactly(&mut file, &mut bytes)?;
    let head = Head::decode(&bytes).ok_or(Ignored::OtherVersion)?;
    if head.whose != *whose {
        return Err(Ignored::Foreign);
    }
    if !reach.contains(&head.ledger_offset) {
        let (offset, low, high) = (head.ledger_offset, *reach.start(), *reach.end());
        return Err(Ignored::OutOfReach { offset, low, high });
    }
    // One from the future is from a clock that was wrong: its age cannot be told.
    if !(0..=AGE_MAX_MS).contains(&now.since_ms(head.begun_at)) {
        return Err(Ignored::TooOld);
    }
    check(&mut file)?;
    file.seek(SeekFrom::Start(HEAD_BYTES as u64))?;
    Ok(Snapshot { head, file })
}

impl Snapshot {
    /// Takes everything in. Bytes that were checked can still say what cannot be understood; then a part was taken in.
    pub(crate) fn restore(mut self, restoring: &mut Restoring, work: &mut Work) -> Result<(), Ignored> {
        let mut payload = Vec::new();
        loop {
            let mut bytes = [0; FRAME_HEAD_BYTES];
            read_exactly(&mut self.file, &mut bytes)?;
            let (kind, length) = frame_head(&bytes).ok_or(Ignored::Damaged)?;
            payload.resize(length, 0);
            read_exactly(&mut self.file, &mut payload)?;
            match kind {
                FrameKind::End => return Ok(()),
                FrameKind::Entry => {
                    let (tenant, entry) = decode_ledger_entry(&payload).map_err(|_| Ignored::Damaged)?;
                    let key = ledger_key(tenant, entry.key());
                    let taken = restoring.take(Some(&key), Some(&payload), &mut work.engine, &mut work.enricher);
                    taken.map_err(|_| Ignored::Damaged)?;
                }
                FrameKind::Pairs => {
                    let (tenant, runs) = take_pairs(&payload).ok_or(Ignored::Damaged)?;
                    restoring.meet(tenant);
                    restoring.entries += work.engine.read_pairs(tenant, runs).map_err(|_| Ignored::Damaged)?;
                }
            }
        }
    }
}

/// Is the checksum that of everything before it?
fn check(file: &mut BufReader<File>) -> Result<(), Ignored> {
    let total = file.get_ref().metadata()?.len();
    let mut left = total.checked_sub(CHECK_BYTES as u64).ok_or(Ignored::Damaged)?;
    file.seek(SeekFrom::Start(0))?;
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; BUFFER_BYTES]);
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER_BYTES);
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        read_exactly(file, part)?;
        hasher.update(part);
        left -= wanted as u64;
    }
    let mut expected = [0; CHECK_BYTES];
    read_exactly(file, &mut expected)?;
    if hasher.finalize() == blake3::Hash::from_bytes(expected) { Ok(()) } else { Err(Ignored::Damaged) }
}

/// A file that ends early is damaged, not unreadable.
fn read_exactly(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), Ignored> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Ignored::Damaged,
        _ => Ignored::Unreadable(error),
    })
}
