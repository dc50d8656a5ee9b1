//! `apache-avro`, given nothing but the schema file, reads what we write and writes what we read.

use apache_avro::{
    Schema as AvroSchema, reader::datum::GenericDatumReader, types::Value, writer::datum::GenericDatumWriter,
};
use codec::{BatchHeader, BatchWriter, LogRecord, Schema, decode_log_record};
use event::{Control, DeadLetter, Event, LedgerEntry, TableName, Timestamp};
use proptest::{collection::vec, prelude::*};

use crate::{
    arbitrary::{Seed, alert, controls, seed},
    values,
};

/// Magic byte and schema id.
const FRAME_BYTES: usize = 5;

/// Our record, read by the oracle to the last byte.
fn oracle_reads(schema: Schema, record: &[u8]) -> Value {
    let avro = AvroSchema::parse_str(schema.avsc()).unwrap();
    let (frame, mut body) = record.split_at(FRAME_BYTES);
    assert_eq!(frame, [&[0][..], &schema.id().to_be_bytes()].concat());
    let value = GenericDatumReader::builder(&avro).build().unwrap().read_value(&mut body).unwrap();
    assert!(body.is_empty(), "the oracle left {} bytes", body.len());
    value
}

/// A record written by the oracle; arrays in blocks of about this size, with a negative count and a size, or in one block.
fn oracle_writes(schema: Schema, value: Value, block_bytes: Option<usize>) -> Vec<u8> {
    let avro = AvroSchema::parse_str(schema.avsc()).unwrap();
    let writer = GenericDatumWriter::builder(&avro).maybe_target_block_size(block_bytes).build().unwrap();
    let body = writer.write_value_to_vec(value).unwrap();
    [&[0][..], &schema.id().to_be_bytes(), &body].concat()
}

/// Both ways, and that the oracle's bytes are ours where it writes arrays in one block.
fn agrees<T: PartialEq + std::fmt::Debug>(
    schema: Schema,
    ours: &[u8],
    value: Value,
    expected: &T,
    decode: impl Fn(&[u8]) -> T,
) {
    assert_eq!(oracle_reads(schema, ours), value);
    assert_eq!(&decode(ours), expected);
    assert_eq!(oracle_writes(schema, value.clone(), None), ours);
    for block_bytes in [1, 64] {
        assert_eq!(&decode(&oracle_writes(schema, value.clone(), Some(block_bytes))), expected);
    }
}

fn batch_record(header: BatchHeader<'_>, events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = BatchWriter::new(header);
    events.iter().for_each(|event| writer.push(event).unwrap());
    writer.finish()
}

fn read_batch(record: &[u8]) -> (BatchHeader<'_>, Vec<Event<'_>>) {
    match decode_log_record(record).unwrap() {
        LogRecord::Events(reader) => (*reader.header(), reader.map(Result::unwrap).collect()),
        LogRecord::Control { .. } => panic!("not events"),
    }
}

fn events_of<'a>(seeds: &'a [Seed], header: &BatchHeader<'a>) -> Vec<Event<'a>> {
    seeds.iter().map(|seed| seed.event(header)).collect()
}

