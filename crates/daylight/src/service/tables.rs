//! The tables that enrichment looks things up in: the catalogue and the directories, read again when somebody asks; the tenants' keys.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use catalog::{Catalogue, OwnApps};
use enrichment::{CatalogueShelf, Directory, DirectoryShelf, Enricher};
use event::TenantKey;

use super::{BadConfig, first_party};
use crate::{
    config::{CatalogueConfig, Config},
    data_folder::{DataFolder, parse_tenant_key},
};

/// Bytes that a directory may have: ten million lines of a hundred bytes.
const DIRECTORY_BYTES_MAX: u64 = 1 << 30;
/// Bytes that a company's own file of apps may have: ours has 30 thousand.
const APPS_FILE_BYTES_MAX: u64 = 16 << 20;

/// What is known before the first event.
pub(crate) struct Tables {
    /// The catalogue of the start.
    catalogue: Arc<Catalogue>,
    catalogues: CatalogueShelf,
    /// Where the company's own apps are read from.
    catalogue_config: CatalogueConfig,
    keys: BTreeMap<String, TenantKey>,
    /// Tenant → the file of its directory.
    files: BTreeMap<String, PathBuf>,
    shelf: DirectoryShelf,
}

impl Tables {
    /// Begins with this catalogue and reads the rest; a key that the configuration does not name is made once.
    pub(crate) fn load(config: &Config, folder: &DataFolder, catalogue: Arc<Catalogue>) -> anyhow::Result<Tables> {
        first_party::set_catalogue(&catalogue);
        let catalogues = CatalogueShelf::default();
        catalogues.put(Arc::clone(&catalogue));
        let (mut keys, mut files) = (BTreeMap::new(), BTreeMap::new());
        for tenant in &config.tenants {
            let key = match &tenant.key {
                Some(source) => {
                    let secret =
                        source.read().map_err(|error| BadConfig(format!("tenant {:?}: {error}", tenant.id)))?;
                    parse_tenant_key(secret.expose())
                        .map_err(|error| BadConfig(format!("tenant {:?}: {source}: {error}", tenant.id)))?
                }
                None => folder.tenant_key(&tenant.id)?,
            };
            if let Some(path) = &tenant.directory {
                files.insert(tenant.id.clone(), path.clone());
            }
            keys.insert(tenant.id.clone(), key);
        }
        for connection in &config.connections {
            if !keys.contains_key(&connection.tenant) {
                keys.insert(connection.tenant.clone(), folder.tenant_key(&connection.tenant)?);
            }
        }
        let (catalogue_config, shelf) = (config.catalogue.clone(), DirectoryShelf::default());
        let tables = Tables { catalogue, catalogues, catalogue_config, keys, files, shelf };
        for (tenant, directory) in tables.read_directories().map_err(BadConfig)? {
            tables.shelf.put(&tenant, directory);
        }
        Ok(tables)
    }

    /// Reads the catalogue again, or says which line cannot be read; nothing where no file of it can have changed. Blocks.
    pub(crate) fn read_catalogue_again(&self) -> Result<Option<Arc<Catalogue>>, String> {
        if self.apps_file().is_none() {
            return Ok(None);
        }
        read_catalogue(&self.catalogue_config).map(Some)
    }

    /// The file of the company's own apps.
    pub(crate) fn apps_file(&self) -> Option<&Path> {
        Some(&*self.catalogue_config.apps_file).filter(|path| !path.as_os_str().is_empty())
    }

    /// Reads every directory, or says which line of which file cannot be read. Blocks.
    pub(crate) fn read_directories(&self) -> Result<BTreeMap<String, Arc<Directory>>, String> {
        let read = |(tenant, path): (&String, &PathBuf)| {
            let key = self.keys.get(tenant).ok_or_else(|| format!("tenant {tenant:?} has no key"))?;
            let directory =
                read_directory(path, key).map_err(|why| format!("the directory of tenant {tenant:?}: {why}"))?;
            Ok((tenant.clone(), Arc::new(directory)))
        };
        self.files.iter().map(read).collect()
    }

