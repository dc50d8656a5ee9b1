//! The loop of one feed: ask, understand, accept, remember, rest. It only calls: what an answer means and what follows from it is decided in
//! pure functions (`Feed::understand`, `Pace::decide`).

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::Arc,
    time::{Duration, Instant},
};

use event::{Backfill, FeedCursor, Gap, GapReason, PollState, Timestamp};
use reqwest::Url;
use runtime::{Secret, Shutdown};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Api, Feed, Meaning, Page, Place, Stretch,
    answer::TOLD_WAIT_MS_MAX,
    cursors::Cursors,
    gaps,
    http::{Http, Unanswered},
    login::Login,
    pace::{Again, Pace, Step},
    url,
};
use crate::{
    accept::{AcceptError, Acceptor, Receipt},
    clock::now,
    connections::Connection,
    gaps::Gaps,
    metrics::PollMetrics,
};

/// Pages of all feeds in memory at once, from the request to the log's acknowledgement. Each has at most `unpacked_bytes_max`; one that needs
/// more has the room of all of them, alone.
pub(crate) const PAGES_IN_WORK_MAX: usize = 8;
/// A cursor is written at least so often, so that anybody can see that a quiet feed is looked at.
const CURSOR_INTERVAL: Duration = Duration::from_secs(60);
/// So much before its last cursor was written, what a back-fill wrote is read back: clocks are set. Milliseconds.
const RECALLED_BEFORE_MS: i64 = 2_000;
/// Between two attempts to write that a stretch is complete.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// A time to read from that lies further than this in the provider's future was told by a clock of ours that goes wrong. Milliseconds.
const AHEAD_MS_MAX: i64 = 60_000;
/// The longest position that is kept. Beyond it a provider's link is no link.
const POSITION_BYTES_MAX: usize = 512 << 10;

/// What every poller shares.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Talks to providers.
    pub(crate) http: Http,
    /// Takes pages.
    pub(crate) acceptor: Arc<Acceptor>,
    /// Remembers how far they came.
    pub(crate) cursors: Cursors,
    /// Remembers what was lost.
    pub(crate) gaps: Gaps,
    /// Tells how it goes.
    pub(crate) metrics: PollMetrics,
    /// Room for pages.
    pub(crate) pages: Arc<Semaphore>,
    /// Who of the back-fills may take of it; live polling always may.
    pub(crate) turns: Option<Arc<Semaphore>>,
}

/// One feed of one connection, ready to be polled by whoever owns it; live, or a stretch of its past.
pub(crate) struct Poller {
    /// Whose events they are.
    pub(crate) connection: Arc<Connection>,
    /// Which API.
    pub(crate) api: Api,
    /// Which feed of it.
    pub(crate) feed: Box<dyn Feed>,
    /// Under which name its cursor is kept.
    pub(crate) name: String,
    /// What is fetched, where it is not what comes.
    pub(crate) stretch: Option<Stretch>,
    /// How much of its pace a back-fill takes.
    pub(crate) share_percent: u32,
    /// When a back-fill was ordered.
    pub(crate) ordered_at: Timestamp,
    /// Shared with the connection's other feeds.
    pub(crate) login: Arc<Login>,
    /// Where requests may go.
    pub(crate) base: Url,
    /// The longest wait after a failure.
    pub(crate) retry_wait_max: Duration,
    /// How often a refused credential is tried again.
    pub(crate) recheck: Duration,
    /// What every poller shares.
    pub(crate) shared: Shared,
}

/// What came back, with what it takes to go on.
struct Heard {
    meaning: Meaning,
    body: Vec<u8>,
    authorization: Option<Secret>,
    /// The time to read from was ahead of the provider's clock, which says this.
    read_again_from: Option<Timestamp>,
    /// Given back when the page is in the log.
    _room: Option<OwnedSemaphorePermit>,
    /// So is this.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Poller {
    /// The same feed, for a back-fill that was ordered. `shared` is what back-fills share, and live polling does not.
    pub(crate) fn for_history(&self, order: &Backfill, shared: Shared) -> Poller {
        let stretch = Stretch { since: order.since, until: order.until, share_percent: self.share_percent };
        Poller {
            connection: Arc::new(self.connection.for_history()),
            api: self.api,
            feed: self.feed.history(stretch),
            name: order.cursor_name(self.feed.name()),
            stretch: Some(stretch),
            share_percent: self.share_percent,
            ordered_at: order.asked_at,
            login: Arc::clone(&self.login),
            base: self.base.clone(),
            retry_wait_max: self.retry_wait_max,
            recheck: self.recheck,
            shared,
        }
    }

