//! No bytes do harm: whatever is decoded, the answer is a value or an error, and a record with a byte more or less is an error.

use codec::{DecodeError, LogRecord, Schema, decode_log_record};
use proptest::{collection::vec, prelude::*};

use crate::arbitrary::{record, schema};

/// Decodes all of a record, whatever it is, and writes what it says again; `None` for a batch, which is walked to its end.
fn read_all(record: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    let id = record.get(1..5).map(|id| u32::from_be_bytes(id.try_into().unwrap()));
    let again = match id.and_then(Schema::from_id) {
        None | Some(Schema::EventsV1 | Schema::ControlV1 | Schema::ControlV2) => match decode_log_record(record)? {
            LogRecord::Events(mut events) => {
                events.try_for_each(|event| event.map(drop))?;
                return Ok(None);
            }
            LogRecord::Control { tenant, control } => codec::encode_control(tenant, &control),
        },
        Some(Schema::AlertV1) => codec::encode_alert(&codec::decode_alert(record)?),
        Some(Schema::DeliveryV1) => codec::encode_delivery(&codec::decode_delivery(record)?),
        Some(Schema::DeadLetterV1 | Schema::DeadLetterV2) => {
            codec::encode_dead_letter(&codec::decode_dead_letter(record)?)
        }
        Some(Schema::FeedCursorV1) => codec::encode_feed_cursor(&codec::decode_feed_cursor(record)?),
        Some(Schema::BackfillV1) => codec::encode_backfill(&codec::decode_backfill(record)?),
        Some(Schema::GapV1) => codec::encode_gap(&codec::decode_gap(record)?),
        Some(Schema::ExpectationV1) => codec::encode_expectation(&codec::decode_expectation(record)?),
        Some(Schema::IdentityV1) => codec::encode_identity(&codec::decode_identity(record)?),
        Some(Schema::LedgerV1 | Schema::LedgerV2 | Schema::LedgerV3) => {
            let (tenant, entry) = codec::decode_ledger_entry(record)?;
            codec::encode_ledger_entry(tenant, &entry)
        }
    };
    Ok(Some(again.unwrap()))
}

/// Every decoder on the same bytes, whatever their frame says.
fn read_with_every_decoder(record: &[u8]) {
    let _ = read_all(record);
    let _ = decode_log_record(record);
    let _ = codec::decode_alert(record);
    let _ = codec::decode_delivery(record);
    let _ = codec::decode_dead_letter(record);
    let _ = codec::decode_identity(record);
    let _ = codec::decode_feed_cursor(record);
    let _ = codec::decode_backfill(record);
    let _ = codec::decode_cursor_record(record);
    let _ = codec::decode_gap(record);
    let _ = codec::decode_expectation(record);
    let _ = codec::decode_gap_record(record);
    let _ = codec::decode_ledger_entry(record);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_a_value_or_an_error(bytes in vec(any::<u8>(), 0..300)) {
        read_with_every_decoder(&bytes);
    }

    #[test]
    fn arbitrary_bodies_are_a_value_or_an_error(schema in schema(), body in vec(any::<u8>(), 0..600)) {
        read_with_every_decoder(&[&[0][..], &schema.id().to_be_bytes(), &body].concat());
    }

    #[test]
    fn bodies_of_small_numbers_are_a_value_or_an_error(schema in schema(), body in vec(0..6_u8, 0..600)) {
        read_with_every_decoder(&[&[0][..], &schema.id().to_be_bytes(), &body].concat());
    }

    #[test]
    fn a_record_is_read_whole_or_not_at_all(record in record(), extra in any::<u8>()) {
        prop_assert!(read_all(&record).is_ok());
        for length in 0..record.len() {
            prop_assert!(read_all(&record[..length]).is_err(), "{length} of {} bytes", record.len());
        }
        let longer = [&record[..], &[extra]].concat();
        prop_assert!(read_all(&longer).is_err());
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_another_value(record in record(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut flipped = record;
        *at.get_mut(&mut flipped) ^= 1_u8 << bit;
        if let Ok(Some(again)) = read_all(&flipped) {
            // What was read is a value like any other: it can be written, and reads as the same.
            prop_assert_eq!(read_all(&again), Ok(Some(again.clone())));
        }
    }
}

#[test]
fn a_record_of_another_topic_is_told_from_one_that_must_halt() {
    for schema in Schema::ALL {
        let record = [&[0][..], &schema.id().to_be_bytes()].concat();
        let error = match schema {
            Schema::AlertV1 => codec::decode_delivery(&record).unwrap_err(),
            _ => codec::decode_alert(&record).unwrap_err(),
        };
        assert!(matches!(error, DecodeError::WrongSchema { found, .. } if found == *schema));
        assert!(!error.must_halt());
    }
    let unknown = [0, 0, 0, 0, 77];
    let errors = [
        decode_log_record(&unknown).map(drop),
        codec::decode_alert(&unknown).map(drop),
        codec::decode_ledger_entry(&unknown).map(drop),
    ];
    assert!(errors.iter().all(|result| result.is_err_and(|error| error.must_halt())));
}
