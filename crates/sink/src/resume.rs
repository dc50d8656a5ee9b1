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
    /// Records before this offset may be stored in batches that nobody knows any more: each batch that begins before it is read back first,
    /// and only what is missing is sent.
    pub(crate) stored_below: Option<u64>,
    /// Was the offset committed for another log? Then it means nothing in this one, which is read from its beginning.
    pub(crate) is_other_log: bool,
}

/// Decides. `low` is the oldest offset that the log holds; `last_stored` gives the last record of this log and partition that has a row, and is
/// only asked where no plan of this log tells what was sent.
pub(crate) fn resume<E: From<BadPlan>>(
    committed: Option<&Committed>,
    low: u64,
    log_id: LogId,
    last_stored: impl FnOnce() -> Result<Option<u64>, E>,
) -> Result<Resume, E> {
    let (start, is_other_log) = match committed {
        None => (low, false),
        Some(committed) => match Plan::parse(&committed.metadata)? {
            Some(plan) if plan.log_id == log_id => return Ok(as_planned(committed.offset, plan)?),
            Some(_) => (low, true),
            // An operator's tool moved the offset.
            None => (committed.offset, false),
        },
    };
    let stored_below = last_stored()?.map(|last| last.saturating_add(1)).filter(|below| *below > start);
    Ok(Resume { start, ranges: Vec::new(), stored_below, is_other_log })
}

fn as_planned(start: u64, plan: Plan) -> Result<Resume, BadPlan> {
    if plan.ranges.first().is_some_and(|first| first.start != start) {
        return Err(BadPlan::new("its first range does not begin at the committed offset"));
    }
    let stored_below = plan.stored_below.filter(|below| *below > start);
    Ok(Resume { start, ranges: plan.ranges, stored_below, is_other_log: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId(7);

    fn committed(offset: u64, log_id: LogId, ranges: &[Range]) -> Committed {
        let plan = Plan { log_id, stored_below: None, ranges: ranges.to_vec() };
        Committed { offset, metadata: plan.to_metadata() }
    }

    fn resumed(found: Option<&Committed>, last_stored: Option<u64>) -> Result<Resume, BadPlan> {
        resume(found, 5, LOG, || Ok(last_stored))
    }

    #[test]
    fn a_partition_is_taken_up_where_its_plan_says() {
        let range = Range { start: 20, end: 30, rows: 4, checksum: 9 };
        let fresh = |start, is_other_log| Resume { start, ranges: vec![], stored_below: None, is_other_log };
        for (found, expected) in [
            (None, fresh(5, false)),
            (Some(Committed { offset: 20, metadata: String::new() }), fresh(20, false)),
            (Some(committed(20, LOG, &[])), fresh(20, false)),
            (Some(committed(20, LOG, &[range])), Resume { ranges: vec![range], ..fresh(20, false) }),
            // Offsets of another log mean nothing here: reading on from 20 would skip 15 records in silence.
            (Some(committed(20, LogId(8), &[range])), fresh(5, true)),
        ] {
            assert_eq!(resumed(found.as_ref(), None), Ok(expected), "{found:?}");
        }
    }

    #[test]
    fn where_no_plan_tells_what_was_sent_the_table_is_asked() {
        let moved = Committed { offset: 20, metadata: String::new() };
        for (found, last_stored, stored_below) in [
            (None, Some(40), Some(41)),
            (None, Some(4), None),
            (Some(moved.clone()), Some(40), Some(41)),
            (Some(moved), Some(19), None),
            // This log was ours before another one was.
            (Some(committed(20, LogId(8), &[])), Some(40), Some(41)),
        ] {
            assert_eq!(resumed(found.as_ref(), last_stored).unwrap().stored_below, stored_below, "{found:?}");
        }
        let planned = committed(20, LOG, &[]);
        let asked = resume::<BadPlan>(Some(&planned), 5, LOG, || panic!("the plan tells it"));
        assert_eq!(asked.unwrap().start, 20);
    }

    #[test]
    fn what_may_be_stored_is_remembered_until_it_is_behind() {
        let plan = |below| Plan { log_id: LOG, stored_below: Some(below), ranges: vec![] }.to_metadata();
        for (below, expected) in [(41, Some(41)), (20, None)] {
            let found = Committed { offset: 20, metadata: plan(below) };
            assert_eq!(resumed(Some(&found), None).unwrap().stored_below, expected);
        }
    }

    #[test]
    fn a_plan_that_does_not_begin_at_its_offset_is_refused() {
        let range = Range { start: 21, end: 30, rows: 4, checksum: 9 };
        assert!(resumed(Some(&committed(20, LOG, &[range])), None).is_err());
        assert!(resumed(Some(&Committed { offset: 20, metadata: "2 x".into() }), None).is_err());
    }
}
