//! Microsoft Graph's sign-ins and directory audits, and the token endpoint of the Microsoft identity platform, so far as a poller sees them.
//!
//! What is assumed, and where it is from:
//!
//! - `POST /{tenant}/oauth2/v2.0/token`, a form with `grant_type=client_credentials`, `client_id`, `client_secret`, `scope=…/.default`;
//!   200 `{"token_type":"Bearer","expires_in":3599,"access_token":…}`, a refusal `{"error":"invalid_client",…}` with 401
//!   (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).
//! - `GET /v1.0/auditLogs/signIns?$filter=createdDateTime ge …&$top=…` and `/v1.0/auditLogs/directoryAudits?$filter=activityDateTime ge …`:
//!   also with `… and … lt …`, newest first, at most 1,000 a page, `@odata.nextLink` with a `$skiptoken` on all pages but the last
//!   (<https://learn.microsoft.com/graph/api/signin-list>, <https://learn.microsoft.com/graph/api/directoryaudit-list>).
//! - An ended token is 401 `InvalidAuthenticationToken`, a missing permission 403 `Authorization_RequestDenied`, too many requests 429 with
//!   `Retry-After` (<https://learn.microsoft.com/graph/throttling>).
//! - Where a `$skiptoken` has ended the answer is 400 (seen in the field; the documentation says nothing).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use event::Timestamp;
use serde_json::{Value, json};

use super::server::{Asked, Reply, Server, Trouble, parameter};

/// The app's id and secret in every fake directory.
const CLIENT: (&str, &str) = ("11111111-aaaa-4000-8000-00000000c11e", "planted-graph-secret~7Q&x=1+1");

/// One of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GraphFeed {
    /// `signIns`.
    SignIns,
    /// `directoryAudits`.
    DirectoryAudits,
}

/// A fake directory.
pub struct FakeGraph {
    server: Server,
    directory: Arc<Mutex<Directory>>,
}

struct Directory {
    /// In the order in which they came to be listed.
    events: BTreeMap<GraphFeed, Vec<Value>>,
    tokens: BTreeMap<String, Instant>,
    tokens_given: u64,
    token_life: Duration,
    is_secret_good: bool,
    is_permitted: bool,
    /// What a link begins with; another one when the old have ended.
    generation: u64,
}

impl FakeGraph {
    /// A directory without events.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> anyhow::Result<FakeGraph> {
        let directory = Arc::new(Mutex::new(Directory {
            events: BTreeMap::new(),
            tokens: BTreeMap::new(),
            tokens_given: 0,
            token_life: Duration::from_secs(3_599),
            is_secret_good: true,
            is_permitted: true,
            generation: 1,
        }));
        let answering = Arc::clone(&directory);
        let server = Server::start(move |asked| lock(&answering).answer(asked))?;
        Ok(FakeGraph { server, directory })
    }

    /// `http://…`, of Graph.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// `http://…`, where tokens are asked for.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/tenant/oauth2/v2.0/token", self.server.url())
    }

    /// The app's id and secret.
    #[must_use]
    pub fn client(&self) -> (&'static str, &'static str) {
        CLIENT
    }

    /// Lists an event from now on, whenever it happened.
    pub fn list(&self, feed: GraphFeed, event: Value) {
        lock(&self.directory).events.entry(feed).or_default().push(event);
    }

    /// The ids of every event that was ever listed.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        let directory = lock(&self.directory);
        let ids = directory.events.values().flatten().filter_map(|event| event.get("id")?.as_str().map(str::to_owned));
        ids.collect()
    }

    /// How long tokens live that are given from now on.
    pub fn token_life(&self, life: Duration) {
        lock(&self.directory).token_life = life;
    }

    /// Every token that was given has ended.
    pub fn end_tokens(&self) {
        lock(&self.directory).tokens.clear();
    }

    /// How many tokens were given.
    #[must_use]
    pub fn tokens_given(&self) -> u64 {
        lock(&self.directory).tokens_given
    }

    /// The app's secret is taken, or not; tokens that were given stay good.
    pub fn let_in(&self, is_let_in: bool) {
        lock(&self.directory).is_secret_good = is_let_in;
    }

    /// The app has its permission, or not.
    pub fn permit(&self, is_permitted: bool) {
        lock(&self.directory).is_permitted = is_permitted;
    }

    /// Whatever link was given has ended.
    pub fn end_links(&self) {
        lock(&self.directory).generation += 1;
    }

    /// The next requests meet these.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.server.trouble(troubles);
    }

    /// Its clock goes wrong, seen from ours.
    pub fn skew(&self, skew_ms: i64) {
        self.server.skew(skew_ms);
    }

    /// Every request so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.server.asked()
    }
}

