//! What the log has noted of the tables and keys that events are judged by, compared with what this process was given.

use std::{collections::BTreeMap, sync::Arc};

use event::{Control, TableName, TableVersion, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{BadConfig, book::Book, control_log::ControlLog, refused::Refused, tables::Tables};

/// A directory, as it is in force now.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct ReloadedLine {
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

/// Notes versions in the log, and reads directories again.
#[derive(Clone)]
pub(crate) struct Noter {
    tables: Arc<Tables>,
    book: Book,
    log: ControlLog,
    /// Tenant → the version of its directory that consumers have, or will have where the log notes it. One reload at a time.
    in_force: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Noter {
    /// Compares these tables with what this book says, and writes to this log.
    pub(crate) fn new(tables: Arc<Tables>, book: Book, log: ControlLog) -> Noter {
        let version = |tenant: String| Some((tables.shelf().get(&tenant)?.version().to_owned(), tenant));
        let in_force =
            tables.tenants().into_iter().filter_map(version).map(|(version, tenant)| (tenant, version)).collect();
        Noter { tables, book, log, in_force: Arc::new(Mutex::new(in_force)) }
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

    /// Reads every directory again. All can be read, or none is taken; what has changed counts from its note in the log on.
    pub(crate) async fn reload(&self, now: Timestamp) -> Result<Vec<ReloadedLine>, Refused> {
        let mut in_force = self.in_force.lock().await;
        let tables = Arc::clone(&self.tables);
        let read = tokio::task::spawn_blocking(move || tables.read_directories()).await;
        let read = read.map_err(|error| Refused::Unavailable(format!("the directories were not read: {error}")))?;
        let read = read.map_err(|why| Refused::Invalid(format!("{why}; every directory stays as it was")))?;
        let mut lines = Vec::new();
        for (tenant, directory) in read {
            let (version, people) = (directory.version().to_owned(), directory.people());
            let previous = in_force.get(&tenant).cloned().unwrap_or_default();
            if version != previous {
                // First on the shelf, then in the log: whoever meets the note finds it.
                self.tables.shelf().put(&tenant, directory);
                self.note(&tenant, TableName::Directory, &version, now).await?;
                in_force.insert(tenant.clone(), version.clone());
                tracing::info!(tenant, previous, version, people, "the directory was read again");
            }
            let file = self.tables.directory_file(&tenant).map(|file| file.display().to_string()).unwrap_or_default();
            lines.push(ReloadedLine { tenant, file, people, previous, version });
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
