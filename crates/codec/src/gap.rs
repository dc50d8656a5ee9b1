//! Gaps, field by field in the order of `gap.avsc`.

use event::{Gap, GapReason};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode, encode},
};

/// The record of a gap; its key is `gap_key`.
///
/// # Errors
/// `TooLarge`.
pub fn encode_gap(gap: &Gap) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::GapV1, |writer| {
        writer.text(&gap.tenant);
        writer.text(&gap.connection);
        writer.text(&gap.feed);
        writer.member(gap.reason.index());
        writer.time(gap.from);
        writer.time(gap.to);
        writer.text(&gap.detail);
        writer.time(gap.noted_at);
    })
}

/// Reads a record of the topic `gaps`.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_gap(record: &[u8]) -> Result<Gap, DecodeError> {
    decode(record, &[Schema::GapV1], read_gap)
}

fn read_gap(cursor: &mut Cursor<'_>) -> Result<Gap, Flaw> {
    Ok(Gap {
        tenant: cursor.owned()?,
        connection: cursor.owned()?,
        feed: cursor.owned()?,
        reason: cursor.member(GapReason::from_index)?,
        from: cursor.time()?,
        to: cursor.time()?,
        detail: cursor.owned()?,
        noted_at: cursor.time()?,
    })
}
