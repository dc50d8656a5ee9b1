//! Directories that were read and checked, and wait for their turn.
//!
//! A directory is swapped in where its version stands in the log, so that every consumer judges the same events by it. Whoever reads the
//! file puts the directory on the shelf *first* and notes its version in the log *then*: a consumer that meets the note finds it here. One
//! that finds another version, or none (a process that has not read the file), goes on with what it has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::Directory;

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
