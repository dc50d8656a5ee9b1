//! The log of this installation: which engine, and which topics.

use anyhow::Context;
use broker::{Broker, Cleanup, Limits, TopicSpec};
use codec::Topic;

use super::kafka_settings;
use crate::{config::LogConfig, data_folder::DataFolder};

/// Milliseconds in a day.
const DAY_MS: u64 = 86_400_000;

/// Opens the log and makes the topics that are not there. Blocks.
pub(crate) fn open(config: &LogConfig, folder: &DataFolder) -> anyhow::Result<Broker> {
    let broker = connect(config, folder)?;
    let specs: Vec<TopicSpec> = Topic::ALL.iter().map(|topic| spec(*topic, config)).collect();
    broker.ensure_topics(&specs).context("cannot make the topics")?;
    Ok(broker)
}

/// Opens the log as it is. Blocks.
pub(crate) fn connect(config: &LogConfig, folder: &DataFolder) -> anyhow::Result<Broker> {
    let limits = Limits { queue_bytes_max: config.queue_bytes_max, ..Limits::default() };
    if config.kafka.is_empty() {
        return Ok(Broker::open_embedded(&folder.log(), limits)?);
    }
    Ok(Broker::connect_kafka(&config.kafka, kafka_settings::read(config)?, limits)?)
}

fn spec(topic: Topic, config: &LogConfig) -> TopicSpec {
    let kept =
        |days: u32, retention_bytes| Cleanup::Delete { retention_ms: Some(u64::from(days) * DAY_MS), retention_bytes };
    let cleanup = match topic {
        Topic::Ledger | Topic::Deliveries | Topic::Cursors | Topic::Gaps | Topic::Identities => Cleanup::Compact,
        Topic::Events => kept(config.events_retention_days, Some(config.events_retention_bytes)),
        Topic::Alerts => kept(config.alerts_retention_days, None),
        Topic::DeadLetters => kept(config.dead_letters_retention_days, None),
    };
    TopicSpec { name: topic.name(&config.topic_prefix), partitions: config.partitions, cleanup }
}
