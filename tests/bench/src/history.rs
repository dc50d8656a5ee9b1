//! A table that has been filled for a while: rows of an earlier time, in the month of the run, so that merges meet them.
//!
//! A million rows are inserted once; the rest are the same parts, linked into the table again and again, so that a hundred million rows cost
//! minutes and not an hour. They say that they come from another log than any run's.

use stages::workload::{Shape, Texts, Workload};
use store::{Deduplication, EventsBlock, InsertOutcome};

use crate::{cases::INSERT_TIMEOUT, stack::Servers};

/// Which rows are none of the history's.
pub(crate) const NOT_OF_IT: &str = "_log_id != 1";
/// The month in which a workload happens.
const MONTH: &str = "202603";
/// Rows of a step: a larger history is made of ten steps of the size before it.
const STEP_ROWS: u64 = 1_000_000;
/// How many of one size make the next.
const STEPS: u64 = 10;
/// The day is another one than that of a run.
const SEED: u64 = 7;

/// Makes a database whose table of events holds so many rows; gives its name, which is empty for none.
pub(crate) fn make(servers: &Servers, rows: u64) -> anyhow::Result<String> {
    if rows == 0 {
        return Ok(String::new());
    }
    let database = format!("history_{rows}");
    let client = servers.client(&database)?;
    servers.runtime.block_on(client.migrate(store::MIGRATIONS))?;
    if rows <= STEP_ROWS {
        let (workload, mut texts, mut block) =
            (Workload::new(Shape::of_apps(800), SEED), Texts::default(), EventsBlock::new());
        for number in 0..rows {
            let position = event::Position { offset: number, index: 0 };
            workload.with_event(number, &mut texts, |event| {
                block.push(&stages::row::row(event, event.app.id, position));
            });
        }
        let block = block.take();
        let sent = client.insert(&block, "history", Deduplication::ByToken, INSERT_TIMEOUT);
        let outcome = servers.runtime.block_on(sent);
        anyhow::ensure!(outcome == InsertOutcome::Clean, "the history was not stored: {outcome:?}");
    } else {
        let smaller = make(servers, rows / STEPS)?;
        for _ in 0..STEPS {
            attach(servers, &smaller, &database)?;
        }
    }
    servers.settle(&database)?;
    Ok(database)
}

/// Links the rows of a history into a table; nothing where there is none.
pub(crate) fn attach(servers: &Servers, history: &str, database: &str) -> anyhow::Result<()> {
    if history.is_empty() {
        return Ok(());
    }
    servers.execute(&format!("ALTER TABLE {database}.events ATTACH PARTITION ID '{MONTH}' FROM {history}.events"))?;
    servers.settle(database)
}
