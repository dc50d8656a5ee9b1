//! What can be asked about connections.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{AdminArgs, moment::moment};

/// The questions.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// What each connection can tell, by the configuration: which rules can work with that, and what nobody would see. Nobody is asked.
    List(ConnectionsListArgs),
    /// Log in to each provider that is polled and ask each list for one event, and go the whole way into each event hub: what is missing is named as
    /// it must be granted.
    ///
    /// Exit code 0 if all let us in, 1 with a line for each thing that is wrong. Nothing is stored, and a running ingest is not disturbed. A hub that does
    /// not answer is waited for half a minute. The
    /// secrets are read from where the configuration says, so it is run where the ingest runs.
    Check(ConnectionsCheckArgs),
    /// Ask a running Daylight: how each list goes, what comes and how late, which times are partial, which rules cannot work.
    ///
    /// Any process of an installation can say how pollers go; what has come is known to one whose sink has ClickHouse.
    Status(ConnectionsStatusArgs),
    /// Say that a time is known now of which a connection had lost something: its gaps there are closed, and its days are whole.
    ///
    /// After what was missing was fetched in another way (another API, an export) and sent with `daylight replay`. Only gaps that lie in the time
    /// whole are closed. A silence needs no word: it closes with its events.
    Fill(ConnectionsFillArgs),
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

/// Arguments of `connections fill`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ConnectionsFillArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// The connection whose gaps are meant, as `connections status` names it.
    pub(crate) connection: String,
    /// From when on everything is there: a day (`2026-03-01`, its beginning in UTC) or a time (`2026-03-01T09:30:00Z`).
    #[arg(long, value_parser = moment, value_name = "TIME")]
    pub(crate) since: i64,
    /// Up to when.
    #[arg(long, value_parser = moment, value_name = "TIME")]
    pub(crate) until: i64,
    /// How it was fetched. Kept beside the gap.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who says so; your account's name where it is left out.
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) who: Option<String>,
}
