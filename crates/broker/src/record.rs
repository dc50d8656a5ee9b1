//! Records: to append, as read, and the acknowledgement between the two.

use std::{future::Future, pin::Pin, task};

use tokio::sync::oneshot;

use crate::AppendError;

/// A record to append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which partition: `partition_of(tenant, partitions)`.
    pub partition: u32,
    /// The key; compacted topics need one.
    pub key: Option<Vec<u8>>,
    /// The bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// A record as read. Borrowed from the engine, for the length of one call.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// The partition.
    pub partition: u32,
    /// The place in the partition. Offsets grow and may have gaps.
    pub offset: u64,
    /// When the log took it: milliseconds since 1970 by the log's clock.
    pub logged_at_ms: i64,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// The offset of a record of which Kafka knows that it is durable and not where: it was written by a try whose answer got lost.
pub const OFFSET_UNKNOWN: u64 = u64::MAX;

/// Resolves to the record's offset when the record is durable (`OFFSET_UNKNOWN` where the log cannot tell).
#[derive(Debug)]
pub struct Ack(pub(crate) oneshot::Receiver<Result<u64, AppendError>>);

impl Ack {
    /// What became of the record, if that is known by now; asked on any thread, and no more once it has answered.
    ///
    /// # Errors
    /// As awaiting.
    pub fn told(&mut self) -> Option<Result<u64, AppendError>> {
        match self.0.try_recv() {
            Ok(told) => Some(told),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(AppendError::Closed)),
        }
    }

    /// Waits on this thread. Not on an async thread: there, `.await` it.
    ///
    /// # Errors
    /// As awaiting.
    pub fn wait(self) -> Result<u64, AppendError> {
        self.0.blocking_recv().unwrap_or(Err(AppendError::Closed))
    }
}

impl Future for Ack {
    type Output = Result<u64, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|received| received.unwrap_or(Err(AppendError::Closed)))
    }
}
