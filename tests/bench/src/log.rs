//! The log of one run: topics of the Kafka that all runs share, or a folder of its own with a copy of what was filled before. Above it, the
//! cases do not know which.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use broker::{Broker, Limits, Polled, StartAt};
use stages::workload::Workload;
use tempfile::TempDir;
use tests::{poll, servers::Setup};

use crate::{
    preload::{Loaded, empty_ledger, fill_ledger, make_topics},
    stack::Servers,
};

/// Where the embedded log lies in a data folder.
const LOG_FOLDER: &str = "log";
/// How long a group may take to have its partitions.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(90);

/// The log of one run.
pub(crate) enum Log<'s> {
    Kafka { servers: &'s Servers, prefix: String, partitions: u32 },
    Embedded { folder: TempDir, partitions: u32 },
}

impl<'s> Log<'s> {
    /// What was loaded, with an empty ledger and no alert; the groups have read nothing.
    pub(crate) fn open(servers: &'s Servers, loaded: &Loaded, groups: &[&str]) -> anyhow::Result<Log<'s>> {
        let partitions = loaded.partitions;
        let Some(filled) = &loaded.folder else {
            groups.iter().try_for_each(|group| servers.forget_group(group))?;
            // A start reads it, and another run may have filled it.
            empty_ledger(&servers.broker, &loaded.prefix, partitions)?;
            return Ok(Log::Kafka { servers, prefix: loaded.prefix.clone(), partitions });
        };
        let folder = folder()?;
        copy(filled, folder.path())?;
        Ok(Log::Embedded { folder, partitions })
    }

    /// Topics without a record, on the engine of what was loaded: what a start costs is measured on them.
    pub(crate) fn empty(servers: &'s Servers, loaded: &Loaded) -> anyhow::Result<Log<'s>> {
        let (partitions, prefix) = (loaded.partitions, format!("empty.{}.", loaded.partitions));
        let log = match loaded.folder {
            None => Log::Kafka { servers, prefix, partitions },
            Some(_) => Log::Embedded { folder: folder()?, partitions },
        };
        log.with(|broker, prefix| make_topics(broker, prefix, partitions))?;
        Ok(log)
    }

    /// The ledger as it was before the day.
    pub(crate) fn fill_ledger(&self, workload: &Workload) -> anyhow::Result<()> {
        self.with(|broker, prefix| fill_ledger(broker, prefix, self.partitions(), workload))
    }

    /// Nothing is left to do for a group: it has read every event.
    pub(crate) fn finish_group(&self, group: &str, topic: &str) -> anyhow::Result<()> {
        self.with(|broker, _| {
            let mut consumer = broker.consumer(group, topic, StartAt::Earliest)?;
            let mut mine = Vec::new();
            poll(ASSIGNED_WITHIN, "the group has its partitions", || {
                if let Polled::Assigned(more) = consumer.poll(Duration::from_millis(20), 1, &mut |_| {})? {
                    mine.extend(more.into_iter().map(|assignment| (assignment.partition, assignment.high)));
                }
                ensure!(mine.len() == self.partitions() as usize, "it has {mine:?}");
                Ok(())
            })?;
            mine.into_iter().try_for_each(|(partition, end)| Ok(consumer.commit(partition, end, "")?))
        })
    }

    /// Has a group read every event?
    pub(crate) fn is_committed(&self, group: &str, topic: &str) -> anyhow::Result<()> {
        self.with(|broker, _| {
            for partition in 0..self.partitions() {
                let (_, end) = broker.watermarks(topic, partition)?;
                let committed = broker.committed(group, topic, partition)?.map(|committed| committed.offset);
                ensure!(committed == Some(end) || end == 0, "partition {partition}: {committed:?} of {end}");
            }
            Ok(())
        })
    }

    /// Does something with it. The embedded one must not be open elsewhere at the time.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Broker, &str) -> anyhow::Result<T>) -> anyhow::Result<T> {
        match self {
            Log::Kafka { servers, prefix, .. } => work(&servers.broker, prefix),
            Log::Embedded { folder, .. } => {
                let broker = Broker::open_embedded(&folder.path().join(LOG_FOLDER), Limits::default())?;
                work(&broker, "")
            }
        }
    }

    /// Tells a Daylight of it.
    pub(crate) fn configure(&self, setup: Setup) -> Setup {
        let setup = setup.set("log.partitions", i64::from(self.partitions()));
        match self {
            Log::Kafka { servers, prefix, .. } => {
                setup.kafka(&servers.kafka.bootstrap).set("log.topic_prefix", prefix.as_str())
            }
            Log::Embedded { folder, .. } => setup.data_folder(folder.path()),
        }
    }

    pub(crate) fn partitions(&self) -> u32 {
        match self {
            Log::Kafka { partitions, .. } | Log::Embedded { partitions, .. } => *partitions,
        }
    }
}

/// Opens the embedded log of a data folder.
pub(crate) fn open_embedded(data: &Path) -> anyhow::Result<Broker> {
    Ok(Broker::open_embedded(&data.join(LOG_FOLDER), Limits::default())?)
}

/// A data folder.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    tempfile::Builder::new().prefix("bench-").tempdir().context("making a data folder")
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("copying {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Bytes of the files of a folder.
pub(crate) fn bytes_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        bytes += if kind.is_dir() { bytes_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
