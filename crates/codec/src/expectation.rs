//! What is expected of a connection, field by field in the order of `expectation.avsc`; and whichever record of the topic `gaps`.

use event::{Expectation, Gap};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    gap::decode_gap,
    wire::{Schema, decode, encode, open},
};

/// What the topic `gaps` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GapRecord {
    /// A time of which something is missing.
    Gap(Gap),
    /// What is expected of a connection.
    Expectation(Expectation),
}

/// The record of what is expected of a connection; its key is `expectation_key`.
///
/// # Errors
/// `TooLarge`.
pub fn encode_expectation(expected: &Expectation) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::ExpectationV1, |writer| {
        writer.text(&expected.tenant);
        writer.text(&expected.connection);
        writer.time(expected.since);
        writer.long(expected.silent_after_ms);
        writer.time(expected.heard_at);
        writer.time(expected.noted_at);
    })
}

/// Reads the record of what is expected of a connection.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_expectation(record: &[u8]) -> Result<Expectation, DecodeError> {
    decode(record, &[Schema::ExpectationV1], read_expectation)
}

/// Reads a record of the topic `gaps`, whichever it is.
///
/// # Errors
/// As `decode_expectation`.
pub fn decode_gap_record(record: &[u8]) -> Result<GapRecord, DecodeError> {
    match open(record)?.0 {
        Schema::ExpectationV1 => decode_expectation(record).map(GapRecord::Expectation),
        _ => decode_gap(record).map(GapRecord::Gap),
    }
}

fn read_expectation(cursor: &mut Cursor<'_>) -> Result<Expectation, Flaw> {
    Ok(Expectation {
        tenant: cursor.owned()?,
        connection: cursor.owned()?,
        since: cursor.time()?,
        silent_after_ms: cursor.long()?,
        heard_at: cursor.time()?,
        noted_at: cursor.time()?,
    })
}
