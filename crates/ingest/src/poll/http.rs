//! The one place that talks to providers: whole answers within limits, no redirect followed, nothing of a URL in an error (a link may hold
//! what is nobody else's business).

use std::time::Duration;

use reqwest::{
    Client,
    header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use runtime::{HttpClientError, HttpClients, Secret, why_unreachable};

use super::{Ask, Meaning, answer::Answer};

/// How long an answer may take, to its last byte. Okta gives up on a query of its own after 30 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an idle connection is kept: less than the time after which load balancers drop one without a word.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no whole answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It is larger than it was allowed to be.
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// Anything else, as what it means for the feed.
    Means(Meaning),
}

impl From<Meaning> for Unanswered {
    fn from(meaning: Meaning) -> Unanswered {
        Unanswered::Means(meaning)
    }
}

impl From<Unanswered> for Meaning {
    fn from(unanswered: Unanswered) -> Meaning {
        match unanswered {
            Unanswered::Means(meaning) => meaning,
            Unanswered::TooLarge { limit_bytes } => Meaning::Broken {
                why: format!(
                    "an answer is larger than {limit_bytes} bytes; lower page_events_max or raise [ingest] unpacked_bytes_max"
                ),
            },
        }
    }
}

/// A client for every provider.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    answer_bytes_max: usize,
}

impl Http {
    /// A client that takes answers of so many bytes at most.
    pub(crate) fn new(clients: &HttpClients, answer_bytes_max: usize) -> Result<Http, HttpClientError> {
        let built = clients.builder().timeout(ANSWER_TIMEOUT).pool_idle_timeout(IDLE_TIMEOUT).build();
        let client = built.map_err(|error| HttpClientError::Unusable { reason: why_unreachable(&error) })?;
        Ok(Http { client, answer_bytes_max })
    }

    /// Asks. Whatever the status is, a whole answer is an answer. It may be so many times as large as an answer is by rule.
    pub(crate) async fn ask(
        &self,
        ask: &Ask,
        authorization: Option<&Secret>,
        shares: usize,
    ) -> Result<Answer, Unanswered> {
        let mut request = match &ask.form {
            None => self.client.get(&ask.url),
            // Said aloud, because a server may refuse a POST without a length (411).
            Some(form) if form.is_empty() => self.client.post(&ask.url).header(CONTENT_LENGTH, 0),
            Some(form) => {
                self.client.post(&ask.url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone())
            }
        };
        request = request.header(ACCEPT, "application/json");
        if let Some(secret) = authorization {
            let refused = |_| Meaning::LoginRefused { why: "the credential holds what no header may hold".to_owned() };
            let mut value = HeaderValue::from_str(secret.expose()).map_err(refused)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let limit_bytes = self.answer_bytes_max.saturating_mul(shares);
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len().saturating_add(chunk.len()) > limit_bytes {
                return Err(Unanswered::TooLarge { limit_bytes });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }
}

/// No answer, or half of one.
fn unreachable(error: &reqwest::Error) -> Meaning {
    let what = if error.is_body() || error.is_decode() { "the answer was cut off" } else { "no answer" };
    Meaning::Unreachable { why: format!("{what}: {}", why_unreachable(error)), told_ms: None }
}
