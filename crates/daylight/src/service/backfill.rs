//! `backfill`: history of a polled connection, ordered, asked after, cancelled. The work is `ingest`'s; here its refusals get their numbers.

use event::Timestamp;
use ingest::{BackfillDesk, BackfillError, BackfillRequest, BackfillStatus};
use serde::{Deserialize, Serialize};

use super::refused::Refused;

/// What is asked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum BackfillAsk {
    /// Fetch this.
    Order(BackfillRequest),
    /// How far is it?
    Status {
        /// The connection.
        connection: String,
    },
    /// Do not go on.
    Cancel {
        /// The connection.
        connection: String,
        /// Who asks.
        asked_by: String,
    },
}

/// Answers.
pub(crate) async fn answer(desk: BackfillDesk, ask: BackfillAsk, now: Timestamp) -> Result<BackfillStatus, Refused> {
    let answered = match ask {
        BackfillAsk::Order(request) => desk.order(&request, now).await,
        BackfillAsk::Status { connection } => desk.status(&connection).await,
        BackfillAsk::Cancel { connection, asked_by } => desk.cancel(&connection, &asked_by).await,
    };
    answered.map_err(|error| {
        let sentence = error.to_string();
        match error {
            BackfillError::NotHere | BackfillError::Unknown { .. } | BackfillError::NoneOrdered(_) => {
                Refused::Unknown(sentence)
            }
            BackfillError::NotPolled(_) | BackfillError::Invalid(_) => Refused::Invalid(sentence),
            BackfillError::Running { .. } | BackfillError::Ended { .. } => Refused::Conflict(sentence),
            BackfillError::Read(_) | BackfillError::Write(_) | BackfillError::Internal(_) => {
                Refused::Unavailable(sentence)
            }
        }
    })
}
