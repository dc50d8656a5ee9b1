//! The real servers, started once for all cases when the first one needs them, and what each case does to them and asks of them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use broker::{Broker, KafkaSettings, Limits};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use stages::{accounting, workload::Truth};
use store::{Client, Connection, DatabaseName};
use tempfile::TempDir;
use tests::{
    poll,
    servers::{Clickhouse, KafkaServer},
};
use tokio::runtime::Runtime;

use crate::{
    history, log,
    preload::{Engine, Load, Loaded},
    report::Cost,
    scale::Scale,
};

/// How long a run may take until everything has arrived.
pub(crate) const ARRIVED_WITHIN: Duration = Duration::from_secs(900);
/// How long background merges may take to come to rest, also those of a large history.
const SETTLED_WITHIN: Duration = Duration::from_secs(1_800);

/// How often a start is measured; the one in the middle counts.
const STARTS: usize = 3;

/// Servers and what was put into them.
pub(crate) struct Stack {
    pub(crate) scale: Scale,
    servers: Option<Servers>,
    loads: BTreeMap<Load, Loaded>,
    /// Folders of embedded logs that were filled.
    folders: Vec<TempDir>,
    histories: BTreeMap<u64, String>,
    databases: u32,
    start_up: BTreeMap<(&'static str, Load), Duration>,
}

/// The running ones.
pub(crate) struct Servers {
    pub(crate) kafka: KafkaServer,
    pub(crate) clickhouse: Clickhouse,
    pub(crate) broker: Broker,
    pub(crate) runtime: Runtime,
    admin: AdminClient<DefaultClientContext>,
}

/// What the servers had taken at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Books {
    began: Instant,
    broker: Duration,
    clickhouse: Duration,
    merges: Duration,
}

impl Stack {
    pub(crate) fn new(scale: Scale) -> Stack {
        let (loads, folders, start_up) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Stack { scale, servers: None, loads, folders, histories: BTreeMap::new(), databases: 0, start_up }
    }

    /// The servers, started if need be.
    pub(crate) fn servers(&mut self) -> anyhow::Result<&Servers> {
        if self.servers.is_none() {
            self.servers = Some(Servers::start()?);
        }
        self.servers.as_ref().context("just started")
    }

    /// The topics of a workload, filled at the first call.
    pub(crate) fn load(&mut self, load: Load) -> anyhow::Result<Loaded> {
        if !self.loads.contains_key(&load) {
            let loaded = match load.engine {
                Engine::Kafka => self.fill_kafka(load)?,
                Engine::Embedded => self.fill_embedded(load)?,
            };
            self.loads.insert(load, loaded);
        }
        self.loads.get(&load).cloned().context("just loaded")
    }

    fn fill_kafka(&mut self, load: Load) -> anyhow::Result<Loaded> {
        let scale = self.scale.clone();
        let servers = self.servers()?;
        let loaded = load.fill(&servers.broker, &scale)?;
        let log_bytes = servers.topic_bytes(&loaded.topic)?;
        Ok(Loaded { log_bytes, ..loaded })
    }

    fn fill_embedded(&mut self, load: Load) -> anyhow::Result<Loaded> {
        let folder = log::folder()?;
        let loaded = load.fill(&log::open_embedded(folder.path())?, &self.scale)?;
        let log_bytes = log::bytes_of(folder.path())?;
        let path = folder.path().to_owned();
        self.folders.push(folder);
        Ok(Loaded { log_bytes, folder: Some(path), ..loaded })
    }

    /// The database of a history of so many rows, made at the first call; empty for none.
    pub(crate) fn history(&mut self, rows: u64) -> anyhow::Result<String> {
        if !self.histories.contains_key(&rows) {
            let made = history::make(self.servers()?, rows)?;
            self.histories.insert(rows, made);
        }
        self.histories.get(&rows).cloned().context("just made")
    }

    /// A name of a database that no case has used.
    pub(crate) fn new_database(&mut self) -> String {
        self.databases += 1;
        format!("bench_{}", self.databases)
    }

    /// What a start of a role costs on a load, measured by `measure` some times at the first call: the one in the middle.
    pub(crate) fn start_up(
        &mut self,
        role: &'static str,
        load: Load,
        measure: impl Fn(&mut Stack) -> anyhow::Result<Duration>,
    ) -> anyhow::Result<Duration> {
        if let Some(known) = self.start_up.get(&(role, load)) {
            return Ok(*known);
        }
        let mut measured = (0..STARTS).map(|_| measure(self)).collect::<anyhow::Result<Vec<Duration>>>()?;
        measured.sort_unstable();
        let middle = measured.get(STARTS / 2).copied().unwrap_or_default();
        self.start_up.insert((role, load), middle);
        Ok(middle)
    }
}

