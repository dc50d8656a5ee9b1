//! Lands one sealed batch: sends and asks as `landing` says until every event is stored, then stores what was derived from them. Ends only
//! with an answer: whatever leaves the end of an insert unknown is tried again, never taken for a failure.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use event::{Position, Timestamp};
use mutation::Mutation;
use runtime::{Shutdown, Standing};
use store::{
    AppDaysBlock, Client, Deduplication, EncodedBlock, EventsBlock, InsertOutcome, Refusal, Remedy, ServerMark,
};

use crate::{
    Config,
    batch::Sealed,
    grave::{Grave, NotBuried, RefusedRow},
    landing::{Answer, Beginning, Landing, REFUSED_ROWS_MAX, Report, Step},
    metrics::Metrics,
    patience::Patience,
    usage::{BatchPlace, recount},
};

/// How long a process that is to stop still waits for the answer to an insert. Less than a supervisor waits before it kills (30 s, as a rule):
/// who is killed leaves its groups only by the end of its session. The plan stays, and the next start sends it again.
const STOPS_WITHIN: Duration = Duration::from_secs(15);

/// What landing a batch needs. Its clones share what is known of the server.
#[derive(Clone)]
pub(crate) struct Lander {
    /// The server.
    pub(crate) client: Client,
    /// Patience.
    pub(crate) config: Config,
    /// Metrics.
    pub(crate) metrics: Metrics,
    /// The wish to stop.
    pub(crate) shutdown: Shutdown,
    /// Says how ClickHouse fares.
    pub(crate) component: Standing,
    /// Where rows go that a table refuses.
    pub(crate) grave: Grave,
    /// The run of the server that answered last.
    pub(crate) mark: Arc<Mutex<Option<ServerMark>>>,
}

/// Why a batch did not land.
#[derive(Clone, Debug)]
pub(crate) enum NotLanded {
    /// The process stops; the plan stays, and the next start sends it again.
    Stopping,
    /// The server refuses every block of this kind.
    Refused {
        /// Of which table.
        table: &'static str,
        /// Why.
        refusal: Refusal,
    },
    /// It must not go on, and a person must look.
    Halted {
        /// Of which table.
        table: &'static str,
        /// What happened, and what to do.
        reason: String,
    },
}

impl Lander {
    /// Lands a batch. What is derived from its events is stored after them, whatever is known of an earlier attempt: it merges with itself.
    pub(crate) async fn land(&self, batch: &Sealed, beginning: Beginning) -> Result<(), NotLanded> {
        // Only of events can it be asked whether they are stored, and only they must not be sent a second time.
        let has_events = batch.blocks.iter().any(|block| block.table == EventsBlock::TABLE);
        let is_asked = has_events && !Mutation::WithoutPlanAndReadBack.is_made();
        let before = match self.known_mark() {
            None if is_asked => self.ask_mark().await,
            mark => mark,
        };
        let mut beginning = beginning;
        let (report, refused) = loop {
            let (report, refused) = self.land_blocks(batch, beginning).await?;
            // Doubt was resolved by reading the rows. Without any, the server must be the one that it was.
            if !is_asked || report.was_doubtful || self.is_same_run(before.as_ref()).await {
                break (report, refused);
            }
            tracing::info!(token = batch.token(), "ClickHouse is not the run that it was: reading back");
            beginning = Beginning::SentBefore;
        };
        if report.was_doubtful {
            self.metrics.read_backs.inc();
        }
        self.bury(batch.partition, refused).await
    }

    async fn land_blocks(&self, batch: &Sealed, beginning: Beginning) -> Result<(Report, Vec<RefusedRow>), NotLanded> {
        let (mut report, mut refused) = (Report::default(), Vec::new());
        let mut blocks = Cow::Borrowed(&*batch.blocks);
        if let Some(events) = batch.blocks.iter().find(|block| block.table == EventsBlock::TABLE) {
            report = self.land_events(batch, events, beginning, &mut refused).await?;
            if !refused.is_empty() {
                let place =
                    BatchPlace { log_id: batch.log_id.0, partition: batch.partition, offset: batch.range.start };
                let recounted = recount(&batch.blocks, events, &report.refused, place);
                blocks = recounted.map_err(|error| broken(events, &error))?.into();
            }
        }
        // Counts by batch: rows that were stored in other batches are counted there.
        let is_counted = report.missing_at_first == Some(0) && beginning == Beginning::PerhapsStored;
        for block in blocks.iter().filter(|block| block.table != EventsBlock::TABLE) {
            if !(is_counted && block.table == AppDaysBlock::TABLE) {
                refused.extend(self.land_merged(block, &batch.token(), batch.first_logged_at).await?);
            }
        }
        Ok((report, refused))
    }

