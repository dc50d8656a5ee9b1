//! Puts a workload into topics, before anything is measured: as the product's own records, packed or one event each, or as what peers read.

use std::{path::PathBuf, time::Duration};

use broker::{Broker, Cleanup, Record, TopicSpec, partition_of};
use codec::{BatchHeader, BatchWriter, Topic, encode_ledger_entry, ledger_key};
use event::LedgerEntry;
use stages::{
    known::known_before,
    workload::{PARTITIONS, Shape, Texts, Truth, Workload},
};
use tests::poll;

use crate::{json, queue::Queue, scale::Scale};

/// On which engine the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Engine {
    /// A broker that everybody shares.
    Kafka,
    /// The product's own log, in its data folder.
    Embedded,
}

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
    /// Divides the number of events: for what costs many times as much, and for curves.
    pub(crate) part: u64,
    pub(crate) partitions: u32,
    pub(crate) engine: Engine,
}

/// What lies in topics now.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// What the names of the topics begin with. Nothing on the embedded log: there each load has a folder.
    pub(crate) prefix: String,
    /// The topic of the events.
    pub(crate) topic: String,
    pub(crate) partitions: u32,
    /// The data folder of an embedded log as it was filled; a run takes a copy.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) truth: Truth,
    pub(crate) messages: u64,
    /// Bytes of the messages, before they are compressed.
    pub(crate) bytes: u64,
    /// Bytes in the log's files.
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
    /// All events, in the usual number of partitions of a Kafka.
    pub(crate) const fn of(shape: Shape, form: Form) -> Load {
        Load { shape, form, part: 1, partitions: PARTITIONS, engine: Engine::Kafka }
    }

    /// What its topics begin with: another load, other topics.
    pub(crate) fn prefix(&self) -> String {
        let Load { shape: Shape { apps, tenants, people, .. }, form, part, partitions, engine } = *self;
        match engine {
            Engine::Kafka => format!("{form:?}.{apps}.{tenants}.{people}.{part}.{partitions}.").to_lowercase(),
            Engine::Embedded => String::new(),
        }
    }

    /// How many events that is: whole deliveries.
    pub(crate) fn events(&self, scale: &Scale) -> u64 {
        let delivery = self.shape.delivery_events;
        (scale.events / self.part).max(delivery) / delivery * delivery
    }

    /// Makes the topics and fills them. How many bytes the log takes for it, the log's files tell.
    pub(crate) fn fill(self, broker: &Broker, scale: &Scale) -> anyhow::Result<Loaded> {
        let prefix = self.prefix();
        let topic = Topic::Events.name(&prefix);
        make_topics(broker, &prefix, self.partitions)?;
        let workload = Workload::new(self.shape, scale.seed);
        let mut queue = Queue::new(broker, &topic);
        let (mut truth, mut texts) = (Truth::default(), Texts::default());
        for first in (0..self.events(scale)).step_by(self.shape.delivery_events as usize) {
            for record in delivery(&workload, first, self.form, self.partitions, &mut truth, &mut texts)? {
                queue.put(record)?;
            }
        }
        let (messages, bytes) = queue.finish()?;
        let (partitions, folder, log_bytes) = (self.partitions, None, 0);
        Ok(Loaded { prefix, topic, partitions, folder, truth, messages, bytes, log_bytes })
    }
}

/// The topics that the product makes, so that it finds them as it would have made them.
pub(crate) fn make_topics(broker: &Broker, prefix: &str, partitions: u32) -> anyhow::Result<()> {
    let specs = Topic::ALL.map(|topic| TopicSpec {
        name: topic.name(prefix),
        partitions,
        cleanup: if topic.is_compacted() {
            Cleanup::Compact
        } else {
            Cleanup::Delete { retention_ms: None, retention_bytes: None }
        },
    });
    Ok(broker.ensure_topics(&specs)?)
}

/// The messages of the delivery that begins with an event.
pub(crate) fn delivery(
    workload: &Workload,
    first: u64,
    form: Form,
    partitions: u32,
    truth: &mut Truth,
    texts: &mut Texts,
) -> anyhow::Result<Vec<Record>> {
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
    for number in first..first + workload.delivery_events() {
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
    let partition = partition_of(tenant.as_bytes(), partitions);
    let record = |value| Record { partition, key: Some(tenant.clone().into_bytes()), value: Some(value) };
    Ok(messages.into_iter().map(record).collect())
}

/// No ledger and no alert: what an earlier run has written is gone.
pub(crate) fn empty_ledger(broker: &Broker, prefix: &str, partitions: u32) -> anyhow::Result<()> {
    for topic in [Topic::Ledger, Topic::Alerts] {
        broker.delete_topic(&topic.name(prefix))?;
    }
    // Kafka deletes in its own time.
    poll(Duration::from_secs(90), "the topics can be made anew", || make_topics(broker, prefix, partitions))
}

/// The ledger as it was before the day.
pub(crate) fn fill_ledger(broker: &Broker, prefix: &str, partitions: u32, workload: &Workload) -> anyhow::Result<()> {
    let ledger = Topic::Ledger.name(prefix);
    let mut queue = Queue::new(broker, &ledger);
    known_before(workload, &mut |tenant, entry| queue.put(ledger_record(tenant, entry, partitions)?))?;
    queue.finish().map(drop)
}

/// An entry of the ledger as a record.
pub(crate) fn ledger_record(tenant: &str, entry: &LedgerEntry<'_>, partitions: u32) -> anyhow::Result<Record> {
    let value = Some(encode_ledger_entry(tenant, entry)?);
    let partition = partition_of(tenant.as_bytes(), partitions);
    Ok(Record { partition, key: Some(ledger_key(tenant, entry.key())), value })
}
