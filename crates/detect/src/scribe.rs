//! Writes the ledger of one partition, on a thread of its own: each write is several round trips, and meanwhile events are read on.
//!
//! What a partition's ledger holds is said by one process at a time, whom the log itself tells from those who were it before: who slept past his
//! session wakes with entries in hand that are older than those of his successor, and nobody may find them behind those.

use std::{
    sync::mpsc::{self, Receiver, Sender, TryRecvError},
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use broker::{AppendError, Record, SoleWriter};
use runtime::{Backoff, Shutdown, Standing};

/// How often somebody who waits before another try looks whether anybody still wants it.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What became of a write.
#[derive(Debug)]
pub(crate) enum End {
    /// It is durable: one past the last offset that was told, and how many records it had.
    Durable(u64, u64),
    /// The process stops before.
    Stopping,
    /// Another may write the ledger now, or nobody knows what became of it: for this reason. No further write can be.
    Lost(String),
    /// The log will never take it.
    Refused(AppendError),
}

/// The thread. Dropped, it ends when the write that it has in hand has.
pub(crate) struct Scribe {
    work: Option<Sender<Vec<Record>>>,
    ends: Receiver<End>,
    /// It has said that there is no further write.
    is_over: bool,
    thread: Option<JoinHandle<()>>,
}

/// What the thread has.
struct Desk {
    partition: u32,
    writer: SoleWriter,
    work: Receiver<Vec<Record>>,
    shutdown: Shutdown,
    standing: Standing,
}

impl Scribe {
    /// Writes what it is given by this writer, and wakes whoever began it when a write has ended.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub(crate) fn begin(
        partition: u32,
        writer: SoleWriter,
        shutdown: &Shutdown,
        standing: &Standing,
    ) -> std::io::Result<Scribe> {
        let ((work, given), (tell, ends)) = (mpsc::channel(), mpsc::channel());
        let mut desk = Desk { partition, writer, work: given, shutdown: shutdown.clone(), standing: standing.clone() };
        let caller = thread::current();
        let name = format!("ledger-{partition}");
        let thread = thread::Builder::new().name(name).spawn(move || desk.write_all(&tell, &caller))?;
        Ok(Scribe { work: Some(work), ends, is_over: false, thread: Some(thread) })
    }

    /// Writes these, in this order. One write at a time.
    pub(crate) fn write(&self, records: Vec<Record>) {
        // A thread that has ended has said why.
        if let Some(work) = &self.work {
            work.send(records).ok();
        }
    }

    /// The end of the write, once it has one; each is told once.
    pub(crate) fn end(&mut self) -> Option<End> {
        if self.is_over {
            return None;
        }
        let end = match self.ends.try_recv() {
            Ok(end) => end,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => End::Lost("the thread that writes the ledger broke".to_owned()),
        };
        self.is_over = !matches!(end, End::Durable(..));
        Some(end)
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.work = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread that writes the ledger broke");
        }
    }
}

impl Desk {
    fn write_all(&mut self, tell: &Sender<End>, caller: &Thread) {
        while let Ok(records) = self.work.recv() {
            let end = self.write(&records);
            let is_over = !matches!(end, End::Durable(..));
            if tell.send(end).is_err() || is_over {
                caller.unpark();
                return;
            }
            caller.unpark();
        }
    }

    /// For as long as it takes, while anybody wants it.
    fn write(&mut self, records: &[Record]) -> End {
        let partition = self.partition;
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5), 8);
        loop {
            match self.writer.append_all(records) {
                Ok(next) => {
                    if backoff.attempts() > 0 {
                        self.standing.ready();
                    }
                    return End::Durable(next, u64::try_from(records.len()).unwrap_or(u64::MAX));
                }
                Err(AppendError::Fenced { reason }) => return End::Lost(reason),
                Err(error @ (AppendError::Refused { .. } | AppendError::Closed)) => return End::Refused(error),
                Err(error) => {
                    tracing::warn!(%error, partition, "the ledger is not written, trying again");
                    self.standing.not_ready(format!("the ledger of partition {partition} cannot be written: {error}"));
                    if !self.rest(backoff.next_wait()) {
                        return End::Stopping;
                    }
                }
            }
        }
    }

    /// The pause before another try; false when there is to be none.
    fn rest(&self, mut left: Duration) -> bool {
        while !left.is_zero() {
            let part = left.min(LOOK_INTERVAL);
            self.shutdown.sleep(part);
            let is_dropped = matches!(self.work.try_recv(), Err(TryRecvError::Disconnected));
            if self.shutdown.is_requested() || is_dropped {
                return false;
            }
            left -= part;
        }
        true
    }
}
