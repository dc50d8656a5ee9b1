//! `daylight detect` starts and remembers: from the topic of the ledger, and from the snapshot that an orderly stop has left. What a pair takes in
//! memory falls out.

use std::{collections::BTreeMap, time::Instant};

use anyhow::ensure;
use codec::Topic;
use stages::{
    accounting,
    workload::{PARTITIONS, Shape, Workload},
};
use tests::servers::Setup;

use crate::{
    log::Log,
    preload::make_topics,
    report::{Cost, Measured},
    stack::Stack,
};

/// Tenants, one a partition.
const TENANTS: u32 = 4;
/// The line of the metric that says how many pairs are remembered.
const PAIRS: &str = "daylight_detect_pairs ";
/// Of a hundred different pairs the workload must make so many: some of them it makes twice.
const MADE_OF_A_HUNDRED: u32 = 118;
/// Pairs of a person.
const PAIRS_OF_A_PERSON: u32 = 8;

pub(super) fn run(stack: &mut Stack, pairs: u32) -> anyhow::Result<Measured> {
    let known_pairs = pairs / 100 * MADE_OF_A_HUNDRED / TENANTS;
    let people = (known_pairs / PAIRS_OF_A_PERSON).max(1);
    let workload = Workload::new(Shape { people, known_pairs, ..Shape::of_apps(800) }, stack.scale.seed);
    let (empty, full) = (stack.new_database(), stack.new_database());
    let servers = stack.servers()?;
    let log = |name: &str| -> anyhow::Result<Log<'_>> {
        let log = Log::Kafka { servers, prefix: format!("{name}."), partitions: PARTITIONS };
        log.with(|broker, prefix| make_topics(broker, prefix, PARTITIONS))?;
        Ok(log)
    };
    let (empty, full) = (log(&empty)?, log(&full)?);
    let bare = setup(&empty).start()?;
    let without = accounting::resident_mib(bare.process())?;
    ensure!(bare.stop()? == 0, "detection did not stop as it should");
    full.fill_ledger(&workload)?;
    let began = Instant::now();
    let detect = setup(&full).start()?;
    let from_topic = began.elapsed();
    let known = (super::metric(&detect, PAIRS)?, accounting::resident_mib(detect.process())?);
    ensure!(detect.stop()? == 0, "detection did not stop as it should");
    let began = Instant::now();
    detect.restart()?;
    let (from_snapshot, client) = (began.elapsed(), accounting::cpu(detect.process())?);
    let again = super::metric(&detect, PAIRS)?;
    let (with, peak) = (accounting::resident_mib(detect.process())?, accounting::peak_mib(detect.process())?);
    ensure!(detect.stop()? == 0, "detection did not stop as it should");
    full.with(|broker, prefix| Ok(broker.delete_topic(&Topic::Ledger.name(prefix))?))?;
    let wanted = distinct(&workload);
    let mut flaws = Vec::new();
    if wanted < u64::from(pairs) {
        flaws.push(format!("the workload has {wanted} different pairs, not {pairs}"));
    }
    if (known.0, again) != (wanted as f64, wanted as f64) {
        flaws.push(format!("it remembers {} pairs, and after a restart {again}, of {wanted}", known.0));
    }
    let bytes_of_pair = |mib: f64| (mib - without).max(0.0) * f64::from(1 << 20) / wanted.max(1) as f64;
    let further = BTreeMap::from([
        ("start_from_topic_s".to_owned(), from_topic.as_secs_f64()),
        ("start_from_snapshot_s".to_owned(), from_snapshot.as_secs_f64()),
        ("resident_bytes_per_pair_from_topic".to_owned(), bytes_of_pair(known.1)),
        ("resident_bytes_per_pair".to_owned(), bytes_of_pair(with)),
    ]);
    let note = format!(
        "no event: ready after {:.1} s from the topic, {:.1} s from a snapshot; {:.1} bytes a pair resident",
        from_topic.as_secs_f64(),
        from_snapshot.as_secs_f64(),
        bytes_of_pair(with)
    );
    let cost = Cost { client, ..Cost::default() };
    Ok(Measured {
        events: wanted,
        time: from_snapshot,
        cost,
        peak_rss_mib: Some(peak),
        flaws,
        note,
        further,
        ..Measured::default()
    })
}

fn setup(log: &Log<'_>) -> Setup {
    log.configure(Setup::new().role("detect"))
}

/// Different pairs: some of the workload's are the same.
fn distinct(workload: &Workload) -> u64 {
    let of_tenant = |tenant| {
        let mut pairs: Vec<_> = workload.known_pairs(tenant).map(|(app, person)| (app as u32, person.0)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.len() as u64
    };
    (0..workload.tenants().len() as u64).map(of_tenant).sum()
}
