//! One record of `events`: decode, enrich, observe; or, for a control record, change what later events are judged by.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
};

use broker::{Record, partition_of};
use codec::{DecodeError, EncodeError, LogRecord, decode_log_record};
use detection::{Engine, Findings, Observation};
use enrichment::Enricher;
use event::{AppRef, Control, Coordinates, LogId, Position, Timestamp};
use mutation::Mutation;

use crate::{
    alerts::Label,
    lane::last_of_each_key,
    ledger::{ControlEntry, Restoring, change_record},
};

/// What reading a partition changes: the tables, the memory, and what was found.
pub(crate) struct Work {
    /// The tables in force.
    pub(crate) enricher: Enricher,
    /// The memory and the rules.
    pub(crate) engine: Engine,
    /// What was found and is not on its way yet.
    pub(crate) findings: Findings,
    /// Control records that came into force and are not on their way to the ledger yet.
    pub(crate) controls: Vec<ControlEntry>,
    /// What partitions of the ledger do not say of themselves yet, as records.
    pub(crate) origins: Vec<Record>,
    /// The tenants met in each partition, so that their memory can be dropped when it goes.
    tenants: BTreeMap<u32, HashSet<String>>,
    /// The one that was met last: most records have the tenant of the one before.
    last_tenant: (u32, String),
    /// Every control record of the ledger in each partition, by its key: the tables keep only what they need, a snapshot needs all.
    in_ledger: BTreeMap<u32, BTreeMap<Vec<u8>, ControlEntry>>,
}

/// What was found, as records. The alerts are to be durable before any of the ledger is written: then no crash can lose one.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// For the topic of alerts, in the order of the log.
    pub(crate) alerts: Vec<(Record, Label)>,
    /// For the ledger, before everything else: what it says of itself, and control records. A start that finds what a merge has changed must find the merge.
    pub(crate) controls: Vec<Record>,
    /// For the ledger, one a key: what is written twice because an answer got lost cannot overtake a newer value.
    pub(crate) ledger: Vec<Record>,
}

/// Where a record stands.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The log.
    pub(crate) log_id: LogId,
    /// The partition.
    pub(crate) partition: u32,
    /// The record.
    pub(crate) offset: u64,
    /// When the log took it.
    pub(crate) logged_at: Timestamp,
}

impl Place {
    fn observation(&self, index: u16) -> Observation {
        let position = Position { offset: self.offset, index };
        let coordinates = Coordinates { log_id: self.log_id, partition: self.partition, position };
        Observation { coordinates, logged_at: self.logged_at }
    }
}

impl Work {
    /// Nothing is remembered yet.
    pub(crate) fn new(enricher: Enricher, engine: Engine) -> Work {
        let (findings, controls) = (Findings::default(), Vec::new());
        let (tenants, in_ledger) = (BTreeMap::new(), BTreeMap::new());
        Work {
            enricher,
            engine,
            findings,
            controls,
            origins: Vec::new(),
            tenants,
            last_tenant: (0, String::new()),
            in_ledger,
        }
    }

    /// The tenants of a partition, in no order.
    pub(crate) fn tenants_of(&self, partition: u32) -> impl Iterator<Item = &str> {
        self.tenants.get(&partition).into_iter().flatten().map(String::as_str)
    }

    /// The tenants of every partition, in no order.
    pub(crate) fn partitioned_tenants(&self) -> impl Iterator<Item = (u32, &str)> {
        self.tenants.keys().flat_map(|partition| self.tenants_of(*partition).map(|tenant| (*partition, tenant)))
    }

    /// The control records that the ledger holds for a partition.
    pub(crate) fn controls_of(&self, partition: u32) -> impl Iterator<Item = &ControlEntry> {
        self.in_ledger.get(&partition).into_iter().flat_map(BTreeMap::values)
    }

    /// Puts into force what was read of the ledger of a partition. Control records among the offsets `ahead` are read again, so the apps that
    /// they merged or parted are put back for the events that come before them: the ledger knows those apps as they were in the end.
    pub(crate) fn restored(
        &mut self,
        partition: u32,
        restoring: Restoring,
        ahead: &Range<u64>,
    ) -> Result<(), DecodeError> {
        restoring.tenants.iter().for_each(|tenant| self.know_tenant(partition, tenant));
        let in_ledger = self.in_ledger.entry(partition).or_default();
        for entry in restoring.controls() {
            in_ledger.insert(entry.key(), entry.clone());
        }
        let is_ahead = |entry: &&ControlEntry| entry.position.is_among(ahead);
        let aliases = restoring.controls().iter().filter(|entry| matches!(entry.control, Control::Alias(_)));
        let regrouped: BTreeSet<String> = aliases.filter(is_ahead).map(|entry| entry.tenant.clone()).collect();
        let Work { enricher, engine, .. } = self;
        restoring.finish(ahead, engine, enricher)?;
        for tenant in &regrouped {
            let mut key_of = |app: &AppRef<'_>, name: &str| Some(enricher.app(tenant, app, name)?.0.app_key.clone());
            engine.regroup_restored(tenant, &mut key_of);
        }
        Ok(())
    }

    /// Every tenant met, in order.
    pub(crate) fn tenants(&self) -> BTreeSet<&str> {
        self.tenants.values().flatten().map(String::as_str).collect()
    }

