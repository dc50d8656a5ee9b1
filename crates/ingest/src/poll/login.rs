//! Showing who we are: a key as it stands in the configuration, or a token that is asked for and renewed before it ends.
//!
//! Secrets are read again each time that a login is made anew, so that a rotated one is taken without a restart.

use std::time::{Duration, Instant};

use event::Timestamp;
use runtime::{Secret, SecretSource};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{Ask, Meaning, answer::Answer, http::Http, service_account, service_app, url};
use crate::clock::now;

/// A token without a told life is taken to live so long; the protocol only recommends that it is told (RFC 6749, section 5.1). Seconds.
const LIFE_S_DEFAULT: u64 = 600;
/// A token is renewed when so much of its life is left. A part, so that short lives work too.
const LEFT_PART: u32 = 5;
/// The longest name of an error that is repeated.
const ERROR_NAME_BYTES_MAX: usize = 60;

/// What a connection logs in with.
pub(crate) enum Credential {
    /// A key that is sent as it is, behind a word: `SSWS 00abc…`.
    Key {
        /// The word.
        scheme: &'static str,
        /// The key.
        key: SecretSource,
    },
    /// OAuth 2.0 client credentials (RFC 6749, section 4.4).
    ClientCredentials {
        /// Where tokens are asked for.
        token_url: String,
        /// The app's id.
        client_id: String,
        /// The app's secret.
        secret: SecretSource,
        /// What the token is for.
        scope: String,
    },
    /// The same, where the app signs who it is instead of showing a secret (RFC 7523, section 2.2).
    ServiceApp {
        /// Where tokens are asked for.
        token_url: String,
        /// The app's id.
        client_id: String,
        /// The app's private key.
        key: SecretSource,
        /// Which of the app's keys it is; empty where the app has one.
        key_id: String,
        /// What the token is for.
        scope: &'static str,
    },
    /// A Google service account that acts as an administrator.
    ServiceAccount {
        /// Its key file.
        key: SecretSource,
        /// The administrator's address.
        acts_as: String,
        /// What the token is for.
        scope: &'static str,
    },
}

/// The login of one connection, shared by its feeds.
pub(crate) struct Login {
    credential: Credential,
    held: Mutex<Option<Held>>,
}

/// What a refusal means for one way to log in.
type Explain<'a> = dyn Fn(&Refusal<'_>) -> Meaning + Send + Sync + 'a;

struct Held {
    authorization: Secret,
    /// `None` for what does not end by itself.
    renew_at: Option<Instant>,
}

impl Login {
    /// Nothing is asked yet.
    pub(crate) fn new(credential: Credential) -> Login {
        Login { credential, held: Mutex::new(None) }
    }

    /// The header `Authorization`. Asks for a token where there is none that lives long enough.
    pub(crate) async fn authorization(&self, http: &Http) -> Result<Secret, Meaning> {
        // Held over the request, so that the feeds of a connection ask for one token and not for one each.
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.renew_at.is_none_or(|at| Instant::now() < at)) {
            return Ok(held.authorization.clone());
        }
        let fresh = self.log_in(http).await?;
        let authorization = fresh.authorization.clone();
        *held = Some(fresh);
        Ok(authorization)
    }

    /// The provider did not take it: the next asker logs in anew. Where another feed has done so meanwhile, its token stays.
    pub(crate) async fn forget(&self, refused: &Secret) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| held.authorization == *refused) {
            *held = None;
        }
    }

    async fn log_in(&self, http: &Http) -> Result<Held, Meaning> {
        match &self.credential {
            Credential::Key { scheme, key } => {
                let key = read(key)?;
                let authorization = Secret::new(format!("{scheme} {}", key.expose()));
                Ok(Held { authorization, renew_at: None })
            }
            Credential::ClientCredentials { token_url, client_id, secret, scope } => {
                let secret = read(secret)?;
                let form = url::query(&[
                    ("grant_type", "client_credentials"),
                    ("client_id", client_id),
                    ("client_secret", secret.expose()),
                    ("scope", scope),
                ]);
                exchange(http, Ask { url: token_url.clone(), form: Some(form) }, &check_client).await
            }
            Credential::ServiceApp { token_url, client_id, key, key_id, scope } => {
                let assertion = service_app::state(&read(key)?, key_id, client_id, token_url, now());
                let assertion = assertion.map_err(|why| Meaning::LoginRefused { why })?;
                let form = url::query(&[
                    ("grant_type", "client_credentials"),
                    ("scope", scope),
                    ("client_assertion_type", service_app::ASSERTION_TYPE),
                    ("client_assertion", assertion.expose()),
                ]);
                let ask = Ask { url: token_url.clone(), form: Some(form) };
                exchange(http, ask, &|refusal| service_app::explain(refusal, scope)).await
            }
            Credential::ServiceAccount { key, acts_as, scope } => {
                let statement = service_account::state(&read(key)?, acts_as, scope, now());
                let statement = statement.map_err(|why| Meaning::LoginRefused { why })?;
                let pairs = [("grant_type", service_account::GRANT_TYPE), ("assertion", statement.assertion.expose())];
                let ask = Ask { url: statement.token_url, form: Some(url::query(&pairs)) };
                exchange(http, ask, &|refusal| service_account::explain(refusal, scope)).await
            }
        }
    }
}

