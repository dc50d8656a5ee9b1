//! Every poller of this process: opened from the configuration, run on a thread that shares the work with other processes.

use std::{sync::Arc, thread};

use broker::Broker;
use codec::Topic;
use runtime::Shutdown;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
};

use super::{
    backfills::History,
    cursors::Cursors,
    http::Http,
    owner::Owner,
    poller::{PAGES_IN_WORK_MAX, Poller, Shared},
    setup::{Plan, pollers},
};
use crate::{IngestError, Setup, accept::Acceptor, connections::Connections, gaps::Gaps, metrics::PollMetrics};

/// The pollers, ready to run.
pub(crate) struct Polling {
    broker: Broker,
    cursors: Cursors,
    pollers: Vec<Arc<Poller>>,
    history: History,
}

impl Polling {
    /// Makes the pollers of these plans.
    pub(crate) fn open(
        setup: &Setup<'_>,
        plans: Vec<Plan>,
        connections: &Connections,
        acceptor: &Arc<Acceptor>,
        gaps: &Gaps,
    ) -> Result<Polling, IngestError> {
        let failed = |error: &dyn std::fmt::Display| IngestError::Start(error.to_string());
        let broker = setup.broker.clone();
        let cursors = Cursors::new(broker.clone(), Topic::Cursors.name(setup.topic_prefix), setup.partitions);
        let shared = Shared {
            http: Http::new(setup.clients, setup.config.unpacked_bytes_max).map_err(|error| failed(&error))?,
            acceptor: Arc::clone(acceptor),
            cursors: cursors.clone(),
            gaps: gaps.clone(),
            metrics: PollMetrics::register(setup.registry).map_err(|error| failed(&error))?,
            pages: Arc::new(Semaphore::new(PAGES_IN_WORK_MAX)),
            turns: None,
        };
        let pollers = pollers(plans, connections, &shared);
        setup.backfills.open(cursors.clone(), &pollers, setup.connections);
        let history = PollMetrics::register_history(setup.registry).map_err(|error| failed(&error))?;
        Ok(Polling { broker, cursors, pollers, history: History::new(history) })
    }

    /// Polls until asked to stop; where nothing is to be polled, no group is joined and it ends at once.
    pub(crate) async fn run(self, shutdown: Shutdown) -> Result<(), IngestError> {
        if self.pollers.is_empty() {
            return Ok(());
        }
        for poller in &self.pollers {
            // Said before anybody has taken it up, so that a feed that nobody polls is seen.
            poller.shared.metrics.disown(&poller.connection.id, poller.feed.name());
        }
        let (tasks, (ended, end)) = (Handle::current(), oneshot::channel());
        let work = move || {
            let owner = Owner::new(&self.broker, self.cursors, self.pollers, self.history, tasks);
            ended.send(owner.and_then(|owner| owner.run(&shutdown)))
        };
        thread::Builder::new()
            .name("pollers".into())
            .spawn(work)
            .map_err(|error| IngestError::Start(error.to_string()))?;
        match end.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(IngestError::Start("the thread of the pollers ended without a word".into())),
        }
    }
}
