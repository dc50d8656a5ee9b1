//! The log as everybody sees it: which engine it is on is decided once, where it is opened.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    Ack, AppendError, CommitError, Committed, ConsumeError, KafkaSettings, Limits, LogId, OpenError, Polled, Record,
    RecordRef, SoleWriter, StartAt, TopicSpec, embedded, kafka,
};

/// The durable log. Cheap to clone; the last clone that goes closes it, after what waits is written.
#[derive(Clone)]
pub struct Broker {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Kafka(Arc<kafka::Engine>),
    Embedded(Arc<embedded::Engine>),
}

/// A member of a consumer group, on a thread of its own. Dropping it leaves the group; nothing is committed by itself.
pub struct Consumer {
    member: Member,
}

enum Member {
    Kafka(kafka::Consumer),
    Embedded(embedded::Consumer),
}

impl Broker {
    /// Opens the log of a folder, which is made if need be and belongs to this process until the last clone goes. Blocks.
    ///
    /// # Errors
    /// `Locked` when another process has it; `Failed` when the disk does not let us.
    pub fn open_embedded(folder: &Path, limits: Limits) -> Result<Self, OpenError> {
        embedded::Engine::open(folder, limits).map(|engine| Self { engine: Engine::Embedded(Arc::new(engine)) })
    }

    /// Connects to a cluster (`host:port,host:port`). Blocks, for 30 s at most.
    ///
    /// # Errors
    /// `Failed` when nobody answers, or a setting is not understood.
    pub fn connect_kafka(bootstrap: &str, settings: KafkaSettings, limits: Limits) -> Result<Self, OpenError> {
        kafka::Engine::connect(bootstrap, settings, limits)
            .map(|engine| Self { engine: Engine::Kafka(Arc::new(engine)) })
    }