impl Books {
    /// Since they were opened.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Servers {
    fn start() -> anyhow::Result<Servers> {
        let (kafka, clickhouse) = (KafkaServer::start()?, Clickhouse::start()?);
        let broker = Broker::connect_kafka(&kafka.bootstrap, KafkaSettings::default(), Limits::default())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let admin = ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).create()?;
        Ok(Servers { kafka, clickhouse, broker, runtime, admin })
    }

    /// What the servers have taken so far.
    pub(crate) fn books(&self) -> anyhow::Result<Books> {
        let process = self.clickhouse.process();
        Ok(Books {
            began: Instant::now(),
            broker: accounting::cpu(self.kafka.process())?.saturating_sub(accounting::compilers(self.kafka.process())?),
            clickhouse: accounting::cpu(process)?,
            merges: accounting::merges(process)?,
        })
    }

    /// The time since `before` and what the servers took in it; then waits until no merge runs, and adds what those took.
    pub(crate) fn close(&self, before: Books, database: Option<&str>) -> anyhow::Result<(Duration, Cost)> {
        let (time, now) = (before.began.elapsed(), self.books()?);
        let merged = now.merges.saturating_sub(before.merges);
        let clickhouse = now.clickhouse.saturating_sub(before.clickhouse).saturating_sub(merged);
        let broker = now.broker.saturating_sub(before.broker);
        if let Some(database) = database {
            self.settle(database)?;
        }
        let merges = self.books()?.merges.saturating_sub(before.merges);
        Ok((time, Cost { client: Duration::ZERO, broker, clickhouse, merges }))
    }

    /// Waits until no merge of a database runs.
    pub(crate) fn settle(&self, database: &str) -> anyhow::Result<()> {
        let sql = format!("SELECT count() FROM system.merges WHERE database = '{database}'");
        poll(SETTLED_WITHIN, "no merge runs", || {
            let running = self.number(&sql)?;
            ensure!(running == 0, "{running} run");
            Ok(())
        })
    }

    /// Forgets what a group has committed. It must have no member any more.
    pub(crate) fn forget_group(&self, group: &str) -> anyhow::Result<()> {
        poll(Duration::from_secs(90), "the group can be forgotten", || {
            let deleted = self.runtime.block_on(self.admin.delete_groups(&[group], &AdminOptions::new()))?;
            match deleted.into_iter().next() {
                Some(Err((_, error))) if error != rdkafka::error::RDKafkaErrorCode::GroupIdNotFound => {
                    anyhow::bail!("{error}")
                }
                _ => Ok(()),
            }
        })
    }

    /// Asks about a database.
    pub(crate) fn client(&self, database: &str) -> anyhow::Result<Client> {
        let database = DatabaseName::parse(database)?;
        let (url, user, password) = (self.clickhouse.url(), String::new(), String::new());
        Ok(Client::new(Connection { url, database, user, password })?)
    }

    /// The words that a query gives, in one line.
    pub(crate) fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let client = self.client("default")?;
        Ok(self.runtime.block_on(client.query_text(sql, &[], "TSVRaw"))?.trim_end().to_owned())
    }

    /// The lines that a query gives. Who asks often keeps the client.
    pub(crate) fn lines(&self, client: &Client, sql: &str) -> anyhow::Result<Vec<String>> {
        let told = self.runtime.block_on(client.query_text(sql, &[], "TSVRaw"))?;
        Ok(told.lines().map(str::to_owned).collect())
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, sql: &str) -> anyhow::Result<u64> {
        let told = self.ask(sql)?;
        told.parse().with_context(|| format!("{sql} gives {told}"))
    }

    /// Runs a statement.
    pub(crate) fn execute(&self, sql: &str) -> anyhow::Result<()> {
        self.clickhouse.execute(sql)
    }

    /// What a table should hold and does not. `id` is an expression for the low half of the event's id.
    pub(crate) fn flaws(&self, table: &str, id: &str, truth: Truth) -> anyhow::Result<Vec<String>> {
        let told = self.ask(&format!("SELECT count(), sumWithOverflow({id}) FROM {table}"))?;
        let wanted = format!("{}\t{}", truth.events, truth.checksum);
        let words = format!("{table} has rows and checksum {told:?}, and should have {wanted:?}");
        Ok((told != wanted).then_some(words).into_iter().collect())
    }

    /// Bytes on disk of a row of a table.
    pub(crate) fn bytes_per_row(&self, database: &str, table: &str) -> anyhow::Result<f64> {
        let told = self.ask(&format!(
            "SELECT sum(bytes_on_disk) / greatest(sum(rows), 1) FROM system.parts WHERE active AND database = '{database}' AND table = '{table}'"
        ))?;
        told.parse().with_context(|| format!("bytes of a row: {told}"))
    }

    /// Bytes of the partitions of a topic.
    pub(crate) fn topic_bytes(&self, topic: &str) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for folder in std::fs::read_dir(self.kafka.log_folder())? {
            let folder = folder?;
            let name = folder.file_name().to_string_lossy().into_owned();
            if name.rsplit_once('-').is_some_and(|(name, _)| name == topic) {
                for file in std::fs::read_dir(folder.path())? {
                    let file = file?;
                    let is_log = file.path().extension().is_some_and(|extension| extension == "log");
                    bytes += if is_log { file.metadata()?.len() } else { 0 };
                }
            }
        }
        Ok(bytes)
    }
}
