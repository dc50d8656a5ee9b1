//! Puts a workload into topics, before anything is measured: as the product's own records, packed or one event each, or as what peers read.

use std::{collections::VecDeque, time::Duration};

use anyhow::ensure;
use broker::{Ack, Broker, Cleanup, Record, TopicSpec};
use codec::{BatchHeader, BatchWriter, Topic, encode_ledger_entry, ledger_key};
use stages::{
    known::known_before,
    workload::{DELIVERY_EVENTS, PARTITIONS, Shape, Texts, Truth, Workload, partition_of},
};
use tests::poll;

use crate::{json, scale::Scale, stack::Servers};

/// Records that wait for the broker at a time, and how many are handed over at once.
const WAITING_MAX: usize = 20_000;
const RECORDS_AT_ONCE: usize = 500;
/// Bytes of them at a time: half of what the log's own limit lets wait.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// How events stand in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// The product's records, the events of one delivery in each.
    Packed,
    /// The product's records, one event in each.
    Single,
    /// One JSON object a message.
    JsonSingle,
    /// The JSON objects of one delivery, a line each.
    JsonPacked,
    /// The rows of one delivery in ClickHouse's `RowBinary`.
    RowBinaryPacked,
}

/// What is put into topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    pub(crate) shape: Shape,
    pub(crate) form: Form,
    /// Divides the number of events: for what costs many times as much.
    pub(crate) part: u64,
}

/// What lies in topics now.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// What the names of the topics begin with.
    pub(crate) prefix: String,
    /// The topic of the events.
    pub(crate) topic: String,
    pub(crate) truth: Truth,
    pub(crate) messages: u64,
    /// Bytes of the messages, before Kafka compresses them.
    pub(crate) bytes: u64,
    /// Bytes in Kafka's files.
    pub(crate) log_bytes: u64,
}

impl Loaded {
    /// Bytes of an event as it is handed to a consumer, and in the log.
    pub(crate) fn bytes_per_event(&self) -> (f64, f64) {
        let events = self.truth.events.max(1) as f64;
        (self.bytes as f64 / events, self.log_bytes as f64 / events)
    }
}

impl Load {
    /// Makes the topics and fills them.
    pub(crate) fn fill(self, servers: &Servers, scale: &Scale) -> anyhow::Result<Loaded> {
        let Shape { apps, tenants, people, .. } = self.shape;
        let prefix = format!("{:?}.{apps}.{tenants}.{people}.", self.form).to_lowercase();
        let topic = Topic::Events.name(&prefix);
        make_topics(&servers.broker, &prefix)?;
        let workload = Workload::new(self.shape, scale.seed);
        let events = (scale.events / self.part).max(DELIVERY_EVENTS) / DELIVERY_EVENTS * DELIVERY_EVENTS;
        let mut queue = Queue::new(&servers.broker, &topic);
        let (mut truth, mut texts) = (Truth::default(), Texts::default());
        for first in (0..events).step_by(DELIVERY_EVENTS as usize) {
            let tenant = &workload.tenants()[workload.tenant_of(first) as usize];
            for value in delivery(&workload, first, self.form, &mut truth, &mut texts)? {
                queue.put(Record {
                    partition: partition_of(tenant),
                    key: Some(tenant.clone().into_bytes()),
                    value: Some(value),
                })?;
            }
        }
        let (messages, bytes) = queue.finish()?;
        let log_bytes = servers.topic_bytes(&topic)?;
        Ok(Loaded { prefix, topic, truth, messages, bytes, log_bytes })
    }
}

/// The topics that the product makes, so that it finds them as it would have made them.
pub(crate) fn make_topics(broker: &Broker, prefix: &str) -> anyhow::Result<()> {
    let specs = Topic::ALL.map(|topic| TopicSpec {
        name: topic.name(prefix),
        partitions: PARTITIONS,
        cleanup: if topic.is_compacted() {
            Cleanup::Compact
        } else {
            Cleanup::Delete { retention_ms: None, retention_bytes: None }
        },
    });
    Ok(broker.ensure_topics(&specs)?)
}

