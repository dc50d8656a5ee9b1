//! One receiver: takes alerts from its queue and posts each until the receiver says 2xx.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use broker::{AppendError, Broker, Record, partition_of};
use event::{Alert, Delivery, DeliveryState, Timestamp};
use runtime::{Backoff, Shutdown, why_unreachable};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinError, JoinSet},
};

use crate::{Config, ReceiverKind, metrics::Metrics, receivers::Receiver};

/// Deliveries of one receiver that have begun and are not done. More than requests at a time, so that a few alerts that a receiver refuses
/// again and again do not keep the others from it; few enough that a receiver that is back is not overrun.
const BEGUN_MAX: usize = 256;

/// Where an alert stands, and in which of our turns at its partition it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its partition in `alerts`.
    pub(crate) partition: u32,
    /// Counts the partitions that were given to this process: what an earlier turn has begun says nothing about the present one.
    pub(crate) turn: u64,
    /// Its offset in `alerts`.
    pub(crate) offset: u64,
}

/// One alert on its way to one receiver.
#[derive(Clone)]
pub(crate) struct Job {
    /// The alert.
    pub(crate) alert: Arc<Alert>,
    /// Where it stands.
    pub(crate) place: Place,
    /// The partition went to another process, which tells the receiver now.
    pub(crate) given_up: Shutdown,
}

/// What every delivery needs.
#[derive(Clone)]
pub(crate) struct Courier {
    /// The log, for the topic `deliveries`.
    pub(crate) broker: Broker,
    /// The name of the topic `deliveries`.
    pub(crate) deliveries: String,
    /// How many partitions it has.
    pub(crate) partitions: u32,
    /// Posts.
    pub(crate) client: reqwest::Client,
    /// Patience.
    pub(crate) config: Arc<Config>,
    /// Metrics.
    pub(crate) metrics: Metrics,
    /// The wish to stop.
    pub(crate) shutdown: Shutdown,
    /// Tells the reader what is done.
    pub(crate) done: mpsc::UnboundedSender<Place>,
}

/// Serves one receiver until its queue ends or the process stops. A post that is under way then is waited for: its 2xx must be written down,
/// or the next start tells the receiver again.
pub(crate) async fn serve(
    receiver: Arc<Receiver>,
    mut jobs: mpsc::Receiver<Job>,
    active: mpsc::Sender<Arc<Alert>>,
    courier: Courier,
) {
    let posts = Arc::new(Semaphore::new(courier.config.requests_in_flight_max.max(1)));
    let mut begun = JoinSet::new();
    loop {
        let job = tokio::select! {
            biased;
            () = courier.shutdown.requested() => break,
            Some(ended) = begun.join_next() => {
                tell_broken(ended);
                continue;
            }
            job = jobs.recv(), if begun.len() < BEGUN_MAX => job,
        };
        let Some(job) = job else { break };
        begun.spawn(carry(Arc::clone(&receiver), job, Arc::clone(&posts), active.clone(), courier.clone()));
    }
    // Nobody is handed anything any more.
    drop((jobs, courier, active));
    while let Some(ended) = begun.join_next().await {
        tell_broken(ended);
    }
}

fn tell_broken(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a delivery broke; it is done again at the next start");
    }
}

/// One job, from the queue to its end.
async fn carry(
    receiver: Arc<Receiver>,
    job: Job,
    posts: Arc<Semaphore>,
    active: mpsc::Sender<Arc<Alert>>,
    courier: Courier,
) {
    let is_told = deliver(&receiver, &job, &posts, &courier).await;
    courier.metrics.waiting.with_label_values(&[&receiver.id]).dec();
    // Reposting is Alertmanager's alone.
    if is_told && receiver.kind == ReceiverKind::Alertmanager && active.send(job.alert).await.is_err() {
        tracing::debug!("stopping: nothing is posted again");
    }
}

