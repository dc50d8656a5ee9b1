//! Asks Kafka for a topic's id: the one thing that `rdkafka` does not wrap, and the one file of this crate that calls C.

#![expect(
    unsafe_code,
    reason = "librdkafka tells a topic's id through its C interface only; rdkafka 0.39 does not wrap DescribeTopics"
)]

use std::{
    ffi::{CStr, CString},
    time::{Duration, Instant},
};

use rdkafka::{bindings, client::Client, client::ClientContext};

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

/// Describes one topic; `None` when there is no such topic.
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Description>, String> {
    let name = CString::new(topic).map_err(|error| error.to_string())?;
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
        let event = answer.ok_or_else(|| format!("no answer within {timeout:?}"))?;
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
        // SAFETY: the caller's promise. The event, if any, is ours.
        let event = unsafe { bindings::rd_kafka_queue_poll(queue, WAIT_MS) };
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
unsafe fn read(event: *mut bindings::rd_kafka_event_t) -> Result<Option<Description>, String> {
    // SAFETY: the caller's promise; every pointer is checked before it is followed, and `count` says how many the array holds.
    unsafe {
        if bindings::rd_kafka_event_error(event) != bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(text(bindings::rd_kafka_event_error_string(event)));
        }
        let result = bindings::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err("the answer is not a description of topics".to_owned());
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
                _ => return Err(text(bindings::rd_kafka_error_string(error))),
            }
        }
        let mut partitions = 0;
        bindings::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        let id = bindings::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null() {
            return Err("Kafka tells no topic id (it does from 2.8 on)".to_owned());
        }
        let high = bindings::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
        let low = bindings::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
        let partitions = u32::try_from(partitions).map_err(|error| error.to_string())?;
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
