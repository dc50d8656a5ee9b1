//! The cases: one list. A name says what is done, in what form the events come, and how many apps there are.

mod controls;
mod detect;
mod ingest;
mod peers;
mod single;
pub(crate) mod sink;

use crate::{
    preload::Form,
    report::{Measured, Whose},
    stack::Stack,
};

/// One thing that is measured.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: Whose,
    /// Does it belong to what is run before a commit?
    pub(crate) is_quick: bool,
    pub(crate) work: Work,
}

/// What is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// `daylight sink`, from a full topic to the last row.
    Sink { apps: u32, form: Form },
    /// `daylight detect`, from a full topic to the last event observed.
    Detect { apps: u32, form: Form },
    /// The detection engine, which knows so many pairs.
    Engine { pairs: u32 },
    /// Pure code alone, as far as a stage.
    Stage { stage: &'static str },
    /// Native events of a provider into domain events.
    Parse { provider: &'static str },
    /// `daylight ingest`, pages of so many events over HTTP.
    Ingest { of_page: u64 },
    /// librdkafka reads the same topic and drops it.
    Drain { form: Form },
    /// Blocks that are ready are inserted.
    Insert { apps: u32 },
    /// The plain Rust pipeline reads the same topic.
    Plain { form: Form },
    /// ClickHouse reads a topic by itself.
    KafkaEngine { form: Form },
}

/// Every case, in the order of the table.
pub(crate) const CASES: &[Case] = &[
    ours("sink, packed, 800 apps", true, Work::Sink { apps: 800, form: Form::Packed }),
    ours("sink, one per record, 800 apps", true, Work::Sink { apps: 800, form: Form::Single }),
    ours("sink, packed, 20,000 apps", false, Work::Sink { apps: 20_000, form: Form::Packed }),
    ours("sink, one per record, 20,000 apps", false, Work::Sink { apps: 20_000, form: Form::Single }),
    ours("detect, packed, 800 apps", true, Work::Detect { apps: 800, form: Form::Packed }),
    ours("detect, one per record, 800 apps", true, Work::Detect { apps: 800, form: Form::Single }),
    ours("detect, packed, 20,000 apps", false, Work::Detect { apps: 20_000, form: Form::Packed }),
    ours("detection engine, 1 k pairs", true, Work::Engine { pairs: 1_000 }),
    ours("detection engine, 1 M pairs", true, Work::Engine { pairs: 1_000_000 }),
    ours("detection engine, 10 M pairs", false, Work::Engine { pairs: 10_000_000 }),
    ours("stage alone, decode", true, Work::Stage { stage: "decode" }),
    ours("stage alone, decode to recognise", true, Work::Stage { stage: "recognise" }),
    ours("stage alone, decode to observe", true, Work::Stage { stage: "observe" }),
    ours("stage alone, decode to encode", true, Work::Stage { stage: "encode" }),
    ours("parse, okta", true, Work::Parse { provider: "okta" }),
    ours("parse, entra", true, Work::Parse { provider: "entra" }),
    ours("parse, google_workspace", true, Work::Parse { provider: "google_workspace" }),
    ours("parse, m365_ual", true, Work::Parse { provider: "m365_ual" }),
    ours("ingest over HTTP, 1 event a request", false, Work::Ingest { of_page: 1 }),
    ours("ingest over HTTP, 100 events a request", true, Work::Ingest { of_page: 100 }),
    ours("ingest over HTTP, 1,000 events a request", false, Work::Ingest { of_page: 1_000 }),
    control("bare drain, packed", true, Work::Drain { form: Form::Packed }),
    control("bare drain, one per record", true, Work::Drain { form: Form::Single }),
    control("bare insert, 800 apps", true, Work::Insert { apps: 800 }),
    control("bare insert, 20,000 apps", false, Work::Insert { apps: 20_000 }),
    control("plain Rust pipeline, packed", false, Work::Plain { form: Form::Packed }),
    control("plain Rust pipeline, one per record", false, Work::Plain { form: Form::Single }),
    peer("Kafka engine, JSONEachRow, one per message", true, Form::JsonSingle),
    peer("Kafka engine, JSONEachRow, packed", true, Form::JsonPacked),
    peer("Kafka engine, RowBinary, packed", true, Form::RowBinaryPacked),
];

const fn ours(name: &'static str, is_quick: bool, work: Work) -> Case {
    Case { name, kind: Whose::Ours, is_quick, work }
}

const fn control(name: &'static str, is_quick: bool, work: Work) -> Case {
    Case { name, kind: Whose::Control, is_quick, work }
}

const fn peer(name: &'static str, is_quick: bool, form: Form) -> Case {
    Case { name, kind: Whose::Peer, is_quick, work: Work::KafkaEngine { form } }
}

/// Runs a case once.
pub(crate) fn run(work: &Work, stack: &mut Stack) -> anyhow::Result<Measured> {
    match *work {
        Work::Sink { apps, form } => sink::run(stack, apps, form),
        Work::Detect { apps, form } => detect::run(stack, apps, form),
        Work::Engine { pairs } => single::engine(stack, pairs),
        Work::Stage { stage } => single::stage(stack, stage),
        Work::Parse { provider } => single::parse(stack, provider),
        Work::Ingest { of_page } => ingest::run(stack, of_page),
        Work::Drain { form } => controls::drain(stack, form),
        Work::Insert { apps } => controls::insert(stack, apps),
        Work::Plain { form } => controls::plain(stack, form),
        Work::KafkaEngine { form } => peers::kafka_engine(stack, form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cases_have_one_name() {
        let mut names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
    }
}
