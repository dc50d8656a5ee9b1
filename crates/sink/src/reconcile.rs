//! Mends what `verify` finds: rows that are missing or there too often, from the log while it holds their record; then usage and inventory,
//! from the events of the table.
//!
//! Idempotent, and safe beside a running sink: it touches only what lies below the offset that the sink has committed, where the sink writes
//! no more. What it does twice, or is killed amid, is done again by the next run, because it begins with what is wrong now. Where all is
//! well, it changes nothing.

mod rows;
mod usage;

use broker::Broker;
use codec::Topic;
use enrichment::Enricher;
use event::LogId;
use runtime::{Health, Registry, Shutdown, Standing};
use serde::{Deserialize, Serialize};
use store::Client;
use tokio::runtime::Handle;

use crate::{
    Config, DigestError, PartitionCheck, SinkError, VerifyError,
    grave::Grave,
    insert::Lander,
    metrics::Metrics,
    verify::{LISTED_MAX, differences, records::Walk, sentence, settled},
};

/// What mending needs.
pub struct Reconciler {
    /// The log.
    pub broker: Broker,
    /// What the names of its topics begin with.
    pub prefix: String,
    /// The tables.
    pub client: Client,
    /// What is known of apps, departments and networks.
    pub enricher: Enricher,
    /// The section `[sink]`.
    pub config: Config,
    /// The wish to stop.
    pub shutdown: Shutdown,
    /// Whoever asks waits on it.
    pub runtime: Handle,
}

/// How it is to be done.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReconcileRequest {
    /// Only say what is wrong.
    pub dry_run: bool,
    /// Also send rows again that the table has refused, after it was mended.
    pub refused: bool,
}

/// What was done.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Was nothing changed?
    pub dry_run: bool,
    /// Each partition's rows.
    pub partitions: Vec<MendedRows>,
    /// Cells of usage and apps of the inventory that were mended, or are to be; a sentence each, the first of them.
    pub usage: Vec<String>,
    /// How many these are.
    pub usage_cells: u64,
    /// What is wrong still, a sentence each.
    pub left: Vec<String>,
}

/// The rows of a partition.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct MendedRows {
    /// Which.
    pub partition: u32,
    /// Events that had no row.
    pub missing: u64,
    /// Rows beyond the first at their place.
    pub doubled: u64,
    /// Rows of no event.
    pub stray: u64,
    /// Events that the table had refused: they count as missing only where they are to be sent again.
    pub refused: u64,
    /// Records whose rows were stored anew.
    pub records: u64,
}

/// Why it ended.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// What is wrong could not be found out.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A batch did not land, or a record cannot be read.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// What was in force is not known.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// ClickHouse cannot be asked, or does not do it.
    #[error("cannot mend: {0}; what was done by then stays and does no harm: do it again")]
    Store(#[from] store::StoreError),
}

impl From<broker::ConsumeError> for ReconcileError {
    fn from(error: broker::ConsumeError) -> ReconcileError {
        ReconcileError::Verify(error.into())
    }
}

impl From<broker::OpenError> for ReconcileError {
    fn from(error: broker::OpenError) -> ReconcileError {
        ReconcileError::Verify(error.into())
    }
}

impl Reconciler {
    /// Mends. Blocks, for as long as `verify` takes twice, and longer where much is wrong.
    ///
    /// # Errors
    /// `ReconcileError`; what was mended by then stays.
    pub fn reconcile(&self, request: ReconcileRequest) -> Result<Reconciliation, ReconcileError> {
        let (topic, dead_letters) = (Topic::Events.name(&self.prefix), Topic::DeadLetters.name(&self.prefix));
        let log_id = LogId(self.broker.log_id(&topic)?.0);
        let walk = Walk {
            broker: &self.broker,
            topic: &topic,
            dead_letters: &dead_letters,
            log_id,
            client: &self.client,
            runtime: &self.runtime,
        };
        let mut done = Reconciliation { dry_run: request.dry_run, ..Reconciliation::default() };
        let mut checks = Vec::new();
        let lander = self.lander()?;
        for partition in 0..self.broker.partitions(&topic)? {
            let wrong = rows::find(&walk, partition, request)?;
            let mut mended = MendedRows::of(&wrong.check);
            if !request.dry_run {
                mended.records = rows::mend(self, &walk, &lander, &wrong)?;
            }
            if wrong.left > 0 {
                let (left, low) = (wrong.left, wrong.check.low);
                done.left.push(format!("partition {partition}: {left} records that the log does not hold (before {low}), or beyond {} of one go", rows::RECORDS_MAX));
            }
            done.partitions.push(mended);
            checks.push(wrong.check);
        }
        let settled = settled(log_id, &checks);
        let found = differences(&self.client, &settled, &self.runtime)?;
        done.usage_cells = u64::try_from(found.len()).unwrap_or(u64::MAX);
        done.usage = found.iter().take(LISTED_MAX).map(sentence).collect();
        if !request.dry_run {
            done.left.extend(usage::mend(self, &lander, &settled, found)?);
        }
        Ok(done)
    }

    /// What lands rows. Its metrics go nowhere: those of the sink tell of the path of events.
    fn lander(&self) -> Result<Lander, SinkError> {
        let metrics = Metrics::register(&Registry::new()).map_err(|error| SinkError::Start(error.to_string()))?;
        let grave = Grave { broker: self.broker.clone(), topic: Topic::DeadLetters.name(&self.prefix) };
        Ok(Lander {
            client: self.client.clone(),
            config: self.config.clone(),
            component: Standing::new(Health::new().component("reconcile"), metrics.halted.clone()),
            metrics,
            shutdown: self.shutdown.clone(),
            grave,
            mark: std::sync::Arc::default(),
        })
    }
}

impl MendedRows {
    fn of(check: &PartitionCheck) -> MendedRows {
        let PartitionCheck { partition, missing, doubled, stray, refused, .. } = *check;
        MendedRows { partition, missing, doubled, stray, refused, records: 0 }
    }
}

impl Reconciliation {
    /// Was nothing wrong?
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let is_idle = |rows: &MendedRows| rows.missing + rows.doubled + rows.stray + rows.records == 0;
        self.usage_cells == 0 && self.partitions.iter().all(is_idle)
    }
}
