//! The contract on a real Apache Kafka, and what only a cluster can do to us: die, and take a partition from a member that sleeps.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and says what it saw"
)]

mod contract;
mod proxied;
mod sealed;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use broker::{AppendError, Broker, Cleanup, CommitError, KafkaSettings, Limits, OpenError, Polled, StartAt};
use contract::{
    DEADLINE, KEEP, append, groups, new_topic, poll_records, read_all, record, records, sole, topics,
    wait_for_partitions,
};
use tests::servers::kafka::KafkaServer;

/// One broker for all tests of this file but those that kill it.
static SERVER: LazyLock<KafkaServer> = LazyLock::new(|| KafkaServer::start().expect("a real Kafka: run make stack"));

/// One line for each promise, so that each is a test with its own name.
macro_rules! contract {
    ($($room:ident :: $promise:ident $(with $limits:expr)?;)*) => {$(
        #[test]
        fn $promise() {
            let limits = [$($limits,)? Limits::default()][0];
            $room::$promise(&|| open(&SERVER.bootstrap, limits));
        }
    )*};
}

contract! {
    records::records_come_back_in_order_with_keys_values_and_times;
    records::offsets_go_on_after_opening_again;
    records::what_waits_is_written_when_the_log_is_closed;
    records::what_waits_for_others_keeps_its_order;
    records::an_ack_can_be_awaited;
    records::what_can_never_be_taken_is_refused;
    records::a_full_queue_refuses_at_once_and_has_room_again_later with small_queue();
    records::a_compacted_topic_folds_to_the_last_value_of_each_key;
    records::a_waiting_poll_wakes_for_a_record_and_an_idle_one_keeps_its_time;
    records::an_offset_that_the_log_does_not_hold_is_an_error_and_no_silent_jump;
    records::many_writers_get_offsets_without_gap_or_double;
    groups::a_commit_and_its_metadata_are_there_after_opening_again;
    groups::a_group_says_how_many_members_it_has;
    groups::two_members_share_the_partitions_and_the_loser_cannot_commit;
    groups::a_member_that_never_joined_in_cannot_commit;
    groups::seeking_goes_back_and_forth;
    groups::a_paused_partition_waits_while_others_go_on;
    groups::a_paused_partition_that_goes_and_comes_back_is_read_again;
    groups::a_group_without_a_commit_begins_where_it_was_told;
    groups::no_more_records_come_than_were_asked_for;
    sole::who_was_the_sole_writer_before_writes_no_more;
    sole::what_a_sole_writer_has_written_is_seen_at_once_however_much_it_is;
    sole::a_sole_writer_is_refused_what_is_not_of_its_partition;
    topics::a_log_id_stays_and_a_recreated_topic_has_another;
    topics::partitions_are_fixed_when_the_topic_is_made;
    topics::a_topic_gets_more_partitions_and_keeps_its_records_and_its_log_id;
    topics::a_topic_that_does_not_exist_says_so;
}

#[test]
fn a_record_of_the_largest_size_goes_through() {
    let broker = open(&SERVER.bootstrap, Limits::default());
    let topic = new_topic(&broker, 1, KEEP);
    let value = "v".repeat(Limits::default().record_bytes_max as usize - 1);
    append(&broker, &topic, vec![record(0, "k", &value)]);
    assert_eq!(read_all(&broker, &topic, 0)[0].2.as_ref().map(Vec::len), Some(value.len()));
}

#[test]
fn an_address_where_nobody_answers_is_an_error() {
    let nobody = format!("127.0.0.1:{}", tests::servers::free_port().unwrap());
    let error = Broker::connect_kafka(&nobody, settings(), Limits::default()).err();
    assert!(matches!(&error, Some(OpenError::Away { place, .. }) if *place == nobody), "{error:?}");
}

/// What a stopped process looks like to the others: it does not poll, its partition goes to another, and then it wakes in the middle of
/// its batch.
#[test]
fn a_member_that_slept_past_its_session_cannot_commit() {
    let mut sleepy = settings();
    for (name, value) in [("session.timeout.ms", "2000"), ("max.poll.interval.ms", "2000")] {
        sleepy.properties.insert(name.to_owned(), value.to_owned());
    }
    let broker = Broker::connect_kafka(&SERVER.bootstrap, sleepy, Limits::default()).unwrap();
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, vec![record(0, "k", "v")]);
    let mut sleeper = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    poll_records(&mut sleeper, 1);
    let mut other = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut other, &mut Vec::new(), 1);
    other.commit(0, 1, "the other's").unwrap();
    let error = sleeper.commit(0, 1, "the sleeper's").unwrap_err();
    assert!(matches!(error, CommitError::Fenced), "{error}");
    assert_eq!(broker.committed("group", &topic, 0).unwrap().unwrap().metadata, "the other's");
    let deadline = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < deadline, "the sleeper never heard that it lost its partition");
        match sleeper.poll(Duration::from_millis(100), 10, &mut |record| panic!("{record:?}")) {
            Ok(Polled::Revoked(partitions)) => break assert_eq!(partitions, [0]),
            Ok(_) => {}
            Err(error) => println!("while waking: {error}"),
        }
    }
}