/// Posts until 2xx, then writes that down, then says that it is done. False when the process stops before, or the partition goes.
async fn deliver(receiver: &Receiver, job: &Job, posts: &Semaphore, courier: &Courier) -> bool {
    let config = &courier.config;
    let mut backoff = Backoff::new(
        Duration::from_millis(config.retry_wait_ms),
        Duration::from_millis(config.retry_wait_max_ms),
        job.place.offset ^ u64::from(job.place.partition),
    );
    let first_attempt_at = now();
    loop {
        // Only the post itself takes a place: who waits for his next attempt must not keep others from their first.
        let permit = tokio::select! {
            biased;
            () = stopped(job, courier) => return false,
            permit = posts.acquire() => permit,
        };
        let outcome = post(receiver, job, courier).await;
        drop(permit);
        courier.metrics.attempts.with_label_values(&[receiver.id.as_str(), outcome]).inc();
        if outcome == "delivered" {
            break;
        }
        let wait = backoff.next_wait();
        // The URL may hold a secret and the answer may quote it: neither is written down.
        tracing::warn!(receiver = %receiver.id, alert = %job.alert.id, outcome, wait_ms = wait.as_millis(), "alert not delivered, trying again");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stopped(job, courier) => return false,
        }
    }
    let delivered_at = now();
    observe_latency(courier, receiver, &job.alert, delivered_at);
    let delivery = Delivery {
        tenant: job.alert.tenant.clone(),
        alert_id: job.alert.id,
        receiver: receiver.id.clone(),
        state: DeliveryState::Delivered,
        attempts: backoff.attempts() + 1,
        first_attempt_at,
        last_attempt_at: delivered_at,
        delivered_at,
    };
    // Also where the partition went meanwhile: its new owner may not have read so far yet.
    remember(&delivery, courier).await && courier.done.send(job.place).is_ok()
}

/// The process stops, or the job is another process's now.
async fn stopped(job: &Job, courier: &Courier) {
    tokio::select! {
        () = courier.shutdown.requested() => {}
        () = job.given_up.requested() => {}
    }
}

/// One attempt: `delivered`, `refused` (an answer that is no 2xx) or `unreachable`.
async fn post(receiver: &Receiver, job: &Job, courier: &Courier) -> &'static str {
    let active_ms = i64::try_from(courier.config.alertmanager_active_ms).unwrap_or(i64::MAX);
    let rendered = receiver.render(&job.alert, now(), active_ms);
    let mut request = courier.client.post(&receiver.url).header("content-type", "application/json").body(rendered.body);
    for (name, value) in rendered.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) if response.status().is_success() => "delivered",
        Ok(_) => "refused",
        Err(error) => {
            let reason = why_unreachable(&error);
            tracing::warn!(receiver = %receiver.id, reason, "the receiver cannot be reached");
            "unreachable"
        }
    }
}

/// Writes a delivery to the log, for as long as it takes. False when the process stops before. What can never be written counts as done:
/// told once more after a restart is better than holding up everybody for ever.
async fn remember(delivery: &Delivery, courier: &Courier) -> bool {
    let value = match codec::encode_delivery(delivery) {
        Ok(value) => value,
        Err(error) => {
            tracing::error!(%error, alert = %delivery.alert_id, "a delivery cannot be written down");
            return true;
        }
    };
    let record = Record {
        partition: partition_of(delivery.tenant.as_bytes(), courier.partitions),
        key: Some(codec::delivery_key(&delivery.tenant, delivery.alert_id, &delivery.receiver)),
        value: Some(value),
    };
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 1);
    loop {
        let appended = match courier.broker.append(&courier.deliveries, record.clone()) {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        match appended {
            Ok(_) => return true,
            Err(AppendError::Closed) => return false,
            Err(error @ AppendError::Refused { .. }) => {
                tracing::error!(%error, alert = %delivery.alert_id, "a delivery cannot be written down");
                return true;
            }
            Err(error) => tracing::warn!(%error, "cannot write down a delivery, trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            () = courier.shutdown.requested() => return false,
        }
    }
}

fn observe_latency(courier: &Courier, receiver: &Receiver, alert: &Alert, delivered_at: Timestamp) {
    let waited_ms = u32::try_from(delivered_at.since_ms(alert.logged_at).max(0)).unwrap_or(u32::MAX);
    courier.metrics.latency.with_label_values(&[&receiver.id]).observe(f64::from(waited_ms) / 1_000.0);
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
