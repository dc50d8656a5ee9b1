//! The signed webhook, as Standard Webhooks describes it (<https://www.standardwebhooks.com>): `webhook-id`, `webhook-timestamp` and
//! `webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">`. Libraries that check it exist for every language.
//!
//! The id is the alert's: a receiver that is told twice (a lost 2xx) can tell.

use base64::{Engine, prelude::BASE64_STANDARD};
use event::{Alert, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use runtime::Secret;
use serde_json::{Value, json};
use sha2::Sha256;

use super::Request;

/// The key of a webhook.
#[derive(Clone)]
pub(crate) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// From a secret: `whsec_` and base64, as Standard Webhooks writes keys, or any other text as it is.
    pub(crate) fn new(secret: &Secret) -> Option<SigningKey> {
        let text = secret.expose();
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => BASE64_STANDARD.decode(encoded).ok()?,
            None => text.as_bytes().to_vec(),
        };
        Hmac::new_from_slice(&bytes).ok().map(SigningKey)
    }

    fn sign(&self, id: &str, timestamp_s: i64, body: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp_s}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Renders an alert, signed at `now` where there is a key.
pub(crate) fn webhook_request(alert: &Alert, key: Option<&SigningKey>, now: Timestamp) -> Request {
    let body = alert_json(alert).to_string();
    let (id, timestamp_s) = (alert.id.to_string(), now.0.div_euclid(1_000));
    let mut headers = vec![("webhook-id", id.clone()), ("webhook-timestamp", timestamp_s.to_string())];
    if let Some(key) = key {
        headers.push(("webhook-signature", key.sign(&id, timestamp_s, &body)));
    }
    Request { headers, body }
}

/// An alert as JSON: every field, times in RFC 3339, ids in hexadecimal.
fn alert_json(alert: &Alert) -> Value {
    let factors: Vec<Value> =
        alert.factors.iter().map(|factor| json!({"name": factor.name, "points": factor.points})).collect();
    let evidence: Vec<String> = alert.evidence.iter().map(ToString::to_string).collect();
    json!({
        "type": "daylight.alert",
        "alert_id": alert.id.to_string(),
        "tenant": alert.tenant,
        "rule": alert.rule,
        "rule_version": alert.rule_version,
        "severity": alert.severity.as_str(),
        "score": alert.score,
        "factors": factors,
        "title": alert.title,
        "description": alert.description,
        "subject": alert.subject,
        "episode": alert.episode,
        "app_key": alert.app_key,
        "app_ref": alert.app_ref,
        "app_name": alert.app_name,
        "looks_like": alert.looks_like,
        "user_key": alert.user_key.to_string(),
        "department": alert.department,
        "people": alert.people,
        "evidence": evidence,
        "evidence_query": alert.evidence_query,
        "alternative": alert.alternative,
        "prevention": alert.prevention,
        "technique": alert.technique,
        "occurred_at": alert.occurred_at.to_string(),
        "received_at": alert.received_at.to_string(),
        "logged_at": alert.logged_at.to_string(),
        "is_late": alert.is_late,
        "tables_version": alert.tables_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::fixture;

    /// The example of the Standard Webhooks specification, "Verifying the webhook signature".
    #[test]
    fn the_signature_is_that_of_the_specifications_example() {
        let key = SigningKey::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_body_holds_what_explains_the_alert() {
        let request = webhook_request(&fixture::alert(), None, Timestamp(1_700_000_002_000));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["alert_id"], "000000000000000000000000000000a1");
        assert_eq!(body["alternative"], "Adobe Acrobat");
        assert_eq!(body["factors"][0]["points"], 65);
        assert_eq!(body["occurred_at"], "2023-11-14T22:13:20.000Z");
        assert_eq!(request.headers[1], ("webhook-timestamp", "1700000002".to_owned()));
        assert_eq!(request.headers.len(), 2, "no key, no signature");
    }
}