#[test]
fn a_member_that_the_group_has_no_partition_for_hears_that_it_belongs_to_it() {
    let server = KafkaServer::start().expect("a real Kafka: run make stack");
    let broker = open(&server.bootstrap, Limits::default());
    let topic = new_topic(&broker, 1, KEEP);
    let mut members = [(); 2].map(|()| broker.consumer("group", &topic, StartAt::Earliest).unwrap());
    let (mut heard, mut owned) = ([false; 2], [0; 2]);
    let deadline = Instant::now() + DEADLINE;
    while heard != [true; 2] || owned.iter().sum::<usize>() != 1 {
        assert!(Instant::now() < deadline, "heard {heard:?}, own {owned:?}");
        for (member, consumer) in members.iter_mut().enumerate() {
            match consumer.poll(Duration::from_millis(50), 10, &mut |record| panic!("{record:?}")) {
                Ok(Polled::Assigned(given)) => (heard[member], owned[member]) = (true, owned[member] + given.len()),
                Ok(Polled::Revoked(taken)) => owned[member] -= taken.len(),
                Ok(Polled::Records(_)) => {}
                Err(error) => println!("member {member}: {error}"),
            }
        }
    }
}

/// Five times: a writer appends, the broker is killed amid it and started again. What was acknowledged is there, with its bytes, and a consumer
/// that lived through it reads everything once.
#[test]
fn kill_nine_of_the_broker_amid_appends_loses_nothing_acknowledged() {
    let mut server = KafkaServer::start().expect("a real Kafka: run make stack");
    let broker = open(&server.bootstrap, Limits::default());
    let topic = new_topic(&broker, 1, KEEP);
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), 1);
    let is_done = AtomicBool::new(false);
    let mut consumed = Vec::new();
    let mut acknowledged = BTreeMap::new();
    thread::scope(|scope| {
        let writer = scope.spawn(|| append_until(&broker, &topic, &is_done));
        for round in 1..=5 {
            let deadline = Instant::now() + DEADLINE;
            let goal = consumed.len() + 300;
            while consumed.len() < goal {
                assert!(Instant::now() < deadline, "round {round}: {} of {goal} records came", consumed.len());
                let polled = consumer.poll(Duration::from_millis(50), 100, &mut |record| {
                    consumed.push((record.offset, record.value.unwrap_or_default().to_vec()));
                });
                if let Err(error) = polled {
                    println!("round {round}: {error}");
                }
            }
            server.kill9().unwrap();
            server.restart().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        acknowledged = writer.join().unwrap();
    });
    let there: HashSet<_> =
        read_all(&broker, &topic, 0).into_iter().map(|(offset, _, value)| (offset, value.unwrap())).collect();
    let lost: Vec<_> =
        acknowledged.iter().filter(|(offset, value)| !there.contains(&(**offset, value.to_vec()))).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged records are lost", lost.len(), acknowledged.len());
    assert!(
        consumed.iter().map(|(offset, _)| *offset).eq(0..consumed.len() as u64),
        "read once, in order, without a gap"
    );
    println!("5 kills, {} acknowledged records, none lost", acknowledged.len());
}