    /// Lands the events of a batch: each row once.
    async fn land_events(
        &self,
        batch: &Sealed,
        block: &EncodedBlock,
        beginning: Beginning,
        refused: &mut Vec<RefusedRow>,
    ) -> Result<Report, NotLanded> {
        let (mut landing, mut patience) = (Landing::new(batch.token(), beginning), Patience::new(&self.config));
        let began = Instant::now();
        loop {
            match landing.step() {
                Step::Send(rows, token) => {
                    let part =
                        rows.map(|rows| block.select(&rows)).transpose().map_err(|error| broken(block, &error))?;
                    let piece = part.as_ref().unwrap_or(block);
                    let answer = self.send(piece, &token, Deduplication::ByToken, &mut patience).await?;
                    landing.answered(answer);
                }
                Step::ReadBack => {
                    let stored = self.read_back(batch, &mut patience).await?;
                    landing.read_back(positions(block)?, &stored);
                }
                Step::Landed => break,
                Step::Halt(halt) => return Err(NotLanded::Halted { table: block.table, reason: halt.to_string() }),
            }
        }
        let report = landing.report().clone();
        for row in &report.refused {
            refused.push(RefusedRow::event(block, *row, batch).map_err(|error| broken(block, &error))?);
        }
        self.tell(batch, &report);
        if beginning != Beginning::New {
            self.metrics.rows_again.inc_by(rows(block, report.refused.len()));
        }
        self.count(block, report.refused.len(), began);
        Ok(report)
    }

    /// Lands a block whose merge makes second copies of a row one, without deduplication: a token that is known may have lost its rows, and a
    /// row that is stored twice here is none too many. Gives the rows that are refused.
    pub(crate) async fn land_merged(
        &self,
        block: &EncodedBlock,
        token: &str,
        logged_at: Timestamp,
    ) -> Result<Vec<RefusedRow>, NotLanded> {
        let (mut refused, mut patience, began) = (Vec::new(), Patience::new(&self.config), Instant::now());
        let mut pieces = VecDeque::from([block.clone()]);
        while let Some(piece) = pieces.pop_front() {
            match self.send(&piece, token, Deduplication::Off, &mut patience).await? {
                Answer::Clean => {}
                Answer::Ambiguous => pieces.push_front(piece),
                Answer::Refused if piece.rows == 1 => {
                    refused.push(RefusedRow::of(&piece, logged_at).map_err(|error| broken(block, &error))?);
                }
                Answer::Refused => {
                    for half in [piece.rows / 2..piece.rows, 0..piece.rows / 2] {
                        let rows: Vec<usize> = half.collect();
                        pieces.push_front(piece.select(&rows).map_err(|error| broken(block, &error))?);
                    }
                }
            }
            if refused.len() > REFUSED_ROWS_MAX {
                let reason = crate::landing::Halt::Refused.to_string();
                return Err(NotLanded::Halted { table: block.table, reason });
            }
        }
        self.count(block, refused.len(), began);
        Ok(refused)
    }

    /// Writes the dead letters of refused rows, for as long as it takes.
    pub(crate) async fn bury(&self, partition: u32, refused: Vec<RefusedRow>) -> Result<(), NotLanded> {
        for row in refused {
            let table = row.table;
            self.metrics.refused_rows.with_label_values(&[table]).inc();
            self.grave.bury(row, partition, &self.shutdown).await.map_err(|error| match error {
                NotBuried::Stopping => NotLanded::Stopping,
                NotBuried::Refused(reason) => NotLanded::Halted { table, reason },
            })?;
        }
        Ok(())
    }

