//! Snapshots of what is remembered of a partition, so that a start need not read the whole compacted topic: millions of records.
//!
//! Never needed for correctness. A snapshot says up to which offset of the ledger it knows everything; a start takes it in and reads the
//! topic on from there, and what it reads twice changes nothing. Without a snapshot, or with one that does not fit, it reads the topic from
//! the beginning. Slices are made only while everything that was found is durable, so a snapshot never knows what the ledger does not.
//!
//! A snapshot is used for half as long as tombstones are kept: an older one might still hold what the topic has forgotten for good.

mod format;
pub(crate) mod read;
pub(crate) mod write;

use std::{
    collections::BTreeMap,
    fs, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use broker::TOMBSTONE_KEPT_MS;
use event::Timestamp;

use crate::{ledger::Restoring, work::Work};

pub(crate) use format::{Head, Whose};
use read::Ignored;
use write::Writing;

/// How old a snapshot may be that is used: milliseconds.
const AGE_MAX_MS: i64 = TOMBSTONE_KEPT_MS / 2;
/// A snapshot of what does not change is written anew before it is too old.
const REFRESH_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
/// Changes of the ledger after which a snapshot is due before its time: what a start reads beside it, a second or two.
const CHANGES_MAX: u64 = 1_000_000;

/// Why a snapshot was not written. Nothing is lost by it but time at the next start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// The disk does not take it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It cannot be encoded.
    #[error(transparent)]
    Encode(#[from] codec::EncodeError),
}

/// The snapshots of the partitions that are ours.
pub(crate) struct Snapshots {
    /// Where they are kept; `None` to keep none.
    folder: Option<PathBuf>,
    interval: Duration,
    ours: BTreeMap<u32, Ours>,
    writing: Option<Writing>,
}

/// What is known of the snapshot of one partition.
struct Ours {
    whose: Whose,
    /// Everything before this offset of the ledger is in memory.
    ledger_next: u64,
    /// Changes of the ledger since the last snapshot was begun.
    changes: u64,
    /// When that was; when it was taken up, where there is none.
    begun: Instant,
}

impl Snapshots {
    /// Keeps them in a folder, which is made if need be; each is written anew when the ledger has changed and so much time has passed.
    pub(crate) fn new(folder: Option<&Path>, interval: Duration) -> Snapshots {
        let folder = folder.filter(|_| !interval.is_zero()).map(Path::to_owned);
        if let Some(folder) = &folder
            && let Err(error) = fs::create_dir_all(folder)
        {
            tracing::warn!(%error, folder = %folder.display(), "no place for snapshots: starts will take longer");
        }
        Snapshots { folder, interval, ours: BTreeMap::new(), writing: None }
    }

    /// Takes in the snapshot of a partition, where there is one that fits: the offset from which the ledger is to be read on. The ledger can be
    /// read from and up to these offsets.
    pub(crate) fn restore(
        &self,
        whose: &Whose,
        reach: RangeInclusive<u64>,
        now: Timestamp,
        work: &mut Work,
    ) -> Option<(Restoring, u64)> {
        let (path, partition) = (self.path(whose.partition)?, whose.partition);
        let mut restoring = Restoring::of(partition, whose.partitions);
        let restored = read::open(&path, whose, reach, now).and_then(|snapshot| {
            let offset = snapshot.head.ledger_offset;
            snapshot.restore(&mut restoring, work).map(|()| offset)
        });
        match restored {
            Ok(offset) => {
                tracing::info!(partition, entries = restoring.entries, offset, "the snapshot of the ledger is read");
                Some((restoring, offset))
            }
            Err(Ignored::Missing) => None,
            Err(reason) => {
                tracing::warn!(partition, %reason, "a snapshot of the ledger is not used; the ledger is read from its beginning");
                restoring.tenants.iter().for_each(|tenant| work.know_tenant(partition, tenant));
                work.drop_partition(partition);
                None
            }
        }
    }

    /// A partition was taken up: everything before this offset of the ledger is in memory, so many entries of it from no snapshot.
    pub(crate) fn taken_up(&mut self, whose: Whose, ledger_next: u64, changes: u64) {
        self.ours.insert(whose.partition, Ours { whose, ledger_next, changes, begun: Instant::now() });
    }

    /// The ledger took so many changes of a partition; the last of them before this offset.
    pub(crate) fn wrote(&mut self, partition: u32, next: u64, changes: u64) {
        if let Some(ours) = self.ours.get_mut(&partition) {
            ours.ledger_next = ours.ledger_next.max(next);
            ours.changes += changes;
        }
    }

    /// A partition goes to another process, or is taken up anew.
    pub(crate) fn drop_partition(&mut self, partition: u32) {
        self.ours.remove(&partition);
        if let Some(writing) = self.writing.take_if(|writing| writing.head.whose.partition == partition) {
            // It is given up; what it has written so far is removed.
            writing.end().ok();
        }
    }

    /// Is something to be done that can only be done while everything is durable that was found?
    pub(crate) fn needs_quiet(&self) -> bool {
        self.writing.as_ref().map_or_else(|| self.due().is_some(), Writing::needs_quiet)
    }

    /// A little of what is to be done. `is_quiet` while everything is durable that was found.
    pub(crate) fn step(&mut self, work: &Work, is_quiet: bool, now: Timestamp) {
        let Some(writing) = &mut self.writing else {
            if is_quiet {
                self.begin_if_due(work, now);
            }
            return;
        };
        let may_step = is_quiet || !writing.needs_quiet();
        if may_step && !writing.step(work) && writing.has_ended() {
            self.ended();
        }
    }

    /// Writes those that are out of date and waits for the disk: at a clean stop, while everything that was found is durable.
    pub(crate) fn finish(&mut self, work: &Work, now: Timestamp) {
        if let Some(writing) = self.writing.take() {
            report(writing.head, writing.finish(work));
        }
        let changed: Vec<u32> =
            self.ours.iter().filter(|(_, ours)| ours.changes > 0).map(|(partition, _)| *partition).collect();
        for partition in changed {
            self.begin(partition, work, now);
            if let Some(writing) = self.writing.take() {
                report(writing.head, writing.finish(work));
            }
        }
    }

    fn begin_if_due(&mut self, work: &Work, now: Timestamp) {
        if let Some(partition) = self.due() {
            self.begin(partition, work, now);
        }
    }

    /// A partition whose snapshot is to be written anew.
    fn due(&self) -> Option<u32> {
        self.folder.as_ref()?;
        let is_due = |ours: &Ours| {
            let passed = ours.begun.elapsed();
            (ours.changes > 0 && passed >= self.interval) || ours.changes >= CHANGES_MAX || passed >= REFRESH_AFTER
        };
        self.ours.iter().find(|(_, ours)| is_due(ours)).map(|(partition, _)| *partition)
    }

    fn begin(&mut self, partition: u32, work: &Work, now: Timestamp) {
        let (Some(path), Some(ours)) = (self.path(partition), self.ours.get_mut(&partition)) else { return };
        // Whatever comes of it: one that fails is tried again after the usual time, not at once.
        (ours.changes, ours.begun) = (0, Instant::now());
        let head = Head { whose: ours.whose, ledger_offset: ours.ledger_next, begun_at: now };
        match Writing::begin(&path, head, work, write::SLICE_BYTES) {
            Ok(writing) => self.writing = Some(writing),
            Err(error) => tracing::warn!(partition, %error, "a snapshot of the ledger cannot be begun"),
        }
    }

    fn ended(&mut self) {
        if let Some(writing) = self.writing.take() {
            report(writing.head, writing.end());
        }
    }

    fn path(&self, partition: u32) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("ledger-{partition}.snapshot")))
    }
}

fn report(head: Head, ended: io::Result<bool>) {
    let partition = head.whose.partition;
    match ended {
        Ok(true) => tracing::info!(partition, offset = head.ledger_offset, "a snapshot of the ledger is written"),
        Ok(false) => tracing::debug!(partition, "a snapshot of the ledger was given up"),
        Err(error) => tracing::warn!(partition, %error, "a snapshot of the ledger cannot be written"),
    }
}

#[cfg(test)]
mod tests;
