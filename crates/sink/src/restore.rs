//! What is in force before the first event is read: decisions, aliases, table versions and names of apps.
//!
//! They are in the ledger, as far as detection has come, and the digest of this process has read it (`digest.rs`). Where `sink` is further than detection, the rest is read from the log itself.
//! What stands in the log *ahead* of us is left out: it is met there, and must not count for the events before it.

use std::ops::Range;

use broker::{Broker, ConsumeError};
use codec::{LogRecord, decode_log_record};
use enrichment::Enricher;
use event::{Control, LedgerEntry, Position};

use crate::{Digest, DigestError};

/// The group that writes the ledger, by its name: what it has committed tells how far the ledger has come.
const LEDGER_WRITER: &str = "detect";

/// One partition, as it was assigned.
pub(crate) struct Restoring<'a> {
    /// The log.
    pub(crate) broker: &'a Broker,
    /// The topic of events.
    pub(crate) events: &'a str,
    /// What this process has read of the ledger.
    pub(crate) digest: &'a Digest,
    /// The partition.
    pub(crate) partition: u32,
    /// Its oldest offset.
    pub(crate) low: u64,
    /// The offsets that are read on from here.
    pub(crate) ahead: Range<u64>,
}

/// Whose, where, what.
type Found = Vec<(String, Position, Control)>;

impl Restoring<'_> {
    /// Applies what is in force, in the order of the log, and learns what apps are called.
    pub(crate) fn restore(&self, enricher: &mut Enricher) -> Result<(), DigestError> {
        // Asked first: what is committed by now is in the ledger that is read then.
        let committed = self.broker.committed(LEDGER_WRITER, self.events, self.partition)?;
        let written = committed.map_or(self.low, |committed| committed.offset).max(self.low);
        let mut controls = Found::new();
        self.read_ledger(&mut controls, enricher)?;
        if written < self.ahead.start {
            self.read_events(written, &mut controls)?;
        }
        controls.sort_by_key(|(_, position, _)| *position);
        for (tenant, position, control) in &controls {
            enricher.apply(tenant, control, *position);
        }
        Ok(())
    }

    fn read_ledger(&self, controls: &mut Found, enricher: &mut Enricher) -> Result<(), DigestError> {
        self.digest.read_on(self.partition, 0, &mut |tenant, entry| match entry {
            LedgerEntry::Control { position, control, .. } if !position.is_among(&self.ahead) => {
                controls.push((tenant.to_owned(), *position, control.clone()));
            }
            // What an app was called at first sight names it in later events that are nameless (Okta consents).
            LedgerEntry::App { app, name, .. } => enricher.learn_name(tenant, app, name),
            _ => {}
        })?;
        Ok(())
    }

    /// Control records that detection has not come to yet. A record that cannot be read was dealt with when it was met.
    fn read_events(&self, from: u64, controls: &mut Found) -> Result<(), ConsumeError> {
        self.broker.read(self.events, self.partition, Some(from), &mut |record| {
            if record.offset >= self.ahead.start {
                return;
            }
            if let Ok(LogRecord::Control { tenant, control }) = decode_log_record(record.value.unwrap_or_default()) {
                controls.push((tenant.to_owned(), Position { offset: record.offset, index: 0 }, control));
            }
        })?;
        Ok(())
    }
}
