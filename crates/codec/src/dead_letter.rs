//! Dead letters, field by field in the order of `dead_letter.avsc`. Version 1 knew of none that was put through again.

use event::{DeadLetter, EventId, RejectReason, Timestamp};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode, encode, open},
};

/// The record of a dead letter.
///
/// # Errors
/// `TooLarge`.
pub fn encode_dead_letter(letter: &DeadLetter) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::DeadLetterV2, |writer| {
        writer.raw(&letter.id.0.to_be_bytes());
        writer.text(&letter.tenant);
        writer.text(&letter.connection);
        writer.member(letter.reason.index());
        writer.text(&letter.detail);
        writer.text(&letter.origin);
        writer.time(letter.received_at);
        writer.text(&letter.scrubbed);
        writer.raw(&letter.sha256);
        writer.boolean(letter.is_redrivable);
        writer.time(letter.redriven_at);
    })
}

/// Reads a record of the topic `dead_letters`.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_dead_letter(record: &[u8]) -> Result<DeadLetter, DecodeError> {
    let is_version_1 = matches!(open(record), Ok((Schema::DeadLetterV1, _)));
    decode(record, &[Schema::DeadLetterV2, Schema::DeadLetterV1], |cursor| read_dead_letter(cursor, is_version_1))
}

fn read_dead_letter(cursor: &mut Cursor<'_>, is_version_1: bool) -> Result<DeadLetter, Flaw> {
    Ok(DeadLetter {
        id: EventId(u128::from_be_bytes(cursor.fixed()?)),
        tenant: cursor.owned()?,
        connection: cursor.owned()?,
        reason: cursor.member(RejectReason::from_index)?,
        detail: cursor.owned()?,
        origin: cursor.owned()?,
        received_at: cursor.time()?,
        scrubbed: cursor.owned()?,
        sha256: cursor.fixed()?,
        is_redrivable: cursor.boolean()?,
        redriven_at: if is_version_1 { Timestamp::MISSING } else { cursor.time()? },
    })
}
