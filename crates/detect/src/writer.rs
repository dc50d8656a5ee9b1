//! Records on their way out: durable before anything else happens, however long that takes.
//!
//! Alerts may come from anybody, as often as he likes: readers know them by their ids. What a partition's ledger holds is said by one process at a
//! time, whom the log itself tells from those who were it before: who slept past his session wakes with entries in hand that are older than
//! those of his successor, and nobody may find them behind those.

use std::{collections::BTreeMap, thread, time::Duration};

use broker::{Ack, AppendError, Broker, Record, SoleWriter};
use runtime::{Backoff, Shutdown, Standing};

use crate::DetectError;

/// Writes what must be durable before anything else happens.
pub(crate) struct Writer<'a> {
    /// The log.
    pub(crate) broker: &'a Broker,
    /// Nothing is waited for any more.
    pub(crate) shutdown: &'a Shutdown,
    /// Hears why something waits.
    pub(crate) standing: &'a Standing,
}

/// What became of entries of the ledger.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// They are durable: partition → one past the last offset that was told, and how many they are.
    Durable(BTreeMap<u32, (u64, u64)>),
    /// The process stops before.
    Stopping,
    /// Another may write the ledger now, or nobody knows what became of them: for this reason.
    Lost(String),
}

/// The same of one partition.
enum End {
    Durable(u32, u64, u64),
    Stopping,
    Lost(String),
}

impl Writer<'_> {
    /// Appends records and waits until they are durable, for as long as it takes. The same bytes again are harmless. False when the process
    /// stops before.
    pub(crate) fn append(&self, topic: &str, records: Vec<Record>) -> Result<bool, DetectError> {
        let (mut waits, mut waiting) = (Waits::new(topic, 3), records);
        while !waiting.is_empty() {
            let (failed, why) = self.attempt(topic, waiting)?;
            if !waits.go_on(self, why) {
                return Ok(false);
            }
            waiting = failed;
        }
        Ok(true)
    }

    /// As `append`, by the sole writers of the ledger's partitions, beside each other. An entry of a partition that has none is of one that went.
    pub(crate) fn append_to_ledger(
        &self,
        topic: &str,
        records: Vec<Record>,
        writers: &mut BTreeMap<u32, SoleWriter>,
    ) -> Result<Written, DetectError> {
        let mut of_partition = BTreeMap::<u32, Vec<Record>>::new();
        for record in records {
            of_partition.entry(record.partition).or_default().push(record);
        }
        let work = writers
            .iter_mut()
            .filter_map(|(partition, writer)| Some((*partition, writer, of_partition.remove(partition)?)));
        let work: Vec<_> = work.collect();
        let ends: Vec<Result<End, DetectError>> = thread::scope(|scope| {
            let one = |(partition, writer, records): (u32, &mut SoleWriter, Vec<Record>)| {
                self.append_alone(topic, partition, writer, &records)
            };
            let threads: Vec<_> = work.into_iter().map(|work| scope.spawn(move || one(work))).collect();
            let broke = || DetectError::Start("a thread that writes the ledger broke".to_owned());
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(broke()))).collect()
        });
        let mut written = BTreeMap::new();
        for end in ends {
            match end? {
                End::Durable(partition, next, count) => drop(written.insert(partition, (next, count))),
                End::Stopping => return Ok(Written::Stopping),
                End::Lost(reason) => return Ok(Written::Lost(reason)),
            }
        }
        Ok(Written::Durable(written))
    }

    /// What is of one partition.
    fn append_alone(
        &self,
        topic: &str,
        partition: u32,
        writer: &mut SoleWriter,
        records: &[Record],
    ) -> Result<End, DetectError> {
        let mut waits = Waits::new(topic, 8);
        loop {
            match writer.append_all(records) {
                Ok(next) => {
                    waits.go_on(self, None);
                    return Ok(End::Durable(partition, next, u64::try_from(records.len()).unwrap_or(u64::MAX)));
                }
                Err(AppendError::Fenced { reason }) => return Ok(End::Lost(reason)),
                Err(error) => {
                    if !waits.go_on(self, Some(passing(error)?)) {
                        return Ok(End::Stopping);
                    }
                }
            }
        }
    }

    /// One attempt: the records that are not durable, and why the last of them is not.
    fn attempt(&self, topic: &str, records: Vec<Record>) -> Result<(Vec<Record>, Option<AppendError>), DetectError> {
        let mut acks: Vec<(Record, Result<Ack, AppendError>)> = Vec::with_capacity(records.len());
        for record in records {
            let ack = self.broker.append(topic, record.clone());
            acks.push((record, ack));
        }
        let (mut failed, mut why) = (Vec::new(), None);
        for (record, ack) in acks {
            if let Err(error) = ack.and_then(Ack::wait) {
                failed.push(record);
                why = Some(passing(error)?);
            }
        }
        Ok((failed, why))
    }
}

/// The pauses between attempts, each of which is told.
struct Waits<'a> {
    topic: &'a str,
    backoff: Backoff,
}

impl<'a> Waits<'a> {
    fn new(topic: &'a str, seed: u64) -> Waits<'a> {
        Waits { topic, backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(5), seed) }
    }

    /// Pauses where the last attempt failed. False when the process stops.
    fn go_on(&mut self, writer: &Writer<'_>, why: Option<AppendError>) -> bool {
        let (topic, standing) = (self.topic, writer.standing);
        match why {
            Some(why) => {
                tracing::warn!(%why, topic, "not written, trying again");
                standing.not_ready(format!("{topic} cannot be written: {why}"));
                writer.shutdown.sleep(self.backoff.next_wait());
                !writer.shutdown.is_requested()
            }
            None => {
                if self.backoff.attempts() > 0 {
                    standing.ready();
                }
                true
            }
        }
    }
}

/// An error that passes; any other halts.
fn passing(error: AppendError) -> Result<AppendError, DetectError> {
    match error {
        AppendError::Refused { .. } | AppendError::Closed => Err(error.into()),
        error => Ok(error),
    }
}
