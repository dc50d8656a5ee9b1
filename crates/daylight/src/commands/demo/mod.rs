//! `demo`: a simulated company, sent over real HTTP into the real pipeline, and what came of it.
//!
//! The pipeline is a child process that is driven through its ports alone. What is counted is what arrived: rows in ClickHouse, posts at a
//! real HTTP receiver, receipts of ingest; what it is compared with is the simulator's schedule.

mod page;
mod pipeline;
mod queryable;
mod receiver;
mod sender;
mod summary;

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use event::{Source, TenantKey, Timestamp};
use simulator::{Company, ElementTruth, Feed, Phase, Settings, Truth};
use tokio::sync::Notify;

use crate::{
    cli::DemoArgs,
    commands::{note, say},
    data_folder::parse_tenant_key,
};

use pipeline::Pipeline;
use receiver::{Arrived, Receiver, now_ms};
use sender::{Receipt, Sender};
use summary::{Judged, Latency, ProcessorCost, Stored, Summary, alerts_checksum, judge};

/// Rows and alerts that have not come after so long without progress will not come.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// No new alert for so long, with every row in the table, means that the last one has come.
const QUIET: Duration = Duration::from_secs(3);
/// How often the table is asked whether everything has come.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// The key that alerts are signed with.
const RECEIVER_KEY: &str = "demo-receiver-key";

/// What is known when the run is over.
struct Run {
    summary: Summary,
    judged: Judged,
    failures: Vec<String>,
}

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let began = Instant::now();
    let anchor_ms = now_ms();
    let company = Company::new(settings(&args, anchor_ms));
    note(&format!(
        "A company of {} people, {} days, four identity providers. The pipeline is a real one; its log is {}.",
        company.settings().people,
        company.settings().days,
        args.out.join("daylight.log").display()
    ));
    let receiver = Receiver::start(RECEIVER_KEY).await?;
    let pipeline = Pipeline::start(&args, &company, &receiver.url, &receiver.key).await?;
    let run = observe(&args, &company, &pipeline, &receiver, began).await?;
    for line in page::render(&pipeline, &run.summary, &receiver.arrived(), &args).await? {
        say(&line);
    }
    for incident in &run.judged.missed {
        note(&format!("missed: {} {} ({})", incident.kind.as_str(), incident.app_name, incident.app_native_id));
    }
    for alert in &run.judged.unexplained {
        note(&format!("not explained by any incident: {} {} {}", alert.rule, alert.app_ref, alert.title));
    }
    fs::write(args.out.join("summary.json"), serde_json::to_string_pretty(&run.summary)? + "\n")?;
    if args.keep {
        note(&format!("The pipeline runs on. Stop it with:  kill {}", pipeline.process_id()));
        pipeline.keep();
    } else {
        pipeline.stop().await?;
    }
    if !run.failures.is_empty() {
        bail!("the demo is not as it should be: {}", run.failures.join("; "));
    }
    Ok(())
}

fn settings(args: &DemoArgs, anchor_ms: i64) -> Settings {
    let base = if args.days < 16 { Settings::small(args.seed, anchor_ms) } else { Settings::new(args.seed, anchor_ms) };
    let teaching_days = base.teaching_days.min(args.days.saturating_sub(1)).max(1);
    let live_ms = i64::from(args.live_seconds) * 1_000;
    Settings { people: args.people, days: args.days, teaching_days, live_ms, ..base }
}

/// Sends everything and compares what arrived with the truth.
async fn observe(
    args: &DemoArgs,
    company: &Company,
    pipeline: &Pipeline,
    receiver: &Receiver,
    began: Instant,
) -> anyhow::Result<Run> {
    let sent = send(company, pipeline, receiver).await?;
    let truth = company_truth(company);
    let stored = stored(pipeline, &sent.expected, company.settings().anchor_ms).await?;
    let arrived = receiver.arrived();
    let tenant_key = parse_tenant_key(&pipeline::tenant_key_text(args.seed))?;
    let judged = judge(company.incidents(), &arrived, |mail| person(&tenant_key, mail));
    let (incidents, missed) = (company.incidents().len() as u64, judged.missed.len() as u64);
    let (alerts, false_alerts) = (arrived.alerts.len() as u64, judged.unexplained.len() as u64);
    let summary = Summary {
        seed: args.seed,
        people: company.settings().people,
        days: company.settings().days,
        provider_events: truth.provider_events,
        events: truth.events,
        duplicates: truth.duplicates,
        ignored: sent.receipts.ignored,
        rejected: sent.receipts.rejected,
        rows: stored.rows,
        rows_missing: stored.missing,
        rows_doubled: stored.doubled,
        dead_letters: stored.dead_letters,
        incidents,
        incidents_alerted: incidents - missed,
        alerts,
        false_alerts,
        precision: share(alerts - false_alerts, alerts),
        recall: share(incidents - missed, incidents),
        alert_latency_ms: alert_latency(&arrived, sent.live_began_ms),
        queryable_latency_ms: Latency::of(sent.queryable_ms),
        events_per_second: per_second(sent.history_events, sent.drained),
        wall_s: began.elapsed().as_secs_f64(),
        rows_checksum: stored.checksum.clone(),
        alerts_checksum: alerts_checksum(&arrived),
        cpu_s_per_million_events: sent.cost,
    };
    let failures = summary.failures(&truth, &sent.receipts, &arrived, &stored.dead_by_reason);
    Ok(Run { summary, judged, failures })
}

