//! A real Kafka behind TLS and a password, as managed ones are: a part of the contract holds there, and who may not come in is told why.

use std::{
    collections::BTreeMap,
    sync::LazyLock,
    time::{Duration, Instant},
};

use broker::{Broker, Cleanup, ForeignTopic, KafkaSettings, Limits, OpenError, Step, TopicSpec};
use tests::{
    servers::kafka::{KafkaServer, STRANGER, Seal},
    tls::Authority,
};

use crate::contract::{groups, records, topics};

const USER: &str = "daylight";
const PASSWORD: &str = "planted-kafka-password";
/// What cannot get better by waiting is told at once; on a busy machine, that is within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

/// A way in that ends well, or at an answer, ends long before this.
const VISITED_WITHIN: Duration = Duration::from_secs(120);

struct Sealed {
    server: KafkaServer,
    /// Written once: who reads it while another writes it finds no certificate in it.
    ca_file: String,
    // Beside the server for as long as it runs.
    folder: tempfile::TempDir,
}

static SEALED: LazyLock<Sealed> = LazyLock::new(|| {
    let authority = Authority::new("Brightwater").expect("an authority");
    let certificate = authority.issue().expect("a certificate");
    let seal = Seal { certificate: &certificate, user: USER, password: PASSWORD };
    let server = KafkaServer::start_sealed(&seal).expect("a real Kafka: run make stack");
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = written(&folder, "ca.pem", &authority);
    Sealed { server, ca_file, folder }
});

#[test]
fn records_come_back_in_order_with_keys_values_and_times() {
    records::records_come_back_in_order_with_keys_values_and_times(&|| open(&good()).expect("Kafka answers"));
}

#[test]
fn a_commit_and_its_metadata_are_there_after_opening_again() {
    groups::a_commit_and_its_metadata_are_there_after_opening_again(&|| open(&good()).expect("Kafka answers"));
}

#[test]
fn a_log_id_stays_and_a_recreated_topic_has_another() {
    topics::a_log_id_stays_and_a_recreated_topic_has_another(&|| open(&good()).expect("Kafka answers"));
}

#[test]
fn who_may_not_come_in_is_told_why_and_soon_and_without_the_password() {
    let stranger = Authority::new("Nobody you know").unwrap();
    let cases = [
        ("a wrong password", "sasl.password", format!("{PASSWORD}-wrong"), "uthentication failed"),
        ("another authority", "ssl.ca.location", ca_file("stranger.pem", &stranger), "certificate verify failed"),
        ("no such file", "ssl.ca.location", "/nowhere/ca.pem".to_owned(), "ssl.ca.location"),
        ("no such mechanism", "sasl.mechanism", "SCRAM-SHA-512".to_owned(), "SCRAM-SHA-512"),
        ("a name that there is none of", "sasl.pasword", PASSWORD.to_owned(), "sasl.pasword"),
    ];
    for (what, name, value, expected) in cases {
        let mut properties = good();
        properties.insert(name.to_owned(), value);
        let began = Instant::now();
        let error = open(&properties).err().unwrap_or_else(|| panic!("{what}: it came in"));
        let (words, took) = (error.to_string(), began.elapsed());
        assert!(matches!(error, OpenError::Failed { .. }) && words.contains(expected), "{what}: {words}");
        assert!(!words.contains(PASSWORD), "{what}: the password is told");
        assert!(took < TOLD_WITHIN, "{what}: told after {took:?}");
    }
}

#[test]
fn a_foreign_topic_says_at_which_step_the_way_in_ends() {
    let topic = TopicSpec {
        name: "foreign".to_owned(),
        partitions: 2,
        cleanup: Cleanup::Delete { retention_ms: None, retention_bytes: None },
    };
    open(&good()).expect("Kafka answers").ensure_topics(&[topic]).unwrap();
    let whole = ForeignTopic {
        brokers: SEALED.server.bootstrap.clone(),
        topic: "foreign".to_owned(),
        group: "visitors".to_owned(),
        properties: good(),
    };
    assert_eq!(whole.check(VISITED_WITHIN), Ok(()));
    let with = |properties: &[(&str, &str)]| {
        let mut changed = whole.clone();
        changed.properties.extend(properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        changed
    };
    let stranger_ca = ca_file("nobody.pem", &Authority::new("Nobody you know").unwrap());
    let short = Duration::from_secs(2);
    for (what, visitor, within, step, is_forbidden, word) in [
        (
            "nobody listens",
            ForeignTopic { brokers: "127.0.0.1:1".into(), ..whole.clone() },
            short,
            Step::Address,
            false,
            "127.0.0.1:1",
        ),
        (
            "another authority",
            with(&[("ssl.ca.location", &stranger_ca)]),
            VISITED_WITHIN,
            Step::Tls,
            false,
            "certificate verify failed",
        ),
        (
            "a wrong password",
            with(&[("sasl.password", "planted-wrong")]),
            VISITED_WITHIN,
            Step::Login,
            false,
            "uthentication failed",
        ),
        (
            "no such topic",
            ForeignTopic { topic: "nowhere".into(), ..whole.clone() },
            VISITED_WITHIN,
            Step::Topic,
            false,
            "nowhere",
        ),
        (
            "one who may not",
            with(&[("sasl.username", STRANGER.0), ("sasl.password", STRANGER.1)]),
            VISITED_WITHIN,
            Step::Topic,
            true,
            "uthorization",
        ),
        ("no such setting", with(&[("sasl.pasword", "planted")]), short, Step::Settings, false, "sasl.pasword"),
    ] {
        let Err(obstacle) = visitor.check(within) else { panic!("{what}: it came in") };
        assert_eq!((obstacle.step, obstacle.is_forbidden), (step, is_forbidden), "{what}: {obstacle:?}");
        assert!(obstacle.reason.contains(word) && !obstacle.reason.contains("planted"), "{what}: {obstacle:?}");
    }
}

#[test]
fn settings_print_without_their_values() {
    let printed = format!("{:?}", KafkaSettings { replication: 1, properties: good() });
    assert!(printed.contains("sasl.password") && !printed.contains(PASSWORD), "{printed}");
}

fn open(properties: &BTreeMap<String, String>) -> Result<Broker, OpenError> {
    let settings = KafkaSettings { replication: 1, properties: properties.clone() };
    Broker::connect_kafka(&SEALED.server.bootstrap, settings, Limits::default())
}

fn good() -> BTreeMap<String, String> {
    let ca = SEALED.ca_file.as_str();
    [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", USER),
        ("sasl.password", PASSWORD),
        ("ssl.ca.location", ca),
        ("heartbeat.interval.ms", "300"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn ca_file(name: &str, authority: &Authority) -> String {
    written(&SEALED.folder, name, authority)
}

fn written(folder: &tempfile::TempDir, name: &str, authority: &Authority) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, authority.pem().unwrap()).unwrap();
    path.display().to_string()
}
