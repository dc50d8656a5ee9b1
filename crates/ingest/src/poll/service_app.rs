//! Logging in as a service app of Okta: OAuth 2.0 client credentials, where the app states who it is in a JWT that it signs with its own key
//! (`private_key_jwt`: RFC 7523, section 2.2). Sources: <https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/>,
//! <https://developer.okta.com/docs/guides/build-self-signed-jwt/>.
//!
//! Beside an API token it is the smaller right: the app has the scopes that it was granted, and no person's account behind it. Proof of
//! possession (DPoP) is not spoken; Okta asks for it unless it is switched off for the app.

use event::Timestamp;
use runtime::Secret;
use serde_json::json;

use super::{Meaning, jwt, login::Refusal};

/// What states who asks (RFC 7523, section 2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long a statement holds: half of Okta's longest, so that a clock which is minutes wrong, either way, does not matter. Seconds.
const LIFE_S: i64 = 1_800;

/// States that the app asks for a token at `token_url`. Okta wants neither `iat` nor `jti`.
///
/// # Errors
/// What is wrong with the key, without anything of it.
pub(crate) fn state(
    private_key: &Secret,
    key_id: &str,
    client_id: &str,
    token_url: &str,
    now: Timestamp,
) -> Result<Secret, String> {
    let key = jwt::read_key(private_key.expose()).ok_or(
        "private_key is no RSA key in PEM without a password; Okta's console shows it so once, when the key is made",
    )?;
    let header = match key_id {
        "" => json!({"alg": "RS256", "typ": "JWT"}),
        _ => json!({"alg": "RS256", "typ": "JWT", "kid": key_id}),
    };
    let ends_s = now.0.div_euclid(1_000).saturating_add(LIFE_S);
    let claims = json!({"iss": client_id, "sub": client_id, "aud": token_url, "exp": ends_s});
    jwt::sign(&key, &header, &claims).ok_or_else(|| "private_key cannot sign".to_owned())
}

/// What a refusal of the org's token endpoint means. The org gives a scope only if it was granted to the app; how it says that it was not is no
/// documented name, so every name that is about a scope or a consent counts.
pub(crate) fn explain(refusal: &Refusal<'_>, scope: &str) -> Meaning {
    let (status, name) = (refusal.status, refusal.name);
    let advice = match name {
        "invalid_scope" | "consent_required" | "access_denied" => {
            return Meaning::PermissionMissing {
                name: format!("{scope}, to the service app (its tab Okta API Scopes)"),
            };
        }
        "invalid_dpop_proof" | "use_dpop_nonce" => {
            "switch off \"Require Demonstrating Proof of Possession (DPoP) header in token requests\" in the app's general settings"
        }
        "unauthorized_client" => "the app must be an API service with the grant type client credentials",
        _ => {
            "check client_id, private_key and key_id (is the app active, and is this key's public half one of its public keys?) and this \
             machine's clock"
        }
    };
    Meaning::LoginRefused { why: format!("no token is given ({status}, {name}); {advice}") }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use openssl::{hash::MessageDigest, pkey::PKey, rsa::Rsa, sign::Verifier};
    use serde_json::Value;

    use super::*;

    const NOW: Timestamp = Timestamp(1_772_442_900_250);
    const TOKEN_URL: &str = "https://acme.okta.com/oauth2/v1/token";
    const SCOPE: &str = "okta.logs.read";

    fn part(assertion: &str, at: usize) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(assertion.split('.').nth(at).unwrap()).unwrap()
    }

    #[test]
    fn a_statement_says_which_app_asks_whom_for_half_an_hour_and_its_signature_holds() {
        let key = PKey::from_rsa(Rsa::generate(2_048).unwrap()).unwrap();
        let pem = Secret::new(String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap());
        for (key_id, expected) in
            [("k1", json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})), ("", json!({"alg": "RS256", "typ": "JWT"}))]
        {
            let assertion = state(&pem, key_id, "0oaapp", TOKEN_URL, NOW).unwrap();
            let assertion = assertion.expose();
            assert_eq!(serde_json::from_slice::<Value>(&part(assertion, 0)).unwrap(), expected);
            let claims: Value = serde_json::from_slice(&part(assertion, 1)).unwrap();
            assert_eq!(claims, json!({"iss": "0oaapp", "sub": "0oaapp", "aud": TOKEN_URL, "exp": 1_772_444_700}));
            let (signed, _) = assertion.rsplit_once('.').unwrap();
            let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
            assert!(verifier.verify_oneshot(&part(assertion, 2), signed.as_bytes()).unwrap());
        }
        let why = state(&Secret::new("planted".into()), "", "0oaapp", TOKEN_URL, NOW).err().unwrap();
        assert!(why.contains("PEM") && !why.contains("planted"), "{why}");
    }

    #[test]
    fn a_refusal_names_the_scope_to_grant_or_what_to_look_at() {
        let meaning = |name| explain(&Refusal { status: 400, name, description: "planted" }, SCOPE);
        for name in ["invalid_scope", "consent_required", "access_denied"] {
            assert!(matches!(meaning(name), Meaning::PermissionMissing { name } if name.starts_with(SCOPE)), "{name}");
        }
        for (name, word) in [
            ("invalid_dpop_proof", "DPoP"),
            ("use_dpop_nonce", "DPoP"),
            ("unauthorized_client", "API service"),
            ("invalid_client", "client_id, private_key and key_id"),
            ("no reason", "clock"),
        ] {
            let told = meaning(name);
            let is_told = |why: &str| why.contains(word) && why.contains(name) && !why.contains("planted");
            assert!(matches!(&told, Meaning::LoginRefused { why } if is_told(why)), "{told:?}");
        }
    }
}
