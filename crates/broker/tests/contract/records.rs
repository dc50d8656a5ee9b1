//! What both engines promise about records: order, durability, limits, waiting.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use broker::{Ack, AppendError, Broker, Cleanup, ConsumeError, Polled, Record, StartAt};

use super::{KEEP, Open, append, new_topic, poll_records, read_all, record, tombstone, wait_for_partitions};

pub(crate) fn records_come_back_in_order_with_keys_values_and_times(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 2, KEEP);
    let records = vec![
        record(0, "a", "1"),
        Record { partition: 0, key: None, value: Some(b"no key".to_vec()) },
        Record { partition: 1, key: Some(Vec::new()), value: Some(Vec::new()) },
        tombstone(0, "a"),
    ];
    assert_eq!(append(&broker, &topic, records), [0, 1, 0, 2]);
    let expected = [
        (0, Some(b"a".to_vec()), Some(b"1".to_vec())),
        (1, None, Some(b"no key".to_vec())),
        (2, Some(b"a".to_vec()), None),
    ];
    assert_eq!(read_all(&broker, &topic, 0), expected);
    assert_eq!(read_all(&broker, &topic, 1), [(0, Some(Vec::new()), Some(Vec::new()))]);
    assert_eq!(broker.watermarks(&topic, 0).unwrap(), (0, 3));
    let mut times = Vec::new();
    let end = broker.read(&topic, 0, Some(1), &mut |record| times.push(record.logged_at_ms)).unwrap();
    assert_eq!((end, times.len()), (3, 2));
    assert!(times.is_sorted() && times[0] > 1_700_000_000_000, "{times:?}");
}

pub(crate) fn offsets_go_on_after_opening_again(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    assert_eq!(append(&broker, &topic, vec![record(0, "a", "1"), record(0, "b", "2")]), [0, 1]);
    drop(broker);
    let broker = open();
    assert_eq!(append(&broker, &topic, vec![record(0, "c", "3")]), [2]);
    assert_eq!(read_all(&broker, &topic, 0).len(), 3);
}

pub(crate) fn what_waits_is_written_when_the_log_is_closed(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let records = (0..100).map(|number| record(0, "k", &format!("{number}"))).collect();
    let acks = broker.append_all(&topic, records).unwrap();
    drop(broker);
    for ack in acks {
        ack.wait().expect("durable before the log closed");
    }
    assert_eq!(read_all(&open(), &topic, 0).len(), 100);
}

pub(crate) fn what_waits_for_others_keeps_its_order(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    // More than are sent without an answer, and more bytes than go together.
    let text = "x".repeat(4_000);
    let numbered = |number: usize| record(0, "k", &format!("{number} {text}"));
    let acks: Vec<Ack> = (0..600).map(|number| broker.append(&topic, numbered(number)).unwrap()).collect();
    let offsets: Vec<u64> = acks.into_iter().map(|ack| ack.wait().unwrap()).collect();
    assert_eq!(offsets, (0..600).collect::<Vec<u64>>());
    let read = read_all(&broker, &topic, 0);
    assert_eq!(read.len(), 600);
    for (number, one) in read.iter().enumerate() {
        assert_eq!(one.2, numbered(number).value, "{number}");
    }
}

pub(crate) fn an_ack_can_be_awaited(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let offset = runtime.block_on(async { broker.append(&topic, record(0, "a", "1")).unwrap().await });
    assert_eq!(offset.unwrap(), 0);
}

pub(crate) fn what_can_never_be_taken_is_refused(open: Open<'_>) {
    let broker = open();
    let plain = new_topic(&broker, 2, KEEP);
    let compacted = new_topic(&broker, 1, Cleanup::Compact);
    let large = vec![7; 4 * 1_024 * 1_024 + 1];
    for (topic, record) in [
        ("no-such-topic", record(0, "a", "1")),
        (&plain, record(2, "a", "1")),
        (&plain, Record { partition: 0, key: None, value: Some(large) }),
        (&plain, Record { partition: 0, key: Some(vec![7; broker::KEY_BYTES_MAX + 1]), value: None }),
        (&compacted, Record { partition: 0, key: None, value: Some(Vec::new()) }),
    ] {
        let refused = broker.append(topic, record).err();
        assert!(matches!(refused, Some(AppendError::Refused { .. })), "{topic}: {refused:?}");
    }
    assert_eq!(append(&broker, &plain, vec![record(1, "a", "1")]), [0]);
}

