//! The whole process on a real embedded log, against receivers that refuse, hang up and stay away: each receiver is told of each alert, and
//! never again after its 2xx.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use std::{
    collections::{BTreeMap, HashMap},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use broker::{Broker, Cleanup, Limits, Record, TopicSpec, partition_of};
use codec::Topic;
use event::{
    Alert, AlertId, AlertState, Coordinates, Delivery, DeliveryState, EventId, Factor, Severity, Timestamp, UserKey,
};
use notify::{Config, Notify, NotifyError, ReceiverConfig, ReceiverKind, Setup, SeverityMin};
use runtime::{Health, HttpClients, Registry, Shutdown, TlsConfig};
use tokio::task::JoinHandle;

const PARTITIONS: u32 = 2;
const DEADLINE: Duration = Duration::from_secs(60);

/// What a receiver does with a post: the alert's number and how often it has been posted before.
type Manners = fn(u128, usize) -> Answer;

enum Answer {
    Status(u16),
    HangUp,
}

/// A receiver that remembers what it was sent and what it said.
struct Site {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    posts: HashMap<u128, usize>,
    accepted: BTreeMap<u128, usize>,
    manners: Option<Manners>,
}

impl Site {
    fn open(manners: Manners) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen { manners: Some(manners), ..Seen::default() }));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = Arc::clone(&shared);
                thread::spawn(move || serve(&mut stream.unwrap(), &seen));
            }
        });
        Site { url, seen }
    }

    fn behave(&self, manners: Manners) {
        self.seen.lock().unwrap().manners = Some(manners);
    }

    /// Alert → how often a 2xx was said.
    fn accepted(&self) -> BTreeMap<u128, usize> {
        self.seen.lock().unwrap().accepted.clone()
    }

    fn posts(&self) -> usize {
        self.seen.lock().unwrap().posts.values().sum()
    }
}

fn serve(stream: &mut TcpStream, seen: &Mutex<Seen>) {
    let mut bytes = Vec::new();
    let body = loop {
        let mut chunk = [0; 16 << 10];
        let Ok(count @ 1..) = stream.read(&mut chunk) else { return };
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        if body.len() >= length.unwrap().parse().unwrap() {
            break body.to_owned();
        }
    };
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let alert = u128::from_str_radix(body["alert_id"].as_str().unwrap(), 16).unwrap();
    let mut seen = seen.lock().unwrap();
    let before = seen.posts.entry(alert).or_default();
    *before += 1;
    let before = *before - 1;
    let answer = seen.manners.unwrap()(alert, before);
    if let Answer::Status(status) = answer {
        if status == 200 {
            *seen.accepted.entry(alert).or_default() += 1;
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).ok();
    }
}

fn tenant(number: u128) -> String {
    format!("tenant-{}", number % 5)
}

fn alert(number: u128) -> Alert {
    Alert {
        id: AlertId(number),
        tenant: tenant(number),
        rule: "N1".into(),
        rule_version: 1,
        severity: Severity::High,
        state: AlertState::Raised,
        score: 50,
        factors: vec![Factor { name: "new".into(), points: 50 }],
        title: "A new app".into(),
        description: String::new(),
        subject: format!("okta:app_id:{number}"),
        episode: String::new(),
        app_key: format!("okta:app_id:{number}"),
        app_ref: String::new(),
        app_name: "Notes".into(),
        looks_like: String::new(),
        user_key: UserKey(7),
        department: String::new(),
        people: 1,
        evidence: vec![EventId(number)],
        evidence_query: String::new(),
        alternative: String::new(),
        prevention: String::new(),
        technique: String::new(),
        occurred_at: Timestamp(1_700_000_000_000),
        received_at: Timestamp(1_700_000_000_000),
        logged_at: hours_ago(0),
        is_late: false,
        coordinates: Coordinates::default(),
        tables_version: String::new(),
    }
}

