//! What both engines promise, as functions over an open log. `tests/embedded.rs` and `tests/kafka.rs` run each of them.

pub(crate) mod groups;
pub(crate) mod records;
pub(crate) mod sole;
pub(crate) mod topics;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use broker::{Broker, Cleanup, Consumer, Polled, Record, TopicSpec};

/// A record as a test remembers it: offset, key, value.
pub(crate) type Seen = (u64, Option<Vec<u8>>, Option<Vec<u8>>);

/// How long a test waits for what must come. A rebalance on Kafka takes seconds, on a busy machine more.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Keeps everything.
pub(crate) const KEEP: Cleanup = Cleanup::Delete { retention_ms: None, retention_bytes: None };

/// Opens the log under test: the same one each time.
pub(crate) type Open<'a> = &'a dyn Fn() -> Broker;

/// A topic that no other test has.
pub(crate) fn new_topic(broker: &Broker, partitions: u32, cleanup: Cleanup) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("topic-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    broker.ensure_topics(&[TopicSpec { name: name.clone(), partitions, cleanup }]).expect("the topic is made");
    name
}

pub(crate) fn record(partition: u32, key: &str, value: &str) -> Record {
    Record { partition, key: Some(key.as_bytes().to_vec()), value: Some(value.as_bytes().to_vec()) }
}

pub(crate) fn tombstone(partition: u32, key: &str) -> Record {
    Record { partition, key: Some(key.as_bytes().to_vec()), value: None }
}

/// Appends one after the other and waits for the last.
pub(crate) fn append(broker: &Broker, topic: &str, records: Vec<Record>) -> Vec<u64> {
    let acks = broker.append_all(topic, records).expect("the queue has room");
    acks.into_iter().map(|ack| ack.wait().expect("the record is durable")).collect()
}

/// A partition from its oldest record on.
pub(crate) fn read_all(broker: &Broker, topic: &str, partition: u32) -> Vec<Seen> {
    let mut seen = Vec::new();
    broker
        .read(topic, partition, None, &mut |record| {
            seen.push((record.offset, record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec)));
        })
        .expect("the partition can be read");
    seen
}

/// Polls until the group has given the consumer exactly `partitions`, in any number of steps.
pub(crate) fn wait_for_partitions(consumer: &mut Consumer, owned: &mut Vec<u32>, partitions: usize) {
    let deadline = Instant::now() + DEADLINE;
    while owned.len() != partitions {
        assert!(Instant::now() < deadline, "owns {owned:?}, expected {partitions} partitions");
        follow(owned, consumer.poll(Duration::from_millis(100), 1_000, &mut |_| {}).expect("poll"));
    }
}

/// Keeps the list of owned partitions as the group says.
pub(crate) fn follow(owned: &mut Vec<u32>, polled: Polled) {
    match polled {
        Polled::Assigned(given) => owned.extend(given.iter().map(|assignment| assignment.partition)),
        Polled::Revoked(taken) => owned.retain(|partition| !taken.contains(partition)),
        Polled::Records(_) => {}
    }
}

/// Polls until `count` records came: partition, offset and value of each.
pub(crate) fn poll_records(consumer: &mut Consumer, count: usize) -> Vec<(u32, u64, Vec<u8>)> {
    let deadline = Instant::now() + DEADLINE;
    let mut seen = Vec::new();
    while seen.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records came", seen.len());
        consumer
            .poll(Duration::from_millis(100), count - seen.len(), &mut |record| {
                seen.push((record.partition, record.offset, record.value.unwrap_or_default().to_vec()));
            })
            .expect("poll");
    }
    seen
}
