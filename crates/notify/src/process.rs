//! The process: each receiver reads alerts in a consumer group of its own, on a thread of its own (`reader`), which hands them to the
//! receiver's queue and commits what is done. So a receiver that is away for days holds up nobody but itself.
//!
//! ```text
//! alerts ─┬► reader thread ─► queue (≤ waiting_alerts_max) ─► receiver ─► 2xx ─► deliveries ─► done ─► commit
//!         └► reader thread ─► …
//! ```

use std::{sync::Arc, thread, time::Duration};

use broker::Broker;
use codec::Topic;
use event::Alert;
use hashbrown::HashSet;
use runtime::{Component, Health, HttpClients, Registry, Shutdown};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    Config, NotifyError, ReceiverConfig, ReceiverKind,
    deliver::{Courier, Job, serve},
    metrics::Metrics,
    reader::{POLL_RECORDS_MAX, Reader},
    receivers::Receiver,
    repost::repost,
};

/// Alerts on their way to an Alertmanager's repost list.
const ACTIVE_QUEUE_MAX: usize = 1_024;

/// The process, ready to run.
pub struct Notify {
    log: Log,
    partitions: u32,
    config: Arc<Config>,
    receivers: Vec<(Arc<Receiver>, Component)>,
    client: reqwest::Client,
    metrics: Metrics,
}

/// What `notify` is given by whoever starts it.
pub struct Setup<'a> {
    /// The log.
    pub broker: Broker,
    /// What the names of its topics begin with.
    pub topic_prefix: &'a str,
    /// How many partitions they have.
    pub partitions: u32,
    /// The section `[notify]`.
    pub config: Config,
    /// `[[receivers]]`.
    pub receivers: &'a [ReceiverConfig],
    /// Make clients of HTTP.
    pub clients: &'a HttpClients,
    /// Where metrics are registered.
    pub registry: &'a Registry,
    /// Where each receiver's reader says whether it is ready.
    pub health: &'a Health,
}

/// Where alerts and deliveries are read.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) broker: Broker,
    pub(crate) alerts: String,
    pub(crate) deliveries: String,
}

/// A receiver as its reader sees it.
pub(crate) struct Lane {
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) active: mpsc::Sender<Arc<Alert>>,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Metrics,
}

impl Notify {
    /// Checks the receivers and reads their secrets. Each is a component of `health`: ready when it has its alerts to read.
    ///
    /// # Errors
    /// `NotifyError` naming the receiver.
    pub fn new(setup: Setup<'_>) -> Result<Notify, NotifyError> {
        let Setup { broker, topic_prefix, partitions, config, receivers, clients, registry, health } = setup;
        let mut names = HashSet::new();
        if let Some(second) = receivers.iter().find(|receiver| !names.insert(receiver.id.as_str())) {
            // What is delivered is remembered by the name.
            let reason = "two receivers have this id; each needs its own".to_owned();
            return Err(NotifyError::Receiver { receiver: second.id.clone(), reason });
        }
        let metrics = Metrics::register(registry).map_err(|error| NotifyError::Start(error.to_string()))?;
        let open = |config: &ReceiverConfig| {
            let receiver = Receiver::new(config)?;
            metrics.know(&receiver.id);
            let component = health.component(&format!("notify {}", receiver.id));
            Ok((Arc::new(receiver), component))
        };
        let receivers = receivers.iter().map(open).collect::<Result<Vec<_>, NotifyError>>()?;
        let (alerts, deliveries) = (Topic::Alerts.name(topic_prefix), Topic::Deliveries.name(topic_prefix));
        let client = clients.client(Duration::from_millis(config.request_timeout_ms));
        let client = client.map_err(|error| NotifyError::Start(error.to_string()))?;
        let (log, config) = (Log { broker, alerts, deliveries }, Arc::new(config));
        Ok(Notify { log, partitions, config, receivers, client, metrics })
    }

    /// Works until asked to stop.
    ///
    /// # Errors
    /// `NotifyError` when the log refuses to be read.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), NotifyError> {
        let mut reading = JoinSet::new();
        for (receiver, component) in &self.receivers {
            let finished = self.read_for(receiver, component, &shutdown)?;
            reading.spawn(async {
                finished
                    .await
                    .unwrap_or_else(|_| Err(NotifyError::Start("a reader thread ended without a word".into())))
            });
        }
        shutdown.requested().await;
        let mut result = Ok(());
        while let Some(ended) = reading.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(NotifyError::Start(error.to_string())));
            result = result.and(ended);
        }
        result
    }

    /// Starts the tasks of a receiver and the thread that reads for it. The thread asks everybody to stop when it ends.
    fn read_for(
        &self,
        receiver: &Arc<Receiver>,
        component: &Component,
        shutdown: &Shutdown,
    ) -> Result<oneshot::Receiver<Result<(), NotifyError>>, NotifyError> {
        let (done_sender, done) = mpsc::unbounded_channel();
        let courier = Courier {
            broker: self.log.broker.clone(),
            deliveries: self.log.deliveries.clone(),
            partitions: self.partitions,
            client: self.client.clone(),
            config: Arc::clone(&self.config),
            metrics: self.metrics.clone(),
            shutdown: shutdown.clone(),
            done: done_sender,
        };
        let lane = lane(receiver, &courier);
        // The reader waits until nobody has one any more.
        drop(courier);
        let (log, stop, component) = (self.log.clone(), shutdown.clone(), component.clone());
        let (finished_sender, finished) = oneshot::channel();
        let read = move || {
            let result = Reader::new(log, lane, done).and_then(|reader| reader.run(&stop, &component));
            stop.request();
            finished_sender.send(result)
        };
        let name = format!("notify {}", receiver.id);
        thread::Builder::new().name(name).spawn(read).map_err(|error| NotifyError::Start(error.to_string()))?;
        Ok(finished)
    }
}

/// Starts the tasks of one receiver.
fn lane(receiver: &Arc<Receiver>, courier: &Courier) -> Lane {
    let (jobs, job_queue) = mpsc::channel(courier.config.waiting_alerts_max.max(POLL_RECORDS_MAX));
    let (active, active_queue) = mpsc::channel(ACTIVE_QUEUE_MAX);
    tokio::spawn(serve(Arc::clone(receiver), job_queue, active.clone(), courier.clone()));
    if receiver.kind == ReceiverKind::Alertmanager {
        let (config, shutdown) = (Arc::clone(&courier.config), courier.shutdown.clone());
        tokio::spawn(repost(Arc::clone(receiver), active_queue, courier.client.clone(), config, shutdown));
    }
    let (config, metrics) = (Arc::clone(&courier.config), courier.metrics.clone());
    Lane { receiver: Arc::clone(receiver), jobs, active, config, metrics }
}
