//! Rows that a table refuses: each becomes a dead letter, durable before its batch counts as landed. The same row is the same dead letter,
//! however often it is met.

use std::time::Duration;

use broker::{AppendError, Broker, Record};
use event::{DeadLetter, RejectReason, Timestamp, dead_letter_id};
use runtime::{Backoff, Shutdown};
use sha2::{Digest, Sha256};
use store::{BadBlock, EncodedBlock};

use crate::batch::Sealed;

/// Where dead letters are written.
#[derive(Clone)]
pub(crate) struct Grave {
    /// The log.
    pub(crate) broker: Broker,
    /// The topic of dead letters.
    pub(crate) topic: String,
}

/// A row that a table refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedRow {
    /// The table.
    pub(crate) table: &'static str,
    letter: DeadLetter,
}

/// Why a dead letter was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotBuried {
    /// The process stops before.
    Stopping,
    /// The log will never take it, in words.
    Refused(String),
}

impl RefusedRow {
    /// An event of a batch, by its row in the block. It is known by its coordinates: what enrichment says of it may be another the next time.
    pub(crate) fn event(block: &EncodedBlock, row: usize, batch: &Sealed) -> Result<RefusedRow, BadBlock> {
        let one = block.select(&[row])?;
        let first = |column| Ok::<_, BadBlock>(one.numbers(column)?.first().copied().unwrap_or_default());
        let (offset, index) = (first("_offset")?, first("_index")?);
        let place = format!("{}/{}/{offset}/{index}", batch.log_id, batch.partition);
        let origin = format!("record:events/{}/{offset}/{index}", batch.partition);
        let connection = one.texts("connection")?.pop().unwrap_or_default();
        RefusedRow::new(&one, &connection, origin, place.as_bytes(), batch.first_logged_at)
    }

    /// Any other row, alone in its block.
    pub(crate) fn of(one: &EncodedBlock, logged_at: Timestamp) -> Result<RefusedRow, BadBlock> {
        RefusedRow::new(one, "log", format!("table:{}", one.table), &one.body, logged_at)
    }

    /// Nothing of the row's content is kept: the log has its record, and the server's words would quote it.
    fn new(
        one: &EncodedBlock,
        connection: &str,
        origin: String,
        identity: &[u8],
        logged_at: Timestamp,
    ) -> Result<RefusedRow, BadBlock> {
        let sha256: [u8; 32] = Sha256::digest(identity).into();
        let letter = DeadLetter {
            id: dead_letter_id(connection, &sha256),
            tenant: one.texts("tenant")?.pop().unwrap_or_default(),
            connection: connection.to_owned(),
            reason: RejectReason::RefusedByTable,
            detail: format!("the table {} refuses a value of the row", one.table),
            origin,
            // The table keeps dead letters for 14 days from here on: not from when an event of long ago was delivered.
            received_at: logged_at,
            scrubbed: String::new(),
            sha256,
            is_redrivable: false,
            redriven_at: Timestamp::MISSING,
        };
        Ok(RefusedRow { table: one.table, letter })
    }
}

impl Grave {
    /// Writes a dead letter into the row's own partition, for as long as it takes.
    pub(crate) async fn bury(&self, row: RefusedRow, partition: u32, shutdown: &Shutdown) -> Result<(), NotBuried> {
        let RefusedRow { table, letter } = row;
        tracing::error!(table, origin = letter.origin, "a row is refused and becomes a dead letter");
        let refused = |reason: String| NotBuried::Refused(format!("its dead letter cannot be written: {reason}"));
        let value = codec::encode_dead_letter(&letter).map_err(|error| refused(error.to_string()))?;
        let record = Record { partition, key: Some(letter.tenant.clone().into_bytes()), value: Some(value) };
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5), 9);
        loop {
            let error = match self.broker.append(&self.topic, record.clone()) {
                Ok(ack) => match ack.await {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if matches!(error, AppendError::Refused { .. } | AppendError::Closed) {
                return Err(refused(error.to_string()));
            }
            tracing::warn!(%error, topic = self.topic, "a dead letter is not written, trying again");
            tokio::select! {
                () = tokio::time::sleep(backoff.next_wait()) => {}
                () = shutdown.requested() => return Err(NotBuried::Stopping),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use codec::decode_log_record;
    use event::LogId;

    use super::*;
    use crate::{
        batch::Open,
        fixture::{MARCH_MS, enricher, record, sign_on},
    };

    fn batch(app_id: &str) -> Sealed {
        let value = record(&[sign_on(1, app_id, 7, MARCH_MS), sign_on(2, app_id, 8, MARCH_MS)]);
        let mut open = Open::new(LogId(7), 1, 40);
        let decoded = decode_log_record(&value).unwrap();
        open.take(40, Timestamp(5), decoded, value.len(), &mut enricher()).unwrap();
        open.seal()
    }

    #[test]
    fn a_refused_event_is_dead_once_whatever_enrichment_says_of_it() {
        let refused = |app_id: &str, row| {
            let batch = batch(app_id);
            RefusedRow::event(&batch.blocks[0], row, &batch).unwrap().letter
        };
        let letter = refused("0oa1", 1);
        assert_eq!(letter.origin, "record:events/1/40/1");
        assert_eq!((&*letter.tenant, &*letter.connection, letter.received_at), ("acme", "okta", Timestamp(5)));
        assert_eq!(refused("0oa2", 1).id, letter.id);
        assert_ne!(refused("0oa1", 0).id, letter.id);
        assert!(letter.scrubbed.is_empty() && !letter.detail.contains("0oa"));
    }

    #[test]
    fn a_refused_row_of_another_table_is_known_by_its_bytes() {
        let batch = batch("0oa1");
        for block in &batch.blocks[1..] {
            let letter = RefusedRow::of(&block.select(&[0]).unwrap(), Timestamp(9)).unwrap().letter;
            assert_eq!((letter.origin, letter.received_at), (format!("table:{}", block.table), Timestamp(9)));
        }
    }
}
