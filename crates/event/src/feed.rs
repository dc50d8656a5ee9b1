//! How far a poller has come with one feed: what must be remembered to go on where it stopped, whichever process goes on.
//!
//! A *feed* is one list of a provider that is fetched page by page (Okta's System Log, Graph's sign-ins). A connection has one or several.

use crate::{Timestamp, closed_set::closed_set};

closed_set! {
    /// How the polling of a feed goes, in a word that an operator can act on.
    PollState {
        /// Pages come.
        Polling => "polling",
        /// The provider said when to come again.
        Waiting => "waiting",
        /// The provider does not take our credential: it was revoked, has ended, or is wrong.
        NoLogin => "no_login",
        /// The credential is good and lacks a permission.
        MissingPermission => "missing_permission",
        /// What comes is not what the provider documents.
        Unreadable => "unreadable",
        /// Nobody answers, or only with failures.
        Unreachable => "unreachable",
        /// The pages cannot be given to our own log.
        LogAway => "log_away",
    }
}

/// How far one feed has come. The latest record of (tenant, connection, feed) counts; an older one does no harm, because a page that is
/// fetched twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedCursor {
    /// The connection's tenant.
    pub tenant: String,
    /// The connection's name in the configuration.
    pub connection: String,
    /// The feed's name within the connection; of a back-fill, `Backfill::cursor_name`.
    pub feed: String,
    /// The API that it is read from, as the configuration names it.
    pub api: String,
    /// Where the next page is; only the API's own poller reads it. Empty: begin at `complete_to`.
    pub position: String,
    /// Everything that the provider had up to this time is in the log, as far as it told; late events are what the overlap is for.
    pub complete_to: Timestamp,
    /// How it goes.
    pub state: PollState,
    /// What is missing or wrong, in a sentence without secrets or payload; empty while pages come.
    pub detail: String,
    /// Not asked again before; missing when nothing is waited for.
    pub waits_until: Timestamp,
    /// When a page last brought events; missing when none has.
    pub heard_at: Timestamp,
    /// When this was written.
    pub updated_at: Timestamp,
    /// Pages whose events the log has.
    pub pages: u64,
    /// Native events in them.
    pub events: u64,
    /// Second copies among them: what overlaps and repetitions cost.
    pub duplicates: u64,
    /// How often the provider did not know its own cursor any more, and the feed was read again from a time.
    pub rereads: u64,
}
