//! Which app: the provider's own, immutable reference.

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
    /// The provider that gave the id.
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

/// Prints `source:kind:id`, the form that `daylight decide` takes.
impl std::fmt::Display for AppRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.id_kind, self.id)
    }
}