    /// Polls until `stop`, or the end of a stretch, from where the last owner stopped. A page in work is accepted and its cursor written before
    /// it ends.
    pub(crate) async fn run(self: Arc<Poller>, found: Option<FeedCursor>, stop: Shutdown) {
        if self.stretch.is_some() {
            self.recall(found.as_ref().map_or(self.ordered_at, |cursor| cursor.updated_at)).await;
        }
        let mut cursor = self.resume(found);
        let mut pace = Pace::new(self.retry_wait_max, self.recheck, self.seed());
        let mut rest = rest_of(&cursor, now());
        let (mut written_at, mut is_written) = (Instant::now(), true);
        self.shared.metrics.show(self.feed.name(), &cursor);
        while !(is_written && self.is_complete(&cursor)) {
            tokio::select! {
                () = stop.requested() => break,
                () = tokio::time::sleep(rest) => {}
            }
            if self.is_complete(&cursor) {
                // Only that it is complete is not in the log yet.
                (is_written, rest) = (self.remember(&mut cursor).await, RETRY_WAIT);
                continue;
            }
            let heard = tokio::select! {
                () = stop.requested() => break,
                heard = self.ask(&cursor) => heard,
            };
            let before = news_of(&cursor);
            rest = self.follow(heard, &mut cursor, &mut pace).await;
            self.shared.metrics.show(self.feed.name(), &cursor);
            let is_news = before != news_of(&cursor) || self.is_complete(&cursor);
            if is_news || !is_written || written_at.elapsed() >= CURSOR_INTERVAL {
                is_written = self.remember(&mut cursor).await;
                written_at = Instant::now();
            }
        }
        self.shared.metrics.disown(&cursor.connection, self.feed.name());
        if is_written && self.is_complete(&cursor) {
            let (connection, feed, events) = (&cursor.connection, &cursor.feed, cursor.events);
            tracing::info!(%connection, %feed, events, "history is fetched");
        }
    }

    /// The page that somebody had in work when he was killed may be in the log: it is not to be written again.
    async fn recall(&self, since: Timestamp) {
        let (acceptor, connection) = (Arc::clone(&self.shared.acceptor), Arc::clone(&self.connection));
        let since = since.plus_ms(-RECALLED_BEFORE_MS);
        let recalled = tokio::task::spawn_blocking(move || acceptor.recall(&connection, since)).await;
        let (connection, feed) = (&self.connection.id, self.feed.name());
        match recalled {
            Ok(Ok(events)) => tracing::debug!(%connection, feed, events, "history that was written already is known"),
            Ok(Err(error)) => {
                tracing::warn!(%error, %connection, feed, "the log cannot be read back; a page of history may be written twice")
            }
            Err(error) => tracing::error!(%error, %connection, feed, "reading the log back ended without a word"),
        }
    }

    /// Is a stretch fetched to its end? What comes has none.
    fn is_complete(&self, cursor: &FeedCursor) -> bool {
        self.stretch.is_some_and(|stretch| cursor.complete_to >= stretch.until)
    }

    /// Where to go on. Without a cursor: from now, less the overlap; history is fetched by a back-fill, from where it was ordered to begin.
    fn resume(&self, found: Option<FeedCursor>) -> FeedCursor {
        let mut cursor = found.unwrap_or_else(|| FeedCursor {
            tenant: self.connection.tenant.clone(),
            connection: self.connection.id.clone(),
            feed: self.name.clone(),
            api: self.api.as_str().to_owned(),
            position: String::new(),
            complete_to: self.stretch.map_or_else(now, |stretch| stretch.since),
            state: PollState::Polling,
            detail: String::new(),
            waits_until: Timestamp::MISSING,
            heard_at: Timestamp::MISSING,
            updated_at: Timestamp::MISSING,
            pages: 0,
            events: 0,
            duplicates: 0,
            rereads: 0,
        });
        if cursor.api != self.api.as_str() {
            // Another API's words.
            (cursor.api, cursor.position) = (self.api.as_str().to_owned(), String::new());
        }
        cursor
    }

