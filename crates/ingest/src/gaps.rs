//! The topic `gaps`: times of which a connection could not tell everything, and what is expected of each. The same again replaces itself.

use std::collections::BTreeSet;

use broker::{AppendError, Broker, ConsumeError, Record, partition_of};
use codec::{DecodeError, GapRecord};
use event::{Expectation, Gap};
use hashbrown::HashMap;

/// The topic, for writing and reading.
#[derive(Clone)]
pub(crate) struct Gaps {
    broker: Broker,
    topic: String,
    partitions: u32,
}

/// What the topic says of some tenants.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// (Tenant, connection) → what is expected.
    pub(crate) expectations: HashMap<(String, String), Expectation>,
}

/// Why the topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GapsError {
    /// The log does not give it. Retry where it is away.
    #[error("{0}")]
    Log(#[from] ConsumeError),
    /// A newer version has written here. Halt.
    #[error("partition {partition} of the gaps cannot be read at offset {offset}: {source}; run the newest version")]
    Decode {
        /// The partition.
        partition: u32,
        /// Where.
        offset: u64,
        /// Why.
        source: DecodeError,
    },
}

impl Gaps {
    /// The topic of this name.
    pub(crate) fn new(broker: Broker, topic: String, partitions: u32) -> Gaps {
        Gaps { broker, topic, partitions }
    }

    /// Writes a gap, and waits until the log has it.
    pub(crate) async fn note(&self, gap: &Gap) -> Result<(), AppendError> {
        self.append(&gap.tenant, codec::gap_key(gap), codec::encode_gap(gap)).await
    }

    /// Writes what is expected of a connection, and waits until the log has it.
    pub(crate) async fn expect(&self, expected: &Expectation) -> Result<(), AppendError> {
        let key = codec::expectation_key(&expected.tenant, &expected.connection);
        self.append(&expected.tenant, key, codec::encode_expectation(expected)).await
    }

    /// Reads what was noted in the partitions of these tenants. Blocks.
    pub(crate) fn read<'t>(&self, tenants: impl Iterator<Item = &'t str>) -> Result<Noted, GapsError> {
        let partitions: BTreeSet<u32> =
            tenants.map(|tenant| partition_of(tenant.as_bytes(), self.partitions)).collect();
        let (mut noted, mut fatal) = (Noted::default(), None);
        for partition in partitions {
            self.broker.read(&self.topic, partition, None, &mut |record| match record
                .value
                .map(codec::decode_gap_record)
            {
                Some(Ok(GapRecord::Expectation(expected))) => {
                    let key = (expected.tenant.clone(), expected.connection.clone());
                    noted.expectations.insert(key, expected);
                }
                Some(Err(source)) if source.must_halt() => {
                    fatal.get_or_insert(GapsError::Decode { partition, offset: record.offset, source });
                }
                Some(Err(error)) => {
                    tracing::error!(%error, partition, offset = record.offset, "a record of the gaps is passed over")
                }
                Some(Ok(GapRecord::Gap(_))) | None => {}
            })?;
        }
        fatal.map_or(Ok(noted), Err)
    }

    async fn append(
        &self,
        tenant: &str,
        key: Vec<u8>,
        encoded: Result<Vec<u8>, codec::EncodeError>,
    ) -> Result<(), AppendError> {
        let value = encoded.map_err(|error| AppendError::Refused { reason: error.to_string() })?;
        let partition = partition_of(tenant.as_bytes(), self.partitions);
        let record = Record { partition, key: Some(key), value: Some(value) };
        self.broker.append(&self.topic, record)?.await.map(drop)
    }
}
