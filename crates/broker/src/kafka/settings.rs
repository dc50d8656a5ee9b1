//! How clients of Kafka are configured. What correctness rests on is set here, last, and cannot be overridden.

use std::{collections::BTreeMap, fmt, time::Duration};

use mutation::Mutation;
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use crate::Limits;

/// Milliseconds that the producer waits for more records to share a request with. `ingest` packs events itself, so it is small.
pub(super) const LINGER_MS: u32 = 2;
/// Milliseconds between two tries to reach a broker that is away; the default of 10 s would be seen as lag after each restart.
const RECONNECT_BACKOFF_MAX_MS: u32 = 1_000;
/// Milliseconds after which the cluster itself ends a transaction that nobody goes on with. Longer than we wait for one to end.
const TRANSACTION_TIMEOUT_MS: u32 = 60_000;
/// Milliseconds after which a record of a transaction fails, and the transaction with it.
const TRANSACTION_DELIVERY_TIMEOUT_MS: u32 = 30_000;
/// KiB of records that a consumer fetches ahead.
const FETCHED_AHEAD_KIB: u32 = 32_768;
/// Milliseconds until a consumer whose buffer was full fetches again; the default of a second would be seen as lag.
const FETCH_QUEUE_BACKOFF_MS: u32 = 20;
/// KiB that librdkafka's own producer queue may hold: far beyond ours, so that only `Limits::queue_bytes_max` counts.
const PRODUCER_QUEUE_KIB: u32 = 2_147_483_647;

/// How the names of librdkafka's secret properties end.
const SECRET_ENDINGS: &[&str] = &["password", "passphrase", "secret", "key.pem"];

/// Is this property of librdkafka one whose value is a secret, which does not stand in a configuration that everybody may read?
#[must_use]
pub fn is_secret_property(name: &str) -> bool {
    SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// How to reach a cluster, beside its address. Prints without the values of properties.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Copies of each partition, for topics that are made: 3 in a cluster, 1 on one node.
    pub replication: u16,
    /// Other properties of librdkafka, by its own names (`security.protocol`, `sasl.username`, `session.timeout.ms` …). May hold secrets.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self { replication: 1, properties: BTreeMap::new() }
    }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.properties.keys().collect();
        f.debug_struct("KafkaSettings").field("replication", &self.replication).field("properties", &names).finish()
    }
}

/// What every client has.
pub(super) fn client_config(bootstrap: &str, settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "daylight");
    config.set("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MAX_MS.to_string());
    // Whether what is not committed counts is not to be chosen. Producers, too, ask by it where a partition ends.
    for (name, value) in settings.properties.iter().filter(|(name, _)| *name != "isolation.level") {
        config.set(name, value);
    }
    config.set("bootstrap.servers", bootstrap);
    config.set("log.connection.close", "false");
    config.set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// A producer that neither loses nor doubles nor reorders within a partition.
pub(super) fn producer_config(client: &ClientConfig, limits: &Limits) -> ClientConfig {
    let mut config = client.clone();
    let is_idempotent = if Mutation::ProduceWithoutIdempotence.is_made() { "false" } else { "true" };
    config.set("enable.idempotence", is_idempotent);
    // What is refused ends the producer, and what is late we look at ourselves: see `producer.rs`.
    config.set("enable.gapless.guarantee", is_idempotent);
    config.set("delivery.timeout.ms", "0");
    config.set("acks", "all");
    config.set("compression.type", "lz4");
    config.set("linger.ms", LINGER_MS.to_string());
    config.set("queue.buffering.max.messages", "0");
    config.set("queue.buffering.max.kbytes", PRODUCER_QUEUE_KIB.to_string());
    config.set("message.max.bytes", message_bytes_max(limits).to_string());
    config
}

/// The producer of a sole writer: it alone, by its name.
pub(super) fn sole_writer_config(client: &ClientConfig, limits: &Limits, name: &str) -> ClientConfig {
    let mut config = producer_config(client, limits);
    config.set("enable.idempotence", "true");
    config.set("enable.gapless.guarantee", "false");
    config.set("delivery.timeout.ms", TRANSACTION_DELIVERY_TIMEOUT_MS.to_string());
    config.set("transactional.id", name);
    config.set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
    config
}

/// A member of a group, or a reader without one: commits only what it is told, jumps nowhere in silence.
pub(super) fn consumer_config(client: &ClientConfig, group: &str) -> ClientConfig {
    let mut config = client.clone();
    config.set("group.id", group);
    config.set("partition.assignment.strategy", "cooperative-sticky");
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config.set("auto.offset.reset", "error");
    config.set("allow.auto.create.topics", "false");
    config.set("isolation.level", "read_committed");
    config.set("enable.partition.eof", "false");
    // librdkafka goes on behind a batch whose checksum is wrong. Read without, its records become dead letters, or cannot be read at all.
    config.set("check.crcs", "false");
    config.set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB.to_string());
    config.set("fetch.queue.backoff.ms", FETCH_QUEUE_BACKOFF_MS.to_string());
    config
}

