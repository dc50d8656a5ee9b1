//! The one who may write a partition of a topic that each record's *last* value counts of. A group says whose a partition is, and who lost it may not
//! know yet: stopped for a while, it wakes and writes what it had in hand, behind its successor's values and older than they are. So the log
//! itself has to refuse it.
//!
//! Whoever becomes the sole writer and then reads the partition has read everything that anybody else ever writes there.

use std::sync::Arc;

use crate::{
    AppendError, Record, embedded, kafka,
    limits::{SOLE_WRITE_BYTES_MAX, record_bytes},
};

/// Writes to one partition, alone: until another asks for the same, or this one meets an error that leaves open what was written.
pub struct SoleWriter {
    partition: u32,
    writer: Writer,
}

enum Writer {
    Kafka(kafka::SoleWriter),
    Embedded(embedded::SoleWriter),
}

impl SoleWriter {
    pub(crate) fn of_kafka(engine: &kafka::Engine, topic: &str, partition: u32) -> Result<Self, AppendError> {
        engine.sole_writer(topic, partition).map(|writer| Self { partition, writer: Writer::Kafka(writer) })
    }

    pub(crate) fn of_embedded(engine: &Arc<embedded::Engine>, topic: &str, partition: u32) -> Self {
        Self { partition, writer: Writer::Embedded(embedded::SoleWriter::new(engine, topic, partition)) }
    }

    /// Appends records in this order and waits until they are durable, and others see them; gives one past the offset of the last, as far as the
    /// log can tell (else 0). After an error, the first ones may be there. Blocks, for about a minute at most.
    ///
    /// # Errors
    /// `Fenced`: this writer is over; become one anew, and read the partition first. `QueueFull` and `Unavailable`: it may try the same
    /// records again. `Refused`, `Closed`.
    pub fn append_all(&mut self, records: &[Record]) -> Result<u64, AppendError> {
        if let Some(stranger) = records.iter().find(|record| record.partition != self.partition) {
            let reason =
                format!("a record of partition {} does not belong into {}", stranger.partition, self.partition);
            return Err(AppendError::Refused { reason });
        }
        let (mut rest, mut next) = (records, 0);
        while !rest.is_empty() {
            let (first, behind) = rest.split_at(count_at_once(rest));
            let written = match &mut self.writer {
                Writer::Kafka(writer) => writer.append_all(first)?,
                Writer::Embedded(writer) => writer.append_all(first)?,
            };
            (rest, next) = (behind, next.max(written));
        }
        Ok(next)
    }
}

/// How many of these records go together: one at least.
fn count_at_once(records: &[Record]) -> usize {
    let mut bytes = 0_u64;
    let fits = |record: &&Record| {
        bytes = bytes.saturating_add(record_bytes(record));
        bytes <= SOLE_WRITE_BYTES_MAX
    };
    records.iter().take_while(fits).count().clamp(1, records.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_go_together_up_to_their_limit_and_one_always_goes() {
        let record =
            |bytes: u64| Record { partition: 0, key: None, value: Some(vec![0; usize::try_from(bytes).unwrap_or(0)]) };
        let half = SOLE_WRITE_BYTES_MAX / 2;
        for (sizes, expected) in [
            (vec![1, 1], 2),
            (vec![half, half, 1], 2),
            (vec![half, half + 1], 1),
            (vec![SOLE_WRITE_BYTES_MAX + 1, 1], 1),
        ] {
            let records: Vec<Record> = sizes.iter().map(|bytes| record(*bytes)).collect();
            assert_eq!(count_at_once(&records), expected, "{sizes:?}");
        }
    }
}
