//! The few entries of the ledger that everybody but detection wants: apps, decisions, merges and table versions.
//!
//! Nearly all of a ledger are pairs of app and person: ten million of them take ten seconds to read, and neither the rows nor the admin API
//! ask for one. So each process reads the topic once, keeps what is not a pair (a kilobyte an app at most), and lets the sink and the book
//! look at that. It lies in a file beside the log, with the place up to which it goes: the next start reads the topic on from there.
//!
//! Nothing rests on the file. One that is missing, damaged, or of another log is left aside, and the topic is read from its beginning. A
//! digest holds every control record that the ledger holds, so whoever asks sees the same history as somebody who has read everything.

mod file;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use broker::{Broker, ConsumeError, OpenError, RecordRef, partition_of};
use codec::{DecodeError, Topic, decode_ledger_entry, is_for_detection_alone, key_tenant};
use event::{LedgerEntry, LogId};

use file::Head;

/// Records of the ledger after which a file is written anew: what a start reads beside it, a fraction of a second.
const RECORDS_PER_FILE: u64 = 500_000;

/// Why the ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The log.
    #[error("the ledger cannot be read: {0}")]
    Consume(#[from] ConsumeError),
    /// An entry. Halt: it was written by a newer version.
    #[error("the ledger, partition {partition}, offset {offset}: {source}")]
    Decode {
        /// The partition.
        partition: u32,
        /// The record.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// It was written for another log, or for other partitions. Halt.
    #[error(
        "the ledger of partition {partition} was written for the log {found} with {among} partitions, and the topic of events is the log {events} with {partitions}: run `daylight ledger repartition` if you gave it more; if the topic was made anew, restore it, or delete the topic of the ledger, too"
    )]
    Foreign {
        /// The partition.
        partition: u32,
        /// The log that its positions are places of.
        found: LogId,
        /// How many partitions that had.
        among: u32,
        /// The log of the events.
        events: LogId,
        /// How many partitions it has.
        partitions: u32,
    },
}

/// Apps and control records of the ledger. Clones share them.
#[derive(Clone)]
pub struct Digest(Arc<Shared>);

struct Shared {
    broker: Broker,
    topic: String,
    log_id: broker::LogId,
    /// The log of the events.
    events: LogId,
    partitions: u32,
    /// Where the files are; `None` to keep none.
    folder: Option<PathBuf>,
    parts: Vec<Mutex<Part>>,
}

/// What is known of one partition.
#[derive(Default)]
struct Part {
    /// Was the file asked for?
    is_opened: bool,
    /// The next offset of the ledger; `None` before the first record was read.
    next: Option<u64>,
    /// Up to which offset the file goes.
    in_file: Option<u64>,
    /// The log that the positions are places of, and how many partitions it has.
    origin: Option<(LogId, u32)>,
    /// Key → offset of its newest record.
    places: HashMap<Vec<u8>, u64>,
    /// Offset → key and value.
    entries: BTreeMap<u64, (Vec<u8>, Vec<u8>)>,
}

impl Digest {
    /// Of the ledger of an installation. Reads nothing yet. Blocks while the log is asked for its id.
    ///
    /// # Errors
    /// `OpenError` when the log is away.
    pub fn open(broker: Broker, topic_prefix: &str, folder: Option<PathBuf>) -> Result<Digest, OpenError> {
        let topic = Topic::Ledger.name(topic_prefix);
        let events = LogId(broker.log_id(&Topic::Events.name(topic_prefix))?.0);
        let (log_id, partitions) = (broker.log_id(&topic)?, broker.partitions(&topic)?);
        let parts = (0..partitions).map(|_| Mutex::default()).collect();
        Ok(Digest(Arc::new(Shared { broker, topic, log_id, events, partitions, folder, parts })))
    }

