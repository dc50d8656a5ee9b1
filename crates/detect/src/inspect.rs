//! What detection remembers, for operators and for the checker: a hash of each tenant's memory, as it lives and as the ledger would rebuild it.
//!
//! Two processes that have read the same log remember the same, whatever faults came between; and so does one that reads nothing but the
//! ledger. Hashes are comparable between processes of one version.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use broker::Broker;
use codec::Topic;
use detection::Engine;
use enrichment::Enricher;

use crate::{Config, DetectError, ledger::Restoring, work::Work};

/// How long the loop may take to answer: it does so between two batches, and a hash of ten million pairs takes seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// What is remembered of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The tenant.
    pub tenant: String,
    /// Its partition.
    pub partition: u32,
    /// The next offset of `events` that is read; 0 for what was rebuilt from the ledger alone.
    pub next_offset: u64,
    /// Pairs of app and person.
    pub pairs: usize,
    /// Of everything: apps, pairs, episodes, connections, what waits.
    pub hash: u128,
}

/// Asks a running `detect`. Clones ask the same.
#[derive(Clone, Debug, Default)]
pub struct Inspector(Arc<Mutex<Vec<mpsc::Sender<Vec<Remembered>>>>>);

impl Inspector {
    /// What is remembered of the partitions that are ours now, by tenant. Blocks until the loop has done its batch; `None` when it does not
    /// answer within a minute.
    #[must_use]
    pub fn ask(&self) -> Option<Vec<Remembered>> {
        let (sender, receiver) = mpsc::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver.recv_timeout(ANSWERS_WITHIN).ok()
    }

    /// Has anybody asked?
    pub(crate) fn is_asked(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Answers whoever has asked.
    pub(crate) fn answer(&self, work: &Work, progress: &BTreeMap<u32, u64>) {
        let asked = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let remembered = remembered(work, progress);
        for sender in asked {
            // Whoever asked may have lost patience.
            sender.send(remembered.clone()).ok();
        }
    }
}

/// What a process would remember that knew nothing but the ledger. Reads all of it; blocks.
///
/// # Errors
/// `DetectError` when the log cannot be read, or holds what this version cannot.
pub fn rebuilt(broker: &Broker, topic_prefix: &str, enricher: &Enricher) -> Result<Vec<Remembered>, DetectError> {
    let ledger = Topic::Ledger.name(topic_prefix);
    let mut all = Vec::new();
    let partitions = broker.partitions(&ledger)?;
    for partition in 0..partitions {
        let mut work = Work::new(enricher.clone(), Engine::new(Config::default().settings()));
        let (mut restoring, mut flaw) = (Restoring::of(partition, partitions), None);
        broker.read(&ledger, partition, None, &mut |record| {
            let taken = restoring.take(record.key, record.value, &mut work.engine, &mut work.enricher);
            if let Err(source) = taken {
                flaw.get_or_insert(DetectError::Decode { partition, offset: record.offset, source });
            }
        })?;
        if let Some(flaw) = flaw {
            return Err(flaw);
        }
        let undecodable = |source| DetectError::Decode { partition, offset: 0, source };
        work.restored(partition, restoring, &(0..0)).map_err(undecodable)?;
        all.append(&mut remembered(&work, &BTreeMap::new()));
    }
    all.sort_unstable_by(|a, b| a.tenant.cmp(&b.tenant));
    Ok(all)
}

/// What is remembered, by tenant.
pub(crate) fn remembered(work: &Work, progress: &BTreeMap<u32, u64>) -> Vec<Remembered> {
    let tenant = |(partition, tenant): (u32, &str)| {
        Some(Remembered {
            tenant: tenant.to_owned(),
            partition,
            next_offset: progress.get(&partition).copied().unwrap_or_default(),
            pairs: work.engine.tenant_pairs(tenant),
            hash: work.engine.tenant_hash(tenant)?,
        })
    };
    let mut all: Vec<Remembered> = work.partitioned_tenants().filter_map(tenant).collect();
    all.sort_unstable_by(|a, b| a.tenant.cmp(&b.tenant));
    all
}
