//! The embedded engine: a durable log on one machine, in one folder, for one process.
//!
//! ```text
//! append, commit ─► queue (bounded by bytes) ─► writer thread: one batch, ONE sync ─► store ─► acknowledgements, waiting consumers
//! ```
//! It promises what Kafka with `acks=all` promises, with the disk in the place of the replicas: what was acknowledged survives a power
//! loss. Why `fjall`, and what was measured: `docs/adr/0001-embedded-log-on-fjall.md`.

mod consumer;
mod group;
mod queue;
mod retention;
mod row;
mod sole_writer;
mod staging;
mod state;
mod store;
mod topics;
mod writer;

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use tokio::sync::oneshot;

pub(crate) use self::{consumer::Consumer, sole_writer::SoleWriter};
use self::{
    queue::Command,
    state::{Shared, Topic},
    store::Store,
    writer::Writer,
};
use crate::{
    Ack, AppendError, Committed, ConsumeError, Limits, LogId, OpenError, Record, RecordRef, StartAt, TopicSpec,
    limits::{record_bytes, why_refused},
};

/// The file whose lock says that a running process has the folder.
const LOCK_FILE: &str = "daylight.lock";

/// The open log of a folder. Dropping it writes what waits, and frees the folder.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// How many sole writers a partition had.
    turns: Mutex<BTreeMap<(String, u32), u64>>,
}

impl Engine {
    pub(crate) fn open(folder: &Path, limits: Limits) -> Result<Self, OpenError> {
        let place = folder.display().to_string();
        let failed = |reason: String| OpenError::Failed { place: place.clone(), reason };
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK_FILE));
        let lock = lock.map_err(|error| failed(error.to_string()))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::Locked { folder: place.clone() },
            TryLockError::Error(error) => failed(error.to_string()),
        })?;
        let store_folder = folder.join("log");
        let opened = Store::open(&store_folder).and_then(|store| store.load().map(|loaded| (store, loaded)));
        let (store, loaded) = opened.map_err(|error| match error {
            fjall::Error::Locked => OpenError::Locked { folder: place.clone() },
            error => failed(error.to_string()),
        })?;
        let shared = Arc::new(Shared::new(place.clone(), limits, store, loaded));
        let writer = Writer::new(Arc::clone(&shared), store_folder, lock);
        let thread = std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|error| failed(error.to_string()))?;
        Ok(Self { shared, writer: Mutex::new(Some(thread)), turns: Mutex::default() })
    }

    pub(crate) fn ensure_topic(&self, spec: &TopicSpec) -> Result<(), OpenError> {
        self.ask(|answer| Command::EnsureTopic { spec: spec.clone(), answer })
    }

    pub(crate) fn raise_partitions(&self, topic: &str, partitions: u32) -> Result<(), OpenError> {
        self.ask(|answer| Command::RaisePartitions { name: topic.to_owned(), partitions, answer })
    }

    pub(crate) fn members(&self, group: &str) -> usize {
        let state = self.shared.state();
        state.groups.iter().filter(|((_, name), _)| name == group).map(|(_, group)| group.len()).sum()
    }

    pub(crate) fn delete_topic(&self, topic: &str) -> Result<(), OpenError> {
        self.ask(|answer| Command::DeleteTopic { name: topic.to_owned(), answer })
    }

    pub(crate) fn enforce_retention(&self, now_ms: i64) -> Result<(), OpenError> {
        self.ask(|answer| Command::EnforceRetention { now_ms, answer })
    }

    pub(crate) fn log_id(&self, topic: &str) -> Option<LogId> {
        self.topic(topic).map(|topic| topic.row.log_id)
    }

    pub(crate) fn partitions(&self, topic: &str) -> Option<u32> {
        self.topic(topic).map(|topic| topic.row.partitions)
    }

    /// Low and high.
    pub(crate) fn watermarks(&self, topic: &str, partition: u32) -> Option<(u64, u64)> {
        let topic = self.topic(topic).filter(|topic| partition < topic.row.partitions)?;
        let marks = self.shared.state().marks(topic.row.number, partition);
        Some((marks.low, marks.next))
    }

    pub(crate) fn committed(&self, group: &str, topic: &str, partition: u32) -> Option<Committed> {
        let number = self.topic(topic)?.row.number;
        self.shared.state().committed.get(&(number, partition, group.to_owned())).cloned()
    }

    pub(crate) fn append_all(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Ack>, AppendError> {
        let unknown = || AppendError::Refused { reason: format!("topic {topic} does not exist") };
        let topic = self.topic(topic).ok_or_else(unknown)?;
        let mut commands = Vec::with_capacity(records.len());
        let mut acks = Vec::with_capacity(records.len());
        for record in records {
            if let Some(reason) = why_refused(&record, topic.row.partitions, topic.is_compacted(), &self.shared.limits)
            {
                return Err(AppendError::Refused { reason });
            }
            let (acknowledge, acknowledged) = oneshot::channel();
            let bytes = record_bytes(&record);
            commands.push(Command::Append { topic: Arc::clone(&topic), record, bytes, acknowledge });
            acks.push(Ack(acknowledged));
        }
        self.shared.queue.push_records(commands)?;
        Ok(acks)
    }

    pub(crate) fn queued_bytes(&self) -> u64 {
        self.shared.queue.bytes()
    }

    pub(crate) fn consumer(&self, group: &str, topic: &str, start: StartAt) -> Result<Consumer, ConsumeError> {
        let topic = self.readable(topic)?;
        Ok(Consumer::join(Arc::clone(&self.shared), topic, group, start))
    }

    pub(crate) fn read(
        &self,
        topic: &str,
        partition: u32,
        from: Option<u64>,
        visit: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<u64, ConsumeError> {
        consumer::read(&self.shared, &*self.readable(topic)?, partition, from, visit)
    }

    fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.shared.state().topics.get(name).cloned()
    }

    fn readable(&self, name: &str) -> Result<Arc<Topic>, ConsumeError> {
        let unknown = || ConsumeError::Refused { reason: format!("topic {name} does not exist") };
        self.topic(name).ok_or_else(unknown)
    }

    /// Lets the writer do it and waits for its answer.
    fn ask(&self, command: impl FnOnce(mpsc::Sender<Result<(), OpenError>>) -> Command) -> Result<(), OpenError> {
        let (answer, answered) = mpsc::channel();
        self.shared.queue.push(command(answer));
        let closed = || OpenError::Failed { place: self.shared.place.clone(), reason: "it is closed".to_owned() };
        answered.recv().unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A writer that panicked has said so by its panic; everybody who waited was told `Closed`.
        writer.map(JoinHandle::join);
    }
}
