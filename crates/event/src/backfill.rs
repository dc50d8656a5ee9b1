//! Somebody asked for history: which stretch of a connection's past is to be fetched. How far that has come are cursors like those of live
//! polling, under names of their own, so that what was asked has one writer (whoever is asked) and how far it is another (whoever works).

use crate::Timestamp;

/// An order to fetch history. The latest one of (tenant, connection) counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// The connection's tenant.
    pub tenant: String,
    /// The connection's name in the configuration.
    pub connection: String,
    /// From this time on.
    pub since: Timestamp,
    /// Up to this time, exclusively.
    pub until: Timestamp,
    /// When it was asked for: two orders of one connection differ by it.
    pub asked_at: Timestamp,
    /// Who asked.
    pub asked_by: String,
    /// It is not to go on, wherever it is.
    pub is_cancelled: bool,
}

impl Backfill {
    /// The name under which a feed's cursor of this order is kept. A later order has another, so what an earlier one left is not taken for it.
    #[must_use]
    pub fn cursor_name(&self, feed: &str) -> String {
        format!("backfill:{}:{feed}", self.asked_at.0)
    }
}
