//! Paced on the embedded log: all of Daylight in one process, which hosts its ClickHouse, and pages of Okta's System Log that come over HTTP at
//! their time. One company: that is what one machine is for.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use codec::{Topic, decode_alert};
use event::{LedgerEntry, Source, TenantKey};
use stages::{
    accounting,
    known::known_before,
    workload::{PARTITIONS, Shape, Texts, Workload},
};
use tests::{
    poll,
    servers::{Daylight, Receiver, Setup, TENANT_KEY},
};

use super::{
    Pace, RECEIVER, SECONDS, all_told, latencies, rate,
    watch::{self, SeenAlert, SeenRows},
};
use crate::{
    cases::{detect, ingest, sink},
    log,
    okta::{self, Pages, pages},
    preload::{ledger_record, make_topics},
    queue::Queue,
    report::Measured,
    stack::{ARRIVED_WITHIN, Stack},
};

/// Events of one request.
const OF_PAGE: u64 = 100;
/// Elements by which it is found out what the machine can, and those that are paced at most: their pages are made before and kept.
const DRAINED_MAX: u64 = 100_000;
const PACED_MAX: u64 = 300_000;

pub(in crate::cases) fn run(stack: &mut Stack) -> anyhow::Result<Measured> {
    let workload = Workload::new(Shape { tenants: 1, ..Shape::of_apps(800) }, stack.scale.seed);
    let (data, told) = (log::folder()?, Receiver::start()?);
    know(&workload, data.path())?;
    let connection = workload.connections()[0].clone();
    let daylight = Setup::new()
        .data_folder(data.path())
        .tenant(&workload.tenants()[0])
        .connection(&connection, &workload.tenants()[0], "okta", &workload.hosts()[0])
        .receiver(RECEIVER, &told)
        .start()?;
    let drained = pages(&workload, 0..stack.scale.events.min(DRAINED_MAX), OF_PAGE);
    let began = Instant::now();
    ingest::send_all(&daylight, &connection, &drained.bodies, &|_| None)?;
    arrived(&daylight, drained.elements - drained.damaged)?;
    let rate = rate(drained.elements as f64 / began.elapsed().as_secs_f64())?;
    let count = ((rate * SECONDS) as u64).min(PACED_MAX).min(stack.scale.events).max(OF_PAGE);
    let numbers = drained.elements..drained.elements + count;
    let paced = pages(&workload, numbers.clone(), OF_PAGE);
    let before = books(&daylight)?;
    let is_stopped = AtomicBool::new(false);
    let ask = |sql: &str| lines(&daylight, sql);
    let idle = accounting::idle()?;
    let pace = Pace::begin(rate, numbers.start, OF_PAGE);
    let due = |page: usize| Some(pace.due(numbers.start + page as u64 * OF_PAGE));
    let rows = thread::scope(|scope| -> anyhow::Result<SeenRows> {
        let asking = scope.spawn(|| watch::rows(workload.tenants(), ask, &is_stopped));
        let sent = ingest::send_all(&daylight, &connection, &paced.bodies, &due);
        let done = sent.and_then(|()| arrived(&daylight, wanted(&[&drained, &paced])));
        is_stopped.store(true, Ordering::Relaxed);
        done?;
        asking.join().unwrap()
    })?;
    let (time, after) = (pace.began.elapsed(), books(&daylight)?);
    let busy = accounting::busy(idle, time)?;
    // Rows of what was drained are none of what was paced.
    let rows: SeenRows = rows.into_iter().filter(|(number, _)| numbers.contains(number)).collect();
    poll(ARRIVED_WITHIN, "every alert is delivered", || is_delivered(&daylight, &told))?;
    let mut flaws = count_flaws(&daylight, wanted(&[&drained, &paced]))?;
    let places = watch::places("1", ask)?;
    ensure!(daylight.stop()? == 0, "Daylight did not stop as it should");
    let mut alerts = alerts(data.path(), &pace)?;
    watch::fill(&mut alerts, &places)?;
    flaws.extend(all_told(&alerts, &told).err().map(|error| error.to_string()));
    let untold = untold(&workload, 0..numbers.end, &alerts);
    flaws.extend((untold > 0).then(|| format!("{untold} incidents were not told of")));
    alerts.retain(|alert| numbers.contains(&alert.number));
    let latency_ms = latencies(&pace, &alerts, &told, &rows);
    let note = format!(
        "{rate:.0} events a second, half of what it drains; the machine {:.0} % busy; one process, pages of {OF_PAGE} over HTTP, answered when they are durable",
        busy * 100.0
    );
    let mut cost = crate::report::Cost { client: after.0.saturating_sub(before.0), ..Default::default() };
    cost.clickhouse = after.1.saturating_sub(before.1);
    let further = [("events_per_second".to_owned(), rate), ("machine_busy".to_owned(), busy)].into();
    Ok(Measured { events: count, time, cost, flaws, note, latency_ms, further, ..Measured::default() })
}

