//! A running installation, or a part of one: the chosen roles in one process, with what they share.

mod admin;
mod apps;
mod backfill;
mod book;
mod clickhouse;
mod connections;
mod control_log;
mod coverage;
mod decide;
mod disk;
mod fill;
mod first_party;
mod follower;
mod hangup;
mod kafka_settings;
mod log;
mod merge;
mod noted;
mod patience;
mod rebuild;
mod redrive;
mod refused;
mod remembered;
mod repartition;
mod reveal;
mod rewrite;
mod secrets;
mod tables;
mod tenants;
mod verify;
mod welcome;

use std::{future::Future, path::Path, sync::Arc, thread};

use anyhow::Context;
use broker::Broker;
use runtime::{AdminServer, Health, HttpClients, Registry, Shutdown, load_config, start_logs};
use sink::Digest;
use store::EmbeddedServer;
use tokio::{runtime::Handle, sync::oneshot, task::JoinSet};

use crate::{
    config::Config,
    data_folder::{DataFolder, Endpoints},
};

use admin::Admin;
use apps::Lister;
use book::Book;
use clickhouse::Clickhouse;
use connections::Viewer;
use control_log::ControlLog;
use decide::{Decider, Turn};
use fill::Filler;
use follower::Follower;
use merge::Merger;
use noted::Noter;
use patience::patiently;
use rebuild::Rebuilder;
use redrive::Redriving;
use remembered::Rememberer;
use reveal::Revealer;
use tables::Tables;
use tenants::Tenants;
use verify::Verifier;

pub(crate) use admin::now;
pub(crate) use apps::{AppLine, AppsAnswer, AppsRequest};
pub(crate) use backfill::BackfillAsk;
pub(crate) use connections::{LagLine, StatusAnswer, StatusLine, StatusRequest};
pub(crate) use coverage::{Coverage, TenantCoverage, Works, coverage_of};
pub(crate) use decide::{DecideAnswer, DecideRequest};
pub(crate) use fill::{FillAnswer, FillRequest, FilledLine};
pub(crate) use first_party::{is_first_party, load_catalogue};
pub(crate) use merge::{MergeAnswer, MergeRequest};
pub(crate) use noted::Reloaded;
pub(crate) use rebuild::{History, RebuildAnswer, RebuildRequest, RebuiltLine};
pub(crate) use remembered::{HashLine, HashRequest};
pub(crate) use repartition::repartition;
pub(crate) use reveal::{RevealAnswer, RevealRequest};
pub(crate) use rewrite::rewrite;
pub(crate) use secrets::check_connections;
pub(crate) use tables::read_catalogue;
pub(crate) use welcome::example;

/// A role of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Receives events.
    Ingest,
    /// Decides what is worth somebody's attention.
    Detect,
    /// Writes rows.
    Sink,
    /// Tells people.
    Notify,
}

/// The configuration of the folder in which somebody types `daylight run`.
const CONFIG_BESIDE: &str = "daylight.toml";

/// Every role.
pub(crate) const ALL_ROLES: &[Role] = &[Role::Ingest, Role::Detect, Role::Sink, Role::Notify];

/// A configuration that cannot be used: exit code 2.
#[derive(Debug)]
pub(crate) struct BadConfig(pub(crate) String);

impl std::fmt::Display for BadConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadConfig {}

/// Reads the configuration and starts the logs, in this order: an error in the file is one line on standard error.
pub(crate) fn prepare(path: Option<&Path>) -> anyhow::Result<Config> {
    let beside = Path::new(CONFIG_BESIDE);
    let path = path.or_else(|| beside.is_file().then_some(beside));
    let config: Config = load_config(path, std::env::vars()).map_err(|error| BadConfig(error.to_string()))?;
    kafka_settings::check(&config.log)?;
    start_logs(config.logs.format, &config.logs.level).map_err(|error| BadConfig(error.to_string()))?;
    Ok(config)
}