/// What was sent, and what was measured on the way.
struct Sent {
    expected: Expected,
    receipts: Receipt,
    /// Events of the history.
    history_events: usize,
    /// From the first delivery of the history to its last row.
    drained: Duration,
    /// Processor time of the drain.
    cost: ProcessorCost,
    live_began_ms: i64,
    queryable_ms: Vec<i64>,
}

/// History as fast as it goes, then the live phase when it is due.
async fn send(company: &Company, pipeline: &Pipeline, receiver: &Receiver) -> anyhow::Result<Sent> {
    let mut sender = Sender::new(pipeline);
    let mut expected = Expected::default();
    let mut deliveries = company.deliveries().peekable();

    sender.begin("history", u64::from(company.settings().days), "days");
    let (drain_began, time_before) = (Instant::now(), pipeline.processor_time());
    while deliveries.peek().is_some_and(|delivery| delivery.phase == Phase::History) {
        let Some(delivery) = deliveries.next() else { break };
        expected.add(&delivery.elements);
        sender.send(delivery).await?;
    }
    expected.wait(pipeline, "rows of the history").await?;
    let (drained, time_after) = (drain_began.elapsed(), pipeline.processor_time());
    let history_events = expected.native_ids.len();
    note(&format!(
        "History: {history_events} events in {:.1} s. Now {} seconds as it happens.",
        drained.as_secs_f64(),
        company.settings().live_ms / 1_000
    ));
    wait_until_quiet(receiver).await;

    sender.begin("live", u64::try_from(company.settings().live_ms / 1_000).unwrap_or(0), "seconds");
    let live_began_ms = now_ms();
    let live: Vec<_> = deliveries.by_ref().collect();
    live.iter().for_each(|delivery| expected.add(&delivery.elements));
    let stop = Arc::new(Notify::new());
    let watching = queryable::watch(pipeline, live_began_ms, Arc::clone(&stop));
    let sending = async {
        sender.send_live(live.into_iter()).await?;
        expected.wait(pipeline, "rows of the live phase").await?;
        wait_until_quiet(receiver).await;
        stop.notify_one();
        anyhow::Ok(())
    };
    let (sent, queryable_ms) = tokio::join!(sending, watching);
    sent?;
    sender.finish();
    sender.surprises.iter().for_each(|surprise| note(&format!("surprise: {surprise}")));
    let per_million =
        |seconds: f64| seconds * 1e6 / f64::from(u32::try_from(history_events.max(1)).unwrap_or(u32::MAX));
    let cost = ProcessorCost {
        daylight: per_million(time_after.daylight_s - time_before.daylight_s),
        clickhouse: per_million(time_after.clickhouse_s - time_before.clickhouse_s),
    };
    let (receipts, queryable_ms) = (sender.receipts, queryable_ms?);
    Ok(Sent { expected, receipts, history_events, drained, cost, live_began_ms, queryable_ms })
}

/// The truth over the whole run. Made anew, because deliveries count as they are handed out.
fn company_truth(company: &Company) -> Truth {
    let mut deliveries = company.deliveries();
    deliveries.by_ref().for_each(drop);
    deliveries.truth().clone()
}

/// The events that must be in the table, by the providers' ids.
#[derive(Default)]
struct Expected {
    native_ids: HashSet<String>,
}

impl Expected {
    fn add(&mut self, elements: &[ElementTruth]) {
        for element in elements {
            if let ElementTruth::Event { native_id, .. } = element {
                self.native_ids.insert(native_id.clone());
            }
        }
    }