    /// The file of a tenant's directory.
    pub(crate) fn directory_file(&self, tenant: &str) -> Option<&Path> {
        self.files.get(tenant).map(PathBuf::as_path)
    }

    /// Where directories that were read wait for their place in the log.
    pub(crate) fn shelf(&self) -> &DirectoryShelf {
        &self.shelf
    }

    /// The key of a tenant.
    pub(crate) fn tenant_key(&self, tenant: &str) -> Option<TenantKey> {
        self.keys.get(tenant).cloned()
    }

    /// The tenants, in order.
    pub(crate) fn tenants(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// What was known of apps in general at the start.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    /// Where catalogues that were read wait for their place in the log.
    pub(crate) fn catalogues(&self) -> &CatalogueShelf {
        &self.catalogues
    }

    /// An enricher for one consumer, with the directories of now.
    pub(crate) fn enricher(&self) -> Enricher {
        let enricher = Enricher::new(Arc::clone(&self.catalogue)).with_catalogues(self.catalogues.clone());
        let mut enricher = enricher.with_directories(self.shelf.clone());
        for tenant in self.files.keys() {
            if let Some(directory) = self.shelf.get(tenant) {
                enricher.swap_directory(tenant, directory);
            }
        }
        enricher
    }
}

/// Reads the catalogue: ours, and the company's own apps over it. Blocks. The error names file and line.
pub(crate) fn read_catalogue(config: &CatalogueConfig) -> Result<Arc<Catalogue>, String> {
    let path = &config.apps_file;
    if path.as_os_str().is_empty() {
        let embedded = Catalogue::embedded().map_err(|error| format!("the embedded catalogue is broken: {error}"))?;
        return Ok(Arc::new(embedded));
    }
    let why = |reason: String| format!("[catalogue] apps_file: {reason}");
    let text = read_text(path, APPS_FILE_BYTES_MAX).map_err(why)?;
    let own_apps = OwnApps { file: &path.display().to_string(), text: &text };
    Catalogue::with_own_apps(own_apps).map(Arc::new).map_err(|error| why(error.to_string()))
}

fn read_directory(path: &Path, key: &TenantKey) -> Result<Directory, String> {
    let text = read_text(path, DIRECTORY_BYTES_MAX)?;
    let shown = path.display();
    Directory::parse(&text, key).map_err(|error| format!("{shown}, line {}: {}", error.line, error.problem))
}

fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_string(&mut text));
    read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    if text.len() as u64 > bytes_max {
        return Err(format!("{shown} is larger than {bytes_max} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_apps_is_refused_when_it_is_missing_too_large_or_broken() {
        let folder = tempfile::tempdir().unwrap();
        let apps_file = folder.path().join("apps.tsv");
        let config = CatalogueConfig { apps_file: apps_file.clone() };
        let refused = || read_catalogue(&config).unwrap_err();
        assert!(refused().contains("[catalogue] apps_file: cannot read"), "{}", refused());
        std::fs::write(&apps_file, "a.acme.example\tOne\tchat\tAcme\nb.acme.example\tTwo\tgames\tAcme\n").unwrap();
        assert!(refused().contains("apps.tsv, line 2: unknown category `games`"), "{}", refused());
        // A comment may fill the file to the limit, and one byte more is refused.
        let comment = |bytes: u64| {
            std::fs::write(&apps_file, "#").unwrap();
            File::options().write(true).open(&apps_file).unwrap().set_len(bytes).unwrap();
        };
        comment(APPS_FILE_BYTES_MAX);
        assert_eq!(read_catalogue(&config).unwrap().own_apps_len(), 0);
        comment(APPS_FILE_BYTES_MAX + 1);
        assert!(refused().contains("larger than 16777216 bytes"), "{}", refused());
    }
}