    /// One request, and what its answer means.
    async fn ask(&self, cursor: &FeedCursor) -> Heard {
        let nothing = |meaning| Heard {
            meaning,
            body: Vec::new(),
            authorization: None,
            read_again_from: None,
            _room: None,
            _turn: None,
        };
        let place = Place { position: cursor.position.clone(), complete_to: cursor.complete_to };
        let ask = self.feed.ask(&place);
        if !url::is_of(&self.base, &ask.url) {
            // The configuration's url changed since: the old place is nobody's any more.
            return nothing(Meaning::CursorUnknown);
        }
        // Closed by nobody.
        let turn = match &self.shared.turns {
            Some(turns) => Arc::clone(turns).acquire_owned().await.ok(),
            None => None,
        };
        let mut room = Arc::clone(&self.shared.pages).acquire_owned().await.ok();
        let authorization = match self.login.authorization(&self.shared.http).await {
            Ok(authorization) => authorization,
            Err(meaning) => return nothing(meaning),
        };
        let mut answered = self.shared.http.ask(&ask, Some(&authorization), 1).await;
        if let Err(Unanswered::TooLarge { .. }) = answered {
            // Given back first: two that each held a share and waited for the other's would wait for ever.
            drop(room.take());
            let all = u32::try_from(PAGES_IN_WORK_MAX).unwrap_or(u32::MAX);
            room = Arc::clone(&self.shared.pages).acquire_many_owned(all).await.ok();
            answered = self.shared.http.ask(&ask, Some(&authorization), PAGES_IN_WORK_MAX).await;
        }
        match answered {
            Ok(answer) => {
                let served_at = answer.served_at().unwrap_or_else(now);
                if answer.status == 200 && self.stretch.is_none() && is_ahead(&place, served_at) {
                    return Heard { read_again_from: Some(served_at), ..nothing(Meaning::CursorUnknown) };
                }
                let meaning = self
                    .feed
                    .refusal(&answer, served_at)
                    .unwrap_or_else(|| self.feed.understand(&place, &answer, served_at));
                let (body, authorization) = (answer.body, Some(authorization));
                Heard { meaning, body, authorization, read_again_from: None, _room: room, _turn: turn }
            }
            Err(unanswered) => nothing(unanswered.into()),
        }
    }

    /// Does what follows; tells how long to rest.
    async fn follow(&self, heard: Heard, cursor: &mut FeedCursor, pace: &mut Pace) -> Duration {
        if let Some(served_at) = heard.read_again_from {
            cursor.complete_to = served_at;
            return Duration::ZERO;
        }
        let meaning = check_position(heard.meaning);
        let (connection, feed) = (self.connection.id.as_str(), self.feed.name());
        self.shared.metrics.answered(connection, feed, outcome(&meaning));
        let gap = gaps::shown_by(&meaning, cursor, self.feed.kept_ms(), now());
        // What a back-fill cannot have may have come live: that is not known here, so it is said and not written down.
        if let (Meaning::Gone { why, .. }, true) = (&meaning, self.stretch.is_some()) {
            tracing::warn!(connection, feed, %why, "events are lost");
        }
        let gap = gap.filter(|_| self.stretch.is_none());
        let again = match pace.decide(meaning, !cursor.position.is_empty()) {
            Step::Accept(page) => match self.accept_behind(gap, &page, heard.body).await {
                Ok(receipt) => {
                    pace.accepted();
                    self.shared.metrics.repeated(connection, feed, receipt.duplicates);
                    advance(cursor, page.next, &receipt, now());
                    return Duration::from_millis(page.rest_ms);
                }
                Err(error @ AcceptError::Log(_)) => pace.not_accepted(&error.to_string()),
                Err(error) => match pace.decide(Meaning::Broken { why: error.to_string() }, true) {
                    Step::Again(again) => again,
                    // A broken page is never one to accept.
                    Step::Accept(_) => return self.recheck,
                },
            },
            Step::Again(again) => again,
        };
        if again.is_login_forgotten
            && let Some(refused) = &heard.authorization
        {
            self.login.forget(refused).await;
        }
        if again.is_from_time {
            cursor.position.clear();
            cursor.rereads += 1;
            self.shared.metrics.reread(connection, feed);
        }
        self.say(cursor, &again);
        again.wait
    }

