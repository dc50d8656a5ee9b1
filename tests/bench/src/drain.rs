//! The bare drain: librdkafka by its batch call, every message touched and dropped. Nothing that reads Kafka by it can cost less.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList, bindings,
    consumer::{BaseConsumer, Consumer as _},
};

use stages::workload::PARTITIONS;

/// Messages of one call.
const MESSAGES_AT_ONCE: usize = 8_192;
/// How long a call waits until it has so many. Milliseconds: it waits for the array to be full.
const WAIT_MS: i32 = 10;
/// Without a message for so long, it ends.
const SILENT_MAX: Duration = Duration::from_secs(30);

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drained {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// Reads so many messages of a topic from its beginning.
pub(crate) fn drain(bootstrap: &str, topic: &str, messages: u64) -> anyhow::Result<Drained> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "bare").set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false").set("fetch.queue.backoff.ms", "20");
    config.set("queued.max.messages.kbytes", "32768");
    let consumer: BaseConsumer = config.create().context("making a consumer")?;
    let mut places = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        places.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    let queue = Queue::of(&consumer)?;
    let (mut drained, mut heard_at) = (Drained::default(), Instant::now());
    while drained.messages < messages {
        let some = queue.take();
        if some.messages > 0 {
            heard_at = Instant::now();
        }
        ensure!(heard_at.elapsed() < SILENT_MAX, "{} of {messages} messages, then none", drained.messages);
        drained = Drained { messages: drained.messages + some.messages, bytes: drained.bytes + some.bytes };
    }
    Ok(drained)
}

/// The queue of a consumer, and room for what one call gives.
struct Queue(*mut bindings::rd_kafka_queue_t);

impl Queue {
    #[expect(unsafe_code, reason = "the batch call of librdkafka has no safe wrapper")]
    fn of(consumer: &BaseConsumer) -> anyhow::Result<Queue> {
        // SAFETY: the consumer is alive and is a consumer; the queue counts its references itself.
        let queue = unsafe { bindings::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        ensure!(!queue.is_null(), "librdkafka gives no queue");
        Ok(Queue(queue))
    }

    #[expect(unsafe_code, reason = "the batch call of librdkafka has no safe wrapper")]
    fn take(&self) -> Drained {
        let mut room: Vec<*mut bindings::rd_kafka_message_t> = vec![std::ptr::null_mut(); MESSAGES_AT_ONCE];
        let mut drained = Drained::default();
        // SAFETY: `room` has as many places as we say, the queue is alive, and each message is looked at before it is destroyed, once.
        unsafe {
            let count = bindings::rd_kafka_consume_batch_queue(self.0, WAIT_MS, room.as_mut_ptr(), room.len());
            for message in room.iter().take(usize::try_from(count).unwrap_or(0)) {
                if (**message).err == bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    drained.messages += 1;
                    drained.bytes += (**message).len as u64;
                }
                bindings::rd_kafka_message_destroy(*message);
            }
        }
        drained
    }
}

impl Drop for Queue {
    #[expect(unsafe_code, reason = "the batch call of librdkafka has no safe wrapper")]
    fn drop(&mut self) {
        // SAFETY: it was given by `of`, and nobody uses it any more.
        unsafe { bindings::rd_kafka_queue_destroy(self.0) };
    }
}
