//! The process: reads alerts on a thread of its own (`reader`), which hands each to its receivers' queues and commits what is done.
//!
//! ```text
//! alerts ─► reader thread ─► queue (≤ waiting_alerts_max) ─► receiver ─► 2xx ─► deliveries ─► done ─► commit
//! ```

use std::{sync::Arc, thread, time::Duration};

use broker::Broker;
use codec::Topic;
use event::Alert;
use hashbrown::HashSet;
use runtime::{Component, Registry, Shutdown};
use tokio::sync::mpsc;

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
    pub(crate) broker: Broker,
    pub(crate) topic_prefix: String,
    partitions: u32,
    pub(crate) config: Arc<Config>,
    receivers: Vec<Arc<Receiver>>,
    pub(crate) metrics: Metrics,
}

/// One receiver as the reader sees it.
pub(crate) struct Lane {
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) active: mpsc::Sender<Arc<Alert>>,
}

impl Notify {
    /// Checks the receivers and reads their secrets.
    ///
    /// # Errors
    /// `NotifyError` naming the receiver.
    pub fn new(
        broker: Broker,
        topic_prefix: &str,
        partitions: u32,
        config: Config,
        receivers: &[ReceiverConfig],
        registry: &Registry,
    ) -> Result<Notify, NotifyError> {
        let mut names = HashSet::new();
        if let Some(second) = receivers.iter().find(|receiver| !names.insert(receiver.id.as_str())) {
            // What is delivered is remembered by the name.
            let reason = "two receivers have this id; each needs its own".to_owned();
            return Err(NotifyError::Receiver { receiver: second.id.clone(), reason });
        }
        let receivers =
            receivers.iter().map(|config| Receiver::new(config).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let metrics = Metrics::register(registry).map_err(|error| NotifyError::Start(error.to_string()))?;
        receivers.iter().for_each(|receiver| metrics.know(&receiver.id));
        Ok(Notify {
            broker,
            topic_prefix: topic_prefix.to_owned(),
            partitions,
            config: Arc::new(config),
            receivers,
            metrics,
        })
    }

    /// Works until asked to stop.
    ///
    /// # Errors
    /// `NotifyError` when the log refuses to be read.
    pub async fn run(self, shutdown: Shutdown, component: Component) -> Result<(), NotifyError> {
        let timeout = Duration::from_millis(self.config.request_timeout_ms);
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| NotifyError::Start(error.to_string()))?;
        let (done_sender, done) = mpsc::unbounded_channel();
        let courier = Courier {
            broker: self.broker.clone(),
            deliveries: Topic::Deliveries.name(&self.topic_prefix),
            partitions: self.partitions,
            client: client.clone(),
            config: Arc::clone(&self.config),
            metrics: self.metrics.clone(),
            shutdown: shutdown.clone(),
            done: done_sender,
        };
        let lanes: Vec<Lane> = self.receivers.iter().map(|receiver| lane(receiver, &courier, &client)).collect();
        // The reader waits until nobody has one any more.
        drop(courier);
        let (finished_sender, finished) = tokio::sync::oneshot::channel();
        thread::Builder::new()
            .name("notify".into())
            .spawn(move || {
                let result = Reader::new(self, lanes, done).and_then(|reader| reader.run(&shutdown, &component));
                shutdown.request();
                finished_sender.send(result)
            })
            .map_err(|error| NotifyError::Start(error.to_string()))?;
        finished.await.unwrap_or_else(|_| Err(NotifyError::Start("the reader thread ended without a word".into())))
    }
}

/// Starts the tasks of one receiver.
fn lane(receiver: &Arc<Receiver>, courier: &Courier, client: &reqwest::Client) -> Lane {
    let (jobs, job_queue) = mpsc::channel(courier.config.waiting_alerts_max.max(POLL_RECORDS_MAX));
    let (active, active_queue) = mpsc::channel(ACTIVE_QUEUE_MAX);
    tokio::spawn(serve(Arc::clone(receiver), job_queue, active.clone(), courier.clone()));
    if receiver.kind == ReceiverKind::Alertmanager {
        let (config, shutdown) = (Arc::clone(&courier.config), courier.shutdown.clone());
        tokio::spawn(repost(Arc::clone(receiver), active_queue, client.clone(), config, shutdown));
    }
    Lane { receiver: Arc::clone(receiver), jobs, active }
}
