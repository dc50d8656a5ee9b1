//! A real Kafka behind TLS and a password, as managed ones are: a part of the contract holds there, and who may not come in is told why.

use std::{
    collections::BTreeMap,
    sync::LazyLock,
    time::{Duration, Instant},
};

use broker::{Broker, KafkaSettings, Limits, OpenError};
use tests::{
    servers::kafka::{KafkaServer, Seal},
    tls::Authority,
};

use crate::contract::{groups, records, topics};

const USER: &str = "daylight";
const PASSWORD: &str = "planted-kafka-password";
/// What cannot get better by waiting is told at once; on a busy machine, that is within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

struct Sealed {
    server: KafkaServer,
    authority: Authority,
    // Beside the server for as long as it runs.
    folder: tempfile::TempDir,
}

static SEALED: LazyLock<Sealed> = LazyLock::new(|| {
    let authority = Authority::new("Brightwater").expect("an authority");
    let certificate = authority.issue().expect("a certificate");
    let seal = Seal { certificate: &certificate, user: USER, password: PASSWORD };
    let server = KafkaServer::start_sealed(&seal).expect("a real Kafka: run make stack");
    Sealed { server, authority, folder: tempfile::tempdir().expect("a folder") }
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
fn settings_print_without_their_values() {
    let printed = format!("{:?}", KafkaSettings { replication: 1, properties: good() });
    assert!(printed.contains("sasl.password") && !printed.contains(PASSWORD), "{printed}");
}

fn open(properties: &BTreeMap<String, String>) -> Result<Broker, OpenError> {
    let settings = KafkaSettings { replication: 1, properties: properties.clone() };
    Broker::connect_kafka(&SEALED.server.bootstrap, settings, Limits::default())
}

fn good() -> BTreeMap<String, String> {
    let ca = ca_file("ca.pem", &SEALED.authority);
    [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", USER),
        ("sasl.password", PASSWORD),
        ("ssl.ca.location", &ca),
        ("heartbeat.interval.ms", "300"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn ca_file(name: &str, authority: &Authority) -> String {
    let path = SEALED.folder.path().join(name);
    std::fs::write(&path, authority.pem().unwrap()).unwrap();
    path.display().to_string()
}
