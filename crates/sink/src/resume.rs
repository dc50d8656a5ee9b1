//! Where a partition is taken up: a pure decision over what stood beside its committed offset.

use broker::Committed;
use event::LogId;

use crate::plan::{BadPlan, Plan, Range};

/// Where reading begins, and what is formed again first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The first offset to read.
    pub(crate) start: u64,
    /// The ranges that were on their way.
    pub(crate) ranges: Vec<Range>,
    /// Was the offset committed for another log? Then it means nothing in this one, which is read from its beginning.
    pub(crate) is_other_log: bool,
}

/// Decides. `low` is the oldest offset that the log holds.
pub(crate) fn resume(committed: Option<&Committed>, low: u64, log_id: LogId) -> Result<Resume, BadPlan> {
    let Some(committed) = committed else {
        return Ok(Resume { start: low, ranges: Vec::new(), is_other_log: false });
    };
    let start = committed.offset;
    match Plan::parse(&committed.metadata)? {
        Some(plan) if plan.log_id != log_id => Ok(Resume { start: low, ranges: Vec::new(), is_other_log: true }),
        Some(plan) => {
            if plan.ranges.first().is_some_and(|first| first.start != start) {
                return Err(BadPlan::new("its first range does not begin at the committed offset"));
            }
            Ok(Resume { start, ranges: plan.ranges, is_other_log: false })
        }
        // An operator's tool moved the offset.
        None => Ok(Resume { start, ranges: Vec::new(), is_other_log: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId(7);

    fn committed(offset: u64, log_id: LogId, ranges: &[Range]) -> Committed {
        Committed { offset, metadata: Plan { log_id, ranges: ranges.to_vec() }.to_metadata() }
    }

    #[test]
    fn a_partition_is_taken_up_where_its_plan_says() {
        let range = Range { start: 20, end: 30, rows: 4, checksum: 9 };
        let fresh = |start, is_other_log| Resume { start, ranges: vec![], is_other_log };
        for (found, expected) in [
            (None, fresh(5, false)),
            (Some(Committed { offset: 20, metadata: String::new() }), fresh(20, false)),
            (Some(committed(20, LOG, &[])), fresh(20, false)),
            (Some(committed(20, LOG, &[range])), Resume { start: 20, ranges: vec![range], is_other_log: false }),
            // Offsets of another log mean nothing here: reading on from 20 would skip 15 records in silence.
            (Some(committed(20, LogId(8), &[range])), fresh(5, true)),
        ] {
            assert_eq!(resume(found.as_ref(), 5, LOG), Ok(expected), "{found:?}");
        }
    }

    #[test]
    fn a_plan_that_does_not_begin_at_its_offset_is_refused() {
        let range = Range { start: 21, end: 30, rows: 4, checksum: 9 };
        assert!(resume(Some(&committed(20, LOG, &[range])), 5, LOG).is_err());
        assert!(resume(Some(&Committed { offset: 20, metadata: "2 x".into() }), 5, LOG).is_err());
    }
}
