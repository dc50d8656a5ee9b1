//! The process: reads alerts on a thread of its own, hands each to its receivers' queues, commits what is done.
//!
//! ```text
//! alerts ─► reader thread ─► queue (≤ waiting_alerts_max) ─► receiver ─► 2xx ─► deliveries ─► done ─► commit
//! ```

use std::{sync::Arc, thread, time::Duration};

use broker::{Broker, ConsumeError, Consumer, Polled, RecordRef, StartAt};
use codec::Topic;
use event::{Alert, AlertId, DeliveryState};
use hashbrown::{HashMap, HashSet};
use runtime::{Component, Registry, Shutdown};
use tokio::sync::mpsc;

use crate::{
    Config, ReceiverConfig, ReceiverKind,
    deliver::{Courier, Job, now, serve},
    metrics::Metrics,
    progress::Progress,
    receivers::{Receiver, active_until},
    repost::repost,
};

/// The consumer group.
const GROUP: &str = "notify";
/// How long one poll waits: a stop and a finished delivery are noticed within this time.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);
/// Alerts taken by one poll.
const POLL_RECORDS_MAX: usize = 256;
/// Alerts on their way to an Alertmanager's repost list.
const ACTIVE_QUEUE_MAX: usize = 1_024;

/// Why `notify` cannot work. Halt.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A receiver's configuration is wrong.
    #[error("receiver {receiver}: {reason}")]
    Receiver {
        /// Its name.
        receiver: String,
        /// What is wrong.
        reason: String,
    },
    /// The log cannot be read.
    #[error("cannot read alerts: {0}")]
    Log(#[from] ConsumeError),
    /// The HTTP client or a thread cannot be made.
    #[error("cannot start notify: {0}")]
    Start(String),
}

/// The process, ready to run.
pub struct Notify {
    broker: Broker,
    topic_prefix: String,
    partitions: u32,
    config: Arc<Config>,
    receivers: Vec<Arc<Receiver>>,
    metrics: Metrics,
}

/// One receiver as the reader sees it.
struct Lane {
    receiver: Arc<Receiver>,
    jobs: mpsc::Sender<Job>,
    active: mpsc::Sender<Arc<Alert>>,
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

/// The thread that reads.
struct Reader {
    notify: Notify,
    lanes: Vec<Lane>,
    done: mpsc::UnboundedReceiver<(u32, u64)>,
    consumer: Consumer,
    /// Who was told of what, before this start or since: (alert, lane). A replay of `detect` writes an alert again under the same id.
    told: HashSet<(AlertId, usize)>,
    partitions: HashMap<u32, (Progress, u64)>,
}

impl Reader {
    fn new(notify: Notify, lanes: Vec<Lane>, done: mpsc::UnboundedReceiver<(u32, u64)>) -> Result<Reader, NotifyError> {
        let alerts = Topic::Alerts.name(&notify.topic_prefix);
        let consumer = notify.broker.consumer(GROUP, &alerts, StartAt::Earliest)?;
        Ok(Reader { notify, lanes, done, consumer, told: HashSet::new(), partitions: HashMap::new() })
    }

    /// The path of an alert: read, hand over, commit.
    fn run(mut self, shutdown: &Shutdown, component: &Component) -> Result<(), NotifyError> {
        while !shutdown.is_requested() {
            let room = self.lanes.iter().map(|lane| lane.jobs.capacity()).min().unwrap_or(POLL_RECORDS_MAX);
            let mut read = Vec::new();
            let polled =
                self.consumer.poll(POLL_TIMEOUT, room.min(POLL_RECORDS_MAX), &mut |record| read.push(owned(&record)));
            match polled {
                Ok(Polled::Assigned(assigned)) => {
                    for assignment in assigned {
                        self.restore(
                            assignment.partition,
                            assignment.committed.map_or(assignment.low, |committed| committed.offset),
                        )?;
                    }
                    component.ready();
                }
                Ok(Polled::Revoked(revoked)) => self.partitions.retain(|partition, _| !revoked.contains(partition)),
                Ok(Polled::Records(_)) => {
                    for (partition, offset, value) in read {
                        self.hand_over(partition, offset, &value);
                    }
                }
                Err(ConsumeError::Unavailable { reason }) => {
                    component.not_ready(format!("the log cannot be read: {reason}"))
                }
                Err(error) => return Err(error.into()),
            }
            self.commit();
        }
        self.commit();
        Ok(())
    }

