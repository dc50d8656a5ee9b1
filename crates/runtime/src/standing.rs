//! How a reader of partitions fares: ready while it can work and every partition of its own goes on.
//!
//! A partition halts at a record that a newer version wrote: what it says must not be lost, and nobody here can read it. The others go on, so
//! what they say of themselves (an insert was confirmed, the log has answered) must not hide the one that stands.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus::IntGauge;

use crate::Component;

/// How it fares. Clones tell the same.
#[derive(Clone)]
pub struct Standing {
    component: Component,
    halted: Arc<Mutex<BTreeMap<(String, u32), String>>>,
    count: IntGauge,
}

impl Standing {
    /// Nothing has halted.
    #[must_use]
    pub fn new(component: Component, count: IntGauge) -> Standing {
        Standing { component, halted: Arc::default(), count }
    }

    /// It can work, but for what has halted.
    pub fn ready(&self) {
        self.show(&self.lock());
    }

    /// It cannot work now.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.component.not_ready(reason);
    }

    /// A partition stands, and a person must look.
    pub fn halt(&self, topic: &str, partition: u32, reason: String) {
        let mut halted = self.lock();
        if halted.insert((topic.to_owned(), partition), reason.clone()).is_none() {
            tracing::error!(topic, partition, %reason, "the partition halts; the others go on");
        }
        self.show(&halted);
    }

    /// Partitions went to somebody else, or are taken up anew.
    pub fn forget(&self, topic: &str, partitions: &[u32]) {
        let mut halted = self.lock();
        let before = halted.len();
        halted.retain(|(known, partition), _| known != topic || !partitions.contains(partition));
        if halted.len() < before {
            self.show(&halted);
        }
    }

    fn show(&self, halted: &BTreeMap<(String, u32), String>) {
        self.count.set(i64::try_from(halted.len()).unwrap_or(i64::MAX));
        match halted.first_key_value() {
            None => self.component.ready(),
            Some(((topic, partition), reason)) => {
                self.component.not_ready(format!("partition {partition} of {topic} halts: {reason}"));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, u32), String>> {
        // A panic elsewhere cannot leave a map of texts half-written.
        self.halted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Health;

    #[test]
    fn what_goes_on_does_not_hide_what_stands() {
        let health = Health::new();
        let gauge = IntGauge::new("halted", "halted").unwrap();
        let standing = Standing::new(health.component("sink"), gauge.clone());
        standing.ready();
        assert!(health.reasons().is_empty());
        standing.halt("events", 3, "a newer version".into());
        standing.clone().ready();
        assert!(health.reasons()[0].1.contains("partition 3 of events"), "{:?}", health.reasons());
        standing.forget("alerts", &[3]);
        assert_eq!((health.reasons().len(), gauge.get()), (1, 1));
        standing.forget("events", &[3]);
        assert_eq!((health.reasons().len(), gauge.get()), (0, 0));
    }
}
