//! Alertmanager's API, version 2: `POST /api/v2/alerts` with labels that identify and annotations that explain.
//!
//! Alertmanager forgets an alert that nobody posts again, and calls it resolved at `endsAt`; so `notify` re-posts until then. The label
//! `source="daylight"` is what its inhibit rule uses to keep the Prometheus alert on the same app quiet.

use event::{Alert, Timestamp};
use serde_json::json;

use super::Request;

/// Renders an alert that is active until `ends_at`.
pub(crate) fn alertmanager_request(alert: &Alert, ends_at: Timestamp) -> Request {
    let body = json!([{
        "labels": {
            "alertname": "DaylightFinding",
            "source": "daylight",
            "tenant": alert.tenant,
            "rule": alert.rule,
            "severity": alert.severity.as_str(),
            "app": alert.app_key,
            "alert_id": alert.id.to_string(),
        },
        "annotations": {
            "summary": alert.title,
            "description": alert.description,
            "alternative": alert.alternative,
            "prevention": alert.prevention,
            "evidence_query": alert.evidence_query,
            "score": alert.score.to_string(),
        },
        "startsAt": alert.logged_at.to_string(),
        "endsAt": ends_at.to_string(),
    }]);
    Request { headers: Vec::new(), body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::fixture;

    #[test]
    fn labels_identify_and_annotations_explain() {
        let alert = fixture::alert();
        let request = alertmanager_request(&alert, alert.logged_at.plus_ms(3_600_000));
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body[0]["labels"]["alert_id"], "000000000000000000000000000000a1");
        assert_eq!(body[0]["startsAt"], "2023-11-14T22:13:21.010Z");
        assert_eq!(body[0]["endsAt"], "2023-11-14T23:13:21.010Z");
        assert!(body[0]["labels"].get("title").is_none(), "what may change is no label");
    }
}
