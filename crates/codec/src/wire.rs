//! The frame around every record: the wire format of Confluent's schema registry.
//!
//! Byte 0 is 0, bytes 1 to 4 are the schema's id (big endian), then comes the Avro body
//! (<https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>). The ids are ours
//! and fixed. To put a registry behind them, `Schema::id` and `Schema::from_id` change, and no caller does.

use std::fmt;

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    writer::Writer,
};

/// The first byte of every record.
pub(crate) const MAGIC: u8 = 0;

/// Magic byte and schema id.
pub(crate) const FRAME_BYTES: usize = 5;

/// Bytes of a record, frame included: neither written nor read beyond. Brokers are set to less; this bounds what a decoder may hold.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// Items of a list in a record that owns its content (factors, evidence, references), so that a list of empty items costs little memory.
pub const LIST_ITEMS_MAX: usize = 65_536;

/// The local ids begin here (`DA` in ASCII): far above the ids that a registry gives, which count from 1, so that in a topic that has
/// seen both, no record can be mistaken.
const LOCAL_ID_BASE: u32 = 0x4441_0000;

/// Every version of every schema that this build can read. One id each, never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schema {
    /// `events.avsc`, version 1.
    EventsV1,
    /// `control.avsc`, version 1: read, and no longer written.
    ControlV1,
    /// `alert.avsc`, version 1.
    AlertV1,
    /// `delivery.avsc`, version 1.
    DeliveryV1,
    /// `dead_letter.avsc`, version 1: read, and no longer written.
    DeadLetterV1,
    /// `identity.avsc`, version 1.
    IdentityV1,
    /// `ledger.avsc`, version 1: read, and no longer written.
    LedgerV1,
    /// `control.avsc`, version 2: knows the tenant's key among the tables.
    ControlV2,
    /// `ledger.avsc`, version 2, as `control`: read, and no longer written.
    LedgerV2,
    /// `feed_cursor.avsc`, version 1.
    FeedCursorV1,
    /// `backfill.avsc`, version 1.
    BackfillV1,
    /// `ledger.avsc`, version 3: says of which log its positions are.
    LedgerV3,
    /// `dead_letter.avsc`, version 2: says when a dead letter was put through again.
    DeadLetterV2,
    /// `gap.avsc`, version 1.
    GapV1,
    /// `expectation.avsc`, version 1.
    ExpectationV1,
}

impl Schema {
    /// Every one.
    pub const ALL: &'static [Schema] = &[
        Schema::EventsV1,
        Schema::ControlV1,
        Schema::AlertV1,
        Schema::DeliveryV1,
        Schema::DeadLetterV1,
        Schema::IdentityV1,
        Schema::LedgerV1,
        Schema::ControlV2,
        Schema::LedgerV2,
        Schema::FeedCursorV1,
        Schema::BackfillV1,
        Schema::LedgerV3,
        Schema::DeadLetterV2,
        Schema::GapV1,
        Schema::ExpectationV1,
    ];

    /// The id in the frame.
    #[must_use]
    pub const fn id(self) -> u32 {
        LOCAL_ID_BASE
            + match self {
                Schema::EventsV1 => 1,
                Schema::ControlV1 => 2,
                Schema::AlertV1 => 3,
                Schema::DeliveryV1 => 4,
                Schema::DeadLetterV1 => 5,
                Schema::IdentityV1 => 6,
                Schema::LedgerV1 => 7,
                Schema::ControlV2 => 8,
                Schema::LedgerV2 => 9,
                Schema::FeedCursorV1 => 10,
                Schema::BackfillV1 => 11,
                Schema::LedgerV3 => 12,
                Schema::DeadLetterV2 => 13,
                Schema::GapV1 => 14,
                Schema::ExpectationV1 => 15,
            }
    }

    /// The schema of an id.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Schema> {
        Schema::ALL.iter().copied().find(|schema| schema.id() == id)
    }

    /// Name and version: `events.v1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Schema::EventsV1 => "events.v1",
            Schema::ControlV1 => "control.v1",
            Schema::AlertV1 => "alert.v1",
            Schema::DeliveryV1 => "delivery.v1",
            Schema::DeadLetterV1 => "dead_letter.v1",
            Schema::IdentityV1 => "identity.v1",
            Schema::LedgerV1 => "ledger.v1",
            Schema::ControlV2 => "control.v2",
            Schema::LedgerV2 => "ledger.v2",
            Schema::FeedCursorV1 => "feed_cursor.v1",
            Schema::BackfillV1 => "backfill.v1",
            Schema::LedgerV3 => "ledger.v3",
            Schema::DeadLetterV2 => "dead_letter.v2",
            Schema::GapV1 => "gap.v1",
            Schema::ExpectationV1 => "expectation.v1",
        }
    }

    /// The schema's text, in JSON: what a reader outside needs, and what a registry would be given.
    #[must_use]
    pub const fn avsc(self) -> &'static str {
        match self {
            Schema::EventsV1 => include_str!("../../../schemas/avro/events.avsc"),
            Schema::ControlV1 => include_str!("../../../schemas/avro/released/control.v1.avsc"),
            Schema::AlertV1 => include_str!("../../../schemas/avro/alert.avsc"),
            Schema::DeliveryV1 => include_str!("../../../schemas/avro/delivery.avsc"),
            Schema::DeadLetterV1 => include_str!("../../../schemas/avro/released/dead_letter.v1.avsc"),
            Schema::IdentityV1 => include_str!("../../../schemas/avro/identity.avsc"),
            Schema::LedgerV1 => include_str!("../../../schemas/avro/released/ledger.v1.avsc"),
            Schema::ControlV2 => include_str!("../../../schemas/avro/control.avsc"),
            Schema::LedgerV2 => include_str!("../../../schemas/avro/released/ledger.v2.avsc"),
            Schema::FeedCursorV1 => include_str!("../../../schemas/avro/feed_cursor.avsc"),
            Schema::BackfillV1 => include_str!("../../../schemas/avro/backfill.avsc"),
            Schema::LedgerV3 => include_str!("../../../schemas/avro/ledger.avsc"),
            Schema::DeadLetterV2 => include_str!("../../../schemas/avro/dead_letter.avsc"),
            Schema::GapV1 => include_str!("../../../schemas/avro/gap.avsc"),
            Schema::ExpectationV1 => include_str!("../../../schemas/avro/expectation.avsc"),
        }
    }
}

