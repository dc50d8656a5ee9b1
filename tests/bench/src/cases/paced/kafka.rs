//! Paced on Kafka: `detect`, `sink` and `notify`, each a process, and events that are appended at their time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use codec::Topic;
use stages::{
    accounting,
    workload::{PARTITIONS, Shape, Texts, Truth, Workload},
};
use tests::{
    poll,
    servers::{Daylight, Receiver, Setup},
};

use super::{
    Pace, RECEIVER, SECONDS, all_told, is_for_the_receiver, latencies, rate,
    watch::{self, SeenAlert, SeenRows},
};
use crate::{
    cases::{detect, sink, start_all},
    log::Log,
    preload::{Form, Load, delivery, make_topics},
    queue::Queue,
    report::Measured,
    stack::{ARRIVED_WITHIN, Servers, Stack},
};

/// Records are handed over together for so long.
const TOGETHER: Duration = Duration::from_millis(1);

pub(in crate::cases) fn run(stack: &mut Stack, form: Form) -> anyhow::Result<Measured> {
    let load = Load::of(Shape::of_apps(800), form);
    let workload = Workload::new(load.shape, stack.scale.seed);
    let rate = rate(drained(stack, load, &workload)?)?;
    let delivery_events = load.shape.delivery_events;
    let events = load.events(&stack.scale).min((rate * SECONDS) as u64 / delivery_events * delivery_events);
    let database = stack.new_database();
    let servers = stack.servers()?;
    let prefix = format!("{database}.");
    let (log, topic) =
        (Log::Kafka { servers, prefix: prefix.clone(), partitions: PARTITIONS }, Topic::Events.name(&prefix));
    make_topics(&servers.broker, &prefix, PARTITIONS)?;
    log.fill_ledger(&workload)?;
    sink::prepare(servers, &database)?;
    let told = Receiver::start()?;
    let roles = start(servers, &log, &database, &told)?;
    let [detects, sinks] = [&roles[..1], &roles[1..2]];
    let (books, before, idle) = (servers.books()?, client(&roles)?, accounting::idle()?);
    let is_stopped = AtomicBool::new(false);
    let asking = servers.client(&database)?;
    let ask = |sql: &str| servers.lines(&asking, sql);
    let at_once = if form == Form::Single { 1 } else { delivery_events };
    let pace = Pace::begin(rate, 0, at_once);
    let (truth, mut alerts, rows) = thread::scope(|scope| -> anyhow::Result<(Truth, Vec<SeenAlert>, SeenRows)> {
        let watching = scope.spawn(|| watch::alerts(&servers.kafka.bootstrap, &prefix, PARTITIONS, &is_stopped));
        let asking = scope.spawn(|| watch::rows(workload.tenants(), ask, &is_stopped));
        let sent = send(servers, &topic, &workload, form, events, &pace);
        let done = sent.and_then(|truth| {
            poll(ARRIVED_WITHIN, "every event is observed", || detect::has_observed(detects, events))?;
            poll(ARRIVED_WITHIN, "every row is acknowledged", || sink::has_rows(sinks, events))?;
            // Its alerts are durable before its offset is.
            poll(ARRIVED_WITHIN, "detection has committed", || log.is_committed(detect::GROUP, &topic))?;
            delivered(servers, &prefix, &told)?;
            Ok(truth)
        });
        is_stopped.store(true, Ordering::Relaxed);
        Ok((done?, watching.join().unwrap()?, asking.join().unwrap()?))
    })?;
    let busy = accounting::busy(idle, books.elapsed())?;
    let (time, mut cost) = servers.close(books, Some(&database))?;
    cost.client = client(&roles)?.saturating_sub(before);
    for role in &roles {
        ensure!(role.stop()? == 0, "a role did not stop as it should");
    }
    let mut flaws = servers.flaws(&format!("{database}.events"), sink::ID, truth)?;
    let expected = detect::expected(&workload, load, events)?;
    flaws.extend(detect::flaws(&expected, &detect::alerts(&servers.broker, &prefix, PARTITIONS)?));
    let places = watch::places_of(&alerts, ask)?;
    watch::fill(&mut alerts, &places)?;
    flaws.extend(all_told(&alerts, &told).err().map(|error| error.to_string()));
    let latency_ms = latencies(&pace, &alerts, &told, &rows);
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    let note = format!(
        "{rate:.0} events a second, half of what sink and detect drain together; the machine {:.0} % busy, ClickHouse with the questions for rows",
        busy * 100.0
    );
    let further = [("events_per_second".to_owned(), rate), ("machine_busy".to_owned(), busy)].into();
    Ok(Measured { events, time, cost, flaws, note, latency_ms, further, ..Measured::default() })
}

