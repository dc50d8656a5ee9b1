//! A real Kafka whose answers get lost on the way: what was done is done once, and who asked finds out.

use std::{
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use broker::{AppendError, Broker, Cleanup, CommitError, Limits, StartAt, TopicSpec};
use tests::servers::{Fault, FaultProxy, Schedule, kafka::KafkaServer};

use crate::contract::{KEEP, append, new_topic, read_all, record, wait_for_partitions};

/// The seed of the faults.
const SEED: u64 = 5;
/// How long the faults of a test may take. Each costs a connection, and more on a busy machine.
const FAULTS_WITHIN: Duration = Duration::from_secs(240);

static PROXIED: LazyLock<(KafkaServer, FaultProxy)> =
    LazyLock::new(|| KafkaServer::start_behind_proxy(SEED).expect("a real Kafka: run make stack"));

/// Through the proxy, and through the open door.
fn open_both() -> (Broker, Broker, &'static FaultProxy) {
    open_both_with(Limits::default())
}

fn open_both_with(limits: Limits) -> (Broker, Broker, &'static FaultProxy) {
    let (server, proxy) = &*PROXIED;
    let mut settings = crate::settings();
    // Back soon, so that the test takes seconds.
    for (name, value) in
        [("reconnect.backoff.ms", "10"), ("reconnect.backoff.max.ms", "50"), ("retry.backoff.ms", "20")]
    {
        settings.properties.insert(name.to_owned(), value.to_owned());
    }
    let [proxied, direct] = [proxy.address(), &server.bootstrap]
        .map(|bootstrap| Broker::connect_kafka(bootstrap, settings.clone(), limits).expect("Kafka answers"));
    (proxied, direct, proxy)
}

fn schedule(per_thousand: &[(Fault, u64)]) -> Schedule {
    Schedule { per_thousand: per_thousand.iter().copied().collect(), hold: Duration::from_millis(300) }
}

#[test]
fn a_record_whose_acknowledgement_is_lost_is_sent_again_and_stored_once() {
    let (broker, direct, proxy) = open_both();
    let topic = new_topic(&broker, 1, KEEP);
    let lost = [(Fault::LoseResponse, 200), (Fault::CutResponse, 100), (Fault::HoldResponse, 30)];
    let others = [(Fault::DropRequest, 50), (Fault::CutRequest, 50), (Fault::DelayRequest, 20)];
    proxy.schedule_of("Produce", schedule(&[lost.as_slice(), &others, &[(Fault::DelayResponse, 20)]].concat()));
    let (mut values, deadline) = (Vec::new(), Instant::now() + FAULTS_WITHIN);
    // Each alone, so that each is a request of its own.
    while proxy.faults_of("Produce").get(&Fault::LoseResponse).is_none_or(|times| *times < 8) {
        assert!(Instant::now() < deadline, "only {:?}", proxy.faults_of("Produce"));
        let value = format!("value {}", values.len());
        append(&broker, &topic, vec![record(0, "k", &value)]);
        values.push(value.into_bytes());
    }
    proxy.schedule_of("Produce", Schedule::default());
    let there: Vec<Vec<u8>> = read_all(&direct, &topic, 0).into_iter().filter_map(|(_, _, value)| value).collect();
    assert_eq!(there, values, "after {:?}", proxy.faults_of("Produce"));
}

/// What `make chaos` found: librdkafka gives a producer another id when a record is too late, and sends under it what it holds of other partitions,
/// also what Kafka has already.
#[test]
fn a_record_that_comes_too_late_doubles_no_other_one() {
    const WAITS: Duration = Duration::from_secs(15);
    let (broker, direct, proxy) = open_both_with(Limits { acknowledged_within: WAITS, ..Limits::default() });
    // A machine may be so slow that the second is late, too: then once more.
    for turn in 0..10 {
        let [late, taken] = ["late", "taken"].map(|name| format!("{name}-{turn}-{}", std::process::id()));
        let spec = |name: &String| TopicSpec { name: name.clone(), partitions: 1, cleanup: KEEP };
        broker.ensure_topics(&[spec(&late), spec(&taken)]).expect("the topics are made");
        let [of_late, of_taken] = [&late, &taken].map(|name| format!("Produce {name}"));
        proxy.schedule_of(&of_late, schedule(&[(Fault::DropRequest, 1_000)]));
        proxy.schedule_of(&of_taken, schedule(&[(Fault::LoseResponse, 1_000)]));
        let began = Instant::now();
        let first = broker.append(&late, record(0, "k", "late")).unwrap();
        // So much later that it is not too late when the first is.
        while began.elapsed() < WAITS / 3 {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let second = broker.append(&taken, record(0, "k", "taken")).unwrap();
        while proxy.faults_of(&of_taken).is_empty() && began.elapsed() < WAITS * 2 / 3 {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let is_taken = !proxy.faults_of(&of_taken).is_empty();
        proxy.schedule_of(&of_taken, schedule(&[(Fault::DropRequest, 1_000)]));
        for (record, ack) in [("late", first), ("with it", second)] {
            let error = ack.wait().unwrap_err();
            assert!(matches!(error, AppendError::Unavailable { .. }), "{record}: {error}");
        }
        [&of_late, &of_taken].into_iter().for_each(|text| proxy.schedule_of(text, Schedule::default()));
        append(&broker, &taken, vec![record(0, "k", "after")]);
        if is_taken {
            let there: Vec<Vec<u8>> =
                read_all(&direct, &taken, 0).into_iter().filter_map(|(_, _, value)| value).collect();
            assert_eq!(there, [&b"taken"[..], b"after"]);
            return;
        }
    }
    panic!("no record was taken in time");
}

#[test]
fn a_commit_whose_answer_is_lost_counts_and_may_be_done_again() {
    let (broker, direct, proxy) = open_both();
    let topic = new_topic(&broker, 1, KEEP);
    append(&broker, &topic, vec![record(0, "k", "v")]);
    let mut consumer = broker.consumer("proxied", &topic, StartAt::Earliest).unwrap();
    wait_for_partitions(&mut consumer, &mut Vec::new(), 1);
    let committed = || direct.committed("proxied", &topic, 0).unwrap().map(|committed| committed.metadata);
    proxy.schedule_of("OffsetCommit", schedule(&[(Fault::LoseResponse, 1_000)]));
    let error = consumer.commit(0, 1, "unheard").unwrap_err();
    assert!(matches!(error, CommitError::Unavailable { .. }), "{error}");
    assert_eq!(committed().as_deref(), Some("unheard"), "the commit was applied, and its answer lost");
    proxy.schedule_of("OffsetCommit", schedule(&[(Fault::LoseResponse, 300), (Fault::CutResponse, 100)]));
    let deadline = Instant::now() + FAULTS_WITHIN;
    for number in 0..20 {
        let metadata = format!("commit {number}");
        while let Err(error) = consumer.commit(0, 1, &metadata) {
            let goes_on = matches!(error, CommitError::Unavailable { .. }) && Instant::now() < deadline;
            assert!(goes_on, "{metadata}: {error}");
        }
        assert_eq!(committed(), Some(metadata), "what was committed before came after");
    }
    proxy.schedule_of("OffsetCommit", Schedule::default());
    let lost = proxy.faults_of("OffsetCommit");
    assert!(lost.get(&Fault::LoseResponse).is_some_and(|times| *times > 2), "{lost:?}");
}

/// What a writer has on its way when another takes its place: its records are in the log, and the word that they count arrives too late.
#[test]
fn what_a_sole_writer_had_on_its_way_when_another_began_never_counts() {
    let (proxied, direct, proxy) = open_both();
    let topic = new_topic(&direct, 1, Cleanup::Compact);
    let mut first = proxied.sole_writer(&topic, 0).unwrap();
    first.append_all(&[record(0, "a", "1")]).unwrap();
    proxy.schedule_of("EndTxn", Schedule { per_thousand: [(Fault::DelayRequest, 1_000)].into(), hold: FAULTS_WITHIN });
    let late = thread::spawn(move || first.append_all(&[record(0, "a", "of old")]));
    let deadline = Instant::now() + FAULTS_WITHIN;
    while proxy.faults_of("EndTxn").is_empty() {
        assert!(Instant::now() < deadline, "nothing is on its way");
        thread::park_timeout(Duration::from_millis(10));
    }
    let mut second = direct.sole_writer(&topic, 0).unwrap();
    let values = || read_all(&direct, &topic, 0).into_iter().filter_map(|(_, _, value)| value).collect::<Vec<_>>();
    assert_eq!(values(), [b"1"], "it is not among what whoever begins reads");
    second.append_all(&[record(0, "a", "2")]).unwrap();
    proxy.schedule_of("EndTxn", Schedule::default());
    proxy.let_go();
    let error = late.join().unwrap().unwrap_err();
    assert!(matches!(error, AppendError::Fenced { .. }), "{error}");
    assert_eq!(values(), [b"1", b"2"]);
}