/// Runs the roles until somebody asks to stop, or one of them cannot go on.
pub(crate) async fn run(config: Config, roles: &[Role]) -> anyhow::Result<()> {
    secrets::check(&config, roles)?;
    let clients = HttpClients::new(&config.tls).map_err(|error| BadConfig(error.to_string()))?;
    let catalogue = read_catalogue(&config.catalogue).map_err(BadConfig)?;
    let shutdown = Shutdown::new();
    shutdown.request_at_signals().context("cannot watch signals")?;
    let folder = DataFolder::open(&config.data_folder.0)?;
    let opened = patiently("the log", &shutdown, None, async || {
        let (log, folder) = (config.log.clone(), folder.clone());
        tokio::task::spawn_blocking(move || log::open(&log, &folder)).await?
    });
    let Some(broker) = opened.await? else { return Ok(()) };
    let needs_clickhouse = roles.contains(&Role::Sink);
    let mut clickhouse =
        if needs_clickhouse { Some(Clickhouse::open(&config.clickhouse, &folder, &clients).await?) } else { None };
    let tables = Arc::new(Tables::load(&config, &folder, catalogue)?);
    let (health, registry) = (Health::new(), Registry::new());
    let inspector = roles.contains(&Role::Detect).then(detect::Inspector::default);
    let (backfills, redriving) = (ingest::BackfillDesk::default(), Redriving::default());
    let part =
        Part { config, folder, broker, clients, tables, health, registry, shutdown, inspector, backfills, redriving };
    let hosted = clickhouse.as_mut().and_then(|clickhouse| clickhouse.server.take());
    let hosted_process_id = hosted.as_ref().map_or(0, EmbeddedServer::process_id);
    let component = hosted.is_some().then(|| part.health.component("clickhouse"));
    let kept = hosted.zip(component).map(|(server, component)| {
        tokio::spawn(clickhouse::keep(server, part.folder.clone(), component, part.shutdown.clone()))
    });
    let result = part.serve(roles, clickhouse.as_ref(), hosted_process_id).await;
    part.shutdown.request();
    part.folder.remove_endpoints();
    if let Some(kept) = kept
        && let Ok(server) = kept.await
    {
        server.stop().await;
    }
    result
}

/// What the roles of one process share.
struct Part {
    config: Config,
    folder: DataFolder,
    broker: Broker,
    clients: HttpClients,
    tables: Arc<Tables>,
    health: Health,
    registry: Registry,
    shutdown: Shutdown,
    /// Asks detection what it remembers, where this process detects.
    inspector: Option<detect::Inspector>,
    /// Where history is ordered, once this process polls.
    backfills: ingest::BackfillDesk,
    /// Puts dead letters through again, where this process receives.
    redriving: Redriving,
}

impl Part {
    /// Starts each role and waits for the first that ends; its end is the end of all.
    async fn serve(
        &self,
        roles: &[Role],
        clickhouse: Option<&Clickhouse>,
        hosted_process_id: u32,
    ) -> anyhow::Result<()> {
        let mut running = JoinSet::new();
        let mut endpoints = Endpoints { clickhouse_process_id: hosted_process_id, ..Endpoints::default() };
        if let Some(clickhouse) = clickhouse {
            endpoints.clickhouse.clone_from(&clickhouse.client.connection().url);
        }
        let start = self.health.component("start");
        let book = Book::new(self.tables.catalogue(), self.tables.catalogues().clone());
        let log = ControlLog::new(self.broker.clone(), &self.config.log.topic_prefix, self.config.log.partitions);
        let noter = Noter::new(Arc::clone(&self.tables), book.clone(), log.clone());
        // Served first: whoever starts for long can be asked whether he lives.
        endpoints.admin = self.start_admin(clickhouse, &book, &log, &noter, &mut running).await?;
        let caught_up = patiently("the ledger", &self.shutdown, Some(&start), async || {
            let (broker, prefix) = (self.broker.clone(), self.config.log.topic_prefix.clone());
            let files = self.folder.snapshots();
            let digest = tokio::task::spawn_blocking(move || Digest::open(broker, &prefix, Some(files))).await??;
            let follower = self.catch_up(&book, &digest).await?;
            Ok((digest, follower))
        });
        let Some((digest, Some(follower))) = caught_up.await? else { return self.watch(running).await };
        let noted = patiently("what this process judges by", &self.shutdown, Some(&start), async || {
            noter.check_keys(roles.contains(&Role::Ingest), now()).await?;
            if roles.contains(&Role::Detect) {
                noter.note_tables(now()).await?;
            }
            Ok(())
        });
        if noted.await?.is_none() {
            return self.watch(running).await;
        }
        let shutdown = self.shutdown.clone();
        spawn_thread(&mut running, "book", &self.shutdown, move || follower.follow(&shutdown))?;
        running.spawn(hangup::watch(noter, self.shutdown.clone()));
        for role in roles {
            match role {
                Role::Ingest => endpoints.ingest = self.start_ingest(&mut running).await?,
                Role::Detect => self.start_detect(&mut running)?,
                Role::Sink => {
                    self.start_sink(&mut running, clickhouse.context("the sink needs ClickHouse")?, digest.clone())?;
                }
                Role::Notify => self.start_notify(&mut running)?,
            }
        }
        if self.config.log.kafka.is_empty() || hosted_process_id != 0 {
            running.spawn(self.watch_disk());
        }
        start.ready();
        tracing::info!(
            admin = endpoints.admin,
            ingest = endpoints.ingest,
            clickhouse = endpoints.clickhouse,
            "running"
        );
        self.folder.write_endpoints(&endpoints)?;
        welcome::say(&self.config, &self.folder, &endpoints);
        self.watch(running).await
    }

