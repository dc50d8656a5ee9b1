//! Control records on their way into the log: what changes a verdict, or must be remembered of what somebody did.

use broker::{AppendError, Broker, OFFSET_UNKNOWN, Record, partition_of};
use codec::Topic;
use event::{Control, Position};

use super::refused::Refused;

/// Writes control records, and waits until the log has them.
#[derive(Clone)]
pub(crate) struct ControlLog {
    broker: Broker,
    events: String,
    partitions: u32,
}

impl ControlLog {
    /// For an installation whose topics begin with `topic_prefix` and have so many partitions.
    pub(crate) fn new(broker: Broker, topic_prefix: &str, partitions: u32) -> ControlLog {
        ControlLog { broker, events: Topic::Events.name(topic_prefix), partitions }
    }

    /// Writes a record of a tenant. Resolves when it is durable: to its place, or to nothing where the log cannot tell it.
    pub(crate) async fn write(&self, tenant: &str, control: &Control) -> Result<Option<Position>, Refused> {
        let value = codec::encode_control(tenant, control).map_err(|error| Refused::Invalid(error.to_string()))?;
        let partition = partition_of(tenant.as_bytes(), self.partitions);
        let record = Record { partition, key: Some(tenant.as_bytes().to_vec()), value: Some(value) };
        let not_taken = |error: AppendError| Refused::Unavailable(format!("nothing was done: {error}"));
        let ack = self.broker.append(&self.events, record).map_err(not_taken)?;
        // From here on the record may be in the log, whatever we hear.
        let unknown = |error: AppendError| {
            Refused::Unavailable(format!("the log did not say whether it has it ({error}); look before you try again"))
        };
        let offset = ack.await.map_err(unknown)?;
        Ok((offset != OFFSET_UNKNOWN).then_some(Position { offset, index: 0 }))
    }
}
