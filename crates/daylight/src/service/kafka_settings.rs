//! How the Kafka of our log is reached: librdkafka's properties by its own names, and the secret ones among them from where secrets live.
//!
//! What is wrong or missing is told when the configuration is read, by `check-config` too; librdkafka itself would say at the first
//! connection that "authentication failed", or take a password from a file that everybody may read.

use std::collections::BTreeMap;

use broker::{KafkaSettings, is_secret_property};

use super::BadConfig;
use crate::config::LogConfig;

/// Looks at names alone: reads no secret.
pub(super) fn check(config: &LogConfig) -> Result<(), BadConfig> {
    let (properties, secrets) = (&config.kafka_properties, &config.kafka_secrets);
    for name in properties.keys() {
        if is_secret_property(name) {
            return Err(BadConfig(format!(
                "[log.kafka_properties] {name:?}: a secret does not stand in the configuration; write {name:?} = {{ file = \"…\" }} under [log.kafka_secrets]"
            )));
        }
        if secrets.contains_key(name) {
            return Err(BadConfig(format!(
                "[log.kafka_secrets] {name:?} is among [log.kafka_properties] too; keep one"
            )));
        }
    }
    let is_there = |name: &str| properties.contains_key(name) || secrets.contains_key(name);
    let missing = ["sasl.username", "sasl.password"].into_iter().find(|name| !is_there(name));
    match missing {
        Some(name) if asks_for_a_password(properties) => Err(BadConfig(format!(
            "[log.kafka_properties] \"security.protocol\" asks for a password, and {name:?} is missing: write it under {}",
            if name == "sasl.username" { "[log.kafka_properties]" } else { "[log.kafka_secrets]" }
        ))),
        _ => Ok(()),
    }
}

/// Reads the secrets and puts them among the properties.
pub(super) fn read(config: &LogConfig) -> Result<KafkaSettings, BadConfig> {
    let mut properties = config.kafka_properties.clone();
    for (name, source) in &config.kafka_secrets {
        let secret = source.read().map_err(|error| BadConfig(format!("[log.kafka_secrets] {name:?}: {error}")))?;
        properties.insert(name.clone(), secret.expose().to_owned());
    }
    Ok(KafkaSettings { replication: config.replication, properties })
}

/// SASL with a mechanism of user and password: PLAIN, or SCRAM of any length. librdkafka's own default is Kerberos.
fn asks_for_a_password(properties: &BTreeMap<String, String>) -> bool {
    let value = |name: &str| properties.get(name).map(|value| value.to_ascii_uppercase()).unwrap_or_default();
    let mechanism = format!("{}{}", value("sasl.mechanism"), value("sasl.mechanisms"));
    value("security.protocol").starts_with("SASL_") && (mechanism == "PLAIN" || mechanism.starts_with("SCRAM-"))
}

#[cfg(test)]
mod tests {
    use runtime::SecretSource;

    use super::*;

    fn config(properties: &[(&str, &str)], secrets: &[&str]) -> LogConfig {
        LogConfig {
            kafka_properties: properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            kafka_secrets: secrets.iter().map(|name| ((*name).into(), SecretSource::Env("NOT_THERE".into()))).collect(),
            ..LogConfig::default()
        }
    }

    #[test]
    fn what_is_missing_or_does_not_belong_there_is_told_by_its_name() {
        let plain = [("security.protocol", "sasl_ssl"), ("sasl.mechanism", "PLAIN"), ("sasl.username", "daylight")];
        let scram = [("security.protocol", "SASL_SSL"), ("sasl.mechanisms", "SCRAM-SHA-512")];
        let password = &["sasl.password"];
        for (what, config, told) in [
            ("nothing said", config(&[], &[]), ""),
            ("all there", config(&plain, password), ""),
            ("a certificate of ours", config(&[("security.protocol", "SSL")], &["ssl.key.pem"]), ""),
            ("a user that is a secret", config(&scram, &["sasl.username", "sasl.password"]), ""),
            ("no password", config(&plain, &[]), "\"sasl.password\" is missing"),
            ("no user", config(&scram, password), "\"sasl.username\" is missing"),
            ("an open password", config(&[("sasl.password", "planted")], &[]), "under [log.kafka_secrets]"),
            ("an open key", config(&[("ssl.key.pem", "planted")], &[]), "under [log.kafka_secrets]"),
            ("twice", config(&plain, &["sasl.username", "sasl.password"]), "keep one"),
        ] {
            let words = check(&config).err().map(|error| error.0).unwrap_or_default();
            assert!(words.contains(told) && words.is_empty() == told.is_empty(), "{what}: {words:?}");
            assert!(!words.contains("planted"), "{what}: {words}");
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_told_by_the_name_of_its_property() {
        let words = read(&config(&[], &["sasl.password"])).err().map(|error| error.0).unwrap_or_default();
        assert!(words.contains("[log.kafka_secrets]") && words.contains("sasl.password"), "{words}");
        assert!(words.contains("NOT_THERE"), "{words}");
    }
}
