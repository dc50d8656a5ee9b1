//! The admin port of a process: `/livez`, `/readyz` with reasons, `/metrics`, and whatever routes the process adds.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get,
};
use prometheus::{Encoder, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::net::TcpListener;

use crate::{Health, HttpLimits, Shutdown, serve_http};

/// People, a scraper, a load balancer: nobody needs many connections.
const LIMITS: HttpLimits = HttpLimits { connections_max: 256, head_within: Duration::from_secs(75) };
/// A stopping server waits so long for requests that run.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The admin server, bound and not yet serving.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    router: Router,
}

/// Why the admin port cannot be served. Halt.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for a free one")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The process's own metrics cannot be registered.
    #[error("cannot start the admin server: {0}")]
    Metrics(#[from] prometheus::Error),
}

#[derive(Clone)]
struct AdminState {
    health: Health,
    registry: Registry,
    /// Read from `health` at each scrape: readiness changes rarely, and nobody has to remember to count it.
    component_ready: IntGaugeVec,
}

impl AdminServer {
    /// Binds the port. `routes` are the process's own, and bring their own state and authentication.
    ///
    /// # Errors
    /// `ServeError::Bind`.
    pub async fn bind(
        address: SocketAddr,
        health: Health,
        registry: Registry,
        routes: Router,
    ) -> Result<AdminServer, ServeError> {
        let component_ready = register(&registry)?;
        let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })?;
        let router = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(AdminState { health, registry, component_ready })
            .merge(routes);
        Ok(AdminServer { listener, router })
    }

    /// The address that was bound, with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until asked to stop, then waits a short while for requests that run.
    pub async fn serve(self, shutdown: Shutdown) {
        let serving = serve_http(self.listener, self.router, LIMITS, &shutdown);
        let drained = async {
            shutdown.requested().await;
            tokio::time::sleep(DRAIN_TIMEOUT).await;
        };
        tokio::select! {
            () = serving => {}
            () = drained => {}
        }
    }
}

async fn ready(State(state): State<AdminState>) -> impl IntoResponse {
    let reasons = state.health.reasons();
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines = reasons.iter().map(|(component, reason)| format!("{component}: {reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines)
}

/// What every process tells of itself.
fn register(registry: &Registry) -> Result<IntGaugeVec, prometheus::Error> {
    let build = IntGaugeVec::new(Opts::new("daylight_build_info", "Always 1; which version this is."), &["version"])?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let component_ready = IntGaugeVec::new(
        Opts::new("daylight_component_ready", "1 where a part of the process can work; /readyz says why not."),
        &["component"],
    )?;
    registry.register(Box::new(build))?;
    registry.register(Box::new(component_ready.clone()))?;
    Ok(component_ready)
}

async fn metrics(State(state): State<AdminState>) -> impl IntoResponse {
    for (component, is_ready) in state.health.components() {
        state.component_ready.with_label_values(&[component]).set(i64::from(is_ready));
    }
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&state.registry.gather(), &mut text) {
        Ok(()) => (StatusCode::OK, [(CONTENT_TYPE, encoder.format_type().to_owned())], text),
        Err(error) => {
            let sentence = format!("cannot write the metrics: {error}\n").into_bytes();
            (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain".to_owned())], sentence)
        }
    }
}