    /// Makes the topics that do not exist and checks those that do. Blocks.
    ///
    /// # Errors
    /// `PartitionMismatch`; `Failed` when the log is away or a topic exists with another cleanup.
    pub fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), OpenError> {
        match &self.engine {
            Engine::Kafka(engine) => topics.iter().try_for_each(|topic| engine.ensure_topic(topic)),
            Engine::Embedded(engine) => topics.iter().try_for_each(|topic| engine.ensure_topic(topic)),
        }
    }

    /// Gives a topic more partitions; records stay where they are. Nothing happens where it has as many. Blocks.
    ///
    /// # Errors
    /// `Failed` when there is no such topic, it has more already, or the log is away.
    pub fn raise_partitions(&self, topic: &str, partitions: u32) -> Result<(), OpenError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.raise_partitions(topic, partitions),
            Engine::Embedded(engine) => engine.raise_partitions(topic, partitions),
        }
    }

    /// How many members a group has now, whatever they read. Blocks.
    ///
    /// # Errors
    /// `Failed` when the log is away.
    pub fn members(&self, group: &str) -> Result<usize, OpenError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.members(group),
            Engine::Embedded(engine) => Ok(engine.members(group)),
        }
    }

    /// Deletes a topic, its records and what groups committed on it. Blocks. A topic that does not exist is deleted already.
    ///
    /// # Errors
    /// `Failed` when the log is away.
    pub fn delete_topic(&self, topic: &str) -> Result<(), OpenError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.delete_topic(topic),
            Engine::Embedded(engine) => engine.delete_topic(topic),
        }
    }

    /// Which log the topic is. Blocks.
    ///
    /// # Errors
    /// `Failed` when there is no such topic, or the log is away.
    pub fn log_id(&self, topic: &str) -> Result<LogId, OpenError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.log_id(topic)?.ok_or_else(|| missing(topic)),
            Engine::Embedded(engine) => engine.log_id(topic).ok_or_else(|| missing(topic)),
        }
    }

    /// How many partitions the topic has. Blocks.
    ///
    /// # Errors
    /// As `log_id`.
    pub fn partitions(&self, topic: &str) -> Result<u32, OpenError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.partitions(topic)?.ok_or_else(|| missing(topic)),
            Engine::Embedded(engine) => engine.partitions(topic).ok_or_else(|| missing(topic)),
        }
    }

    /// The oldest offset that still can be read, and one past the newest. Blocks. Lag = the second − what is committed.
    ///
    /// # Errors
    /// `Refused` when there is no such partition, `Unavailable` when the log is away.
    pub fn watermarks(&self, topic: &str, partition: u32) -> Result<(u64, u64), ConsumeError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.watermarks(topic, partition),
            Engine::Embedded(engine) => engine.watermarks(topic, partition).ok_or_else(|| unreadable(topic, partition)),
        }
    }

    /// What a group has committed, seen from outside the group. Blocks.
    ///
    /// # Errors
    /// `Unavailable` when the log is away.
    pub fn committed(&self, group: &str, topic: &str, partition: u32) -> Result<Option<Committed>, ConsumeError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.committed(group, topic, partition),
            Engine::Embedded(engine) => Ok(engine.committed(group, topic, partition)),
        }
    }

    /// Queues a record. Does not wait for the log (but on Kafka, the first record for a topic that `ensure_topics` was not asked for waits for
    /// an answer about it); the `Ack` resolves to its offset when it is durable.
    ///
    /// # Errors
    /// `QueueFull` at once beyond `Limits::queue_bytes_max`; `Refused` for what would never be taken; `Closed`.
    pub fn append(&self, topic: &str, record: Record) -> Result<Ack, AppendError> {
        let mut acks = self.append_all(topic, vec![record])?;
        acks.pop().ok_or(AppendError::Closed)
    }

    /// Queues records in this order, all or none; their acknowledgements come in the same order. Being durable is for each alone: a crash may
    /// keep the first ones only.
    ///
    /// # Errors
    /// As `append`.
    pub fn append_all(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Ack>, AppendError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.append_all(topic, records),
            Engine::Embedded(engine) => engine.append_all(topic, records),
        }
    }

    /// Becomes the one who may write a partition through a `SoleWriter`: who was it before is over when this returns. `append` is not asked
    /// about it. Blocks, for half a minute at most.
    ///
    /// # Errors
    /// `Refused` when there is no such partition, or Kafka does not let us; `Unavailable` when the log is away.
    pub fn sole_writer(&self, topic: &str, partition: u32) -> Result<SoleWriter, AppendError> {
        match &self.engine {
            Engine::Kafka(engine) => SoleWriter::of_kafka(engine, topic, partition),
            Engine::Embedded(engine) => Ok(SoleWriter::of_embedded(engine, topic, partition)),
        }
    }

    /// Bytes of records that wait for their acknowledgement.
    #[must_use]
    pub fn queued_bytes(&self) -> u64 {
        match &self.engine {
            Engine::Kafka(engine) => engine.queued_bytes(),
            Engine::Embedded(engine) => engine.queued_bytes(),
        }
    }

    /// Joins a group that reads one topic. `start` counts where the group has committed nothing.
    ///
    /// # Errors
    /// `Refused` when there is no such topic, `Unavailable` when the log is away.
    pub fn consumer(&self, group: &str, topic: &str, start: StartAt) -> Result<Consumer, ConsumeError> {
        match &self.engine {
            Engine::Kafka(engine) => {
                engine.consumer(group, topic, start).map(|member| Consumer { member: Member::Kafka(member) })
            }
            Engine::Embedded(engine) => {
                engine.consumer(group, topic, start).map(|member| Consumer { member: Member::Embedded(member) })
            }
        }
    }

    /// As `consumer`, for a group whose members do little and must be replaced soon: on Kafka, a member that dies is missed after
    /// `session_timeout` (or what the configuration says, if that is less) and not after 45 s. On one machine nobody outlives the process.
    ///
    /// # Errors
    /// As `consumer`.
    pub fn quick_consumer(
        &self,
        group: &str,
        topic: &str,
        start: StartAt,
        session_timeout: Duration,
    ) -> Result<Consumer, ConsumeError> {
        match &self.engine {
            Engine::Kafka(engine) => engine
                .quick_consumer(group, topic, start, session_timeout)
                .map(|member| Consumer { member: Member::Kafka(member) }),
            Engine::Embedded(_) => self.consumer(group, topic, start),
        }
    }

    /// Reads a partition from `from` (or its oldest record) to what is its end at the time of the call, which it returns: for loading a
    /// compacted topic, of which a reader keeps the last value of each key and forgets keys with a tombstone. No group. Blocks.
    ///
    /// # Errors
    /// `OffsetOutOfRange`, `Refused`, `Unavailable`; the visitor may have seen a part by then.
    pub fn read(
        &self,
        topic: &str,
        partition: u32,
        from: Option<u64>,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<u64, ConsumeError> {
        match &self.engine {
            Engine::Kafka(engine) => engine.read(topic, partition, from, visit),
            Engine::Embedded(engine) => engine.read(topic, partition, from, visit),
        }
    }

    /// Removes what is beyond its retention at `now_ms`. The embedded engine does it by itself once a minute; Kafka does it by itself and
    /// is not asked. For tests, and for an operator who cannot wait. Blocks.
    ///
    /// # Errors
    /// `Failed` when the store does not let us.
    pub fn enforce_retention(&self, now_ms: i64) -> Result<(), OpenError> {
        match &self.engine {
            Engine::Kafka(_) => Ok(()),
            Engine::Embedded(engine) => engine.enforce_retention(now_ms),
        }
    }
}

