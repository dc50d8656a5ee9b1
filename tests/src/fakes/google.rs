//! Google Workspace's Reports API, so far as a poller sees it; how a service account logs in is in `google_login.rs`.
//!
//! What is assumed, and where it is from:
//!
//! - `GET /admin/reports/v1/activity/users/all/applications/{login|token|saml|admin}` with `startTime` (RFC 3339, not in the future), `endTime` (behind it), `maxResults`
//!   of 1 to 1,000, `pageToken`; `{"kind":"admin#reports#activities","items":[…],"nextPageToken":…}`, without `items` where there are none
//!   (<https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list>).
//! - Newest first by `id.time`; what comes to be listed while somebody pages is not in the pages. A token belongs to the request that gave it
//!   (<https://google.aip.dev/158>). That an ended one is 400 is our guess: the page tells nothing.
//! - An ended access token is 401; a right that the administrator has not is 403 `forbidden`; too many requests are 403 with a reason, 429, or 503
//!   (<https://developers.google.com/workspace/admin/reports/v1/limits>).
//! - An event of the token log may be listed hours after it happened (<https://support.google.com/a/answer/7061566>).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use event::Timestamp;
use serde_json::{Value, json};

use super::{
    google_login::Account,
    server::{Asked, Reply, Server, Trouble},
};
use crate::events::now_ms;

const PATH: &str = "/admin/reports/v1/activity/users/all/applications/";
const TOKEN_PATH: &str = "/token";

/// A fake Workspace.
pub struct FakeGoogle {
    server: Server,
    workspace: Arc<Mutex<Workspace>>,
}

struct Workspace {
    account: Account,
    /// Application → its activities, in the order in which they came to be listed.
    activities: BTreeMap<String, Vec<Value>>,
    tokens: BTreeMap<String, Instant>,
    tokens_given: u64,
    token_life: Duration,
    /// Statements that were refused, and why.
    refused: Vec<&'static str>,
    is_permitted: bool,
    /// What a page token begins with; another one when the old have ended.
    generation: u64,
    token_uri: Arc<OnceLock<String>>,
}

impl FakeGoogle {
    /// A Workspace without activities, with a service account whose key is made now.
    ///
    /// # Errors
    /// When there is no port, or OpenSSL makes no key.
    pub fn start() -> anyhow::Result<FakeGoogle> {
        let token_uri = Arc::new(OnceLock::new());
        let workspace = Arc::new(Mutex::new(Workspace {
            account: Account::make()?,
            activities: BTreeMap::new(),
            tokens: BTreeMap::new(),
            tokens_given: 0,
            token_life: Duration::from_secs(3_599),
            refused: Vec::new(),
            is_permitted: true,
            generation: 1,
            token_uri: Arc::clone(&token_uri),
        }));
        let answering = Arc::clone(&workspace);
        let server = Server::start(move |asked| lock(&answering).answer(asked))?;
        token_uri.get_or_init(|| format!("{}{TOKEN_PATH}", server.url()));
        Ok(FakeGoogle { server, workspace })
    }

    /// `http://…`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The service account's key file.
    #[must_use]
    pub fn key_file(&self) -> String {
        let workspace = lock(&self.workspace);
        workspace.account.key_file(workspace.token_uri())
    }

    /// The administrator as whom the service account may act.
    #[must_use]
    pub fn admin(&self) -> &'static str {
        lock(&self.workspace).account.admin()
    }

    /// Does this text hold a line of the private key, or a token?
    #[must_use]
    pub fn is_secret_in(&self, text: &str) -> bool {
        text.contains("planted-google-token")
            || lock(&self.workspace).account.key_lines().any(|line| text.contains(line))
    }

    /// Lists an activity from now on, in the log of its application, whenever it happened.
    pub fn list(&self, activity: Value) {
        let application =
            activity.pointer("/id/applicationName").and_then(Value::as_str).unwrap_or_default().to_owned();
        lock(&self.workspace).activities.entry(application).or_default().push(activity);
    }

    /// The qualifiers of every activity that was ever listed. Tests give each its own; Google does not.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        let workspace = lock(&self.workspace);
        let ids =
            workspace.activities.values().flatten().filter_map(|activity| activity.pointer("/id/uniqueQualifier"));
        ids.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// How long tokens live that are given from now on.
    pub fn token_life(&self, life: Duration) {
        lock(&self.workspace).token_life = life;
    }

    /// Every token that was given has ended.
    pub fn end_tokens(&self) {
        lock(&self.workspace).tokens.clear();
    }

    /// How many tokens were given.
    #[must_use]
    pub fn tokens_given(&self) -> u64 {
        lock(&self.workspace).tokens_given
    }

    /// Why statements were refused, one entry each.
    #[must_use]
    pub fn refused(&self) -> Vec<&'static str> {
        lock(&self.workspace).refused.clone()
    }

    /// The scope is delegated to the service account, or not; tokens that were given end with the delegation.
    pub fn delegate(&self, is_delegated: bool) {
        let mut workspace = lock(&self.workspace);
        workspace.account.is_delegated = is_delegated;
        if !is_delegated {
            workspace.tokens.clear();
        }
    }

    /// The key of the service account exists, or not.
    pub fn keep_key(&self, is_kept: bool) {
        lock(&self.workspace).account.is_key_known = is_kept;
    }

    /// The administrator may view reports, or not.
    pub fn permit(&self, is_permitted: bool) {
        lock(&self.workspace).is_permitted = is_permitted;
    }

    /// Whatever page token was given has ended.
    pub fn end_page_tokens(&self) {
        lock(&self.workspace).generation += 1;
    }

    /// The next requests meet these.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.server.trouble(troubles);
    }

    /// Its clock goes wrong, seen from ours.
    pub fn skew(&self, skew_ms: i64) {
        self.server.skew(skew_ms);
        lock(&self.workspace).account.skew_ms = skew_ms;
    }

    /// Every request so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.server.asked()
    }
}