    /// The first role that ends ends all; the first error is the one that is told.
    async fn watch(&self, mut running: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
        let mut result = Ok(());
        while let Some(ended) = running.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(anyhow::anyhow!("a role ended without a word: {error}")));
            self.shutdown.request();
            result = result.and(ended);
        }
        result
    }

    /// Watches the disk that this process fills.
    fn watch_disk(&self) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let (component, shutdown) = (self.health.component("disk"), self.shutdown.clone());
        let watching = disk::watch(self.folder.path().to_owned(), self.config.log.free_bytes_min, component, shutdown);
        async move {
            watching.await;
            Ok(())
        }
    }

    /// Serves the admin port; tells its address.
    async fn start_admin(
        &self,
        clickhouse: Option<&Clickhouse>,
        book: &Book,
        log: &ControlLog,
        noter: &Noter,
        running: &mut JoinSet<anyhow::Result<()>>,
    ) -> anyhow::Result<String> {
        let tenants = Tenants::new(self.tables.tenants());
        let (directories, turn) = (self.tables.shelf().clone(), Turn::default());
        let client = clickhouse.map(|clickhouse| clickhouse.client.clone());
        let configs: Arc<[ingest::ConnectionConfig]> = self.config.connections.clone().into();
        let admin = Admin {
            token: self.folder.admin_token()?,
            decider: Decider::new(directories, book.clone(), log.clone(), tenants.clone(), turn.clone()),
            merger: Merger { book: book.clone(), log: log.clone(), tenants: tenants.clone(), turn },
            lister: Lister { book: book.clone(), client: client.clone(), tenants: tenants.clone() },
            revealer: Revealer { client: self.reveal_client(clickhouse)?, log: log.clone(), tenants },
            noter: noter.clone(),
            rememberer: Rememberer {
                inspector: self.inspector.clone(),
                broker: self.broker.clone(),
                topic_prefix: self.config.log.topic_prefix.clone(),
                enricher: self.tables.enricher(),
            },
            rebuilder: Rebuilder {
                inspector: self.inspector.clone(),
                broker: self.broker.clone(),
                topic_prefix: self.config.log.topic_prefix.clone(),
                enricher: self.tables.enricher(),
                config: self.config.detect.clone(),
                client: client.clone(),
            },
            viewer: Viewer {
                broker: self.broker.clone(),
                prefix: self.config.log.topic_prefix.clone(),
                partitions: self.config.log.partitions,
                configs: Arc::clone(&configs),
                client: client.clone(),
            },
            filler: Filler {
                broker: self.broker.clone(),
                prefix: self.config.log.topic_prefix.clone(),
                partitions: self.config.log.partitions,
                configs,
            },
            verifier: Verifier {
                broker: self.broker.clone(),
                prefix: self.config.log.topic_prefix.clone(),
                client: client.clone(),
                enricher: self.tables.enricher(),
                config: self.config.sink.clone(),
                shutdown: self.shutdown.clone(),
                turn: Arc::default(),
            },
            backfills: self.backfills.clone(),
            redriving: self.redriving.clone(),
            client,
        };
        let listen = self.config.admin.listen;
        let server = AdminServer::bind(listen, self.health.clone(), self.registry.clone(), admin.router()).await?;
        let address = format!("http://{}", server.address()?);
        let shutdown = self.shutdown.clone();
        running.spawn(async move {
            server.serve(shutdown).await;
            Ok(())
        });
        Ok(address)
    }

    /// Names are asked for with an account of their own, where the configuration has one.
    fn reveal_client(&self, clickhouse: Option<&Clickhouse>) -> anyhow::Result<Option<store::Client>> {
        let Some(clickhouse) = clickhouse else { return Ok(None) };
        let config = &self.config.clickhouse;
        if config.reveal_user.is_empty() {
            return Ok(Some(clickhouse.client.clone()));
        }
        let password = config.reveal_password.as_ref().map(runtime::SecretSource::read).transpose();
        let password = password.map_err(|error| BadConfig(format!("[clickhouse] reveal_password: {error}")))?;
        let password = password.as_ref().map(runtime::Secret::expose).unwrap_or_default();
        Ok(Some(clickhouse.client.with_account(&config.reveal_user, password)?))
    }

    /// Reads what the ledger and the log know; nothing when somebody asks to stop meanwhile.
    async fn catch_up(&self, book: &Book, digest: &Digest) -> anyhow::Result<Option<Follower>> {
        let (broker, prefix) = (self.broker.clone(), self.config.log.topic_prefix.clone());
        let (book, digest, component) = (book.clone(), digest.clone(), self.health.component("book"));
        let reading = tokio::task::spawn_blocking(move || Follower::catch_up(broker, &prefix, book, digest, component));
        tokio::select! {
            read = reading => read?.map(Some),
            () = self.shutdown.requested() => Ok(None),
        }
    }

    async fn start_ingest(&self, running: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<String> {
        let setup = ingest::Setup {
            broker: self.broker.clone(),
            topic_prefix: &self.config.log.topic_prefix,
            partitions: self.config.log.partitions,
            config: self.config.ingest.clone(),
            connections: &self.config.connections,
            tenant_key: &|tenant| self.tables.tenant_key(tenant),
            is_first_party: first_party::is_first_party,
            clients: &self.clients,
            backfills: self.backfills.clone(),
            registry: &self.registry,
        };
        let ingest = ingest::Ingest::bind(setup).await?;
        self.redriving.set(ingest.redriver());
        let address = format!("http://{}", ingest.address()?);
        let (shutdown, component) = (self.shutdown.clone(), self.health.component("ingest"));
        running.spawn(async move { ingest.serve(shutdown, component).await.map_err(anyhow::Error::from) });
        Ok(address)
    }

    fn start_detect(&self, running: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
        let (broker, prefix) = (self.broker.clone(), self.config.log.topic_prefix.clone());
        let (enricher, config, registry) = (self.tables.enricher(), self.config.detect.clone(), self.registry.clone());
        let (shutdown, component) = (self.shutdown.clone(), self.health.component("detect"));
        let (snapshots, inspector) = (self.folder.snapshots(), self.inspector.clone().unwrap_or_default());
        spawn_thread(running, "detect", &self.shutdown, move || {
            let detect = detect::Detect::new(broker, &prefix, enricher, config, Some(&snapshots), &registry)?;
            Ok(detect.with_inspector(inspector).run(&shutdown, &component)?)
        })
    }

    fn start_sink(
        &self,
        running: &mut JoinSet<anyhow::Result<()>>,
        clickhouse: &Clickhouse,
        digest: Digest,
    ) -> anyhow::Result<()> {
        let (broker, prefix, client) =
            (self.broker.clone(), self.config.log.topic_prefix.clone(), clickhouse.client.clone());
        let (enricher, config, registry) = (self.tables.enricher(), self.config.sink.clone(), self.registry.clone());
        let (shutdown, component, runtime) = (self.shutdown.clone(), self.health.component("sink"), Handle::current());
        let is_up_to_date = clickhouse.is_up_to_date;
        spawn_thread(running, "sink", &self.shutdown, move || {
            if !is_up_to_date {
                clickhouse::bring_up_to_date(&client, &component, &shutdown, &runtime)?;
            }
            let stop = shutdown.clone();
            let sink = sink::Sink::new(
                broker, &prefix, digest, client, enricher, config, &registry, stop, component, runtime,
            )?;
            Ok(sink.run(&shutdown)?)
        })
    }

    fn start_notify(&self, running: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
        let config = &self.config;
        let notify = notify::Notify::new(notify::Setup {
            broker: self.broker.clone(),
            topic_prefix: &config.log.topic_prefix,
            partitions: config.log.partitions,
            config: config.notify.clone(),
            receivers: &config.receivers,
            clients: &self.clients,
            registry: &self.registry,
            health: &self.health,
        });
        let notify = notify.map_err(|error| BadConfig(error.to_string()))?;
        let shutdown = self.shutdown.clone();
        running.spawn(async move { notify.run(shutdown).await.map_err(anyhow::Error::from) });
        Ok(())
    }
}

/// Runs a role that blocks on a thread of its own, and waits for it as for the others.
fn spawn_thread(
    running: &mut JoinSet<anyhow::Result<()>>,
    name: &str,
    shutdown: &Shutdown,
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let (sender, receiver) = oneshot::channel();
    let stop = shutdown.clone();
    let run = move || {
        let result = work();
        stop.request();
        sender.send(result)
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).context("cannot start a thread")?;
    running.spawn(wait_for(name.to_owned(), receiver));
    Ok(())
}

async fn wait_for(name: String, receiver: oneshot::Receiver<anyhow::Result<()>>) -> anyhow::Result<()> {
    receiver.await.unwrap_or_else(|_| Err(anyhow::anyhow!("the thread of {name} ended without a word")))
}
