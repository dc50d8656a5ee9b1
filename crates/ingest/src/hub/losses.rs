//! What a hub dropped before we read it: messages that stood behind our place and are gone, by the hub's own retention. Each partition's loss is
//! a gap, from the last message that the log has to the first one that is left, and it is written down before anything behind it is committed.
//!
//! Since when: our commits say when the hub got the last message before them, in their metadata, because the message itself is gone as well.

use std::collections::BTreeMap;

use broker::{Assignment, Committed};
use event::{Gap, GapReason, Timestamp};

use super::batch::{Message, Reached};

/// Where a commit does not say it (it is older than this, or the hub keeps no metadata): as long as an event hub of the tier Standard keeps
/// its messages at most. Milliseconds: seven days.
const KEPT_MS_MAX: i64 = 7 * 24 * 3_600_000;

/// What was dropped of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// How many messages.
    pub(super) messages: u64,
    /// When the hub got the last one that was read; missing where nobody knows.
    since: Timestamp,
}

/// Losses whose end is not known yet: it is the first message that is read behind them.
#[derive(Debug, Default)]
pub(super) struct Losses(BTreeMap<u32, Loss>);

/// What a commit says beside its offset.
pub(super) fn metadata(reached: &Reached) -> String {
    reached.written_at.0.to_string()
}

/// What the hub dropped before we read it; nothing where our place is still there. A place behind the end is one of a hub that was made anew:
/// no message is known to be lost, and all of it is read.
pub(super) fn loss(assignment: &Assignment) -> Option<Loss> {
    let committed = assignment.committed.as_ref()?;
    let since = since(committed);
    if committed.offset < assignment.low {
        return Some(Loss { messages: assignment.low - committed.offset, since });
    }
    (committed.offset > assignment.high).then_some(Loss { messages: 0, since })
}

fn since(committed: &Committed) -> Timestamp {
    committed.metadata.parse().map_or(Timestamp::MISSING, Timestamp)
}

impl Losses {
    /// Its end is yet to come.
    pub(super) fn await_end(&mut self, partition: u32, loss: Loss) {
        self.0.insert(partition, loss);
    }

    /// Another member has these partitions, and finds their losses itself: nothing was committed behind them.
    pub(super) fn forget(&mut self, partitions: &[u32]) {
        self.0.retain(|partition, _| !partitions.contains(partition));
    }

    /// Those that end with one of these messages, with their ends.
    pub(super) fn ended_by(&mut self, messages: &[Message]) -> Vec<(u32, Loss, Timestamp)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let ends = messages.iter().map(Message::place);
        ends.filter_map(|(partition, at)| self.0.remove(&partition).map(|loss| (partition, loss, at))).collect()
    }
}

impl Loss {
    /// As a gap of a tenant's connection that ends then.
    pub(super) fn gap(&self, (tenant, connection): (&str, &str), partition: u32, to: Timestamp, now: Timestamp) -> Gap {
        let from = if self.since.is_some() { self.since } else { to.plus_ms(-KEPT_MS_MAX) };
        Gap {
            tenant: tenant.to_owned(),
            connection: connection.to_owned(),
            feed: format!("hub:{partition}"),
            reason: GapReason::NotKept,
            from,
            // Clocks of a hub's nodes may differ; a gap has a length.
            to: to.max(from.plus_ms(1)),
            detail: format!("the hub dropped {} messages before they were read", self.messages),
            noted_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use broker::RecordRef;

    use super::*;

    fn committed(offset: u64, metadata: &str) -> Option<Committed> {
        Some(Committed { offset, metadata: metadata.to_owned() })
    }

    fn message(partition: u32, at_ms: i64) -> Message {
        Message::of(RecordRef { partition, offset: 1, logged_at_ms: at_ms, key: None, value: None })
    }

    #[test]
    fn messages_are_lost_where_the_hub_begins_behind_our_place() {
        for (committed, low, high, lost) in [
            (None, 7, 9, None),
            (committed(7, "5"), 7, 9, None),
            (committed(9, "5"), 7, 9, None),
            (committed(3, "5"), 7, 9, Some((4, 5))),
            (committed(3, ""), 7, 9, Some((4, 0))),
            (committed(10, "5"), 0, 9, Some((0, 5))),
        ] {
            let lost = lost.map(|(messages, since)| Loss { messages, since: Timestamp(since) });
            assert_eq!(loss(&Assignment { partition: 0, committed, low, high }), lost);
        }
    }

    #[test]
    fn a_loss_ends_with_the_first_message_of_its_partition() {
        let mut losses = Losses::default();
        let lost = |messages| Loss { messages, since: Timestamp(5) };
        [0, 1, 2].into_iter().for_each(|partition| losses.await_end(partition, lost(u64::from(partition) + 1)));
        losses.forget(&[1]);
        assert_eq!(losses.ended_by(&[message(3, 50)]), []);
        let ended = losses.ended_by(&[message(0, 60), message(0, 61), message(1, 62)]);
        assert_eq!(ended, [(0, lost(1), Timestamp(60))]);
        assert_eq!(losses.ended_by(&[message(0, 63), message(2, 64)]), [(2, lost(3), Timestamp(64))]);
    }

    #[test]
    fn a_gap_goes_from_the_last_message_that_was_read_to_the_first_that_is_left() {
        let gap = |since, to| {
            let loss = Loss { messages: 4, since: Timestamp(since) };
            loss.gap(("acme", "hub"), 3, Timestamp(to), Timestamp(9))
        };
        let known = gap(100, 200);
        assert_eq!((known.from, known.to, known.feed.as_str()), (Timestamp(100), Timestamp(200), "hub:3"));
        assert!(known.detail.contains("4 messages"), "{}", known.detail);
        assert_eq!(gap(100, 90).to, Timestamp(101), "clocks that differ");
        assert_eq!(gap(0, 2 * KEPT_MS_MAX).from, Timestamp(KEPT_MS_MAX), "a commit that does not say");
    }
}
