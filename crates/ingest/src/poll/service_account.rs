//! Logging in as a Google service account that acts as an administrator (domain-wide delegation): a statement that we sign with the account's
//! key (a JWT, RFC 7523) is exchanged for a token. Source: <https://developers.google.com/identity/protocols/oauth2/service-account>.
//!
//! The key file is what Google's console hands out, whole; of it we read who signs, with what, and where tokens are asked for.

use event::Timestamp;
use runtime::Secret;
use serde::Deserialize;
use serde_json::json;

use super::{Meaning, jwt, login::Refusal, url};

/// What a token is asked for by (RFC 7523, section 2.1).
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a statement holds: Google's longest, so that a clock that is minutes late does not matter. Seconds.
const LIFE_S: i64 = 3_600;
/// A statement is dated back so much, because Google takes none from the future and clocks differ a little. Seconds.
const DATED_BACK_S: i64 = 10;

/// The key file, so far as we read it. No `Debug`: it holds the key.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    token_uri: String,
}

/// What the admin log calls the account, where a scope is delegated to it.
pub(crate) fn client_id(key_file: &Secret) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        client_id: String,
    }
    serde_json::from_str::<Named>(key_file.expose()).ok().map(|named| named.client_id)
}

/// A statement, and who takes it.
pub(crate) struct Statement {
    /// Where it is exchanged for a token.
    pub(crate) token_url: String,
    /// The JWT. Whoever has it can have a token, for an hour.
    pub(crate) assertion: Secret,
}

/// States that the service account asks to act as `acts_as`, for `scope`.
///
/// # Errors
/// What is wrong with the key file, without anything of its content.
pub(crate) fn state(key_file: &Secret, acts_as: &str, scope: &str, now: Timestamp) -> Result<Statement, String> {
    let file: KeyFile = serde_json::from_str(key_file.expose()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!(
            "service_account is no key file of Google (line {line}, column {column}): it must be the JSON that the console hands out, \
             with client_email, private_key and token_uri"
        )
    })?;
    let key = jwt::read_key(&file.private_key)
        .ok_or("the private_key of service_account is no RSA key in PEM without a password")?;
    let token_url =
        url::read_base(&file.token_uri).map_err(|why| format!("the token_uri of service_account: {why}"))?;
    let issued_s = now.0.div_euclid(1_000).saturating_sub(DATED_BACK_S);
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": file.private_key_id});
    let claims = json!({
        "iss": file.client_email, "sub": acts_as, "scope": scope, "aud": file.token_uri,
        "iat": issued_s, "exp": issued_s.saturating_add(LIFE_S)
    });
    let assertion = jwt::sign(&key, &header, &claims).ok_or("the private_key of service_account cannot sign")?;
    Ok(Statement { token_url: token_url.to_string(), assertion })
}

