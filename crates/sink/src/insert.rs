//! Lands one sealed batch: every block is sent under its token until the server has answered for it.

use std::time::{Duration, Instant};

use runtime::{Backoff, Shutdown};
use store::{Client, EncodedBlock, InsertOutcome, Refusal};

use crate::{Config, metrics::Metrics};

/// What landing a batch needs.
#[derive(Clone)]
pub(crate) struct Lander {
    /// The server.
    pub(crate) client: Client,
    /// Patience.
    pub(crate) config: Config,
    /// Metrics.
    pub(crate) metrics: Metrics,
    /// The wish to stop.
    pub(crate) shutdown: Shutdown,
    /// Says how ClickHouse fares.
    pub(crate) component: runtime::Component,
}

/// Why a batch did not land.
#[derive(Clone, Debug)]
pub(crate) enum NotLanded {
    /// The process stops; the plan stays, and the next start sends it again.
    Stopping,
    /// The server refuses the block for good.
    Refused {
        /// Of which table.
        table: &'static str,
        /// Why.
        refusal: Refusal,
    },
}

impl Lander {
    /// Sends the blocks in order, each until it is stored.
    pub(crate) async fn land(&self, blocks: &[EncodedBlock], token: &str) -> Result<(), NotLanded> {
        for block in blocks {
            self.land_block(block, token).await?;
        }
        Ok(())
    }

    async fn land_block(&self, block: &EncodedBlock, token: &str) -> Result<(), NotLanded> {
        let timeout = Duration::from_millis(self.config.insert_timeout_ms);
        let mut backoff =
            Backoff::new(Duration::from_millis(100), Duration::from_millis(self.config.retry_wait_max_ms), 4);
        let began = Instant::now();
        loop {
            let outcome = self.client.insert(block, token, timeout).await;
            let (label, reason) = match outcome {
                InsertOutcome::Clean => ("clean", String::new()),
                InsertOutcome::Refused(refusal) => {
                    self.metrics.inserts.with_label_values(&[block.table, "refused"]).inc();
                    return Err(NotLanded::Refused { table: block.table, refusal });
                }
                InsertOutcome::Ambiguous { code, reason } => ("ambiguous", format!("code {code}: {reason}")),
            };
            self.metrics.inserts.with_label_values(&[block.table, label]).inc();
            if label == "clean" {
                self.component.ready();
                let rows = u64::try_from(block.rows).unwrap_or(u64::MAX);
                self.metrics.rows.with_label_values(&[block.table]).inc_by(rows);
                self.metrics.insert_seconds.with_label_values(&[block.table]).observe(began.elapsed().as_secs_f64());
                return Ok(());
            }
            // Nobody knows whether it is stored. The same rows under the same token again are stored once.
            self.component.not_ready(format!("ClickHouse does not confirm inserts: {reason}"));
            let wait = backoff.next_wait();
            tracing::warn!(table = block.table, token, %reason, wait_ms = wait.as_millis(), "insert not confirmed, sending it again");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.shutdown.requested() => return Err(NotLanded::Stopping),
            }
        }
    }
}
