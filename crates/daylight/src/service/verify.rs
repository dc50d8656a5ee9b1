//! `verify`: has every event of the log become its one row, and do usage and inventory say what the rows say?
//!
//! It reads the log and every event of the table, which takes as long as it takes: one at a time.

use std::sync::Arc;

use broker::Broker;
use sink::Verification;
use store::Client;
use tokio::{runtime::Handle, sync::Mutex};

use super::refused::Refused;

/// Verifies.
#[derive(Clone)]
pub(crate) struct Verifier {
    /// The log.
    pub(crate) broker: Broker,
    /// Before the names of its topics.
    pub(crate) prefix: String,
    /// The tables; nothing where no role of this process uses ClickHouse.
    pub(crate) client: Option<Client>,
    /// Held while somebody verifies.
    pub(crate) turn: Arc<Mutex<()>>,
}

impl Verifier {
    /// Compares the log with the tables.
    pub(crate) async fn verify(self) -> Result<Verification, Refused> {
        let Some(client) = self.client else {
            let reason = "no role of this process uses ClickHouse; ask the process that runs the sink";
            return Err(Refused::Unknown(reason.to_owned()));
        };
        let Ok(_turn) = self.turn.try_lock() else {
            return Err(Refused::Conflict("somebody verifies already; wait until that has ended".to_owned()));
        };
        let (broker, prefix, runtime) = (self.broker, self.prefix, Handle::current());
        let verifying = tokio::task::spawn_blocking(move || sink::verify(&broker, &prefix, &client, &runtime));
        let verified =
            verifying.await.map_err(|error| Refused::Unavailable(format!("it ended without a word: {error}")))?;
        verified.map_err(|error| Refused::Unavailable(error.to_string()))
    }
}