/// A member whose death is noticed after `session_timeout`, or after what the configuration says if that is less.
pub(super) fn quick_consumer_config(client: &ClientConfig, group: &str, session_timeout: Duration) -> ClientConfig {
    let mut config = consumer_config(client, group);
    let configured_ms = config.get("session.timeout.ms").and_then(|value| value.parse::<u128>().ok());
    let timeout_ms = session_timeout.as_millis().min(configured_ms.unwrap_or(u128::MAX)).max(1);
    config.set("session.timeout.ms", timeout_ms.to_string());
    // A third, as Kafka advises: one beat may be lost on the way.
    config.set("heartbeat.interval.ms", (timeout_ms / 3).max(1).to_string());
    config
}

/// Kafka counts a record batch with its heads: what a record of `record_bytes_max` may come to.
pub(super) fn message_bytes_max(limits: &Limits) -> u32 {
    limits.record_bytes_max.saturating_add(64 * 1_024)
}

/// What librdkafka says, through our own telemetry.
pub(super) fn tell_log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    // That a setting of ours counts as an experiment is nothing that an operator could act on.
    if facility == "CONFWARN" && message.contains("enable.gapless.guarantee") {
        return;
    }
    tracing::warn!(?level, facility, message, "librdkafka");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_member_is_missed_after_its_own_time_or_the_configurations_if_that_is_less() {
        for (configured, expected, beat) in
            [(None, "6000", "2000"), (Some("45000"), "6000", "2000"), (Some("3000"), "3000", "1000")]
        {
            let mut settings = KafkaSettings::default();
            settings.properties.extend(configured.map(|value| ("session.timeout.ms".to_owned(), value.to_owned())));
            let config = quick_consumer_config(&client_config("host:9092", &settings), "group", Duration::from_secs(6));
            assert_eq!(config.get("session.timeout.ms"), Some(expected), "{configured:?}");
            assert_eq!(config.get("heartbeat.interval.ms"), Some(beat), "{configured:?}");
            assert_eq!(config.get("enable.auto.commit"), Some("false"), "what correctness rests on stays");
        }
    }

    #[test]
    fn what_is_read_as_committed_and_where_it_ends_cannot_be_configured_otherwise() {
        let mut settings = KafkaSettings::default();
        for (name, value) in
            [("isolation.level", "read_uncommitted"), ("enable.partition.eof", "true"), ("check.crcs", "true")]
        {
            settings.properties.insert(name.to_owned(), value.to_owned());
        }
        let client = client_config("host:9092", &settings);
        let consumer = consumer_config(&client, "group");
        assert_eq!(consumer.get("isolation.level"), Some("read_committed"));
        assert_eq!((consumer.get("enable.partition.eof"), consumer.get("check.crcs")), (Some("false"), Some("false")));
        // A producer asks where a partition ends, by librdkafka's default, which is the same.
        assert_eq!(producer_config(&client, &Limits::default()).get("isolation.level"), None);
    }
}
