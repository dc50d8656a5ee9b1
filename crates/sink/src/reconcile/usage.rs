//! Usage and inventory, cell by cell: a day of a tenant at a time, so that only this is in memory, here and on the server.
//!
//! Counts stand under the batches that they were counted in. Which batches these were is known to nobody any more, so the first of a
//! partition takes all that its events count, and the others count nothing: one block, stored as a whole, and nothing is removed.

use std::collections::{BTreeMap, BTreeSet};

use event::{Source, Timestamp, session_key};
use store::{
    AppDayRow, AppDaysBlock, AppPersonDaysBlock, AppSessionRow, AppSessionsBlock, AppsBlock, Cell, CellCounts,
    EncodedBlock, Settled, StoredSession, UsageDifference,
};

use super::{ReconcileError, Reconciler};
use crate::{
    SinkError,
    insert::Lander,
    verify::{LISTED_MAX, differences, sentence},
};

/// Times that what is wrong is asked for again: one answer lists no more than a limit.
const ROUNDS_MAX: usize = 100;
/// Sessions of one day of a tenant. Where there are more, that day is left.
const SESSIONS_MAX: usize = 2_000_000;
/// Sessions that one statement removes.
const REMOVED_AT_ONCE: usize = 1_000;

/// Mends these differences, and those that come to light by it. Gives what is left, a sentence each.
pub(super) fn mend(
    reconciler: &Reconciler,
    lander: &Lander,
    settled: &Settled,
    mut found: Vec<UsageDifference>,
) -> Result<Vec<String>, ReconcileError> {
    let mender = Mender { reconciler, lander, settled };
    for _ in 0..ROUNDS_MAX {
        if found.is_empty() {
            break;
        }
        mender.mend(&found)?;
        let next = differences(&reconciler.client, settled, &reconciler.runtime)?;
        let is_stuck = next == found;
        found = next;
        if is_stuck {
            break;
        }
    }
    Ok(found.iter().take(LISTED_MAX).map(sentence).collect())
}

struct Mender<'a> {
    reconciler: &'a Reconciler,
    lander: &'a Lander,
    settled: &'a Settled,
}

impl Mender<'_> {
    fn mend(&self, found: &[UsageDifference]) -> Result<(), ReconcileError> {
        let (client, runtime) = (&self.reconciler.client, &self.reconciler.runtime);
        let whole_from = runtime.block_on(client.whole_from())?;
        let of = |table: &'static str| found.iter().filter(move |difference| difference.table == table);
        let days = |table| of(table).map(|found| (found.tenant.as_str(), found.day)).collect::<BTreeSet<_>>();
        for (tenant, day) in days(AppPersonDaysBlock::TABLE) {
            self.go_on()?;
            runtime.block_on(client.mend_people(tenant, day, day >= whole_from))?;
        }
        for (tenant, day) in days(AppSessionsBlock::TABLE) {
            self.go_on()?;
            self.mend_sessions(tenant, day, day >= whole_from)?;
        }
        let cells: BTreeSet<(&str, &str, &str, u16)> = of(AppDaysBlock::TABLE)
            .map(|found| (found.tenant.as_str(), found.app_key.as_str(), found.department.as_str(), found.day))
            .collect();
        for (tenant, app_key, department, day) in cells {
            self.go_on()?;
            self.mend_counts(&Cell { tenant, app_key, department, day }, day >= whole_from)?;
        }
        let apps: BTreeSet<(&str, &str)> =
            of(AppsBlock::TABLE).map(|found| (found.tenant.as_str(), found.app_key.as_str())).collect();
        for (tenant, app_key) in apps {
            self.go_on()?;
            runtime.block_on(client.mend_app(tenant, app_key, whole_from))?;
        }
        Ok(())
    }

    /// A stop comes between two cells.
    fn go_on(&self) -> Result<(), ReconcileError> {
        if self.reconciler.shutdown.is_requested() {
            return Err(SinkError::Start("the process stops".to_owned()).into());
        }
        Ok(())
    }

    fn mend_sessions(&self, tenant: &str, day: u16, is_whole: bool) -> Result<(), ReconcileError> {
        let (client, runtime) = (&self.reconciler.client, &self.reconciler.runtime);
        // In this order: the sink stores events before sessions.
        let mut stored: BTreeSet<StoredSession> =
            runtime.block_on(client.stored_sessions(tenant, day, SESSIONS_MAX + 1))?.into_iter().collect();
        let Some(told) = self.sessions_of_events(tenant, day)?.filter(|_| stored.len() <= SESSIONS_MAX) else {
            tracing::warn!(tenant, day, limit = SESSIONS_MAX, "a day has more sessions than can be mended");
            return Ok(());
        };
        if is_whole {
            let extra: Vec<StoredSession> = stored.difference(&told).cloned().collect();
            for ((app_key, department), keys) in by_cell(&extra) {
                let cell = Cell { tenant, app_key, department, day };
                for some in keys.chunks(REMOVED_AT_ONCE) {
                    runtime.block_on(client.remove_sessions(&cell, some))?;
                }
            }
            stored.retain(|session| told.contains(session));
        }
        // Asked again: an event may have landed meanwhile whose session was removed as nobody's.
        let Some(told) = self.sessions_of_events(tenant, day)? else { return Ok(()) };
        let mut block = AppSessionsBlock::new();
        for StoredSession { app_key, department, session_key } in told.difference(&stored) {
            block.push(&AppSessionRow { tenant, app_key, department, day, session_key: *session_key });
        }
        self.store(&block.take(), &format!("reconcile/{tenant}/{day}"))
    }

    /// Nothing where there are too many.
    fn sessions_of_events(&self, tenant: &str, day: u16) -> Result<Option<BTreeSet<StoredSession>>, ReconcileError> {
        let asked = self.reconciler.client.sessions_of_events(tenant, day, SESSIONS_MAX + 1);
        let found = self.reconciler.runtime.block_on(asked)?;
        if found.len() > SESSIONS_MAX {
            return Ok(None);
        }
        let stored = |found: store::SessionOfDay| {
            let session_key = session_key(Source::from_index(found.source)?, &found.session_id);
            Some(StoredSession { app_key: found.app_key, department: found.department, session_key })
        };
        Ok(Some(found.into_iter().filter_map(stored).collect()))
    }

    fn mend_counts(&self, cell: &Cell<'_>, is_whole: bool) -> Result<(), ReconcileError> {
        let (client, runtime) = (&self.reconciler.client, &self.reconciler.runtime);
        let stored = runtime.block_on(client.stored_counts(cell, self.settled))?;
        let told = runtime.block_on(client.counts_of_events(cell, self.settled))?;
        let mut block = AppDaysBlock::new();
        for counts in recounted(&told, &stored, is_whole) {
            let CellCounts { log_id, partition, offset, rows, uses, grants, failures } = counts;
            let (tenant, app_key, department, day) = (cell.tenant, cell.app_key, cell.department, cell.day);
            block.push(&AppDayRow {
                tenant,
                app_key,
                department,
                day,
                rows,
                uses,
                grants,
                failures,
                log_id,
                partition,
                offset,
            });
        }
        self.store(&block.take(), &format!("reconcile/{}/{}", cell.tenant, cell.day))
    }

    fn store(&self, block: &EncodedBlock, token: &str) -> Result<(), ReconcileError> {
        let stored = async {
            let refused = self.lander.land_merged(block, token, Timestamp::MISSING).await?;
            // Dead letters are for what the log brings; these rows are only told of.
            for row in refused {
                tracing::error!(table = row.table, "a row of usage is refused and stays away");
            }
            Ok(())
        };
        let stored: Result<(), crate::insert::NotLanded> = self.reconciler.runtime.block_on(stored);
        stored.map_err(|error| SinkError::from(error).into())
    }
}

