//! What the admin API knows of apps and decisions: the ledger, followed.
//!
//! Detection writes into the ledger what it met and what was decided. Whoever answers `decide` and `apps` follows it from the beginning,
//! so that any process can answer and none is the master. A decision of our own is noted at once, before the ledger shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use broker::Broker;
use codec::decode_ledger_entry;
use event::{Decision, LedgerEntry, Position, Status, Timestamp};
use runtime::Shutdown;

/// How long the follower waits when it has read everything.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// One app of one tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownApp {
    /// The names that it was delivered under.
    pub(crate) names: BTreeSet<String>,
    /// Its references, as `source:kind:id`.
    pub(crate) references: BTreeSet<String>,
    /// When it was first used or granted.
    pub(crate) first_used_at: Timestamp,
    /// Decisions by department (empty for all), each with its place in the log.
    pub(crate) decisions: BTreeMap<String, (Position, Decision)>,
}

/// Apps by tenant and key.
type Apps = BTreeMap<(String, String), KnownApp>;

/// The book. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Apps>>);

impl Book {
    /// Follows the ledger until asked to stop. Blocks.
    pub(crate) fn follow(&self, broker: &Broker, ledger: &str, shutdown: &Shutdown) {
        let partitions = broker.partitions(ledger).unwrap_or(0);
        let mut next: Vec<Option<u64>> = (0..partitions).map(|_| None).collect();
        while !shutdown.is_requested() {
            for (partition, next) in (0..).zip(&mut next) {
                let read = broker.read(ledger, partition, *next, &mut |record| {
                    if let Some(Ok((tenant, entry))) = record.value.map(decode_ledger_entry) {
                        self.note(tenant, &entry);
                    }
                });
                match read {
                    Ok(end) => *next = Some(end),
                    Err(error) => tracing::warn!(%error, partition, "the ledger cannot be followed, trying again"),
                }
            }
            std::thread::sleep(FOLLOW_INTERVAL);
        }
    }

    fn note(&self, tenant: &str, entry: &LedgerEntry<'_>) {
        match entry {
            LedgerEntry::App { app, name, app_key, first, .. } => {
                let mut apps = self.lock();
                let known = apps.entry((tenant.to_owned(), (*app_key).to_owned())).or_default();
                known.references.insert(app.to_string());
                if !name.is_empty() {
                    known.names.insert((*name).to_owned());
                }
                for first in [first.used, first.granted].into_iter().filter(|first| first.is_some()) {
                    let is_earlier = !known.first_used_at.is_some() || first.occurred_at < known.first_used_at;
                    known.first_used_at = if is_earlier { first.occurred_at } else { known.first_used_at };
                }
            }
            LedgerEntry::Control { position, control: event::Control::Decision(decision), .. } => {
                self.decided(tenant, *position, decision);
            }
            _ => {}
        }
    }

    /// Notes a decision, unless a later one is known.
    pub(crate) fn decided(&self, tenant: &str, position: Position, decision: &Decision) {
        let mut apps = self.lock();
        let known = apps.entry((tenant.to_owned(), decision.app_key.clone())).or_default();
        let is_latest = known.decisions.get(&decision.department).is_none_or(|(at, _)| *at <= position);
        if is_latest {
            known.decisions.insert(decision.department.clone(), (position, decision.clone()));
        }
    }

    /// An app by its key, a reference, or a name that it was delivered under. Nothing where a name fits two apps.
    pub(crate) fn find(&self, tenant: &str, text: &str) -> Option<(String, KnownApp)> {
        let apps = self.lock();
        if let Some(known) = apps.get(&(tenant.to_owned(), text.to_owned())) {
            return Some((text.to_owned(), known.clone()));
        }
        let fits = |known: &KnownApp| known.references.contains(text) || known.names.iter().any(|name| name.eq_ignore_ascii_case(text));
        let mut found = apps.iter().filter(|((of, _), known)| of == tenant && fits(known));
        let (((_, app_key), known), more) = (found.next()?, found.next());
        more.is_none().then(|| (app_key.clone(), known.clone()))
    }

    /// What is in force for an app at a time: for the department, or for all when it is empty.
    pub(crate) fn status(known: &KnownApp, department: &str, now: Timestamp) -> Status {
        known.decisions.get(department).map_or(Status::Unreviewed, |(_, decision)| {
            let is_over = decision.expires_at.is_some() && decision.expires_at <= now;
            if is_over { Status::Unreviewed } else { decision.status }
        })
    }

    /// Every app of every tenant.
    pub(crate) fn apps(&self) -> Apps {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Apps> {
        // A panic elsewhere leaves at worst a note too few, which the next start reads again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