/// Events a second that sink and detection take together from full topics.
fn drained(stack: &mut Stack, load: Load, workload: &Workload) -> anyhow::Result<f64> {
    let (loaded, database) = (stack.load(load)?, stack.new_database());
    let servers = stack.servers()?;
    let log = Log::open(servers, &loaded, &[sink::GROUP, detect::GROUP])?;
    log.fill_ledger(workload)?;
    sink::prepare(servers, &database)?;
    let events = loaded.truth.events;
    let (detects, sinks) = thread::scope(|scope| {
        let detecting = scope.spawn(|| start_all(1, || detect::setup(&log)));
        let sinking = start_all(1, || sink::setup(servers, &log, &database, events));
        (detecting.join().unwrap(), sinking)
    });
    let (detects, sinks) = (detects?, sinks?);
    // A start is no part of what it can take.
    poll(ARRIVED_WITHIN, "the first event is observed", || detect::has_observed(&detects, 1))?;
    let began = Instant::now();
    poll(ARRIVED_WITHIN, "every event is observed", || detect::has_observed(&detects, events))?;
    poll(ARRIVED_WITHIN, "every row is acknowledged", || sink::has_rows(&sinks, events))?;
    let seconds = began.elapsed().as_secs_f64();
    for role in detects.iter().chain(&sinks) {
        ensure!(role.stop()? == 0, "a role did not stop as it should");
    }
    servers.execute(&format!("DROP DATABASE {database} SYNC"))?;
    Ok(events as f64 / seconds)
}

/// Detection, the sink and whoever tells people, in this order.
fn start(servers: &Servers, log: &Log<'_>, database: &str, told: &Receiver) -> anyhow::Result<Vec<Daylight>> {
    let role = |role| log.configure(Setup::new().role(role));
    let setups = [
        role("detect"),
        role("sink").clickhouse(&servers.clickhouse.url(), database),
        role("notify").receiver(RECEIVER, told),
    ];
    setups.into_iter().map(Setup::start).collect()
}

fn client(roles: &[Daylight]) -> anyhow::Result<Duration> {
    roles.iter().map(|role| accounting::cpu(role.process())).sum()
}

/// Appends each delivery, or each event, when it is due.
fn send(
    servers: &Servers,
    topic: &str,
    workload: &Workload,
    form: Form,
    events: u64,
    pace: &Pace,
) -> anyhow::Result<Truth> {
    let (mut truth, mut texts) = (Truth::default(), Texts::default());
    let mut queue = Queue::new(&servers.broker, topic);
    for first in (0..events).step_by(workload.delivery_events() as usize) {
        for (number, record) in (first..).zip(delivery(workload, first, form, PARTITIONS, &mut truth, &mut texts)?) {
            let due = pace.due(number);
            if due > Instant::now() {
                queue.hand_over()?;
                let wait = due.saturating_duration_since(Instant::now());
                thread::sleep(if form == Form::Single { wait.max(TOGETHER) } else { wait });
            }
            queue.put(record)?;
        }
        queue.hand_over()?;
    }
    queue.finish()?;
    Ok(truth)
}

/// Waits until the receiver has accepted whatever stands in the topic of alerts to be told.
fn delivered(servers: &Servers, prefix: &str, told: &Receiver) -> anyhow::Result<()> {
    let mut raised = Vec::new();
    for partition in 0..PARTITIONS {
        servers.broker.read(&Topic::Alerts.name(prefix), partition, None, &mut |record| {
            raised.extend(codec::decode_alert(record.value.unwrap_or_default()).ok());
        })?;
    }
    raised.retain(is_for_the_receiver);
    let ids: Vec<String> = raised.iter().map(|alert| alert.id.to_string()).collect();
    poll(ARRIVED_WITHIN, "every alert is delivered", || {
        let accepted = told.accepted();
        let missing = ids.iter().find(|id| !accepted.contains_key(*id));
        missing.map_or(Ok(()), |id| Err(anyhow::anyhow!("{id} of {} was not", ids.len())))
    })
    .context("after the last event")
}