impl Workspace {
    fn token_uri(&self) -> &str {
        self.token_uri.get().map(String::as_str).unwrap_or_default()
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        if asked.path == TOKEN_PATH {
            return self.token(asked);
        }
        let Some(application) = asked.path.strip_prefix(PATH) else { return failure(404, "notFound") };
        let token = asked.authorization.strip_prefix("Bearer ").unwrap_or_default();
        if self.tokens.get(token).is_none_or(|ends_at| *ends_at <= Instant::now()) {
            return failure(401, "authError");
        }
        if !self.is_permitted {
            return failure(403, "forbidden");
        }
        self.page(asked, application).unwrap_or_else(|| failure(400, "invalid"))
    }

    fn token(&mut self, asked: &Asked) -> Reply {
        let token_uri = self.token_uri().to_owned();
        if let Err((status, name, description)) = self.account.judge(asked, &token_uri) {
            self.refused.push(description);
            return Reply::json(status, &json!({"error": name, "error_description": description}));
        }
        self.tokens_given += 1;
        let token = format!("planted-google-token-{}", self.tokens_given);
        self.tokens.insert(token.clone(), Instant::now() + self.token_life);
        Reply::json(
            200,
            &json!({"access_token": token, "expires_in": self.token_life.as_secs(), "token_type": "Bearer"}),
        )
    }

    /// `None` for a request that Google would call invalid.
    fn page(&self, asked: &Asked, application: &str) -> Option<Reply> {
        let since_text = asked.parameter("startTime")?;
        let since = Timestamp::parse(since_text).filter(|since| since.0 <= now_ms() + self.account.skew_ms)?;
        let until = match asked.parameter("endTime") {
            None => None,
            Some(text) => Some(Timestamp::parse(text).filter(|until| *until > since)?),
        };
        let events_max =
            asked.parameter("maxResults")?.parse::<usize>().ok().filter(|max| (1..=1_000).contains(max))?;
        let all = self.activities.get(application).map(Vec::as_slice).unwrap_or_default();
        let (skipped, counted) = match asked.parameter("pageToken") {
            None => (0, all.len()),
            Some(token) => {
                let (own, places) = token.split_once('_')?;
                let (skipped, counted) = places.split_once('_')?;
                let is_of_this = own == format!("{}:{since_text}", self.generation);
                is_of_this.then_some((skipped.parse().ok()?, counted.parse().ok()?))?
            }
        };
        let time = |activity: &Value| activity.pointer("/id/time").and_then(Value::as_str).and_then(Timestamp::parse);
        let is_within = |at: Option<Timestamp>| at >= Some(since) && until.is_none_or(|until| at < Some(until));
        let mut listed: Vec<&Value> = all.iter().take(counted).filter(|one| is_within(time(one))).collect();
        listed.sort_by_key(|activity| std::cmp::Reverse(time(activity)));
        let items: Vec<&Value> = listed.iter().copied().skip(skipped).take(events_max).collect();
        let next = skipped + items.len();
        let mut body = json!({"kind": "admin#reports#activities", "etag": "\"fake\""});
        let fields = body.as_object_mut()?;
        if !items.is_empty() {
            fields.insert("items".to_owned(), json!(items));
        }
        if next < listed.len() {
            let token = format!("{}:{since_text}_{next}_{counted}", self.generation);
            fields.insert("nextPageToken".to_owned(), token.into());
        }
        Some(Reply::json(200, &body))
    }
}

fn failure(status: u16, reason: &str) -> Reply {
    let errors = json!([{"message": "fake", "domain": "global", "reason": reason}]);
    Reply::json(status, &json!({"error": {"code": status, "message": "fake", "errors": errors}}))
}

fn lock(workspace: &Mutex<Workspace>) -> MutexGuard<'_, Workspace> {
    workspace.lock().unwrap_or_else(PoisonError::into_inner)
}
