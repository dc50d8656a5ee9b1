//! A topic of somebody else's Kafka, which we only read: an event hub, for one.
//!
//! Not the log: nothing is made there, nothing is written but our group's offsets, and how it is configured is not ours to choose. What is
//! shared with the log is the member of a group, with its promise that reading never jumps in silence.
//!
//! The properties follow Microsoft's recommendations for Event Hubs
//! (<https://learn.microsoft.com/azure/event-hubs/apache-kafka-configurations>), which do no harm elsewhere: Azure closes connections that
//! were silent for 240 s, and members of a group need client ids of their own or they rebalance without end.

use std::{
    collections::BTreeMap,
    fmt, fs,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::{ConsumeError, Consumer, StartAt, kafka};

/// Milliseconds between two tries to reach a cluster that is away: this one is not our own, and nobody waits for each second.
const RECONNECT_BACKOFF_MAX_MS: u32 = 10_000;
/// What is set unless the caller says otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("socket.keepalive.enable", "true"),
    ("metadata.max.age.ms", "180000"),
    ("connections.max.idle.ms", "180000"),
    ("session.timeout.ms", "30000"),
];

/// Such a topic, and how to get at it. Prints without the values of properties.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignTopic {
    /// `host:port`, comma separated.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The group that we read as. All who name the same one share the partitions.
    pub group: String,
    /// Properties of librdkafka, by its own names. May hold secrets.
    pub properties: BTreeMap<String, String>,
}

/// A step of the way in, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The properties must be understood.
    Settings,
    /// A name must be resolved, and somebody listen there.
    Address,
    /// Somebody we trust must vouch for the cluster.
    Tls,
    /// Our account must be taken.
    Login,
    /// The topic must be there, and shown to us.
    Topic,
    /// We must be allowed to read as the group.
    Group,
    /// We must be allowed to read messages.
    Messages,
}

/// Where the way in ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The step that was not taken.
    pub step: Step,
    /// Was it answered, with "you may not"? Then a permission is missing.
    pub is_forbidden: bool,
    /// What the cluster or librdkafka says, without secrets.
    pub reason: String,
}

impl ForeignTopic {
    /// Joins the group. Nobody is asked yet: that the cluster is away, or lets us not in, shows at a poll, which says why. `start` counts
    /// where the group has committed nothing.
    ///
    /// # Errors
    /// `Refused` when a property is not understood, or a file that one names is not there.
    pub fn join(&self, start: StartAt) -> Result<Consumer, ConsumeError> {
        kafka::join_foreign(&self.brokers, &self.with_defaults(), &self.group, &self.topic, start)
            .map(Consumer::of_kafka)
    }

    /// Goes the whole way in, as a reader would, and says where it ends. No group is joined and nothing is committed. Blocks for at most
    /// `within`, and a moment.
    ///
    /// # Errors
    /// `Obstacle`.
    pub fn check(&self, within: Duration) -> Result<(), Obstacle> {
        kafka::check_foreign(&self.brokers, &self.with_defaults(), &self.group, &self.topic, within)
    }

    fn with_defaults(&self) -> BTreeMap<String, String> {
        let mut properties: BTreeMap<String, String> =
            DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        properties.insert("reconnect.backoff.max.ms".to_owned(), RECONNECT_BACKOFF_MAX_MS.to_string());
        properties.insert("client.id".to_owned(), client_id());
        properties.extend(self.properties.clone());
        properties
    }
}

impl fmt::Debug for ForeignTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.properties.keys().collect();
        write!(f, "ForeignTopic({} at {}, group {}, {names:?})", self.topic, self.brokers, self.group)
    }
}

/// One for each member: host, process, and a number, because in containers every process is number 1.
fn client_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("daylight-{}-{}-{}", host.trim(), std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(properties: &[(&str, &str)]) -> ForeignTopic {
        let properties = properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        ForeignTopic { brokers: "127.0.0.1:1".into(), topic: "signins".into(), group: "daylight".into(), properties }
    }

    #[test]
    fn members_have_ids_of_their_own_and_callers_have_the_last_word() {
        let hub = hub(&[("session.timeout.ms", "6000")]);
        let (one, other) = (hub.with_defaults(), hub.with_defaults());
        assert_ne!(one.get("client.id"), other.get("client.id"));
        assert_eq!(one.get("session.timeout.ms").map(String::as_str), Some("6000"));
    }

    #[test]
    fn it_prints_without_its_secrets() {
        let printed = format!("{:?}", hub(&[("sasl.password", "planted-secret")]));
        assert!(printed.contains("sasl.password") && !printed.contains("planted"), "{printed}");
    }

    #[test]
    fn a_property_that_is_not_understood_is_refused_and_its_value_not_told() {
        let refused = hub(&[("sasl.pasword", "planted-secret")]).join(StartAt::Earliest).err();
        let words = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(words.contains("sasl.pasword") && !words.contains("planted"), "{words}");
    }
}
