//! Writing a snapshot: slices are made between the events, by the thread that observes; a thread of its own brings them to the disk.
//!
//! The file gets its name when all of it is on the disk (`rename` after `fsync`), so there is the last whole snapshot or the new one, and
//! never half of one. What a crash leaves behind has another name and is overwritten by the next.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, SyncSender, TrySendError},
    thread::{self, JoinHandle},
};

use codec::encode_ledger_entry;
use detection::PairsCursor;

use super::{
    SnapshotError,
    format::{FrameKind, Head, put_frame, put_pairs},
};
use crate::work::Work;

/// Bytes of pairs in one slice: some milliseconds of the thread that observes.
pub(super) const SLICE_BYTES: usize = 4 * 1_024 * 1_024;
/// Slices that wait for the disk. Beyond it no further ones are made.
const SLICES_WAITING_MAX: usize = 4;
/// Pseudonyms and names of apps are nobody else's business.
const FILE_MODE: u32 = 0o600;

/// A snapshot in the making. Dropped before its end, it leaves no file.
#[derive(Debug)]
pub(crate) struct Writing {
    /// What the file says of itself.
    pub(crate) head: Head,
    /// Tenants whose pairs are still to be written.
    tenants: VecDeque<String>,
    cursor: PairsCursor,
    slice_bytes: usize,
    slices: SyncSender<Slice>,
    /// A slice for which there was no room.
    waiting: Option<Slice>,
    is_complete: bool,
    disk: JoinHandle<io::Result<bool>>,
}

#[derive(Debug)]
enum Slice {
    Bytes(Vec<u8>),
    /// Everything was written: the file may have its name.
    End,
}

impl Writing {
    /// Begins: everything but the pairs is written at once, as it is now; the pairs in slices of so many bytes.
    pub(crate) fn begin(path: &Path, head: Head, work: &Work, slice_bytes: usize) -> Result<Writing, SnapshotError> {
        let partition = head.whose.partition;
        let tenants: VecDeque<String> = work.tenants_of(partition).map(str::to_owned).collect();
        let mut bytes = head.encode();
        for entry in work.controls_of(partition) {
            put_frame(&mut bytes, FrameKind::Entry, &[&entry.encode()?]);
        }
        for tenant in &tenants {
            for entry in work.engine.entries(tenant) {
                put_frame(&mut bytes, FrameKind::Entry, &[&encode_ledger_entry(tenant, &entry)?]);
            }
        }
        let (slices, received) = mpsc::sync_channel(SLICES_WAITING_MAX);
        let path = path.to_owned();
        let disk = thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || write_file(&path, &received))
            .map_err(SnapshotError::File)?;
        let (waiting, cursor) = (Some(Slice::Bytes(bytes)), PairsCursor::default());
        Ok(Writing { head, tenants, cursor, slice_bytes, slices, waiting, is_complete: false, disk })
    }

    /// Is a slice to be made? One that is made needs only room.
    pub(crate) const fn needs_quiet(&self) -> bool {
        !self.is_complete && self.waiting.is_none()
    }

    /// Makes the next slice, if there is room for it. If `needs_quiet`, only to be called when everything that was found is durable.
    pub(crate) fn step(&mut self, work: &Work) -> bool {
        if self.is_complete {
            return false;
        }
        let slice = self.waiting.take().unwrap_or_else(|| self.next_slice(work));
        let is_end = matches!(slice, Slice::End);
        match self.slices.try_send(slice) {
            Ok(()) => self.is_complete = is_end,
            Err(TrySendError::Full(slice)) => self.waiting = Some(slice),
            // The thread has given up; it says why when it is asked.
            Err(TrySendError::Disconnected(_)) => self.is_complete = true,
        }
        !self.is_complete
    }

    /// Writes the rest and waits until it is on the disk.
    pub(crate) fn finish(mut self, work: &Work) -> io::Result<bool> {
        while !self.is_complete {
            let slice = self.waiting.take().unwrap_or_else(|| self.next_slice(work));
            let is_end = matches!(slice, Slice::End);
            self.is_complete = self.slices.send(slice).is_err() || is_end;
        }
        self.end()
    }

    /// Has the disk ended?
    pub(crate) fn has_ended(&self) -> bool {
        self.disk.is_finished()
    }

    /// Is the file there? Not when it was given up before its end. Waits for the disk.
    pub(crate) fn end(self) -> io::Result<bool> {
        drop(self.slices);
        self.disk.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes it ended without a word")))
    }

    fn next_slice(&mut self, work: &Work) -> Slice {
        let Some(tenant) = self.tenants.front() else { return Slice::End };
        let (mut runs, mut bytes) = (Vec::new(), Vec::new());
        let has_more = work.engine.write_pairs(tenant, &mut self.cursor, self.slice_bytes, &mut runs);
        put_pairs(&mut bytes, tenant, &runs);
        if !has_more {
            self.tenants.pop_front();
            self.cursor = PairsCursor::default();
        }
        Slice::Bytes(bytes)
    }
}

/// Brings slices to the disk. True when the file is there; false when whoever makes the slices gave up.
fn write_file(path: &Path, slices: &Receiver<Slice>) -> io::Result<bool> {
    let unfinished = unfinished(path);
    let written = write_slices(&unfinished, slices);
    if !matches!(written, Ok(true)) {
        // What cannot be removed is overwritten by the next.
        fs::remove_file(&unfinished).ok();
        return written;
    }
    fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(true)
}

fn write_slices(path: &Path, slices: &Receiver<Slice>) -> io::Result<bool> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    let mut hasher = blake3::Hasher::new();
    loop {
        let Ok(slice) = slices.recv() else { return Ok(false) };
        let (bytes, is_end) = match slice {
            Slice::Bytes(bytes) => (bytes, false),
            Slice::End => (end_frame(), true),
        };
        hasher.update(&bytes);
        file.write_all(&bytes)?;
        if is_end {
            break;
        }
    }
    file.write_all(hasher.finalize().as_bytes())?;
    file.sync_all()?;
    Ok(true)
}

fn end_frame() -> Vec<u8> {
    let mut bytes = Vec::new();
    put_frame(&mut bytes, FrameKind::End, &[]);
    bytes
}

/// The name of a file that is not whole yet.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}