impl Consumer {
    /// A member of a group of Kafka.
    pub(crate) fn of_kafka(member: kafka::Consumer) -> Self {
        Self { member: Member::Kafka(member) }
    }

    /// Waits up to `timeout` for records (at most `records_max`, and about 8 MiB) or for news of the group; one kind at a time.
    ///
    /// # Errors
    /// `OffsetOutOfRange` and `Refused` halt the partition, `Unavailable` passes.
    pub fn poll(
        &mut self,
        timeout: Duration,
        records_max: usize,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<Polled, ConsumeError> {
        match &mut self.member {
            Member::Kafka(member) => member.poll(timeout, records_max, visit),
            Member::Embedded(member) => member.poll(timeout, records_max, visit),
        }
    }

    /// The next record of an assigned partition is to be this one.
    ///
    /// # Errors
    /// `Refused` when the partition is not assigned to us; an offset that the log does not hold shows at the next poll.
    pub fn seek(&mut self, partition: u32, offset: u64) -> Result<(), ConsumeError> {
        match &mut self.member {
            Member::Kafka(member) => member.seek(partition, offset),
            Member::Embedded(member) => member.seek(partition, offset),
        }
    }

    /// Reads no more of these partitions until `resume`, and keeps them. `poll` must still be called. A partition that went and comes back is not
    /// paused any more.
    ///
    /// # Errors
    /// `Refused` when a partition is not assigned to us.
    pub fn pause(&mut self, partitions: &[u32]) -> Result<(), ConsumeError> {
        match &mut self.member {
            Member::Kafka(member) => member.pause(partitions),
            Member::Embedded(member) => member.pause(partitions),
        }
    }

    /// Reads on where `pause` stopped.
    ///
    /// # Errors
    /// As `pause`.
    pub fn resume(&mut self, partitions: &[u32]) -> Result<(), ConsumeError> {
        match &mut self.member {
            Member::Kafka(member) => member.resume(partitions),
            Member::Embedded(member) => member.resume(partitions),
        }
    }

    /// Is the partition still ours, by everything that the group has told? It may know of a loss that `poll` has yet to tell.
    #[must_use]
    pub fn is_ours(&self, partition: u32) -> bool {
        match &self.member {
            Member::Kafka(member) => member.is_ours(partition),
            Member::Embedded(member) => member.is_ours(partition),
        }
    }

    /// Commits the next offset to read, and metadata beside it (at most `METADATA_BYTES_MAX`); durable when it returns. Blocks.
    ///
    /// # Errors
    /// `Fenced` when the partition is not ours (any more); `Refused` when the metadata is too large; `Unavailable`.
    pub fn commit(&mut self, partition: u32, offset: u64, metadata: &str) -> Result<(), CommitError> {
        match &mut self.member {
            Member::Kafka(member) => member.commit(partition, offset, metadata),
            Member::Embedded(member) => member.commit(partition, offset, metadata),
        }
    }

    /// What our group has committed. Blocks.
    ///
    /// # Errors
    /// `Unavailable` when the log is away.
    pub fn committed(&self, partition: u32) -> Result<Option<Committed>, ConsumeError> {
        match &self.member {
            Member::Kafka(member) => member.committed(partition),
            Member::Embedded(member) => Ok(member.committed(partition)),
        }
    }
}

fn missing(topic: &str) -> OpenError {
    OpenError::Failed { place: "the log".to_owned(), reason: format!("topic {topic} does not exist") }
}

fn unreadable(topic: &str, partition: u32) -> ConsumeError {
    ConsumeError::Refused { reason: format!("topic {topic} has no partition {partition}") }
}
