//! `ledger rebuild --write`: the ledger is written anew from a history, after its topic or a part of it was lost.
//!
//! Only while nobody detects: what a running detection knows would be younger than what is written. The history has to be whole, or the ledger
//! would forget what the history has forgotten; so every note that `ledger rebuild` gives without `--write` stands in the way here.

use anyhow::{Context, bail};
use broker::Broker;
use codec::Topic;
use detect::{Difference, Rewriting, rebuilt};
use runtime::HttpClients;
use store::EmbeddedServer;
use tokio::runtime::Handle;

use super::{
    BadConfig, History, clickhouse::Clickhouse, log, read_catalogue, rebuild::Rebuilder, repartition::in_the_way,
    tables::Tables,
};
use crate::{config::Config, data_folder::DataFolder};

/// What was written, or would be.
pub(crate) struct Rewritten {
    /// By partition.
    pub(crate) differences: Vec<Difference>,
    /// Why it must not be done now, a sentence each. Empty where it was done.
    pub(crate) obstacles: Vec<String>,
}

/// Writes what differs, or only says what would be written. Tells lines of progress.
pub(crate) async fn rewrite(
    config: Config,
    from: History,
    is_dry_run: bool,
    tell: fn(&str),
) -> anyhow::Result<Rewritten> {
    let folder = DataFolder::open(&config.data_folder.0)?;
    let opened = (config.log.clone(), folder.clone());
    let broker = tokio::task::spawn_blocking(move || log::open(&opened.0, &opened.1)).await??;
    let mut clickhouse = None;
    if from == History::Clickhouse {
        let clients = HttpClients::new(&config.tls).map_err(|error| BadConfig(error.to_string()))?;
        clickhouse = Some(Clickhouse::open(&config.clickhouse, &folder, &clients).await?);
    }
    let hosted: Option<EmbeddedServer> = clickhouse.as_mut().and_then(|clickhouse| clickhouse.server.take());
    let work = Work { config, from, is_dry_run, tell, folder, broker, clickhouse, runtime: Handle::current() };
    let done = tokio::task::spawn_blocking(move || work.run()).await;
    if let Some(server) = hosted {
        server.stop().await;
    }
    done.context("the work ended without a word")?
}

/// Everything that the work takes.
struct Work {
    config: Config,
    from: History,
    is_dry_run: bool,
    tell: fn(&str),
    folder: DataFolder,
    broker: Broker,
    clickhouse: Option<Clickhouse>,
    runtime: Handle,
}

impl Work {
    fn run(self) -> anyhow::Result<Rewritten> {
        let Work { config, from, is_dry_run, tell, folder, broker, clickhouse, runtime } = self;
        let mut obstacles = in_the_way(&broker, detect::GROUP)?;
        obstacles.extend(uncommitted(&broker, &Topic::Events.name(&config.log.topic_prefix))?);
        if let Some(first) = obstacles.first().filter(|_| !is_dry_run) {
            bail!("nothing was written: {first}");
        }
        let mut rewriting = Rewriting::new(&broker, &config.log.topic_prefix)?;
        if !is_dry_run {
            rewriting.take()?;
        }
        let tables = Tables::load(&config, &folder, read_catalogue(&config.catalogue).map_err(BadConfig)?)?;
        let rebuilder = Rebuilder {
            inspector: None,
            broker: broker.clone(),
            topic_prefix: config.log.topic_prefix.clone(),
            enricher: tables.enricher(),
            config: config.detect.clone(),
            client: clickhouse.map(|clickhouse| clickhouse.client),
        };
        let ends = rebuilder.ends(&[])?;
        tell("the history is read");
        let mut pass = rebuilder.pass(from, ends, &runtime, &mut obstacles)?;
        let found = pass.finish();
        obstacles.extend(pass.strangers(config.log.partitions).into_iter().map(|tenant| {
            format!("tenant {tenant:?} has events in another partition than is its own now: they were written before `ledger repartition`")
        }));
        if let Some(first) = obstacles.first().filter(|_| !is_dry_run) {
            bail!("nothing was written: {first}");
        }
        if is_dry_run {
            return Ok(Rewritten { differences: rewriting.differences(&pass)?, obstacles });
        }
        let differences = rewriting.write(&pass, &mut |partition, written, all| {
            tell(&format!("partition {partition}: {written} of {all} entries are written"));
        })?;
        tell("the ledger is read again");
        let says = rebuilt(&broker, &config.log.topic_prefix, &tables.enricher())?;
        for wanted in &found.remembered {
            let is_there = says.iter().any(|one| one.tenant == wanted.tenant && one.hash == wanted.hash);
            if !is_there {
                bail!("{}: the ledger says something else than was rebuilt; do it again", wanted.tenant);
            }
        }
        Ok(Rewritten { differences, obstacles })
    }
}

/// Partitions of which nobody knows how far detection has come: what is written must reach to there, and not beyond.
fn uncommitted(broker: &Broker, events: &str) -> anyhow::Result<Vec<String>> {
    let mut obstacles = Vec::new();
    for partition in 0..broker.partitions(events)? {
        let (_, high) = broker.watermarks(events, partition)?;
        if high > 0 && broker.committed(detect::GROUP, events, partition)?.is_none() {
            obstacles.push(format!(
                "the group {} has committed nothing of partition {partition} of {events}: nobody knows how far detection has come; let it read that partition once",
                detect::GROUP
            ));
        }
    }
    Ok(obstacles)
}
