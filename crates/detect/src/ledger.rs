//! The ledger on its way to and from the compacted topic.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use broker::{Record, partition_of};
use codec::{EncodeError, decode_ledger_entry, encode_ledger_entry, ledger_key, parse_ledger_key};
use detection::{BulkPairs, Engine, LedgerChange};
use enrichment::Enricher;
use event::{Control, LedgerEntry, LedgerKey, LogId, Position};

/// A control record that came into force.
#[derive(Clone, Debug)]
pub(crate) struct ControlEntry {
    /// Whose.
    pub(crate) tenant: String,
    /// Where it stands.
    pub(crate) position: Position,
    /// What it says.
    pub(crate) control: Control,
}

impl ControlEntry {
    /// The name under which it is kept. The position is part of it, so the whole history is.
    fn name(&self) -> String {
        let position = self.position;
        match &self.control {
            Control::Decision(decision) => format!("decision/{}/{}/{position}", decision.app_key, decision.department),
            Control::Alias(alias) => format!("alias/{}/{}/{position}", alias.from_app_key, alias.to_app_key),
            // Of a table only the last version is in force.
            Control::TableVersion(version) => format!("table/{}", version.table),
            Control::Tick(_) | Control::Reveal(_) => format!("other/{position}"),
        }
    }

    /// The record of the compacted topic.
    pub(crate) fn record(&self, partitions: u32) -> Result<Record, EncodeError> {
        let partition = partition_of(self.tenant.as_bytes(), partitions);
        Ok(Record { partition, key: Some(self.key()), value: Some(self.encode()?) })
    }

    /// The key in the compacted topic.
    pub(crate) fn key(&self) -> Vec<u8> {
        ledger_key(&self.tenant, LedgerKey::Control(&self.name()))
    }

    /// The value in the compacted topic.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let name = self.name();
        let entry = LedgerEntry::Control { name: &name, position: self.position, control: self.control.clone() };
        encode_ledger_entry(&self.tenant, &entry)
    }
}

/// The record of a change of the ledger.
pub(crate) fn change_record(change: &LedgerChange, partitions: u32) -> Result<Record, EncodeError> {
    Ok(Record {
        partition: partition_of(change.tenant.as_bytes(), partitions),
        key: Some(ledger_key(&change.tenant, change.key())),
        value: change.entry().map(|entry| encode_ledger_entry(&change.tenant, &entry)).transpose()?,
    })
}

/// The record that says of which log a partition's positions are.
pub(crate) fn origin_record(events: LogId, partition: u32, partitions: u32) -> Result<Record, EncodeError> {
    let value = encode_ledger_entry("", &LedgerEntry::Origin { events, partitions })?;
    Ok(Record { partition, key: Some(ledger_key("", LedgerKey::Origin)), value: Some(value) })
}

/// Why a ledger that says this of itself cannot be used with these events, and what to do; nothing when it can.
pub(crate) fn why_foreign((of, among): (LogId, u32), events: LogId, partitions: u32) -> Option<String> {
    if of != events {
        return Some(format!(
            "its positions are places of the log {of}, and the topic of events is the log {events}: it was made anew. Restore it, or delete the topic of the ledger, too; what was known and decided is then forgotten"
        ));
    }
    if among == LedgerEntry::REBUILDING {
        return Some(
            "it is being written anew from a history, or that was cut off: run `daylight ledger rebuild --write --yes` to its end"
                .to_owned(),
        );
    }
    (among != partitions).then(|| {
        format!(
            "it was written for {among} partitions, and there are {partitions}: stop every process and run `daylight ledger repartition`"
        )
    })
}

/// Takes in a partition of the ledger, record by record.
///
/// Most entries are only ever replaced, so the engine takes each as it comes and the latest wins. What waits (`Held`) is often *removed*,
/// and control records must come in the order of the log; both are few, and are set apart until the whole partition has been read. Pairs are
/// many, and go in together.
pub(crate) struct Restoring {
    partition: u32,
    partitions: u32,
    held: HashMap<Vec<u8>, Vec<u8>>,
    controls: Vec<ControlEntry>,
    pairs: BulkPairs,
    /// The tenants met.
    pub(crate) tenants: HashSet<String>,
    /// Tenants of other partitions: what is left of them here was copied there.
    strangers: HashSet<String>,
    /// The log whose places the positions are, and how many partitions there were.
    pub(crate) origin: Option<(LogId, u32)>,
    /// Entries taken in.
    pub(crate) entries: u64,
}

