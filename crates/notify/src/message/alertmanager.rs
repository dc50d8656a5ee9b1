//! Alertmanager's API, version 2: `POST /api/v2/alerts` with labels that identify and annotations that explain.
//!
//! Alertmanager keeps alerts in memory alone and calls one resolved at its `endsAt`; so `notify` re-posts until then, always with the same
//! labels, start and end, which Alertmanager takes for the same alert. The labels `source="daylight"`, `tenant` and `app` are what its
//! inhibit rule uses to keep the Prometheus alert on the same app quiet.

use event::{Alert, Timestamp, app_label};
use serde_json::{Value, json};

use super::Request;

/// Renders alerts, each active until its own time.
pub(crate) fn alertmanager_request<'a>(alerts: impl Iterator<Item = (&'a Alert, Timestamp)>) -> Request {
    let body: Value = alerts.map(|(alert, ends_at)| alert_object(alert, ends_at)).collect();
    Request { headers: Vec::new(), body: body.to_string() }
}

fn alert_object(alert: &Alert, ends_at: Timestamp) -> Value {
    json!({
        "labels": {
            "alertname": "DaylightFinding",
            "source": "daylight",
            "tenant": alert.tenant,
            "rule": alert.rule,
            "severity": alert.severity.as_str(),
            "app": app_label(&alert.app_key),
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::fixture;

    #[test]
    fn labels_identify_and_annotations_explain() {
        let alert = fixture::alert();
        let request = alertmanager_request([(&alert, alert.logged_at.plus_ms(3_600_000))].into_iter());
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body[0]["labels"]["alert_id"], "000000000000000000000000000000a1");
        assert_eq!(body[0]["startsAt"], "2023-11-14T22:13:21.010Z");
        assert_eq!(body[0]["endsAt"], "2023-11-14T23:13:21.010Z");
        assert!(body[0]["labels"].get("title").is_none(), "what may change is no label");
    }
}
