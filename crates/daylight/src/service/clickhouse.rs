//! The ClickHouse of this installation: a server that the configuration names, or one that this machine hosts.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::bail;
use runtime::{Backoff, Component, HttpClients, Shutdown};
use store::{
    Client, Connection, DatabaseName, EmbeddedServer, HostCommand, MIGRATIONS, Remedy, ServerOptions, StoreError,
};
use tokio::runtime::Handle;

use super::BadConfig;
use crate::{config::ClickhouseConfig, data_folder::DataFolder};

/// The name of the library in the build folder and beside the binary.
const LIBRARY: &str = "libchdb.so";

/// Time between two looks at the hosted server.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The first wait before a server that did not answer at the start is asked again, and the longest.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// A database, and the server if it is ours.
pub(crate) struct Clickhouse {
    /// For questions and inserts.
    pub(crate) client: Client,
    /// The hosted server. Dropping it kills it.
    pub(crate) server: Option<EmbeddedServer>,
    /// Are the tables up to date? Not yet where somebody else's server did not answer.
    pub(crate) is_up_to_date: bool,
}

/// Starts the hosted server again when it ended by itself (a crash, the kernel's want of memory), on the same ports and data, until asked
/// to stop. Gives the server back, to be stopped when nobody needs it any more.
pub(crate) async fn keep(
    mut server: EmbeddedServer,
    folder: DataFolder,
    component: Component,
    shutdown: Shutdown,
) -> EmbeddedServer {
    component.ready();
    while !shutdown.is_requested() {
        tokio::select! {
            () = shutdown.requested() => break,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let Err(ended) = server.check() else { continue };
        component.not_ready(ended.to_string());
        match server.restart().await {
            Ok(()) => {
                folder.clickhouse_restarted(server.process_id());
                component.ready();
            }
            Err(error) => component.not_ready(format!("{error}; trying again")),
        }
    }
    server
}

impl Clickhouse {
    /// Connects, hosting a server where none is named, and brings the tables up to date.
    pub(crate) async fn open(
        config: &ClickhouseConfig,
        folder: &DataFolder,
        clients: &HttpClients,
    ) -> anyhow::Result<Clickhouse> {
        let database = DatabaseName::parse(&config.database);
        let database = database.map_err(|error| BadConfig(format!("[clickhouse] database: {error}")))?;
        let (connection, server) = if config.url.is_empty() {
            let mut options = ServerOptions::new(folder.clickhouse());
            options.memory_bytes_max = config.memory_bytes_max;
            let server = EmbeddedServer::start(host_command(&config.library)?, options).await?;
            tracing::info!(url = server.url(), ready_ms = server.ready_after().as_millis(), "hosting ClickHouse");
            (server.connection(database), Some(server))
        } else {
            let password = config.password.as_ref().map(runtime::SecretSource::read).transpose()?;
            let password = password.map(|secret| secret.expose().to_owned()).unwrap_or_default();
            (Connection { url: config.url.clone(), database, user: config.user.clone(), password }, None)
        };
        let client = Client::with_tls(connection, clients.tls().clone())?;
        let is_up_to_date = match client.migrate(MIGRATIONS).await {
            Ok(report) => {
                tracing::info!(?report, "the tables are up to date");
                true
            }
            // Nobody's events and alerts wait for a server that is away: the sink alone does.
            Err(error) if server.is_none() && error.remedy() == Remedy::Retry => {
                tracing::warn!(error = with_causes(error), "the sink waits for ClickHouse");
                false
            }
            Err(error) => return Err(not_up_to_date(error)),
        };
        Ok(Clickhouse { client, server, is_up_to_date })
    }
}

/// Brings the tables up to date as soon as the server answers, or gives up when asked to stop. Blocks.
pub(crate) fn bring_up_to_date(
    client: &Client,
    component: &Component,
    shutdown: &Shutdown,
    runtime: &Handle,
) -> anyhow::Result<()> {
    let mut backoff = Backoff::new(ASK_AGAIN.0, ASK_AGAIN.1, 7);
    while !shutdown.is_requested() {
        match runtime.block_on(client.migrate(MIGRATIONS)) {
            Ok(report) => {
                tracing::info!(?report, "the tables are up to date");
                return Ok(());
            }
            Err(error) if error.remedy() == Remedy::Retry => component.not_ready(with_causes(error)),
            Err(error) => return Err(not_up_to_date(error)),
        }
        shutdown.sleep(backoff.next_wait());
    }
    Ok(())
}

/// Why, down to the last cause: a certificate that nobody vouches for must not look like a server that is away.
fn with_causes(error: StoreError) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

fn not_up_to_date(error: StoreError) -> anyhow::Error {
    anyhow::Error::new(error).context("cannot bring the tables up to date")
}

/// How to run the engine: our own binary with the library, or a `clickhouse` binary.
fn host_command(library: &Path) -> anyhow::Result<HostCommand> {
    let ours = |library: PathBuf| -> anyhow::Result<HostCommand> {
        let prefix = [OsString::from("clickhouse-host"), "--library".into(), library.into(), "--".into()];
        Ok(HostCommand { program: env::current_exe()?, prefix: prefix.into() })
    };
    if !library.as_os_str().is_empty() {
        return ours(library.to_owned());
    }
    if let Some(found) = candidates().into_iter().find(|candidate| candidate.is_file()) {
        return ours(found);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(program) =
        env::split_paths(&path).map(|folder| folder.join("clickhouse")).find(|program| program.is_file())
    {
        return Ok(HostCommand { program, prefix: vec!["local".into()] });
    }
    bail!(
        "there is no ClickHouse: run `make run` (it fetches one), put `clickhouse` on PATH, name a library as [clickhouse] library, or a server as [clickhouse] url"
    )
}

/// Where the library may lie: where the environment says, beside the binary, in the build folder above it.
fn candidates() -> Vec<PathBuf> {
    let stack = env::var_os("DAYLIGHT_STACK").map(|stack| PathBuf::from(stack).join("clickhouse").join(LIBRARY));
    let binary = env::current_exe().ok();
    let beside = binary.as_deref().and_then(Path::parent).map(|folder| folder.join(LIBRARY));
    let build = binary
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::parent)
        .map(|folder| folder.join("stack/clickhouse").join(LIBRARY));
    [stack, beside, build].into_iter().flatten().collect()
}
