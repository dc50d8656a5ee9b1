//! What can be typed. The texts here are the manual: `daylight help COMMAND`.

mod connections;
mod moment;
mod operator;

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use event::Source;
use ingest::parse::{readable_provider, readable_providers};

pub(crate) use connections::{
    ConnectionsCheckArgs, ConnectionsCommand, ConnectionsFillArgs, ConnectionsListArgs, ConnectionsStatusArgs,
};
pub(crate) use operator::{
    AppsArgs, BackfillArgs, DecideArgs, InitArgs, LedgerCommand, LedgerHashArgs, LedgerRebuildArgs,
    LedgerRepartitionArgs, MergeArgs, ReconcileArgs, RedriveArgs, ReloadArgs, RevealArgs, VerifyArgs,
};

/// Which SaaS people really use, while they start to use it.
#[derive(Debug, Parser)]
#[command(name = "daylight", version, about, arg_required_else_help = true)]
#[cfg_attr(feature = "mutations", command(version = concat!(env!("CARGO_PKG_VERSION"), " with mistakes made on purpose")))]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a configuration to start from, with secrets of its own.
    Init(InitArgs),
    /// Every role in one process, with its log and ClickHouse on this machine unless the configuration names servers.
    Run(RunArgs),
    /// The role that receives events and writes them to the log.
    Ingest(RunArgs),
    /// The role that decides what is worth somebody's attention.
    Detect(RunArgs),
    /// The role that writes rows to ClickHouse.
    Sink(RunArgs),
    /// The role that tells people.
    Notify(RunArgs),
    /// Simulate a company, send its events over HTTP, and say what was found.
    Demo(DemoArgs),
    /// Print the canonical events of provider files, without storing anything.
    Parse(ParseArgs),
    /// Send provider files to a running ingest.
    Replay(ReplayArgs),
    /// The connections: what each can tell, whether it lets us in, what has come.
    #[command(subcommand)]
    Connections(ConnectionsCommand),
    /// Fetch history of a polled connection, beside what comes, and watch it. History teaches and alerts nobody.
    ///
    /// It is worked on by the running process, at a part of its usual pace (`backfill_share_percent`), and goes on where it stopped whatever
    /// is killed meanwhile. Without --since, what was ordered is watched again.
    Backfill(BackfillArgs),
    /// The apps that people use: standing, people, first and last use.
    Apps(AppsArgs),
    /// Decide about an app, for everybody or for a department.
    Decide(DecideArgs),
    /// Make an app part of another: from the next event on they are one.
    ///
    /// Rows and alerts carry the key of INTO, who knew one of them knows the other, and the earlier first sight counts. Rows of before and
    /// decisions stay as they are: each decision binds the references that it bound, the latest stands for the app, `daylight apps` names
    /// the references that it passes by, and deciding again binds them all.
    Merge(MergeArgs),
    /// Undo a merge: FROM is an app of its own again.
    ///
    /// What was decided about it alone counts for it again; what was decided while it was part of INTO stays with INTO.
    Split(MergeArgs),
    /// The name behind a pseudonym. It is kept who asked, and why.
    Reveal(RevealArgs),
    /// Read the catalogue and the directories again and use them from the next event on (SIGHUP does the same). A role that runs apart is
    /// asked by itself.
    Reload(ReloadArgs),
    /// Ask ClickHouse (read only).
    Sql(SqlArgs),
    /// Compare the log with the tables: each event is there once, usage and inventory say what the events say, alerts and ledger agree.
    ///
    /// Exit code 0 if so, 1 with a line for each thing that is wrong. It reads the whole log, the ledger, and every event of the table; all
    /// roles may go on meanwhile, and what is on its way is left out.
    Verify(VerifyArgs),
    /// Put dead letters through again, after whatever was wrong with them is mended: each once.
    ///
    /// They take the path of any delivery of their connection, with the time at which they were received. What is rejected still stays the
    /// dead letter that it is. Text that is not JSON was masked and cannot be put through; rows that a table refused are stored by
    /// `reconcile --refused`. Killed and typed again, it goes on: nothing is put through twice.
    Redrive(RedriveArgs),
    /// Mend what `verify` finds: rows from the log, as long as it holds them; usage and inventory from the events of the table.
    ///
    /// Prints what was mended: nothing, if all is well. Exit code 1 if something is wrong still. The sink may go on meanwhile. Rows that
    /// somebody has deleted on purpose come back while the log holds them.
    Reconcile(ReconcileArgs),
    /// What detection never forgets.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Ask a running process whether it is ready: exit code 0 if it is, 1 with the reasons if not.
    Health(HealthArgs),
    /// Read a configuration as the roles do, without starting anything: exit code 0 if it is in order, 2 if not.
    CheckConfig(RunArgs),
    /// Serve ClickHouse in this process; started by `run`, not by people.
    #[command(hide = true)]
    ClickhouseHost(ClickhouseHostArgs),
}

