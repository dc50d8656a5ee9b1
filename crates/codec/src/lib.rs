//! Bytes <-> domain: Avro, and the one door for Avro bytes that nobody vouches for.
//!
//! The schemas under `schemas/avro` are the contract with the outside. This crate reads and writes exactly these schemas with a cursor
//! of its own: a general Avro library walks the schema for every record and costs about ten times as much. `apache-avro` is the oracle
//! in the tests, and the judge of whether a schema may change.
//!
//! Decoding never panics and never reads beyond its bytes. Events borrow their text from the record and allocate nothing; the other
//! records own theirs, within `RECORD_BYTES_MAX` and `LIST_ITEMS_MAX`.

mod alert;
mod backfill;
mod batch_reader;
mod batch_writer;
mod control;
mod coordinates;
mod cursor;
mod dead_letter;
mod delivery;
mod error;
mod event_record;
mod expectation;
mod feed_cursor;
mod gap;
mod identity;
mod key;
mod ledger;
mod log_record;
mod topic;
mod wire;
mod writer;

pub use alert::{decode_alert, encode_alert};
pub use backfill::{CursorRecord, decode_backfill, decode_cursor_record, encode_backfill};
pub use batch_reader::BatchReader;
pub use batch_writer::BatchWriter;
pub use control::encode_control;
pub use dead_letter::{decode_dead_letter, encode_dead_letter};
pub use delivery::{decode_delivery, encode_delivery};
pub use error::{DecodeError, EncodeError, Flaw};
pub use event_record::{BatchHeader, EVENTS_PER_RECORD_MAX, RawTexts};
pub use expectation::{GapRecord, decode_expectation, decode_gap_record, encode_expectation};
pub use feed_cursor::{decode_feed_cursor, encode_feed_cursor};
pub use gap::{decode_gap, encode_gap};
pub use identity::{decode_identity, encode_identity};
pub use key::{
    backfill_key, delivery_key, expectation_key, feed_cursor_key, gap_key, identity_key, is_for_detection_alone,
    key_tenant, ledger_key, parse_ledger_key,
};
pub use ledger::{decode_ledger_entry, encode_ledger_entry};
pub use log_record::{LogRecord, decode_log_record};
pub use topic::Topic;
pub use wire::{LIST_ITEMS_MAX, RECORD_BYTES_MAX, Schema};
