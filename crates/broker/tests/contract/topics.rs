//! What both engines promise about topics: log ids, partitions, deletion.

use std::time::Instant;

use broker::{Broker, Cleanup, OpenError, StartAt, TopicSpec};

use super::{DEADLINE, KEEP, Open, append, new_topic, read_all, record, wait_for_partitions};

pub(crate) fn a_log_id_stays_and_a_recreated_topic_has_another(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let other_topic = new_topic(&broker, 1, KEEP);
    let log_id = broker.log_id(&topic).unwrap();
    assert_ne!(log_id.0, 0);
    assert_ne!(broker.log_id(&other_topic).unwrap(), log_id);
    append(&broker, &topic, vec![record(0, "a", "1")]);
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), 1);
    consumer.commit(0, 1, "of the first").unwrap();
    drop((consumer, broker));

    let broker = open();
    assert_eq!(broker.log_id(&topic).unwrap(), log_id, "the same after opening again");
    broker.delete_topic(&topic).unwrap();
    recreate(&broker, &topic);
    assert_ne!(broker.log_id(&topic).unwrap(), log_id);
    assert_eq!(read_all(&broker, &topic, 0), [], "nothing of the first is left");
    assert_eq!(append(&broker, &topic, vec![record(0, "b", "2")]), [0]);
    drop(broker);
    assert_eq!(read_all(&open(), &topic, 0).len(), 1);
}

/// Kafka deletes in the background: until it is done, making the topic again fails.
fn recreate(broker: &Broker, topic: &str) {
    let deadline = Instant::now() + DEADLINE;
    let spec = TopicSpec { name: topic.to_owned(), partitions: 1, cleanup: KEEP };
    while let Err(error) = broker.ensure_topics(std::slice::from_ref(&spec)) {
        assert!(Instant::now() < deadline, "{error}");
    }
}

pub(crate) fn partitions_are_fixed_when_the_topic_is_made(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 4, KEEP);
    assert_eq!(broker.partitions(&topic).unwrap(), 4);
    broker.ensure_topics(&[TopicSpec { name: topic.clone(), partitions: 4, cleanup: KEEP }]).expect("as it is");
    let error = broker.ensure_topics(&[TopicSpec { name: topic, partitions: 8, cleanup: KEEP }]).unwrap_err();
    assert!(matches!(error, OpenError::PartitionMismatch { found: 4, expected: 8, .. }), "{error}");
}

pub(crate) fn a_topic_gets_more_partitions_and_keeps_its_records_and_its_log_id(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 2, Cleanup::Compact);
    let log_id = broker.log_id(&topic).unwrap();
    append(&broker, &topic, vec![record(0, "a", "1"), record(1, "b", "2")]);
    broker.raise_partitions(&topic, 2).expect("it has as many");
    broker.raise_partitions(&topic, 5).unwrap();
    broker.raise_partitions(&topic, 5).expect("done again");
    let error = broker.raise_partitions(&topic, 3).unwrap_err().to_string();
    assert!(error.contains("has 5 partitions"), "{error}");
    assert!(broker.raise_partitions("no-such-topic", 3).is_err());
    assert_eq!(append(&broker, &topic, vec![record(4, "c", "3"), record(1, "b", "4")]), [0, 1]);
    drop(broker);

    let broker = open();
    broker.ensure_topics(&[TopicSpec { name: topic.clone(), partitions: 5, cleanup: Cleanup::Compact }]).unwrap();
    assert_eq!((broker.partitions(&topic).unwrap(), broker.log_id(&topic).unwrap()), (5, log_id));
    let values = |partition| read_all(&broker, &topic, partition).into_iter().rev().find_map(|(_, _, value)| value);
    assert_eq!([0, 1, 2, 4].map(values), [Some(b"1".to_vec()), Some(b"4".to_vec()), None, Some(b"3".to_vec())]);
}

pub(crate) fn a_topic_that_does_not_exist_says_so(open: Open<'_>) {
    let broker = open();
    assert!(broker.log_id("no-such-topic").is_err());
    assert!(broker.partitions("no-such-topic").is_err());
    assert!(broker.watermarks("no-such-topic", 0).is_err());
    assert!(broker.read("no-such-topic", 0, None, &mut |_| {}).is_err());
    assert!(broker.consumer("group", "no-such-topic", StartAt::Earliest).is_err());
    broker.delete_topic("no-such-topic").expect("it is deleted already");
}
