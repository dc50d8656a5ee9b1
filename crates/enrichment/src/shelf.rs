//! Tables that were read and checked, and wait for their turn.
//!
//! A table is swapped in where its version stands in the log, so that every consumer judges the same events by it. Whoever reads the
//! file puts the table on the shelf *first* and notes its version in the log *then*: a consumer that meets the note finds it here. One
//! that finds another version, or none (a process that has not read the file), goes on with what it has.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use catalog::Catalogue;

use crate::Directory;

/// Catalogues that stay on the shelf: a consumer may be so many reloads behind and still meet each where the log notes it. Some megabytes each.
const CATALOGUES_KEPT_MAX: usize = 4;

/// The newest directory of each tenant. Clones share it; it is looked at only where the log notes a directory, never for an event.
#[derive(Clone, Debug, Default)]
pub struct DirectoryShelf(Arc<Mutex<HashMap<String, Arc<Directory>>>>);

impl DirectoryShelf {
    /// Puts a tenant's directory there; the one before goes.
    pub fn put(&self, tenant: &str, directory: Arc<Directory>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.to_owned(), directory);
    }

    /// A tenant's directory.
    #[must_use]
    pub fn get(&self, tenant: &str) -> Option<Arc<Directory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).map(Arc::clone)
    }
}

/// The newest catalogues, by version. Clones share them; they are looked at only where the log notes a catalogue, never for an event.
#[derive(Clone, Debug, Default)]
pub struct CatalogueShelf(Arc<Mutex<VecDeque<Arc<Catalogue>>>>);

impl CatalogueShelf {
    /// Puts a catalogue there as the newest; beyond the limit the oldest goes.
    pub fn put(&self, catalogue: Arc<Catalogue>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other| other.version() != catalogue.version());
        kept.push_back(catalogue);
        while kept.len() > CATALOGUES_KEPT_MAX {
            kept.pop_front();
        }
    }

    /// The catalogue of a version.
    #[must_use]
    pub fn get(&self, version: &str) -> Option<Arc<Catalogue>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|catalogue| catalogue.version() == version).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use catalog::CatalogueFiles;

    use super::*;

    #[test]
    fn the_shelf_keeps_the_newest_catalogues_up_to_its_limit() {
        let none = CatalogueFiles {
            apps: "",
            own_apps: None,
            microsoft_first_party: "",
            first_party: "",
            rogue_apps: "",
            scope_risk: "",
        };
        let catalogue = |number: usize| {
            let apps = format!("a{number}.com\tApp {number}\tchat\tMaker\n");
            Arc::new(Catalogue::parse(&CatalogueFiles { apps: &apps, ..none }).unwrap())
        };
        let all: Vec<Arc<Catalogue>> = (0..=CATALOGUES_KEPT_MAX).map(catalogue).collect();
        let shelf = CatalogueShelf::default();
        all.iter().take(CATALOGUES_KEPT_MAX).for_each(|catalogue| shelf.put(Arc::clone(catalogue)));
        // Read again, the first is the newest, and the second goes.
        shelf.put(Arc::clone(&all[0]));
        shelf.put(Arc::clone(&all[CATALOGUES_KEPT_MAX]));
        let is_there: Vec<bool> = all.iter().map(|catalogue| shelf.get(catalogue.version()).is_some()).collect();
        assert_eq!(is_there, [true, false, true, true, true]);
    }
}
