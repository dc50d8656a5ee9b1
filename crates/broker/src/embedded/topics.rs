//! Topics of the embedded engine: made, checked, deleted. Runs on the writer thread.

use std::{fs::File, io::Read, sync::Arc};

use super::{
    row::{self, TopicRow},
    state::{Shared, Topic},
};
use crate::{Cleanup, LogId, OpenError, TopicSpec};

/// Partitions that a topic may have: each has tables and memory of its own.
const PARTITIONS_MAX: u32 = 256;

/// Why a topic was not made.
pub(super) enum TopicError {
    /// What was asked for cannot be.
    Wrong(OpenError),
    /// The store failed.
    Store(fjall::Error),
}

impl From<fjall::Error> for TopicError {
    fn from(error: fjall::Error) -> Self {
        Self::Store(error)
    }
}

impl From<std::io::Error> for TopicError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes the topic, or checks that what exists is what is asked for. Limits of retention may change; the kind of cleanup may not.
pub(super) fn ensure(shared: &Shared, spec: &TopicSpec) -> Result<(), TopicError> {
    let wrong = |reason: String| TopicError::Wrong(OpenError::Failed { place: shared.place.clone(), reason });
    if spec.name.is_empty() || spec.partitions == 0 || spec.partitions > PARTITIONS_MAX {
        return Err(wrong(format!("topic {:?} needs a name and 1 to {PARTITIONS_MAX} partitions", spec.name)));
    }
    let mut guard = shared.store_mut();
    let Some(store) = guard.as_mut() else { return Err(wrong("the store is away; retry later".to_owned())) };
    let existing = shared.state().topics.get(&spec.name).cloned();
    let row = match existing.map(|topic| topic.row) {
        Some(row) if row.partitions != spec.partitions => {
            return Err(TopicError::Wrong(OpenError::PartitionMismatch {
                topic: spec.name.clone(),
                found: row.partitions,
                expected: spec.partitions,
            }));
        }
        Some(row) if (row.cleanup == Cleanup::Compact) != (spec.cleanup == Cleanup::Compact) => {
            return Err(wrong(format!("topic {} exists with another cleanup: {:?}", spec.name, row.cleanup)));
        }
        Some(row) if row.cleanup == spec.cleanup => return Ok(()),
        Some(row) => TopicRow { cleanup: spec.cleanup, ..row },
        None => TopicRow {
            number: store.next_topic_number()?,
            partitions: spec.partitions,
            log_id: new_log_id()?,
            cleanup: spec.cleanup,
        },
    };
    store.open_topic(&row)?;
    let mut batch = store.batch();
    batch.put_meta(row::topic_key(&spec.name), row.encode());
    // Retention that changes writes its topic's own successor again: numbers only grow.
    let next_number = store.next_topic_number()?.max(row.number.saturating_add(1));
    batch.put_meta(row::NEXT_TOPIC_NUMBER.to_vec(), next_number.to_be_bytes().to_vec());
    batch.commit()?;
    let topic = Topic { name: spec.name.clone(), row };
    shared.state().topics.insert(spec.name.clone(), Arc::new(topic));
    Ok(())
}

/// Gives a topic more partitions, empty ones.
pub(super) fn raise_partitions(shared: &Shared, name: &str, partitions: u32) -> Result<(), TopicError> {
    let wrong = |reason: String| TopicError::Wrong(OpenError::Failed { place: shared.place.clone(), reason });
    let mut guard = shared.store_mut();
    let Some(store) = guard.as_mut() else { return Err(wrong("the store is away; retry later".to_owned())) };
    let known = shared.state().topics.get(name).map(|topic| topic.row);
    let row = known.ok_or_else(|| wrong(format!("topic {name} does not exist")))?;
    if partitions < row.partitions || partitions > PARTITIONS_MAX {
        let has = row.partitions;
        return Err(wrong(format!(
            "topic {name} has {has} partitions and can have up to {PARTITIONS_MAX}: {partitions} cannot be"
        )));
    }
    let row = TopicRow { partitions, ..row };
    store.open_topic(&row)?;
    let mut batch = store.batch();
    batch.put_meta(row::topic_key(name), row.encode());
    batch.commit()?;
    shared.state().topics.insert(name.to_owned(), Arc::new(Topic { name: name.to_owned(), row }));
    Ok(())
}

/// Deletes the topic with its commits. A topic that does not exist is deleted already.
pub(super) fn delete(shared: &Shared, name: &str) -> Result<(), TopicError> {
    let mut guard = shared.store_mut();
    let Some(store) = guard.as_mut() else {
        let reason = "the store is away; retry later".to_owned();
        return Err(TopicError::Wrong(OpenError::Failed { place: shared.place.clone(), reason }));
    };
    let Some(topic) = shared.state().topics.get(name).cloned() else { return Ok(()) };
    let number = topic.row.number;
    let groups: Vec<_> = shared.state().committed.keys().filter(|place| place.0 == number).cloned().collect();
    let mut batch = store.batch();
    batch.remove_meta(row::topic_key(name));
    for partition in 0..topic.row.partitions {
        batch.remove_meta(row::partition_key(row::MARKS_PREFIX, number, partition));
    }
    for (_, partition, group) in &groups {
        batch.remove_meta(row::committed_key(group, number, *partition));
    }
    batch.commit()?;
    let mut state = shared.state();
    state.topics.remove(name);
    state.marks.retain(|place, _| place.0 != number);
    state.committed.retain(|place, _| place.0 != number);
    drop(state);
    shared.changed.notify_all();
    store.drop_topic(&topic.row).map_err(TopicError::Store)
}

/// 128 bits from the operating system: two logs never share an id, on this machine or on any other.
fn new_log_id() -> Result<LogId, std::io::Error> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(LogId(u128::from_be_bytes(bytes)))
}
