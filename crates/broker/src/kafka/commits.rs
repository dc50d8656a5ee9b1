//! Commits of one member: asked for, waited for with a time-out, and never overtaken by a change of hands.
//!
//! A commit that was not answered in time cannot be called back: librdkafka sends it when the coordinator is there again. So it is remembered.
//! The next commit first waits for its answer, and a partition is not given away before it is settled: sent later, under a new generation,
//! it would move the offset of a partition that another member has.

use std::time::Duration;

use rdkafka::{
    TopicPartitionList,
    client::{Client, ClientContext},
};

use super::{
    errors::{commit_error, is_group_in_motion},
    native::CommitQueue,
};
use crate::CommitError;

/// How long a commit may take to be answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How long giving a partition away waits for a commit under way. The coordinator is there then, so it takes milliseconds.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);
/// How often a commit is tried again when the group is in motion while the partition is still ours.
const TRIES_MAX: u32 = 20;
/// The pause before each further try.
const PAUSE: Duration = Duration::from_millis(100);

/// The commits of a member.
pub(super) struct Commits {
    queue: CommitQueue,
    /// A commit was asked for and its answer has not come.
    is_under_way: bool,
}

impl Commits {
    /// Must be dropped before `client` is.
    pub(super) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        Self { queue: CommitQueue::new(client), is_under_way: false }
    }

    /// Commits, as long as `is_ours`.
    pub(super) fn commit<C: ClientContext>(
        &mut self,
        client: &Client<C>,
        places: &TopicPartitionList,
        is_ours: &dyn Fn() -> bool,
    ) -> Result<(), CommitError> {
        self.settle(ANSWERED_WITHIN).then_some(()).ok_or_else(unanswered)?;
        for try_number in 1.. {
            if !is_ours() {
                return Err(CommitError::Fenced);
            }
            self.queue.ask(client, places).map_err(|error| commit_error(&error))?;
            self.is_under_way = true;
            let answer = self.queue.wait(ANSWERED_WITHIN).ok_or_else(unanswered)?;
            self.is_under_way = false;
            match answer {
                Ok(()) => break,
                Err(error) if is_group_in_motion(&error) && try_number < TRIES_MAX => std::thread::park_timeout(PAUSE),
                Err(error) => return Err(commit_error(&error)),
            }
        }
        Ok(())
    }

    /// Waits for the commit under way before partitions are given away.
    pub(super) fn settle_before_giving_away(&mut self) {
        if !self.settle(SETTLED_WITHIN) {
            tracing::warn!("a commit is not answered while its partitions are given away");
        }
    }

    /// True when nothing is under way any more.
    fn settle(&mut self, timeout: Duration) -> bool {
        if self.is_under_way {
            self.is_under_way = self.queue.wait(timeout).is_none();
        }
        !self.is_under_way
    }
}

fn unanswered() -> CommitError {
    CommitError::Unavailable { reason: format!("the group's coordinator did not answer within {ANSWERED_WITHIN:?}") }
}
