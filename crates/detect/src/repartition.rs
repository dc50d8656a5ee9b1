//! Another number of partitions: what must move, and how it moves without a hole.
//!
//! A tenant lives in the partition that its name gives among so many. Among more, some tenants live elsewhere: their events will come there,
//! and what the compacted topics hold of them must be there first. The events of before stay where they are; everybody has read them to their
//! end (whoever calls makes sure, and that nobody runs). What the ledger holds goes along as *carried over*: a position of another partition
//! would be mistaken for one of this.
//!
//! ```text
//! survey ─► the ledger says how many there were ─► it gets partitions ─► copies ─► it says how many there are ─► what was copied is removed
//!        ─► deliveries, cursors, identities: partitions, copies, removal ─► alerts, dead letters ─► events, last
//! ```
//! A kill anywhere is mended by doing all of it again: copies are the same copies, nothing is removed before the ledger says that all of them
//! are there, and until the last step no process starts, because the ledger or a topic has another number than the configuration.

mod ledger;

use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use broker::{Ack, AppendError, Broker, ConsumeError, OpenError, Record, RecordRef, partition_of};
use codec::{DecodeError, EncodeError, Topic, key_tenant};
use event::LogId;

/// Records that are appended before somebody waits for them.
const RECORDS_AT_ONCE: usize = if cfg!(test) { 24 } else { 5_000 };

/// Why tenants cannot be moved. Nothing is lost; done again, it goes on.
#[derive(Debug, thiserror::Error)]
pub enum RepartitionError {
    /// The log.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("cannot read what is to move: {0}")]
    Consume(#[from] ConsumeError),
    /// The log does not take copies.
    #[error("cannot write what is to move: {0}; do it again")]
    Append(#[from] AppendError),
    /// An entry cannot be encoded.
    #[error("cannot encode what is to move: {0}")]
    Encode(#[from] EncodeError),
    /// An entry cannot be read.
    #[error("{topic}, partition {partition}, offset {offset}: {source}")]
    Decode {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The record.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// There are more already.
    #[error("topic {topic} has {found} partitions, and {wanted} are wanted: there can only be more, never fewer")]
    Fewer {
        /// The topic.
        topic: String,
        /// What it has.
        found: u32,
        /// What is wanted.
        wanted: u32,
    },
    /// The ledger is of another log.
    #[error(
        "the ledger holds places of another log of events than the one that is there: the topic was made anew, so nothing can be moved"
    )]
    OtherLog,
    /// Half of the ledger is there.
    #[error(
        "the ledger is being written anew from a history, or that was cut off: run `daylight ledger rebuild --write --yes` to its end first"
    )]
    Rebuilding,
    /// More control records of a tenant than there are places before a log.
    #[error("tenant {tenant} has more than {} decisions and merges", u16::MAX)]
    TooManyControls {
        /// The tenant.
        tenant: String,
    },
}

/// What moves, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repartitioned {
    /// Topics that get partitions: name, how many they have, how many they get.
    pub raised: Vec<(String, u32, u32)>,
    /// What is copied.
    pub copied: Vec<Copied>,
    /// Keys that are removed from where they were. Counted before anything is copied where nothing is to be written.
    pub removed: u64,
}

/// Records of one tenant that are copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The topic.
    pub topic: String,
    /// Whose.
    pub tenant: String,
    /// From where.
    pub from: u32,
    /// Where to.
    pub to: u32,
    /// How many, older values of a key included.
    pub records: u64,
}

/// Moves what must move, or only says what would. Nobody may run, and every event must have been read. Blocks.
///
/// # Errors
/// `RepartitionError`; then it is done again.
pub fn repartition(
    broker: &Broker,
    topic_prefix: &str,
    partitions: u32,
    is_dry_run: bool,
) -> Result<Repartitioned, RepartitionError> {
    let events = LogId(broker.log_id(&Topic::Events.name(topic_prefix))?.0);
    for topic in Topic::ALL {
        let (topic, wanted) = (topic.name(topic_prefix), partitions);
        let found = broker.partitions(&topic)?;
        if found > wanted {
            return Err(RepartitionError::Fewer { topic, found, wanted });
        }
    }
    let done = Repartitioned::default();
    let mut moving = Moving { broker, topic_prefix, partitions, is_dry_run, events, done };
    moving.ledger()?;
    for topic in [Topic::Deliveries, Topic::Cursors, Topic::Gaps, Topic::Identities] {
        moving.keyed(topic)?;
    }
    for topic in [Topic::Alerts, Topic::DeadLetters, Topic::Events] {
        moving.raise(topic)?;
    }
    Ok(moving.done)
}

/// The work, as it goes.
struct Moving<'a> {
    broker: &'a Broker,
    topic_prefix: &'a str,
    partitions: u32,
    is_dry_run: bool,
    events: LogId,
    done: Repartitioned,
}

