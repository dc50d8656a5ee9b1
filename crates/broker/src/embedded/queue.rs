//! What waits for the writer thread: commands in order, records among them bounded by bytes.
//!
//! Bytes are given back when the record is durable or failed, not when the writer takes it: what is in flight counts too.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::state::Topic;
use crate::{AppendError, CommitError, Committed, OpenError, Record, TopicSpec};

/// What the writer does.
pub(super) enum Command {
    Append {
        topic: Arc<Topic>,
        record: Record,
        bytes: u64,
        acknowledge: oneshot::Sender<Result<u64, AppendError>>,
    },
    Commit {
        group: String,
        number: u32,
        partition: u32,
        committed: Committed,
        answer: mpsc::Sender<Result<(), CommitError>>,
    },
    EnsureTopic {
        spec: TopicSpec,
        answer: mpsc::Sender<Result<(), OpenError>>,
    },
    RaisePartitions {
        name: String,
        partitions: u32,
        answer: mpsc::Sender<Result<(), OpenError>>,
    },
    DeleteTopic {
        name: String,
        answer: mpsc::Sender<Result<(), OpenError>>,
    },
    EnforceRetention {
        now_ms: i64,
        answer: mpsc::Sender<Result<(), OpenError>>,
    },
}

/// The queue between everybody and the writer.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    limit_bytes: u64,
}

#[derive(Default)]
struct Inner {
    commands: VecDeque<Command>,
    bytes: u64,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self { inner: Mutex::default(), filled: Condvar::new(), limit_bytes }
    }

    /// Queues records, all or none. One that is larger than the whole limit is let in when nothing else waits, or it never could be.
    pub(super) fn push_records(&self, commands: Vec<Command>) -> Result<(), AppendError> {
        let bytes = commands.iter().map(command_bytes).fold(0, u64::saturating_add);
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(AppendError::Closed);
        }
        if inner.bytes > 0 && inner.bytes.saturating_add(bytes) > self.limit_bytes {
            return Err(AppendError::QueueFull { queued_bytes: inner.bytes, limit_bytes: self.limit_bytes });
        }
        inner.bytes = inner.bytes.saturating_add(bytes);
        inner.commands.extend(commands);
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Queues a command that carries no records. False when the log is closed. Each waits for its answer, so their number is bounded by the
    /// number of threads that ask.
    pub(super) fn push(&self, command: Command) -> bool {
        let mut inner = self.lock();
        if inner.is_closed {
            return false;
        }
        inner.commands.push_back(command);
        drop(inner);
        self.filled.notify_one();
        true
    }

    /// All that waits, up to `bytes_max` of records; nothing when `timeout` passed; `None` when closed and empty.
    pub(super) fn take(&self, bytes_max: u64, timeout: Duration) -> Option<Vec<Command>> {
        let deadline = Instant::now() + timeout;
        let mut inner = self.lock();
        while inner.commands.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if inner.is_closed {
                return None;
            }
            if left.is_zero() {
                return Some(Vec::new());
            }
            inner = self.filled.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut taken = Vec::new();
        let mut bytes = 0u64;
        while let Some(command) = inner.commands.front() {
            bytes = bytes.saturating_add(command_bytes(command));
            if bytes > bytes_max && !taken.is_empty() {
                break;
            }
            taken.extend(inner.commands.pop_front());
        }
        Some(taken)
    }

    /// Gives back the bytes of records that are durable or failed.
    pub(super) fn release(&self, bytes: u64) {
        let mut inner = self.lock();
        inner.bytes = inner.bytes.saturating_sub(bytes);
    }

    /// Bytes of records that wait.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Nothing more comes in; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn command_bytes(command: &Command) -> u64 {
    if let Command::Append { bytes, .. } = command { *bytes } else { 0 }
}
