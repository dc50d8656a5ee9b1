//! The tables that enrichment looks things up in, read once at start: catalogue, directories, and the tenants' keys.

use std::{collections::BTreeMap, fs, sync::Arc};

use anyhow::{Context, anyhow};
use catalog::Catalogue;
use enrichment::{Directory, Enricher};
use event::TenantKey;

use super::{BadConfig, first_party};
use crate::{
    config::Config,
    data_folder::{DataFolder, parse_tenant_key},
};

/// What is known before the first event.
pub(crate) struct Tables {
    catalogue: Arc<Catalogue>,
    keys: BTreeMap<String, TenantKey>,
    directories: BTreeMap<String, Arc<Directory>>,
}

impl Tables {
    /// Reads them; a key that the configuration does not name is made once.
    pub(crate) fn load(config: &Config, folder: &DataFolder) -> anyhow::Result<Tables> {
        let catalogue = Arc::new(Catalogue::embedded().map_err(|error| anyhow!("the embedded catalogue is broken: {error}"))?);
        first_party::set_catalogue(&catalogue);
        let mut tables = Tables { catalogue, keys: BTreeMap::new(), directories: BTreeMap::new() };
        for tenant in &config.tenants {
            let key = match &tenant.key {
                Some(source) => {
                    let secret = source.read().map_err(|error| BadConfig(format!("tenant {:?}: {error}", tenant.id)))?;
                    parse_tenant_key(secret.expose()).map_err(|error| BadConfig(format!("tenant {:?}: {source}: {error}", tenant.id)))?
                }
                None => folder.tenant_key(&tenant.id)?,
            };
            if let Some(path) = &tenant.directory {
                let text = fs::read_to_string(path).with_context(|| format!("tenant {:?}: cannot read the directory {}", tenant.id, path.display()))?;
                let directory = Directory::parse(&text, &key)
                    .map_err(|error| BadConfig(format!("tenant {:?}: directory {}: {error}", tenant.id, path.display())))?;
                tables.directories.insert(tenant.id.clone(), Arc::new(directory));
            }
            tables.keys.insert(tenant.id.clone(), key);
        }
        for connection in &config.connections {
            if !tables.keys.contains_key(&connection.tenant) {
                tables.keys.insert(connection.tenant.clone(), folder.tenant_key(&connection.tenant)?);
            }
        }
        Ok(tables)
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

    /// An enricher for one consumer.
    pub(crate) fn enricher(&self) -> Enricher {
        let mut enricher = Enricher::new(Arc::clone(&self.catalogue));
        for (tenant, directory) in &self.directories {
            enricher.swap_directory(tenant, Arc::clone(directory));
        }
        enricher
    }
}
