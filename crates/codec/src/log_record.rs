//! A record of the topic `events`: the one log that holds events and everything else that changes a verdict.

use event::Control;

use crate::{
    batch_reader::BatchReader,
    control::read_control_record,
    error::DecodeError,
    wire::{Schema, decode_body, open},
};

/// What a record of `events` holds.
#[derive(Debug)]
pub enum LogRecord<'a> {
    /// Events of one delivery.
    Events(BatchReader<'a>),
    /// A control record.
    Control {
        /// The tenant.
        tenant: &'a str,
        /// What it says.
        control: Control,
    },
}

/// Reads a record of `events`. Of a batch, the header is read here, and each event as it is asked for.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else dead-letter it and go on.
pub fn decode_log_record(record: &[u8]) -> Result<LogRecord<'_>, DecodeError> {
    let (schema, mut cursor) = open(record)?;
    match schema {
        Schema::EventsV1 => BatchReader::open(record.len(), schema, cursor).map(LogRecord::Events),
        Schema::ControlV1 | Schema::ControlV2 => {
            let (tenant, control) = decode_body(record.len(), schema, &mut cursor, read_control_record)?;
            Ok(LogRecord::Control { tenant, control })
        }
        Schema::AlertV1
        | Schema::DeliveryV1
        | Schema::DeadLetterV1
        | Schema::IdentityV1
        | Schema::LedgerV1
        | Schema::LedgerV2
        | Schema::LedgerV3
        | Schema::FeedCursorV1
        | Schema::BackfillV1
        | Schema::DeadLetterV2
        | Schema::GapV1
        | Schema::ExpectationV1 => Err(DecodeError::WrongSchema { expected: "events or control", found: schema }),
    }
}
