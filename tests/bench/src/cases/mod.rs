//! What can be done, and how one thing of it is run. Which cases there are stands in `list.rs`.

mod controls;
mod detect;
mod ingest;
mod list;
mod paced;
mod peers;
mod restart;
mod single;
pub(crate) mod sink;

use std::{thread, time::Duration};

use anyhow::Context as _;
use tests::servers::{Daylight, Setup};

pub(crate) use list::cases;

use crate::{
    preload::{Engine, Form, Load},
    report::{Measured, Point, Whose},
    stack::Stack,
};

/// Patience with one insert.
pub(crate) const INSERT_TIMEOUT: Duration = Duration::from_secs(120);

/// One thing that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) kind: Whose,
    pub(crate) rank: Rank,
    pub(crate) work: Work,
    /// Which point of which curve it is.
    pub(crate) point: Option<Point>,
}

/// When a case is run that was not asked for by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Also before a commit.
    Quick,
    /// In each turn.
    EachTurn,
    /// In the first turn: curves, whose points are many, and what takes its time.
    Once,
}

/// What is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// `daylight sink`, from a full topic to the last row.
    Sink(Drain),
    /// `daylight detect`, from a full topic to the last event observed.
    Detect(Drain),
    /// Detection, rows and deliveries of events that come at half of the rate at which they could.
    Paced { engine: Engine, form: Form },
    /// `daylight detect` starts, and remembers so many pairs.
    Restart { pairs: u32 },
    /// The detection engine, which knows so many pairs.
    Engine { pairs: u32 },
    /// Pure code alone, as far as a stage.
    Stage { stage: &'static str },
    /// Native events of a provider into domain events.
    Parse { provider: &'static str },
    /// `daylight ingest`, pages of so many events over HTTP.
    Ingest { of_page: u64 },
    /// librdkafka reads the same topic and drops it.
    BareDrain { form: Form },
    /// Blocks that are ready are inserted.
    Insert { apps: u32 },
    /// The same rows as `RowBinary`.
    InsertRowBinary { apps: u32 },
    /// The plain Rust pipeline reads the same topic.
    Plain { form: Form },
    /// ClickHouse reads a topic by itself.
    KafkaEngine { form: Form },
    /// `clickhouse_sinker`, whose binary somebody has named.
    ClickhouseSinker,
    /// The OpenTelemetry Collector, whose binary somebody has named.
    Collector,
}

/// From full topics to the end of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    pub(crate) load: Load,
    /// Members of the group, each a process.
    pub(crate) processes: usize,
    /// Rows that stand in the table before.
    pub(crate) history: u64,
}

/// Runs a case once. `None` where somebody else's binary is needed and nobody has named one.
pub(crate) fn run(work: &Work, stack: &mut Stack) -> anyhow::Result<Option<Measured>> {
    let measured = match work {
        Work::Sink(drain) => sink::run(stack, drain),
        Work::Detect(drain) => detect::run(stack, drain),
        Work::Paced { engine: Engine::Kafka, form } => paced::kafka(stack, *form),
        Work::Paced { engine: Engine::Embedded, .. } => paced::embedded(stack),
        Work::Restart { pairs } => restart::run(stack, *pairs),
        Work::Engine { pairs } => single::engine(stack, *pairs),
        Work::Stage { stage } => single::stage(stack, stage),
        Work::Parse { provider } => single::parse(stack, provider),
        Work::Ingest { of_page } => ingest::run(stack, *of_page),
        Work::BareDrain { form } => controls::drain(stack, *form),
        Work::Insert { apps } => controls::insert(stack, *apps),
        Work::InsertRowBinary { apps } => controls::insert_row_binary(stack, *apps),
        Work::Plain { form } => controls::plain(stack, *form),
        Work::KafkaEngine { form } => peers::kafka_engine(stack, *form),
        Work::ClickhouseSinker => return peers::clickhouse_sinker(stack),
        Work::Collector => return peers::collector(stack),
    };
    measured.map(Some)
}

/// Starts so many of the same at once, so that none has read everything before the next one comes.
fn start_all(processes: usize, setup: impl Fn() -> Setup) -> anyhow::Result<Vec<Daylight>> {
    let setups: Vec<Setup> = (0..processes).map(|_| setup()).collect();
    thread::scope(|scope| {
        let starting: Vec<_> = setups.into_iter().map(|setup| scope.spawn(move || setup.start())).collect();
        starting.into_iter().map(|starting| starting.join().unwrap()).collect()
    })
}

/// The number of a metric, by the beginning of its line.
fn metric(daylight: &Daylight, line: &str) -> anyhow::Result<f64> {
    let metrics = daylight.metrics()?;
    let told = metrics.lines().find_map(|each| each.strip_prefix(line)).context("it does not say")?;
    Ok(told.parse()?)
}
