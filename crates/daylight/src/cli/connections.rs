//! What can be asked about connections.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::AdminArgs;

/// The questions.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// What each connection can tell, by the configuration: which rules can work with that, and what nobody would see. Nobody is asked.
    List(ConnectionsListArgs),
    /// Log in to each provider that is polled, and ask each list for one event: what is missing is named as it must be granted.
    ///
    /// Exit code 0 if all let us in, 1 with a line for each thing that is wrong. Nothing is stored, and a running ingest is not disturbed. The
    /// secrets are read from where the configuration says, so it is run where the ingest runs.
    Check(ConnectionsCheckArgs),
    /// Ask a running Daylight: how each list goes, what comes and how late, which times are partial, which rules cannot work.
    ///
    /// Any process of an installation can say how pollers go; what has come is known to one whose sink has ClickHouse.
    Status(ConnectionsStatusArgs),
}

/// Arguments of `connections list`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ConnectionsListArgs {
    /// The configuration file; `daylight.toml` of this folder where there is one.
    #[arg(long, short, env = "DAYLIGHT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `connections check`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ConnectionsCheckArgs {
    /// The configuration file; `daylight.toml` of this folder where there is one.
    #[arg(long, short, env = "DAYLIGHT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Only these connections; all where none is named.
    pub(crate) connections: Vec<String>,
}

/// Arguments of `connections status`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ConnectionsStatusArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// As JSON, with everything that is known.
    #[arg(long)]
    pub(crate) json: bool,
}
