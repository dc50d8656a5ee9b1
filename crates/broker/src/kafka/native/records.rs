//! Records of a consumer, many a call. `rdkafka` gives one a call, and each costs an allocation of its own, locks, and looks at the clock
//! (ADR 20 has what that came to).
//!
//! The partitions' own queues are led into one of ours, so what comes here are records, and errors of partitions, and nothing else; everything
//! that the group decides still comes by the client's `poll`, which must be called, too.

use std::{ffi::CString, time::Duration};

use rdkafka::{
    bindings,
    client::{Client, ClientContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};

use super::super::reader::unsigned;
use crate::RecordRef;

/// Records that one call of librdkafka gives.
const BATCH: usize = 256;

/// Where the records of partitions come in. To be dropped before the client is.
pub(in super::super) struct RecordQueue {
    queue: *mut bindings::rd_kafka_queue_t,
    batch: Vec<Message>,
    /// Bytes of a record, lately: of large ones fewer are taken at a time.
    bytes_of_one: usize,
}

// SAFETY: librdkafka's queues are made to be used from any thread; the pointer is ours alone, and the batch is empty between two calls.
unsafe impl Send for RecordQueue {}

/// What came in place of a record.
#[derive(Debug)]
pub(in super::super) struct Flaw {
    /// Of which partition.
    pub(in super::super) partition: u32,
    /// The offset that was to be fetched, if librdkafka tells.
    pub(in super::super) offset: Option<u64>,
    /// What is wrong, or that this is the end.
    pub(in super::super) error: KafkaError,
    /// The same in librdkafka's words.
    pub(in super::super) reason: Box<str>,
}

/// What was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Taken {
    /// Records and errors.
    pub(in super::super) count: usize,
    /// Of keys and values.
    pub(in super::super) bytes: usize,
}

impl RecordQueue {
    pub(in super::super) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client is alive.
        let queue = unsafe { bindings::rd_kafka_queue_new(client.native_ptr()) };
        Self { queue, batch: Vec::with_capacity(BATCH), bytes_of_one: 0 }
    }

    /// From now on the records of a partition come in here. To be called before librdkafka is told to fetch them; again does no harm.
    pub(in super::super) fn lead_here<C: ClientContext>(
        &self,
        client: &Client<C>,
        topic: &str,
        partition: i32,
    ) -> Result<(), KafkaError> {
        let refused = || KafkaError::Subscription(format!("topic {topic}, partition {partition}: no queue"));
        let name = CString::new(topic).map_err(|_| refused())?;
        // SAFETY: client and queue are alive; librdkafka copies the name. The partition's queue is only asked for here: what it is led to is
        // kept by librdkafka.
        unsafe {
            let queue = bindings::rd_kafka_queue_get_partition(client.native_ptr(), name.as_ptr(), partition);
            if queue.is_null() {
                return Err(refused());
            }
            bindings::rd_kafka_queue_forward(queue, self.queue);
            bindings::rd_kafka_queue_destroy(queue);
        }
        Ok(())
    }

    /// Waits for a first record, at most `wait`, and shows what is there then: at most `count_max`, and about so many bytes.
    pub(in super::super) fn take(
        &mut self,
        wait: Duration,
        count_max: usize,
        bytes_max: usize,
        visit: &mut dyn FnMut(Result<RecordRef<'_>, Flaw>),
    ) -> Taken {
        let mut taken = Taken::default();
        if !wait.is_zero() {
            self.show(wait, 1, &mut taken, visit);
            if taken.count == 0 {
                return taken;
            }
        }
        let room = bytes_max.saturating_sub(taken.bytes).checked_div(self.bytes_of_one).unwrap_or(BATCH).max(1);
        let count = count_max.saturating_sub(taken.count).min(room).min(BATCH);
        if count > 0 {
            self.show(Duration::ZERO, count, &mut taken, visit);
        }
        if taken.count > 0 {
            self.bytes_of_one = taken.bytes.div_ceil(taken.count);
        }
        taken
    }

    /// Shows at most `count`. librdkafka waits for *all* of them: so either for one, or not at all.
    fn show(
        &mut self,
        wait: Duration,
        count: usize,
        taken: &mut Taken,
        visit: &mut dyn FnMut(Result<RecordRef<'_>, Flaw>),
    ) {
        let wait_ms = i32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        self.batch.clear();
        self.batch.reserve(count);
        // SAFETY: the queue is alive and the batch has room for `count` messages, which are pointers, and librdkafka says how many it wrote.
        unsafe {
            let room = self.batch.as_mut_ptr().cast();
            let found = bindings::rd_kafka_consume_batch_queue(self.queue, wait_ms, room, count);
            self.batch.set_len(usize::try_from(found).unwrap_or_default().min(count));
        }
        // Those that nobody looks at, because `visit` panics, are given back, too: a client does not close before it has them all.
        for message in self.batch.drain(..) {
            let shown = message.read();
            taken.count += 1;
            if let Ok(record) = &shown {
                taken.bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            }
            visit(shown);
        }
    }
}

impl Drop for RecordQueue {
    fn drop(&mut self) {
        // SAFETY: it was made by `new` and is not used afterwards.
        unsafe { bindings::rd_kafka_queue_destroy(self.queue) };
    }
}

/// One that librdkafka gave us, and that we have to give back.
#[repr(transparent)]
struct Message(*mut bindings::rd_kafka_message_t);

impl Message {
    /// Kafka's numbers are signed and never below 0 in a record that was read.
    fn read(&self) -> Result<RecordRef<'_>, Flaw> {
        // SAFETY: the message is alive until it is dropped, and so is what it points to; its lengths are those of its fields.
        unsafe {
            let message = &*self.0;
            let partition = u32::try_from(message.partition).unwrap_or_default();
            let error = match message.err {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => None,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => Some(KafkaError::PartitionEOF(message.partition)),
                code => Some(KafkaError::MessageConsumption(code.into())),
            };
            if let Some(error) = error {
                let reason = bytes(message.payload, message.len).map(String::from_utf8_lossy).unwrap_or_default();
                let (offset, reason) = (u64::try_from(message.offset).ok(), reason.into());
                return Err(Flaw { partition, offset, error, reason });
            }
            let logged_at_ms = bindings::rd_kafka_message_timestamp(self.0, std::ptr::null_mut());
            Ok(RecordRef {
                partition,
                offset: unsigned(message.offset),
                // −1 is none.
                logged_at_ms: if logged_at_ms == -1 { 0 } else { logged_at_ms },
                key: bytes(message.key, message.key_len),
                value: bytes(message.payload, message.len),
            })
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: librdkafka gave it to us, and nobody else gives it back.
        unsafe { bindings::rd_kafka_message_destroy(self.0) };
    }
}

/// # Safety
/// `start` must be null or point to `length` bytes that live as long as what is made of it.
unsafe fn bytes<'a>(start: *const std::ffi::c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}
