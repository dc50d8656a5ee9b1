//! Structured logs on standard error: text for people, JSON for machines.

use std::io::IsTerminal;

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line of text each.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// Why logs could not be started. Halt.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level cannot be read.
    #[error("cannot read the log level {level:?}: {reason}; write, for example, info or info,ingest=debug")]
    Level {
        /// What was given.
        level: String,
        /// Why.
        reason: String,
    },
    /// Somebody has started logs already.
    #[error("logs were started twice: {0}")]
    Twice(String),
}

/// Starts logs at a level (`info`, or `info,ingest=debug`). Colour only on a terminal, and never with `NO_COLOR`.
///
/// # Errors
/// `TelemetryError` when the level cannot be read.
pub fn start_logs(format: LogFormat, level: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| TelemetryError::Level { level: level.to_owned(), reason: error.to_string() })?;
    let is_colour =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_colour);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| TelemetryError::Twice(error.to_string()))
}