/// Values by offset, of what was acknowledged.
fn append_until(broker: &Broker, topic: &str, is_done: &AtomicBool) -> BTreeMap<u64, Vec<u8>> {
    let mut acknowledged = BTreeMap::new();
    let mut number = 0;
    while !is_done.load(Ordering::Relaxed) {
        let batch: Vec<_> =
            (number..number + 50).map(|number| format!("{number}-{}", "v".repeat(number % 5_000))).collect();
        number += 50;
        let acks = batch.iter().map(|value| (value, broker.append(topic, record(0, "k", value))));
        for (value, ack) in acks.collect::<Vec<_>>() {
            match ack.and_then(broker::Ack::wait) {
                Ok(broker::OFFSET_UNKNOWN) => println!("durable, and Kafka cannot tell where"),
                Ok(offset) => drop(acknowledged.insert(offset, value.clone().into_bytes())),
                Err(AppendError::Unavailable { reason }) => println!("not acknowledged: {reason}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
    acknowledged
}

#[test]
fn a_commit_while_the_broker_is_away_comes_back_and_counts_later() {
    let mut server = KafkaServer::start().expect("a real Kafka: run make stack");
    let broker = open(&server.bootstrap, Limits::default());
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, vec![record(0, "k", "v")]);
    let mut consumer = broker.consumer("group", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), 1);
    consumer.commit(0, 0, "before").unwrap();
    server.kill9().unwrap();
    let started = Instant::now();
    let error = consumer.commit(0, 1, "away").unwrap_err();
    assert!(matches!(error, CommitError::Unavailable { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30), "came back after {:?}", started.elapsed());
    server.restart().unwrap();
    let deadline = Instant::now() + DEADLINE;
    while let Err(error) = consumer.commit(0, 1, "after") {
        assert!(Instant::now() < deadline && !matches!(error, CommitError::Refused { .. }), "{error}");
    }
    assert_eq!(broker.committed("group", &topic, 0).unwrap().unwrap().metadata, "after");
}

/// Who rests behind each failed poll, as everybody does, would otherwise hear of an absence for minutes after it is over.
#[test]
fn what_is_told_of_one_absence_of_the_broker_is_one_failed_poll() {
    let mut server = KafkaServer::start().expect("a real Kafka: run make stack");
    let broker = open(&server.bootstrap, Limits::default());
    let topic = new_topic(&broker, 1, KEEP);
    let member = |group: &str| {
        let mut member = broker.consumer(group, &topic, StartAt::Earliest).unwrap();
        wait_for_partitions(&mut member, &mut Vec::new(), 1);
        member
    };
    let (mut busy, mut listening) = (member("busy"), member("listening"));
    server.kill9().unwrap();
    // The one hears what is told meanwhile, and for the other as much piles up.
    let (mut told, deadline) = (0, Instant::now() + DEADLINE);
    while told < 8 {
        assert!(Instant::now() < deadline, "only {told} times told");
        told += usize::from(listening.poll(Duration::from_millis(50), 1, &mut |_| {}).is_err());
    }
    server.restart().unwrap();
    append(&broker, &topic, vec![record(0, "k", "v")]);
    let (mut failures, mut records, deadline) = (Vec::new(), 0, Instant::now() + DEADLINE);
    while records == 0 {
        assert!(Instant::now() < deadline, "no record came: {failures:?}");
        let polled = busy.poll(Duration::from_secs(1), 1, &mut |_| records += 1);
        failures.extend(polled.err().map(|error| error.to_string()));
    }
    // What is told while a poll goes on, or before this member is connected again, may come by itself.
    assert!(failures.len() < told / 2, "{failures:?}");
}

#[test]
fn topics_are_made_with_the_retention_that_was_asked_for() {
    let broker = open(&SERVER.bootstrap, Limits::default());
    let retained = Cleanup::Delete { retention_ms: Some(60_000), retention_bytes: Some(1_000_000) };
    let topic = new_topic(&broker, 1, retained);
    append(&broker, &topic, vec![record(0, "k", "v")]);
    let output = kafka_configs(&SERVER.bootstrap, &topic);
    for setting in ["retention.ms=60000", "retention.bytes=1000000", "message.timestamp.type=LogAppendTime"] {
        assert!(output.contains(setting), "{setting} is not in {output}");
    }
}

/// Kafka's own tool says how the topic is configured.
fn kafka_configs(bootstrap: &str, topic: &str) -> String {
    let libs = tests::servers::stack_folder().join("kafka/libs/*");
    let output = std::process::Command::new("java")
        .arg("-cp")
        .arg(libs)
        .args(["kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, "--describe", "--topic", topic])
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn open(bootstrap: &str, limits: Limits) -> Broker {
    Broker::connect_kafka(bootstrap, settings(), limits).expect("Kafka answers")
}

/// Quick heartbeats, so that a rebalance is heard of soon.
fn settings() -> KafkaSettings {
    let properties = BTreeMap::from([("heartbeat.interval.ms".to_owned(), "300".to_owned())]);
    KafkaSettings { replication: 1, properties }
}

fn small_queue() -> Limits {
    Limits { queue_bytes_max: 64 * 1_024, ..Limits::default() }
}
