//! The receivers, ready to be posted to: URLs and keys read, and who is told of what.

use event::{Alert, AlertState, Severity, Timestamp};

use crate::{
    NotifyError, ReceiverConfig, ReceiverKind,
    message::{Request, SigningKey, alertmanager_request, slack_request, webhook_request},
};

/// An alert whose time is over, or nearly, when Alertmanager can be told of it is active for so long from then on (or for half the time of
/// others, if that is less): one that has ended before its group is told of is told to nobody. Milliseconds.
const LATE_ACTIVE_MS: i64 = 600_000;

/// A receiver, ready to be posted to.
#[derive(Clone)]
pub(crate) struct Receiver {
    /// Its name.
    pub(crate) id: String,
    /// What it speaks.
    pub(crate) kind: ReceiverKind,
    /// Where it listens; never printed.
    pub(crate) url: String,
    key: Option<SigningKey>,
    severity_min: Severity,
    tenants: Vec<String>,
}

impl Receiver {
    /// Reads URL and key.
    pub(crate) fn new(config: &ReceiverConfig) -> Result<Receiver, NotifyError> {
        let invalid = |reason: String| NotifyError::Receiver { receiver: config.id.clone(), reason };
        let mut url = match &config.url_secret {
            Some(source) => source.read().map_err(|error| invalid(error.to_string()))?.expose().to_owned(),
            None => config.url.clone(),
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(invalid("its url must begin with http:// or https:// (give url, or url_secret)".to_owned()));
        }
        if config.kind == ReceiverKind::Alertmanager && !url.ends_with("/api/v2/alerts") {
            url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
        }
        let key = match &config.secret {
            None => None,
            Some(source) => {
                let secret = source.read().map_err(|error| invalid(error.to_string()))?;
                Some(
                    SigningKey::new(&secret)
                        .ok_or_else(|| invalid("its secret begins with whsec_ and is not base64".to_owned()))?,
                )
            }
        };
        let (id, kind, severity_min, tenants) =
            (config.id.clone(), config.kind, config.severity_min.0, config.tenants.clone());
        Ok(Receiver { id, kind, url, key, severity_min, tenants })
    }

    /// Is it told of this alert?
    pub(crate) fn wants(&self, alert: &Alert) -> bool {
        alert.state == AlertState::Raised
            && alert.severity >= self.severity_min
            && (self.tenants.is_empty() || self.tenants.contains(&alert.tenant))
    }

    /// What it is sent when it is told.
    pub(crate) fn render(&self, alert: &Alert, now: Timestamp, active_ms: i64) -> Request {
        match self.kind {
            ReceiverKind::Webhook => webhook_request(alert, self.key.as_ref(), now),
            ReceiverKind::Slack => slack_request(alert),
            ReceiverKind::Alertmanager => {
                let late = now.plus_ms(LATE_ACTIVE_MS.min(active_ms / 2));
                alertmanager_request([(alert, active_until(alert, active_ms).max(late))].into_iter())
            }
        }
    }

    /// What Alertmanager is sent again: many alerts in one request, as it likes it.
    pub(crate) fn render_again<'a>(&self, alerts: impl Iterator<Item = &'a Alert>, active_ms: i64) -> Request {
        alertmanager_request(alerts.map(|alert| (alert, active_until(alert, active_ms))))
    }
}

/// Until when Alertmanager is told that an alert is active.
pub(crate) fn active_until(alert: &Alert, active_ms: i64) -> Timestamp {
    alert.logged_at.plus_ms(active_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SeverityMin, message::fixture};

    fn receiver(severity_min: Severity, tenants: &[&str]) -> Receiver {
        let config = ReceiverConfig {
            id: "security".into(),
            kind: ReceiverKind::Alertmanager,
            url: "http://127.0.0.1:9093/".into(),
            url_secret: None,
            secret: None,
            severity_min: SeverityMin(severity_min),
            tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
        };
        Receiver::new(&config).unwrap()
    }

    #[test]
    fn a_receiver_is_told_from_its_severity_up_and_of_its_tenants() {
        let mut alert = fixture::alert();
        assert!(receiver(Severity::High, &[]).wants(&alert));
        assert!(!receiver(Severity::Critical, &[]).wants(&alert));
        assert!(receiver(Severity::Low, &["acme"]).wants(&alert));
        assert!(!receiver(Severity::Low, &["umbrella"]).wants(&alert));
        alert.state = AlertState::Muted;
        assert!(!receiver(Severity::Info, &[]).wants(&alert), "what was muted is recorded, not told");
    }

    #[test]
    fn alertmanager_is_told_of_an_alert_that_has_time_left() {
        let (alert, active_ms) = (fixture::alert(), 3_600_000);
        for (now_ms, ends_ms) in
            [(0, active_ms), (active_ms - 1, active_ms - 1 + LATE_ACTIVE_MS), (90_000_000, 90_000_000 + LATE_ACTIVE_MS)]
        {
            let request = receiver(Severity::Low, &[]).render(&alert, alert.logged_at.plus_ms(now_ms), active_ms);
            let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(body[0]["endsAt"], alert.logged_at.plus_ms(ends_ms).to_string(), "told after {now_ms} ms");
        }
        let again = receiver(Severity::Low, &[]).render_again([&alert, &alert].into_iter(), active_ms);
        let body: serde_json::Value = serde_json::from_str(&again.body).unwrap();
        assert_eq!(
            body[1]["endsAt"],
            alert.logged_at.plus_ms(active_ms).to_string(),
            "told again, it does not live longer"
        );
    }

    #[test]
    fn alertmanagers_path_is_added_once() {
        assert_eq!(receiver(Severity::Low, &[]).url, "http://127.0.0.1:9093/api/v2/alerts");
    }
}
