//! The one module of this crate that calls C: what `rdkafka` does not wrap. A topic's id; records, many a call (`records.rs`); and a commit that
//! is waited for with a time-out: `rdkafka`'s own synchronous commit waits as long as the broker is away, minutes or for ever, and with it a
//! shutdown.

#![expect(
    unsafe_code,
    reason = "rdkafka 0.39 wraps neither DescribeTopics nor rd_kafka_commit_queue nor rd_kafka_consume_batch_queue; librdkafka has no other interface than C"
)]

mod records;

use std::{
    ffi::{CStr, CString},
    time::{Duration, Instant},
};

pub(super) use records::{Flaw, RecordQueue, Taken};

use rdkafka::{
    TopicPartitionList, bindings,
    client::{Client, ClientContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};

/// How long one wait for the answer is. The deadline is looked at in between.
const WAIT_MS: i32 = 100;

/// What Kafka says of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Description {
    /// The topic's id: it is another one when the topic is made anew.
    pub(super) topic_id: u128,
    /// How many partitions it has.
    pub(super) partitions: u32,
}

/// Why a topic was not described.
#[derive(Debug)]
pub(super) struct Undescribed {
    /// What librdkafka says.
    pub(super) reason: String,
    /// Does asking again not help?
    pub(super) is_refused: bool,
}

/// Where the answers to commits come in. librdkafka keeps the queue alive as long as a commit may still answer into it.
pub(super) struct CommitQueue(*mut bindings::rd_kafka_queue_t);

// SAFETY: librdkafka's queues are made to be used from any thread; the pointer is ours alone and never changes.
unsafe impl Send for CommitQueue {}

impl CommitQueue {
    /// Must be dropped before `client` is.
    pub(super) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client is alive.
        Self(unsafe { bindings::rd_kafka_queue_new(client.native_ptr()) })
    }

    /// Asks for a commit. The answer comes by `wait`, in the order of asking.
    pub(super) fn ask<C: ClientContext>(
        &self,
        client: &Client<C>,
        places: &TopicPartitionList,
    ) -> Result<(), KafkaError> {
        // SAFETY: client, list and queue are alive; librdkafka copies the list. No callback is given, so the answer becomes an event.
        let code = unsafe {
            bindings::rd_kafka_commit_queue(client.native_ptr(), places.ptr(), self.0, None, std::ptr::null_mut())
        };
        commit_result(code)
    }

    /// The answer to the oldest commit that was asked for and not answered; nothing when `timeout` passed.
    pub(super) fn wait(&self, timeout: Duration) -> Option<Result<(), KafkaError>> {
        // SAFETY: the queue is alive, and so is the event until it is destroyed here. Its list, if any, lives as long as it does and has `cnt`
        // elements.
        unsafe {
            let event = wait(self.0, timeout)?;
            let mut code = bindings::rd_kafka_event_error(event);
            let list = bindings::rd_kafka_event_topic_partition_list(event);
            if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && !list.is_null() {
                let count = usize::try_from((*list).cnt).unwrap_or_default();
                let errors = (0..count).map(|index| (*(*list).elems.add(index)).err);
                code =
                    errors.fold(
                        code,
                        |first, next| {
                            if first == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { next } else { first }
                        },
                    );
            }
            bindings::rd_kafka_event_destroy(event);
            Some(commit_result(code))
        }
    }
}

impl Drop for CommitQueue {
    fn drop(&mut self) {
        // SAFETY: it was made by `new` and is not used afterwards.
        unsafe { bindings::rd_kafka_queue_destroy(self.0) };
    }
}

fn commit_result(code: RDKafkaRespErr) -> Result<(), KafkaError> {
    match code {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::ConsumerCommit(code.into())),
    }
}

/// Describes one topic; `None` when there is no such topic.
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Description>, Undescribed> {
    let name = CString::new(topic).map_err(|error| Undescribed { reason: error.to_string(), is_refused: true })?;
    let mut names = [name.as_ptr()];
    // SAFETY: `client` is borrowed for the whole call, so its handle lives. `names` holds one valid C string, which librdkafka copies. Queue and
    // collection are made and destroyed here, and nothing that points into them is used afterwards.
    unsafe {
        let queue = bindings::rd_kafka_queue_new(client.native_ptr());
        let topics = bindings::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        bindings::rd_kafka_DescribeTopics(client.native_ptr(), topics, std::ptr::null(), queue);
        bindings::rd_kafka_TopicCollection_destroy(topics);
        let answer = wait(queue, timeout);
        bindings::rd_kafka_queue_destroy(queue);
        let event =
            answer.ok_or_else(|| Undescribed { reason: format!("no answer within {timeout:?}"), is_refused: false })?;
        let description = read(event);
        bindings::rd_kafka_event_destroy(event);
        description
    }
}

/// # Safety
/// `queue` must be a live queue.
unsafe fn wait(queue: *mut bindings::rd_kafka_queue_t, timeout: Duration) -> Option<*mut bindings::rd_kafka_event_t> {
    let deadline = Instant::now() + timeout;
    loop {
        let left_ms = deadline.saturating_duration_since(Instant::now()).as_millis();
        let wait_ms = i32::try_from(left_ms).unwrap_or(WAIT_MS).min(WAIT_MS);
        // SAFETY: the caller's promise. The event, if any, is ours.
        let event = unsafe { bindings::rd_kafka_queue_poll(queue, wait_ms) };
        if !event.is_null() {
            return Some(event);
        }
        if Instant::now() >= deadline {
            return None;
        }
    }
}

/// # Safety
/// `event` must be live. What the functions of librdkafka point to lives as long as it does.
unsafe fn read(event: *mut bindings::rd_kafka_event_t) -> Result<Option<Description>, Undescribed> {
    let refused = |reason: String| Undescribed { reason, is_refused: true };
    // SAFETY: the caller's promise; every pointer is checked before it is followed, and `count` says how many the array holds.
    unsafe {
        let code = bindings::rd_kafka_event_error(event);
        if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(undescribed(code, text(bindings::rd_kafka_event_error_string(event))));
        }
        let result = bindings::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(refused("the answer is not a description of topics".to_owned()));
        }
        let mut count = 0;
        let topics = bindings::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Ok(None);
        }
        let topic = *topics;
        let error = bindings::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            use bindings::rd_kafka_resp_err_t::{RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
            match bindings::rd_kafka_error_code(error) {
                RD_KAFKA_RESP_ERR_NO_ERROR => {}
                RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => return Ok(None),
                code => return Err(undescribed(code, text(bindings::rd_kafka_error_string(error)))),
            }
        }
        let mut partitions = 0;
        bindings::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        let id = bindings::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null() {
            return Err(refused("Kafka tells no topic id (it does from 2.8 on)".to_owned()));
        }
        let high = bindings::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
        let low = bindings::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
        let partitions = u32::try_from(partitions).map_err(|error| refused(error.to_string()))?;
        Ok(Some(Description { topic_id: u128::from(high) << 64 | u128::from(low), partitions }))
    }
}

/// # Safety
/// `string` must be null or a C string that lives for the call.
unsafe fn text(string: *const std::ffi::c_char) -> String {
    if string.is_null() {
        return "an unknown error".to_owned();
    }
    // SAFETY: the caller's promise, and it is not null.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// What is forbidden or wrong stays so; all else passes.
fn undescribed(code: RDKafkaRespErr, reason: String) -> Undescribed {
    let is_refused = matches!(
        code,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__AUTHENTICATION
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__SSL
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__INVALID_ARG
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE
    );
    Undescribed { reason, is_refused }
}