    /// Reads a partition to what is its end now, then shows every entry whose newest record stands at `from` or behind it, in the order of
    /// the ledger. Gives the offset that is next. Blocks.
    ///
    /// # Errors
    /// `DigestError`; `Consume` may go away by itself.
    pub fn read_on(
        &self,
        partition: u32,
        from: u64,
        visit: &mut dyn FnMut(&str, &LedgerEntry<'_>),
    ) -> Result<u64, DigestError> {
        let mut part = self.part(partition)?;
        self.0.read_on(partition, &mut part)?;
        for (offset, (_, value)) in part.entries.range(from..) {
            let undecodable = |source| DigestError::Decode { partition, offset: *offset, source };
            let (tenant, entry) = decode_ledger_entry(value).map_err(undecodable)?;
            visit(tenant, &entry);
        }
        Ok(part.next.unwrap_or_default())
    }

    /// Writes those files that are behind by much; at a stop (`is_last`), by anything. A file that cannot be written costs time at the next
    /// start and nothing else.
    pub fn save(&self, is_last: bool) {
        for partition in (0..).zip(&self.0.parts).map(|(partition, _)| partition) {
            let Ok(mut part) = self.part(partition) else { continue };
            let (Some(folder), Some(next)) = (&self.0.folder, part.next) else { continue };
            let is_due = part.in_file.is_none_or(|known| next.saturating_sub(known) >= RECORDS_PER_FILE);
            if !is_due && (!is_last || part.in_file == Some(next)) {
                continue;
            }
            // Whatever comes of it: it is not tried again at once.
            part.in_file = Some(next);
            if let Err(error) = file::write(folder, &self.0.head(partition, next), &part.entries) {
                tracing::warn!(%error, partition, "the digest of the ledger cannot be written: the next start reads more");
            }
        }
    }

    fn part(&self, partition: u32) -> Result<MutexGuard<'_, Part>, ConsumeError> {
        let part = usize::try_from(partition).ok().and_then(|place| self.0.parts.get(place));
        let unknown = || ConsumeError::Refused { reason: format!("the ledger has no partition {partition}") };
        Ok(part.ok_or_else(unknown)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    fn read_on(&self, partition: u32, part: &mut Part) -> Result<(), DigestError> {
        if !std::mem::replace(&mut part.is_opened, true) {
            self.open_file(partition, part);
        }
        match self.read_from(partition, part) {
            // Compaction went past our place, or the topic was made anew: from the beginning.
            Err(DigestError::Consume(ConsumeError::OffsetOutOfRange { .. })) if part.next.is_some() => {
                *part = Part { is_opened: true, ..Part::default() };
                self.read_from(partition, part)
            }
            read => read,
        }
    }

    fn read_from(&self, partition: u32, part: &mut Part) -> Result<(), DigestError> {
        let (mut flaw, from) = (None, part.next);
        let next = self.broker.read(&self.topic, partition, from, &mut |record| {
            if let Err(source) = part.take(&record, self.partitions) {
                flaw.get_or_insert(DigestError::Decode { partition, offset: record.offset, source });
            }
        })?;
        flaw.map_or(Ok(()), Err)?;
        let (events, partitions) = (self.events, self.partitions);
        // A ledger that is being written anew still holds what was decided; only detection must not take it for whole.
        let is_other = |(found, among): &(LogId, u32)| {
            *found != events || (*among != partitions && *among != LedgerEntry::REBUILDING)
        };
        if let Some((found, among)) = part.origin.filter(is_other) {
            return Err(DigestError::Foreign { partition, found, among, events, partitions });
        }
        part.next = Some(next);
        Ok(())
    }

    fn open_file(&self, partition: u32, part: &mut Part) {
        let Some(folder) = &self.folder else { return };
        let Ok((low, high)) = self.broker.watermarks(&self.topic, partition) else {
            // Asked again with the next look.
            part.is_opened = false;
            return;
        };
        match file::read(folder, &self.head(partition, 0)) {
            Ok((next, entries)) if (low..=high).contains(&next) => {
                part.places = entries.iter().map(|(offset, (key, _))| (key.clone(), *offset)).collect();
                (part.next, part.in_file, part.entries) = (Some(next), Some(next), entries);
                tracing::info!(partition, entries = part.entries.len(), next, "the digest of the ledger is read");
            }
            Ok((next, _)) => {
                tracing::warn!(partition, next, low, high, "the ledger cannot be read on from where its digest ends");
            }
            Err(reason) => tracing::info!(partition, %reason, "no digest of the ledger is used: all of it is read"),
        }
    }

    fn head(&self, partition: u32, next: u64) -> Head {
        let Shared { log_id, events, partitions, .. } = *self;
        Head { log_id, events: events.0, partition, partitions, next }
    }
}

impl Part {
    /// Takes one record, if it is about an app or a control record, of a tenant that lives here among so many partitions.
    fn take(&mut self, record: &RecordRef<'_>, partitions: u32) -> Result<(), DecodeError> {
        let key = record.key.unwrap_or_default();
        if is_for_detection_alone(key) {
            return Ok(());
        }
        let tenant = key_tenant(key).unwrap_or_default();
        if !tenant.is_empty() && partition_of(tenant.as_bytes(), partitions) != record.partition {
            return Ok(());
        }
        match record.value {
            Some(value) => {
                // What cannot be read halts here, with its place.
                if let (_, LedgerEntry::Origin { events, partitions }) = decode_ledger_entry(value)? {
                    self.origin = Some((events, partitions));
                    return Ok(());
                }
                let before = self.places.insert(key.to_vec(), record.offset);
                before.and_then(|before| self.entries.remove(&before));
                self.entries.insert(record.offset, (key.to_vec(), value.to_vec()));
            }
            None => {
                let before = self.places.remove(key);
                before.and_then(|before| self.entries.remove(&before));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