    /// Accepts a page; what was lost before it is written down first.
    async fn accept_behind(&self, gap: Option<Gap>, page: &Page, body: Vec<u8>) -> Result<Receipt, AcceptError> {
        if let Some(gap) = gap {
            let Gap { connection, feed, reason, from, to, detail, .. } = &gap;
            tracing::warn!(%connection, %feed, %reason, %from, %to, why = %detail, "events are lost");
            if *reason == GapReason::NotKept {
                // The provider did not say so, and it is as much of a loss.
                self.shared.metrics.answered(connection, feed, "gone");
            }
            self.shared.gaps.note(&gap).await?;
        }
        self.accept(page, body).await
    }

    /// Gives a page to the log, as a delivery like any other; one that is too large for a delivery, as several. Each is acknowledged before
    /// the next is begun, so that they wait in the queue of the log one by one.
    async fn accept(&self, page: &Page, body: Vec<u8>) -> Result<Receipt, AcceptError> {
        if !page.has_events {
            return Ok(Receipt::default());
        }
        let what = if self.stretch.is_some() { "backfill" } else { "poll" };
        let body = Arc::new(body);
        let (mut receipt, mut next) = (Receipt::default(), Some(0));
        while let Some(from) = next {
            let (acceptor, connection) = (Arc::clone(&self.shared.acceptor), Arc::clone(&self.connection));
            let (origin, body) = (format!("{what}:{}", self.feed.name()), Arc::clone(&body));
            let part = move || acceptor.append_part(&origin, &connection, &body, from);
            let appended = tokio::task::spawn_blocking(part).await;
            let (appended, rest) = appended.unwrap_or_else(|error| Err(AcceptError::Internal(error.to_string())))?;
            receipt.add(self.shared.acceptor.acknowledge(appended).await?);
            next = rest;
        }
        Ok(receipt)
    }

    /// Notes a trouble in the cursor, and says it where it is new.
    fn say(&self, cursor: &mut FeedCursor, again: &Again) {
        let is_new = cursor.state != again.state || cursor.detail != again.detail;
        cursor.state = again.state;
        cursor.detail.clone_from(&again.detail);
        let wait_ms = i64::try_from(again.wait.as_millis()).unwrap_or(i64::MAX);
        cursor.waits_until = if wait_ms > 0 { now().plus_ms(wait_ms) } else { Timestamp::MISSING };
        if is_new && again.state != PollState::Polling {
            let (connection, feed, state) = (&cursor.connection, &cursor.feed, cursor.state);
            tracing::warn!(%connection, %feed, %state, detail = %cursor.detail, wait_ms, "polling does not go on");
        }
    }

    /// Writes the cursor. Where that fails, it is written with the next page; what was fetched meanwhile may be fetched again.
    async fn remember(&self, cursor: &mut FeedCursor) -> bool {
        cursor.updated_at = now();
        let written = self.shared.cursors.write(cursor).await;
        if let Err(error) = &written {
            tracing::warn!(%error, connection = %cursor.connection, feed = %cursor.feed, "a cursor is not written");
        }
        written.is_ok()
    }

    fn seed(&self) -> u64 {
        let names = (&self.connection.id, &self.name, std::process::id());
        BuildHasherDefault::<DefaultHasher>::default().hash_one(names)
    }
}

/// What of a cursor is written at once when it is another.
fn news_of(cursor: &FeedCursor) -> (u64, PollState, Timestamp, u64) {
    (cursor.pages, cursor.state, cursor.waits_until, cursor.rereads)
}

/// A page is in the log: the cursor moves.
fn advance(cursor: &mut FeedCursor, next: Place, receipt: &Receipt, now: Timestamp) {
    if cursor.state != PollState::Polling {
        tracing::info!(connection = %cursor.connection, feed = %cursor.feed, "polling goes on");
    }
    (cursor.position, cursor.complete_to) = (next.position, next.complete_to);
    (cursor.state, cursor.waits_until) = (PollState::Polling, Timestamp::MISSING);
    cursor.detail.clear();
    if receipt.read > 0 {
        cursor.pages += 1;
        cursor.heard_at = now;
    }
    cursor.events += receipt.read;
    cursor.duplicates += receipt.duplicates;
}

/// What is left of a wait that the last owner was told by the provider. Other waits begin anew: whoever starts a process has mended something.
fn rest_of(cursor: &FeedCursor, now: Timestamp) -> Duration {
    if cursor.state != PollState::Waiting {
        return Duration::ZERO;
    }
    let left_ms = u64::try_from(cursor.waits_until.since_ms(now)).unwrap_or(0);
    Duration::from_millis(left_ms.min(TOLD_WAIT_MS_MAX))
}