proptest! {
    #[test]
    fn batches_of_events(header in seed(), seeds in vec(seed(), 0..5)) {
        let header = header.header();
        let events = events_of(&seeds, &header);
        let ours = batch_record(header, &events);
        let value = values::batch(&header, &events);
        assert_eq!(oracle_reads(Schema::EventsV1, &ours), value);
        assert_eq!(oracle_writes(Schema::EventsV1, value.clone(), None), ours);
        assert_eq!(read_batch(&ours), (header, events.clone()));
        for block_bytes in [1, 400] {
            let blocks = oracle_writes(Schema::EventsV1, value.clone(), Some(block_bytes));
            assert_eq!(read_batch(&blocks), (header, events.clone()));
        }
    }

    #[test]
    fn batches_in_several_blocks_with_positive_counts(header in seed(), seeds in vec(seed(), 1..5)) {
        let header = header.header();
        let events = events_of(&seeds, &header);
        // An empty batch is the header and the array's end; a batch of one has its block in between.
        let mut record = batch_record(header, &[]);
        record.pop();
        for event in &events {
            let one = batch_record(header, std::slice::from_ref(event));
            record.extend_from_slice(&one[record_prefix_bytes(&header)..one.len() - 1]);
        }
        record.push(0);
        assert_eq!(oracle_reads(Schema::EventsV1, &record), values::batch(&header, &events));
        assert_eq!(read_batch(&record), (header, events));
    }

    #[test]
    fn control_records(tenant in "\\PC{0,20}", controls in controls()) {
        for control in controls {
            let ours = codec::encode_control(&tenant, &control).unwrap();
            let value = values::control(&tenant, &control);
            let read = |record: &[u8]| match decode_log_record(record).unwrap() {
                LogRecord::Control { tenant, control } => (tenant.to_owned(), control),
                LogRecord::Events(_) => panic!("not control"),
            };
            if is_of_version_1(&control) {
                let old = oracle_writes(Schema::ControlV1, value.clone(), None);
                assert_eq!(read(&old), (tenant.clone(), control.clone()), "version 1 is still read");
            }
            agrees(Schema::ControlV2, &ours, value, &(tenant.clone(), control), read);
        }
    }

    #[test]
    fn alerts(alert in alert()) {
        let ours = codec::encode_alert(&alert).unwrap();
        agrees(Schema::AlertV1, &ours, values::alert(&alert), &alert, |record| codec::decode_alert(record).unwrap());
    }

    #[test]
    fn deliveries(seed in seed()) {
        let delivery = seed.delivery();
        let ours = codec::encode_delivery(&delivery).unwrap();
        let value = values::delivery(&delivery);
        agrees(Schema::DeliveryV1, &ours, value, &delivery, |record| codec::decode_delivery(record).unwrap());
    }

    #[test]
    fn feed_cursors(seed in seed()) {
        let cursor = seed.feed_cursor();
        let ours = codec::encode_feed_cursor(&cursor).unwrap();
        let value = values::feed_cursor(&cursor);
        agrees(Schema::FeedCursorV1, &ours, value, &cursor, |record| codec::decode_feed_cursor(record).unwrap());
    }

    #[test]
    fn backfills(seed in seed()) {
        let order = seed.backfill();
        let ours = codec::encode_backfill(&order).unwrap();
        let value = values::backfill(&order);
        agrees(Schema::BackfillV1, &ours, value, &order, |record| codec::decode_backfill(record).unwrap());
    }

    #[test]
    fn gaps(seed in seed()) {
        let gap = seed.gap();
        let ours = codec::encode_gap(&gap).unwrap();
        agrees(Schema::GapV1, &ours, values::gap(&gap), &gap, |record| codec::decode_gap(record).unwrap());
    }

    #[test]
    fn expectations(seed in seed()) {
        let expected = seed.expectation();
        let ours = codec::encode_expectation(&expected).unwrap();
        let value = values::expectation(&expected);
        agrees(Schema::ExpectationV1, &ours, value, &expected, |record| codec::decode_expectation(record).unwrap());
    }

    #[test]
    fn dead_letters(seed in seed()) {
        let letter = seed.dead_letter();
        let ours = codec::encode_dead_letter(&letter).unwrap();
        let value = values::dead_letter(&letter);
        agrees(Schema::DeadLetterV2, &ours, value, &letter, |record| codec::decode_dead_letter(record).unwrap());
        let old = oracle_writes(Schema::DeadLetterV1, values::dead_letter_v1(&letter), None);
        let open = DeadLetter { redriven_at: Timestamp::MISSING, ..letter };
        assert_eq!(codec::decode_dead_letter(&old).unwrap(), open, "version 1 is still read");
    }

    #[test]
    fn identities(seed in seed()) {
        let identity = seed.identity();
        let ours = codec::encode_identity(&identity).unwrap();
        let value = values::identity(&identity);
        agrees(Schema::IdentityV1, &ours, value, &identity, |record| codec::decode_identity(record).unwrap());
    }

    #[test]
    fn ledger_entries(seed in seed(), controls in controls(), alerts in vec(alert(), 0..3)) {
        let (tenant, entries) = seed.ledger(controls, alerts);
        for entry in entries {
            let ours = codec::encode_ledger_entry(tenant, &entry).unwrap();
            let value = values::ledger(tenant, &entry, 3);
            assert_eq!(oracle_reads(Schema::LedgerV3, &ours), value);
            assert_eq!(codec::decode_ledger_entry(&ours).unwrap(), (tenant, entry.clone()));
            for block_bytes in [None, Some(64)] {
                let theirs = oracle_writes(Schema::LedgerV3, value.clone(), block_bytes);
                assert_eq!(codec::decode_ledger_entry(&theirs).unwrap(), (tenant, entry.clone()));
                let first_version = match &entry {
                    LedgerEntry::Origin { .. } => 3,
                    LedgerEntry::Control { control, .. } if !is_of_version_1(control) => 2,
                    _ => 1,
                };
                for (version, schema) in [(1, Schema::LedgerV1), (2, Schema::LedgerV2)] {
                    if version >= first_version {
                        let old = oracle_writes(schema, values::ledger(tenant, &entry, version), block_bytes);
                        assert_eq!(codec::decode_ledger_entry(&old).unwrap(), (tenant, entry.clone()));
                    }
                }
            }
        }
    }
}

/// Could version 1 of `control` and `ledger` say it? It did not know the tenant's key.
fn is_of_version_1(control: &Control) -> bool {
    !matches!(control, Control::TableVersion(noted) if noted.table == TableName::TenantKey)
}

fn record_prefix_bytes(header: &BatchHeader<'_>) -> usize {
    batch_record(*header, &[]).len() - 1
}
