//! Would a topic of somebody else's cluster be given to us? One client goes the way that a reader goes – address, TLS, login, topic, group, a
//! look at messages – and says at which step it was stopped. It joins no group and commits nothing, so that those who read are not disturbed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    KafkaSettings, settings,
    words::{LastWords, Trouble, without_values},
};
use crate::{Obstacle, Step};

/// How long one question waits, because a refused password is heard of beside it.
const ASKED_FOR: Duration = Duration::from_secs(1);
/// The pause between two questions, in which it is listened to why there was no answer.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// Hears why a cluster cannot be reached.
#[derive(Default)]
struct Listener {
    words: LastWords,
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        settings::tell_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.words.hear(&error, reason);
    }
}

impl ConsumerContext for Listener {}

/// Goes the way of a reader, within a time.
pub(crate) fn check_foreign(
    brokers: &str,
    properties: &BTreeMap<String, String>,
    group: &str,
    topic: &str,
    within: Duration,
) -> Result<(), Obstacle> {
    let settings = KafkaSettings { replication: 1, properties: properties.clone() };
    let mut config: ClientConfig = settings::consumer_config(&settings::client_config(brokers, &settings), group);
    // The end of a partition without messages is an answer, too.
    config.set("enable.partition.eof", "true");
    let refused = |error: KafkaError| stopped(Step::Settings, without_values(&error));
    let client: BaseConsumer<Listener> = config.create_with_context(Listener::default()).map_err(refused)?;
    let visit = Visit { client, topic, deadline: Instant::now() + within };
    let partitions = visit.ask_for_topic()?;
    visit.ask_for_group(&partitions)?;
    visit.look_at_messages(&partitions)
}

/// A client on its way.
struct Visit<'a> {
    client: BaseConsumer<Listener>,
    topic: &'a str,
    deadline: Instant,
}

impl Visit<'_> {
    /// Address, TLS and login show here, because it is the first question. Gives the topic's partitions.
    fn ask_for_topic(&self) -> Result<Vec<i32>, Obstacle> {
        loop {
            let asked = self.client.fetch_metadata(Some(self.topic), ASKED_FOR);
            let metadata = match asked {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.go_on(&error, Step::Topic)?;
                    continue;
                }
            };
            let Some(found) = metadata.topics().iter().find(|found| found.name() == self.topic) else {
                return Err(self.missing());
            };
            match found.error().map(RDKafkaErrorCode::from) {
                None if found.partitions().is_empty() => return Err(self.missing()),
                None => return Ok(found.partitions().iter().map(|partition| partition.id()).collect()),
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                    return Err(self.missing());
                }
                Some(code) => self.go_on(&KafkaError::MetadataFetch(code), Step::Topic)?,
            }
        }
    }

    /// What our group has committed: who may not read as this group is told so here.
    fn ask_for_group(&self, partitions: &[i32]) -> Result<(), Obstacle> {
        loop {
            match self.client.committed_offsets(self.places(partitions, Offset::Invalid), ASKED_FOR) {
                Ok(_) => return Ok(()),
                Err(error) => self.go_on(&error, Step::Group)?,
            }
        }
    }

    /// To name a topic is one permission, to read it another. The end of each partition is enough, and no message is kept.
    fn look_at_messages(&self, partitions: &[i32]) -> Result<(), Obstacle> {
        let assigned = self.client.assign(&self.places(partitions, Offset::End));
        assigned.map_err(|error| stopped(Step::Messages, without_values(&error)))?;
        loop {
            match self.client.poll(ASKED_FOR) {
                Some(Ok(_)) | Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) => self.go_on(&error, Step::Messages)?,
                None => self.go_on(&KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut), Step::Messages)?,
            }
        }
    }

    fn places(&self, partitions: &[i32], offset: Offset) -> TopicPartitionList {
        let mut places = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            // An offset without a number is always taken.
            places.add_partition_offset(self.topic, *partition, offset).ok();
        }
        places
    }

    /// Waits a moment, unless the time is over or waiting does not help.
    fn go_on(&self, error: &KafkaError, step: Step) -> Result<(), Obstacle> {
        if step != Step::Messages {
            self.listen();
        }
        let trouble = self.client.context().words.last();
        let is_final = is_final(error) || trouble.as_ref().is_some_and(|trouble| trouble.is_hopeless);
        if is_final || Instant::now() >= self.deadline {
            return Err(obstacle(error, trouble, step));
        }
        Ok(())
    }

    /// What librdkafka has to say comes with polls, a sentence at a time. No message can come: nothing is assigned yet.
    fn listen(&self) {
        let until = Instant::now() + ASK_INTERVAL;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            drop(self.client.poll(left));
        }
    }

    fn missing(&self) -> Obstacle {
        stopped(Step::Topic, format!("there is no topic {}", self.topic))
    }
}

/// Which answers stay what they are.
fn is_final(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    is_forbidden(error)
        || matches!(
            code,
            Some(RDKafkaErrorCode::InvalidTopic | RDKafkaErrorCode::InvalidGroupId | RDKafkaErrorCode::Authentication)
        )
}

fn is_forbidden(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
        )
    )
}

fn stopped(step: Step, reason: String) -> Obstacle {
    Obstacle { step, is_forbidden: false, reason }
}

/// At which step it ended. A question that was answered with "no" ended at itself; one without an answer where librdkafka says.
fn obstacle(error: &KafkaError, trouble: Option<Trouble>, step: Step) -> Obstacle {
    if is_forbidden(error) {
        return Obstacle { step, is_forbidden: true, reason: without_values(error) };
    }
    let is_silence = matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::BrokerTransportFailure)
    );
    match trouble {
        Some(trouble) => stopped(trouble.step, trouble.reason),
        None if is_silence && step == Step::Topic => stopped(Step::Address, "nobody answers".to_owned()),
        None => stopped(step, without_values(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_at_its_question_and_silence_where_librdkafka_says() {
        let told = |code, words: Option<(RDKafkaErrorCode, &str)>, step| {
            let trouble = words.map(|(code, reason)| {
                let heard = LastWords::default();
                heard.hear(&KafkaError::Global(code), reason);
                heard.last().unwrap()
            });
            let obstacle = obstacle(&KafkaError::MetadataFetch(code), trouble, step);
            (obstacle.step, obstacle.is_forbidden)
        };
        use RDKafkaErrorCode as Code;
        let timed_out = Code::OperationTimedOut;
        for (code, words, step, expected) in [
            (timed_out, Some((Code::Resolve, "Failed to resolve 'x:9093'")), Step::Topic, (Step::Address, false)),
            (timed_out, Some((Code::BrokerTransportFailure, "refused")), Step::Topic, (Step::Address, false)),
            (timed_out, Some((Code::SSL, "certificate verify failed")), Step::Topic, (Step::Tls, false)),
            (timed_out, Some((Code::Authentication, "SASL")), Step::Topic, (Step::Login, false)),
            (timed_out, None, Step::Topic, (Step::Address, false)),
            (Code::BrokerTransportFailure, None, Step::Topic, (Step::Address, false)),
            (Code::TopicAuthorizationFailed, None, Step::Topic, (Step::Topic, true)),
            (Code::TopicAuthorizationFailed, Some((Code::SSL, "an old one")), Step::Messages, (Step::Messages, true)),
            (Code::GroupAuthorizationFailed, None, Step::Group, (Step::Group, true)),
            (timed_out, None, Step::Group, (Step::Group, false)),
        ] {
            assert_eq!(told(code, words, step), expected, "{code:?} {words:?}");
        }
    }
}
