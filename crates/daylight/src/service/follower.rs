//! Keeps the book: looks at the digest of the ledger, then at what detection has not come to yet, then follows.
//!
//! A decision is in the log before it is in the ledger. Between two starts of this process detection may have been behind, so the control
//! records that it has not read are read here, once; without them the book would take an app for undecided and let it be decided twice.

use std::{thread, time::Duration};

use anyhow::Context;
use broker::{Broker, ConsumeError};
use codec::{LogRecord, Topic, decode_log_record};
use event::{Control, LedgerEntry, Position};
use runtime::{Component, Shutdown};
use sink::{Digest, DigestError};

use super::book::Book;

/// How long the follower waits when it has read everything.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// Partitions that are read beside each other at the start: each costs a connection and what a consumer fetches ahead.
const PARTITIONS_AT_ONCE: usize = 8;

/// Reads for the book.
pub(crate) struct Follower {
    broker: Broker,
    book: Book,
    digest: Digest,
    component: Component,
    /// The next offset of the ledger, by partition.
    next: Vec<u64>,
}

/// Whose, where, what.
type Found = (String, Position, Control);

impl Follower {
    /// Reads everything that there is. Blocks.
    pub(crate) fn catch_up(
        broker: Broker,
        topic_prefix: &str,
        book: Book,
        digest: Digest,
        component: Component,
    ) -> anyhow::Result<Follower> {
        let events = Topic::Events.name(topic_prefix);
        let mut follower = Follower { broker, book, digest, component, next: Vec::new() };
        let partitions: Vec<u32> = (0..follower.broker.partitions(&events)?).collect();
        for partitions in partitions.chunks(PARTITIONS_AT_ONCE) {
            let next = follower.catch_up_partitions(&events, partitions).context("cannot read what was decided")?;
            follower.next.extend(next);
        }
        follower.digest.save(false);
        follower.is_up_to_date();
        Ok(follower)
    }

    /// Follows until asked to stop. Blocks.
    pub(crate) fn follow(mut self, shutdown: &Shutdown) -> anyhow::Result<()> {
        while !shutdown.is_requested() {
            let mut troubles = Vec::new();
            for partition in 0..self.next.len() {
                match self.follow_partition(partition)? {
                    Ok(()) => {}
                    Err(trouble) => troubles.push(trouble),
                }
            }
            match troubles.pop() {
                None => self.is_up_to_date(),
                Some(trouble) => {
                    let reason = format!("the ledger cannot be followed: {trouble}");
                    self.component.not_ready(reason.clone());
                    self.book.set_stale(Some(reason));
                }
            }
            self.digest.save(false);
            thread::sleep(FOLLOW_INTERVAL);
        }
        self.digest.save(true);
        Ok(())
    }

    fn is_up_to_date(&self) {
        self.book.set_stale(None);
        self.component.ready();
    }

    /// Beside each other: for most of the time one would wait for answers of the cluster. Gives the next offset of each one's ledger.
    fn catch_up_partitions(&self, events: &str, partitions: &[u32]) -> anyhow::Result<Vec<u64>> {
        thread::scope(|scope| {
            let threads: Vec<_> = partitions
                .iter()
                .map(|partition| scope.spawn(move || self.catch_up_partition(events, *partition)))
                .collect();
            let gone = |_| Err(anyhow::anyhow!("a reader ended without a word"));
            // All of them, whatever became of the first.
            let read: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect();
            read.into_iter().collect()
        })
    }

    fn catch_up_partition(&self, events: &str, partition: u32) -> anyhow::Result<u64> {
        // Asked first: what is committed by now is in the ledger that is read then.
        let committed = self.broker.committed(detect::GROUP, events, partition)?;
        let (low, high) = self.broker.watermarks(events, partition)?;
        let from = committed.map_or(low, |committed| committed.offset).clamp(low, high);
        let mut controls: Vec<Found> = Vec::new();
        let next = self.read_ledger(partition, 0, &mut controls)?;
        self.broker.read(events, partition, Some(from), &mut |record| {
            // What cannot be read is for those who work on it to complain about.
            if let Ok(LogRecord::Control { tenant, control }) = decode_log_record(record.value.unwrap_or_default()) {
                controls.push((tenant.to_owned(), Position { offset: record.offset, index: 0 }, control));
            }
        })?;
        controls.sort_by_key(|(_, position, _)| *position);
        for (tenant, position, control) in &controls {
            self.book.apply(tenant, *position, control);
        }
        Ok(next)
    }

    /// Reads on in one partition. The inner error goes away by itself.
    fn follow_partition(&mut self, partition: usize) -> anyhow::Result<Result<(), ConsumeError>> {
        let number = u32::try_from(partition)?;
        let Some(from) = self.next.get(partition).copied() else { return Ok(Ok(())) };
        let mut controls: Vec<Found> = Vec::new();
        let next = match self.read_ledger(number, from, &mut controls) {
            Ok(next) => next,
            Err(DigestError::Consume(error)) => return Ok(Err(error)),
            Err(error) => return Err(error.into()),
        };
        for (tenant, position, control) in &controls {
            self.book.apply(tenant, *position, control);
        }
        if let Some(place) = self.next.get_mut(partition) {
            *place = next;
        }
        Ok(Ok(()))
    }

    /// Reads the ledger to its end: apps that changed at `from` or behind it go into the book at once, control records to `controls`.
    fn read_ledger(&self, partition: u32, from: u64, controls: &mut Vec<Found>) -> Result<u64, DigestError> {
        self.digest.read_on(partition, from, &mut |tenant, entry| match entry {
            LedgerEntry::Control { position, control, .. } => {
                controls.push((tenant.to_owned(), *position, control.clone()));
            }
            entry => self.book.met(tenant, entry),
        })
    }
}