/// What a refusal of Google's token endpoint means. The names are those of the page above, section "Error codes"; of the descriptions only
/// what tells causes apart.
pub(crate) fn explain(refusal: &Refusal<'_>, scope: &str) -> Meaning {
    if matches!(refusal.name, "unauthorized_client" | "access_denied" | "invalid_scope" | "admin_policy_enforced") {
        let name = format!("{scope}, by domain-wide delegation to the client id of the service account");
        return Meaning::PermissionMissing { name };
    }
    let advice = [
        ("Invalid email", "delegated_admin is nobody in this Workspace"),
        ("Signature", "the key of service_account was deleted, or is another account's"),
        ("timeframe", "the clock of this machine is wrong"),
    ];
    let known = advice.iter().find(|(told, _)| refusal.description.contains(told)).map(|(_, advice)| *advice);
    let advice = known.unwrap_or("check service_account (was it deleted or switched off?) and delegated_admin");
    Meaning::LoginRefused { why: format!("no token is given ({}, {}); {advice}", refusal.status, refusal.name) }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use openssl::{
        ec,
        hash::MessageDigest,
        nid::Nid,
        pkey::{PKey, Private},
        rsa::Rsa,
        sign::Verifier,
        symm::Cipher,
    };
    use serde_json::Value;

    use super::*;

    const NOW: Timestamp = Timestamp(1_772_442_900_250);
    const SCOPE: &str = "https://www.googleapis.com/auth/admin.reports.audit.readonly";

    fn key_file(private_key: &str, token_uri: &str) -> Secret {
        let file = json!({
            "type": "service_account", "project_id": "acme", "private_key_id": "0a1b", "private_key": private_key,
            "client_email": "daylight@acme.iam.gserviceaccount.com", "client_id": "1", "token_uri": token_uri
        });
        Secret::new(file.to_string())
    }

    fn pem(key: &PKey<Private>) -> String {
        String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }

    fn part(assertion: &str, at: usize) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(assertion.split('.').nth(at).unwrap()).unwrap()
    }

    #[test]
    fn a_statement_says_who_asks_for_whom_and_what_for_an_hour_at_most_and_its_signature_holds() {
        let key = PKey::from_rsa(Rsa::generate(2_048).unwrap()).unwrap();
        let token_uri = "https://oauth2.googleapis.com/token";
        let statement = state(&key_file(&pem(&key), token_uri), "audit@acme.example", SCOPE, NOW).unwrap();
        assert_eq!(statement.token_url, token_uri);
        let assertion = statement.assertion.expose();
        assert_eq!(assertion.split('.').count(), 3);
        assert!(!assertion.contains(['=', '+', '/']), "{assertion}");
        let header: Value = serde_json::from_slice(&part(assertion, 0)).unwrap();
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "0a1b"}));
        let claims: Value = serde_json::from_slice(&part(assertion, 1)).unwrap();
        let expected = json!({
            "iss": "daylight@acme.iam.gserviceaccount.com", "sub": "audit@acme.example", "scope": SCOPE, "aud": token_uri,
            "iat": 1_772_442_890, "exp": 1_772_446_490
        });
        assert_eq!(claims, expected);
        let (signed, _) = assertion.rsplit_once('.').unwrap();
        let public = PKey::public_key_from_pem(&key.public_key_to_pem().unwrap()).unwrap();
        let is_signed = |text: &str| {
            let mut verifier = Verifier::new(MessageDigest::sha256(), &public).unwrap();
            verifier.verify_oneshot(&part(assertion, 2), text.as_bytes()).unwrap()
        };
        assert!(is_signed(signed));
        assert!(!is_signed(&signed.replacen('.', ".a", 1)), "the signature holds for another text");
    }

    #[test]
    fn a_key_file_that_is_none_is_told_without_its_content() {
        let rsa = Rsa::generate(2_048).unwrap();
        let locked = rsa.private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"planted").unwrap();
        let (rsa, locked) = (PKey::from_rsa(rsa).unwrap(), String::from_utf8(locked).unwrap());
        let group = ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let curve = PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
        let google = "https://oauth2.googleapis.com/token";
        for (file, word) in [
            (Secret::new("planted".into()), "no key file"),
            (Secret::new(r#"{"private_key":"planted"}"#.into()), "client_email"),
            (key_file("planted", google), "no RSA key"),
            (key_file(&locked, google), "without a password"),
            (key_file(&pem(&curve), google), "no RSA key"),
            (key_file(&pem(&rsa), "http://planted.example/token"), "https"),
        ] {
            let why = state(&file, "audit@acme.example", SCOPE, NOW).err().unwrap();
            assert!(why.contains(word) && !why.contains("planted"), "{word}: {why}");
        }
    }

    #[test]
    fn a_revoked_delegation_names_the_scope_to_grant_and_other_refusals_what_to_look_at() {
        let meaning = |status, name, description| explain(&Refusal { status, name, description }, SCOPE);
        for (status, name, description) in [
            (401, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method."),
            (403, "access_denied", "Requested client not authorized."),
            (400, "invalid_scope", ""),
        ] {
            let told = meaning(status, name, description);
            assert!(matches!(&told, Meaning::PermissionMissing { name } if name.starts_with(SCOPE)), "{told:?}");
        }
        for (name, description, word) in [
            ("invalid_grant", "Invalid email or User ID", "delegated_admin"),
            ("invalid_grant", "Invalid JWT Signature.", "key of service_account"),
            (
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
                "clock",
            ),
            ("disabled_client", "The OAuth client was disabled.", "switched off"),
        ] {
            let told = meaning(400, name, description);
            assert!(
                matches!(&told, Meaning::LoginRefused { why } if why.contains(word) && why.contains(name)),
                "{told:?}"
            );
        }
    }
}
