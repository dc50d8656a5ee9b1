//! The tables of every tenant that a consumer thread reads.

use std::sync::Arc;

use catalog::Catalogue;
use event::{Alias, AppRef, Control, Event, Position, Status, TableName, TableVersion, Timestamp};

use crate::{
    AliasRefused, Aliases, AppInfo, CatalogueShelf, Directory, DirectoryShelf, Enriched, Recorded, Standing,
    tenant::Tenant, tenants::Tenants,
};

/// What a control record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Verdicts after it may differ from those before: the tables have another version.
    Changed,
    /// Nothing that a verdict uses.
    Unchanged,
    /// It was refused, and changed nothing.
    Refused(AliasRefused),
}

/// Enriches events. One per consumer thread; its tenants are those of the configuration, so it needs no limit of its own.
#[derive(Clone, Debug)]
pub struct Enricher {
    /// For a tenant whose log has noted no other.
    catalogue: Arc<Catalogue>,
    catalogues: CatalogueShelf,
    directories: DirectoryShelf,
    tenants: Tenants,
}

impl Enricher {
    /// An enricher that knows the catalogue and no decision.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>) -> Enricher {
        let (catalogues, directories) = (CatalogueShelf::default(), DirectoryShelf::default());
        Enricher { catalogue, catalogues, directories, tenants: Tenants::default() }
    }

    /// Takes catalogues from this shelf, each where a tenant's log notes its version.
    #[must_use]
    pub fn with_catalogues(mut self, shelf: CatalogueShelf) -> Enricher {
        self.catalogues = shelf;
        self
    }

    /// Takes directories from this shelf, each where the log notes its version.
    #[must_use]
    pub fn with_directories(mut self, shelf: DirectoryShelf) -> Enricher {
        self.directories = shelf;
        self
    }

    /// The catalogue in use for a tenant.
    #[must_use]
    pub fn catalogue(&self, tenant: &str) -> &Arc<Catalogue> {
        self.tenants.get(tenant).map_or(&self.catalogue, Tenant::catalogue)
    }

    /// Uses another catalogue for a tenant from the next event on.
    pub fn swap_catalogue(&mut self, tenant: &str, catalogue: Arc<Catalogue>) {
        self.tenant(tenant).swap_catalogue(catalogue);
    }

    /// Uses another directory for a tenant from the next event on.
    pub fn swap_directory(&mut self, tenant: &str, directory: Arc<Directory>) {
        self.tenant(tenant).swap_directory(directory);
    }

    /// Takes a control record of a tenant, in the order of the log. The same record again changes nothing.
    pub fn apply(&mut self, tenant: &str, control: &Control, position: Position) -> Applied {
        let applied = self.tenant(tenant).apply(control, position);
        match control {
            Control::TableVersion(noted) if self.take_table(tenant, noted) => Applied::Changed,
            _ => applied,
        }
    }

    /// Swaps in the table that the log notes, where a shelf has it, it is not in use already, and no later note is known.
    fn take_table(&mut self, tenant: &str, noted: &TableVersion) -> bool {
        if self.noted_version(tenant, noted.table) != noted.version {
            return false;
        }
        match noted.table {
            TableName::Catalogue => self.take_catalogue(tenant, &noted.version),
            TableName::Directory => self.take_directory(tenant, &noted.version),
            TableName::Networks | TableName::Rules | TableName::TenantKey => false,
        }
    }

    fn take_catalogue(&mut self, tenant: &str, version: &str) -> bool {
        if self.catalogue(tenant).version() == version {
            return false;
        }
        let Some(catalogue) = self.catalogues.get(version) else { return false };
        self.swap_catalogue(tenant, catalogue);
        true
    }

    fn take_directory(&mut self, tenant: &str, version: &str) -> bool {
        if self.tenant(tenant).directory_version() == version {
            return false;
        }
        let Some(directory) = self.directories.get(tenant).filter(|directory| directory.version() == version) else {
            return false;
        };
        self.swap_directory(tenant, directory);
        true
    }

    /// Remembers what an app is called, for events that do not say (Okta's consents). Events teach it as they come; a process that starts
    /// in the middle of the log restores the names that its ledger holds before it reads on.
    pub fn learn_name(&mut self, tenant: &str, app: &AppRef<'_>, name: &str) {
        self.tenant(tenant).learn_name(app, name);
    }

    /// Forgets what the log has said about these tenants: their partition went to another process, and what comes after may be read again
    /// from an earlier place. Their catalogue and directory stay, because those are files.
    pub fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        for (_, tenant) in self.tenants.iter_mut().filter(|(name, _)| is_gone(name)) {
            *tenant = tenant.forgetful();
        }
    }

    /// The event with what the tables say about it.
    pub fn enrich<'a>(&'a mut self, event: &'a Event<'a>) -> Enriched<'a> {
        self.tenant(event.tenant).enrich(event)
    }

    /// What the tables say about an app, and its status for all; `None` for a reference to no app.
    pub fn app(&mut self, tenant: &str, app: &AppRef<'_>, name: &str) -> Option<(&AppInfo, Status)> {
        let tenant = self.tenant(tenant);
        let now = tenant.decisions.now();
        tenant.app(app, name).map(|known| (&known.info, known.standing.status("", now)))
    }

    /// What the tables say about an app, and what holds for this very reference; `None` for a reference to no app.
    pub fn standing(&mut self, tenant: &str, app: &AppRef<'_>, name: &str) -> Option<(&AppInfo, &Standing)> {
        let tenant = self.tenant(tenant);
        tenant.app(app, name).map(|known| (&known.info, &known.standing))
    }

    /// The key that an app goes by after all merges.
    #[must_use]
    pub fn canonical<'a>(&'a self, tenant: &str, app_key: &'a str) -> &'a str {
        self.tenants.get(tenant).map_or(app_key, |tenant| tenant.aliases.canonical(app_key))
    }

    /// Would this merge or split, as the next record of a tenant, be applied?
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check_alias(&self, tenant: &str, alias: &Alias) -> Result<(), AliasRefused> {
        self.tenants.get(tenant).map_or_else(|| Aliases::default().check(alias), |tenant| tenant.aliases.check(alias))
    }

    /// The merges in force, by the key that went under.
    #[must_use]
    pub fn merges(&self, tenant: &str) -> Vec<&Alias> {
        let mut merges: Vec<&Alias> =
            self.tenants.get(tenant).into_iter().flat_map(|tenant| tenant.aliases.in_force()).collect();
        merges.sort_unstable_by(|one, other| one.from_app_key.cmp(&other.from_app_key));
        merges
    }

    /// Every decision about an app, in the order of the log.
    #[must_use]
    pub fn history(&self, tenant: &str, app_key: &str) -> Vec<&Recorded> {
        self.tenants.get(tenant).map(|tenant| tenant.decisions.history(app_key, &tenant.aliases)).unwrap_or_default()
    }

    /// What was decided about an app (whatever its references) for a department, or for all when it is empty, at a time.
    #[must_use]
    pub fn status_at(&self, tenant: &str, app_key: &str, department: &str, at: Timestamp) -> Status {
        let of = |tenant: &Tenant| tenant.decisions.status_at(app_key, department, at, &tenant.aliases);
        self.tenants.get(tenant).map_or(Status::Unreviewed, of)
    }

    /// The version of a table that the log noted last for a tenant; empty when it noted none.
    #[must_use]
    pub fn noted_version(&self, tenant: &str, table: TableName) -> &str {
        self.tenants.get(tenant).map_or("", |tenant| tenant.noted_version(table))
    }

    /// The version of a tenant's tables: catalogue, directory, and the last control record that changed a verdict.
    pub fn tables_version(&mut self, tenant: &str) -> &str {
        self.tenant(tenant).version()
    }

    fn tenant(&mut self, name: &str) -> &mut Tenant {
        let Enricher { catalogue, tenants, .. } = self;
        tenants.get_or_make(name, |place| Tenant::new(catalogue, place))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use event::{AppIdKind, Source};

    use super::*;

    #[test]
    fn an_app_as_delivered_has_a_number_that_no_other_app_of_any_tenant_has() {
        let mut enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
        let mut number = |tenant: &str, id, name| {
            let app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id };
            enricher.app(tenant, &app, name).unwrap().0.number
        };
        let delivered =
            [("a", "1", "One"), ("b", "1", "One"), ("a", "2", "Two"), ("b", "1", "Other"), ("a", "1", "One")];
        let numbers = delivered.map(|(tenant, id, name)| number(tenant, id, name));
        assert_eq!(numbers[0], numbers[4]);
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 4);
        enricher.forget(|tenant| tenant == "a");
        let app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: "3" };
        assert!(!numbers.contains(&enricher.app("a", &app, "Three").unwrap().0.number));
    }
}
