//! Okta's System Log API, as <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/SystemLog/> and
//! <https://developer.okta.com/docs/reference/rate-limits/> describe it, so far as a poller sees it.
//!
//! What is assumed, and where it is from:
//!
//! - `GET /api/v1/logs` without `until` and with `sortOrder=ASCENDING` is a polling request: events in the order in which they were *stored*
//!   (not `published`), each page with `Link: <…>; rel="next"`, also an empty one (documentation).
//! - With an `until` it is a bounded request: events in the order of `published`, up to it; its last page names no next one (documentation). Its
//!   cursor is taken to be a place between two events, so that what is stored meanwhile shifts nothing (our guess).
//! - `since` is compared with `published` (documentation). `limit` is at most 1,000 (second-hand).
//! - The cursor is opaque and looks like `after=1608761686074_1` (seen in real answers).
//! - `Authorization: SSWS <token>` of an API token, or `Bearer <token>` of a service app (`okta_login.rs`). A bad one is 401 E0000011, one without the right 403 E0000006 (documentation of error codes).
//! - Every answer tells `X-Rate-Limit-Limit`, `-Remaining`, `-Reset` (seconds since 1970); beyond it 429 E0000047 (documentation).
//! - A cursor that Okta does not know is 400 E0000001, 410 in older reports: what is promised is only that it is no page (our guess).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use event::Timestamp;
use serde_json::{Value, json};

use super::{
    okta_login::{App, AppTrouble, TOKEN_PATH},
    server::{Asked, Reply, Server, Trouble},
};
use crate::events::now_ms;

/// The token of every fake org.
const TOKEN: &str = "planted-okta-token-91ab";
/// How long a bucket lasts. Seconds.
const BUCKET_S: i64 = 60;

/// A fake org.
pub struct FakeOkta {
    server: Server,
    org: Arc<Mutex<Org>>,
}

struct Org {
    /// The service app that may read the log, beside the API token.
    app: App,
    /// In the order in which they were stored.
    events: Vec<Stored>,
    /// What a cursor begins with; another one when the old are forgotten.
    generation: u64,
    is_token_good: bool,
    is_permitted: bool,
    bucket: u64,
    bucket_began_s: i64,
    used: u64,
    /// How many more pages of history are given.
    history_pages: usize,
}

/// An event, ready to be sent: a back-fill of many thousand asks for each many times.
struct Stored {
    id: String,
    published: Option<Timestamp>,
    text: String,
}

impl FakeOkta {
    /// An org without events.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> anyhow::Result<FakeOkta> {
        let org = Arc::new(Mutex::new(Org {
            app: App::make()?,
            events: Vec::new(),
            generation: 1,
            is_token_good: true,
            is_permitted: true,
            bucket: 1_000_000,
            bucket_began_s: 0,
            used: 0,
            history_pages: usize::MAX,
        }));
        let answering = Arc::clone(&org);
        let server = Server::start(move |asked| lock(&answering).answer(asked))?;
        Ok(FakeOkta { server, org })
    }

    /// `http://…`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Its API token.
    #[must_use]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// The service app: its id, its key's id, and its private key.
    #[must_use]
    pub fn app(&self) -> (&'static str, &'static str, String) {
        lock(&self.org).app.credential()
    }

    /// What is wrong with the service app from now on; tokens that were given end with it.
    pub fn app_trouble(&self, trouble: Option<AppTrouble>) {
        let mut org = lock(&self.org);
        org.app.trouble = trouble;
        org.app.end_tokens();
    }

    /// How many tokens the service app was given.
    #[must_use]
    pub fn tokens_given(&self) -> u64 {
        lock(&self.org).app.tokens_given()
    }

    /// Stores an event now, whenever it was published.
    pub fn store(&self, event: Value) {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let (id, published) =
            (text("uuid").unwrap_or_default().to_owned(), text("published").and_then(Timestamp::parse));
        let stored = Stored { id, published, text: event.to_string() };
        lock(&self.org).events.push(stored);
    }

    /// The ids of every event that was ever stored, each once.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        lock(&self.org).events.iter().map(|event| event.id.clone()).collect()
    }

    /// Whatever cursor was given is unknown from now on.
    pub fn forget_cursors(&self) {
        lock(&self.org).generation += 1;
    }

    /// The token is taken, or not.
    pub fn let_in(&self, is_let_in: bool) {
        lock(&self.org).is_token_good = is_let_in;
    }

    /// The token's administrator may view logs, or not.
    pub fn permit(&self, is_permitted: bool) {
        lock(&self.org).is_permitted = is_permitted;
    }

    /// So many requests a minute.
    pub fn bucket(&self, requests: u64) {
        lock(&self.org).bucket = requests;
    }

    /// The next requests meet these.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.server.trouble(troubles);
    }

    /// Its clock goes wrong, seen from ours.
    pub fn skew(&self, skew_ms: i64) {
        self.server.skew(skew_ms);
        lock(&self.org).app.skew_ms = skew_ms;
    }

    /// So many more pages of history are given; then it fails (503).
    pub fn allow_history(&self, pages: usize) {
        lock(&self.org).history_pages = pages;
    }

    /// How many more pages of history are given.
    #[must_use]
    pub fn history_allowed(&self) -> usize {
        lock(&self.org).history_pages
    }

    /// Every request so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.server.asked()
    }
}