/// The messages of one delivery.
fn delivery(
    workload: &Workload,
    first: u64,
    form: Form,
    truth: &mut Truth,
    texts: &mut Texts,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let numbers = first..first + DELIVERY_EVENTS;
    let is_single = matches!(form, Form::Single | Form::JsonSingle);
    let (mut messages, mut packed) = (Vec::new(), Vec::new());
    let (tenant, host, connection) = {
        let place = workload.tenant_of(first) as usize;
        (&workload.tenants()[place], &workload.hosts()[place], &workload.connections()[place])
    };
    let received_at = workload.with_event(first, texts, |event| event.received_at);
    let source = event::Source::Okta;
    let header = BatchHeader { tenant, connection, provider_tenant: host, source, received_at, is_backfill: false };
    let mut writer = BatchWriter::new(header);
    for number in numbers {
        workload.with_event(number, texts, |event| -> anyhow::Result<()> {
            truth.add(event);
            match form {
                Form::Packed | Form::Single => writer.push(event)?,
                Form::JsonSingle | Form::JsonPacked => json::put_line(event, &mut packed),
                Form::RowBinaryPacked => json::put_row_binary(event, &mut packed),
            }
            Ok(())
        })?;
        if is_single {
            messages.push(if form == Form::Single { writer.finish() } else { std::mem::take(&mut packed) });
        }
    }
    if !is_single {
        messages.push(if form == Form::Packed { writer.finish() } else { packed });
    }
    Ok(messages)
}

/// No ledger and no alert: what an earlier run has written is gone.
pub(crate) fn empty_ledger(broker: &Broker, prefix: &str) -> anyhow::Result<()> {
    for topic in [Topic::Ledger, Topic::Alerts] {
        broker.delete_topic(&topic.name(prefix))?;
    }
    // Kafka deletes in its own time.
    poll(Duration::from_secs(90), "the topics can be made anew", || make_topics(broker, prefix))
}

/// The ledger as it was before the day, and no alert.
pub(crate) fn refill_ledger(broker: &Broker, prefix: &str, workload: &Workload) -> anyhow::Result<()> {
    empty_ledger(broker, prefix)?;
    let ledger = Topic::Ledger.name(prefix);
    let mut queue = Queue::new(broker, &ledger);
    known_before(workload, &mut |tenant, entry| {
        let value = Some(encode_ledger_entry(tenant, entry)?);
        queue.put(Record { partition: partition_of(tenant), key: Some(ledger_key(tenant, entry.key())), value })
    })?;
    queue.finish().map(drop)
}

/// Records on their way, a bounded number of them.
struct Queue<'b> {
    broker: &'b Broker,
    topic: &'b str,
    records: Vec<Record>,
    waiting: VecDeque<(Ack, usize)>,
    waiting_bytes: usize,
    messages: u64,
    bytes: u64,
}

impl<'b> Queue<'b> {
    fn new(broker: &'b Broker, topic: &'b str) -> Queue<'b> {
        let (records, waiting) = (Vec::new(), VecDeque::new());
        Queue { broker, topic, records, waiting, waiting_bytes: 0, messages: 0, bytes: 0 }
    }

    fn put(&mut self, record: Record) -> anyhow::Result<()> {
        let bytes = record.value.as_ref().map_or(0, Vec::len);
        self.messages += 1;
        self.bytes += bytes as u64;
        self.records.push(record);
        let open: usize = self.records.iter().map(|record| record.value.as_ref().map_or(0, Vec::len)).sum();
        if self.records.len() >= RECORDS_AT_ONCE || open >= WAITING_BYTES_MAX / 4 {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> anyhow::Result<()> {
        let records = std::mem::take(&mut self.records);
        let sizes: Vec<usize> = records.iter().map(|record| record.value.as_ref().map_or(0, Vec::len)).collect();
        let coming: usize = sizes.iter().sum();
        while self.waiting.len() + records.len() > WAITING_MAX || self.waiting_bytes + coming > WAITING_BYTES_MAX {
            let Some((ack, bytes)) = self.waiting.pop_front() else { break };
            ack.wait()?;
            self.waiting_bytes -= bytes;
        }
        let acks = self.broker.append_all(self.topic, records)?;
        self.waiting_bytes += coming;
        self.waiting.extend(acks.into_iter().zip(sizes));
        Ok(())
    }

    /// Waits for everything. Messages and bytes.
    fn finish(mut self) -> anyhow::Result<(u64, u64)> {
        self.hand_over()?;
        for (ack, _) in std::mem::take(&mut self.waiting) {
            ack.wait()?;
        }
        ensure!(self.messages > 0, "nothing was put into {}", self.topic);
        Ok((self.messages, self.bytes))
    }
}