    /// Sends a block once. Waits a moment when nobody knows what became of it.
    async fn send(
        &self,
        block: &EncodedBlock,
        token: &str,
        deduplication: Deduplication,
        patience: &mut Patience,
    ) -> Result<Answer, NotLanded> {
        let began = Instant::now();
        let insert = self.client.insert(block, token, deduplication, patience.timeout());
        let outcome = tokio::select! {
            outcome = insert => outcome,
            () = self.has_waited_to_stop() => return Err(NotLanded::Stopping),
        };
        let count = |outcome: &str| self.metrics.inserts.with_label_values(&[block.table, outcome]).inc();
        match outcome {
            InsertOutcome::Clean => {
                count("clean");
                self.component.ready();
                patience.answered();
                Ok(Answer::Clean)
            }
            InsertOutcome::Refused(refusal) => {
                count("refused");
                match refusal.remedy {
                    Remedy::Reject => Ok(Answer::Refused),
                    Remedy::Retry | Remedy::Halt => Err(NotLanded::Refused { table: block.table, refusal }),
                }
            }
            InsertOutcome::Ambiguous { .. } if Mutation::AmbiguousIsSuccess.is_made() => Ok(Answer::Clean),
            InsertOutcome::Ambiguous { code, reason } => {
                count("ambiguous");
                let (reason, wait) = (format!("code {code}: {reason}"), patience.failed(began.elapsed()));
                self.component.not_ready(format!("ClickHouse does not confirm inserts: {reason}"));
                tracing::warn!(table = block.table, token, %reason, wait_ms = wait.as_millis(), "insert not confirmed, sending it again");
                self.wait(wait).await?;
                Ok(Answer::Ambiguous)
            }
        }
    }

    /// The positions that are stored of a batch's records, for as long as it takes to hear it.
    async fn read_back(&self, batch: &Sealed, patience: &mut Patience) -> Result<Vec<Position>, NotLanded> {
        let records = batch.range.start..batch.range.end;
        loop {
            match self.client.stored_positions(batch.log_id.0, batch.partition, records.clone()).await {
                Ok(stored) => {
                    patience.answered();
                    let position = |at: &store::StoredPosition| Position { offset: at.offset, index: at.index };
                    return Ok(stored.iter().map(position).collect());
                }
                Err(error) => {
                    let wait = patience.failed(Duration::ZERO);
                    self.component.not_ready(format!("what ClickHouse has stored cannot be read back: {error}"));
                    tracing::warn!(%error, token = batch.token(), wait_ms = wait.as_millis(), "cannot read back, trying again");
                    self.wait(wait).await?;
                }
            }
        }
    }

    async fn has_waited_to_stop(&self) {
        self.shutdown.requested().await;
        tokio::time::sleep(STOPS_WITHIN).await;
    }

    async fn wait(&self, time: Duration) -> Result<(), NotLanded> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.shutdown.requested() => Err(NotLanded::Stopping),
        }
    }

    /// Is the server still the run that answered before? Unknown is no.
    async fn is_same_run(&self, before: Option<&ServerMark>) -> bool {
        let now = self.ask_mark().await;
        before.zip(now.as_ref()).is_some_and(|(before, now)| before.is_same_run(now))
    }

    /// Asks which run of the server answers, and notes it.
    async fn ask_mark(&self) -> Option<ServerMark> {
        let mark = self.client.server_mark().await;
        if let Err(error) = &mark {
            tracing::debug!(%error, "cannot ask the server how long it has run");
        }
        let mark = mark.ok();
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&mark);
        mark
    }

    fn known_mark(&self) -> Option<ServerMark> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, batch: &Sealed, report: &Report) {
        let token = batch.token();
        if report.repairs > 0 {
            tracing::warn!(token, rows = report.repaired_rows, "acknowledged rows were missing and were sent again");
        }
        if report.surplus_rows > 0 {
            tracing::error!(token, rows = report.surplus_rows, "rows are stored that should not be there");
        }
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.metrics.repairs.inc_by(u64::from(report.repairs));
        self.metrics.repaired_rows.inc_by(number(report.repaired_rows));
        self.metrics.surplus_rows.inc_by(number(report.surplus_rows));
    }

    fn count(&self, block: &EncodedBlock, refused: usize, began: Instant) {
        self.metrics.rows.with_label_values(&[block.table]).inc_by(rows(block, refused));
        self.metrics.insert_seconds.with_label_values(&[block.table]).observe(began.elapsed().as_secs_f64());
    }
}

/// Rows of a block that are stored.
fn rows(block: &EncodedBlock, refused: usize) -> u64 {
    u64::try_from(block.rows.saturating_sub(refused)).unwrap_or(u64::MAX)
}

/// The position of each row of a block of events.
fn positions(block: &EncodedBlock) -> Result<Vec<Position>, NotLanded> {
    let numbers = |column| block.numbers(column).map_err(|error| broken(block, &error));
    let (offsets, indexes) = (numbers("_offset")?, numbers("_index")?);
    let index = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    Ok(offsets.into_iter().zip(indexes).map(|(offset, at)| Position { offset, index: index(at) }).collect())
}

fn broken(block: &EncodedBlock, error: &store::BadBlock) -> NotLanded {
    NotLanded::Halted { table: block.table, reason: error.to_string() }
}
