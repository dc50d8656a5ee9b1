//! The people who are told: a real HTTP receiver that checks signatures and writes down what arrived, and when.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// What the demo reads of a delivered alert.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Delivered {
    /// The alert.
    pub(crate) alert_id: String,
    /// The rule that opened it.
    pub(crate) rule: String,
    /// How loud.
    pub(crate) severity: String,
    /// What it is about, as hashed into its id.
    pub(crate) subject: String,
    /// The app as `source:kind:id`.
    pub(crate) app_ref: String,
    /// The person.
    pub(crate) user_key: String,
    /// One sentence.
    pub(crate) title: String,
    /// What to offer instead.
    pub(crate) alternative: String,
    /// When the log took the event, RFC 3339.
    pub(crate) logged_at: String,
    /// When it arrived here, in milliseconds.
    #[serde(skip)]
    pub(crate) arrived_at_ms: i64,
}

/// What arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived {
    /// Alerts by id, each as it first arrived.
    pub(crate) alerts: BTreeMap<String, Delivered>,
    /// Posts after the first of an alert: none is expected, because each was answered with 200.
    pub(crate) repeated: u64,
    /// Posts with a wrong signature or body.
    pub(crate) invalid: u64,
}

/// The receiver, listening.
pub(crate) struct Receiver {
    /// Where.
    pub(crate) url: String,
    /// The key that it expects bodies to be signed with.
    pub(crate) key: String,
    arrived: Arc<Mutex<Arrived>>,
}

#[derive(Clone)]
struct Inbox {
    key: Hmac<Sha256>,
    arrived: Arc<Mutex<Arrived>>,
}

impl Receiver {
    /// Listens on a free port.
    pub(crate) async fn start(key: &str) -> anyhow::Result<Receiver> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/alerts", listener.local_addr()?);
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let inbox = Inbox { key: Hmac::new_from_slice(key.as_bytes())?, arrived: Arc::clone(&arrived) };
        let router = Router::new().route("/alerts", post(receive)).with_state(inbox);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Receiver { url, key: key.to_owned(), arrived })
    }

    /// What arrived so far.
    pub(crate) fn arrived(&self) -> Arrived {
        lock(&self.arrived).clone()
    }

    /// How many alerts arrived so far.
    pub(crate) fn count(&self) -> usize {
        lock(&self.arrived).alerts.len()
    }
}

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let arrived_at_ms = now_ms();
    let delivered =
        is_signed(&inbox, &headers, &body).then(|| serde_json::from_slice::<Delivered>(&body).ok()).flatten();
    let mut arrived = lock(&inbox.arrived);
    match delivered {
        None => {
            arrived.invalid += 1;
            return StatusCode::BAD_REQUEST;
        }
        Some(delivered) if arrived.alerts.contains_key(&delivered.alert_id) => arrived.repeated += 1,
        Some(delivered) => {
            arrived.alerts.insert(delivered.alert_id.clone(), Delivered { arrived_at_ms, ..delivered });
        }
    }
    StatusCode::OK
}

/// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.
fn is_signed(inbox: &Inbox, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(signature) = header("webhook-signature").strip_prefix("v1,").and_then(decode) else { return false };
    let mut mac = inbox.key.clone();
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.decode(text).ok()
}

/// The wall clock, in milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn lock(arrived: &Mutex<Arrived>) -> MutexGuard<'_, Arrived> {
    arrived.lock().unwrap_or_else(PoisonError::into_inner)
}
