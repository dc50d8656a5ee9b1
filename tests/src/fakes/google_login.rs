//! Google's token endpoint for service accounts: it takes a signed statement (JWT) and gives a token.
//!
//! What is assumed, and where it is from (<https://developers.google.com/identity/protocols/oauth2/service-account>):
//!
//! - `POST`, a form with `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer` and `assertion`.
//! - The header is `alg` RS256, `typ` JWT and the key's id; the claims are `iss`, `sub`, `scope`, `aud` (this endpoint), `iat` and `exp`, at
//!   most an hour later. The signature is checked with the account's public key.
//! - `invalid_grant` with 400 for a bad signature ("Invalid JWT Signature."), a bad time ("… in a reasonable timeframe …") and a `sub` that is nobody
//!   ("Invalid email or User ID"); `unauthorized_client` with 401 where nobody delegated the scope to the account.
//! - How far `iat` may lie in the future is not told; this one takes none that does.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    hash::MessageDigest,
    pkey::{PKey, Private, Public},
    rsa::Rsa,
    sign::Verifier,
};
use serde_json::{Value, json};

use super::server::{Asked, parameter};
use crate::events::now_ms;

const ACCOUNT: &str = "daylight@brightwater-audit.iam.gserviceaccount.example";
const ADMIN: &str = "audit@brightwater.example";
const KEY_ID: &str = "7f3a91c0ffee";
const SCOPE: &str = "https://www.googleapis.com/auth/admin.reports.audit.readonly";
const LIFE_S_MAX: i64 = 3_600;

/// A service account, its key, and what was delegated to it.
pub(super) struct Account {
    private_pem: String,
    public: PKey<Public>,
    pub(super) is_delegated: bool,
    pub(super) is_key_known: bool,
    pub(super) skew_ms: i64,
}

impl Account {
    /// One with a key of its own, made now.
    pub(super) fn make() -> anyhow::Result<Account> {
        let key: PKey<Private> = PKey::from_rsa(Rsa::generate(2_048)?)?;
        Ok(Account {
            private_pem: String::from_utf8(key.private_key_to_pem_pkcs8()?)?,
            public: PKey::public_key_from_pem(&key.public_key_to_pem()?)?,
            is_delegated: true,
            is_key_known: true,
            skew_ms: 0,
        })
    }

    /// The administrator as whom it may act.
    pub(super) fn admin(&self) -> &'static str {
        ADMIN
    }

    /// What Google's console would hand out.
    pub(super) fn key_file(&self, token_uri: &str) -> String {
        let file = json!({
            "type": "service_account", "project_id": "brightwater-audit", "private_key_id": KEY_ID,
            "private_key": self.private_pem, "client_email": ACCOUNT, "client_id": "104000000000000000001",
            "token_uri": token_uri
        });
        file.to_string()
    }

    /// The lines of the private key: none of them may stand anywhere.
    pub(super) fn key_lines(&self) -> impl Iterator<Item = &str> {
        self.private_pem.lines().filter(|line| !line.starts_with('-'))
    }

    /// Is this a statement that earns a token? Else status, name and description of the refusal.
    pub(super) fn judge(&self, asked: &Asked, token_uri: &str) -> Result<(), (u16, &'static str, &'static str)> {
        let bad = |description| (400, "invalid_grant", description);
        if parameter(&asked.body, "grant_type") != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
            return Err((400, "unsupported_grant_type", "Invalid grant_type"));
        }
        let assertion = parameter(&asked.body, "assertion").unwrap_or_default();
        let (signed, signature) = assertion.rsplit_once('.').ok_or(bad("Invalid JWT"))?;
        let (header, claims) = signed.split_once('.').ok_or(bad("Invalid JWT"))?;
        let (header, claims) = (decode(header).ok_or(bad("Invalid JWT"))?, decode(claims).ok_or(bad("Invalid JWT"))?);
        if header != json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}) || !self.is_key_known {
            return Err(bad("Invalid JWT Signature."));
        }
        if !self.is_signed(signed, signature).unwrap_or(false) {
            return Err(bad("Invalid JWT Signature."));
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
        let (now_s, issued_s, ends_s) = ((now_ms() + self.skew_ms) / 1_000, number("iat"), number("exp"));
        if issued_s > now_s || ends_s <= now_s || ends_s - issued_s > LIFE_S_MAX {
            return Err(bad(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
            ));
        }
        if text("iss") != ACCOUNT || text("aud") != token_uri {
            return Err(bad("Invalid JWT: Failed audience check."));
        }
        if text("sub") != ADMIN {
            return Err(bad("Invalid email or User ID"));
        }
        if text("scope") != SCOPE || !self.is_delegated {
            let description = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for \
                               any of the scopes requested.";
            return Err((401, "unauthorized_client", description));
        }
        Ok(())
    }

    fn is_signed(&self, signed: &str, signature: &str) -> Option<bool> {
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let mut verifier = Verifier::new(MessageDigest::sha256(), &self.public).ok()?;
        verifier.verify_oneshot(&signature, signed.as_bytes()).ok()
    }
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
