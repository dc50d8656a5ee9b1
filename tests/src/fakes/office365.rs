//! The Office 365 Management Activity API, so far as a poller sees it.
//!
//! What is assumed, and where it is from
//! (<https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference>, unless told otherwise):
//!
//! - `POST …/activity/feed/subscriptions/start?contentType=…` answers the subscription with `"status":"enabled"`. On one that is enabled the answer
//!   is 400 AF20024 (in no documentation; told by several collectors). Without one, a list is 400 AF20022.
//! - `GET …/subscriptions/content?contentType=…&startTime=…&endTime=…`: times without a zone, both, at most 24 hours apart, at most seven days back,
//!   else AF20030; the end may lie in the future (Elastic's collector relies on it). A window is over `contentCreated`, not over the records.
//! - What does not fit is behind the header `NextPageUri`; an ended one is 400 AF20031.
//! - A blob is fetched by its `contentUri`, an array of records; one that has expired is 400 AF20051.
//! - A token without `ActivityFeed.Read` is refused with AF10001. The status is not told; 401 here, the one that is easily misread.
//! - The token is one of client credentials for the scope `…/.default` of the API, as for Microsoft Graph.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use event::Timestamp;
use serde_json::{Value, json};

use super::server::{Asked, Reply, Server, Trouble, parameter};
use crate::events::{ENTRA_TENANT, now_ms};

/// The app's id and secret in every fake directory.
const CLIENT: (&str, &str) = ("22222222-bbbb-4000-8000-00000000c11e", "planted-office-secret~8R&y=2+2");
/// Blobs of one page of a list: few, so that there are many pages.
const PAGE_BLOBS: usize = 3;
const HOUR_MS: i64 = 3_600_000;

/// A fake directory's audit log.
pub struct FakeOffice365 {
    server: Server,
    log: Arc<Mutex<AuditLog>>,
}

struct AuditLog {
    /// In the order in which they came to be listed.
    blobs: Vec<Blob>,
    tokens: BTreeMap<String, Instant>,
    tokens_given: u64,
    is_subscribed: bool,
    started: u64,
    is_permitted: bool,
    skew_ms: i64,
    /// What the link to a next page holds; another one when the old have ended.
    generation: u64,
}

struct Blob {
    created_ms: i64,
    is_expired: bool,
    records: Vec<Value>,
    fetched: u64,
}

impl FakeOffice365 {
    /// An audit log without records, to which nobody has subscribed.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> anyhow::Result<FakeOffice365> {
        let log = Arc::new(Mutex::new(AuditLog {
            blobs: Vec::new(),
            tokens: BTreeMap::new(),
            tokens_given: 0,
            is_subscribed: false,
            started: 0,
            is_permitted: true,
            skew_ms: 0,
            generation: 1,
        }));
        let answering = Arc::clone(&log);
        let server = Server::start(move |asked| lock(&answering).answer(asked))?;
        Ok(FakeOffice365 { server, log })
    }

    /// `http://…`, of the API.
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

    /// Lists a blob of these records from now on, that was made available so long ago by its own word.
    pub fn publish(&self, records: Vec<Value>, ago_ms: i64) {
        let mut log = lock(&self.log);
        let created_ms = now_ms() + log.skew_ms - ago_ms;
        log.blobs.push(Blob { created_ms, is_expired: false, records, fetched: 0 });
    }

    /// Lists a blob that has expired when somebody asks for it.
    pub fn publish_expired(&self, records: Vec<Value>) {
        let created_ms = now_ms();
        lock(&self.log).blobs.push(Blob { created_ms, is_expired: true, records, fetched: 0 });
    }

    /// The ids of every record in blobs that could be fetched.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        let log = lock(&self.log);
        let records = log.blobs.iter().filter(|blob| !blob.is_expired).flat_map(|blob| &blob.records);
        records.filter_map(|record| record.get("Id")?.as_str().map(str::to_owned)).collect()
    }

    /// How often blobs were fetched, all together.
    #[must_use]
    pub fn fetched(&self) -> u64 {
        lock(&self.log).blobs.iter().map(|blob| blob.fetched).sum()
    }

    /// How often a subscription was made.
    #[must_use]
    pub fn started(&self) -> u64 {
        lock(&self.log).started
    }

    /// Somebody has subscribed already.
    pub fn subscribe(&self) {
        lock(&self.log).is_subscribed = true;
    }

    /// Every token that was given has ended.
    pub fn end_tokens(&self) {
        lock(&self.log).tokens.clear();
    }

    /// How many tokens were given.
    #[must_use]
    pub fn tokens_given(&self) -> u64 {
        lock(&self.log).tokens_given
    }

    /// The app has its permission, or not.
    pub fn permit(&self, is_permitted: bool) {
        lock(&self.log).is_permitted = is_permitted;
    }

    /// Whatever link to a next page was given has ended.
    pub fn end_links(&self) {
        lock(&self.log).generation += 1;
    }

    /// The next requests meet these.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.server.trouble(troubles);
    }

    /// Its clock goes wrong, seen from ours.
    pub fn skew(&self, skew_ms: i64) {
        self.server.skew(skew_ms);
        lock(&self.log).skew_ms = skew_ms;
    }

    /// Every request so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.server.asked()
    }
}

