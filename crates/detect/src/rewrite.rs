//! Writes a ledger anew from a history: after its topic, or a part of it, was lost.
//!
//! Only what differs is written, so a ledger that is whole costs a reading. What nobody remembers who reads the history is removed, decisions
//! and merges aside: the history may be younger than they are, and nothing else says what was decided.
//!
//! ```text
//! sole writer of each partition ─► what detection has committed ─► a pass up to there ─► what differs ─► "rebuilding" ─► entries ─► tombstones ─► "whole"
//! ```
//! Whoever detected until now is refused by the log itself from the first step on. While a partition says that it is being rebuilt, nobody
//! takes it up; cut off anywhere, it is done again.

use std::{
    collections::{BTreeMap, HashMap},
    iter,
};

use broker::{AppendError, Broker, ConsumeError, OpenError, Record, RecordRef, SoleWriter, partition_of};
use codec::{DecodeError, EncodeError, Topic, decode_ledger_entry, encode_ledger_entry, ledger_key, parse_ledger_key};
use event::{LedgerEntry, LedgerKey, LogId};

use crate::{
    Rebuilding,
    ledger::{origin_record, why_foreign},
};

/// Records that are written before anybody is told how far it has come.
const RECORDS_AT_ONCE: usize = 10_000;

/// Why a ledger cannot be written anew. Done again, it goes on.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The log.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read the ledger: {0}")]
    Consume(#[from] ConsumeError),
    /// The log does not take it, or somebody detects again.
    #[error("cannot write the ledger: {0}; see that nobody detects, and do it again")]
    Append(#[from] AppendError),
    /// An entry cannot be encoded.
    #[error("cannot encode what was rebuilt: {0}")]
    Encode(#[from] EncodeError),
    /// What the ledger says of itself cannot be read.
    #[error("the ledger of partition {partition}, offset {offset}: {source}")]
    Decode {
        /// The partition.
        partition: u32,
        /// The record.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Of another log, or of other partitions.
    #[error("the ledger of partition {partition} does not belong to the events that are there: {why}")]
    Foreign {
        /// The partition.
        partition: u32,
        /// In what it differs, and what to do.
        why: String,
    },
}

/// In what a partition of the ledger differs from what was rebuilt: entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The partition.
    pub partition: u32,
    /// They say the same.
    pub same: u64,
    /// The ledger lacks them.
    pub missing: u64,
    /// The ledger says something else.
    pub changed: u64,
    /// Only the ledger has them.
    pub surplus: u64,
    /// Does the ledger not say whose it is, or say that it is being rebuilt?
    pub is_unsaid: bool,
}

impl Difference {
    /// Is there anything to write?
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.missing + self.changed + self.surplus == 0 && !self.is_unsaid
    }
}

/// The ledger, and who writes it.
pub struct Rewriting<'a> {
    broker: &'a Broker,
    ledger: String,
    partitions: u32,
    writers: BTreeMap<u32, SoleWriter>,
}

/// What the ledger says of its keys: a hash of each key → a hash of the latest value; and whose it is.
#[derive(Default)]
struct Present {
    entries: HashMap<u128, Said>,
    origin: Option<(LogId, u32)>,
}

#[derive(Clone, Copy)]
struct Said {
    value: u128,
    /// Does it stay, although the history does not know it?
    stays: bool,
}

