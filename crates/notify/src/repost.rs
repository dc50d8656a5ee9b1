//! Alertmanager forgets an alert that nobody posts again: what is active is posted anew, all at once, until its `endsAt`.

use std::{sync::Arc, time::Duration};

use event::{Alert, AlertId};
use hashbrown::HashMap;
use runtime::Shutdown;
use tokio::sync::mpsc;

use crate::{Config, deliver::now, receivers::Receiver, receivers::active_until};

/// Active alerts that are kept for reposting; beyond it new ones are told once and not posted again.
const ACTIVE_ALERTS_MAX: usize = 10_000;

/// Alerts in one request: about 200 KB.
const REPOST_ALERTS_MAX: usize = 100;

/// Posts what is active to one Alertmanager, again and again.
pub(crate) async fn repost(
    receiver: Arc<Receiver>,
    mut active: mpsc::Receiver<Arc<Alert>>,
    client: reqwest::Client,
    config: Arc<Config>,
    shutdown: Shutdown,
) {
    let active_ms = i64::try_from(config.alertmanager_active_ms).unwrap_or(i64::MAX);
    let mut alerts: HashMap<AlertId, Arc<Alert>> = HashMap::new();
    let mut rounds = tokio::time::interval(Duration::from_millis(config.alertmanager_repost_ms.max(1_000)));
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            received = active.recv() => match received {
                Some(alert) if alerts.len() < ACTIVE_ALERTS_MAX => { alerts.insert(alert.id, alert); }
                Some(_) => tracing::warn!(limit = ACTIVE_ALERTS_MAX, "too many active alerts: the newest is not posted again"),
                None => return,
            },
            _ = rounds.tick() => {
                alerts.retain(|_, alert| active_until(alert, active_ms) > now());
                let active: Vec<&Alert> = alerts.values().map(Arc::as_ref).collect();
                for some in active.chunks(REPOST_ALERTS_MAX) {
                    let request = receiver.render_again(some.iter().copied(), active_ms);
                    let posted = client.post(&receiver.url).header("content-type", "application/json").body(request.body).send().await;
                    if !posted.is_ok_and(|response| response.status().is_success()) {
                        tracing::warn!(receiver = %receiver.id, "cannot post active alerts again; the next round tries anew");
                        break;
                    }
                }
            }
        }
    }
}
