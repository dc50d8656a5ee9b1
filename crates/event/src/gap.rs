//! A time of which a connection could not tell everything: what happened then is not known, which is another thing than that nothing did.

use crate::{Timestamp, closed_set::closed_set};

closed_set! {
    /// Why a time is missing.
    GapReason {
        /// The provider said that something is not there any more which it had listed.
        Gone => "gone",
        /// Nobody fetched for longer than the provider keeps its events.
        NotKept => "not_kept",
    }
}

/// One gap of a feed. The latest record of (tenant, connection, feed, reason, from) counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The connection's tenant.
    pub tenant: String,
    /// The connection's name in the configuration.
    pub connection: String,
    /// The feed's name within the connection.
    pub feed: String,
    /// Why.
    pub reason: GapReason,
    /// From when on something may be missing, by the provider's clock.
    pub from: Timestamp,
    /// Up to when.
    pub to: Timestamp,
    /// What exactly, in a sentence without payload.
    pub detail: String,
    /// When it was found.
    pub noted_at: Timestamp,
}
