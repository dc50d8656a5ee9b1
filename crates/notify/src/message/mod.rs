//! What each kind of receiver is sent: pure functions from an alert to a request.

mod alertmanager;
mod slack;
mod webhook;

pub(crate) use alertmanager::alertmanager_request;
pub(crate) use slack::slack_request;
pub(crate) use webhook::{SigningKey, webhook_request};

/// One HTTP POST: headers and a JSON body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Headers beside `Content-Type: application/json`.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: String,
}

#[cfg(test)]
pub(crate) mod fixture {
    //! An alert to render.

    use event::{Alert, AlertId, AlertState, Coordinates, EventId, Factor, Severity, Timestamp, UserKey};

    /// A consent-phishing alert with every field filled.
    pub(crate) fn alert() -> Alert {
        Alert {
            id: AlertId(0xa1),
            tenant: "acme".into(),
            rule: "C2".into(),
            rule_version: 1,
            severity: Severity::High,
            state: AlertState::Raised,
            score: 85,
            factors: vec![
                Factor { name: "reads mail".into(), points: 65 },
                Factor { name: "keeps access".into(), points: 20 },
            ],
            title: "“Free <PDF> Tool” may read mail".into(),
            description: "One person granted it.".into(),
            subject: "entra:client_id:1".into(),
            episode: "Mail.Read offline_access".into(),
            app_key: "entra:client_id:1".into(),
            app_ref: "entra:client_id:1".into(),
            app_name: "Free <PDF> Tool".into(),
            looks_like: String::new(),
            user_key: UserKey(7),
            department: "Finance".into(),
            people: 1,
            evidence: vec![EventId(5)],
            evidence_query: "SELECT 1".into(),
            alternative: "Adobe Acrobat".into(),
            prevention: "Require an administrator's consent for mail scopes.".into(),
            technique: "T1528".into(),
            occurred_at: Timestamp(1_700_000_000_000),
            received_at: Timestamp(1_700_000_001_000),
            logged_at: Timestamp(1_700_000_001_010),
            is_late: false,
            coordinates: Coordinates::default(),
            tables_version: "c1".into(),
        }
    }
}
