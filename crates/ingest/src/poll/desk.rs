//! Where history is ordered, asked after, and cancelled. An order is a record of the log and nothing else: whoever polls the connection, in this
//! process or another, sees it there. So it outlives whoever typed it and whoever works on it, and asking after it is reading the log.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use broker::AppendError;
use event::{Backfill, FeedCursor, Timestamp};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::{
    Api,
    cursors::{Cursors, PollError, Seen},
    poller::Poller,
};
use crate::ConnectionConfig;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;
/// The finest that every API takes. Milliseconds.
const SECOND_MS: i64 = 1_000;

/// The desk. Closed until this process polls; a clone is the same desk.
#[derive(Clone, Default)]
pub struct BackfillDesk(Arc<OnceLock<Inner>>);

struct Inner {
    cursors: Cursors,
    /// Connection → what is polled of it; nothing for one that is not polled.
    connections: HashMap<String, Option<Polled>>,
    seen: Mutex<HashMap<u32, Seen>>,
}

/// What is polled of a connection.
#[derive(Clone)]
struct Polled {
    tenant: String,
    api: Api,
    feeds: Vec<&'static str>,
}

/// What is ordered.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackfillRequest {
    /// The connection.
    pub connection: String,
    /// From when on. Milliseconds since 1970.
    pub since_ms: i64,
    /// Up to when; 0 for where live polling has begun to see everything, which is now at the latest. Milliseconds since 1970.
    pub until_ms: i64,
    /// Who asks.
    pub asked_by: String,
}

/// How it stands with an order.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillStage {
    /// It is, or will be, worked on.
    Running,
    /// Everything was fetched.
    Done,
    /// Somebody has cancelled it.
    Cancelled,
}

/// The latest order of a connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct BackfillStatus {
    /// The connection.
    pub connection: String,
    /// The API.
    pub api: String,
    /// How it stands.
    pub stage: BackfillStage,
    /// From when on. Milliseconds since 1970.
    pub since_ms: i64,
    /// Up to when. Milliseconds since 1970.
    pub until_ms: i64,
    /// When it was ordered. Milliseconds since 1970.
    pub asked_at_ms: i64,
    /// By whom.
    pub asked_by: String,
    /// How far each feed is.
    pub feeds: Vec<FeedProgress>,
}

/// How far one feed is with an order.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct FeedProgress {
    /// The feed.
    pub feed: String,
    /// Everything before this time is fetched. Milliseconds since 1970.
    pub complete_to_ms: i64,
    /// Pages that the log has.
    pub pages: u64,
    /// Native events in them.
    pub events: u64,
    /// Those that were there already.
    pub duplicates: u64,
    /// How it goes: a `PollState`; empty before anybody has begun.
    pub state: String,
    /// What is missing or wrong.
    pub detail: String,
    /// When this was last written; 0 before anybody has begun. Milliseconds since 1970.
    pub updated_at_ms: i64,
}