    /// Reads what was delivered, and what Alertmanager should still hold, before this partition's alerts are read on.
    fn restore(&mut self, partition: u32, from: u64) -> Result<(), NotifyError> {
        let deliveries = Topic::Deliveries.name(&self.notify.topic_prefix);
        let (lanes, told) = (&self.lanes, &mut self.told);
        self.notify.broker.read(&deliveries, partition, None, &mut |record| {
            let Some(Ok(delivery)) = record.value.map(codec::decode_delivery) else { return };
            let lane = lanes.iter().position(|lane| lane.receiver.id == delivery.receiver);
            if let (DeliveryState::Delivered, Some(lane)) = (delivery.state, lane) {
                told.insert((delivery.alert_id, lane));
            }
        })?;
        if lanes.iter().any(|lane| lane.receiver.kind == ReceiverKind::Alertmanager) {
            self.restore_active(partition, from)?;
        }
        self.partitions.insert(partition, (Progress::starting_at(from), from));
        Ok(())
    }

    fn restore_active(&mut self, partition: u32, from: u64) -> Result<(), NotifyError> {
        let active_ms = i64::try_from(self.notify.config.alertmanager_active_ms).unwrap_or(i64::MAX);
        let alerts = Topic::Alerts.name(&self.notify.topic_prefix);
        let lanes = &self.lanes;
        self.notify.broker.read(&alerts, partition, None, &mut |record| {
            let Some(Ok(alert)) = record.value.filter(|_| record.offset < from).map(codec::decode_alert) else {
                return;
            };
            if active_until(&alert, active_ms) <= now() {
                return;
            }
            let alert = Arc::new(alert);
            for lane in lanes
                .iter()
                .filter(|lane| lane.receiver.kind == ReceiverKind::Alertmanager && lane.receiver.wants(&alert))
            {
                if lane.active.blocking_send(Arc::clone(&alert)).is_err() {
                    tracing::debug!("stopping: nothing is posted again");
                }
            }
        })?;
        Ok(())
    }

    /// Gives an alert to each receiver that wants it and does not have it.
    fn hand_over(&mut self, partition: u32, offset: u64, value: &[u8]) {
        let Some((progress, _)) = self.partitions.get_mut(&partition) else { return };
        let alert = match codec::decode_alert(value) {
            Ok(alert) => Arc::new(alert),
            Err(error) => {
                tracing::error!(%error, partition, offset, "an alert cannot be read and is passed over");
                progress.begin(offset, 0);
                return;
            }
        };
        let told = &mut self.told;
        let mut is_new = |lane: usize| told.insert((alert.id, lane));
        let lanes = self.lanes.iter().enumerate();
        let wanting: Vec<&Lane> =
            lanes.filter(|(index, lane)| lane.receiver.wants(&alert) && is_new(*index)).map(|(_, lane)| lane).collect();
        progress.begin(offset, wanting.len());
        for lane in wanting {
            self.notify.metrics.waiting.with_label_values(&[&lane.receiver.id]).inc();
            let job = Job { alert: Arc::clone(&alert), partition, offset };
            // There was room for a whole poll, so this does not wait unless the receiver's task is gone.
            if lane.jobs.blocking_send(job).is_err() {
                tracing::debug!("stopping: an alert stays in the log for the next start");
            }
        }
    }

    /// Commits what is done since the last time. A commit that does not go through is done again with the next.
    fn commit(&mut self) {
        while let Ok((partition, offset)) = self.done.try_recv() {
            if let Some((progress, _)) = self.partitions.get_mut(&partition) {
                progress.complete(offset);
            }
        }
        for (partition, (progress, committed)) in &mut self.partitions {
            let next = progress.committable();
            if next > *committed {
                match self.consumer.commit(*partition, next, "") {
                    Ok(()) => *committed = next,
                    Err(error) => tracing::warn!(%error, partition, "cannot commit alerts; it is tried again"),
                }
            }
        }
    }
}

fn owned(record: &RecordRef<'_>) -> (u32, u64, Vec<u8>) {
    (record.partition, record.offset, record.value.unwrap_or_default().to_vec())
}
