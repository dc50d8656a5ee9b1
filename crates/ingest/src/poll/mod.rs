//! Pollers: what a provider lists is fetched page by page, and each page goes the way of any delivery.
//!
//! ```text
//! owner (whoever has the partition of `cursors`) ─► one task a feed:
//!     login ─► Feed::ask ─► http ─► Feed::understand ─► pace ─► accept (the log acknowledges) ─► cursor (the log acknowledges) ─► rest
//! ```
//!
//! A protocol is one small file: what to ask next for a place, and what an answer means. Both are pure functions, so that each odd answer of
//! a provider is a line in a test. Everything else is shared: who polls (`owner`), patience (`pace`), tokens (`login`), limits (`http`), the
//! loop (`poller`).
//!
//! The cursor moves only after the log has acknowledged the page's events. So a page may be fetched twice, never lost; and what comes twice
//! has the same `event_id`. For the same reason an older cursor does no harm, whoever writes it: pages are repeated.
//!
//! History is fetched by the same loop (`backfills`): somebody orders it (`desk`), the order is a record of the log, and whoever polls the
//! connection works it off beside the live feed, with a cursor of its own.

mod answer;
mod backfills;
mod check;
mod config;
mod cursors;
mod desk;
mod gaps;
mod google;
mod graph;
mod http;
mod http_date;
mod jwt;
mod login;
mod microsoft;
mod office365;
mod okta;
mod owner;
mod pace;
mod poller;
mod polling;
mod service_account;
mod service_app;
mod setup;
mod stretch;
mod url;
mod walk;

use event::{Fact, Timestamp};

use self::{answer::Answer, stretch::Stretch};
pub use self::{
    check::{Checked, check},
    config::{Api, PollConfig},
    cursors::PollError,
    desk::{BackfillDesk, BackfillError, BackfillRequest, BackfillStage, BackfillStatus, FeedProgress},
};
pub(crate) use self::{
    polling::Polling,
    setup::{client_id, open, plan},
};

/// One feed of a provider's API. Pure: the loop does the asking.
pub(crate) trait Feed: Send + Sync {
    /// Its name within the connection. Part of the cursor's key, so it never changes.
    fn name(&self) -> &'static str;

    /// What it can tell: which rules can work depends on it.
    fn tells(&self) -> &'static [Fact];

    /// What it leaves out of that, in a sentence; empty where there is nothing to say.
    fn leaves_out(&self) -> &'static str {
        ""
    }

    /// The same list, bounded: what a back-fill fetches. A place of it begins at the stretch's `since`, and it has ended when `complete_to`
    /// is its `until`, which no page reaches before the last one.
    fn history(&self, stretch: Stretch) -> Box<dyn Feed>;

    /// For how long the provider keeps its events, so that whoever was away for longer knows of a gap. Milliseconds; `None` where the
    /// provider says `Gone` by itself.
    fn kept_ms(&self) -> Option<i64>;

    /// The next request, for where the feed stands.
    fn ask(&self, place: &Place) -> Ask;

    /// What a status means whichever request it answers; `Answer::refusal`, unless the provider says more in the body.
    fn refusal(&self, answer: &Answer, now: Timestamp) -> Option<Meaning> {
        answer.refusal(now)
    }

    /// What the answer means: 200, or a refusal that `Answer::refusal` leaves to the provider (400, 403, 404, 410 …). `now` is the
    /// provider's clock where it told the time, else ours.
    fn understand(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning;
}

/// Where a feed stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the next page is, in words that only the feed itself reads. Empty: begin at `complete_to`, less the overlap.
    pub(crate) position: String,
    /// Everything that the provider had up to this time has been fetched.
    pub(crate) complete_to: Timestamp,
}

/// A request. The loop adds `Authorization`, the time-out and the limits. No `Debug`: the form of a login holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Where. Beside the login's, it must be on the host of the configuration.
    pub(crate) url: String,
    /// `None` is a GET; else a POST with this body, a form.
    pub(crate) form: Option<String>,
}

impl Ask {
    /// A GET.
    pub(crate) fn get(url: String) -> Ask {
        Ask { url, form: None }
    }
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A page.
    Page(Page),
    /// What was asked for is not there any more and never will be. It is told, because it is a loss, and the feed goes on behind it.
    Gone {
        /// Where the feed goes on. Without events.
        page: Page,
        /// What is gone, without payload.
        why: String,
        /// Of which time, by the provider's clock: from, to.
        of: (Timestamp, Timestamp),
    },
    /// Come again, not before so many milliseconds where the provider said so.
    Wait {
        /// What the provider said, if it said something.
        told_ms: Option<u64>,
    },
    /// The token is not taken (any more).
    TokenEnded,
    /// No token is given for our credential.
    LoginRefused {
        /// Why, in a sentence.
        why: String,
    },
    /// The credential is good and may not do this.
    PermissionMissing {
        /// Its exact name, as an administrator must grant it.
        name: String,
    },
    /// The provider does not know the place any more: read again from `complete_to`, less the overlap.
    CursorUnknown,
    /// Not what the provider documents. The page is asked for again, more and more slowly.
    Broken {
        /// What is wrong, without payload.
        why: String,
    },
    /// No answer, or a failure of the server's.
    Unreachable {
        /// Why, without URL and payload.
        why: String,
        /// When to come again, if the provider said so.
        told_ms: Option<u64>,
    },
}

/// A page that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Does the body hold events? It is handed over whole: splitting finds the array in it.
    pub(crate) has_events: bool,
    /// Where the feed stands behind it.
    pub(crate) next: Place,
    /// How long to rest before the next request. Milliseconds.
    pub(crate) rest_ms: u64,
}
