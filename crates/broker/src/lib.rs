//! The durable log: topics of keyed records in partitions, consumer groups with committed offsets and commit metadata.
//!
//! Two engines behind one interface: `kafka` (rdkafka) and `embedded` (one machine, on an embedded store). It moves bytes and knows
//! no events. An enum and not a trait, because there are exactly two engines and nobody outside may add one.
//!
//! Producing is asynchronous: `append` queues (bounded by bytes) and returns an `Ack`, which resolves when the record is *durable*.
//! Consuming is synchronous, on a thread of its own: `Consumer::poll` hands records to a visitor without copying them.

mod embedded;
mod error;
mod foreign;
mod group;
mod kafka;
mod limits;
mod log;
mod partition;
mod record;
mod sole_writer;
mod topic;

pub use error::{AppendError, CommitError, ConsumeError, OpenError};
pub use foreign::{ForeignTopic, Obstacle, Step};
pub use group::{Assignment, Committed, Polled, StartAt};
pub use kafka::{KafkaSettings, is_secret_property};
pub use limits::{KEY_BYTES_MAX, Limits, METADATA_BYTES_MAX, TOMBSTONE_KEPT_MS};
pub use log::{Broker, Consumer};
pub use partition::partition_of;
pub use record::{Ack, OFFSET_UNKNOWN, Record, RecordRef};
pub use sole_writer::SoleWriter;
pub use topic::{Cleanup, LogId, TopicSpec};
