//! What is expected of a connection: that it speaks, and how soon again. Whoever calls a figure partial needs it, and has no configuration of
//! connections.

use crate::Timestamp;

/// What is expected of one connection. The latest record of (tenant, connection) counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The connection's tenant.
    pub tenant: String,
    /// The connection's name in the configuration.
    pub connection: String,
    /// Since when it is configured.
    pub since: Timestamp,
    /// A pause that is longer is a silence; 0 where nothing is expected. Milliseconds.
    pub silent_after_ms: i64,
    /// When it last delivered a native event, history aside, to the nearest minutes; missing when it never has.
    pub heard_at: Timestamp,
    /// When this was written.
    pub noted_at: Timestamp,
}
