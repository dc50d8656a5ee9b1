//! One record of `events`: decode, enrich, observe; or, for a control record, change what later events are judged by.

use std::collections::BTreeSet;

use codec::{DecodeError, LogRecord, decode_log_record};
use detection::{Engine, Findings, Observation};
use enrichment::Enricher;
use event::{Control, Coordinates, LogId, Position, Timestamp};

use crate::ledger::ControlEntry;

/// What reading a partition changes: the tables, the memory, and what was found.
pub(crate) struct Work {
    /// The tables in force.
    pub(crate) enricher: Enricher,
    /// The memory and the rules.
    pub(crate) engine: Engine,
    /// What was found and is not written yet.
    pub(crate) findings: Findings,
    /// Control records that came into force and are not written to the ledger yet.
    pub(crate) controls: Vec<ControlEntry>,
    /// The tenants met, so that their memory can be dropped when their partition goes.
    pub(crate) tenants: BTreeSet<(u32, String)>,
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
                for (index, event) in (0u16..).zip(batch) {
                    let event = event?;
                    let enriched = self.enricher.enrich(&event);
                    self.engine.observe(place.observation(index), &enriched, &mut self.findings);
                }
                Ok(())
            }
        }
    }

    fn control(&mut self, place: Place, tenant: &str, control: Control) {
        self.know_tenant(place.partition, tenant);
        let observation = place.observation(0);
        let position = observation.coordinates.position;
        self.enricher.apply(tenant, &control, position);
        match &control {
            Control::Tick(tick) => self.engine.tick(tenant, tick.at, observation, &mut self.findings),
            Control::Alias(alias) => self.engine.alias(tenant, alias, &mut self.findings),
            Control::Decision(_) | Control::TableVersion(_) | Control::Reveal(_) => {}
        }
        if !matches!(control, Control::Tick(_) | Control::Reveal(_)) {
            self.controls.push(ControlEntry { tenant: tenant.to_owned(), position, control });
        }
    }

    fn know_tenant(&mut self, partition: u32, tenant: &str) {
        // Looked up without an allocation: a tenant is new once.
        if !self.tenants.iter().any(|(known_partition, known)| *known_partition == partition && known == tenant) {
            self.tenants.insert((partition, tenant.to_owned()));
        }
    }

    /// Forgets everything about the tenants of a partition that went to another process.
    pub(crate) fn drop_partition(&mut self, partition: u32) {
        let (gone, kept): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut self.tenants).into_iter().partition(|(of, _)| *of == partition);
        self.tenants = kept;
        for (_, tenant) in gone {
            self.engine.unload(&tenant);
        }
    }
}