/// Arguments of the roles.
#[derive(Args, Debug, Clone)]
pub(crate) struct RunArgs {
    /// The configuration file; `daylight.toml` of this folder where there is one. Without any, everything has its default.
    /// `DAYLIGHT__*` variables override it.
    #[arg(long, short, env = "DAYLIGHT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// Arguments of `demo`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DemoArgs {
    /// Where `summary.json` and the data of the run go.
    #[arg(long, default_value = "target/demo")]
    pub(crate) out: PathBuf,
    /// Another seed is another company.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// People in the company.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) people: u32,
    /// Days of history.
    #[arg(long, default_value_t = 30)]
    pub(crate) days: u32,
    /// Seconds of the live phase.
    #[arg(long, default_value_t = 30)]
    pub(crate) live_seconds: u32,
    /// Use this Kafka instead of the embedded log.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) kafka: Option<String>,
    /// Use this ClickHouse instead of the embedded one.
    #[arg(long, value_name = "URL")]
    pub(crate) clickhouse: Option<String>,
    /// Leave the pipeline running at the end, to look around.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Arguments of `parse`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ParseArgs {
    /// Whose format it is.
    #[arg(long, value_parser = provider())]
    pub(crate) provider: Source,
    /// One JSON object a line (the only form so far, so this changes nothing).
    #[arg(long)]
    pub(crate) json: bool,
    /// Print e-mail addresses beside pseudonyms.
    #[arg(long)]
    pub(crate) clear: bool,
    /// The mapping file, for `--provider mapped`.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// JSON array, page, hub envelope or NDJSON; for a mapping over CSV, tables.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `replay`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ReplayArgs {
    /// The connection to send as.
    #[arg(long)]
    pub(crate) connection: String,
    /// The ingest to send to.
    #[arg(long, default_value = "http://127.0.0.1:8480")]
    pub(crate) url: String,
    /// A file that holds the connection's secret.
    #[arg(long, env = "DAYLIGHT_SECRET_FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The mapping of the connection, where it has one: a file that is sent in parts is parted by it.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// JSON array, page, hub envelope or NDJSON.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of the commands that ask a running process.
#[derive(Args, Debug, Clone)]
pub(crate) struct AdminArgs {
    /// The data folder of the running process: its address and token are there.
    #[arg(long, env = "DAYLIGHT_DATA_FOLDER", default_value = "daylight-data")]
    pub(crate) data_folder: PathBuf,
}

/// Arguments of `sql`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SqlArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// One SELECT.
    pub(crate) query: String,
}

/// Arguments of `health`.
#[derive(Args, Debug, Clone)]
pub(crate) struct HealthArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// The admin address to ask instead of the one in the data folder, such as http://127.0.0.1:8481.
    #[arg(long)]
    pub(crate) url: Option<String>,
}

/// Arguments of `clickhouse-host`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClickhouseHostArgs {
    /// The engine, `libchdb.so`.
    #[arg(long)]
    pub(crate) library: PathBuf,
    /// The arguments for the engine, as `clickhouse local` takes them.
    #[arg(last = true)]
    pub(crate) arguments: Vec<String>,
}

/// Reads the name of a provider; the manual lists those that are read.
fn provider() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(readable_providers().map(Source::as_str)).try_map(|name| readable_provider(&name))
}
