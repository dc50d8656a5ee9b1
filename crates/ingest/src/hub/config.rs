//! The sub-table `hub` of a connection: where the hub is, and how we get in.

use std::{collections::BTreeMap, path::PathBuf};

use broker::{ForeignTopic, is_secret_property};
use runtime::SecretSource;
use serde::Deserialize;

use crate::ConnectionError;

/// What Event Hubs call the user whose password is a connection string.
pub(super) const CONNECTION_STRING_USER: &str = "$ConnectionString";

/// One of `[connections.hub]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    /// `host:port`, comma separated; of Event Hubs `NAMESPACE.servicebus.windows.net:9093`.
    pub brokers: String,
    /// The topic: the name of the event hub.
    pub topic: String,
    /// The group that we read as. All processes that name the same one share the hub's partitions.
    #[serde(default = "group")]
    pub group: String,
    /// The user for SASL PLAIN. Event Hubs call it `$ConnectionString`.
    #[serde(default = "user")]
    pub user: String,
    /// Its password: the connection string of a policy that may listen.
    pub password: SecretSource,
    /// The authorities that vouch for the hub, as PEM; empty for those of the machine.
    #[serde(default)]
    pub ca_file: PathBuf,
    /// Further properties of librdkafka, by its own names, for a Kafka that is no event hub (`sasl.mechanism`, …). None of them is a secret.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

impl HubConfig {
    /// How the hub is reached. Reads the secret.
    pub(super) fn topic(&self, connection: &str) -> Result<ForeignTopic, ConnectionError> {
        let id = || connection.to_owned();
        for (key, value) in [("brokers", &self.brokers), ("topic", &self.topic), ("group", &self.group)] {
            if value.trim().is_empty() {
                return Err(ConnectionError::Invalid { id: id(), reason: format!("its hub has an empty {key}") });
            }
        }
        if let Some(name) = self.properties.keys().find(|name| is_secret_property(name)) {
            let reason = format!("{name:?} among its hub's properties is a secret; the password has a key of its own");
            return Err(ConnectionError::Invalid { id: id(), reason });
        }
        let password = self.password.read().map_err(|source| ConnectionError::Secret { id: id(), source })?;
        let mut properties = BTreeMap::new();
        let mut set = |name: &str, value: &str| properties.insert(name.to_owned(), value.to_owned());
        set("security.protocol", "SASL_SSL");
        set("sasl.mechanism", "PLAIN");
        set("sasl.username", &self.user);
        set("sasl.password", password.expose());
        if !self.ca_file.as_os_str().is_empty() {
            set("ssl.ca.location", &self.ca_file.display().to_string());
        }
        properties.extend(self.properties.clone());
        let (brokers, topic, group) = (self.brokers.clone(), self.topic.clone(), self.group.clone());
        Ok(ForeignTopic { brokers, topic, group, properties })
    }
}

fn group() -> String {
    "daylight".to_owned()
}

fn user() -> String {
    CONNECTION_STRING_USER.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(more: &str) -> Result<ForeignTopic, ConnectionError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("connection-string");
        std::fs::write(&file, "Endpoint=sb://planted/\n").unwrap();
        let text = format!(
            r#"{{"brokers": "x:9093", "topic": "signins", "password": {{"file": "{}"}}{more}}}"#,
            file.display()
        );
        serde_json::from_str::<HubConfig>(&text).unwrap().topic("hub")
    }

    #[test]
    fn an_event_hub_is_reached_by_plain_over_tls_with_its_connection_string() {
        let topic = topic("").unwrap();
        let property = |name: &str| topic.properties.get(name).map(String::as_str);
        assert_eq!(topic.group, "daylight");
        for (name, value) in [
            ("security.protocol", Some("SASL_SSL")),
            ("sasl.mechanism", Some("PLAIN")),
            ("sasl.username", Some("$ConnectionString")),
            ("sasl.password", Some("Endpoint=sb://planted/")),
            ("ssl.ca.location", None),
        ] {
            assert_eq!(property(name), value, "{name}");
        }
    }

    #[test]
    fn further_properties_count_unless_they_are_secrets() {
        let scram = topic(r#", "properties": {"sasl.mechanism": "SCRAM-SHA-512"}, "ca_file": "/etc/ca.pem""#).unwrap();
        assert_eq!(scram.properties.get("sasl.mechanism").map(String::as_str), Some("SCRAM-SHA-512"));
        assert_eq!(scram.properties.get("ssl.ca.location").map(String::as_str), Some("/etc/ca.pem"));
        for more in [r#", "properties": {"sasl.password": "planted"}"#, r#", "properties": {"ssl.key.pem": "planted"}"#]
        {
            let words = topic(more).unwrap_err().to_string();
            assert!(words.contains("is a secret") && !words.contains("planted"), "{words}");
        }
    }

    #[test]
    fn a_hub_without_a_name_is_refused() {
        for more in [r#", "group": " ""#, r#", "group": """#] {
            assert!(topic(more).unwrap_err().to_string().contains("empty group"));
        }
    }
}