impl AuditLog {
    fn answer(&mut self, asked: &Asked) -> Reply {
        if asked.path.ends_with("/oauth2/v2.0/token") {
            return self.token(asked);
        }
        let token = asked.authorization.strip_prefix("Bearer ").unwrap_or_default();
        if self.tokens.get(token).is_none_or(|ends_at| *ends_at <= Instant::now()) {
            return Reply::json(401, &json!({"Message": "Authorization has been denied for this request."}));
        }
        if !self.is_permitted {
            return failure(401, "AF10001");
        }
        let root = format!("/api/v1.0/{ENTRA_TENANT}/activity/feed/");
        let Some(path) = asked.path.strip_prefix(&root) else { return failure(400, "AF20010") };
        match (asked.method.as_str(), path) {
            ("POST", "subscriptions/start") => self.start(asked),
            ("GET", "subscriptions/content") if !self.is_subscribed => failure(400, "AF20022"),
            ("GET", "subscriptions/content") => self.list(asked, &root).unwrap_or_else(|code| failure(400, code)),
            ("GET", path) => self.blob(path),
            _ => failure(404, "AF20002"),
        }
    }

    fn token(&mut self, asked: &Asked) -> Reply {
        let is = |name: &str, value: &str| parameter(&asked.body, name) == Some(value);
        let is_known = is("grant_type", "client_credentials")
            && is("client_id", CLIENT.0)
            && asked.body.contains(&format!("client_secret={}", CLIENT.1))
            && is("scope", &format!("http://{}/.default", asked.host));
        if !is_known {
            return Reply::json(401, &json!({"error": "invalid_client", "error_description": "AADSTS7000215"}));
        }
        self.tokens_given += 1;
        let token = format!("planted-office-token-{}", self.tokens_given);
        self.tokens.insert(token.clone(), Instant::now() + Duration::from_secs(3_599));
        Reply::json(200, &json!({"token_type": "Bearer", "expires_in": 3_599, "access_token": token}))
    }

    fn start(&mut self, asked: &Asked) -> Reply {
        if asked.parameter("contentType") != Some("Audit.AzureActiveDirectory") {
            return failure(400, "AF20020");
        }
        if self.is_subscribed {
            return failure(400, "AF20024");
        }
        self.is_subscribed = true;
        self.started += 1;
        let body = json!({"contentType": "Audit.AzureActiveDirectory", "status": "enabled", "webhook": null});
        Reply::json(200, &body)
    }

    fn list(&self, asked: &Asked, root: &str) -> Result<Reply, &'static str> {
        let time = |name: &str| {
            let text = asked.parameter(name).filter(|text| text.len() == 19).ok_or("AF20030")?;
            Timestamp::parse(&format!("{text}.000Z")).ok_or("AF20002")
        };
        let (since, until) = (time("startTime")?.0, time("endTime")?.0);
        if until <= since || until - since > 24 * HOUR_MS || since < now_ms() + self.skew_ms - 7 * 24 * HOUR_MS {
            return Err("AF20030");
        }
        let skipped = match asked.parameter("nextPage").map(|page| page.split_once('_')) {
            None => 0,
            Some(Some((generation, skipped))) if generation == self.generation.to_string() => {
                skipped.parse().map_err(|_| "AF20031")?
            }
            Some(_) => return Err("AF20031"),
        };
        let base = format!("http://{}{root}", asked.host);
        let is_within = |blob: &Blob| (since..until).contains(&blob.created_ms);
        let listed: Vec<Value> = self
            .blobs
            .iter()
            .enumerate()
            .filter(|(_, blob)| is_within(blob))
            .map(|(number, blob)| {
                json!({
                    "contentType": "Audit.AzureActiveDirectory", "contentId": format!("{number}$audit$04"),
                    "contentUri": format!("{base}audit/{number}$audit$04"),
                    "contentCreated": Timestamp(blob.created_ms).to_string(),
                    "contentExpiration": Timestamp(blob.created_ms + 7 * 24 * HOUR_MS).to_string()
                })
            })
            .collect();
        let page: Vec<&Value> = listed.iter().skip(skipped).take(PAGE_BLOBS).collect();
        let next = skipped + page.len();
        let reply = Reply::json(200, &json!(page));
        if next >= listed.len() {
            return Ok(reply);
        }
        let window = |name: &str| asked.parameter(name).unwrap_or_default().replace(':', "%3A");
        let link = format!(
            "{base}subscriptions/content?contentType=Audit.AzureActiveDirectory&startTime={}&endTime={}&nextPage={}_{next}",
            window("startTime"),
            window("endTime"),
            self.generation
        );
        Ok(reply.header("NextPageUri", link))
    }

    fn blob(&mut self, path: &str) -> Reply {
        let number = path.strip_prefix("audit/").and_then(|path| path.split_once('$')?.0.parse::<usize>().ok());
        let Some(blob) = number.and_then(|number| self.blobs.get_mut(number)) else { return failure(400, "AF20050") };
        blob.fetched += 1;
        if blob.is_expired { failure(400, "AF20051") } else { Reply::json(200, &json!(blob.records)) }
    }
}

fn failure(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": "fake"}}))
}

fn lock(log: &Mutex<AuditLog>) -> MutexGuard<'_, AuditLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