/// No token was given: what the provider said (RFC 6749, section 5.2).
pub(crate) struct Refusal<'a> {
    /// 400, 401, …
    pub(crate) status: u16,
    /// The name of the error, where it is fit to be repeated.
    pub(crate) name: &'a str,
    /// For developers. May hold what is nobody's business, so it is never repeated.
    pub(crate) description: &'a str,
}

/// A token that was given.
#[derive(Debug, PartialEq, Eq)]
struct Token {
    authorization: Secret,
    life_s: u64,
}

/// Asks a token endpoint.
async fn exchange(http: &Http, ask: Ask, explain: &Explain<'_>) -> Result<Held, Meaning> {
    let token = read_token(&http.ask(&ask, None, 1).await?, now(), explain)?;
    let renew_at = Instant::now().checked_add(renew_after(token.life_s));
    Ok(Held { authorization: token.authorization, renew_at })
}

/// Reads the answer of a token endpoint (RFC 6749, sections 5.1 and 5.2).
fn read_token(answer: &Answer, now: Timestamp, explain: &Explain<'_>) -> Result<Token, Meaning> {
    #[derive(Deserialize)]
    struct Given {
        access_token: String,
        expires_in: Option<u64>,
    }
    #[derive(Default, Deserialize)]
    struct Refused {
        #[serde(default)]
        error: String,
        #[serde(default)]
        error_description: String,
    }
    if let Some(Meaning::Wait { .. } | Meaning::Unreachable { .. }) = answer.refusal(now) {
        return Err(answer.refusal(now).unwrap_or_else(|| answer.unexplained()));
    }
    if answer.status == 200 {
        let given: Given = serde_json::from_slice(&answer.body).map_err(|_| answer.unreadable("token"))?;
        let authorization = Secret::new(format!("Bearer {}", given.access_token));
        return Ok(Token { authorization, life_s: given.expires_in.unwrap_or(LIFE_S_DEFAULT) });
    }
    let refused: Refused = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_name = !refused.error.is_empty()
        && refused.error.len() <= ERROR_NAME_BYTES_MAX
        && refused.error.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let name = if is_name { refused.error.as_str() } else { "no reason" };
    Err(explain(&Refusal { status: answer.status, name, description: &refused.error_description }))
}

fn check_client(refusal: &Refusal<'_>) -> Meaning {
    let why = format!("no token is given ({}, {}); check client_id and its secret", refusal.status, refusal.name);
    Meaning::LoginRefused { why }
}

/// When a token of this life is renewed.
fn renew_after(life_s: u64) -> Duration {
    let life = Duration::from_secs(life_s);
    life.saturating_sub(life / LEFT_PART)
}

fn read(source: &SecretSource) -> Result<Secret, Meaning> {
    source.read().map_err(|error| Meaning::LoginRefused { why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::{super::answer::tests::answer, *};

    const NOW: Timestamp = Timestamp(784_111_777_000);

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        for (life_s, renewed_s) in [(3_600, 2_880), (10, 8), (0, 0)] {
            assert_eq!(renew_after(life_s), Duration::from_secs(renewed_s));
        }
    }

    #[test]
    fn what_a_token_endpoint_says_is_a_token_a_refusal_or_a_reason_to_come_again() {
        let token = read_token(
            &answer(200, &[], r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t0k"}"#),
            NOW,
            &check_client,
        );
        assert_eq!(token, Ok(Token { authorization: Secret::new("Bearer t0k".into()), life_s: 3_599 }));
        let refused = |status, body: &str| match read_token(&answer(status, &[], body), NOW, &check_client) {
            Err(Meaning::LoginRefused { why }) => why,
            other => panic!("{other:?}"),
        };
        assert!(
            refused(401, r#"{"error":"invalid_client","error_description":"AADSTS7000222: expired"}"#)
                .contains("invalid_client")
        );
        assert!(refused(400, r#"{"error":"unauthorized_client"}"#).contains("unauthorized_client"));
        assert!(!refused(400, r#"{"error":"<script>"}"#).contains("script"));
        for (status, expected) in [(429, "Wait"), (503, "Unreachable"), (500, "Unreachable")] {
            let meaning = read_token(&answer(status, &[("retry-after", "5")], ""), NOW, &check_client).unwrap_err();
            assert!(format!("{meaning:?}").starts_with(expected), "{status}: {meaning:?}");
        }
        assert!(matches!(read_token(&answer(200, &[], "<html>"), NOW, &check_client), Err(Meaning::Broken { .. })));
    }
}
