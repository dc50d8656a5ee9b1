//! `daylight detect`, the released binary: from a full topic and the ledger of what was known before, to the last event observed and every
//! alert written.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use catalog::Catalogue;
use codec::{Topic, decode_alert};
use detection::{Engine, Findings, Observation, Settings};
use enrichment::Enricher;
use event::{AlertId, Coordinates, LogId, Position};
use stages::{
    accounting,
    known::known_before,
    workload::{DELIVERY_EVENTS, PARTITIONS, Shape, Texts, Workload},
};
use tests::{
    poll,
    servers::{Daylight, Setup},
};

use crate::{
    preload::{Form, Load, Loaded, make_topics, refill_ledger},
    report::{BytesPerEvent, Measured},
    stack::{ARRIVED_WITHIN, Servers, Stack},
};

/// The group of `detect`.
const GROUP: &str = "detect";
/// Topics with the same ledger and no event: what a start costs is measured on them.
const STILL: &str = "still.";

pub(super) fn run(stack: &mut Stack, apps: u32, form: Form) -> anyhow::Result<Measured> {
    let (shape, seed) = (Shape::of_apps(apps), stack.scale.seed);
    let loaded = stack.load(Load { shape, form, part: 1 })?;
    let workload = Workload::new(shape, seed);
    let start_up = stack
        .start_up(if apps == 800 { "detect" } else { "detect of many apps" }, |stack| start_up(stack, &workload))?;
    let servers = stack.servers()?;
    servers.forget_group(GROUP)?;
    refill_ledger(&servers.broker, &loaded.prefix, &workload)?;
    let books = servers.books()?;
    let daylight = setup(servers, &loaded.prefix).start()?;
    poll(ARRIVED_WITHIN, "every event is observed", || has_observed(&daylight, loaded.truth.events))?;
    let client = accounting::cpu(daylight.process())?;
    let (time, mut cost) = servers.close(books, None)?;
    // ClickHouse has no part in it, whatever it does meanwhile.
    (cost.clickhouse, cost.merges) = (Duration::ZERO, Duration::ZERO);
    cost.client = client.saturating_sub(start_up);
    let peak = accounting::peak_mib(daylight.process())?;
    ensure!(daylight.stop()? == 0, "detection did not stop as it should");
    let expected = expected(&workload, form, loaded.truth.events)?;
    let flaws = flaws(&expected, &alerts(servers, &loaded)?);
    let (incoming, log) = loaded.bytes_per_event();
    let bytes = BytesPerEvent { incoming: Some(incoming), log: Some(log), out: None };
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
fn start_up(stack: &mut Stack, workload: &Workload) -> anyhow::Result<Duration> {
    let servers = stack.servers()?;
    make_topics(&servers.broker, STILL)?;
    refill_ledger(&servers.broker, STILL, workload)?;
    let daylight = setup(servers, STILL).start()?;
    let cpu = accounting::cpu(daylight.process())?;
    ensure!(daylight.stop()? == 0, "detection did not stop as it should");
    Ok(cpu)
}

fn setup(servers: &Servers, prefix: &str) -> Setup {
    Setup::new().role("detect").kafka(&servers.kafka.bootstrap).set("log.topic_prefix", prefix)
}

fn has_observed(daylight: &Daylight, wanted: u64) -> anyhow::Result<()> {
    let metrics = daylight.metrics()?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("daylight_detect_events_total "));
    let events: f64 = line.context("no event yet")?.parse()?;
    ensure!(events >= wanted as f64, "{events} of {wanted}");
    Ok(())
}

/// What detection should say: by its own engine, and by the truth about the incidents.
struct Expected {
    ids: BTreeSet<AlertId>,
    incidents: BTreeSet<(String, String)>,
}

fn expected(workload: &Workload, form: Form, events: u64) -> anyhow::Result<Expected> {
    let (mut engine, mut out) = (Engine::new(Settings::default()), Findings::default());
    known_before(workload, &mut |tenant, entry| {
        engine.load(tenant, entry);
        Ok(())
    })?;
    let mut enricher = Enricher::new(Arc::new(Catalogue::embedded()?));
    let (mut texts, mut incidents, mut ids) = (Texts::default(), BTreeSet::new(), BTreeSet::new());
    for number in 0..events {
        workload.with_event(number, &mut texts, |event| {
            if event.kind == event::Kind::OauthGrant {
                incidents.insert((event.tenant.to_owned(), event.app.to_string()));
            }
            let position = position(form, number);
            let coordinates = Coordinates { log_id: LogId(1), partition: 0, position };
            let enriched = enricher.enrich(event);
            engine.observe(Observation { coordinates, logged_at: event.received_at }, &enriched, &mut out);
        });
        ids.extend(out.alerts.iter().map(|alert| alert.id));
        out.clear();
    }
    Ok(Expected { ids, incidents })
}

/// Where an event stands in its partition, which is its tenant's alone. A place is part of what detection remembers, so it must be the log's own.
fn position(form: Form, number: u64) -> Position {
    let (delivery, place) = (number / DELIVERY_EVENTS / u64::from(PARTITIONS), number % DELIVERY_EVENTS);
    match form {
        Form::Single => Position { offset: delivery * DELIVERY_EVENTS + place, index: 0 },
        _ => Position { offset: delivery, index: place as u16 },
    }
}

/// What stands in the topic of alerts: ids, and the apps of each tenant that they are about.
struct Written {
    ids: BTreeSet<AlertId>,
    apps: BTreeSet<(String, String)>,
}

fn alerts(servers: &Servers, loaded: &Loaded) -> anyhow::Result<Written> {
    let mut written = Written { ids: BTreeSet::new(), apps: BTreeSet::new() };
    let topic = Topic::Alerts.name(&loaded.prefix);
    let mut broken = None;
    for partition in 0..PARTITIONS {
        servers.broker.read(
            &topic,
            partition,
            None,
            &mut |record| match decode_alert(record.value.unwrap_or_default()) {
                Ok(alert) => {
                    written.ids.insert(alert.id);
                    written.apps.insert((alert.tenant, alert.app_ref));
                }
                Err(error) => broken = Some(error),
            },
        )?;
    }
    broken.map_or(Ok(written), |error| Err(error).context("reading an alert"))
}

fn flaws(expected: &Expected, written: &Written) -> Vec<String> {
    let missing = expected.ids.difference(&written.ids).count();
    let surplus = written.ids.difference(&expected.ids).count();
    let untold = expected.incidents.difference(&written.apps).count();
    let counted =
        [(missing, "alerts are missing"), (surplus, "alerts too many"), (untold, "incidents were not told of")];
    counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}