    /// Takes one record. Pure but for its own state.
    ///
    /// # Errors
    /// `DecodeError` when the record cannot be read; what could be read before the flaw was observed.
    pub(crate) fn take(&mut self, place: Place, value: &[u8]) -> Result<(), DecodeError> {
        match decode_log_record(value)? {
            LogRecord::Control { tenant, control } => {
                self.control(place, tenant, control);
                Ok(())
            }
            LogRecord::Events(batch) => {
                self.know_tenant(place.partition, batch.header().tenant);
                // Not `0u16..`: behind the last index that a record may have, that has no next one.
                for (index, event) in (0..=u16::MAX).zip(batch) {
                    let event = event?;
                    let enriched = self.enricher.enrich(&event);
                    self.engine.observe(place.observation(index), &enriched, &mut self.findings);
                }
                Ok(())
            }
        }
    }

    /// Takes one control record.
    pub(crate) fn control(&mut self, place: Place, tenant: &str, control: Control) {
        self.know_tenant(place.partition, tenant);
        let observation = place.observation(0);
        let position = observation.coordinates.position;
        let merged = match &control {
            Control::Alias(alias) => Some(self.enricher.canonical(tenant, &alias.from_app_key).to_owned()),
            _ => None,
        };
        self.enricher.apply(tenant, &control, position);
        match &control {
            Control::Tick(tick) => self.engine.tick(tenant, tick.at, observation, &mut self.findings),
            Control::Alias(_) => merged.iter().for_each(|app_key| self.regroup(tenant, app_key)),
            Control::Decision(_) | Control::TableVersion(_) | Control::Reveal(_) => {}
        }
        if !matches!(control, Control::Tick(_) | Control::Reveal(_)) {
            let entry = ControlEntry { tenant: tenant.to_owned(), position, control };
            self.in_ledger.entry(place.partition).or_default().insert(entry.key(), entry.clone());
            self.controls.push(entry);
        }
    }

    /// The apps that went by a key go by the one that enrichment names now.
    fn regroup(&mut self, tenant: &str, app_key: &str) {
        let Work { enricher, engine, findings, .. } = self;
        let mut key_of = |app: &AppRef<'_>, name: &str| Some(enricher.app(tenant, app, name)?.0.app_key.clone());
        engine.regroup(tenant, app_key, &mut key_of, findings);
    }

    /// A tenant was met.
    pub(crate) fn know_tenant(&mut self, partition: u32, tenant: &str) {
        if self.last_tenant.0 == partition && self.last_tenant.1 == tenant && !tenant.is_empty() {
            return;
        }
        let tenants = self.tenants.entry(partition).or_default();
        // Looked up without an allocation: a tenant is new once.
        if !tenants.contains(tenant) {
            tenants.insert(tenant.to_owned());
        }
        self.last_tenant.0 = partition;
        tenant.clone_into(&mut self.last_tenant.1);
    }

    /// Forgets everything about the tenants of a partition that went to another process: it may come back at an earlier place, and what was
    /// decided after that must not count yet.
    pub(crate) fn drop_partition(&mut self, partition: u32) {
        let gone = self.tenants.remove(&partition).unwrap_or_default();
        self.last_tenant.1.clear();
        self.in_ledger.remove(&partition);
        self.enricher.forget(|tenant| gone.contains(tenant));
        gone.iter().for_each(|tenant| self.engine.unload(tenant));
    }

    /// Is there anything to write?
    pub(crate) fn is_silent(&self) -> bool {
        self.findings.alerts.is_empty()
            && self.findings.ledger.is_empty()
            && self.controls.is_empty()
            && self.origins.is_empty()
    }

    /// What was found, as records of a log with so many partitions.
    pub(crate) fn outgoing(&self, partitions: u32) -> Result<Outgoing, EncodeError> {
        let alerts = self.findings.alerts.iter().map(|alert| {
            let tenant = alert.tenant.as_bytes();
            let mut alert = Cow::Borrowed(alert);
            if Mutation::AlertWithoutReplayCheck.is_made() {
                alert.to_mut().id.0 ^= u128::from(std::process::id());
            }
            let value = codec::encode_alert(&alert)?;
            let partition = partition_of(tenant, partitions);
            Ok((Record { partition, key: Some(tenant.to_vec()), value: Some(value) }, Label::from(&*alert)))
        });
        let origins = self.origins.iter().cloned().map(Ok);
        let controls = origins.chain(self.controls.iter().map(|entry| entry.record(partitions)));
        let changes = self.findings.ledger.iter().map(|change| change_record(change, partitions));
        let (controls, changes) =
            (controls.collect::<Result<_, EncodeError>>()?, changes.collect::<Result<_, EncodeError>>()?);
        let alerts = alerts.collect::<Result<_, EncodeError>>()?;
        Ok(Outgoing { alerts, controls: last_of_each_key(controls), ledger: last_of_each_key(changes) })
    }

    /// What was found is on its way, or durable.
    pub(crate) fn written(&mut self) {
        self.findings.clear();
        self.controls.clear();
        self.origins.clear();
    }

    /// Everything before an offset of a partition is committed: what was closed there can never be asked for again.
    pub(crate) fn committed(&mut self, partition: u32, next: u64) {
        let before = Position { offset: next, index: 0 };
        for tenant in self.tenants.get(&partition).into_iter().flatten() {
            self.engine.committed(tenant, before, &mut self.findings);
        }
    }
}

#[cfg(test)]
mod tests;