/// (app, department) → keys.
fn by_cell(sessions: &[StoredSession]) -> BTreeMap<(&str, &str), Vec<u64>> {
    let mut cells: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
    for session in sessions {
        let cell = (session.app_key.as_str(), session.department.as_str());
        cells.entry(cell).or_default().push(session.session_key);
    }
    cells
}

/// The counts that replace those which are stored: none where they agree. Where the events do not tell everything (`is_whole`), what is
/// stored may be more, and is left.
fn recounted(told: &[CellCounts], stored: &[CellCounts], is_whole: bool) -> Vec<CellCounts> {
    let place = |counts: &CellCounts| (counts.log_id, counts.partition);
    let places: BTreeSet<(u128, u32)> = told.iter().chain(stored).map(place).collect();
    let mut replaced = Vec::new();
    for at in places {
        let told = told.iter().find(|counts| place(counts) == at).copied();
        let batches: Vec<CellCounts> = stored.iter().filter(|counts| place(counts) == at).copied().collect();
        let wanted = told.map_or([0; 4], numbers);
        let found = batches.iter().map(numbers).fold([0; 4], add);
        let is_more = wanted.iter().zip(&found).any(|(wanted, found)| found > wanted);
        let Some(first) = batches.first().copied().or(told).filter(|_| found != wanted && (is_whole || !is_more))
        else {
            continue;
        };
        replaced.push(with(first, wanted));
        replaced.extend(batches.iter().skip(1).map(|batch| with(*batch, [0; 4])));
    }
    replaced
}

fn numbers(counts: impl std::borrow::Borrow<CellCounts>) -> [u64; 4] {
    let CellCounts { rows, uses, grants, failures, .. } = *counts.borrow();
    [rows, uses, grants, failures]
}

fn add(one: [u64; 4], other: [u64; 4]) -> [u64; 4] {
    let mut sum = one;
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
    sum
}

fn with(counts: CellCounts, [rows, uses, grants, failures]: [u64; 4]) -> CellCounts {
    CellCounts { rows, uses, grants, failures, ..counts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(partition: u32, offset: u64, rows: u64) -> CellCounts {
        CellCounts { log_id: 7, partition, offset, rows, uses: rows, grants: 0, failures: 1 }
    }

    fn zero(partition: u32, offset: u64) -> CellCounts {
        with(counts(partition, offset, 0), [0; 4])
    }

    #[test]
    fn counts_that_agree_stay_and_others_are_taken_together_under_the_first_batch() {
        let two = |one: CellCounts, other: CellCounts| {
            let mut sum = with(one, add(numbers(one), numbers(other)));
            sum.failures = 2;
            sum
        };
        let (a, b) = (counts(0, 10, 3), counts(0, 20, 4));
        for (what, told, stored, is_whole, expected) in [
            ("agreeing", vec![two(a, b)], vec![a, b], true, vec![]),
            ("one batch too many", vec![a], vec![a, b], true, vec![a, zero(0, 20)]),
            ("one too few", vec![two(a, b)], vec![b], true, vec![with(b, numbers(two(a, b)))]),
            ("none yet", vec![a], vec![], true, vec![a]),
            ("nobody's", vec![], vec![a, b], true, vec![zero(0, 10), zero(0, 20)]),
            ("of events that are gone", vec![a], vec![a, b], false, vec![]),
            ("of days of which some are gone", vec![two(a, b)], vec![b], false, vec![with(b, numbers(two(a, b)))]),
        ] {
            assert_eq!(recounted(&told, &stored, is_whole), expected, "{what}");
        }
        assert_eq!(recounted(&[counts(1, 5, 2)], &[a], true), [zero(0, 10), counts(1, 5, 2)], "each partition alone");
    }
}
