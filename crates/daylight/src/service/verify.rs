//! `verify`: has every event of the log become its one row, and do usage, inventory and alerts say what they should? `reconcile`: mends what
//! has not.
//!
//! Both read the log and every event of the table, which takes as long as it takes: one at a time.

use std::sync::Arc;

use broker::Broker;
use enrichment::Enricher;
use runtime::Shutdown;
use sink::{ReconcileRequest, Reconciler, Reconciliation, Verification};
use store::Client;
use tokio::{runtime::Handle, sync::Mutex};

use super::refused::Refused;

/// Verifies and mends.
#[derive(Clone)]
pub(crate) struct Verifier {
    /// The log.
    pub(crate) broker: Broker,
    /// Before the names of its topics.
    pub(crate) prefix: String,
    /// The tables; nothing where no role of this process uses ClickHouse.
    pub(crate) client: Option<Client>,
    /// What is known of apps and departments: for rows that are formed again.
    pub(crate) enricher: Enricher,
    /// The section `[sink]`.
    pub(crate) config: sink::Config,
    /// The wish to stop.
    pub(crate) shutdown: Shutdown,
    /// Held while somebody verifies or mends.
    pub(crate) turn: Arc<Mutex<()>>,
}

impl Verifier {
    /// Compares the log with the tables.
    pub(crate) async fn verify(self) -> Result<Verification, Refused> {
        let (broker, prefix, client, runtime) =
            (self.broker.clone(), self.prefix.clone(), self.client()?, Handle::current());
        self.alone(move || sink::verify(&broker, &prefix, &client, &runtime)).await
    }

    /// Mends what `verify` would find.
    pub(crate) async fn reconcile(self, request: ReconcileRequest) -> Result<Reconciliation, Refused> {
        let reconciler = Reconciler {
            broker: self.broker.clone(),
            prefix: self.prefix.clone(),
            client: self.client()?,
            enricher: self.enricher.clone(),
            config: self.config.clone(),
            shutdown: self.shutdown.clone(),
            runtime: Handle::current(),
        };
        self.alone(move || reconciler.reconcile(request)).await
    }

    fn client(&self) -> Result<Client, Refused> {
        let reason = "no role of this process uses ClickHouse; ask the process that runs the sink";
        self.client.clone().ok_or_else(|| Refused::Unknown(reason.to_owned()))
    }

    /// Does blocking work off the async threads, unless somebody is at it.
    async fn alone<T: Send + 'static, E: std::error::Error + Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refused> {
        let Ok(_turn) = self.turn.try_lock() else {
            let reason = "somebody verifies or reconciles already; wait until that has ended";
            return Err(Refused::Conflict(reason.to_owned()));
        };
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|error| Refused::Unavailable(format!("it ended without a word: {error}")))?;
        done.map_err(|error| Refused::Unavailable(error.to_string()))
    }
}
