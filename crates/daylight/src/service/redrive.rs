//! `redrive`: the process that receives events puts dead letters through again.

use std::sync::{Arc, OnceLock};

use ingest::{RedriveAnswer, RedriveError, RedriveRequest, Redriver};

use super::refused::Refused;

/// Whoever redrives, once the role that receives has started in this process.
#[derive(Clone, Default)]
pub(crate) struct Redriving(Arc<OnceLock<Redriver>>);

impl Redriving {
    /// The role has started.
    pub(crate) fn set(&self, redriver: Redriver) {
        self.0.set(redriver).ok();
    }

    /// Does it.
    pub(crate) async fn redrive(self, request: RedriveRequest) -> Result<RedriveAnswer, Refused> {
        let reason = request.reason.as_str();
        if !reason.is_empty() && !event::RejectReason::NAMES.contains(&reason) {
            let known = event::RejectReason::NAMES.join(", ");
            return Err(Refused::Invalid(format!("{reason:?} is no reason; there are {known}")));
        }
        let Some(redriver) = self.0.get().cloned() else {
            return Err(Refused::Unknown("this process does not receive events; ask the one that does".to_owned()));
        };
        let done = tokio::task::spawn_blocking(move || redriver.redrive(&request)).await;
        let done = done.map_err(|error| Refused::Unavailable(format!("it ended without a word: {error}")))?;
        done.map_err(|error| match error {
            RedriveError::Busy => Refused::Conflict(error.to_string()),
            error => Refused::Unavailable(error.to_string()),
        })
    }
}
