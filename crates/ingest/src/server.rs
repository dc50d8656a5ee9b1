//! The HTTP door: authenticate, read within limits, hand over, answer when the log has it.
//!
//! | route | what |
//! |---|---|
//! | `GET /v1/okta/{connection}` | Okta's one-time verification of an event hook |
//! | `POST /v1/okta/{connection}` | an event hook's delivery |
//! | `POST /v1/events/{connection}` | array, page, hub envelope or NDJSON; gzip or zstd |
//! | `/services/collector/…` | Splunk's HTTP Event Collector (`hec`) |
//!
//! Authentication comes before a byte is unpacked or parsed. 4xx says what the sender must change; 503 with `Retry-After` says that it
//! should come again, and that nothing of the delivery was acknowledged.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Config,
    accept::{AcceptError, Acceptor, Receipt},
    body::{BodyError, BodyLimits, Encoding, unpack},
    connections::{Connection, Connections},
    hec::{self, Channels, EnvelopeError},
    metrics::Metrics,
};

/// Okta's challenge is some 40 characters.
const CHALLENGE_BYTES_MAX: usize = 1_024;
/// Seconds after which a sender that met 503 should come again.
pub(crate) const RETRY_AFTER_S: &str = "2";
/// The byte budget is counted in units of this size, because a semaphore holds no more than 2^29 permits.
const BUDGET_UNIT_BYTES: usize = 1_024;

/// What every request needs.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) config: Arc<Config>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) acceptor: Arc<Acceptor>,
    pub(crate) metrics: Metrics,
    /// Acknowledgement ids of the collector.
    pub(crate) channels: Arc<Mutex<Channels>>,
    budget: Arc<Semaphore>,
}

impl Door {
    /// Opens the door with its byte budget.
    pub(crate) fn new(
        config: Arc<Config>,
        connections: Arc<Connections>,
        acceptor: Arc<Acceptor>,
        metrics: Metrics,
    ) -> Door {
        let budget = Arc::new(Semaphore::new(config.in_flight_bytes_max / BUDGET_UNIT_BYTES));
        Door { config, connections, acceptor, metrics, channels: Arc::default(), budget }
    }

    /// The routes.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/v1/okta/{connection}", get(verify_okta).post(receive_okta))
            .route("/v1/events/{connection}", post(receive_events))
            .merge(hec::routes())
            .with_state(self)
    }
}

