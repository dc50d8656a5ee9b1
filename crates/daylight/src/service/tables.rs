//! The tables that enrichment looks things up in: the catalogue, read once; directories, read again when somebody asks; the tenants' keys.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::anyhow;
use catalog::Catalogue;
use enrichment::{Directory, DirectoryShelf, Enricher};
use event::TenantKey;

use super::{BadConfig, first_party};
use crate::{
    config::Config,
    data_folder::{DataFolder, parse_tenant_key},
};

/// Bytes that a directory may have: ten million lines of a hundred bytes.
const DIRECTORY_BYTES_MAX: u64 = 1 << 30;

/// What is known before the first event.
pub(crate) struct Tables {
    catalogue: Arc<Catalogue>,
    keys: BTreeMap<String, TenantKey>,
    /// Tenant → the file of its directory.
    files: BTreeMap<String, PathBuf>,
    shelf: DirectoryShelf,
}

impl Tables {
    /// Reads them; a key that the configuration does not name is made once.
    pub(crate) fn load(config: &Config, folder: &DataFolder) -> anyhow::Result<Tables> {
        let catalogue =
            Arc::new(Catalogue::embedded().map_err(|error| anyhow!("the embedded catalogue is broken: {error}"))?);
        first_party::set_catalogue(&catalogue);
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
        let tables = Tables { catalogue, keys, files, shelf: DirectoryShelf::default() };
        for (tenant, directory) in tables.read_directories().map_err(BadConfig)? {
            tables.shelf.put(&tenant, directory);
        }
        Ok(tables)
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

    /// What is known of apps in general.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    /// An enricher for one consumer, with the directories of now.
    pub(crate) fn enricher(&self) -> Enricher {
        let mut enricher = Enricher::new(Arc::clone(&self.catalogue)).with_directories(self.shelf.clone());
        for tenant in self.files.keys() {
            if let Some(directory) = self.shelf.get(tenant) {
                enricher.swap_directory(tenant, directory);
            }
        }
        enricher
    }
}

fn read_directory(path: &Path, key: &TenantKey) -> Result<Directory, String> {
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(DIRECTORY_BYTES_MAX + 1).read_to_string(&mut text));
    read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    if text.len() as u64 > DIRECTORY_BYTES_MAX {
        return Err(format!("{shown} is larger than {DIRECTORY_BYTES_MAX} bytes"));
    }
    Directory::parse(&text, key).map_err(|error| format!("{shown}, line {}: {}", error.line, error.problem))
}
