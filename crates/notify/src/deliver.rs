//! One receiver: takes alerts from its queue and posts each until the receiver says 2xx.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use broker::{Broker, Record, partition_of};
use event::{Alert, Delivery, DeliveryState, Timestamp};
use runtime::{Backoff, Shutdown};
use tokio::sync::{Semaphore, mpsc};

use crate::{Config, metrics::Metrics, receivers::Receiver};

/// One alert on its way to one receiver.
#[derive(Clone)]
pub(crate) struct Job {
    /// The alert.
    pub(crate) alert: Arc<Alert>,
    /// Its partition in `alerts`.
    pub(crate) partition: u32,
    /// Its offset in `alerts`.
    pub(crate) offset: u64,
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
    pub(crate) done: mpsc::UnboundedSender<(u32, u64)>,
}

/// Serves one receiver until its queue ends or the process stops.
pub(crate) async fn serve(
    receiver: Arc<Receiver>,
    mut jobs: mpsc::Receiver<Job>,
    active: mpsc::Sender<Arc<Alert>>,
    courier: Courier,
) {
    let permits = Arc::new(Semaphore::new(courier.config.requests_in_flight_max.max(1)));
    let waiting = courier.metrics.waiting.with_label_values(&[&receiver.id]);
    while let Some(job) = jobs.recv().await {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let (receiver, courier, active, waiting) =
            (Arc::clone(&receiver), courier.clone(), active.clone(), waiting.clone());
        tokio::spawn(async move {
            if deliver(&receiver, &job, &courier).await {
                waiting.dec();
                // Reposting is Alertmanager's alone; its queue is bounded by the alerts in flight here.
                if receiver.kind == crate::ReceiverKind::Alertmanager && active.send(job.alert).await.is_err() {
                    tracing::debug!("stopping: nothing is posted again");
                }
            }
            drop(permit);
        });
    }
}

/// Posts until 2xx, then writes that down, then says that it is done. False when the process stops before.
async fn deliver(receiver: &Receiver, job: &Job, courier: &Courier) -> bool {
    let config = &courier.config;
    let mut backoff = Backoff::new(
        Duration::from_millis(config.retry_wait_ms),
        Duration::from_millis(config.retry_wait_max_ms),
        job.offset ^ u64::from(job.partition),
    );
    let first_attempt_at = now();
    loop {
        let outcome = post(receiver, job, courier).await;
        courier.metrics.attempts.with_label_values(&[receiver.id.as_str(), outcome]).inc();
        if outcome == "delivered" {
            break;
        }
        let wait = backoff.next_wait();
        // The URL may hold a secret and the answer may quote it: neither is written down.
        tracing::warn!(receiver = %receiver.id, alert = %job.alert.id, outcome, wait_ms = wait.as_millis(), "alert not delivered, trying again");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = courier.shutdown.requested() => return false,
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
    remember(&delivery, courier).await && courier.done.send((job.partition, job.offset)).is_ok()
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
        Err(_) => "unreachable",
    }
}

/// Writes a delivery to the log, for as long as it takes. False when the process stops before.
async fn remember(delivery: &Delivery, courier: &Courier) -> bool {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 1);
    loop {
        let failure = match codec::encode_delivery(delivery) {
            // It can never be written: told once more after a restart is better than never done.
            Err(error) => {
                tracing::error!(%error, alert = %delivery.alert_id, "a delivery cannot be written down");
                return true;
            }
            Ok(value) => {
                let record = Record {
                    partition: partition_of(delivery.tenant.as_bytes(), courier.partitions),
                    key: Some(codec::delivery_key(&delivery.tenant, delivery.alert_id, &delivery.receiver)),
                    value: Some(value),
                };
                match courier.broker.append(&courier.deliveries, record) {
                    Ok(ack) => match ack.await {
                        Ok(_) => return true,
                        Err(error) => error,
                    },
                    Err(error) => error,
                }
            }
        };
        tracing::warn!(error = %failure, "cannot write down a delivery, trying again");
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
