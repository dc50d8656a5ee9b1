//! `daylight detect`, the released binary: from a full topic and the ledger of what was known before, to the last event observed and every
//! alert written.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ::tests::{
    poll,
    servers::{Daylight, Setup},
};
use anyhow::{Context as _, ensure};
use catalog::Catalogue;
use codec::{Topic, decode_alert};
use detection::{Engine, Findings, Observation, Settings};
use enrichment::Enricher;
use event::{AlertId, Coordinates, LogId, Position};
use stages::{
    accounting,
    known::known_before,
    workload::{Texts, Workload},
};

use super::{Drain, start_all};
use crate::{
    log::Log,
    preload::{self, Form, Load, Loaded},
    report::{BytesPerEvent, Measured},
    stack::{ARRIVED_WITHIN, Stack},
};

/// The group of `detect`.
pub(super) const GROUP: &str = "detect";
/// The line of the metric that counts events.
const EVENTS: &str = "daylight_detect_events_total ";

pub(super) fn run(stack: &mut Stack, drain: &Drain) -> anyhow::Result<Measured> {
    let load = drain.load;
    let workload = Workload::new(load.shape, stack.scale.seed);
    let loaded = stack.load(load)?;
    let start_up = stack.start_up("detect", load, |stack| start_up(stack, &loaded, &workload))?;
    let servers = stack.servers()?;
    let log = Log::open(servers, &loaded, &[GROUP])?;
    log.fill_ledger(&workload)?;
    let books = servers.books()?;
    let detects = start_all(drain.processes, || setup(&log))?;
    poll(ARRIVED_WITHIN, "every event is observed", || has_observed(&detects, loaded.truth.events))?;
    let time = books.elapsed();
    if drain.processes > 1 {
        // A partition that changed hands may have been observed in part by both.
        poll(ARRIVED_WITHIN, "every offset is committed", || log.is_committed(GROUP, &loaded.topic))?;
    }
    // Alerts and the ledger are written behind what was observed, and then the offsets.
    let client = accounting::cpu_at_rest(detects.iter().map(Daylight::process))?;
    let (_, mut cost) = servers.close(books, None)?;
    // ClickHouse has no part in it, whatever it does meanwhile; nor has Kafka where the log is embedded.
    (cost.clickhouse, cost.merges) = (Duration::ZERO, Duration::ZERO);
    if load.engine == preload::Engine::Embedded {
        cost.broker = Duration::ZERO;
    }
    cost.client = client.saturating_sub(start_up * drain.processes as u32);
    let mut peak = 0.0_f64;
    for detect in &detects {
        peak = peak.max(accounting::peak_mib(detect.process())?);
        ensure!(detect.stop()? == 0, "detection did not stop as it should");
    }
    poll(ARRIVED_WITHIN, "every offset is committed", || log.is_committed(GROUP, &loaded.topic))?;
    let expected = expected(&workload, load, loaded.truth.events)?;
    let flaws = flaws(&expected, &log.with(|broker, prefix| alerts(broker, prefix, load.partitions))?);
    let (incoming, in_log) = loaded.bytes_per_event();
    let bytes = BytesPerEvent { incoming: Some(incoming), log: Some(in_log), out: None };
    let note = format!(
        "{} alerts; its start with the ledger ({} ms of the processor) taken off",
        expected.ids.len(),
        start_up.as_millis()
    );
    Ok(Measured {
        events: loaded.truth.events,
        time,
        cost,
        peak_rss_mib: Some(peak),
        bytes,
        flaws,
        note,
        ..Measured::default()
    })
}

/// What it costs to start, read the ledger and find nothing to do.
fn start_up(stack: &mut Stack, loaded: &Loaded, workload: &Workload) -> anyhow::Result<Duration> {
    let log = Log::open(stack.servers()?, loaded, &[GROUP])?;
    log.fill_ledger(workload)?;
    log.finish_group(GROUP, &loaded.topic)?;
    let daylight = setup(&log).start()?;
    let cpu = accounting::cpu(daylight.process())?;
    ensure!(daylight.stop()? == 0, "detection did not stop as it should");
    Ok(cpu)
}

pub(super) fn setup(log: &Log<'_>) -> Setup {
    log.configure(Setup::new().role("detect"))
}

pub(super) fn has_observed(detects: &[Daylight], wanted: u64) -> anyhow::Result<()> {
    let events: f64 = detects.iter().filter_map(|detect| super::metric(detect, EVENTS).ok()).sum();
    ensure!(events >= wanted as f64, "{events} of {wanted}");
    Ok(())
}