/// Would it be read from a time that the provider has not reached yet?
fn is_ahead(place: &Place, served_at: Timestamp) -> bool {
    place.position.is_empty() && place.complete_to.since_ms(served_at) > AHEAD_MS_MAX
}

fn check_position(meaning: Meaning) -> Meaning {
    match meaning {
        Meaning::Page(page) | Meaning::Gone { page, .. } if page.next.position.len() > POSITION_BYTES_MAX => {
            let why = format!("where the next page is takes more than {POSITION_BYTES_MAX} bytes to say");
            Meaning::Broken { why }
        }
        meaning => meaning,
    }
}

/// A meaning as a metric's label.
fn outcome(meaning: &Meaning) -> &'static str {
    match meaning {
        Meaning::Page(_) => "page",
        Meaning::Gone { .. } => "gone",
        Meaning::Wait { .. } => "wait",
        Meaning::TokenEnded => "token_ended",
        Meaning::LoginRefused { .. } => "login_refused",
        Meaning::PermissionMissing { .. } => "permission_missing",
        Meaning::CursorUnknown => "cursor_unknown",
        Meaning::Broken { .. } => "broken",
        Meaning::Unreachable { .. } => "unreachable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(state: PollState, waits_until: i64) -> FeedCursor {
        FeedCursor {
            tenant: "acme".into(),
            connection: "okta".into(),
            feed: "system_log".into(),
            api: "okta".into(),
            position: "x".into(),
            complete_to: Timestamp(1),
            state,
            detail: "rate limit".into(),
            waits_until: Timestamp(waits_until),
            heard_at: Timestamp::MISSING,
            updated_at: Timestamp::MISSING,
            pages: 3,
            events: 10,
            duplicates: 0,
            rereads: 0,
        }
    }

    #[test]
    fn a_new_owner_keeps_to_what_the_provider_told_the_old_one() {
        let now = Timestamp(10_000);
        assert_eq!(rest_of(&cursor(PollState::Waiting, 17_000), now), Duration::from_secs(7));
        assert_eq!(rest_of(&cursor(PollState::Waiting, 9_000), now), Duration::ZERO);
        assert_eq!(rest_of(&cursor(PollState::Waiting, i64::MAX), now), Duration::from_millis(TOLD_WAIT_MS_MAX));
        assert_eq!(rest_of(&cursor(PollState::NoLogin, 17_000), now), Duration::ZERO);
    }

    #[test]
    fn an_accepted_page_moves_the_cursor_and_ends_a_trouble() {
        let mut cursor = cursor(PollState::Waiting, 17_000);
        let receipt = Receipt { read: 5, events: 4, duplicates: 2, ignored: 1, rejected: 0 };
        advance(&mut cursor, Place { position: "y".into(), complete_to: Timestamp(9) }, &receipt, Timestamp(20));
        assert_eq!((cursor.position.as_str(), cursor.complete_to, cursor.heard_at), ("y", Timestamp(9), Timestamp(20)));
        assert_eq!((cursor.pages, cursor.events, cursor.duplicates), (4, 15, 2));
        assert_eq!(
            (cursor.state, cursor.detail.as_str(), cursor.waits_until.is_some()),
            (PollState::Polling, "", false)
        );
    }

    #[test]
    fn a_time_ahead_of_the_providers_clock_is_none_to_read_from() {
        let place = |position: &str| Place { position: position.into(), complete_to: Timestamp(100_000_000) };
        for (place, served_ms, expected) in
            [(place(""), 99_999_999, false), (place(""), 99_900_000, true), (place("x"), 1, false)]
        {
            assert_eq!(is_ahead(&place, Timestamp(served_ms)), expected, "{place:?} at {served_ms}");
        }
    }

    #[test]
    fn a_position_without_end_is_no_position() {
        let page = |bytes| {
            let next = Place { position: "x".repeat(bytes), complete_to: Timestamp(1) };
            check_position(Meaning::Page(Page { has_events: false, next, rest_ms: 0 }))
        };
        assert!(matches!(page(POSITION_BYTES_MAX), Meaning::Page(_)));
        assert!(matches!(page(POSITION_BYTES_MAX + 1), Meaning::Broken { .. }));
    }
}
