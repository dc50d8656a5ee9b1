//! The back-fills of the partitions that are ours: who orders one writes a record, and whoever polls the connection sees it here and works it
//! off, each feed with a cursor of its own. What is cancelled or ordered anew stops; what a dead process left goes on where it stopped.
//!
//! It works beside live polling, not before it, and takes but a share of its pace (`Stretch`).

use std::sync::Arc;

use hashbrown::HashMap;
use runtime::Shutdown;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle};

use super::{
    cursors::Seen,
    poller::{Poller, Shared},
};
use crate::metrics::PollMetrics;

/// Pages of all back-fills in work at once: most of the room for pages is left to live polling.
const TURNS_MAX: usize = 2;

/// What every back-fill of this process shares.
#[derive(Clone)]
pub(super) struct History {
    metrics: PollMetrics,
    turns: Arc<Semaphore>,
}

/// The back-fills of one partition.
#[derive(Default)]
pub(super) struct Backfills {
    /// Connection and feed → who works on it.
    jobs: HashMap<(String, &'static str), Job>,
}

struct Job {
    /// Which order.
    asked_at: event::Timestamp,
    stop: Shutdown,
    task: JoinHandle<()>,
}

impl History {
    /// With metrics of its own.
    pub(super) fn new(metrics: PollMetrics) -> History {
        History { metrics, turns: Arc::new(Semaphore::new(TURNS_MAX)) }
    }

    fn shared(&self, live: &Shared) -> Shared {
        Shared { metrics: self.metrics.clone(), turns: Some(Arc::clone(&self.turns)), ..live.clone() }
    }
}

impl Backfills {
    /// Forgets the jobs that have ended. To be called *before* the topic is read on: their last cursors are in it then, and what is not
    /// complete by these is begun again.
    pub(super) fn reap(&mut self) {
        self.jobs.retain(|_, job| !job.task.is_finished());
    }

    /// Begins what was ordered and nobody works on, and stops what is not wanted any more.
    pub(super) fn attend<'p>(
        &mut self,
        seen: &Seen,
        pollers: impl Iterator<Item = &'p Arc<Poller>>,
        history: &History,
        tasks: &Handle,
    ) {
        for poller in pollers {
            let (connection, feed) = (&poller.connection, poller.feed.name());
            let order = seen.backfill(&connection.tenant, &connection.id);
            let wanted = order.filter(|order| !order.is_cancelled && !seen.is_done(order, feed));
            let key = (connection.id.clone(), feed);
            if let Some(job) = self.jobs.get(&key) {
                if order.is_none_or(|order| order.is_cancelled || order.asked_at != job.asked_at) {
                    job.stop.request();
                }
                continue;
            }
            let Some(order) = wanted else { continue };
            let found = seen.progress(order, feed).cloned();
            let (since, until) = (order.since, order.until);
            tracing::info!(connection = %connection.id, feed, %since, %until, is_resumed = found.is_some(), "fetching history");
            let worker = Arc::new(poller.for_history(order, history.shared(&poller.shared)));
            let stop = Shutdown::new();
            let task = tasks.spawn(worker.run(found, stop.clone()));
            self.jobs.insert(key, Job { asked_at: order.asked_at, stop, task });
        }
    }

    /// Asks all to stop: the partition goes, or the process ends.
    pub(super) fn stop(&self) {
        self.jobs.values().for_each(|job| job.stop.request());
    }

    /// Whoever still works.
    pub(super) fn into_tasks(self) -> impl Iterator<Item = JoinHandle<()>> {
        self.jobs.into_values().map(|job| job.task)
    }
}