    /// Waits until the table has as many distinct events as are expected so far.
    async fn wait(&self, pipeline: &Pipeline, what: &str) -> anyhow::Result<()> {
        let expected = self.native_ids.len() as u64;
        let (mut best, mut progress_at) = (0, Instant::now());
        loop {
            let rows = pipeline.number("SELECT uniqExact(event_id) FROM events").await?;
            if rows >= expected {
                return Ok(());
            }
            if rows > best {
                (best, progress_at) = (rows, Instant::now());
            }
            if progress_at.elapsed() > STALL_TIMEOUT {
                note(&format!("{what}: {rows} of {expected} have come, and no more come"));
                return Ok(());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

async fn wait_until_quiet(receiver: &Receiver) {
    let (mut count, mut changed_at) = (receiver.count(), Instant::now());
    while changed_at.elapsed() < QUIET {
        tokio::time::sleep(LOOK_INTERVAL).await;
        if receiver.count() != count {
            (count, changed_at) = (receiver.count(), Instant::now());
        }
    }
}

/// Asks the tables what they hold.
async fn stored(pipeline: &Pipeline, expected: &Expected, anchor_ms: i64) -> anyhow::Result<Stored> {
    let mut missing = expected.native_ids.clone();
    for row in pipeline.rows("SELECT DISTINCT native_id FROM events").await? {
        if let Some(native_id) = row.first().and_then(serde_json::Value::as_str) {
            missing.remove(native_id);
        }
    }
    for native_id in missing.iter().take(5) {
        note(&format!("missing in ClickHouse: {native_id}"));
    }
    let by_reason = "SELECT toString(reason), uniqExact(dead_letter_id) FROM dead_letters GROUP BY reason";
    let mut dead_by_reason = BTreeMap::new();
    for row in pipeline.rows(by_reason).await? {
        if let [reason, count] = row.as_slice() {
            let reason = reason.as_str().unwrap_or_default().to_owned();
            dead_by_reason.insert(reason, count.as_u64().unwrap_or_default());
        }
    }
    let doubled =
        "SELECT count() FROM (SELECT 1 FROM events GROUP BY _log_id, _partition, _offset, _index HAVING count() > 1)";
    Ok(Stored {
        rows: pipeline.number("SELECT uniqExact(event_id) FROM events").await?,
        missing: missing.len() as u64,
        doubled: pipeline.number(doubled).await?,
        dead_letters: pipeline.number("SELECT uniqExact(dead_letter_id) FROM dead_letters").await?,
        dead_by_reason,
        checksum: rows_checksum(pipeline, anchor_ms).await?,
    })
}

/// A checksum over what the rows say, one of each event: without coordinates, times of receipt and insertion, and versions; times relative
/// to the anchor. The order of the rows does not matter, nor which of Okta's two connections was first with an event that both brought: in the
/// live phase, the two race. The ids of Google's events are made from their times, among other things, so they move with the anchor.
async fn rows_checksum(pipeline: &Pipeline, anchor_ms: i64) -> anyhow::Result<String> {
    let query = format!(
        "SELECT hex(sum(reinterpretAsUInt128(sipHash128(* EXCEPT (received_at, logged_at, inserted_at, tables_version, occurred_at, \
         occurred_at_original_ms, available_at, _log_id, _partition, _offset, _index) \
         REPLACE (if(connection = '{}', '{}', connection) AS connection, if(source = '{}', 0, event_id) AS event_id), \
         toUnixTimestamp64Milli(occurred_at) - {anchor_ms})))) FROM (SELECT * FROM events LIMIT 1 BY event_id)",
        Feed::OktaLog.connection(),
        Feed::OktaHook.connection(),
        Source::GoogleWorkspace,
    );
    let rows = pipeline.rows(&query).await?;
    rows.first()
        .and_then(|row| row.first())
        .and_then(serde_json::Value::as_str)
        .map(str::to_owned)
        .context("no checksum")
}

fn person(tenant_key: &TenantKey, mail: &str) -> String {
    tenant_key.person(mail, Source::Okta, "").to_string()
}

/// From log append to arrival, of the alerts of the live phase.
fn alert_latency(arrived: &Arrived, live_began_ms: i64) -> Latency {
    let waited = arrived.alerts.values().filter_map(|alert| {
        let logged_at_ms = Timestamp::parse(&alert.logged_at)?.0;
        (logged_at_ms >= live_began_ms).then_some(alert.arrived_at_ms - logged_at_ms)
    });
    Latency::of(waited.collect())
}

fn share(part: u64, whole: u64) -> f64 {
    let number = |value: u64| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    if whole == 0 { 1.0 } else { number(part) / number(whole) }
}

fn per_second(events: usize, elapsed: Duration) -> u64 {
    u64::try_from(events as u128 * 1_000 / elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
}
