//! What both engines promise about groups: commits with metadata, shares, fencing, positions.

use std::time::{Duration, Instant};

use broker::{Broker, CommitError, Committed, Consumer, Polled, StartAt};

use super::{DEADLINE, KEEP, Open, append, follow, new_topic, poll_records, record, tombstone, wait_for_partitions};

pub(crate) fn a_commit_and_its_metadata_are_there_after_opening_again(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, (0..10).map(|number| record(0, "k", &format!("{number}"))).collect());
    let mut consumer = join(&broker, &topic, 1);
    assert_eq!(consumer.committed(0).unwrap(), None);
    let metadata = "m".repeat(4_000);
    consumer.commit(0, 7, &metadata).expect("4,000 bytes of metadata are taken");
    let committed = Committed { offset: 7, metadata };
    assert_eq!(consumer.committed(0).unwrap().as_ref(), Some(&committed));
    let refused = consumer.commit(0, 8, &"m".repeat(5_000)).unwrap_err();
    assert!(matches!(refused, CommitError::Refused { .. }), "{refused}");
    drop((consumer, broker));

    let broker = open();
    assert_eq!(broker.committed("group", &topic, 0).unwrap().as_ref(), Some(&committed));
    assert_eq!(broker.committed("another group", &topic, 0).unwrap(), None);
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    let assignments = wait_for_assignment(&mut consumer);
    assert_eq!(assignments.len(), 1);
    assert_eq!(assignments[0].committed.as_ref(), Some(&committed));
    assert_eq!((assignments[0].low, assignments[0].high), (0, 10));
    let seen = poll_records(&mut consumer, 3);
    assert_eq!(seen[0], (0, 7, b"7".to_vec()), "reading goes on where the group was");
}

pub(crate) fn a_group_says_how_many_members_it_has(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let group = format!("members-of-{topic}");
    assert_eq!(broker.members(&group).unwrap(), 0);
    let mut consumer = broker.consumer(&group, &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), 1);
    assert_eq!(broker.members(&group).unwrap(), 1);
    drop(consumer);
    let deadline = Instant::now() + DEADLINE;
    while broker.members(&group).unwrap() > 0 {
        assert!(Instant::now() < deadline, "whoever leaves is no member");
    }
}

pub(crate) fn two_members_share_the_partitions_and_the_loser_cannot_commit(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 4, KEEP);
    append(&broker, &topic, (0..4).map(|partition| record(partition, "k", "v")).collect());
    let mut first = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    let mut first_owns = Vec::new();
    wait_for_partitions(&mut first, &mut first_owns, 4);
    poll_records(&mut first, 4);
    first.commit(3, 1, "mine").unwrap();

    let mut second = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    let mut second_owns = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while (first_owns.len(), second_owns.len()) != (2, 2) {
        assert!(Instant::now() < deadline, "{first_owns:?} {second_owns:?}");
        follow(&mut first_owns, first.poll(Duration::from_millis(50), 10, &mut |_| {}).unwrap());
        follow(&mut second_owns, second.poll(Duration::from_millis(50), 10, &mut |_| {}).unwrap());
    }
    let lost = second_owns[0];
    assert!(matches!(first.commit(lost, 1, "stale"), Err(CommitError::Fenced)));
    first.commit(first_owns[0], 1, "kept").expect("what it kept it may commit");
    second.commit(lost, 1, "fresh").expect("what it got it may commit");
    assert_eq!(broker.committed("group", &topic, lost).unwrap().unwrap().metadata, "fresh");

    drop(second);
    wait_for_partitions(&mut first, &mut first_owns, 4);
    first.commit(lost, 1, "back").expect("what came back it may commit");
}

pub(crate) fn a_member_that_never_joined_in_cannot_commit(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    let fenced = consumer.commit(0, 0, "").unwrap_err();
    assert!(matches!(fenced, CommitError::Fenced), "{fenced}");
}

pub(crate) fn seeking_goes_back_and_forth(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, (0..10).map(|number| record(0, "k", &format!("{number}"))).collect());
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    wait_for_assignment(&mut consumer);
    consumer.seek(0, 4).unwrap();
    assert_eq!(poll_records(&mut consumer, 6)[0].1, 4, "a seek right after the assignment counts");
    consumer.seek(0, 1).unwrap();
    assert_eq!(poll_records(&mut consumer, 2)[1].1, 2);
    consumer.seek(0, 9).unwrap();
    assert_eq!(poll_records(&mut consumer, 1)[0].1, 9);
    assert!(consumer.seek(1, 0).is_err(), "a partition that is not ours");
}

