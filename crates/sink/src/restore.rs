//! What is in force before the first event is read: decisions, aliases, table versions and names of apps, from the ledger.

use broker::{Broker, ConsumeError};
use codec::{DecodeError, decode_ledger_entry};
use enrichment::Enricher;
use event::{Control, LedgerEntry, Position};

/// Why the ledger could not be read.
#[derive(Debug)]
pub(crate) enum RestoreError {
    /// The log.
    Consume(ConsumeError),
    /// An entry.
    Decode {
        /// The record.
        offset: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
}

/// Applies every control record of a partition's ledger, in the order of the log.
pub(crate) fn restore(
    broker: &Broker,
    ledger: &str,
    partition: u32,
    enricher: &mut Enricher,
) -> Result<(), RestoreError> {
    let mut controls: Vec<(String, Position, Control)> = Vec::new();
    let mut flaw = None;
    let read = broker.read(ledger, partition, None, &mut |record| match record.value.map(decode_ledger_entry) {
        Some(Ok((tenant, LedgerEntry::Control { position, control, .. }))) => {
            controls.push((tenant.to_owned(), position, control));
        }
        Some(Err(source)) => {
            flaw.get_or_insert(RestoreError::Decode { offset: record.offset, source });
        }
        Some(Ok(_)) | None => {}
    });
    read.map_err(RestoreError::Consume)?;
    if let Some(flaw) = flaw {
        return Err(flaw);
    }
    controls.sort_by_key(|(_, position, _)| *position);
    for (tenant, position, control) in &controls {
        enricher.apply(tenant, control, *position);
    }
    Ok(())
}
