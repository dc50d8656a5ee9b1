//! How the events of one batch land: a pure decision over the server's answers. `insert` sends and asks, and only does what is said here.
//!
//! ```text
//! send ─► clean ─┬─ no doubt ───────────────────────────────────────────────────► landed
//!   │            └─ doubt ─► read back ─► nothing is missing ─────────────────────► landed
//!   ├─► ambiguous ─► doubt; send the same again    └─► send what is missing, still in doubt
//!   └─► refused ─► read back ─► send halves ─► … ─► one row that is refused: a dead letter
//! ```
//!
//! ClickHouse writes a token down before the rows are committed: killed in between, it takes the repetition for a copy and reports success.
//! So whatever was in doubt is read back, and what is missing goes again under the next token.
//!
//! *A token names one set of rows for ever*, whoever sends it: this process, the one before it, one that was taken for dead and wakes, or
//! a request that something held back and lets go. For that, rows go only in sets of one fixed tree: the batch in the order of its positions,
//! its halves, their halves. What is missing is always sent as the largest sets of the tree that are missing as a whole, so everybody who
//! sees the same rows missing sends the same sets under the same tokens, and two sets that are stored never share a row.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use event::Position;
use mutation::Mutation;

/// Times that rows of one batch may be found missing after their acknowledgement. Each takes a kill of the server within a few milliseconds.
pub(crate) const REPAIRS_MAX: u32 = 16;
/// Times that rows may be missing whose insert left no doubt (but by a process before this one). Then it is the reading that does not see
/// them, and sending them again would double them.
pub(crate) const UNSEEN_MAX: u32 = 4;
/// Rows of one batch that may be refused. Beyond it the table is wrong, and not the rows.
pub(crate) const REFUSED_ROWS_MAX: usize = 1_000;

/// What is known when a batch begins to land.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// It was never sent.
    New,
    /// It may have been sent before, under its own token: by the process before this one, or to a server that was started anew since.
    SentBefore,
    /// Some of its rows may be stored under other tokens: nobody knows in which batches they went.
    PerhapsStored,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send these rows under this token; `None` is all of them.
    Send(Option<Vec<usize>>, String),
    /// Read back what is stored of the batch's records.
    ReadBack,
    /// Every row is stored, or refused for good.
    Landed,
    /// Stop and ask.
    Halt(Halt),
}

/// What came of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Stored, or known by its token.
    Clean,
    /// A value in it is refused; nothing of it is stored.
    Refused,
    /// Nobody knows.
    Ambiguous,
}

/// Why a batch must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Halt {
    /// Too many repairs.
    #[error(
        "rows were missing {REPAIRS_MAX} times after ClickHouse had acknowledged them; look why it restarts, then start the sink again"
    )]
    Repairs,
    /// What was stored without any doubt is not seen.
    #[error(
        "rows that ClickHouse has acknowledged cannot be read back; inserting them again would double them. Check that the account of the sink sees every row of `events` (schemas/clickhouse/access/roles.sql) and reads from the server that it writes to, then start the sink again"
    )]
    Unseen,
    /// Too many refusals.
    #[error(
        "more than {REFUSED_ROWS_MAX} rows of one batch are refused by the table; mend the table (a constraint?), then start the sink again. The offset stays uncommitted, so nothing is lost"
    )]
    Refused,
}

/// What landing has found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Was there any doubt? Then what is derived from the batch must be sent without deduplication.
    pub(crate) was_doubtful: bool,
    /// Rows that were not there when the batch was read back for the first time; nothing when it never was.
    pub(crate) missing_at_first: Option<usize>,
    /// Times that acknowledged rows were missing.
    pub(crate) repairs: u32,
    /// Rows that were sent again because of it.
    pub(crate) repaired_rows: usize,
    /// Rows that are stored and should not be: at a position that has one already, or that the batch does not have.
    pub(crate) surplus_rows: usize,
    /// Rows that are refused.
    pub(crate) refused: BTreeSet<usize>,
}

/// One batch on its way.
#[derive(Clone, Debug)]
pub(crate) struct Landing {
    token: String,
    /// The position of each row, and the rows in the order of their positions; known once the batch has been read back.
    positions: Vec<Position>,
    order: Vec<usize>,
    queue: VecDeque<Piece>,
    /// Acknowledged since the last reading.
    acknowledged: Vec<Piece>,
    /// Sets that were refused.
    refused: BTreeSet<Set>,
    /// Sets whose token was acknowledged and whose rows were missing: how often.
    burnt: BTreeMap<Set, u32>,
    is_doubtful: bool,
    must_read: bool,
    unseen: u32,
    halt: Option<Halt>,
    report: Report,
}

/// Rows that go together: from where to where in the order of positions; a set of the tree.
type Set = (usize, usize);

/// The whole batch, while nobody has counted it.
const WHOLE: Set = (0, usize::MAX);

/// A set that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    set: Set,
    is_doubtful: bool,
}

impl Landing {
    /// A batch under its token.
    pub(crate) fn new(token: String, beginning: Beginning) -> Landing {
        let (is_doubtful, must_read) = (beginning != Beginning::New, beginning == Beginning::PerhapsStored);
        let whole = (!must_read).then_some(Piece { set: WHOLE, is_doubtful });
        Landing {
            token,
            positions: Vec::new(),
            order: Vec::new(),
            queue: whole.into_iter().collect(),
            acknowledged: Vec::new(),
            refused: BTreeSet::new(),
            burnt: BTreeMap::new(),
            is_doubtful,
            must_read,
            unseen: 0,
            halt: None,
            report: Report { was_doubtful: is_doubtful, ..Report::default() },
        }
    }

