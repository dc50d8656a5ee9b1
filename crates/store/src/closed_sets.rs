//! The closed sets as ClickHouse spells them: names and order are those of the domain, the value is the wire index.
//!
//! They are written out and not taken from the domain, because `store` knows no event; a test of the whole compares `CLOSED_SETS` with
//! the domain's names. A new member goes to the end, there, here and in a migration that widens the column.

/// Where an event comes from.
pub const SOURCE: &str = "Enum8('okta' = 0, 'google_workspace' = 1, 'entra' = 2, 'm365_ual' = 3, 'slack' = 4, 'github' = 5, 'auth0' = 6, 'onelogin' = 7, 'dropbox' = 8, 'salesforce' = 9, 'mapped' = 10)";

/// Which of a provider's logs it stood in.
pub const STREAM: &str = "Enum8('unknown' = 0, 'system_log' = 1, 'login' = 2, 'token' = 3, 'saml' = 4, 'admin' = 5, 'signin_interactive' = 6, 'signin_noninteractive' = 7, 'signin_sp' = 8, 'audit' = 9)";

/// What it means.
pub const KIND: &str = "Enum8('login_success' = 0, 'login_failure' = 1, 'login_challenge' = 2, 'sso' = 3, 'oauth_grant' = 4, 'oauth_revoke' = 5, 'oauth_denied' = 6, 'oauth_request' = 7, 'token_issued' = 8, 'token_use' = 9, 'app_assigned' = 10, 'app_unassigned' = 11, 'app_registered' = 12, 'app_removed' = 13, 'policy_change' = 14, 'other' = 15)";

/// How it ended.
pub const OUTCOME: &str = "Enum8('unknown' = 0, 'success' = 1, 'failure' = 2, 'denied' = 3, 'challenge' = 4)";

/// Who acted.
pub const ACTOR_TYPE: &str = "Enum8('unknown' = 0, 'user' = 1, 'app' = 2, 'system' = 3, 'admin' = 4)";

/// For whom a consent speaks.
pub const CONSENT_TYPE: &str =
    "Enum8('unknown' = 0, 'user' = 1, 'admin_self' = 2, 'tenant_wide' = 3, 'application' = 4)";

/// What kind of id an app reference holds.
pub const APP_ID_KIND: &str = "Enum8('none' = 0, 'client_id' = 1, 'app_id' = 2, 'object_id' = 3, 'label' = 4)";

/// How an app is built.
pub const APP_KIND: &str = "Enum8('unknown' = 0, 'saml' = 1, 'oidc' = 2, 'swa' = 3, 'web' = 4, 'native' = 5, 'service' = 6, 'first_party' = 7)";

/// What IT has decided.
pub const STATUS: &str =
    "Enum8('unreviewed' = 0, 'in_review' = 1, 'sanctioned' = 2, 'tolerated' = 3, 'unsanctioned' = 4, 'blocked' = 5)";

/// Which way an alias goes.
pub const ALIAS_ACTION: &str = "Enum8('merge' = 0, 'split' = 1)";

/// How loud an alert is.
pub const SEVERITY: &str = "Enum8('info' = 0, 'low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4)";

/// What became of a finding.
pub const ALERT_STATE: &str = "Enum8('raised' = 0, 'muted' = 1)";

/// Why something was rejected.
pub const REJECT_REASON: &str = "Enum8('bad_json' = 0, 'not_an_event' = 1, 'missing_field' = 2, 'bad_field' = 3, 'bad_time' = 4, 'too_large' = 5, 'too_deep' = 6, 'wrong_tenant' = 7, 'too_many' = 8, 'refused_by_table' = 9, 'bad_record' = 10)";

/// Why a time is missing.
pub const GAP_REASON: &str = "Enum8('gone' = 0, 'not_kept' = 1)";

/// What a grant amounts to.
pub const GRANT_RISK: &str = "Enum8('none' = 0, 'low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4)";

/// Every set by the name of its domain type, for the test that compares.
pub const CLOSED_SETS: &[(&str, &str)] = &[
    ("Source", SOURCE),
    ("Stream", STREAM),
    ("Kind", KIND),
    ("Outcome", OUTCOME),
    ("ActorType", ACTOR_TYPE),
    ("ConsentType", CONSENT_TYPE),
    ("AppIdKind", APP_ID_KIND),
    ("AppKind", APP_KIND),
    ("Status", STATUS),
    ("AliasAction", ALIAS_ACTION),
    ("Severity", SEVERITY),
    ("AlertState", ALERT_STATE),
    ("RejectReason", REJECT_REASON),
    ("GapReason", GAP_REASON),
    ("RiskLevel", GRANT_RISK),
];

/// The type text of a closed set with these names in wire order: what each constant above must be.
#[must_use]
pub fn type_of(names: &[&str]) -> String {
    let members: Vec<String> = names.iter().enumerate().map(|(index, name)| format!("'{name}' = {index}")).collect();
    format!("Enum8({})", members.join(", "))
}
