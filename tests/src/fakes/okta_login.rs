//! Okta's own token endpoint, for a service app: it takes a statement that the app signed (`private_key_jwt`) and gives a token.
//!
//! What is assumed, and where it is from (<https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/>):
//!
//! - `POST /oauth2/v1/token`, a form with `grant_type=client_credentials`, `scope`, `client_assertion_type` and `client_assertion`.
//! - The header of the statement is `alg` RS256 and the key's id; the claims are `iss` and `sub` (the client's id), `aud` (this endpoint) and `exp`, at
//!   most an hour from now; `iat` and `jti` may be there (documentation). The signature is checked with the app's public key.
//! - A token lives for an hour, `token_type` Bearer (documentation).
//! - An app that wants proof of possession refuses with `invalid_dpop_proof` (Okta's support, "The DPoP Proof JWT Header Is Missing").
//! - Which scopes an app gets is compared with what it was granted (documentation); that the refusal is called `invalid_scope` is RFC 6749, section 5.2.
//! - A statement that does not hold is 401 `invalid_client` (RFC 6749, section 5.2).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    hash::MessageDigest,
    pkey::{PKey, Private, Public},
    rsa::Rsa,
    sign::Verifier,
};
use serde_json::{Value, json};

use super::server::{Asked, Reply, parameter};
use crate::events::now_ms;

/// The path of the endpoint.
pub(super) const TOKEN_PATH: &str = "/oauth2/v1/token";
/// The app's id and its key's.
const CLIENT: (&str, &str) = ("0oadaylight0000000001", "kid-5e1f");
const SCOPE: &str = "okta.logs.read";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const LIFE_S_MAX: i64 = 3_600;

/// What is wrong with a service app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppTrouble {
    /// Nobody granted it the scope.
    NoScope,
    /// Its public key was taken away.
    NoKey,
    /// It must prove possession of a key with each request.
    WantsProof,
}

/// A service app, and the tokens that it has.
pub(super) struct App {
    private_pem: String,
    public: PKey<Public>,
    pub(super) trouble: Option<AppTrouble>,
    pub(super) skew_ms: i64,
    tokens: BTreeMap<String, Instant>,
    tokens_given: u64,
}

impl App {
    /// One with a key of its own, made now.
    pub(super) fn make() -> anyhow::Result<App> {
        let key: PKey<Private> = PKey::from_rsa(Rsa::generate(2_048)?)?;
        Ok(App {
            private_pem: String::from_utf8(key.private_key_to_pem_pkcs8()?)?,
            public: PKey::public_key_from_pem(&key.public_key_to_pem()?)?,
            trouble: None,
            skew_ms: 0,
            tokens: BTreeMap::new(),
            tokens_given: 0,
        })
    }

    /// Its id, its key's id, and the key.
    pub(super) fn credential(&self) -> (&'static str, &'static str, String) {
        (CLIENT.0, CLIENT.1, self.private_pem.clone())
    }

    /// Does this request show a token that has not ended?
    pub(super) fn is_let_in(&self, authorization: &str) -> bool {
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        self.tokens.get(token).is_some_and(|ends_at| *ends_at > Instant::now())
    }

    /// Every token that was given has ended.
    pub(super) fn end_tokens(&mut self) {
        self.tokens.clear();
    }

    /// How many tokens were given.
    pub(super) fn tokens_given(&self) -> u64 {
        self.tokens_given
    }

    /// Answers a request for a token.
    pub(super) fn token(&mut self, asked: &Asked) -> Reply {
        if let Err((status, name, description)) = self.judge(asked) {
            return Reply::json(status, &json!({"error": name, "error_description": description}));
        }
        self.tokens_given += 1;
        let token = format!("planted-okta-bearer-{}", self.tokens_given);
        let life = Duration::from_secs(3_600);
        self.tokens.insert(token.clone(), Instant::now() + life);
        let given =
            json!({"token_type": "Bearer", "expires_in": life.as_secs(), "access_token": token, "scope": SCOPE});
        Reply::json(200, &given)
    }

    fn judge(&self, asked: &Asked) -> Result<(), (u16, &'static str, &'static str)> {
        let told = |name| parameter(&asked.body, name).unwrap_or_default();
        if asked.method != "POST" || told("grant_type") != "client_credentials" {
            return Err((400, "unsupported_grant_type", "The grant type is not supported."));
        }
        let is_stated = told("client_assertion_type") == ASSERTION_TYPE
            && self.trouble != Some(AppTrouble::NoKey)
            && self.is_statement(asked, told("client_assertion")).unwrap_or(false);
        if !is_stated {
            return Err((401, "invalid_client", "The client_assertion is invalid."));
        }
        match self.trouble {
            Some(AppTrouble::WantsProof) => Err((400, "invalid_dpop_proof", "The DPoP proof JWT header is missing.")),
            Some(AppTrouble::NoScope) => Err((400, "invalid_scope", "The requested scope is invalid.")),
            _ if told("scope") != SCOPE => Err((400, "invalid_scope", "The requested scope is invalid.")),
            _ => Ok(()),
        }
    }

    fn is_statement(&self, asked: &Asked, assertion: &str) -> Option<bool> {
        let (signed, signature) = assertion.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let (header, claims) = (decode(header)?, decode(claims)?);
        let mut verifier = Verifier::new(MessageDigest::sha256(), &self.public).ok()?;
        let is_signed = verifier.verify_oneshot(&URL_SAFE_NO_PAD.decode(signature).ok()?, signed.as_bytes()).ok()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let (now_s, ends_s) = ((now_ms() + self.skew_ms) / 1_000, claims.get("exp")?.as_i64()?);
        let is_ours = text("iss") == CLIENT.0
            && text("sub") == CLIENT.0
            && text("aud") == format!("http://{}{TOKEN_PATH}", asked.host);
        let is_in_time = ends_s > now_s && ends_s <= now_s + LIFE_S_MAX;
        Some(is_signed && is_ours && is_in_time && header == json!({"alg": "RS256", "typ": "JWT", "kid": CLIENT.1}))
    }
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