impl<'a> Moving<'a> {
    /// A topic whose records are copied as they are.
    fn keyed(&mut self, topic: Topic) -> Result<(), RepartitionError> {
        let before = self.raise(topic)?;
        let name = topic.name(self.topic_prefix);
        for partition in 0..before {
            // What was removed stays removed: a tombstone of an earlier move must not follow its key to where it lives now.
            let (hasher, live) = self.strangers(&name, partition)?;
            let mut copies = self.copies(&name, partition);
            self.read(&name, partition, &mut |record, tenant| match (record.key, record.value) {
                (Some(key), Some(value)) if live.contains(&hasher.hash_one(key)) => {
                    copies.copy(tenant, key, Some(value.to_vec()))
                }
                _ => Ok(()),
            })?;
            self.done.copied.extend(copies.finish()?);
            self.clean(&name, partition)?;
        }
        Ok(())
    }

    /// Gives a topic its partitions; tells how many it had.
    fn raise(&mut self, topic: Topic) -> Result<u32, RepartitionError> {
        let name = topic.name(self.topic_prefix);
        let before = self.broker.partitions(&name)?;
        if before < self.partitions {
            if !self.is_dry_run {
                #[cfg(test)]
                tests::may_be_cut_here()?;
                self.broker.raise_partitions(&name, self.partitions)?;
            }
            self.done.raised.push((name, before, self.partitions));
        }
        Ok(before)
    }

    /// Removes what does not belong into a partition, key by key.
    fn clean(&mut self, topic: &str, partition: u32) -> Result<(), RepartitionError> {
        let (hasher, mut strangers) = self.strangers(topic, partition)?;
        self.done.removed += strangers.len() as u64;
        if self.is_dry_run || strangers.is_empty() {
            return Ok(());
        }
        let mut copies = self.copies(topic, partition);
        self.read(topic, partition, &mut |record, _| match record.key {
            Some(key) if strangers.remove(&hasher.hash_one(key)) => {
                copies.append(Record { partition, key: Some(key.to_vec()), value: None })
            }
            _ => Ok(()),
        })?;
        copies.finish().map(drop)
    }

    /// The keys of a partition that belong elsewhere and have a value, by a hash: there may be ten million of them.
    fn strangers(&self, topic: &str, partition: u32) -> Result<(RandomState, HashSet<u64>), RepartitionError> {
        let (hasher, mut strangers) = (RandomState::new(), HashSet::new());
        self.read(topic, partition, &mut |record, tenant| {
            let is_stranger = partition_of(tenant.as_bytes(), self.partitions) != partition;
            if let Some(key) = record.key.filter(|_| is_stranger && !tenant.is_empty()) {
                let hash = hasher.hash_one(key);
                if record.value.is_some() {
                    strangers.insert(hash)
                } else {
                    strangers.remove(&hash)
                };
            }
            Ok(())
        })?;
        Ok((hasher, strangers))
    }

    /// Shows every record of a partition whose key names a tenant, with that.
    fn read(
        &self,
        topic: &str,
        partition: u32,
        visit: &mut dyn FnMut(&RecordRef<'_>, &str) -> Result<(), RepartitionError>,
    ) -> Result<(), RepartitionError> {
        let mut failed = None;
        self.broker.read(topic, partition, None, &mut |record| {
            if let Some(tenant) = record.key.and_then(key_tenant).filter(|_| failed.is_none()) {
                failed = visit(&record, tenant).err();
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn copies(&self, topic: &str, from: u32) -> Copies<'a> {
        Copies {
            broker: self.broker,
            topic: topic.to_owned(),
            from,
            partitions: self.partitions,
            is_dry_run: self.is_dry_run,
            waiting: Vec::new(),
            counts: BTreeMap::new(),
        }
    }
}

/// Records on their way from one partition to others.
struct Copies<'a> {
    broker: &'a Broker,
    topic: String,
    from: u32,
    partitions: u32,
    is_dry_run: bool,
    waiting: Vec<Record>,
    /// Tenant and partition → records.
    counts: BTreeMap<(String, u32), u64>,
}

impl Copies<'_> {
    /// Copies a record, unless its tenant stays.
    fn copy(&mut self, tenant: &str, key: &[u8], value: Option<Vec<u8>>) -> Result<(), RepartitionError> {
        let partition = partition_of(tenant.as_bytes(), self.partitions);
        if partition == self.from || tenant.is_empty() {
            return Ok(());
        }
        *self.counts.entry((tenant.to_owned(), partition)).or_default() += 1;
        self.append(Record { partition, key: Some(key.to_vec()), value })
    }

    fn append(&mut self, record: Record) -> Result<(), RepartitionError> {
        self.waiting.push(record);
        if self.waiting.len() >= RECORDS_AT_ONCE { self.flush() } else { Ok(()) }
    }

    /// Waits until all of them are durable.
    fn flush(&mut self) -> Result<(), RepartitionError> {
        let waiting = std::mem::take(&mut self.waiting);
        if self.is_dry_run {
            return Ok(());
        }
        #[cfg(test)]
        tests::may_be_cut_here()?;
        let acks = self.broker.append_all(&self.topic, waiting)?;
        acks.into_iter().try_for_each(|ack: Ack| ack.wait().map(drop))?;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Copied>, RepartitionError> {
        self.flush()?;
        let Copies { topic, from, counts, .. } = self;
        let copied = |((tenant, to), records)| Copied { topic: topic.clone(), tenant, from, to, records };
        Ok(counts.into_iter().map(copied).collect())
    }
}

#[cfg(test)]
mod tests;
