//! Topics of Kafka: made, checked, deleted.

use std::time::{Duration, Instant};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};

use super::{Engine, native::Description, settings::message_bytes_max};
use crate::{Cleanup, OpenError, TOMBSTONE_KEPT_MS, TopicSpec};

/// How long the cluster may take to answer, or to let a new topic be seen.
const CLUSTER_ANSWERS_WITHIN: Duration = Duration::from_secs(30);

impl Engine {
    /// Makes the topic if there is none, and checks its partitions.
    pub(crate) fn ensure_topic(&self, spec: &TopicSpec) -> Result<(), OpenError> {
        let found = match self.describe(&spec.name)? {
            Some(found) => found,
            None => self.create_topic(spec)?,
        };
        if found.partitions != spec.partitions {
            let (topic, found, expected) = (spec.name.clone(), found.partitions, spec.partitions);
            return Err(OpenError::PartitionMismatch { topic, found, expected });
        }
        self.remember(&spec.name, found.partitions, spec.cleanup == Cleanup::Compact);
        Ok(())
    }

    pub(crate) fn delete_topic(&self, topic: &str) -> Result<(), OpenError> {
        self.forget(topic);
        let admin = self.admin()?;
        let results = self.wait(admin.delete_topics(&[topic], &admin_options()))?;
        match results.into_iter().find_map(Result::err) {
            None | Some((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => Ok(()),
            Some((topic, code)) => Err(self.failed(format!("deleting topic {topic}: {code}"))),
        }
    }

    /// Gives a topic more partitions, empty ones.
    pub(crate) fn raise_partitions(&self, topic: &str, partitions: u32) -> Result<(), OpenError> {
        let missing = || self.failed(format!("topic {topic} does not exist"));
        let has = self.describe(topic)?.ok_or_else(missing)?.partitions;
        if partitions < has {
            return Err(self.failed(format!("topic {topic} has {has} partitions: {partitions} cannot be")));
        }
        if partitions > has {
            let invalid = |error: std::num::TryFromIntError| self.failed(format!("topic {topic}: {error}"));
            let total = usize::try_from(partitions).map_err(invalid)?;
            let admin = self.admin()?;
            let results = self.wait(admin.create_partitions(&[NewPartitions::new(topic, total)], &admin_options()))?;
            if let Some((topic, code)) = results.into_iter().find_map(Result::err) {
                return Err(self.failed(format!("giving topic {topic} more partitions: {code}")));
            }
        }
        self.forget(topic);
        let deadline = Instant::now() + CLUSTER_ANSWERS_WITHIN;
        while Instant::now() < deadline {
            if self.describe(topic)?.is_some_and(|found| found.partitions == partitions) {
                return Ok(());
            }
        }
        Err(self.failed(format!("topic {topic} was given partitions that cannot be seen")))
    }

    /// How many members a group has.
    pub(crate) fn members(&self, group: &str) -> Result<usize, OpenError> {
        let producer = self.producer.current();
        let client = rdkafka::producer::Producer::client(&*producer);
        let found = client.fetch_group_list(Some(group), CLUSTER_ANSWERS_WITHIN);
        let found = found.map_err(|error| self.failed(format!("asking for the group {group}: {error}")))?;
        Ok(found.groups().iter().map(|group| group.members().len()).sum())
    }

    fn create_topic(&self, spec: &TopicSpec) -> Result<Description, OpenError> {
        let invalid = |error: std::num::TryFromIntError| self.failed(format!("topic {}: {error}", spec.name));
        let partitions = i32::try_from(spec.partitions).map_err(invalid)?;
        let replication = TopicReplication::Fixed(i32::from(self.settings.replication));
        let settings = topic_settings(spec, message_bytes_max(&self.limits));
        let mut topic = NewTopic::new(&spec.name, partitions, replication);
        for (name, value) in &settings {
            topic = topic.set(name, value);
        }
        let admin = self.admin()?;
        let results = self.wait(admin.create_topics(&[topic], &admin_options()))?;
        match results.into_iter().find_map(Result::err) {
            // Another process was quicker: what it made is checked like any other.
            None | Some((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            // A controller that is just being chosen.
            Some((topic, code @ (RDKafkaErrorCode::NotController | RDKafkaErrorCode::RequestTimedOut))) => {
                return Err(self.away(format!("making topic {topic}: {code}")));
            }
            Some((topic, code)) => return Err(self.failed(format!("making topic {topic}: {code}"))),
        }
        // The controller has it; the brokers learn of it a moment later.
        let deadline = Instant::now() + CLUSTER_ANSWERS_WITHIN;
        while Instant::now() < deadline {
            if let Some(found) = self.describe(&spec.name)? {
                return Ok(found);
            }
        }
        Err(self.away(format!("topic {} was made and cannot be seen", spec.name)))
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>, OpenError> {
        self.client.create().map_err(|error| self.failed(error.to_string()))
    }

    /// Runs a request of the admin client, which is async, on this thread.
    fn wait<T>(&self, request: impl Future<Output = Result<T, rdkafka::error::KafkaError>>) -> Result<T, OpenError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| self.failed(error.to_string()))?;
        runtime.block_on(request).map_err(|error| self.away(error.to_string()))
    }
}

/// What a topic is made with. The log's clock counts, not the producer's: retention and replay rest on it.
fn topic_settings(spec: &TopicSpec, message_bytes_max: u32) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("message.timestamp.type", "LogAppendTime".to_owned()),
        ("max.message.bytes", message_bytes_max.to_string()),
    ];
    match spec.cleanup {
        Cleanup::Compact => {
            settings.push(("cleanup.policy", "compact".to_owned()));
            // Kafka's own default, unless the cluster has another: readers rest on it.
            settings.push(("delete.retention.ms", TOMBSTONE_KEPT_MS.to_string()));
        }
        Cleanup::Delete { retention_ms, retention_bytes } => {
            // Kafka's word for "no limit" is -1.
            let limit = |limit: Option<u64>| limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string());
            settings.push(("cleanup.policy", "delete".to_owned()));
            settings.push(("retention.ms", limit(retention_ms)));
            settings.push(("retention.bytes", limit(retention_bytes)));
        }
    }
    settings
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(CLUSTER_ANSWERS_WITHIN)).request_timeout(Some(CLUSTER_ANSWERS_WITHIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_reaches_kafka_in_its_own_words() {
        let spec = |cleanup| TopicSpec { name: "t".to_owned(), partitions: 1, cleanup };
        for (cleanup, expected) in [
            (Cleanup::Compact, vec![("cleanup.policy", "compact"), ("delete.retention.ms", "86400000")]),
            (
                Cleanup::Delete { retention_ms: Some(5), retention_bytes: None },
                vec![("cleanup.policy", "delete"), ("retention.ms", "5"), ("retention.bytes", "-1")],
            ),
        ] {
            let settings = topic_settings(&spec(cleanup), 7);
            let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(settings[..2], [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "7")]);
            assert_eq!(settings[2..], expected);
        }
    }
}