/// What detection should say: by its own engine, and by the truth about the incidents.
pub(super) struct Expected {
    ids: BTreeSet<AlertId>,
    incidents: BTreeSet<(String, String)>,
}

pub(super) fn expected(workload: &Workload, load: Load, events: u64) -> anyhow::Result<Expected> {
    let (mut engine, mut out) = (Engine::new(Settings::default()), Findings::default());
    known_before(workload, &mut |tenant, entry| {
        engine.load(tenant, entry);
        Ok(())
    })?;
    let mut enricher = Enricher::new(Arc::new(Catalogue::embedded()?));
    let (mut texts, mut incidents, mut ids) = (Texts::default(), BTreeSet::new(), BTreeSet::new());
    let mut places = Places { load, ends: BTreeMap::new() };
    for number in 0..events {
        workload.with_event(number, &mut texts, |event| {
            if event.kind == event::Kind::OauthGrant {
                incidents.insert((event.tenant.to_owned(), event.app.to_string()));
            }
            let coordinates = places.next(event.tenant, number);
            let enriched = enricher.enrich(event);
            engine.observe(Observation { coordinates, logged_at: event.received_at }, &enriched, &mut out);
        });
        ids.extend(out.alerts.iter().map(|alert| alert.id));
        out.clear();
    }
    Ok(Expected { ids, incidents })
}

/// Where each event stands in the log, told in the order in which they were put there. A place is part of what detection remembers, so it must be
/// the log's own.
struct Places {
    load: Load,
    /// The end of each partition.
    ends: BTreeMap<u32, u64>,
}

impl Places {
    fn next(&mut self, tenant: &str, number: u64) -> Coordinates {
        let partition = broker::partition_of(tenant.as_bytes(), self.load.partitions);
        let end = self.ends.entry(partition).or_default();
        let index = match self.load.form {
            Form::Single => 0,
            _ => number % self.load.shape.delivery_events,
        };
        *end += u64::from(index == 0);
        let position = Position { offset: *end - 1, index: index as u16 };
        Coordinates { log_id: LogId(1), partition, position }
    }
}

/// What stands in the topic of alerts: ids, and the apps of each tenant that they are about.
pub(super) struct Written {
    ids: BTreeSet<AlertId>,
    apps: BTreeSet<(String, String)>,
}

pub(super) fn alerts(broker: &broker::Broker, prefix: &str, partitions: u32) -> anyhow::Result<Written> {
    let mut written = Written { ids: BTreeSet::new(), apps: BTreeSet::new() };
    let topic = Topic::Alerts.name(prefix);
    let mut broken = None;
    for partition in 0..partitions {
        broker.read(&topic, partition, None, &mut |record| match decode_alert(record.value.unwrap_or_default()) {
            Ok(alert) => {
                written.ids.insert(alert.id);
                written.apps.insert((alert.tenant, alert.app_ref));
            }
            Err(error) => broken = Some(error),
        })?;
    }
    broken.map_or(Ok(written), |error| Err(error).context("reading an alert"))
}

pub(super) fn flaws(expected: &Expected, written: &Written) -> Vec<String> {
    let missing = expected.ids.difference(&written.ids).count();
    let surplus = written.ids.difference(&expected.ids).count();
    let untold = expected.incidents.difference(&written.apps).count();
    let counted =
        [(missing, "alerts are missing"), (surplus, "alerts too many"), (untold, "incidents were not told of")];
    counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stages::workload::{PARTITIONS, Shape};

    #[test]
    fn places_are_those_of_the_log() {
        let workload = Workload::new(Shape { tenants: 10, ..Shape::of_apps(20) }, 1);
        let mut places = Places { load: Load::of(Shape::of_apps(20), Form::Packed), ends: BTreeMap::new() };
        let mut ends = BTreeMap::new();
        for number in 0..10_000 {
            let tenant = &workload.tenants()[workload.tenant_of(number) as usize];
            let partition = broker::partition_of(tenant.as_bytes(), PARTITIONS);
            if number % 500 == 0 {
                *ends.entry(partition).or_insert(0) += 1;
            }
            let wanted = Position { offset: ends[&partition] - 1, index: (number % 500) as u16 };
            assert_eq!(places.next(tenant, number).position, wanted, "{number}");
        }
    }
}
