//! Every case, in the order of the table. A name says what is done, in what form the events come, and how many apps there are, or which point
//! of which curve it is.

use stages::workload::Shape;

use super::{Case, Drain, Rank, Work};
use crate::{
    preload::{Engine, Form, Load},
    report::{Point, Whose},
};

/// Points of curves take this part of the events of a run.
const CURVE_PART: u64 = 2;

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = drains();
    cases.extend(alone());
    cases.extend(others());
    cases.extend(scaling());
    cases.extend(growth());
    cases
}

/// What the product does with full topics, and with events that come.
fn drains() -> Vec<Case> {
    use Engine::{Embedded, Kafka};
    use Form::{Packed, Single};
    use Rank::{EachTurn, Once, Quick};
    let sink = |load| Work::Sink(Drain { load, processes: 1, history: 0 });
    let detect = |load| Work::Detect(Drain { load, processes: 1, history: 0 });
    let load = |apps, form, engine| Load { engine, ..Load::of(Shape::of_apps(apps), form) };
    vec![
        ours("sink, packed, 800 apps", Quick, sink(load(800, Packed, Kafka))),
        ours("sink, one per record, 800 apps", Quick, sink(load(800, Single, Kafka))),
        ours("sink, packed, 20,000 apps", EachTurn, sink(load(20_000, Packed, Kafka))),
        ours("sink, one per record, 20,000 apps", EachTurn, sink(load(20_000, Single, Kafka))),
        ours("detect, packed, 800 apps", Quick, detect(load(800, Packed, Kafka))),
        ours("detect, one per record, 800 apps", Quick, detect(load(800, Single, Kafka))),
        ours("detect, packed, 20,000 apps", EachTurn, detect(load(20_000, Packed, Kafka))),
        ours("detect, one per record, 20,000 apps", EachTurn, detect(load(20_000, Single, Kafka))),
        ours("embedded log, sink, packed, 800 apps", EachTurn, sink(load(800, Packed, Embedded))),
        ours("embedded log, sink, one per record, 800 apps", EachTurn, sink(load(800, Single, Embedded))),
        ours("embedded log, sink, packed, 20,000 apps", EachTurn, sink(load(20_000, Packed, Embedded))),
        ours("embedded log, sink, one per record, 20,000 apps", EachTurn, sink(load(20_000, Single, Embedded))),
        ours("embedded log, detect, packed, 800 apps", EachTurn, detect(load(800, Packed, Embedded))),
        ours("embedded log, detect, one per record, 800 apps", EachTurn, detect(load(800, Single, Embedded))),
        ours("embedded log, detect, packed, 20,000 apps", EachTurn, detect(load(20_000, Packed, Embedded))),
        ours("embedded log, detect, one per record, 20,000 apps", EachTurn, detect(load(20_000, Single, Embedded))),
        ours("paced, packed", EachTurn, Work::Paced { engine: Kafka, form: Packed }),
        ours("paced, one per record", EachTurn, Work::Paced { engine: Kafka, form: Single }),
        ours("paced, embedded log, 100 events a request", EachTurn, Work::Paced { engine: Embedded, form: Packed }),
        ours("detect, start with 1 M pairs", Once, Work::Restart { pairs: 1_000_000 }),
        ours("detect, start with 10 M pairs", Once, Work::Restart { pairs: 10_000_000 }),
    ]
}

/// What needs no reader of a log.
fn alone() -> Vec<Case> {
    use Rank::{EachTurn, Quick};
    let mut cases = vec![
        ours("detection engine, 1 k pairs", Quick, Work::Engine { pairs: 1_000 }),
        ours("detection engine, 1 M pairs", Quick, Work::Engine { pairs: 1_000_000 }),
        ours("detection engine, 10 M pairs", EachTurn, Work::Engine { pairs: 10_000_000 }),
        ours("stage alone, decode", Quick, Work::Stage { stage: "decode" }),
        ours("stage alone, decode to recognise", Quick, Work::Stage { stage: "recognise" }),
        ours("stage alone, decode to observe", Quick, Work::Stage { stage: "observe" }),
        ours("stage alone, decode to encode", Quick, Work::Stage { stage: "encode" }),
        ours("ingest over HTTP, 1 event a request", EachTurn, Work::Ingest { of_page: 1 }),
        ours("ingest over HTTP, 100 events a request", Quick, Work::Ingest { of_page: 100 }),
        ours("ingest over HTTP, 1,000 events a request", EachTurn, Work::Ingest { of_page: 1_000 }),
    ];
    for provider in stages::parse::PROVIDERS {
        let rank = if stages::parse::COUNTED.contains(&provider) { Quick } else { EachTurn };
        cases.push(ours(&format!("parse, {provider}"), rank, Work::Parse { provider }));
    }
    cases
}

