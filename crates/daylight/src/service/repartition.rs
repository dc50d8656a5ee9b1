//! `ledger repartition`: the log gets as many partitions as the configuration says, and what belongs to tenants that live elsewhere among so
//! many goes there. Only while nobody runs, and only when everything was read: what waits in an old partition would be judged without what
//! has left it.

use anyhow::bail;
use broker::Broker;
use codec::Topic;
use detect::Repartitioned;

use super::log;
use crate::{config::Config, data_folder::DataFolder};

/// The groups that read events to their end, by their names.
const READERS: [&str; 2] = [detect::GROUP, "sink"];
/// The group of those who ask providers.
const POLLERS: &str = "pollers";

/// What moved, or would, and why nothing moves now.
pub(crate) struct Outcome {
    /// What moved, or would.
    pub(crate) done: Repartitioned,
    /// Why it must not be done now, a sentence each. Empty where it was done.
    pub(crate) obstacles: Vec<String>,
}

/// Moves what must move, or only says what would. Blocks.
pub(crate) fn repartition(config: &Config, is_dry_run: bool) -> anyhow::Result<Outcome> {
    let folder = DataFolder::open(&config.data_folder.0)?;
    let broker = log::connect(&config.log, &folder)?;
    let obstacles = obstacles(&broker, config)?;
    if let Some(first) = obstacles.first().filter(|_| !is_dry_run) {
        bail!("nothing was moved: {first}");
    }
    let done = detect::repartition(&broker, &config.log.topic_prefix, config.log.partitions, is_dry_run)?;
    Ok(Outcome { done, obstacles })
}

/// Why nothing may be moved now.
fn obstacles(broker: &Broker, config: &Config) -> anyhow::Result<Vec<String>> {
    let receivers: Vec<String> = config.receivers.iter().map(|receiver| format!("notify-{}", receiver.id)).collect();
    let mut obstacles = Vec::new();
    for group in READERS.into_iter().chain([POLLERS]).chain(receivers.iter().map(String::as_str)) {
        obstacles.extend(in_the_way(broker, group)?);
    }
    let prefix = &config.log.topic_prefix;
    for group in READERS {
        unread(broker, group, &Topic::Events.name(prefix), &mut obstacles)?;
    }
    for group in &receivers {
        unread(broker, group, &Topic::Alerts.name(prefix), &mut obstacles)?;
    }
    Ok(obstacles)
}

/// The members of a group that are in the way, as a sentence.
pub(super) fn in_the_way(broker: &Broker, group: &str) -> anyhow::Result<Vec<String>> {
    let members = broker.members(group)?;
    let sentence = || {
        format!(
            "the group {group} has {members} members: stop every process of this installation (Kafka misses one that was killed after its session only)"
        )
    };
    Ok((members > 0).then(sentence).into_iter().collect())
}

/// What a group has not read yet of a topic.
fn unread(broker: &Broker, group: &str, topic: &str, obstacles: &mut Vec<String>) -> anyhow::Result<()> {
    for partition in 0..broker.partitions(topic)? {
        let (low, high) = broker.watermarks(topic, partition)?;
        let read = broker.committed(group, topic, partition)?.map_or(low, |committed| committed.offset);
        if read < high {
            obstacles.push(format!(
                "partition {partition} of {topic} ends at {high}, and the group {group} has done with it up to {read} only: start once more without ingest, and stop when nothing is left"
            ));
        }
    }
    Ok(())
}