impl Directory {
    fn answer(&mut self, asked: &Asked) -> Reply {
        if asked.path.ends_with("/oauth2/v2.0/token") {
            return self.token(asked);
        }
        let (feed, field) = match asked.path.as_str() {
            "/v1.0/auditLogs/signIns" => (GraphFeed::SignIns, "createdDateTime"),
            "/v1.0/auditLogs/directoryAudits" => (GraphFeed::DirectoryAudits, "activityDateTime"),
            _ => return failure(404, "Request_ResourceNotFound"),
        };
        let token = asked.authorization.strip_prefix("Bearer ").unwrap_or_default();
        if self.tokens.get(token).is_none_or(|ends_at| *ends_at <= Instant::now()) {
            return failure(401, "InvalidAuthenticationToken");
        }
        if !self.is_permitted {
            return failure(403, "Authorization_RequestDenied");
        }
        self.page(asked, feed, field)
    }

    fn token(&mut self, asked: &Asked) -> Reply {
        let is = |name: &str, value: &str| parameter(&asked.body, name) == Some(value);
        let is_known = is("grant_type", "client_credentials")
            && is("client_id", CLIENT.0)
            && asked.body.contains(&format!("client_secret={}", CLIENT.1))
            && asked.body.contains("/.default");
        if !is_known || !self.is_secret_good {
            return Reply::json(401, &json!({"error": "invalid_client", "error_description": "AADSTS7000215"}));
        }
        self.tokens_given += 1;
        let token = format!("planted-graph-token-{}", self.tokens_given);
        self.tokens.insert(token.clone(), Instant::now() + self.token_life);
        let body = json!({"token_type": "Bearer", "expires_in": self.token_life.as_secs(), "access_token": token});
        Reply::json(200, &body)
    }

    fn page(&self, asked: &Asked, feed: GraphFeed, field: &str) -> Reply {
        let top = asked.parameter("$top").and_then(|top| top.parse::<usize>().ok()).unwrap_or(100);
        let filter = asked.parameter("$filter").unwrap_or_default();
        let (from, to) = filter.split_once(" and ").unwrap_or((filter, ""));
        let since = from.strip_prefix(&format!("{field} ge ")).and_then(Timestamp::parse);
        let until = to.strip_prefix(&format!("{field} lt ")).and_then(Timestamp::parse);
        if until.is_none() && !to.is_empty() {
            return failure(400, "BadRequest");
        }
        let (Some(since), true) = (since, (1..=1_000).contains(&top)) else { return failure(400, "BadRequest") };
        let time = |event: &Value| event.get(field).and_then(Value::as_str).and_then(Timestamp::parse);
        let mut listed: Vec<&Value> = self
            .events
            .get(&feed)
            .into_iter()
            .flatten()
            .filter(|event| time(event).is_none_or(|at| at >= since && until.is_none_or(|until| at < until)))
            .collect();
        // What is listed while somebody pages stands in front of him; the token says how many were there when he began.
        let (skipped, counted) = match asked.parameter("$skiptoken").map(|token| token.split('_').collect::<Vec<_>>()) {
            None => (0, listed.len()),
            Some(parts) => match parts.as_slice() {
                [generation, skipped, counted] if *generation == self.generation.to_string() => {
                    (skipped.parse().unwrap_or(0), counted.parse().unwrap_or(0))
                }
                _ => return failure(400, "Directory_ExpiredPageToken"),
            },
        };
        listed.truncate(counted);
        listed.reverse();
        let page: Vec<&Value> = listed.into_iter().skip(skipped).take(top).collect();
        let next = skipped + page.len();
        let mut body = json!({"@odata.context": "$metadata#auditLogs", "value": page});
        if let Some(body) = body.as_object_mut().filter(|_| next < counted) {
            let (host, path) = (&asked.host, &asked.path);
            let filter = filter.replace(' ', "%20");
            let token = format!("{}_{next}_{counted}", self.generation);
            let link = format!("http://{host}{path}?$filter={filter}&$top={top}&$skiptoken={token}");
            body.insert("@odata.nextLink".to_owned(), link.into());
        }
        Reply::json(200, &body)
    }
}

fn failure(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": "fake", "innerError": {}}}))
}

fn lock(directory: &Mutex<Directory>) -> MutexGuard<'_, Directory> {
    directory.lock().unwrap_or_else(PoisonError::into_inner)
}