/// `open` must give a log with `queue_bytes_max` of 64 KiB.
pub(crate) fn a_full_queue_refuses_at_once_and_has_room_again_later(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let value = "v".repeat(4_096);
    let (mut acks, mut refused) = (Vec::new(), 0);
    for _ in 0..2_000 {
        match broker.append(&topic, record(0, "k", &value)) {
            Ok(ack) => acks.push(ack),
            Err(AppendError::QueueFull { queued_bytes, limit_bytes }) => {
                assert!(queued_bytes <= limit_bytes && limit_bytes == 64 * 1_024, "{queued_bytes} of {limit_bytes}");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0, "8 MB went through a queue of 64 KiB at once");
    let count = acks.len();
    for ack in acks {
        ack.wait().expect("what was taken is durable");
    }
    assert_eq!(append(&broker, &topic, vec![record(0, "k", &value)]), [count as u64]);
    assert_eq!(broker.queued_bytes(), 0);
}

/// What remains of a compacted topic when a reader folds it: the last value of each key.
pub(crate) fn a_compacted_topic_folds_to_the_last_value_of_each_key(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, Cleanup::Compact);
    append(&broker, &topic, vec![record(0, "a", "old"), record(0, "b", "1"), record(0, "gone", "1")]);
    append(&broker, &topic, vec![record(0, "a", "older"), record(0, "a", "2"), tombstone(0, "gone")]);
    append(&broker, &topic, vec![tombstone(0, "back"), record(0, "back", "3")]);
    let expected = [("a", "2"), ("b", "1"), ("back", "3")];
    let expected = expected.map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
    assert_eq!(fold(&broker, &topic), BTreeMap::from(expected.clone()));
    drop(broker);
    assert_eq!(fold(&open(), &topic), BTreeMap::from(expected));
}

fn fold(broker: &Broker, topic: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut values = BTreeMap::new();
    for (_, key, value) in read_all(broker, topic, 0) {
        let key = key.expect("a compacted topic has keys");
        match value {
            Some(value) => values.insert(key, value),
            None => values.remove(&key),
        };
    }
    values
}

pub(crate) fn a_waiting_poll_wakes_for_a_record_and_an_idle_one_keeps_its_time(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), 1);
    let started = Instant::now();
    let polled = consumer.poll(Duration::from_millis(300), 10, &mut |_| {}).unwrap();
    assert_eq!(polled, Polled::Records(0));
    assert!(started.elapsed() >= Duration::from_millis(300), "came back after {:?}", started.elapsed());
    let writer = thread::spawn({
        let (broker, topic) = (broker.clone(), topic.clone());
        move || append(&broker, &topic, vec![record(0, "a", "1")])
    });
    let started = Instant::now();
    let polled = consumer.poll(Duration::from_secs(30), 10, &mut |_| {}).unwrap();
    assert_eq!(polled, Polled::Records(1));
    assert!(started.elapsed() < Duration::from_secs(10), "came back after {:?}", started.elapsed());
    writer.join().unwrap();
}

pub(crate) fn an_offset_that_the_log_does_not_hold_is_an_error_and_no_silent_jump(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, vec![record(0, "a", "1")]);
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), 1);
    consumer.seek(0, 100).unwrap();
    let deadline = Instant::now() + super::DEADLINE;
    let error = loop {
        assert!(Instant::now() < deadline, "no error came");
        let polled = consumer.poll(Duration::from_millis(100), 10, &mut |record| panic!("{record:?}"));
        if let Err(error) = polled {
            break error;
        }
    };
    assert!(matches!(error, ConsumeError::OffsetOutOfRange { partition: 0 }), "{error}");
    let outside = broker.read(&topic, 0, Some(100), &mut |_| {}).unwrap_err();
    assert!(matches!(outside, ConsumeError::OffsetOutOfRange { partition: 0 }), "{outside}");
}

pub(crate) fn many_writers_get_offsets_without_gap_or_double(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (broker, topic) = (broker.clone(), topic.clone());
            thread::spawn(move || {
                let records = (0..250).map(|number| record(0, "k", &format!("{writer}-{number}"))).collect();
                append(&broker, &topic, records)
            })
        })
        .collect();
    let mut offsets: Vec<u64> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..2_000).collect::<Vec<u64>>());
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    let seen = poll_records(&mut consumer, 2_000);
    assert!(seen.iter().map(|(_, offset, _)| *offset).eq(0..2_000));
}