impl Org {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let now_s = now_ms() / 1_000;
        if now_s >= self.bucket_began_s + BUCKET_S {
            (self.bucket_began_s, self.used) = (now_s, 0);
        }
        self.used += 1;
        let remaining = self.bucket.saturating_sub(self.used);
        let reply = if self.used > self.bucket {
            failure(429, "E0000047", "API call exceeded rate limit due to too many requests.")
        } else {
            self.page(asked)
        };
        reply
            .header("x-rate-limit-limit", self.bucket.to_string())
            .header("x-rate-limit-remaining", remaining.to_string())
            .header("x-rate-limit-reset", (self.bucket_began_s + BUCKET_S).to_string())
    }

    fn page(&mut self, asked: &Asked) -> Reply {
        if asked.path == TOKEN_PATH {
            return self.app.token(asked);
        }
        if asked.method != "GET" || asked.path != "/api/v1/logs" {
            return failure(404, "E0000007", "Not found");
        }
        let is_token = self.is_token_good && asked.authorization == format!("SSWS {TOKEN}");
        if !is_token && !self.app.is_let_in(&asked.authorization) {
            return failure(401, "E0000011", "Invalid token provided");
        }
        if !self.is_permitted {
            return failure(403, "E0000006", "You do not have permission to perform the requested action");
        }
        let limit = asked.parameter("limit").and_then(|limit| limit.parse::<usize>().ok()).unwrap_or(100).min(1_000);
        if let Some(until) = asked.parameter("until") {
            let Some(left) = self.history_pages.checked_sub(1) else {
                return failure(503, "E0000010", "Service is in read only mode");
            };
            self.history_pages = left;
            return self.bounded(asked, until, limit);
        }
        let after = match (asked.parameter("after"), asked.parameter("since")) {
            (Some(after), _) => match after.split_once('_') {
                Some((generation, after)) if generation == self.generation.to_string() => after.parse::<usize>().ok(),
                _ => None,
            },
            (None, _) if asked.parameter("sortOrder") != Some("ASCENDING") => None,
            (None, since) => Some(self.first_since(since.unwrap_or_default())),
        };
        let Some(after) = after else { return failure(400, "E0000001", "Api validation failed: after") };
        // The real one ends a page where its query ran out of time; this one only at the limit.
        let page: Vec<&Stored> = self.events.iter().skip(after).take(limit).collect();
        let host = asked.host.as_str();
        let next = format!("http://{host}/api/v1/logs?limit={limit}&after={}_{}", self.generation, after + page.len());
        let own = format!("http://{host}/api/v1/logs?{}", asked.query.replace(' ', "+"));
        listed(&page).header("link", format!("<{own}>; rel=\"self\"")).header("link", format!("<{next}>; rel=\"next\""))
    }

    fn bounded(&self, asked: &Asked, until: &str, limit: usize) -> Reply {
        let since = asked.parameter("since").and_then(Timestamp::parse);
        let (Some(since), Some(until)) = (since, Timestamp::parse(until)) else {
            return failure(400, "E0000001", "Api validation failed: since");
        };
        // After which event: when it was published, and its place among all.
        let after = match asked.parameter("after").map(|after| after.split('_').collect::<Vec<_>>()) {
            None => Some((since.0, None)),
            Some(parts) => match parts.as_slice() {
                [generation, published_ms, place] if *generation == self.generation.to_string() => {
                    published_ms.parse().ok().zip(place.parse::<usize>().ok().map(Some))
                }
                _ => None,
            },
        };
        let Some(after) = after else { return failure(400, "E0000001", "Api validation failed: after") };
        let places = self
            .events
            .iter()
            .enumerate()
            .filter_map(|(place, event)| Some(((event.published?.0, Some(place)), event)));
        let mut places: Vec<_> = places
            .filter(|((published_ms, place), _)| (*published_ms, *place) > after && *published_ms < until.0)
            .collect();
        places.sort_by_key(|(at, _)| *at);
        let (is_last, host) = (places.len() <= limit, asked.host.as_str());
        places.truncate(limit);
        let page: Vec<&Stored> = places.iter().map(|(_, event)| *event).collect();
        let Some(((published_ms, Some(place)), _)) = places.last().filter(|_| !is_last) else { return listed(&page) };
        let (after, bounds) =
            (format!("{}_{published_ms}_{place}", self.generation), format!("since={since}&until={until}"));
        let next = format!("http://{host}/api/v1/logs?{bounds}&sortOrder=ASCENDING&limit={limit}&after={after}");
        listed(&page).header("link", format!("<{next}>; rel=\"next\""))
    }

    /// Events are kept in the order of storage, so a time is a place only roughly: the first event that was published since.
    fn first_since(&self, since: &str) -> usize {
        let Some(since) = Timestamp::parse(since) else { return 0 };
        let is_since = |event: &Stored| event.published.is_none_or(|at| at >= since);
        self.events.iter().position(is_since).unwrap_or(self.events.len())
    }
}

fn listed(page: &[&Stored]) -> Reply {
    let texts: Vec<&str> = page.iter().map(|event| event.text.as_str()).collect();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Reply { status: 200, headers, body: format!("[{}]", texts.join(",")) }
}

fn failure(status: u16, code: &str, summary: &str) -> Reply {
    let body =
        json!({"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae0", "errorCauses": []});
    Reply::json(status, &body)
}

fn lock(org: &Mutex<Org>) -> MutexGuard<'_, Org> {
    org.lock().unwrap_or_else(PoisonError::into_inner)
}
