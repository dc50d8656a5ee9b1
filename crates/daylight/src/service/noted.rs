//! What the log has noted of the tables and keys that events are judged by, compared with what this process was given.

use std::{collections::BTreeMap, sync::Arc};

use catalog::Catalogue;
use enrichment::Directory;
use event::{Control, TableName, TableVersion, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{BadConfig, book::Book, control_log::ControlLog, refused::Refused, tables::Tables};

/// What a reload did.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Reloaded {
    /// The catalogue; nothing where no file of it is configured.
    pub(crate) catalogue: Option<ReloadedCatalogue>,
    /// The directories.
    pub(crate) directories: Vec<ReloadedDirectory>,
}

/// The catalogue, as it is in force now for every tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct ReloadedCatalogue {
    /// The file of the company's own apps.
    pub(crate) file: String,
    /// Apps in it.
    pub(crate) apps: usize,
    /// The version that was in force.
    pub(crate) previous: String,
    /// The version in force from here on; the same where nothing has changed.
    pub(crate) version: String,
}

/// A directory, as it is in force now.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct ReloadedDirectory {
    /// The tenant.
    pub(crate) tenant: String,
    /// The file.
    pub(crate) file: String,
    /// People that it knows.
    pub(crate) people: usize,
    /// The version that was in force.
    pub(crate) previous: String,
    /// The version in force from here on; the same where the file has not changed.
    pub(crate) version: String,
}

/// Tenant → the version that consumers have, or will have where the log notes it.
type Versions = BTreeMap<String, String>;

/// What is in force.
struct InForce {
    catalogues: Versions,
    directories: Versions,
}

/// Notes versions in the log, and reads the catalogue and directories again.
#[derive(Clone)]
pub(crate) struct Noter {
    tables: Arc<Tables>,
    book: Book,
    log: ControlLog,
    /// One reload at a time.
    in_force: Arc<Mutex<InForce>>,
}

impl Noter {
    /// Compares these tables with what this book says, and writes to this log.
    pub(crate) fn new(tables: Arc<Tables>, book: Book, log: ControlLog) -> Noter {
        let catalogue = tables.catalogue();
        let catalogues = tables.tenants().into_iter().map(|tenant| (tenant, catalogue.version().to_owned())).collect();
        let version = |tenant: String| Some((tables.shelf().get(&tenant)?.version().to_owned(), tenant));
        let directories =
            tables.tenants().into_iter().filter_map(version).map(|(version, tenant)| (tenant, version)).collect();
        Noter { tables, book, log, in_force: Arc::new(Mutex::new(InForce { catalogues, directories })) }
    }

    /// Refuses a tenant's key that is not the one that the log was written with: everybody would be new under another. Where `may_note`
    /// says so (to whoever makes pseudonyms), the key of a tenant that the log does not know yet is noted.
    pub(crate) async fn check_keys(&self, may_note: bool, now: Timestamp) -> anyhow::Result<()> {
        for tenant in self.tables.tenants() {
            let Some(key) = self.tables.tenant_key(&tenant) else { continue };
            let fingerprint = format!("{:016x}", key.fingerprint());
            let noted = self.book.noted_version(&tenant, TableName::TenantKey);
            let is_used = may_note || self.tables.directory_file(&tenant).is_some();
            if noted.is_empty() && may_note {
                self.note(&tenant, TableName::TenantKey, &fingerprint, now).await?;
            } else if !noted.is_empty() && noted != fingerprint && is_used {
                let sentence = format!(
                    "tenant {tenant:?}: its key has the fingerprint {fingerprint}, and the log was written with {noted}; under another key everybody would be new, so give the old key back (see [[tenants]] key, or the file in the data folder), or begin a log of its own with another [log] topic_prefix"
                );
                return Err(BadConfig(sentence).into());
            }
        }
        Ok(())
    }

