//! What was found, on its way to the log: each partition's alerts, its ledger, and how far its offset may be committed (`lane.rs` says when what).

use std::{collections::BTreeMap, thread, time::Duration};

use broker::{Broker, SoleWriter};
use runtime::{Shutdown, Standing};

use crate::{
    DetectError,
    alerts::{Alerts, Label},
    lane::Lane,
    scribe::{End, Scribe},
    work::Outgoing,
};

/// How long nothing is done where nothing can be done, unless the end of a write comes before.
const PAUSE: Duration = Duration::from_millis(2);

/// The way out of every partition that is ours.
pub(crate) struct Outbox {
    broker: Broker,
    alerts: String,
    waiting_records_max: usize,
    routes: BTreeMap<u32, Route>,
}

/// The way out of one partition.
struct Route {
    lane: Lane,
    alerts: Alerts,
    scribe: Scribe,
}

/// What happened on the way.
#[derive(Debug)]
pub(crate) enum News {
    /// An alert is durable.
    Told(Label),
    /// Entries of a partition's ledger are durable: one past the last offset, and how many they are.
    Written {
        /// The partition.
        partition: u32,
        /// One past the last offset.
        next: u64,
        /// How many.
        count: u64,
    },
    /// Somebody else may write the partition's ledger now.
    Lost {
        /// The partition.
        partition: u32,
        /// Why.
        reason: String,
    },
    /// The process stops, and something cannot be written.
    GaveUp,
}

impl Outbox {
    /// Nothing is on its way. Alerts go to this topic; so many records of a partition may wait.
    pub(crate) fn new(broker: Broker, alerts: String, waiting_records_max: usize) -> Outbox {
        Outbox { broker, alerts, waiting_records_max, routes: BTreeMap::new() }
    }

    /// A partition is read from this offset on, and its ledger written by this writer. What was on its way before is none of it.
    pub(crate) fn take_up(
        &mut self,
        (partition, start): (u32, u64),
        writer: SoleWriter,
        shutdown: &Shutdown,
        standing: &Standing,
    ) -> Result<(), DetectError> {
        self.routes.remove(&partition);
        let scribe = Scribe::begin(partition, writer, shutdown, standing).map_err(|error| {
            DetectError::Start(format!("no thread for the ledger of partition {partition}: {error}"))
        })?;
        let lane = Lane::from(start, self.waiting_records_max);
        self.routes.insert(partition, Route { lane, alerts: Alerts::new(), scribe });
        Ok(())
    }

    /// A partition went. Waits until no write of it is under way any more.
    pub(crate) fn drop_partition(&mut self, partition: u32) {
        if self.routes.remove(&partition).is_some_and(|route| !route.lane.is_settled()) {
            tracing::info!(
                partition,
                "the partition belongs to another process now, and so does what was found and not written"
            );
        }
    }

    /// The partitions that are ours.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        self.routes.keys().copied().collect()
    }

    /// The next offset to read of each of them.
    pub(crate) fn positions(&self) -> BTreeMap<u32, u64> {
        self.routes.iter().map(|(partition, route)| (*partition, route.lane.next())).collect()
    }

    /// Everything before this offset was read.
    pub(crate) fn read_up_to(&mut self, partition: u32, next: u64) {
        if let Some(route) = self.routes.get_mut(&partition) {
            route.lane.read_up_to(next);
        }
    }

    /// Takes what was found up to here: alerts are sent at once. What is of a partition that went is left to whoever has it now.
    pub(crate) fn put(&mut self, outgoing: Outgoing) -> Result<(), DetectError> {
        for (record, label) in outgoing.alerts {
            let Some(route) = self.routes.get_mut(&record.partition) else { continue };
            route.lane.alert_sent(&record);
            route.alerts.send(&self.broker, &self.alerts, record, label)?;
        }
        // In this order: a start that finds what a merge has changed must find the merge.
        for record in outgoing.controls.into_iter().chain(outgoing.ledger) {
            if let Some(route) = self.routes.get_mut(&record.partition) {
                route.lane.gather(record);
            }
        }
        Ok(())
    }

    /// Does whatever can be done without waiting, and says what happened.
    pub(crate) fn advance(
        &mut self,
        shutdown: &Shutdown,
        standing: &Standing,
        news: &mut Vec<News>,
    ) -> Result<(), DetectError> {
        for (partition, route) in &mut self.routes {
            let partition = *partition;
            while let Some((record, label)) = route.alerts.next_durable(&self.broker, &self.alerts, standing)? {
                route.lane.alert_durable(&record);
                news.push(News::Told(label));
            }
            if route.alerts.is_in_trouble() && shutdown.is_requested() {
                news.push(News::GaveUp);
            }
            match route.scribe.end() {
                None => {}
                Some(End::Durable(next, count)) => {
                    route.lane.written();
                    news.push(News::Written { partition, next, count });
                }
                Some(End::Lost(reason)) => news.push(News::Lost { partition, reason }),
                Some(End::Stopping) => news.push(News::GaveUp),
                Some(End::Refused(error)) => return Err(error.into()),
            }
            if let Some(changes) = route.lane.next_write() {
                route.scribe.write(changes);
            }
        }
        Ok(())
    }

    /// Is as much on its way of some partition as may be?
    pub(crate) fn is_full(&self) -> bool {
        self.routes.values().any(|route| route.lane.is_full())
    }

    /// Is everything durable that it was given?
    pub(crate) fn is_settled(&self) -> bool {
        self.routes.values().all(|route| route.lane.is_settled())
    }

    /// The offsets that are to be committed.
    pub(crate) fn to_commit(&self) -> Vec<(u32, u64)> {
        self.routes.iter().filter_map(|(partition, route)| Some((*partition, route.lane.to_commit()?))).collect()
    }

    /// One of them is.
    pub(crate) fn committed(&mut self, partition: u32, next: u64) {
        if let Some(route) = self.routes.get_mut(&partition) {
            route.lane.committed(next);
        }
    }

    /// Waits a little, or until a write has ended.
    pub(crate) fn pause(&self) {
        thread::park_timeout(PAUSE);
    }
}
