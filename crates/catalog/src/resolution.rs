//! From a provider's reference and name to an app of the catalogue.
//!
//! Client id (for mapped sources, domain) > label that an administrator set > nothing. The makers of OAuth clients choose their names, so such a name yields only a
//! look-alike: no identity, no decision, no lower score. A look-alike says whether the name is the very name of a known app (many genuine
//! apps are, until the catalogue learns their id) or one that only looks like it (which no honest maker does).

use event::{AppIdKind, AppRef, Source};

use crate::{AppEntry, Catalogue};

/// What identified an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvedBy {
    /// Its immutable id.
    ClientId,
    /// The label that an administrator gave it.
    Label,
    /// Nothing: it is unknown.
    Nothing,
}

/// An app whose name another one resembles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookAlike<'c> {
    /// The app of the catalogue.
    pub entry: &'c AppEntry,
    /// False for the very name, true for one that only looks like it.
    pub is_confusable: bool,
}

/// What the catalogue knows about a reference and a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution<'c> {
    /// The app, where something identified it.
    pub entry: Option<&'c AppEntry>,
    /// What identified it.
    pub by: ResolvedBy,
    /// Is it the provider's own app?
    pub is_first_party: bool,
    /// Who makes it; empty when not known.
    pub publisher: &'c str,
    /// Known rogue, by id: why; empty when not.
    pub rogue_reason: &'c str,
    /// A known app that an unknown one resembles by name.
    pub look_alike: Option<LookAlike<'c>>,
}

impl Resolution<'_> {
    /// The canonical key: the catalogue's, else a provisional one that holds source, kind and id.
    #[must_use]
    pub fn app_key(&self, app: &AppRef<'_>) -> String {
        self.entry.map_or_else(|| app.to_string(), |entry| entry.app_key.clone())
    }
}

impl Catalogue {
    /// What the catalogue knows about an app. `app_name` is the name as delivered.
    #[must_use]
    pub fn resolve(&self, app: &AppRef<'_>, app_name: &str) -> Resolution<'_> {
        let label = label(app, app_name);
        let first_party = self.first_party().publisher(app, label);
        let by_id = self.entry_of_client_id(app);
        let by_label = || label.and_then(|label| self.find(label));
        let (entry, by) = match by_id {
            Some(entry) => (Some(entry), ResolvedBy::ClientId),
            None if first_party.is_some() => (None, ResolvedBy::ClientId),
            None => by_label().map_or((None, ResolvedBy::Nothing), |entry| (Some(entry), ResolvedBy::Label)),
        };
        let is_known = by != ResolvedBy::Nothing;
        let look_alike = if is_known { None } else { self.looks_like(app_name) };
        Resolution {
            entry,
            by,
            is_first_party: first_party.is_some(),
            publisher: entry.map(|entry| entry.publisher.as_str()).or(first_party).unwrap_or_default(),
            rogue_reason: self.rogue_reason(app),
            look_alike,
        }
    }

    /// The known app that a name resembles. A name of a few letters only counts when it is the very name.
    #[must_use]
    pub fn looks_like(&self, name: &str) -> Option<LookAlike<'_>> {
        if let Some(entry) = self.find(name) {
            return Some(LookAlike { entry, is_confusable: false });
        }
        self.find_confusable(name).map(|entry| LookAlike { entry, is_confusable: true })
    }
}

/// The label that an administrator set, where the reference is of such a kind. Only there does a name identify.
fn label<'a>(app: &AppRef<'a>, app_name: &'a str) -> Option<&'a str> {
    let label = match app.id_kind {
        AppIdKind::Label => app.id,
        // An app as installed in the tenant: who installed it named it. A mapping declares `app_id` only where that is so.
        AppIdKind::AppId if matches!(app.source, Source::Okta | Source::Onelogin | Source::Mapped) => app_name,
        _ => return None,
    };
    (!label.is_empty()).then_some(label)
}
