//! One user-meaningful action on one app (formats.md, section 0).

use crate::{
    ActorType, AppKind, AppRef, ConsentType, EventId, Kind, Outcome, ParseWarnings, Source, Stream, Timestamp, Tokens,
    UserKey,
};

/// An address as 16 bytes; IPv4 is mapped (`::ffff:a.b.c.d`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ip(pub [u8; 16]);

impl Ip {
    /// Not told: `::`.
    pub const UNSPECIFIED: Ip = Ip([0; 16]);

    /// Reads IPv4 or IPv6 text, without port or zone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Ip> {
        text.parse::<std::net::IpAddr>().ok().map(Ip::from)
    }
}

impl From<std::net::IpAddr> for Ip {
    fn from(address: std::net::IpAddr) -> Ip {
        match address {
            std::net::IpAddr::V4(v4) => Ip(v4.to_ipv6_mapped().octets()),
            std::net::IpAddr::V6(v6) => Ip(v6.octets()),
        }
    }
}

/// Prints the canonical text, IPv4 as IPv4, and nothing when the address is missing.
impl std::fmt::Display for Ip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Ip::UNSPECIFIED {
            return Ok(());
        }
        std::net::Ipv6Addr::from(self.0).to_canonical().fmt(f)
    }
}

/// One event. Text is borrowed from the delivery (in `ingest`) or from the record (in `detect` and `sink`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event<'a> {
    /// The same for every copy of this event, through whatever connection it comes.
    pub event_id: EventId,
    /// Where it comes from.
    pub source: Source,
    /// Which of the source's logs.
    pub stream: Stream,
    /// Our tenant: from the connection, never from the payload.
    pub tenant: &'a str,
    /// The configured connection that delivered it.
    pub connection: &'a str,
    /// The provider's tenant: Okta org host, Google customer id, Entra tenant id.
    pub provider_tenant: &'a str,
    /// What it means.
    pub kind: Kind,
    /// A companion of a consent; joined with it by `correlation_id`.
    pub is_supporting: bool,
    /// The provider's id, as delivered; empty where it gives none.
    pub native_id: &'a str,
    /// The provider's type, as delivered.
    pub native_type: &'a str,
    /// Shared by the events of one click.
    pub correlation_id: &'a str,
    /// The provider's session.
    pub session_id: &'a str,
    /// The provider's transaction.
    pub transaction_id: &'a str,

    /// When it happened, by the provider's clock; clamped by `ingest` to [received − 400 days, received + 5 minutes].
    pub occurred_at: Timestamp,
    /// What `occurred_at` was before it was clamped; missing when it was not.
    pub occurred_at_original: Timestamp,
    /// When the provider published it.
    pub available_at: Timestamp,
    /// When the delivery reached us.
    pub received_at: Timestamp,

    /// Who acted.
    pub actor_type: ActorType,
    /// The person whose access is concerned.
    pub user_key: UserKey,
    /// The person who acted, where that is another.
    pub actor_key: UserKey,

    /// The app, by its immutable id. Its `source` is the issuer of the event's.
    pub app: AppRef<'a>,
    /// The app's name as delivered: never an identity, unless an administrator set it.
    pub app_name: &'a str,
    /// The app's tenant-local object, where there is one beside the id.
    pub app_object_id: &'a str,
    /// How the app is built.
    pub app_kind: AppKind,

    /// What was granted: bare scope tokens.
    pub scopes: Tokens<'a>,
    /// What is new in it, where before and after are known.
    pub scopes_added: Tokens<'a>,
    /// What went away, where before and after are known.
    pub scopes_removed: Tokens<'a>,
    /// The APIs concerned, by their ids.
    pub resources: Tokens<'a>,
    /// For whom the consent speaks.
    pub consent_type: ConsentType,
    /// The provider's id of the grant.
    pub grant_id: &'a str,

    /// How it ended.
    pub outcome: Outcome,
    /// The provider's code.
    pub outcome_code: &'a str,
    /// The provider's words.
    pub outcome_reason: &'a str,

    /// How the person proved who they are.
    pub auth_method: &'a str,
    /// Was a second factor used?
    pub is_mfa: bool,
    /// `SAML_2_0`, `OPENID_CONNECT`, `deviceCode`, …, as delivered.
    pub auth_protocol: &'a str,

    /// The client's address.
    pub ip: Ip,
    /// Autonomous system number; 0 when not told.
    pub asn: u32,
    /// Autonomous system's organisation.
    pub as_org: &'a str,
    /// Does the provider call the address a proxy?
    pub is_proxy: bool,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: &'a str,
    /// City, as delivered.
    pub city: &'a str,
    /// User agent, cut at the limit.
    pub user_agent: &'a str,
    /// Operating system, as the provider reads the user agent.
    pub ua_os: &'a str,
    /// Browser, as the provider reads the user agent.
    pub ua_browser: &'a str,

    /// What the parser noticed.
    pub warnings: ParseWarnings,
    /// Imported history: teaches, and does not page.
    pub is_backfill: bool,
}

impl<'a> Event<'a> {
    /// An event with the mandatory fields only; every other one holds its sentinel.
    #[must_use]
    pub const fn new(
        event_id: EventId,
        source: Source,
        tenant: &'a str,
        kind: Kind,
        occurred_at: Timestamp,
    ) -> Event<'a> {
        Event {
            event_id,
            source,
            stream: Stream::Unknown,
            tenant,
            connection: "",
            provider_tenant: "",
            kind,
            is_supporting: false,
            native_id: "",
            native_type: "",
            correlation_id: "",
            session_id: "",
            transaction_id: "",
            occurred_at,
            occurred_at_original: Timestamp::MISSING,
            available_at: Timestamp::MISSING,
            received_at: Timestamp::MISSING,
            actor_type: ActorType::Unknown,
            user_key: UserKey::NONE,
            actor_key: UserKey::NONE,
            app: AppRef { source: source.issuer(), id_kind: crate::AppIdKind::None, id: "" },
            app_name: "",
            app_object_id: "",
            app_kind: AppKind::Unknown,
            scopes: Tokens::EMPTY,
            scopes_added: Tokens::EMPTY,
            scopes_removed: Tokens::EMPTY,
            resources: Tokens::EMPTY,
            consent_type: ConsentType::Unknown,
            grant_id: "",
            outcome: Outcome::Unknown,
            outcome_code: "",
            outcome_reason: "",
            auth_method: "",
            is_mfa: false,
            auth_protocol: "",
            ip: Ip::UNSPECIFIED,
            asn: 0,
            as_org: "",
            is_proxy: false,
            country: "",
            city: "",
            user_agent: "",
            ua_os: "",
            ua_browser: "",
            warnings: ParseWarnings::NONE,
            is_backfill: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_as_it_is_usually_written() {
        for text in ["203.0.113.7", "2001:db8::1"] {
            assert_eq!(Ip::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Ip::UNSPECIFIED.to_string(), "");
        assert_eq!(Ip::parse("null"), None);
    }
}