/// The ledger as it was before the day, for people under the pseudonyms that `ingest` gives them.
fn know(workload: &Workload, data: &Path) -> anyhow::Result<()> {
    let broker = log::open_embedded(data)?;
    make_topics(&broker, "", PARTITIONS)?;
    let (key, ledger) = (tenant_key()?, Topic::Ledger.name(""));
    let mut queue = Queue::new(&broker, &ledger);
    known_before(workload, &mut |tenant, entry| {
        let entry = match entry {
            LedgerEntry::Pair { app_hash, user_key, position, sighting } => {
                let user_key = key.person(&okta::email(*user_key), Source::Okta, "");
                LedgerEntry::Pair { app_hash: *app_hash, user_key, position: *position, sighting: *sighting }
            }
            other => other.clone(),
        };
        queue.put(ledger_record(tenant, &entry, PARTITIONS)?)
    })?;
    queue.finish().map(drop)
}

/// The key of every tenant under test.
fn tenant_key() -> anyhow::Result<TenantKey> {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&TENANT_KEY[2 * place..2 * place + 2], 16)?;
    }
    Ok(TenantKey::new(bytes))
}

/// Elements that are events.
fn wanted(pages: &[&Pages]) -> u64 {
    pages.iter().map(|pages| pages.elements - pages.damaged).sum()
}

/// Everything is observed and stands in the table.
fn arrived(daylight: &Daylight, events: u64) -> anyhow::Result<()> {
    let one = std::slice::from_ref(daylight);
    poll(ARRIVED_WITHIN, "every event is observed", || detect::has_observed(one, events))?;
    poll(ARRIVED_WITHIN, "every row is acknowledged", || sink::has_rows(one, events))
}

/// What Daylight and its ClickHouse have taken so far.
fn books(daylight: &Daylight) -> anyhow::Result<(Duration, Duration)> {
    Ok((accounting::cpu(daylight.process())?, accounting::cpu(daylight.clickhouse_process())?))
}

/// As many alerts as detection has raised for the receiver were accepted.
fn is_delivered(daylight: &Daylight, told: &Receiver) -> anyhow::Result<()> {
    let metrics = daylight.metrics()?;
    let is_for_it = |line: &&str| {
        let is_raised = line.starts_with("daylight_detect_alerts_total{") && line.contains("state=\"raised\"");
        is_raised && !line.contains("severity=\"info\"")
    };
    let counted = metrics.lines().filter(is_for_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    let (raised, accepted) = (counted.sum::<f64>(), told.accepted().len());
    ensure!(raised > 0.0 && accepted as f64 >= raised, "{accepted} of {raised}");
    Ok(())
}

fn count_flaws(daylight: &Daylight, wanted: u64) -> anyhow::Result<Vec<String>> {
    let rows = daylight.number("SELECT count() FROM events")?;
    Ok((rows != wanted).then(|| format!("{rows} rows of {wanted}")).into_iter().collect())
}

/// Lines that a query gives.
fn lines(daylight: &Daylight, sql: &str) -> anyhow::Result<Vec<String>> {
    let rows = daylight.rows(sql)?;
    let text = |row: Vec<serde_json::Value>| Some(row.first()?.as_str()?.to_owned());
    rows.into_iter().map(|row| text(row).context("a row without its text")).collect()
}

/// The alerts of the log, each at the time at which the log took it. To 1 ms, and known only when nobody has the log open any more.
fn alerts(data: &Path, pace: &Pace) -> anyhow::Result<Vec<SeenAlert>> {
    let (broker, mut alerts, mut broken) = (log::open_embedded(data)?, Vec::new(), None);
    for partition in 0..PARTITIONS {
        broker.read(&Topic::Alerts.name(""), partition, None, &mut |record| {
            let after_ms = u64::try_from(record.logged_at_ms - pace.began_ms).unwrap_or_default();
            match decode_alert(record.value.unwrap_or_default()) {
                Ok(alert) => alerts.push(SeenAlert::of(alert, pace.began + Duration::from_millis(after_ms))),
                Err(error) => broken = Some(error),
            }
        })?;
    }
    broken.map_or(Ok(alerts), |error| Err(error).context("reading an alert"))
}

/// Incidents without any alert.
fn untold(workload: &Workload, numbers: Range<u64>, alerts: &[SeenAlert]) -> usize {
    let told: BTreeSet<&(String, String)> = alerts.iter().map(|alert| &alert.app).collect();
    let (mut incidents, mut texts) = (BTreeSet::new(), Texts::default());
    for number in numbers.filter(|number| !okta::is_damaged(*number)) {
        workload.with_distinct_event(number, &mut texts, |event| {
            if event.kind == event::Kind::OauthGrant {
                incidents.insert((event.tenant.to_owned(), event.app.to_string()));
            }
        });
    }
    incidents.iter().filter(|incident| !told.contains(incident)).count()
}
