//! Would a hub be given to us? The way of a reader, as far as a look at its messages, and in words what must be done where it ends.

use std::time::Duration;

use broker::{ForeignTopic, Obstacle, Step};

use super::{HubConfig, config::CONNECTION_STRING_USER};
use crate::ConnectionError;

/// The whole way may take so long; a cluster that has just started finds its groups after some seconds.
const WITHIN: Duration = Duration::from_secs(30);

/// What became of it: a word, what must be done, and whether anything must.
pub(crate) type Found = (&'static str, String, bool);

/// Tries it. Reads the secret, joins no group, commits nothing.
pub(crate) async fn check(connection: &str, hub: &HubConfig) -> Found {
    let topic = match hub.topic(connection) {
        Ok(topic) => topic,
        Err(ConnectionError::Secret { source, .. }) => return ("no_secret", source.to_string(), true),
        Err(error) => return ("bad_settings", error.to_string(), true),
    };
    let visited = topic.clone();
    match tokio::task::spawn_blocking(move || visited.check(WITHIN)).await {
        Ok(Ok(())) => ("ready", String::new(), false),
        Ok(Err(obstacle)) => judge(&topic, hub.user == CONNECTION_STRING_USER, &obstacle),
        Err(error) => ("not_checked", format!("the check ended without a word: {error}"), true),
    }
}

/// What to do, at which step and why.
fn judge(topic: &ForeignTopic, is_event_hub: bool, obstacle: &Obstacle) -> Found {
    let Obstacle { step, is_forbidden, reason } = obstacle;
    if *is_forbidden {
        return ("missing_permission", format!("{}; {}: {reason}", grant(topic, is_event_hub, *step), at(*step)), true);
    }
    let (state, what_to_do) = match step {
        Step::Settings => ("bad_settings", "mend [connections.hub.properties]"),
        Step::Address => ("unreachable", "is the name right, and is its port (9093) open to here?"),
        Step::Tls => ("no_tls", "name who vouches for the hub as ca_file"),
        Step::Login if is_event_hub => {
            ("no_login", "the password is the whole connection string of a policy that may listen")
        }
        Step::Login => ("no_login", "mend user and password"),
        Step::Topic => ("no_topic", "topic is the name of the event hub in its namespace"),
        Step::Group | Step::Messages => ("unreachable", "it was there a moment ago; try again"),
    };
    (state, format!("{} at {}: {reason}; {what_to_do}", at(*step), topic.brokers), true)
}

fn at(step: Step) -> &'static str {
    match step {
        Step::Settings => "the settings",
        Step::Address => "the connection",
        Step::Tls => "TLS",
        Step::Login => "the login (SASL)",
        Step::Topic => "the topic",
        Step::Group => "the consumer group",
        Step::Messages => "reading messages",
    }
}

/// What is to be granted, by its exact name. On Event Hubs one claim is for all of it.
fn grant(topic: &ForeignTopic, is_event_hub: bool, step: Step) -> String {
    let ForeignTopic { topic, group, .. } = topic;
    match (is_event_hub, step) {
        (true, _) => format!(
            "Listen on the event hub {topic} (a shared access policy with that claim; of Azure's roles it is Azure Event Hubs Data Receiver)"
        ),
        (false, Step::Group) => format!("READ on the consumer group {group}"),
        (false, _) => format!("DESCRIBE and READ on the topic {topic}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn topic() -> ForeignTopic {
        ForeignTopic {
            brokers: "acme.servicebus.windows.net:9093".into(),
            topic: "signins".into(),
            group: "daylight".into(),
            properties: BTreeMap::new(),
        }
    }

    #[test]
    fn a_missing_permission_is_named_as_it_is_granted() {
        for (is_event_hub, step, expected) in [
            (true, Step::Topic, "Listen on the event hub signins"),
            (true, Step::Messages, "Azure Event Hubs Data Receiver"),
            (true, Step::Group, "Listen on the event hub signins"),
            (false, Step::Topic, "DESCRIBE and READ on the topic signins"),
            (false, Step::Group, "READ on the consumer group daylight"),
        ] {
            let obstacle = Obstacle { step, is_forbidden: true, reason: "authorization failed".into() };
            let (state, detail, is_wrong) = judge(&topic(), is_event_hub, &obstacle);
            assert!(state == "missing_permission" && is_wrong && detail.contains(expected), "{detail}");
            assert!(detail.contains(at(step)) && detail.ends_with("authorization failed"), "{detail}");
        }
    }

    #[test]
    fn each_step_has_its_word_and_says_what_to_do() {
        for (step, state, word) in [
            (Step::Settings, "bad_settings", "hub.properties"),
            (Step::Address, "unreachable", "acme.servicebus.windows.net:9093"),
            (Step::Tls, "no_tls", "ca_file"),
            (Step::Login, "no_login", "connection string"),
            (Step::Topic, "no_topic", "name of the event hub"),
            (Step::Group, "unreachable", "consumer group"),
            (Step::Messages, "unreachable", "reading messages"),
        ] {
            let obstacle = Obstacle { step, is_forbidden: false, reason: "because".into() };
            let (said, detail, is_wrong) = judge(&topic(), true, &obstacle);
            assert!(said == state && is_wrong, "{step:?} {said}");
            assert!(detail.contains(word) && detail.contains("because"), "{detail}");
        }
    }
}
