//! What the sender knows afterwards: how often each page was sent, and whether it was acknowledged. From it follows what must be there, what may
//! be there, and how often.

use std::collections::{BTreeMap, BTreeSet};

use crate::generator::{Generator, Told, tenant_id};

/// One page, as its sender knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Attempts, whatever became of them.
    pub attempts: u64,
    /// Was one of them answered with 200?
    pub is_acknowledged: bool,
}

/// All pages, by number.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Each page that was sent at all.
    pub pages: BTreeMap<u64, Sent>,
}

/// What follows for one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// It.
    pub event: Told,
    /// How often it was sent: at most so many coordinates.
    pub sends: u64,
    /// Must it be there?
    pub is_acknowledged: bool,
}

/// What follows for one poisoned element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuePoison {
    /// Must it be in the dead letters?
    pub is_acknowledged: bool,
    /// Why.
    pub reason: &'static str,
}

/// What follows from the book.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Number → event.
    pub events: BTreeMap<u64, Due>,
    /// SHA-256 of its bytes → its dead letter.
    pub poison: BTreeMap<String, DuePoison>,
    /// Tenant and app that must be told of: an acknowledged event is about it.
    pub apps: BTreeSet<(String, String)>,
    /// Those that may be told of: an event that may have arrived is about it.
    pub possible_apps: BTreeSet<(String, String)>,
}

impl Book {
    /// Works out what must and may be there.
    #[must_use]
    pub fn expected(&self, generator: &Generator) -> Expected {
        let mut expected = Expected::default();
        for (number, sent) in &self.pages {
            let page = generator.page(*number);
            if let Some(poison) = &page.poison {
                let due = DuePoison { is_acknowledged: false, reason: poison.reason };
                expected.poison.entry(poison.sha256()).or_insert(due).is_acknowledged |= sent.is_acknowledged;
            }
            for event in page.events {
                let app = (tenant_id(event.tenant), event.app.clone());
                if sent.is_acknowledged {
                    expected.apps.insert(app.clone());
                }
                expected.possible_apps.insert(app);
                let due =
                    expected.events.entry(event.number).or_insert(Due { event, sends: 0, is_acknowledged: false });
                due.sends += sent.attempts;
                due.is_acknowledged |= sent.is_acknowledged;
            }
        }
        expected
    }
}

impl Expected {
    /// Those of whom something must be there.
    #[must_use]
    pub fn tenants(&self) -> BTreeSet<String> {
        let acknowledged = self.events.values().filter(|due| due.is_acknowledged);
        acknowledged.map(|due| tenant_id(due.event.tenant)).collect()
    }

    /// Events that must be there.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        u64::try_from(self.events.values().filter(|due| due.is_acknowledged).count()).unwrap_or(u64::MAX)
    }
}