impl Restoring {
    /// A partition among so many, of which nothing was read yet.
    pub(crate) fn of(partition: u32, partitions: u32) -> Restoring {
        Restoring {
            partition,
            partitions,
            held: HashMap::new(),
            controls: Vec::new(),
            pairs: BulkPairs::default(),
            tenants: HashSet::new(),
            strangers: HashSet::new(),
            origin: None,
            entries: 0,
        }
    }

    /// Takes one record.
    pub(crate) fn take(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        engine: &mut Engine,
        enricher: &mut Enricher,
    ) -> Result<(), codec::DecodeError> {
        let Some(value) = value else {
            key.into_iter().for_each(|key| self.forget(key, engine));
            return Ok(());
        };
        let (tenant, entry) = decode_ledger_entry(value)?;
        if let LedgerEntry::Origin { events, partitions } = entry {
            self.origin = Some((events, partitions));
            return Ok(());
        }
        if !self.meet(tenant) {
            return Ok(());
        }
        self.entries += 1;
        match entry {
            LedgerEntry::Held { .. } => {
                self.held.insert(key.unwrap_or_default().to_vec(), value.to_vec());
            }
            LedgerEntry::Control { position, control, .. } => {
                self.controls.push(ControlEntry { tenant: tenant.to_owned(), position, control });
            }
            LedgerEntry::Pair { .. } => self.pairs.take(tenant, &entry, engine),
            entry => {
                // What an app was called at first sight names it in later events that are nameless (Okta consents).
                if let LedgerEntry::App { app, name, .. } = &entry {
                    enricher.learn_name(tenant, app, name);
                }
                engine.load(tenant, &entry);
            }
        }
        Ok(())
    }

    /// Takes a tombstone.
    fn forget(&mut self, key: &[u8], engine: &mut Engine) {
        self.held.remove(key);
        match parse_ledger_key(key) {
            // Mostly what was closed: it was set apart.
            Some((_, LedgerKey::Held(_) | LedgerKey::Origin)) | None => {}
            Some((tenant, about)) if self.meet(tenant) => match about {
                LedgerKey::Control(_) => self.controls.retain(|entry| entry.key() != key),
                LedgerKey::Pair(app_hash, user_key) => self.pairs.forget(tenant, app_hash, user_key, engine),
                about => engine.forget(tenant, about),
            },
            Some(_) => {}
        }
    }

    /// A tenant was met: is it of this partition?
    pub(crate) fn meet(&mut self, tenant: &str) -> bool {
        if self.tenants.contains(tenant) {
            return true;
        }
        if self.strangers.contains(tenant) {
            return false;
        }
        let is_ours = partition_of(tenant.as_bytes(), self.partitions) == self.partition;
        if is_ours {
            self.tenants.insert(tenant.to_owned())
        } else {
            self.strangers.insert(tenant.to_owned())
        };
        is_ours
    }

    /// Control records that were read, in no order, and a later one of the same key behind an earlier one.
    pub(crate) fn controls(&self) -> &[ControlEntry] {
        &self.controls
    }

    /// Puts what was set apart in its place. Control records among the offsets `ahead` are left out: the log is read on from there, and
    /// they must not count for the events before them.
    pub(crate) fn finish(
        mut self,
        ahead: &Range<u64>,
        engine: &mut Engine,
        enricher: &mut Enricher,
    ) -> Result<(), codec::DecodeError> {
        self.pairs.finish(engine);
        for value in self.held.values() {
            let (tenant, entry) = decode_ledger_entry(value)?;
            engine.load(tenant, &entry);
        }
        self.controls.retain(|entry| !entry.position.is_among(ahead));
        self.controls.sort_by_key(|entry| entry.position);
        for entry in &self.controls {
            enricher.apply(&entry.tenant, &entry.control, entry.position);
        }
        Ok(())
    }
}
