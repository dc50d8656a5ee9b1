//! What operators may ask a running process: behind a token that only the owner of the data folder can read.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use event::Timestamp;
use runtime::Secret;
use store::Client;

use super::decide::{DecideError, DecideRequest, Decider};

/// A question is a sentence or two.
const QUESTION_BYTES_MAX: usize = 64 * 1_024;
/// How answers look.
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
}

impl Admin {
    /// The routes, every one behind the token.
    pub(crate) fn router(self) -> Router {
        let admin = Arc::new(self);
        Router::new()
            .route("/v1/sql", post(sql))
            .route("/v1/decide", post(decide))
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
    match client.query_text(&question, &[], FORMAT).await {
        Ok(answer) => answer.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Decides about an app.
async fn decide(State(admin): State<Arc<Admin>>, Json(request): Json<DecideRequest>) -> Response {
    match admin.decider.decide(&request, now()).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error @ DecideError::Invalid(_)) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
        Err(error @ DecideError::Log(_)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
