//! Splunk's HTTP Event Collector, as its clients speak it: what streams its log to Splunk can stream it here.
//!
//! | route | what |
//! |---|---|
//! | `POST /services/collector`, `…/event`, `…/event/1.0` | objects one behind the other, each with a native event as its `event` |
//! | `POST /services/collector/raw`, `…/raw/1.0` | native events as `/v1/events` takes them |
//! | `POST /services/collector/ack` | which deliveries of a channel are safe |
//! | `GET /services/collector/health`, `…/health/1.0` | is there room? |
//!
//! The token is the whole of the authentication and names the connection (`hec = true`). A delivery is answered when the log has it, as
//! everywhere, so an acknowledgement id is true from the moment on at which a client learns of it. Codes and statuses are Splunk's
//! (<https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector>; acknowledgement:
//! <https://help.splunk.com/splunk-enterprise/get-data-in/collect-http-event-data/about-http-event-collector-indexer-acknowledgment>).

mod channels;
mod envelopes;
mod reply;

use std::sync::{Arc, PoisonError};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{
        HeaderMap, Uri,
        header::{AUTHORIZATION, CONTENT_ENCODING},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;

use crate::{
    body::{BodyError, Encoding},
    connections::{Connection, TOKEN_BYTES_MAX},
    server::Door,
};

use channels::Channel;
pub(crate) use channels::Channels;
pub(crate) use envelopes::{EnvelopeError, events};
use reply::{Code, Reply};

/// The label of this door in metrics, and in the origin of its dead letters.
const ROUTE: &str = "hec";
/// Most bytes of a question about acknowledgements.
const QUESTION_BYTES_MAX: usize = 64 * 1024;
/// Most ids of one question.
const ACKS_PER_QUESTION_MAX: usize = 5_000;

/// The routes of the collector.
pub(crate) fn routes() -> Router<Door> {
    Router::new()
        .route("/services/collector", post(receive_events))
        .route("/services/collector/event", post(receive_events))
        .route("/services/collector/event/1.0", post(receive_events))
        .route("/services/collector/raw", post(receive_raw))
        .route("/services/collector/raw/1.0", post(receive_raw))
        .route("/services/collector/ack", post(tell_acks))
        .route("/services/collector/health", get(tell_health))
        .route("/services/collector/health/1.0", get(tell_health))
}

async fn receive_events(State(door): State<Door>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    counted(&door, take(&door, &uri, &headers, body, events).await)
}

async fn receive_raw(State(door): State<Door>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    counted(&door, take(&door, &uri, &headers, body, raw).await)
}

/// A body that is native events already.
fn raw(body: Vec<u8>) -> Result<Vec<u8>, EnvelopeError> {
    if body.trim_ascii().is_empty() { Err(EnvelopeError::NoData) } else { Ok(body) }
}

/// The path of a delivery.
async fn take(
    door: &Door,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
    prepare: fn(Vec<u8>) -> Result<Vec<u8>, EnvelopeError>,
) -> Result<Reply, Reply> {
    let timer = door.metrics.seconds.with_label_values(&[ROUTE]).start_timer();
    let connection = authenticate(door, headers)?;
    let channel = channel(uri, headers)?;
    let header = headers.get(CONTENT_ENCODING).map_or(Ok(""), |value| value.to_str());
    let encoding = header.map_err(|_| BodyError::UnknownEncoding).and_then(Encoding::parse)?;
    let _budget = door.reserve(headers, encoding)?;
    let packed = door.read(body).await?;
    door.hand_over(ROUTE, Arc::clone(&connection), packed, encoding, prepare).await?;
    timer.observe_duration();
    let id = channel.map(|channel| channels(door).next_id(&connection.id, channel));
    Ok(id.map_or_else(|| Reply::of(Code::Success), Reply::success))
}

/// What of a channel's deliveries is in the log: each that was ever answered.
async fn tell_acks(State(door): State<Door>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    counted(&door, answer_acks(&door, &uri, &headers, body).await)
}

async fn answer_acks(door: &Door, uri: &Uri, headers: &HeaderMap, body: Body) -> Result<Reply, Reply> {
    #[derive(Deserialize)]
    struct Question {
        acks: Vec<u64>,
    }
    let connection = authenticate(door, headers)?;
    let channel = channel(uri, headers)?.ok_or(Reply::of(Code::NoChannel))?;
    let body = axum::body::to_bytes(body, QUESTION_BYTES_MAX).await.map_err(|_| Reply::of(Code::InvalidData))?;
    let question: Question = serde_json::from_slice(&body).map_err(|_| Reply::of(Code::InvalidData))?;
    if question.acks.len() > ACKS_PER_QUESTION_MAX {
        return Err(Reply::of(Code::TooLarge));
    }
    let known = channels(door).known(&connection.id, channel);
    Ok(Reply::acks(question.acks.into_iter().map(|id| (id, id < known))))
}

/// Is there room for a body?
async fn tell_health(State(door): State<Door>) -> Response {
    Reply::of(if door.has_room() { Code::Healthy } else { Code::Unhealthy }).into_response()
}

/// `Authorization: Splunk <token>`.
fn authenticate(door: &Door, headers: &HeaderMap) -> Result<Arc<Connection>, Reply> {
    let header = headers.get(AUTHORIZATION).ok_or(Reply::of(Code::TokenRequired))?;
    let shown = header.to_str().unwrap_or_default();
    let (scheme, token) = shown.split_once(' ').unwrap_or((shown, ""));
    if !scheme.eq_ignore_ascii_case("splunk") || token.trim().is_empty() {
        return Err(Reply::of(Code::InvalidAuthorization));
    }
    // A token that none can be costs what one costs that none is.
    let token = Some(token.trim()).filter(|token| token.len() <= TOKEN_BYTES_MAX).unwrap_or_default();
    door.connections.by_token(token).ok_or(Reply::of(Code::InvalidToken))
}

/// The channel, from the header or the query.
fn channel(uri: &Uri, headers: &HeaderMap) -> Result<Option<Channel>, Reply> {
    let header = headers.get("x-splunk-request-channel").map(|value| value.to_str().unwrap_or_default());
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let text = header.or_else(|| pairs.filter(|(key, _)| *key == "channel").map(|(_, value)| value).next());
    text.map(|text| Channel::parse(text).ok_or(Reply::of(Code::InvalidChannel))).transpose()
}

fn channels(door: &Door) -> std::sync::MutexGuard<'_, Channels> {
    // What a panic elsewhere may have left is a counter; the worst is an id given twice.
    door.channels.lock().unwrap_or_else(PoisonError::into_inner)
}

fn counted(door: &Door, result: Result<Reply, Reply>) -> Response {
    let reply = result.unwrap_or_else(|refused| {
        if !refused.is_about_token() {
            tracing::warn!(route = ROUTE, error = refused.text(), "delivery refused");
        }
        refused
    });
    let response = reply.into_response();
    door.metrics.requests.with_label_values(&[ROUTE, response.status().as_str()]).inc();
    response
}
