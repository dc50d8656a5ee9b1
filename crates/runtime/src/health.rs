//! Readiness with reasons: each part of a process says whether it can work, and why not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The readiness of a process: ready when each of its components is.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Option<String>>>>);

impl Health {
    /// A process without components is ready.
    #[must_use]
    pub fn new() -> Health {
        Health::default()
    }

    /// Adds a component that is not ready yet.
    #[must_use]
    pub fn component(&self, name: &str) -> Component {
        self.lock().insert(name.to_owned(), Some("starting".to_owned()));
        Component { name: name.to_owned(), health: self.clone() }
    }

    /// What keeps the process from being ready: component and reason. Empty when it is.
    #[must_use]
    pub fn reasons(&self) -> Vec<(String, String)> {
        self.lock().iter().filter_map(|(name, reason)| Some((name.clone(), reason.clone()?))).collect()
    }

    /// Every component, and whether it can work.
    #[must_use]
    pub fn components(&self) -> Vec<(String, bool)> {
        self.lock().iter().map(|(name, reason)| (name.clone(), reason.is_none())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        // A panic elsewhere cannot leave a map of strings half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One part of a process, which says how it fares.
#[derive(Clone, Debug)]
pub struct Component {
    name: String,
    health: Health,
}

impl Component {
    /// It can work.
    pub fn ready(&self) {
        self.set(None);
    }

    /// It cannot work now. The reason is shown to operators: no secret, no name of a person.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, reason: Option<String>) {
        let mut components = self.health.lock();
        if let Some(current) = components.get_mut(&self.name)
            && *current != reason
        {
            match &reason {
                None => tracing::info!(component = %self.name, "ready"),
                Some(reason) => tracing::warn!(component = %self.name, %reason, "not ready"),
            }
            *current = reason;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_each_component_is() {
        let health = Health::new();
        let (log, table) = (health.component("log"), health.component("clickhouse"));
        log.ready();
        assert_eq!(health.reasons(), [("clickhouse".to_owned(), "starting".to_owned())]);
        table.ready();
        assert!(health.reasons().is_empty());
        log.not_ready("disk nearly full");
        assert_eq!(health.reasons()[0].1, "disk nearly full");
    }
}
