//! History that was asked for, field by field in the order of `backfill.avsc`; and whichever record of the topic `cursors`.

use event::{Backfill, FeedCursor};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    feed_cursor::decode_feed_cursor,
    wire::{Schema, decode, encode, open},
};

/// What the topic `cursors` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorRecord {
    /// How far a feed has come, live or in a back-fill.
    Feed(FeedCursor),
    /// History that was asked for.
    Backfill(Backfill),
}

/// The record of a back-fill; its key is `backfill_key`.
///
/// # Errors
/// `TooLarge`.
pub fn encode_backfill(order: &Backfill) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::BackfillV1, |writer| {
        writer.text(&order.tenant);
        writer.text(&order.connection);
        writer.time(order.since);
        writer.time(order.until);
        writer.time(order.asked_at);
        writer.text(&order.asked_by);
        writer.boolean(order.is_cancelled);
    })
}

/// Reads the record of a back-fill.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_backfill(record: &[u8]) -> Result<Backfill, DecodeError> {
    decode(record, &[Schema::BackfillV1], read_backfill)
}

/// Reads a record of the topic `cursors`, whichever it is.
///
/// # Errors
/// As `decode_backfill`.
pub fn decode_cursor_record(record: &[u8]) -> Result<CursorRecord, DecodeError> {
    match open(record)?.0 {
        Schema::BackfillV1 => decode_backfill(record).map(CursorRecord::Backfill),
        _ => decode_feed_cursor(record).map(CursorRecord::Feed),
    }
}

fn read_backfill(cursor: &mut Cursor<'_>) -> Result<Backfill, Flaw> {
    Ok(Backfill {
        tenant: cursor.owned()?,
        connection: cursor.owned()?,
        since: cursor.time()?,
        until: cursor.time()?,
        asked_at: cursor.time()?,
        asked_by: cursor.owned()?,
        is_cancelled: cursor.boolean()?,
    })
}
