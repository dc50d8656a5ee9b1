//! What is fetched, with whose credential, and how often: the section `[connections.poll]`.

use runtime::SecretSource;
use serde::Deserialize;

/// The sub-section `poll` of a connection. What an API does not need must not be there; what it needs and is missing is named at start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollConfig {
    /// Whose API.
    pub api: Api,
    /// Where the API is, when not at its usual place. Only `https`, but for this machine itself.
    #[serde(default)]
    pub url: Option<String>,
    /// Okta: an API token.
    #[serde(default)]
    pub token: Option<SecretSource>,
    /// Microsoft's APIs: the id of the registered app. Okta: the id of the service app, instead of a token.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Microsoft's APIs: the secret of the registered app.
    #[serde(default)]
    pub client_secret: Option<SecretSource>,
    /// Okta: the private key of the service app, RSA in PEM.
    #[serde(default)]
    pub private_key: Option<SecretSource>,
    /// Okta: which of the service app's keys that is (`kid`), where it has several.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Microsoft's APIs and Okta's service app: where tokens are asked for, when not at the usual place.
    #[serde(default)]
    pub token_url: Option<String>,
    /// Google Reports: the key file of a service account with domain-wide delegation, as Google's console hands it out.
    #[serde(default)]
    pub service_account: Option<SecretSource>,
    /// Google Reports: the address of the administrator as whom the service account acts.
    #[serde(default)]
    pub delegated_admin: Option<String>,
    /// Time between two looks at a feed that has nothing more. Milliseconds; the API's own default where it is not said.
    #[serde(default)]
    pub interval_ms: Option<u64>,
    /// How much is read again where a feed is read from a time, because events come late. Milliseconds; the API's own default.
    #[serde(default)]
    pub overlap_ms: Option<u64>,
    /// Events asked for in one page; the API's own default, which is its largest.
    #[serde(default)]
    pub page_events_max: Option<u32>,
    /// Rest between two pages where more wait. Milliseconds; the API's own default, which keeps to its limits.
    #[serde(default)]
    pub page_rest_ms: Option<u64>,
    /// How much of the pace of live polling a back-fill of the connection takes beside it, and of the bucket that live polling may use. 1 to 100.
    #[serde(default = "backfill_share_percent")]
    pub backfill_share_percent: u32,
    /// The longest wait after a failure. Milliseconds.
    #[serde(default = "retry_wait_max_ms")]
    pub retry_wait_max_ms: u64,
    /// How often a credential that is refused, or lacks a permission, is tried again. Milliseconds.
    #[serde(default = "recheck_interval_ms")]
    pub recheck_interval_ms: u64,
}

impl PollConfig {
    /// Each secret that it names: key and place.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretSource)> {
        let named = [
            ("poll.token", &self.token),
            ("poll.client_secret", &self.client_secret),
            ("poll.private_key", &self.private_key),
            ("poll.service_account", &self.service_account),
        ];
        named.into_iter().filter_map(|(key, source)| Some((key, source.as_ref()?)))
    }
}

/// An API that can be polled.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Okta's System Log API.
    Okta,
    /// Microsoft Graph: sign-ins and directory audits.
    Graph,
    /// Google Workspace's Reports API.
    GoogleReports,
    /// The Office 365 Management Activity API: the unified audit log of Microsoft 365.
    Office365,
}

impl Api {
    /// As the configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Api::Okta => "okta",
            Api::Graph => "graph",
            Api::GoogleReports => "google_reports",
            Api::Office365 => "office365",
        }
    }

    /// How many days of its past the API can list. A directory of Entra without a licence of P1 shows seven only, and the API does not say so.
    #[must_use]
    pub const fn history_days(self) -> i64 {
        match self {
            Api::Okta => 90,
            Api::Graph => 30,
            Api::GoogleReports => 180,
            Api::Office365 => 7,
        }
    }
}

const fn backfill_share_percent() -> u32 {
    25
}

const fn retry_wait_max_ms() -> u64 {
    300_000
}

const fn recheck_interval_ms() -> u64 {
    300_000
}
