//! How far pollers have come, field by field in the order of `feed_cursor.avsc`.

use event::{FeedCursor, PollState};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode, encode},
};

/// The record of a feed's cursor; its key is `feed_cursor_key`.
///
/// # Errors
/// `TooLarge`; `OutOfRange` for a count beyond 63 bits.
pub fn encode_feed_cursor(cursor: &FeedCursor) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::FeedCursorV1, |writer| {
        writer.text(&cursor.tenant);
        writer.text(&cursor.connection);
        writer.text(&cursor.feed);
        writer.text(&cursor.api);
        writer.text(&cursor.position);
        writer.time(cursor.complete_to);
        writer.member(cursor.state.index());
        writer.text(&cursor.detail);
        writer.time(cursor.waits_until);
        writer.time(cursor.heard_at);
        writer.time(cursor.updated_at);
        writer.unsigned(cursor.pages);
        writer.unsigned(cursor.events);
        writer.unsigned(cursor.duplicates);
        writer.unsigned(cursor.rereads);
    })
}

/// Reads a record of the topic `cursors`.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_feed_cursor(record: &[u8]) -> Result<FeedCursor, DecodeError> {
    decode(record, &[Schema::FeedCursorV1], read_feed_cursor)
}

fn read_feed_cursor(cursor: &mut Cursor<'_>) -> Result<FeedCursor, Flaw> {
    Ok(FeedCursor {
        tenant: cursor.owned()?,
        connection: cursor.owned()?,
        feed: cursor.owned()?,
        api: cursor.owned()?,
        position: cursor.owned()?,
        complete_to: cursor.time()?,
        state: cursor.member(PollState::from_index)?,
        detail: cursor.owned()?,
        waits_until: cursor.time()?,
        heard_at: cursor.time()?,
        updated_at: cursor.time()?,
        pages: cursor.number()?,
        events: cursor.number()?,
        duplicates: cursor.number()?,
        rereads: cursor.number()?,
    })
}
