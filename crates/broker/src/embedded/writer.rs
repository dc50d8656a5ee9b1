//! The one thread that writes: it takes all that waits, writes it as one batch, syncs once, and then tells everybody.
//!
//! One sync for all who wait is what makes a durable log fast: while a sync runs, the next batch gathers by itself, so no time-out is
//! needed to fill one. When the store fails (disk full, for one) everybody who waits is told, nothing is acknowledged, and the store is
//! opened again from its journal, which knows what was complete. A store that failed to *sync* is not opened again: what the operating
//! system dropped then looks written, and only a restart by a person, with a look at the disk, is honest.

use std::{
    collections::BTreeSet,
    fs::File,
    io::ErrorKind,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::oneshot;

use super::{queue::Command, retention, staging::Staging, state::Shared, store::Store, topics};
use crate::{AppendError, CommitError, OpenError};

/// Bytes of records that one batch may hold.
const BATCH_BYTES_MAX: u64 = 16 * 1_024 * 1_024;
/// Time between two looks for what may go.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// Time between two tries to open a store that failed.
const REOPEN_EVERY: Duration = Duration::from_secs(1);
/// Time that the writer sleeps at most, so that retention and reopening have their turn.
const IDLE_MAX: Duration = Duration::from_secs(1);

/// The writer's own.
pub(super) struct Writer {
    shared: Arc<Shared>,
    folder: PathBuf,
    /// Held as long as the thread lives: the folder is ours.
    _lock: File,
    retention_due: Instant,
    reopen_due: Instant,
    /// Partitions whose low mark moved and whose newest tables were not looked at since.
    reclaim: BTreeSet<(u32, u32)>,
    /// Why the store is away.
    failure: Option<Failure>,
}

struct Failure {
    reason: String,
    is_final: bool,
}

/// Who waits for the batch.
enum Waiting {
    Append { offset: u64, bytes: u64, acknowledge: oneshot::Sender<Result<u64, AppendError>> },
    Commit { answer: mpsc::Sender<Result<(), CommitError>> },
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, folder: PathBuf, lock: File) -> Self {
        let now = Instant::now();
        let (retention_due, reopen_due) = (now + RETENTION_EVERY, now);
        Self { shared, folder, _lock: lock, retention_due, reopen_due, reclaim: BTreeSet::new(), failure: None }
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(commands) = self.shared.queue.take(BATCH_BYTES_MAX, IDLE_MAX) {
            self.reopen_if_due();
            let mut together = Vec::with_capacity(commands.len());
            for command in commands {
                match command {
                    Command::Append { .. } | Command::Commit { .. } => together.push(command),
                    alone => {
                        self.write(std::mem::take(&mut together));
                        self.administer(alone);
                    }
                }
            }
            self.write(together);
            if Instant::now() >= self.retention_due {
                self.retention_due = Instant::now() + RETENTION_EVERY;
                if let Err(reason) = self.enforce_retention(now_ms()) {
                    tracing::warn!(%reason, "retention waits for the next pass");
                }
            }
        }
        // The folder must be free when the thread has ended: close the store, then (by dropping self) let the lock go.
        *self.shared.store_mut() = None;
        self.shared.state().is_closed = true;
        self.shared.changed.notify_all();
    }

    /// Writes appends and commits as one batch and tells everybody who waits.
    fn write(&mut self, commands: Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        let mut staging = Staging::default();
        let mut waiting = Vec::with_capacity(commands.len());
        let result = match self.shared.store().as_ref() {
            None => Err(None),
            Some(store) => self.stage_and_commit(store, commands, &mut staging, &mut waiting).map_err(Some),
        };
        match result {
            Ok(()) => {
                let mut state = self.shared.state();
                state.marks.extend(staging.marks);
                state.committed.extend(staging.committed);
                drop(state);
                self.shared.changed.notify_all();
                self.answer(waiting, None);
            }
            Err(error) => {
                if let Some(error) = error {
                    self.fail(&error);
                }
                let reason = self.failure.as_ref().map_or_else(String::new, |failure| failure.reason.clone());
                self.answer(waiting, Some(&reason));
            }
        }
    }

    /// Everybody is in `waiting` afterwards, whatever happens.
    fn stage_and_commit(
        &self,
        store: &Store,
        commands: Vec<Command>,
        staging: &mut Staging,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), fjall::Error> {
        let now_ms = now_ms();
        let mut result = Ok(());
        for command in commands {
            match command {
                Command::Append { topic, record, bytes, acknowledge } => {
                    if !self.shared.state().topics.contains_key(&topic.name) {
                        self.shared.queue.release(bytes);
                        let reason = format!("topic {} was deleted", topic.name);
                        acknowledge.send(Err(AppendError::Refused { reason })).ok();
                        continue;
                    }
                    let staged = staging.append(&self.shared, store, &topic, &record, now_ms);
                    let offset = staged.unwrap_or_else(|error| {
                        result = Err(error);
                        0
                    });
                    waiting.push(Waiting::Append { offset, bytes, acknowledge });
                }
                Command::Commit { group, number, partition, committed, answer } => {
                    staging.commit(number, partition, group, committed);
                    waiting.push(Waiting::Commit { answer });
                }
                Command::EnsureTopic { .. }
                | Command::RaisePartitions { .. }
                | Command::DeleteTopic { .. }
                | Command::EnforceRetention { .. } => {}
            }
        }
        result?;
        let mut batch = store.batch();
        staging.write(&mut batch);
        batch.commit()
    }

    /// Tells those who wait. Whoever went away meanwhile needs no answer.
    fn answer(&self, waiting: Vec<Waiting>, failure: Option<&str>) {
        for one in waiting {
            match one {
                Waiting::Append { offset, bytes, acknowledge } => {
                    self.shared.queue.release(bytes);
                    let unavailable = |reason: &str| Err(AppendError::Unavailable { reason: reason.to_owned() });
                    acknowledge.send(failure.map_or(Ok(offset), unavailable)).ok();
                }
                Waiting::Commit { answer } => {
                    let unavailable = |reason: &str| Err(CommitError::Unavailable { reason: reason.to_owned() });
                    answer.send(failure.map_or(Ok(()), unavailable)).ok();
                }
            }
        }
    }

    fn administer(&mut self, command: Command) {
        match command {
            Command::EnsureTopic { spec, answer } => {
                let result = topics::ensure(&self.shared, &spec);
                answer.send(self.opened(result)).ok();
            }
            Command::RaisePartitions { name, partitions, answer } => {
                let result = topics::raise_partitions(&self.shared, &name, partitions);
                answer.send(self.opened(result)).ok();
            }
            Command::DeleteTopic { name, answer } => {
                let result = topics::delete(&self.shared, &name);
                answer.send(self.opened(result)).ok();
            }
            Command::EnforceRetention { now_ms, answer } => {
                let result = self.enforce_retention(now_ms);
                let place = self.shared.place.clone();
                answer.send(result.map_err(|reason| OpenError::Failed { place, reason })).ok();
            }
            Command::Append { .. } | Command::Commit { .. } => {}
        }
    }

    fn opened(&mut self, result: Result<(), topics::TopicError>) -> Result<(), OpenError> {
        result.map_err(|error| match error {
            topics::TopicError::Wrong(error) => error,
            topics::TopicError::Store(error) => {
                self.fail(&error);
                OpenError::Failed { place: self.shared.place.clone(), reason: error.to_string() }
            }
        })
    }

    fn enforce_retention(&mut self, now_ms: i64) -> Result<(), String> {
        let topics: Vec<_> = self.shared.state().topics.values().cloned().collect();
        let places = topics.iter().flat_map(|topic| (0..topic.row.partitions).map(move |partition| (topic, partition)));
        for (topic, partition) in places {
            let place = (topic.row.number, partition);
            let was_moved = self.reclaim.remove(&place);
            let outcome = match self.shared.store().as_ref() {
                None => return Err("the store is away".to_owned()),
                Some(store) => retention::enforce(&self.shared, store, topic, partition, now_ms, was_moved),
            };
            match outcome {
                Ok(true) => drop(self.reclaim.insert(place)),
                Ok(false) => {}
                Err(error) => {
                    self.fail(&error);
                    return Err(error.to_string());
                }
            }
        }
        Ok(())
    }

    /// Closes a store that failed; `reopen_if_due` opens it again.
    fn fail(&mut self, error: &fjall::Error) {
        let is_final = matches!(error, fjall::Error::Io(io) if !matches!(
            io.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge | ErrorKind::WriteZero
        ));
        let advice = if is_final { "; look at the disk and restart" } else { "" };
        let reason = format!("{}: {error}{advice}", self.shared.place);
        tracing::error!(%reason, is_final, "the log's store failed");
        *self.shared.store_mut() = None;
        self.failure = Some(Failure { reason, is_final });
        self.reopen_due = Instant::now();
    }

    fn reopen_if_due(&mut self) {
        let is_reopenable = self.failure.as_ref().is_some_and(|failure| !failure.is_final);
        if !is_reopenable || Instant::now() < self.reopen_due {
            return;
        }
        self.reopen_due = Instant::now() + REOPEN_EVERY;
        match Store::open(&self.folder).and_then(|store| store.load().map(|loaded| (store, loaded))) {
            Ok((store, loaded)) => {
                self.shared.state().adopt(loaded);
                *self.shared.store_mut() = Some(store);
                self.failure = None;
                self.shared.changed.notify_all();
                tracing::info!(place = %self.shared.place, "the log's store is open again");
            }
            Err(error) => tracing::warn!(%error, "the log's store cannot be opened yet"),
        }
    }
}

/// Milliseconds since 1970 by the machine's clock; the log itself never goes back (`Staging::append`).
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