/// Prints name and version.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes the frame off: the schema, and a cursor over the body.
pub(crate) fn open(record: &[u8]) -> Result<(Schema, Cursor<'_>), DecodeError> {
    if record.len() > RECORD_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: record.len() });
    }
    let Some((&[MAGIC, a, b, c, d], body)) = record.split_first_chunk::<FRAME_BYTES>() else {
        return Err(DecodeError::NotFramed);
    };
    let id = u32::from_be_bytes([a, b, c, d]);
    match Schema::from_id(id) {
        Some(schema) => Ok((schema, Cursor::new(body))),
        None => Err(DecodeError::UnknownSchema { id }),
    }
}

/// Decodes a record of one of these schemas, to its last byte: versions whose layout is the same, the newest first.
pub(crate) fn decode<'a, T>(
    record: &'a [u8],
    expected: &[Schema],
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Flaw>,
) -> Result<T, DecodeError> {
    let (schema, mut cursor) = open(record)?;
    if !expected.contains(&schema) {
        let newest = expected.first().map_or("nothing", |schema| schema.name());
        return Err(DecodeError::WrongSchema { expected: newest, found: schema });
    }
    decode_body(record.len(), schema, &mut cursor, read)
}

/// Decodes a body to its last byte.
pub(crate) fn decode_body<'a, T>(
    record_bytes: usize,
    schema: Schema,
    cursor: &mut Cursor<'a>,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Flaw>,
) -> Result<T, DecodeError> {
    let result = read(cursor).and_then(|value| cursor.end().map(|()| value));
    result.map_err(|flaw| malformed(record_bytes, schema, cursor, flaw))
}

/// The error for a flaw at the cursor's place.
pub(crate) fn malformed(record_bytes: usize, schema: Schema, cursor: &Cursor<'_>, flaw: Flaw) -> DecodeError {
    DecodeError::Malformed { schema, at_byte: record_bytes.saturating_sub(cursor.left_bytes()), flaw }
}

/// Encodes a record: frame and body.
pub(crate) fn encode(schema: Schema, write: impl FnOnce(&mut Writer)) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    frame(schema, &mut writer);
    write(&mut writer);
    writer.finish()
}

/// Writes the frame.
pub(crate) fn frame(schema: Schema, writer: &mut Writer) {
    writer.raw(&[MAGIC]);
    writer.raw(&schema.id().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_has_an_id_of_its_own_that_leads_back_to_it() {
        for schema in Schema::ALL {
            assert_eq!(Schema::from_id(schema.id()), Some(*schema));
        }
        assert_eq!(Schema::from_id(1), None);
    }

    #[test]
    fn the_frame_is_magic_then_id_big_endian() {
        let record = encode(Schema::AlertV1, |_| ()).unwrap();
        assert_eq!(record, [0, 0x44, 0x41, 0, 3]);
        assert!(matches!(open(&record), Ok((Schema::AlertV1, _))));
    }

    #[test]
    fn an_unknown_id_halts_and_everything_else_does_not() {
        let unknown = open(&[0, 0, 0, 0, 9, 1, 2]).unwrap_err();
        assert_eq!(unknown, DecodeError::UnknownSchema { id: 9 });
        assert!(unknown.must_halt());
        for bytes in [&[][..], &[0, 0x44, 0x41, 0], &[1, 0x44, 0x41, 0, 3], b"{\"a\":1}"] {
            let error = open(bytes).unwrap_err();
            assert_eq!(error, DecodeError::NotFramed);
            assert!(!error.must_halt());
        }
    }

    #[test]
    fn a_record_beyond_the_limit_is_neither_read_nor_written() {
        let long = vec![0; RECORD_BYTES_MAX + 1];
        assert_eq!(open(&long).unwrap_err(), DecodeError::TooLarge { bytes: long.len() });
        let written = encode(Schema::AlertV1, |writer| writer.raw(&long));
        assert_eq!(written, Err(EncodeError::TooLarge { bytes: long.len() + FRAME_BYTES }));
    }
}
