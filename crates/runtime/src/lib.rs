//! What every process does, whatever its role: configuration, telemetry, admin HTTP, clients of HTTP, readiness, shutdown, backoff.
//!
//! It knows no events and no servers. A process brings its own section of the configuration and its own routes.

mod admin;
mod backoff;
mod config;
mod health;
mod http_client;
mod http_server;
mod secret;
mod shutdown;
mod standing;
mod telemetry;

pub use admin::{AdminServer, ServeError};
pub use backoff::Backoff;
pub use config::{ConfigError, load_config};
pub use health::{Component, Health};
pub use http_client::{HttpClientError, HttpClients, TlsConfig, why_unreachable};
pub use http_server::{HttpLimits, serve_http};
pub use secret::{Secret, SecretError, SecretSource};
pub use shutdown::Shutdown;
pub use standing::Standing;
pub use telemetry::{LogFormat, TelemetryError, start_logs};

/// The metrics registry type that every process registers with.
pub use prometheus::Registry;