/// Why a request is refused. Each is one sentence that holds nothing of the payload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("unknown connection or wrong secret")]
    Unauthorized,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("the body did not arrive in time, or was cut off")]
    Cut,
    #[error("too many bytes are in work; come again")]
    Busy,
    #[error("{0}")]
    Envelope(#[from] EnvelopeError),
    #[error("{0}")]
    Accept(#[from] AcceptError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Refusal::Unauthorized => StatusCode::UNAUTHORIZED,
            Refusal::Body(BodyError::TooLarge { .. } | BodyError::Bomb { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Body(BodyError::UnknownEncoding) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Envelope(_)
            | Refusal::Body(BodyError::Corrupt)
            | Refusal::Accept(AcceptError::TooDeep { .. } | AcceptError::Header(_)) => StatusCode::BAD_REQUEST,
            Refusal::Cut => StatusCode::REQUEST_TIMEOUT,
            Refusal::Accept(AcceptError::TooMany { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Busy | Refusal::Accept(AcceptError::Log(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Accept(AcceptError::Internal(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = Json(json!({"error": self.to_string()}));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(RETRY_AFTER, RETRY_AFTER_S)], body).into_response();
        }
        (status, body).into_response()
    }
}

/// Answers Okta's challenge. It proves nothing about the connection, so it says nothing about it either.
async fn verify_okta(headers: HeaderMap) -> Response {
    let challenge = headers.get("x-okta-verification-challenge").and_then(|value| value.to_str().ok());
    match challenge.filter(|value| value.len() <= CHALLENGE_BYTES_MAX) {
        Some(value) => Json(json!({"verification": value})).into_response(),
        None => (StatusCode::BAD_REQUEST, Json(json!({"error": "no x-okta-verification-challenge"}))).into_response(),
    }
}

async fn receive_okta(state: State<Door>, path: Path<String>, headers: HeaderMap, body: Body) -> Response {
    receive("okta", state, path, headers, body).await
}

async fn receive_events(state: State<Door>, path: Path<String>, headers: HeaderMap, body: Body) -> Response {
    receive("events", state, path, headers, body).await
}

async fn receive(
    route: &'static str,
    State(door): State<Door>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let timer = door.metrics.seconds.with_label_values(&[route]).start_timer();
    let result = take(route, &door, &id, &headers, body).await;
    timer.observe_duration();
    let response = match result {
        Ok(receipt) => (StatusCode::OK, Json(receipt)).into_response(),
        Err(refusal) => {
            if !matches!(refusal, Refusal::Unauthorized) {
                tracing::warn!(route, error = %refusal, "delivery refused");
            }
            refusal.into_response()
        }
    };
    door.metrics.requests.with_label_values(&[route, response.status().as_str()]).inc();
    response
}

/// The path of a delivery.
async fn take(route: &'static str, door: &Door, id: &str, headers: &HeaderMap, body: Body) -> Result<Receipt, Refusal> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let connection = door.connections.authenticate(id, authorization).ok_or(Refusal::Unauthorized)?;
    let header = headers.get(CONTENT_ENCODING).map_or(Ok(""), |value| value.to_str());
    let encoding = Encoding::parse(header.map_err(|_| BodyError::UnknownEncoding)?)?;
    let _budget = door.reserve(headers, encoding)?;
    let packed = door.read(body).await?;
    door.hand_over(route, connection, packed, encoding, Ok).await
}

impl Door {
    /// Takes what this body may cost out of the byte budget: its length, or the largest there is where it does not tell; three times as
    /// much where it must be unpacked.
    pub(crate) fn reserve(&self, headers: &HeaderMap, encoding: Encoding) -> Result<OwnedSemaphorePermit, Refusal> {
        let told = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok());
        let bytes = told.unwrap_or(self.config.body_bytes_max);
        if bytes > self.config.body_bytes_max {
            return Err(BodyError::TooLarge { limit_bytes: self.config.body_bytes_max }.into());
        }
        let factor = if encoding == Encoding::Identity { 1 } else { 3 };
        let units = u32::try_from(bytes.saturating_mul(factor).div_ceil(BUDGET_UNIT_BYTES)).unwrap_or(u32::MAX);
        Arc::clone(&self.budget).try_acquire_many_owned(units).map_err(|_| Refusal::Busy)
    }

    pub(crate) async fn read(&self, body: Body) -> Result<Vec<u8>, Refusal> {
        let limit_bytes = self.config.body_bytes_max;
        let reading = axum::body::to_bytes(body, limit_bytes);
        let timeout = Duration::from_millis(self.config.read_timeout_ms);
        match tokio::time::timeout(timeout, reading).await {
            Ok(Ok(bytes)) => Ok(bytes.into()),
            // axum's error tells a body that is too long from one that was cut off only in its source's text.
            Ok(Err(error)) if format!("{error:?}").contains("LengthLimit") => {
                Err(BodyError::TooLarge { limit_bytes }.into())
            }
            Ok(Err(_)) | Err(_) => Err(Refusal::Cut),
        }
    }

    /// Is there room in the byte budget?
    pub(crate) fn has_room(&self) -> bool {
        self.budget.available_permits() > 0
    }

    /// Unpacks and parses off the async threads, then waits for the log. `prepare` takes what stands around the events off the body.
    pub(crate) async fn hand_over(
        &self,
        route: &'static str,
        connection: Arc<Connection>,
        packed: Vec<u8>,
        encoding: Encoding,
        prepare: fn(Vec<u8>) -> Result<Vec<u8>, EnvelopeError>,
    ) -> Result<Receipt, Refusal> {
        let limits =
            BodyLimits { unpacked_bytes_max: self.config.unpacked_bytes_max, ratio_max: self.config.unpack_ratio_max };
        let acceptor = Arc::clone(&self.acceptor);
        let bytes = i64::try_from(packed.len()).unwrap_or(i64::MAX);
        self.metrics.in_flight_bytes.add(bytes);
        let appended = tokio::task::spawn_blocking(move || {
            let body = prepare(unpack(packed, encoding, limits)?)?;
            Ok::<_, Refusal>(acceptor.append(&format!("http:{route}"), &connection, &body)?)
        });
        let appended = appended.await.unwrap_or_else(|error| Err(AcceptError::Internal(error.to_string()).into()));
        self.metrics.in_flight_bytes.sub(bytes);
        Ok(self.acceptor.acknowledge(appended?).await?)
    }
}
