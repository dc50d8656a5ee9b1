//! Dead letters, field by field in the order of `dead_letter.avsc`.

use event::{DeadLetter, EventId, RejectReason};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode, encode},
};

/// The record of a dead letter.
///
/// # Errors
/// `TooLarge`.
pub fn encode_dead_letter(letter: &DeadLetter) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::DeadLetterV1, |writer| {
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
    })
}

/// Reads a record of the topic `dead_letters`.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_dead_letter(record: &[u8]) -> Result<DeadLetter, DecodeError> {
    decode(record, &[Schema::DeadLetterV1], read_dead_letter)
}

fn read_dead_letter(cursor: &mut Cursor<'_>) -> Result<DeadLetter, Flaw> {
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
    })
}