    /// Notes the versions of the tables that this process judges by, where the log noted others.
    pub(crate) async fn note_tables(&self, now: Timestamp) -> anyhow::Result<()> {
        let catalogue = self.tables.catalogue();
        for tenant in self.tables.tenants() {
            let directory = self.tables.shelf().get(&tenant);
            let versions = [
                (TableName::Catalogue, Some(catalogue.version())),
                (TableName::Directory, directory.as_ref().map(|directory| directory.version())),
            ];
            for (table, version) in versions {
                if let Some(version) = version.filter(|version| *version != self.book.noted_version(&tenant, table)) {
                    self.note(&tenant, table, version, now).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads the catalogue and every directory again. All can be read, or none is taken; what has changed counts from its note in the log
    /// on.
    pub(crate) async fn reload(&self, now: Timestamp) -> Result<Reloaded, Refused> {
        let mut in_force = self.in_force.lock().await;
        let tables = Arc::clone(&self.tables);
        let read =
            tokio::task::spawn_blocking(move || Ok((tables.read_catalogue_again()?, tables.read_directories()?))).await;
        let read = read.map_err(|error| Refused::Unavailable(format!("nothing was read: {error}")))?;
        let (catalogue, directories) =
            read.map_err(|why: String| Refused::Invalid(format!("{why}; everything stays as it was")))?;
        let catalogue = match catalogue {
            Some(catalogue) => Some(self.take_catalogue(catalogue, &mut in_force.catalogues, now).await?),
            None => None,
        };
        let directories = self.take_directories(directories, &mut in_force.directories, now).await?;
        Ok(Reloaded { catalogue, directories })
    }

    /// One catalogue for all tenants, noted in the log of each: there it comes into force.
    async fn take_catalogue(
        &self,
        catalogue: Arc<Catalogue>,
        in_force: &mut Versions,
        now: Timestamp,
    ) -> Result<ReloadedCatalogue, Refused> {
        let (version, apps) = (catalogue.version().to_owned(), catalogue.own_apps_len());
        let previous = in_force.values().find(|before| **before != version).unwrap_or(&version).clone();
        // First on the shelf, then in the log: whoever meets the note finds it.
        self.tables.catalogues().put(catalogue);
        for (tenant, before) in in_force.iter_mut().filter(|(_, before)| **before != version) {
            self.note(tenant, TableName::Catalogue, &version, now).await?;
            tracing::info!(tenant, previous = before, version, apps, "the catalogue was read again");
            before.clone_from(&version);
        }
        let file = self.tables.apps_file().map(|file| file.display().to_string()).unwrap_or_default();
        Ok(ReloadedCatalogue { file, apps, previous, version })
    }

    async fn take_directories(
        &self,
        read: BTreeMap<String, Arc<Directory>>,
        in_force: &mut Versions,
        now: Timestamp,
    ) -> Result<Vec<ReloadedDirectory>, Refused> {
        let mut lines = Vec::new();
        for (tenant, directory) in read {
            let (version, people) = (directory.version().to_owned(), directory.people());
            let previous = in_force.get(&tenant).cloned().unwrap_or_default();
            if version != previous {
                // As above: first on the shelf.
                self.tables.shelf().put(&tenant, directory);
                self.note(&tenant, TableName::Directory, &version, now).await?;
                in_force.insert(tenant.clone(), version.clone());
                tracing::info!(tenant, previous, version, people, "the directory was read again");
            }
            let file = self.tables.directory_file(&tenant).map(|file| file.display().to_string()).unwrap_or_default();
            lines.push(ReloadedDirectory { tenant, file, people, previous, version });
        }
        Ok(lines)
    }

    async fn note(&self, tenant: &str, table: TableName, version: &str, now: Timestamp) -> Result<(), Refused> {
        let control = Control::TableVersion(TableVersion { table, version: version.to_owned(), loaded_at: now });
        if let Some(position) = self.log.write(tenant, &control).await? {
            self.book.apply(tenant, position, &control);
        }
        Ok(())
    }
}