/// Why nothing was ordered, cancelled or told.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The role is another process's.
    #[error("this process does not fetch events; ask one that runs ingest")]
    NotHere,
    /// No such connection.
    #[error("there is no connection {connection:?}; the configuration has {known}")]
    Unknown {
        /// What was asked for.
        connection: String,
        /// What there is.
        known: String,
    },
    /// What is delivered cannot be fetched.
    #[error(
        "connection {0:?} is not polled, and only what is polled can be asked for its history; give it [connections.poll], or send files with `daylight replay`"
    )]
    NotPolled(String),
    /// The times make no sense.
    #[error("{0}")]
    Invalid(String),
    /// One at a time.
    #[error(
        "a back-fill of {connection:?} from {since} to {until} is running already; watch it with `daylight backfill {connection}`, or end it with --cancel"
    )]
    Running {
        /// The connection.
        connection: String,
        /// From when on.
        since: Timestamp,
        /// Up to when.
        until: Timestamp,
    },
    /// Nothing to tell, nothing to cancel.
    #[error("no history of {0:?} was ever ordered; order it with --since")]
    NoneOrdered(String),
    /// It came to its end before.
    #[error("the back-fill of {connection:?} is {stage} already; there is nothing to cancel")]
    Ended {
        /// The connection.
        connection: String,
        /// `done` or `cancelled`.
        stage: &'static str,
    },
    /// The log cannot be read.
    #[error("how far it is cannot be read: {0}")]
    Read(#[from] PollError),
    /// The log does not take the order.
    #[error("nothing was ordered: the log does not take it: {0}")]
    Write(#[from] AppendError),
    /// A defect of ours.
    #[error("the work ended without a word: {0}")]
    Internal(String),
}

impl BackfillDesk {
    /// Opens it: this process polls.
    pub(crate) fn open(&self, cursors: Cursors, pollers: &[Arc<Poller>], configs: &[ConnectionConfig]) {
        let mut connections: HashMap<String, Option<Polled>> =
            configs.iter().map(|config| (config.id.clone(), None)).collect();
        for poller in pollers {
            let (tenant, api) = (poller.connection.tenant.clone(), poller.api);
            let entry = connections.entry(poller.connection.id.clone()).or_default();
            entry.get_or_insert_with(|| Polled { tenant, api, feeds: Vec::new() }).feeds.push(poller.feed.name());
        }
        // Opened once, by the one ingest of the process.
        self.0.set(Inner { cursors, connections, seen: Mutex::default() }).ok();
    }

    /// Orders history. It is on its way when this returns, whoever works on it.
    ///
    /// # Errors
    /// `BackfillError`; of those, `Write` alone may have happened all the same.
    pub async fn order(&self, request: &BackfillRequest, now: Timestamp) -> Result<BackfillStatus, BackfillError> {
        let polled = self.polled(&request.connection)?;
        let (latest, live_to) = self.look(&request.connection, &polled).await?;
        if let Some(BackfillStatus { stage: BackfillStage::Running, since_ms, until_ms, .. }) = latest {
            let (connection, since, until) = (request.connection.clone(), Timestamp(since_ms), Timestamp(until_ms));
            return Err(BackfillError::Running { connection, since, until });
        }
        let (since, until) = stretch(request, polled.api, live_to, now)?;
        let order = Backfill {
            tenant: polled.tenant.clone(),
            connection: request.connection.clone(),
            since,
            until,
            asked_at: now,
            asked_by: request.asked_by.clone(),
            is_cancelled: false,
        };
        self.inner()?.cursors.order(&order).await?;
        tracing::info!(connection = %order.connection, %since, %until, asked_by = %order.asked_by, "history is ordered");
        self.status(&request.connection).await
    }

    /// How it stands with the latest order of a connection.
    ///
    /// # Errors
    /// `NoneOrdered`, and as `order`.
    pub async fn status(&self, connection: &str) -> Result<BackfillStatus, BackfillError> {
        let polled = self.polled(connection)?;
        let (latest, _) = self.look(connection, &polled).await?;
        latest.ok_or_else(|| BackfillError::NoneOrdered(connection.to_owned()))
    }

    /// Cancels what runs. A page in work still comes into the log.
    ///
    /// # Errors
    /// `NoneOrdered`, `Ended`, and as `order`.
    pub async fn cancel(&self, connection: &str, asked_by: &str) -> Result<BackfillStatus, BackfillError> {
        let latest = self.status(connection).await?;
        let stage = match latest.stage {
            BackfillStage::Running => None,
            BackfillStage::Done => Some("done"),
            BackfillStage::Cancelled => Some("cancelled"),
        };
        if let Some(stage) = stage {
            return Err(BackfillError::Ended { connection: connection.to_owned(), stage });
        }
        let order = Backfill {
            tenant: self.polled(connection)?.tenant,
            connection: connection.to_owned(),
            since: Timestamp(latest.since_ms),
            until: Timestamp(latest.until_ms),
            asked_at: Timestamp(latest.asked_at_ms),
            asked_by: latest.asked_by,
            is_cancelled: true,
        };
        self.inner()?.cursors.order(&order).await?;
        tracing::info!(connection, asked_by, "history is cancelled");
        self.status(connection).await
    }

    fn inner(&self) -> Result<&Inner, BackfillError> {
        self.0.get().ok_or(BackfillError::NotHere)
    }

    fn polled(&self, connection: &str) -> Result<Polled, BackfillError> {
        let connections = &self.inner()?.connections;
        match connections.get(connection) {
            Some(Some(polled)) => Ok(polled.clone()),
            Some(None) => Err(BackfillError::NotPolled(connection.to_owned())),
            None => {
                let mut known: Vec<&str> = connections.keys().map(String::as_str).collect();
                known.sort_unstable();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(BackfillError::Unknown { connection: connection.to_owned(), known })
            }
        }
    }

    /// Reads the log on: the latest order of a connection, and how far live polling has come with all of its feeds.
    async fn look(
        &self,
        connection: &str,
        polled: &Polled,
    ) -> Result<(Option<BackfillStatus>, Option<Timestamp>), BackfillError> {
        let (desk, connection, polled) = (self.clone(), connection.to_owned(), polled.clone());
        let work = tokio::task::spawn_blocking(move || desk.look_now(&connection, &polled));
        work.await.unwrap_or_else(|error| Err(BackfillError::Internal(error.to_string())))
    }

    fn look_now(
        &self,
        connection: &str,
        polled: &Polled,
    ) -> Result<(Option<BackfillStatus>, Option<Timestamp>), BackfillError> {
        let inner = self.inner()?;
        // What was read stays true, whatever a panic elsewhere interrupted.
        let mut partitions = inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let partition = inner.cursors.partition_of(&polled.tenant);
        let seen = partitions.entry(partition).or_default();
        inner.cursors.read_on(partition, seen)?;
        let order = seen.backfill(&polled.tenant, connection);
        let live = polled.feeds.iter().filter_map(|feed| seen.feed(&polled.tenant, connection, feed));
        Ok((order.map(|order| status(seen, order, polled)), live.map(|cursor| cursor.complete_to).min()))
    }
}

fn status(seen: &Seen, order: &Backfill, polled: &Polled) -> BackfillStatus {
    let is_done = polled.feeds.iter().all(|feed| seen.is_done(order, feed));
    let stage = match (is_done, order.is_cancelled) {
        (true, _) => BackfillStage::Done,
        (false, true) => BackfillStage::Cancelled,
        (false, false) => BackfillStage::Running,
    };
    let feeds = polled.feeds.iter().map(|feed| progress(feed, order, seen.progress(order, feed)));
    BackfillStatus {
        connection: order.connection.clone(),
        api: polled.api.as_str().to_owned(),
        stage,
        since_ms: order.since.0,
        until_ms: order.until.0,
        asked_at_ms: order.asked_at.0,
        asked_by: order.asked_by.clone(),
        feeds: feeds.collect(),
    }
}

fn progress(feed: &str, order: &Backfill, cursor: Option<&FeedCursor>) -> FeedProgress {
    let Some(cursor) = cursor else {
        return FeedProgress { feed: feed.to_owned(), complete_to_ms: order.since.0, ..FeedProgress::default() };
    };
    FeedProgress {
        feed: feed.to_owned(),
        complete_to_ms: cursor.complete_to.0,
        pages: cursor.pages,
        events: cursor.events,
        duplicates: cursor.duplicates,
        state: cursor.state.as_str().to_owned(),
        detail: cursor.detail.clone(),
        updated_at_ms: cursor.updated_at.0,
    }
}

/// What is to be fetched, in whole seconds. Without an end: up to where live polling has everything, so that no event that live polling has not
/// seen yet comes as history, which would page nobody.
fn stretch(
    request: &BackfillRequest,
    api: Api,
    live_to: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), BackfillError> {
    let second = |at: Timestamp| Timestamp(at.0 - at.0.rem_euclid(SECOND_MS));
    let live_to = live_to.filter(|at| at.is_some()).unwrap_or(now).min(now);
    let until = if request.until_ms == 0 { live_to } else { Timestamp(request.until_ms) };
    let (since, until) = (second(Timestamp(request.since_ms)), second(until));
    let invalid = |why: String| Err(BackfillError::Invalid(why));
    if until > now {
        return invalid(format!("{until} is not history yet; what comes is polled anyway"));
    }
    if since >= until {
        return invalid(format!("nothing lies between {since} and {until}; --since must be before --until"));
    }
    let (days, first) = (api.history_days(), now.plus_ms(-api.history_days() * DAY_MS));
    if since < first {
        let first = second(first.plus_ms(60 * SECOND_MS));
        let api = api.as_str();
        return invalid(format!(
            "the api {api} goes back {days} days and not to {since}; the earliest that can be had is --since {first}"
        ));
    }
    Ok((since, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_772_356_200_500);

    fn asked(since_days: i64, until_ms: i64) -> BackfillRequest {
        BackfillRequest { since_ms: NOW.0 - since_days * DAY_MS, until_ms, ..BackfillRequest::default() }
    }

    #[test]
    fn without_an_end_it_ends_where_live_polling_has_everything_and_never_later_than_now() {
        let until = |live_to: Option<i64>| stretch(&asked(5, 0), Api::Okta, live_to.map(Timestamp), NOW).unwrap().1;
        let second = Timestamp(1_772_356_200_000);
        assert_eq!(until(None), second);
        assert_eq!(until(Some(0)), second);
        assert_eq!(until(Some(NOW.0 + 7_200_000)), second, "a provider whose clock is ahead");
        assert_eq!(until(Some(second.0 - DAY_MS)), second.plus_ms(-DAY_MS), "live polling was away for a day");
        let (since, _) = stretch(&asked(5, 0), Api::Okta, None, NOW).unwrap();
        assert_eq!(since, second.plus_ms(-5 * DAY_MS), "whole seconds, the earlier one");
    }

    #[test]
    fn what_cannot_be_had_is_said_with_what_can_be_had() {
        for (api, days) in [(Api::Okta, 90), (Api::Graph, 30), (Api::GoogleReports, 180), (Api::Office365, 7)] {
            assert!(stretch(&asked(days - 1, 0), api, None, NOW).is_ok(), "{}", api.as_str());
            let refused = stretch(&asked(days + 1, 0), api, None, NOW).unwrap_err().to_string();
            assert!(refused.contains(&format!("goes back {days} days")), "{refused}");
            // What it offers instead is taken.
            let offered = refused.rsplit_once(' ').and_then(|(_, time)| Timestamp::parse(time)).unwrap();
            let again = BackfillRequest { since_ms: offered.0, ..BackfillRequest::default() };
            assert!(stretch(&again, api, None, NOW.plus_ms(30_000)).is_ok(), "{refused}");
        }
        for (request, word) in [
            (asked(0, 0), "nothing lies between"),
            (asked(1, NOW.0 - 2 * DAY_MS), "--since must be before --until"),
            (asked(1, NOW.0 + DAY_MS), "not history yet"),
        ] {
            let refused = stretch(&request, Api::Okta, None, NOW).unwrap_err().to_string();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
