//! Statements that are signed (JWT, RFC 7519; RS256, RFC 7518 section 3.3): how we show a provider who we are without a secret that travels.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    hash::MessageDigest,
    pkey::{Id, PKey, Private},
    sign::Signer,
};
use runtime::Secret;
use serde_json::Value;

/// Reads an RSA key in PEM that has no password; `None` for anything else.
pub(crate) fn read_key(pem: &str) -> Option<PKey<Private>> {
    // OpenSSL would ask a terminal for the password of a key that has one, so an empty one is given.
    PKey::private_key_from_pem_passphrase(pem.as_bytes(), b"").ok().filter(|key| key.id() == Id::RSA)
}

/// The signed statement. Whoever has it can have a token, as long as it holds.
pub(crate) fn sign(key: &PKey<Private>, header: &Value, claims: &Value) -> Option<Secret> {
    let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let mut signer = Signer::new(MessageDigest::sha256(), key).ok()?;
    let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).ok()?;
    Some(Secret::new(format!("{signed}.{}", encode(&signature))))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
