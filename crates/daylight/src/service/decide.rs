//! `decide`: a decision is checked against what is in force, written to the log, and answered when the log has it.

use std::sync::Arc;

use broker::{Broker, Record, partition_of};
use catalog::Catalogue;
use codec::Topic;
use event::{AppIdKind, AppRef, Control, Decision, Position, Source, Status, Timestamp};
use serde::{Deserialize, Serialize};

use super::book::{Book, KnownApp};

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DecideRequest {
    /// The tenant; may be left out where there is one only.
    pub(crate) tenant: String,
    /// The app: its key, a reference (`okta:app_id:0oa…`), or a name that is known.
    pub(crate) app: String,
    /// The name that an administrator gave to a reference that nobody has used yet.
    pub(crate) name: String,
    /// `sanctioned`, `tolerated`, `unsanctioned`, `blocked` or `in_review`.
    pub(crate) status: String,
    /// Only for this department; empty for all.
    pub(crate) department: String,
    /// Why.
    pub(crate) reason: String,
    /// Who answers for the app.
    pub(crate) owner: String,
    /// Who decides.
    pub(crate) decided_by: String,
    /// When it ends, in milliseconds since 1970; 0 for never.
    pub(crate) expires_at_ms: i64,
}

/// What was decided.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DecideAnswer {
    /// The canonical app.
    pub(crate) app_key: String,
    /// What was in force.
    pub(crate) previous: String,
    /// What is in force now.
    pub(crate) status: String,
    /// The references that it binds.
    pub(crate) app_refs: Vec<String>,
}

/// Why nothing was decided. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecideError {
    /// The request makes no sense: 400.
    #[error("{0}")]
    Invalid(String),
    /// The log does not take it: 503.
    #[error("the log does not take the decision now: {0}; nothing was decided")]
    Log(String),
}

/// Makes decisions.
#[derive(Clone)]
pub(crate) struct Decider {
    /// The log.
    pub(crate) broker: Broker,
    /// What the names of its topics begin with.
    pub(crate) topic_prefix: String,
    /// How many partitions they have.
    pub(crate) partitions: u32,
    /// What is known of apps in general.
    pub(crate) catalogue: Arc<Catalogue>,
    /// What is known of apps here.
    pub(crate) book: Book,
    /// The tenants.
    pub(crate) tenants: Vec<String>,
}

impl Decider {
    /// Decides, or says why not. Resolves when the log has the decision.
    pub(crate) async fn decide(&self, request: &DecideRequest, now: Timestamp) -> Result<DecideAnswer, DecideError> {
        let tenant = self.tenant(&request.tenant)?;
        let decision = self.decision(tenant, request, now)?;
        let control = Control::Decision(decision.clone());
        let value = codec::encode_control(tenant, &control).map_err(|error| DecideError::Invalid(error.to_string()))?;
        let partition = partition_of(tenant.as_bytes(), self.partitions);
        let record = Record { partition, key: Some(tenant.as_bytes().to_vec()), value: Some(value) };
        let failed = |error: broker::AppendError| DecideError::Log(error.to_string());
        let ack = self.broker.append(&Topic::Events.name(&self.topic_prefix), record).map_err(failed)?;
        let offset = ack.await.map_err(failed)?;
        self.book.decided(tenant, Position { offset, index: 0 }, &decision);
        tracing::info!(tenant, app_key = decision.app_key, status = %decision.status, "decided");
        Ok(DecideAnswer {
            app_key: decision.app_key,
            previous: decision.previous.to_string(),
            status: decision.status.to_string(),
            app_refs: decision.app_refs,
        })
    }

    fn tenant<'a>(&'a self, asked: &'a str) -> Result<&'a str, DecideError> {
        match (asked, self.tenants.as_slice()) {
            ("", [only]) => Ok(only),
            ("", _) => Err(DecideError::Invalid(format!("name the tenant: one of {}", self.tenants.join(", ")))),
            (asked, known) if known.iter().any(|tenant| tenant == asked) => Ok(asked),
            (asked, known) => Err(DecideError::Invalid(format!("there is no tenant {asked:?}; there are {}", known.join(", ")))),
        }
    }

    fn decision(&self, tenant: &str, request: &DecideRequest, now: Timestamp) -> Result<Decision, DecideError> {
        let status = Status::parse(&request.status).ok_or_else(|| {
            DecideError::Invalid(format!("{:?} is no status; choose one of: in_review, sanctioned, tolerated, unsanctioned, blocked", request.status))
        })?;
        if request.reason.trim().is_empty() {
            return Err(DecideError::Invalid("give a reason: somebody will ask for it in a year".into()));
        }
        if request.expires_at_ms != 0 && request.expires_at_ms <= now.0 {
            return Err(DecideError::Invalid("it would end in the past".into()));
        }
        let (app_key, known) = self.app(tenant, request)?;
        let previous = Book::status(&known, &request.department, now);
        let status = previous.to(status).map_err(|error| DecideError::Invalid(error.to_string()))?;
        Ok(Decision {
            app_key,
            app_refs: known.references.into_iter().collect(),
            status,
            previous,
            department: request.department.clone(),
            owner: request.owner.clone(),
            reason: request.reason.clone(),
            decided_by: request.decided_by.clone(),
            decided_at: now,
            expires_at: Timestamp(request.expires_at_ms),
        })
    }

    /// The app that is meant: one that people use, a reference that nobody has used yet, or one of the catalogue.
    fn app(&self, tenant: &str, request: &DecideRequest) -> Result<(String, KnownApp), DecideError> {
        if let Some(found) = self.book.find(tenant, &request.app) {
            return Ok(found);
        }
        if let Some(app) = parse_app_ref(&request.app) {
            let app_key = self.catalogue.resolve(&app, &request.name).app_key(&app);
            let mut known = self.book.find(tenant, &app_key).map(|(_, known)| known).unwrap_or_default();
            known.references.insert(app.to_string());
            return Ok((app_key, known));
        }
        if let Some(entry) = self.catalogue.find(&request.app) {
            return Ok(self.book.find(tenant, &entry.app_key).unwrap_or_else(|| (entry.app_key.clone(), KnownApp::default())));
        }
        Err(DecideError::Invalid(format!(
            "nobody knows an app {:?}; `daylight apps` lists those that people use, by key and reference",
            request.app
        )))
    }
}

/// Reads `source:kind:id`.
fn parse_app_ref(text: &str) -> Option<AppRef<'_>> {
    let (source, rest) = text.split_once(':')?;
    let (id_kind, id) = rest.split_once(':')?;
    let app = AppRef { source: Source::parse(source)?, id_kind: AppIdKind::parse(id_kind)?, id };
    app.is_some().then_some(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_it_is_printed() {
        for text in ["okta:app_id:0oa1", "entra:client_id:a:b", "google_workspace:label:My app"] {
            assert_eq!(parse_app_ref(text).unwrap().to_string(), text);
        }
        for text in ["slack.com", "okta:nothing:1", "okta:app_id:", "okta:none:x"] {
            assert_eq!(parse_app_ref(text), None, "{text}");
        }
    }
}