    /// What to do now.
    pub(crate) fn step(&self) -> Step {
        if let Some(halt) = self.halt {
            return Step::Halt(halt);
        }
        match self.queue.front() {
            _ if self.must_read => Step::ReadBack,
            Some(piece) => Step::Send(self.rows(piece.set), self.name(piece.set)),
            None if self.is_doubtful && !is_reading_off() => Step::ReadBack,
            None => Step::Landed,
        }
    }

    /// What came of the set that was sent.
    pub(crate) fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Clean => self.acknowledged.extend(self.queue.pop_front()),
            Answer::Ambiguous => {
                (self.is_doubtful, self.report.was_doubtful) = (true, true);
                self.queue.iter_mut().take(1).for_each(|piece| piece.is_doubtful = true);
            }
            Answer::Refused => {
                let Some(Piece { set, .. }) = self.queue.pop_front() else { return };
                self.refused.insert(set);
                // In doubt, because it may have been stored before it was refused; and once, to know which rows it has.
                self.must_read = self.is_doubtful || self.positions.is_empty();
                if !self.must_read {
                    self.send_missing(set, &|_| true);
                }
            }
        }
    }

    /// What is there: the position of each row of the block, and those that are stored of its records, sorted; what is there twice comes twice.
    pub(crate) fn read_back(&mut self, positions: Vec<Position>, stored: &[Position]) {
        self.know(positions);
        let is_stored = |row: &usize| self.positions.get(*row).is_some_and(|at| stored.binary_search(at).is_ok());
        let found: BTreeSet<usize> = self.order.iter().copied().filter(is_stored).collect();
        self.report.refused.retain(|row| !found.contains(row));
        self.report.surplus_rows = self.report.surplus_rows.max(stored.len().saturating_sub(found.len()));
        self.report.missing_at_first.get_or_insert(self.positions.len() - found.len());
        self.must_read = false;
        self.note_burnt(&found);
        self.queue.clear();
        self.send_missing(self.whole(), &|row| !found.contains(&row));
        if self.queue.is_empty() {
            self.is_doubtful = false;
        }
    }

    /// What was found out.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    fn know(&mut self, positions: Vec<Position>) {
        if !self.positions.is_empty() {
            return;
        }
        self.order = (0..positions.len()).collect();
        self.order.sort_unstable_by_key(|row| positions.get(*row).copied());
        self.positions = positions;
        let whole = self.whole();
        let named = |set: Set| if set == WHOLE { whole } else { set };
        self.refused = self.refused.iter().map(|set| named(*set)).collect();
        self.acknowledged.iter_mut().for_each(|piece| piece.set = named(piece.set));
    }

    fn whole(&self) -> Set {
        (0, self.positions.len())
    }

    /// Counts what was acknowledged and is not there.
    fn note_burnt(&mut self, found: &BTreeSet<usize>) {
        let mut missing = 0;
        for piece in std::mem::take(&mut self.acknowledged) {
            let rows = self.rows_of(piece.set);
            let absent = rows.iter().filter(|row| !found.contains(row)).count();
            if absent > 0 {
                missing += absent;
                *self.burnt.entry(piece.set).or_default() += 1;
                self.unseen += u32::from(!piece.is_doubtful);
            }
        }
        self.report.repairs += u32::from(missing > 0);
        self.report.repaired_rows += missing;
        if self.report.repairs > REPAIRS_MAX {
            self.halt = Some(Halt::Repairs);
        }
        if self.unseen >= UNSEEN_MAX {
            self.halt = Some(Halt::Unseen);
        }
    }

    /// Queues the largest sets within `set` that are missing as a whole and were not refused. One row alone that was refused goes no further.
    fn send_missing(&mut self, set: Set, is_missing: &dyn Fn(usize) -> bool) {
        let rows = self.rows_of(set);
        let (count, missing) = (rows.len(), rows.iter().filter(|row| is_missing(**row)).count());
        if missing == 0 {
            return;
        }
        if missing == count && !self.refused.contains(&set) {
            self.queue.push_back(Piece { set, is_doubtful: false });
            return;
        }
        if let [row] = *rows {
            self.report.refused.insert(row);
            if self.report.refused.len() > REFUSED_ROWS_MAX {
                self.halt = Some(Halt::Refused);
            }
            return;
        }
        let middle = set.0 + count / 2;
        self.send_missing((set.0, middle), is_missing);
        self.send_missing((middle, set.1), is_missing);
    }

    fn rows_of(&self, (start, end): Set) -> &[usize] {
        self.order.get(start..end).unwrap_or_default()
    }

    /// The rows to send; `None` for all.
    fn rows(&self, set: Set) -> Option<Vec<usize>> {
        (set != WHOLE && set != self.whole()).then(|| self.rows_of(set).to_vec())
    }

    /// The name of a set: the same for everybody who sends it. The next one only when its rows are missing though it was acknowledged.
    fn name(&self, set: Set) -> String {
        let times = self.burnt.get(&set).copied().unwrap_or(0);
        match (self.rows(set).is_none(), times) {
            (true, 0) => self.token.clone(),
            (true, times) => format!("{}/r{times}", self.token),
            (false, times) => format!("{}/r{times}/{}-{}", self.token, set.0, set.1),
        }
    }
}

/// In builds that make mistakes, and in no other.
fn is_reading_off() -> bool {
    Mutation::TokenWithoutReadBack.is_made() || Mutation::WithoutPlanAndReadBack.is_made()
}

#[cfg(test)]
mod tests;