fn open(folder: &Path) -> Broker {
    let broker = Broker::open_embedded(folder, Limits::default()).unwrap();
    let delete = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let topics = [(Topic::Alerts, delete), (Topic::Deliveries, Cleanup::Compact)];
    let topics = topics.map(|(topic, cleanup)| TopicSpec { name: topic.name("t."), partitions: PARTITIONS, cleanup });
    broker.ensure_topics(&topics).unwrap();
    broker
}

fn hours_ago(hours: i64) -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap() - hours * 3_600_000)
}

fn write(broker: &Broker, numbers: impl Iterator<Item = u128>) {
    write_alerts(broker, numbers.map(alert));
}

fn write_alerts(broker: &Broker, alerts: impl Iterator<Item = Alert>) {
    let record = |alert: Alert| {
        let tenant = alert.tenant.clone().into_bytes();
        let value = Some(codec::encode_alert(&alert).unwrap());
        Record { partition: partition_of(&tenant, PARTITIONS), key: Some(tenant), value }
    };
    let acks = broker.append_all(&Topic::Alerts.name("t."), alerts.map(record).collect()).unwrap();
    acks.into_iter().for_each(|ack| {
        tokio::task::block_in_place(|| ack.wait()).unwrap();
    });
}

fn receiver(id: &str, site: &Site) -> ReceiverConfig {
    ReceiverConfig {
        id: id.to_owned(),
        kind: ReceiverKind::Webhook,
        url: site.url.clone(),
        url_secret: None,
        secret: None,
        severity_min: SeverityMin(Severity::Low),
        tenants: Vec::new(),
    }
}

fn config() -> Config {
    Config { retry_wait_ms: 2, retry_wait_max_ms: 20, requests_in_flight_max: 4, ..Config::default() }
}

fn open_notify(
    broker: &Broker,
    receivers: &[ReceiverConfig],
    config: Config,
    health: &Health,
) -> Result<Notify, NotifyError> {
    let clients = HttpClients::new(&TlsConfig::default()).unwrap();
    let (broker, topic_prefix, partitions) = (broker.clone(), "t.", PARTITIONS);
    let registry = &Registry::new();
    Notify::new(Setup { broker, topic_prefix, partitions, config, receivers, clients: &clients, registry, health })
}

struct Running {
    shutdown: Shutdown,
    health: Health,
    ended: JoinHandle<Result<(), NotifyError>>,
}

fn start(broker: &Broker, receivers: &[ReceiverConfig]) -> Running {
    start_with(broker, receivers, config())
}

fn start_with(broker: &Broker, receivers: &[ReceiverConfig], config: Config) -> Running {
    let (shutdown, health) = (Shutdown::new(), Health::new());
    let notify = open_notify(broker, receivers, config, &health).unwrap();
    let ended = tokio::spawn(notify.run(shutdown.clone()));
    Running { shutdown, health, ended }
}

impl Running {
    async fn stop(self) {
        self.shutdown.request();
        self.ended.await.unwrap().unwrap();
    }
}

/// Polls, with a deadline.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn once(numbers: impl Iterator<Item = u128>) -> BTreeMap<u128, usize> {
    numbers.map(|number| (number, 1)).collect()
}

