//! `reveal`: the name behind a pseudonym, for somebody who gives a reason, and never without a trace.
//!
//! The audit record is durable in the log before the name is even looked up: an answer that nobody could be asked about later cannot be had,
//! and a key that was guessed leaves its trace as well.

use event::{Control, Reveal, Timestamp, UserKey};
use serde::{Deserialize, Serialize};
use store::{Client, StoreError};

use super::{
    control_log::ControlLog,
    refused::{NAME_CHARS_MAX, Refused, SENTENCE_CHARS_MAX, required},
    tenants::Tenants,
};

/// A person is known to a handful of sources.
const NAMES: &str = "
SELECT toString(source), native_id, email, display_name, toString(toUnixTimestamp64Milli(seen_at))
FROM identities FINAL
WHERE tenant = {tenant:String} AND user_key = {user_key:UInt64}
ORDER BY seen_at DESC
LIMIT 100";

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RevealRequest {
    /// The tenant; may be left out where there is one only.
    pub(crate) tenant: String,
    /// The pseudonym, 16 hexadecimal digits.
    pub(crate) user_key: String,
    /// Why.
    pub(crate) reason: String,
    /// Who asks.
    pub(crate) revealed_by: String,
}

/// What one source calls the person.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Name {
    /// The source that told.
    pub(crate) source: String,
    /// Its own id of the person.
    pub(crate) native_id: String,
    /// E-mail; empty when not told.
    pub(crate) email: String,
    /// Name as displayed; empty when not told.
    pub(crate) display_name: String,
    /// When we heard it, RFC 3339.
    pub(crate) seen_at: String,
}

/// Who it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct RevealAnswer {
    /// The tenant.
    pub(crate) tenant: String,
    /// The pseudonym.
    pub(crate) user_key: String,
    /// What the sources say, the latest first.
    pub(crate) names: Vec<Name>,
}

/// Reveals names.
#[derive(Clone)]
pub(crate) struct Revealer {
    /// ClickHouse, with an account that may read `identities`; nothing where no role of this process uses it.
    pub(crate) client: Option<Client>,
    /// Where the audit goes.
    pub(crate) log: ControlLog,
    /// The tenants.
    pub(crate) tenants: Tenants,
}

impl Revealer {
    /// Writes the audit record, then answers.
    pub(crate) async fn reveal(&self, request: &RevealRequest, now: Timestamp) -> Result<RevealAnswer, Refused> {
        let tenant = self.tenants.one(&request.tenant)?;
        let user_key = UserKey::parse(request.user_key.trim()).filter(|key| key.is_some()).ok_or_else(|| {
            Refused::Invalid(format!(
                "{:?} is no user_key: it has 16 hexadecimal digits, as alerts print it (from a UInt64 column: leftPad(lower(hex(user_key)), 16, '0'))",
                request.user_key
            ))
        })?;
        let reason = required("reason", &request.reason, SENTENCE_CHARS_MAX)?;
        let revealed_by = required("name of whoever asks", &request.revealed_by, NAME_CHARS_MAX)?;
        let client = self.client.as_ref().ok_or_else(|| {
            Refused::Conflict(
                "no role of this process uses ClickHouse, where names are kept; ask the process that runs the sink"
                    .into(),
            )
        })?;
        tracing::info!(tenant, %user_key, revealed_by, "a name is asked for");
        let audit = Control::Reveal(Reveal { user_key, reason, revealed_by, revealed_at: now });
        self.log.write(tenant, &audit).await?;
        let names = names(client, tenant, user_key).await?;
        if names.is_empty() {
            return Err(Refused::Unknown(format!(
                "nobody of {tenant} is known by {user_key}; that you asked is on record"
            )));
        }
        Ok(RevealAnswer { tenant: tenant.to_owned(), user_key: user_key.to_string(), names })
    }
}

async fn names(client: &Client, tenant: &str, user_key: UserKey) -> Result<Vec<Name>, Refused> {
    let number = user_key.0.to_string();
    let parameters = [("tenant", tenant), ("user_key", number.as_str())];
    let failed = |error: &StoreError| {
        Refused::Unavailable(format!("the question is on record, and ClickHouse cannot answer it: {error}"))
    };
    let text = client.query_text(NAMES, &parameters, "JSONCompactEachRow").await.map_err(|error| failed(&error))?;
    let rows = text.lines().map(serde_json::from_str::<[String; 5]>);
    let rows: Vec<[String; 5]> = rows
        .collect::<Result<_, _>>()
        .map_err(|error| Refused::Unavailable(format!("ClickHouse answers something else than names: {error}")))?;
    let name = |[source, native_id, email, display_name, seen_at_ms]: [String; 5]| Name {
        source,
        native_id,
        email,
        display_name,
        seen_at: Timestamp(seen_at_ms.parse().unwrap_or_default()).to_string(),
    };
    Ok(rows.into_iter().map(name).collect())
}
