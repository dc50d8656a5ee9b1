//! When a batch is sealed, and what it says about itself.

use std::time::Duration;

use codec::decode_log_record;

use super::*;
use crate::fixture::{APRIL_MS, MARCH_MS, enricher, record, sign_on, sign_ons};

const NEVER: Config = Config {
    batch_rows_max: usize::MAX,
    batch_bytes_max: usize::MAX,
    flush_interval_ms: u64::MAX,
    batches_in_flight_max: 1,
    in_flight_bytes_max: usize::MAX,
    insert_timeout_ms: 1,
    retry_wait_max_ms: 1,
    poll_records_max: 1,
};

fn take(open: &mut Open, offset: u64, value: &[u8]) -> Result<(), DecodeError> {
    let decoded = decode_log_record(value).unwrap();
    open.take(offset, Timestamp(5), decoded, value.len(), &mut enricher())
}

#[test]
fn a_batch_goes_by_its_rows() {
    let (config, mut open) = (Config { batch_rows_max: 5, ..NEVER }, Open::new(LogId(7), 1, 10));
    take(&mut open, 10, &sign_ons(1, 4, MARCH_MS)).unwrap();
    assert!(!open.is_full(&config));
    take(&mut open, 11, &sign_ons(5, 3, MARCH_MS)).unwrap();
    assert!(open.is_full(&config), "a record is never split");
    let sealed = open.seal();
    assert_eq!((sealed.range.start, sealed.range.end, sealed.range.rows), (10, 12, 7));
    assert!(!open.is_full(&config) && open.is_empty());
    assert_eq!(open.start(), 12, "the next one begins where it ends");
}

#[test]
fn a_batch_goes_by_its_bytes_however_many_rows_they_are() {
    let (config, mut open) = (Config { batch_bytes_max: 1 << 20, ..NEVER }, Open::new(LogId(7), 1, 0));
    // Different ones: the same text would stand in the dictionary once.
    let texts: Vec<String> = (0..64).map(|number| format!("{number}").repeat(40_000)).collect();
    let mut records = 0u64;
    while !open.is_full(&config) {
        let mut event = sign_on(u128::from(records) + 1, "0oa1", 7, MARCH_MS);
        event.native_id = &texts[usize::try_from(records).unwrap()];
        take(&mut open, records, &record(&[event])).unwrap();
        records += 1;
    }
    assert!(records < 40, "{records} records of about 80 KB are far above 1 MiB");
}

#[test]
fn a_batch_grows_old_by_any_record_and_an_empty_one_never() {
    let (config, mut open) = (Config { flush_interval_ms: 1_000, ..NEVER }, Open::new(LogId(7), 1, 0));
    let later = || Instant::now() + Duration::from_secs(2);
    let is_due = |open: &Open, now| open.due_since(&config).is_some_and(|since| since <= now);
    assert!(!is_due(&open, later()));
    open.pass(0, Timestamp(5));
    assert!(!is_due(&open, Instant::now()) && is_due(&open, later()));
    assert_eq!(open.first_logged_at(), Some(Timestamp(5)));
    open.seal();
    assert!(!is_due(&open, later()), "age does not carry over");
}

#[test]
fn another_month_does_not_belong_into_a_batch() {
    let mut open = Open::new(LogId(7), 1, 0);
    let month = |value: &[u8]| month_of(&decode_log_record(value).unwrap());
    let (march, april) = (sign_ons(1, 1, MARCH_MS), sign_ons(2, 1, APRIL_MS));
    assert!(!open.is_other_month(month(&march)), "an empty batch takes any");
    take(&mut open, 0, &march).unwrap();
    assert!(!open.is_other_month(month(&march)) && open.is_other_month(month(&april)));
    assert!(!open.is_other_month(None), "a control record has no month");
    open.seal();
    assert!(!open.is_other_month(month(&april)));
}

#[test]
fn the_checksum_is_of_coordinates_and_ids_alone() {
    let sealed = |offset: u64, first_id: u128, app_id: &str| {
        let mut open = Open::new(LogId(7), 1, offset);
        take(&mut open, offset, &record(&[sign_on(first_id, app_id, 7, MARCH_MS)])).unwrap();
        open.seal().range.checksum
    };
    assert_eq!(sealed(3, 1, "0oa1"), sealed(3, 1, "0oa2"), "what the tables make of an event may change");
    assert_ne!(sealed(3, 1, "0oa1"), sealed(3, 2, "0oa1"));
    assert_ne!(sealed(3, 1, "0oa1"), sealed(4, 1, "0oa1"));
}

#[test]
fn rows_before_a_flaw_are_in_the_batch_and_its_offset_is_taken() {
    let mut open = Open::new(LogId(7), 1, 0);
    let mut value = sign_ons(1, 3, MARCH_MS);
    value.push(0);
    assert!(take(&mut open, 0, &value).is_err());
    assert_eq!((open.seal().range.rows, open.start()), (3, 1));
}

#[test]
fn a_record_of_as_many_events_as_may_be_is_taken_whole() {
    let mut open = Open::new(LogId(7), 1, 0);
    take(&mut open, 0, &sign_ons(1, codec::EVENTS_PER_RECORD_MAX as u128, MARCH_MS)).unwrap();
    assert_eq!(open.seal().range.rows, codec::EVENTS_PER_RECORD_MAX as u64);
}
