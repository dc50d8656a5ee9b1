//! The canonical fields that a mapping may fill (formats.md, section 0), and what may stand in each.
//!
//! Not among them: what ingest itself knows (`tenant`, `connection`, `received_at`, `event_id`), what has a section of its own in a mapping
//! (kind, time, id, app), and the pseudonyms, which are made from `user_*` and `actor_*`.

use event::{ActorType, AppKind, ConsentType, Outcome, Stream};

/// What may stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Any text, a number among them.
    Text,
    /// One of these.
    Member(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A list, or a text that is split at white space and commas.
    Tokens,
    /// A time, in the mapping's format.
    Time,
}

/// A canonical field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    ActorEmail,
    ActorId,
    ActorName,
    ActorType,
    AppKind,
    AppObjectId,
    AsOrg,
    Asn,
    AuthMethod,
    AuthProtocol,
    AvailableAt,
    City,
    ConsentType,
    CorrelationId,
    Country,
    GrantId,
    Ip,
    IsMfa,
    IsProxy,
    IsSupporting,
    NativeType,
    Outcome,
    OutcomeCode,
    OutcomeReason,
    ProviderTenant,
    Resources,
    Scopes,
    ScopesAdded,
    ScopesRemoved,
    SessionId,
    Stream,
    TransactionId,
    UaBrowser,
    UaOs,
    UserAgent,
    UserEmail,
    UserId,
    UserName,
}

/// Every field with its name in a mapping.
pub(super) const FIELDS: &[(&str, Field, Content)] = &[
    ("actor_email", Field::ActorEmail, Content::Text),
    ("actor_id", Field::ActorId, Content::Text),
    ("actor_name", Field::ActorName, Content::Text),
    ("actor_type", Field::ActorType, Content::Member(ActorType::NAMES)),
    ("app_kind", Field::AppKind, Content::Member(AppKind::NAMES)),
    ("app_object_id", Field::AppObjectId, Content::Text),
    ("as_org", Field::AsOrg, Content::Text),
    ("asn", Field::Asn, Content::Text),
    ("auth_method", Field::AuthMethod, Content::Text),
    ("auth_protocol", Field::AuthProtocol, Content::Text),
    ("available_at", Field::AvailableAt, Content::Time),
    ("city", Field::City, Content::Text),
    ("consent_type", Field::ConsentType, Content::Member(ConsentType::NAMES)),
    ("correlation_id", Field::CorrelationId, Content::Text),
    ("country", Field::Country, Content::Text),
    ("grant_id", Field::GrantId, Content::Text),
    ("ip", Field::Ip, Content::Text),
    ("is_mfa", Field::IsMfa, Content::Flag),
    ("is_proxy", Field::IsProxy, Content::Flag),
    ("is_supporting", Field::IsSupporting, Content::Flag),
    ("native_type", Field::NativeType, Content::Text),
    ("outcome", Field::Outcome, Content::Member(Outcome::NAMES)),
    ("outcome_code", Field::OutcomeCode, Content::Text),
    ("outcome_reason", Field::OutcomeReason, Content::Text),
    ("provider_tenant", Field::ProviderTenant, Content::Text),
    ("resources", Field::Resources, Content::Tokens),
    ("scopes", Field::Scopes, Content::Tokens),
    ("scopes_added", Field::ScopesAdded, Content::Tokens),
    ("scopes_removed", Field::ScopesRemoved, Content::Tokens),
    ("session_id", Field::SessionId, Content::Text),
    ("stream", Field::Stream, Content::Member(Stream::NAMES)),
    ("transaction_id", Field::TransactionId, Content::Text),
    ("ua_browser", Field::UaBrowser, Content::Text),
    ("ua_os", Field::UaOs, Content::Text),
    ("user_agent", Field::UserAgent, Content::Text),
    ("user_email", Field::UserEmail, Content::Text),
    ("user_id", Field::UserId, Content::Text),
    ("user_name", Field::UserName, Content::Text),
];

/// The field of that name.
pub(super) fn of_name(name: &str) -> Option<(Field, Content)> {
    FIELDS.iter().find(|(known, ..)| *known == name).map(|(_, field, content)| (*field, *content))
}

/// What may be written for a field of a closed set or a flag; nothing where anything may.
pub(super) fn members(content: Content) -> &'static [&'static str] {
    match content {
        Content::Member(names) => names,
        Content::Flag => &["true", "false"],
        Content::Text | Content::Tokens | Content::Time => &[],
    }
}