/// Refuses, hangs up, and takes an alert at last.
fn moody(alert: u128, before: usize) -> Answer {
    match (alert + before as u128) % 4 {
        0 => Answer::Status(500),
        1 if before < 6 => Answer::HangUp,
        2 if before < 6 => Answer::Status(404),
        _ => Answer::Status(200),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receiver_is_told_of_each_alert_once_through_restarts_and_refusals() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let (good, bad) = (Site::open(moody), Site::open(|_, _| Answer::Status(503)));
    let receivers = [receiver("good", &good), receiver("bad", &bad)];
    write(&broker, 1..=120);
    for stop_at in [10, 40, 80, 119] {
        let running = start(&broker, &receivers);
        until("some are told", || good.accepted().len() >= stop_at).await;
        running.stop().await;
    }
    assert!(bad.posts() > 0 && bad.accepted().is_empty());
    bad.behave(|_, _| Answer::Status(200));
    // A replay of detection writes alerts again, under their ids.
    write(&broker, (1..=120).chain(121..=130));
    let running = start(&broker, &receivers);
    until("all are told", || good.accepted().len() == 130 && bad.accepted().len() == 130).await;
    running.stop().await;
    let running = start(&broker, &receivers);
    write(&broker, 131..=131);
    until("one more", || good.accepted().len() == 131 && bad.accepted().len() == 131).await;
    running.stop().await;
    assert_eq!(good.accepted(), once(1..=131), "never again after a 2xx");
    assert_eq!(bad.accepted(), once(1..=131), "never again after a 2xx");
    for partition in 0..PARTITIONS {
        let (_, end) = broker.watermarks("t.alerts", partition).unwrap();
        for group in ["notify-good", "notify-bad"] {
            let committed = broker.committed(group, "t.alerts", partition).unwrap();
            assert_eq!(
                committed.map_or(0, |committed| committed.offset),
                end,
                "{group}: partition {partition} is done"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_a_receiver_always_refuses_keep_no_other_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    // 40 of them, with 4 requests at a time.
    let picky = Site::open(|alert, _| Answer::Status(if alert <= 40 { 400 } else { 200 }));
    write(&broker, 1..=90);
    let running = start(&broker, &[receiver("picky", &picky)]);
    until("the others are told", || picky.accepted().len() == 50).await;
    running.stop().await;
    // What was refused is not done: the next start tries it again.
    picky.behave(|_, _| Answer::Status(200));
    let running = start(&broker, &[receiver("picky", &picky)]);
    until("all are told", || picky.accepted().len() == 90).await;
    running.stop().await;
    assert_eq!(picky.accepted(), once(1..=90));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_holds_up_no_other_however_much_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let (good, away) = (Site::open(|_, _| Answer::Status(200)), Site::open(|_, _| Answer::HangUp));
    let receivers = [receiver("good", &good), receiver("away", &away)];
    // More than the queue of the one that is away can hold.
    write(&broker, 1..=1_000);
    let config = Config { waiting_alerts_max: 300, ..config() };
    let running = start_with(&broker, &receivers, config.clone());
    until("the good one is told", || good.accepted().len() == 1_000).await;
    assert!(away.accepted().is_empty());
    away.behave(|_, _| Answer::Status(200));
    until("the other is told when it is back", || away.accepted().len() == 1_000).await;
    running.stop().await;
    assert_eq!((good.accepted(), away.accepted()), (once(1..=1_000), once(1..=1_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_receiver_is_told_of_the_last_hours_and_not_of_the_last_months() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let old = |number| Alert { logged_at: hours_ago(25), ..alert(number) };
    // The first of each partition is told, so that nothing but the time itself is there to be committed.
    write_alerts(&broker, (1..=10).map(alert).chain((11..=40).map(old)).chain((41..=50).map(alert)));
    let (first, second) = (Site::open(|_, _| Answer::Status(503)), Site::open(|_, _| Answer::Status(200)));
    // It refuses them all, so they are not done when the process stops.
    let running = start(&broker, &[receiver("first", &first)]);
    until("it is tried", || first.posts() >= 10).await;
    let is_noted = |partition| {
        let committed = broker.committed("notify-first", "t.alerts", partition).unwrap();
        committed.is_some_and(|committed| committed.metadata.starts_with("since="))
    };
    until("the time is kept", || (0..PARTITIONS).all(is_noted)).await;
    running.stop().await;
    first.behave(|_, _| Answer::Status(200));
    // What was old for it stays so: the time is not reckoned anew at the next start.
    let later = Config { new_receiver_backlog_hours: 100, ..config() };
    write(&broker, 51..=60);
    let running = start_with(&broker, &[receiver("first", &first), receiver("second", &second)], later);
    until("both are told", || first.accepted().len() == 30 && second.accepted().len() == 60).await;
    running.stop().await;
    assert_eq!((first.accepted(), second.accepted()), (once((1..=10).chain(41..=60)), once(1..=60)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_longer_ago_than_alerts_are_kept_is_removed_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let site = Site::open(|_, _| Answer::Status(200));
    let kept = |number: u128, days: i64| {
        let (tenant, at) = (tenant(number), hours_ago(days * 24));
        let key = codec::delivery_key(&tenant, AlertId(number), "site");
        let delivery = Delivery {
            tenant: tenant.clone(),
            alert_id: AlertId(number),
            receiver: "site".into(),
            state: DeliveryState::Delivered,
            attempts: 1,
            first_attempt_at: at,
            last_attempt_at: at,
            delivered_at: at,
        };
        let partition = partition_of(tenant.as_bytes(), PARTITIONS);
        let value = codec::encode_delivery(&delivery).unwrap();
        let ack = broker.append("t.deliveries", Record { partition, key: Some(key), value: Some(value) }).unwrap();
        tokio::task::block_in_place(|| ack.wait()).unwrap();
    };
    (1..=5).for_each(|number| kept(number, 91));
    (6..=10).for_each(|number| kept(number, 89));
    let running = start(&broker, &[receiver("site", &site)]);
    let remaining = || {
        let mut last = BTreeMap::new();
        for partition in 0..PARTITIONS {
            let mut visit = |record: broker::RecordRef<'_>| {
                last.insert(record.key.unwrap().to_vec(), record.value.is_some());
            };
            broker.read("t.deliveries", partition, None, &mut visit).unwrap();
        }
        last.values().filter(|is_there| **is_there).count()
    };
    until("the old ones are removed", || tokio::task::block_in_place(remaining) == 5).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_goes_takes_its_deliveries_along_and_its_new_owner_tells_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let site = Site::open(|_, _| Answer::Status(503));
    write(&broker, 1..=60);
    let receivers = [receiver("site", &site)];
    let first = start(&broker, &receivers);
    until("the first process tries", || site.posts() > 60).await;
    // The group gives the second process one of the two partitions, while every alert is being tried.
    let second = start(&broker, &receivers);
    until("the second process has its part", || second.health.reasons().is_empty()).await;
    site.behave(|_, _| Answer::Status(200));
    until("all are told", || site.accepted().len() == 60).await;
    second.stop().await;
    first.stop().await;
    let twice = site.accepted().values().map(|times| times - 1).sum::<usize>();
    assert!(twice <= config().requests_in_flight_max, "only posts under way when the partition went: {twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_newer_version_halts_and_a_broken_one_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let site = Site::open(|_, _| Answer::Status(200));
    let put = |value: Vec<u8>| {
        let record = Record { partition: 0, key: Some(b"k".to_vec()), value: Some(value) };
        tokio::task::block_in_place(|| broker.append("t.alerts", record).unwrap().wait()).unwrap();
    };
    put(b"no record".to_vec());
    write(&broker, 1..=3);
    let running = start(&broker, &[receiver("site", &site)]);
    until("the good ones are told", || site.accepted().len() == 3).await;
    put(vec![0, 0, 0, 255, 255, 1, 2, 3]);
    let error = running.ended.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("65535") && error.to_string().contains("halt"), "{error}");
}

#[tokio::test]
async fn two_receivers_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let site = Site::open(|_, _| Answer::Status(200));
    let twice = [receiver("a", &site), receiver("b", &site), receiver("a", &site)];
    let Err(error) = open_notify(&broker, &twice, config(), &Health::new()) else {
        panic!("two receivers share a name");
    };
    assert!(error.to_string().starts_with("receiver a: two receivers"), "{error}");
}
