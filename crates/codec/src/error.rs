//! What can go wrong between bytes and domain, and what to do then.

use crate::{
    event_record::EVENTS_PER_RECORD_MAX,
    wire::{LIST_ITEMS_MAX, MAGIC, RECORD_BYTES_MAX, Schema},
};

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The record was written by a newer Daylight, or by a stranger. Halt: dead-lettering would throw a healthy stream away.
    #[error(
        "cannot decode a record: its schema id {id} is unknown; halt, and deploy readers that know it before their writers"
    )]
    UnknownSchema {
        /// The id in the frame.
        id: u32,
    },
    /// The record has a schema that does not belong into this topic. Reject.
    #[error("cannot decode a record: it holds {found} where {expected} belongs; reject it")]
    WrongSchema {
        /// What the topic holds.
        expected: &'static str,
        /// What the record is.
        found: Schema,
    },
    /// The record does not begin as a schema-registry record does. Reject.
    #[error("cannot decode a record: it does not begin with the byte {MAGIC} and a schema id of 4 bytes; reject it")]
    NotFramed,
    /// The record is longer than a record may be. Reject.
    #[error("cannot decode a record: it has {bytes} bytes and the limit is {RECORD_BYTES_MAX}; reject it")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The bytes are not what the schema says. Reject.
    #[error("cannot decode {schema} at byte {at_byte}: {flaw}; reject it")]
    Malformed {
        /// The schema in the frame.
        schema: Schema,
        /// How far it could be read, from the start of the record.
        at_byte: usize,
        /// What is wrong there.
        flaw: Flaw,
    },
}

impl DecodeError {
    /// Must the reader stop at this record, rather than dead-letter it and go on?
    #[must_use]
    pub const fn must_halt(&self) -> bool {
        matches!(self, DecodeError::UnknownSchema { .. })
    }
}

/// What is wrong with a record's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A field goes on behind the last byte.
    #[error("the bytes end inside a field")]
    Truncated,
    /// A number has more than 64 bits.
    #[error("a number has more than 64 bits")]
    NumberTooLong,
    /// A number lies outside what its field may hold.
    #[error("a number is out of range")]
    OutOfRange,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A boolean is neither 0 nor 1.
    #[error("a boolean is neither 0 nor 1")]
    NotBoolean,
    /// An enum's index, or a union's, names none of the schema's members.
    #[error("an enum or union has no such member")]
    NoSuchMember,
    /// A list has more items than a list may have, or than the bytes left can hold.
    #[error("a list claims more items than may be or than there are bytes")]
    ListTooLong,
    /// A block of a list does not end where it says.
    #[error("a block of a list does not end where it says")]
    BlockSize,
    /// Not exactly one of the nullable fields is set.
    #[error("not exactly one of the nullable fields is set")]
    NotExactlyOne,
    /// There are bytes behind the last field.
    #[error("there are bytes behind the last field")]
    TrailingBytes,
}

/// Why something could not be written. What is written can always be read: the reader's limits are the writer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The batch holds as many events as a record may. Finish it, and push the event again.
    #[error("cannot add an event to a record that holds {EVENTS_PER_RECORD_MAX} already; finish it and begin another")]
    BatchFull,
    /// The event says something else than the header of its batch.
    #[error("cannot add an event whose {field} is not that of its batch; begin another batch for it")]
    ForeignEvent {
        /// The field that differs.
        field: &'static str,
    },
    /// The record would be longer than a record may be. A batch: finish it first; a single event or record: reject it.
    #[error("cannot encode a record of {bytes} bytes: the limit is {RECORD_BYTES_MAX}; split or reject it")]
    TooLarge {
        /// How long it would be.
        bytes: usize,
    },
    /// A list has more items than a list may have. Reject.
    #[error("cannot encode {items} {list}: the limit is {LIST_ITEMS_MAX}; reject it")]
    ListTooLong {
        /// The field.
        list: &'static str,
        /// How many it has.
        items: usize,
    },
    /// A number is larger than Avro can hold. Reject.
    #[error("cannot encode {number} as a signed number of 64 bits; reject it")]
    OutOfRange {
        /// The number.
        number: u64,
    },
}
