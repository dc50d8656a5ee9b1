//! What operators may ask a running process: behind a token that only the owner of the data folder can read.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{
        StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use event::Timestamp;
use ingest::BackfillDesk;
use runtime::Secret;
use serde::{Serialize, de::DeserializeOwned};
use store::Client;

use super::{
    apps::Lister,
    backfill,
    connections::{StatusRequest, Viewer},
    decide::Decider,
    fill::Filler,
    merge::Merger,
    noted::Noter,
    rebuild::Rebuilder,
    redrive::Redriving,
    refused::Refused,
    remembered::Rememberer,
    reveal::Revealer,
    verify::Verifier,
};

/// A question is a sentence or two.
const QUESTION_BYTES_MAX: usize = 64 * 1_024;
/// How answers of ClickHouse look.
const FORMAT: &str = "PrettyCompactMonoBlock";

/// What the admin API needs.
#[derive(Clone)]
pub(crate) struct Admin {
    /// Who may ask.
    pub(crate) token: Secret,
    /// ClickHouse, where a role of this process uses it.
    pub(crate) client: Option<Client>,
    /// Makes decisions.
    pub(crate) decider: Decider,
    /// Merges and splits apps.
    pub(crate) merger: Merger,
    /// Lists apps.
    pub(crate) lister: Lister,
    /// Reveals names.
    pub(crate) revealer: Revealer,
    /// Reads the catalogue and directories again.
    pub(crate) noter: Noter,
    /// Says what detection remembers.
    pub(crate) rememberer: Rememberer,
    /// Rebuilds what detection remembers.
    pub(crate) rebuilder: Rebuilder,
    /// Compares the log with the tables, and mends them.
    pub(crate) verifier: Verifier,
    /// Orders history.
    pub(crate) backfills: BackfillDesk,
    /// Puts dead letters through again.
    pub(crate) redriving: Redriving,
    /// Says how connections go.
    pub(crate) viewer: Viewer,
    /// Closes gaps.
    pub(crate) filler: Filler,
}

impl Admin {
    /// The routes, every one behind the token.
    pub(crate) fn router(self) -> Router {
        let admin = Arc::new(self);
        Router::new()
            .route("/v1/sql", post(sql))
            .route("/v1/decide", post(decide))
            .route("/v1/alias", post(alias))
            .route("/v1/apps", post(apps))
            .route("/v1/reveal", post(reveal))
            .route("/v1/reload", post(reload))
            .route("/v1/ledger/hash", post(ledger_hash))
            .route("/v1/ledger/rebuild", post(ledger_rebuild))
            .route("/v1/verify", post(verify))
            .route("/v1/backfill", post(backfill))
            .route("/v1/reconcile", post(reconcile))
            .route("/v1/redrive", post(redrive))
            .route("/v1/connections", post(connections))
            .route("/v1/connections/fill", post(fill))
            .layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX))
            .route_layer(middleware::from_fn_with_state(Arc::clone(&admin), authenticate))
            .with_state(admin)
    }
}

async fn authenticate(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if admin.token.is_same(shown.strip_prefix("Bearer ").unwrap_or_default()) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, "the admin token is missing or wrong\n").into_response()
}

/// Answers one SELECT, read only.
async fn sql(State(admin): State<Arc<Admin>>, question: String) -> Response {
    let Some(client) = &admin.client else {
        return (StatusCode::NOT_FOUND, "no role of this process uses ClickHouse\n").into_response();
    };
    match client.ask(&question, FORMAT).await {
        Ok(answer) => answer.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Decides about an app.
async fn decide(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| async move { admin.decider.decide(&request, now()).await }).await
}

/// Merges or splits apps.
async fn alias(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| async move { admin.merger.change(&request, now()).await }).await
}

/// Lists apps.
async fn apps(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| async move { admin.lister.list(&request, now()).await }).await
}

/// Reveals a name.
async fn reveal(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| async move { admin.revealer.reveal(&request, now()).await }).await
}

/// Reads the catalogue and directories again.
async fn reload(State(admin): State<Arc<Admin>>, body: String) -> Response {
    let work =
        move |_nothing: serde_json::Map<String, serde_json::Value>| async move { admin.noter.reload(now()).await };
    finish(body, work).await
}

/// Compares the log with the tables.
async fn verify(State(admin): State<Arc<Admin>>, body: String) -> Response {
    let verifier = admin.verifier.clone();
    finish(body, move |_nothing: serde_json::Map<String, serde_json::Value>| verifier.verify()).await
}

/// Orders history, or tells of it.
async fn backfill(State(admin): State<Arc<Admin>>, body: String) -> Response {
    let desk = admin.backfills.clone();
    finish(body, move |asked| backfill::answer(desk, asked, now())).await
}

/// Makes the tables what the log says.
async fn reconcile(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| admin.verifier.clone().reconcile(request)).await
}

/// Puts dead letters through again.
async fn redrive(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| admin.redriving.clone().redrive(request)).await
}

/// Says how connections go.
async fn connections(State(admin): State<Arc<Admin>>, body: String) -> Response {
    let viewer = admin.viewer.clone();
    finish(body, move |_asked: StatusRequest| viewer.view(now())).await
}

/// Closes gaps.
async fn fill(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| admin.filler.clone().fill(request, now())).await
}

/// Says what detection remembers.
async fn ledger_hash(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| admin.rememberer.clone().hash(request)).await
}

/// Says what detection would remember if it began anew.
async fn ledger_rebuild(State(admin): State<Arc<Admin>>, body: String) -> Response {
    finish(body, move |request| admin.rebuilder.clone().rebuild(request)).await
}

/// Does what a JSON body asks for, to its end even where whoever asked has gone away: half a decision would be known to the log alone.
async fn finish<Asked, Answer, Work>(body: String, work: impl FnOnce(Asked) -> Work) -> Response
where
    Asked: DeserializeOwned,
    Answer: Serialize + Send + 'static,
    Work: Future<Output = Result<Answer, Refused>> + Send + 'static,
{
    let asked = match serde_json::from_str(&body) {
        Ok(asked) => asked,
        Err(error) => return Refused::Invalid(format!("the request cannot be read: {error}")).into_response(),
    };
    match tokio::spawn(work(asked)).await {
        Ok(Ok(answer)) => ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Ok(Err(refused)) => refused.into_response(),
        Err(error) => Refused::Unavailable(format!("the work ended without a word: {error}")).into_response(),
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
