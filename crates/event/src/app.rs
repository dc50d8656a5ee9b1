//! Which app: the provider's own, immutable reference.

use std::borrow::Cow;

use crate::{Source, closed_set::closed_set};

closed_set! {
    /// What kind of identifier an app reference holds.
    AppIdKind {
        /// The event concerns no app.
        None => "none",
        /// OAuth client id, the same for every tenant of the provider.
        ClientId => "client_id",
        /// Id of the app as installed in this tenant (Okta app instance).
        AppId => "app_id",
        /// Tenant-local object (Entra service principal) where nothing better is told.
        ObjectId => "object_id",
        /// A name that an administrator set, or the name of the product whose own log it is; only where no id exists.
        Label => "label",
    }
}

closed_set! {
    /// How an app is built or connected.
    AppKind {
        /// Not told.
        Unknown => "unknown",
        /// SAML service provider.
        Saml => "saml",
        /// OpenID Connect or OAuth client.
        Oidc => "oidc",
        /// Password vaulted by the provider.
        Swa => "swa",
        /// OAuth client on a server.
        Web => "web",
        /// OAuth client on a device.
        Native => "native",
        /// A client without a person.
        Service => "service",
        /// The provider's own app.
        FirstParty => "first_party",
    }
}

/// An app as its source names it: what records and the ledger carry, and what never changes. `enrichment` maps it to an `app_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppRef<'a> {
    /// The provider that gave the id: `Source::issuer` of the source that tells of it.
    pub source: Source,
    /// What kind of id it is.
    pub id_kind: AppIdKind,
    /// The id as the provider writes it.
    pub id: &'a str,
}

impl AppRef<'_> {
    /// Does the event concern an app at all?
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.id_kind != AppIdKind::None && !self.id.is_empty()
    }
}

/// Prints `source:kind:id`, the form that `daylight decide` takes. A reference that the ledger has kept from the time when the unified
/// audit log's were apart prints like all others.
impl std::fmt::Display for AppRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.source.issuer(), self.id_kind, self.id)
    }
}

/// A key or reference as it is written now. Decisions, merges and ledgers from the time when the unified audit log's apps were apart say
/// `m365_ual:client_id:…`; they are read as `entra:client_id:…`, so that none of them is lost. Every other text stays as it is.
#[must_use]
pub fn issued_key(text: &str) -> Cow<'_, str> {
    let parts = || {
        let (source, rest) = text.split_once(':')?;
        let source = Source::parse(source).filter(|source| source.issuer() != *source)?;
        let (id_kind, _) = rest.split_once(':')?;
        AppIdKind::parse(id_kind)?;
        Some(format!("{}:{rest}", source.issuer()))
    };
    parts().map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_logs_of_microsoft_print_one_reference_for_one_client() {
        let of = |source| AppRef { source, id_kind: AppIdKind::ClientId, id: "7a1" }.to_string();
        assert_eq!(
            (of(Source::M365Ual), of(Source::Entra)),
            ("entra:client_id:7a1".into(), "entra:client_id:7a1".into())
        );
        assert_eq!(of(Source::Okta), "okta:client_id:7a1");
    }

    #[test]
    fn a_key_from_before_is_read_as_the_key_of_now() {
        for (before, now) in [
            ("m365_ual:client_id:7a1", "entra:client_id:7a1"),
            ("m365_ual:object_id:a:b", "entra:object_id:a:b"),
            ("entra:client_id:7a1", "entra:client_id:7a1"),
            ("slack.com", "slack.com"),
            ("m365_ual", "m365_ual"),
            ("m365_ual:notes:1", "m365_ual:notes:1"),
            ("mapped:label:m365_ual:client_id:1", "mapped:label:m365_ual:client_id:1"),
        ] {
            assert_eq!(issued_key(before), now);
        }
    }
}