/// Controls and peers.
fn others() -> Vec<Case> {
    use Form::{JsonPacked, JsonSingle, Packed, RowBinaryPacked, Single};
    use Rank::{EachTurn, Quick};
    use Whose::{Control, Peer};
    let case = |kind, name: &str, rank, work| Case { kind, ..ours(name, rank, work) };
    let engine = |form| Work::KafkaEngine { form };
    vec![
        case(Control, "bare drain, packed", Quick, Work::BareDrain { form: Packed }),
        case(Control, "bare drain, one per record", Quick, Work::BareDrain { form: Single }),
        case(Control, "bare insert, 800 apps", Quick, Work::Insert { apps: 800 }),
        case(Control, "bare insert, 20,000 apps", EachTurn, Work::Insert { apps: 20_000 }),
        case(Control, "bare insert, RowBinary, 800 apps", EachTurn, Work::InsertRowBinary { apps: 800 }),
        case(Control, "plain Rust pipeline, packed", EachTurn, Work::Plain { form: Packed }),
        case(Control, "plain Rust pipeline, one per record", EachTurn, Work::Plain { form: Single }),
        case(Peer, "Kafka engine, JSONEachRow, one per message", Quick, engine(JsonSingle)),
        case(Peer, "Kafka engine, JSONEachRow, packed", Quick, engine(JsonPacked)),
        case(Peer, "Kafka engine, RowBinary, packed", Quick, engine(RowBinaryPacked)),
        case(Peer, "clickhouse_sinker, one per message", EachTurn, Work::ClickhouseSinker),
        case(Peer, "OpenTelemetry Collector, one per message", EachTurn, Work::Collector),
    ]
}

/// More partitions, more processes.
fn scaling() -> Vec<Case> {
    let packed = Load::of(Shape::of_apps(800), Form::Packed);
    let mut cases = Vec::new();
    for partitions in [1, 2, 4] {
        let drain = Drain { load: Load { partitions, ..packed }, processes: 1, history: 0 };
        cases.extend(both("partitions", u64::from(partitions), &format!("{partitions} partitions"), drain));
    }
    for processes in [1, 2, 4] {
        let drain = Drain { load: packed, processes, history: 0 };
        cases.extend(both("processes", processes as u64, &format!("{processes} processes"), drain));
    }
    cases
}

/// How the cost grows as the work grows.
fn growth() -> Vec<Case> {
    let part = |shape| Load { part: CURVE_PART, ..Load::of(shape, Form::Packed) };
    let drain = |shape| Drain { load: part(shape), processes: 1, history: 0 };
    let mut cases = Vec::new();
    for apps in [20, 100, 800, 5_000, 20_000] {
        cases.extend(both("apps", u64::from(apps), &format!("{apps} apps"), drain(Shape::of_apps(apps))));
    }
    for people in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let [sink, detect] =
            both("people", u64::from(people), &format!("{people} people"), drain(Shape::of_people(people)));
        cases.push(sink);
        // Three pairs a person: the ledger of ten million people would take longer to make than all other points.
        cases.extend((people < 10_000_000).then_some(detect));
    }
    for tenants in [1, 10, 100, 1_000, 10_000] {
        cases.extend(both(
            "tenants",
            u64::from(tenants),
            &format!("{tenants} tenants"),
            drain(Shape::of_tenants(tenants)),
        ));
    }
    for history in [0, 1_000_000, 10_000_000, 100_000_000] {
        let drain = Drain { history, ..drain(Shape::of_apps(800)) };
        let [sink, _] = both("history", history, &format!("{history} rows before"), drain);
        cases.push(sink);
    }
    for pairs in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let name = format!("curve pairs: {pairs} pairs, engine");
        cases.push(Case {
            point: Some(Point::new("pairs", "engine", u64::from(pairs))),
            ..ours(&name, Rank::Once, Work::Engine { pairs })
        });
    }
    cases
}

/// The same point of a curve for the sink and for detection.
fn both(curve: &'static str, at: u64, words: &str, drain: Drain) -> [Case; 2] {
    let case = |line, work| {
        let name = format!("curve {curve}: {words}, {line}");
        Case { point: Some(Point::new(curve, line, at)), ..ours(&name, Rank::Once, work) }
    };
    [case("sink", Work::Sink(drain)), case("detect", Work::Detect(drain))]
}

fn ours(name: &str, rank: Rank, work: Work) -> Case {
    Case { name: name.to_owned(), kind: Whose::Ours, rank, work, point: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cases_have_one_name() {
        let mut names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn what_is_run_before_a_commit_is_on_no_curve() {
        assert!(cases().iter().all(|case| case.point.is_none() || case.rank == Rank::Once));
    }
}