pub(crate) fn a_paused_partition_waits_while_others_go_on(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 2, KEEP);
    let mut consumer = join(&broker, &topic, 2);
    consumer.pause(&[0]).unwrap();
    append(&broker, &topic, vec![record(0, "k", "waits"), record(1, "k", "goes on"), tombstone(1, "k")]);
    assert!(poll_records(&mut consumer, 2).iter().all(|(partition, ..)| *partition == 1));
    let quiet = consumer.poll(Duration::from_millis(300), 10, &mut |record| panic!("{record:?}")).unwrap();
    assert_eq!(quiet, Polled::Records(0));
    consumer.resume(&[0]).unwrap();
    assert_eq!(poll_records(&mut consumer, 1), [(0, 0, b"waits".to_vec())]);
}

pub(crate) fn a_paused_partition_that_goes_and_comes_back_is_read_again(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 2, KEEP);
    let mut first = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    let mut first_owns = Vec::new();
    wait_for_partitions(&mut first, &mut first_owns, 2);
    first.pause(&[0, 1]).unwrap();
    let mut second = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    let mut second_owns = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while (first_owns.len(), second_owns.len()) != (1, 1) {
        assert!(Instant::now() < deadline, "{first_owns:?} {second_owns:?}");
        follow(&mut first_owns, first.poll(Duration::from_millis(50), 10, &mut |_| {}).unwrap());
        follow(&mut second_owns, second.poll(Duration::from_millis(50), 10, &mut |_| {}).unwrap());
    }
    drop(second);
    wait_for_partitions(&mut first, &mut first_owns, 2);
    append(&broker, &topic, vec![record(0, "k", "v"), record(1, "k", "v")]);
    assert_eq!(poll_records(&mut first, 1)[0].0, second_owns[0]);
    let quiet = first.poll(Duration::from_millis(300), 10, &mut |record| panic!("{record:?}")).unwrap();
    assert_eq!(quiet, Polled::Records(0), "what stayed is paused");
}

pub(crate) fn a_group_without_a_commit_begins_where_it_was_told(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, vec![record(0, "k", "before")]);
    let mut latest = broker.consumer("latest", &topic, StartAt::Latest).unwrap();
    wait_for_assignment(&mut latest);
    let mut earliest = broker.consumer("earliest", &topic, StartAt::Earliest).unwrap();
    append(&broker, &topic, vec![record(0, "k", "after")]);
    assert_eq!(poll_records(&mut latest, 1)[0].2, b"after");
    let seen = poll_records(&mut earliest, 2);
    assert_eq!((seen[0].2.as_slice(), seen[1].2.as_slice()), (&b"before"[..], &b"after"[..]));
}

pub(crate) fn no_more_records_come_than_were_asked_for(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, (0..50).map(|number| record(0, "k", &format!("{number}"))).collect());
    let mut consumer = join(&broker, &topic, 1);
    consumer.seek(0, 0).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut offsets = Vec::new();
    while offsets.len() < 50 {
        assert!(Instant::now() < deadline, "{} of 50 records came", offsets.len());
        let before = offsets.len();
        let polled = consumer.poll(Duration::from_millis(100), 7, &mut |record| offsets.push(record.offset)).unwrap();
        let count = offsets.len() - before;
        assert!(count <= 7 && polled == Polled::Records(count), "{polled:?}, {count} seen");
    }
    assert!(offsets.iter().copied().eq(0..50), "{offsets:?}");
}

fn join(broker: &Broker, topic: &str, partitions: usize) -> Consumer {
    let mut consumer = broker.consumer("group", topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), partitions);
    consumer
}

fn wait_for_assignment(consumer: &mut Consumer) -> Vec<broker::Assignment> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < deadline, "no partition was assigned");
        let polled = consumer.poll(Duration::from_millis(100), 10, &mut |record| panic!("{record:?} came first"));
        if let Polled::Assigned(assignments) = polled.unwrap() {
            return assignments;
        }
    }
}