impl<'a> Rewriting<'a> {
    /// Nothing is written yet, and whoever detects goes on. Blocks.
    ///
    /// # Errors
    /// `RewriteError::Open` when the log is away.
    pub fn new(broker: &'a Broker, topic_prefix: &str) -> Result<Rewriting<'a>, RewriteError> {
        let ledger = Topic::Ledger.name(topic_prefix);
        let partitions = broker.partitions(&ledger)?;
        Ok(Rewriting { broker, ledger, partitions, writers: BTreeMap::new() })
    }

    /// From here on nobody else can write the ledger: whoever detects is refused, and forgets. Before anybody is asked how far detection has come.
    ///
    /// # Errors
    /// `RewriteError::Append` when the log is away.
    pub fn take(&mut self) -> Result<(), RewriteError> {
        for partition in 0..self.partitions {
            self.writers.insert(partition, self.broker.sole_writer(&self.ledger, partition)?);
        }
        Ok(())
    }

    /// In what the ledger differs from a pass that is finished, by partition. Blocks.
    ///
    /// # Errors
    /// `RewriteError` when the ledger cannot be read, or is of another log.
    pub fn differences(&self, rebuilt: &Rebuilding) -> Result<Vec<Difference>, RewriteError> {
        (0..self.partitions).map(|partition| Ok(self.compare(partition, rebuilt)?.0)).collect()
    }

    /// Writes what differs, and tells after each stretch: partition, records written, records in all. Only for who has taken it. Blocks.
    ///
    /// # Errors
    /// `RewriteError`; then it is done again.
    pub fn write(
        &mut self,
        rebuilt: &Rebuilding,
        tell: &mut dyn FnMut(u32, u64, u64),
    ) -> Result<Vec<Difference>, RewriteError> {
        let mut differences = Vec::new();
        for partition in 0..self.partitions {
            let (difference, present) = self.compare(partition, rebuilt)?;
            if !difference.is_none() {
                self.write_partition(partition, rebuilt, &present, &mut |written| {
                    tell(partition, written, difference.missing + difference.changed + difference.surplus);
                })?;
            }
            differences.push(difference);
        }
        Ok(differences)
    }

    fn write_partition(
        &mut self,
        partition: u32,
        rebuilt: &Rebuilding,
        present: &Present,
        tell: &mut dyn FnMut(u64),
    ) -> Result<(), RewriteError> {
        self.append(partition, &[origin_record(rebuilt.log_id, partition, LedgerEntry::REBUILDING)?])?;
        let (mut waiting, mut written) = (Vec::new(), 0);
        let (mut known, mut kept) = (present.entries.clone(), 0u64);
        for record in wanted(rebuilt, partition) {
            let record = record?;
            let said = known.remove(&hash(record.key.as_deref()));
            if said.is_some_and(|said| said.value == hash(record.value.as_deref())) {
                kept += 1;
                continue;
            }
            waiting.push(record);
            if waiting.len() == RECORDS_AT_ONCE {
                written += self.append(partition, &std::mem::take(&mut waiting))?;
                tell(written);
            }
        }
        tracing::info!(partition, kept, "what the ledger says already stays as it is");
        waiting.extend(self.tombstones(partition, &known)?);
        waiting.push(origin_record(rebuilt.log_id, partition, self.partitions)?);
        written += self.append(partition, &waiting)?.saturating_sub(1);
        tell(written);
        Ok(())
    }

    /// What removes those keys of a partition whose hashes are left over.
    fn tombstones(&self, partition: u32, left: &HashMap<u128, Said>) -> Result<Vec<Record>, RewriteError> {
        let mut surplus = BTreeMap::new();
        self.read(partition, &mut |record| {
            if let Some(key) = record.key.filter(|key| left.get(&hash(Some(key))).is_some_and(|said| !said.stays)) {
                surplus.insert(key.to_vec(), ());
            }
            Ok(())
        })?;
        Ok(surplus.into_keys().map(|key| Record { partition, key: Some(key), value: None }).collect())
    }

    fn append(&mut self, partition: u32, records: &[Record]) -> Result<u64, RewriteError> {
        let writer = self.writers.get_mut(&partition).ok_or(AppendError::Closed)?;
        writer.append_all(records)?;
        Ok(u64::try_from(records.len()).unwrap_or(u64::MAX))
    }

    fn compare(&self, partition: u32, rebuilt: &Rebuilding) -> Result<(Difference, Present), RewriteError> {
        let present = self.present(partition)?;
        let is_whole = present.origin.filter(|(_, among)| *among != LedgerEntry::REBUILDING);
        if let Some(why) = is_whole.and_then(|origin| why_foreign(origin, rebuilt.log_id, self.partitions)) {
            return Err(RewriteError::Foreign { partition, why });
        }
        let mut difference = Difference { partition, is_unsaid: is_whole.is_none(), ..Difference::default() };
        let mut known = present.entries.clone();
        for record in wanted(rebuilt, partition) {
            let record = record?;
            match known.remove(&hash(record.key.as_deref())) {
                None => difference.missing += 1,
                Some(said) if said.value == hash(record.value.as_deref()) => difference.same += 1,
                Some(_) => difference.changed += 1,
            }
        }
        let surplus = known.values().filter(|said| !said.stays).count();
        difference.surplus = u64::try_from(surplus).unwrap_or(u64::MAX);
        Ok((difference, present))
    }

    /// What the ledger says now.
    fn present(&self, partition: u32) -> Result<Present, RewriteError> {
        let mut present = Present::default();
        self.read(partition, &mut |record| {
            let (key, about) = (hash(record.key), record.key.and_then(parse_ledger_key));
            let Some(value) = record.value else {
                present.entries.remove(&key);
                return Ok(());
            };
            let stays = match about {
                Some((_, LedgerKey::Origin)) => {
                    let undecodable = |source| RewriteError::Decode { partition, offset: record.offset, source };
                    if let (_, LedgerEntry::Origin { events, partitions }) =
                        decode_ledger_entry(value).map_err(undecodable)?
                    {
                        present.origin = Some((events, partitions));
                    }
                    return Ok(());
                }
                // Of whom it is cannot be told, or he lives elsewhere: `ledger repartition` sees to that.
                None => true,
                Some((_, LedgerKey::Control(_))) => true,
                Some((tenant, _)) => partition_of(tenant.as_bytes(), self.partitions) != partition,
            };
            present.entries.insert(key, Said { value: hash(Some(value)), stays });
            Ok(())
        })?;
        Ok(present)
    }

    fn read(
        &self,
        partition: u32,
        visit: &mut dyn FnMut(RecordRef<'_>) -> Result<(), RewriteError>,
    ) -> Result<(), RewriteError> {
        let mut flaw = None;
        self.broker.read(&self.ledger, partition, None, &mut |record| {
            if flaw.is_none() {
                flaw = visit(record).err();
            }
        })?;
        flaw.map_or(Ok(()), Err)
    }
}

/// The ledger of a partition as the pass would have it, but for what it says of itself. Control records first: a start that finds what a merge has
/// changed must find the merge.
fn wanted(rebuilt: &Rebuilding, partition: u32) -> impl Iterator<Item = Result<Record, EncodeError>> {
    let work = &rebuilt.work;
    let controls = work.controls_of(partition).map(move |entry| {
        let value = Some(entry.encode()?);
        Ok(Record { partition, key: Some(entry.key()), value })
    });
    let entries = work.tenants_of(partition).flat_map(move |tenant| {
        let entries = work.engine.entries(tenant).chain(work.engine.pair_entries(tenant));
        iter::repeat(tenant).zip(entries)
    });
    controls.chain(entries.map(move |(tenant, entry)| {
        let value = Some(encode_ledger_entry(tenant, &entry)?);
        Ok(Record { partition, key: Some(ledger_key(tenant, entry.key())), value })
    }))
}

/// So many bits that two that differ are taken for the same never.
fn hash(bytes: Option<&[u8]>) -> u128 {
    let hash = blake3::hash(bytes.unwrap_or_default());
    hash.as_bytes().first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}
