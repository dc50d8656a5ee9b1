//! Looks at everything after a run: the tables, the commands of people, the receiver, metrics and logs. It judges nothing.

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::{http, poll, servers::binary};

use crate::{
    generator::SURNAME,
    observed::{DeadLetter, Memory, Observed, Partition, Row, Sums, Told},
    stage::{DATABASE, Member, SOON, Stage, lock},
};

/// Threads, files and bytes beyond those of a new process, above which it has grown.
const THREADS_MORE_MAX: u64 = 24;
const FILES_MORE_MAX: u64 = 128;
/// Tables that the embedded log keeps open (fjall 3: 900), and some that are just read.
const LOG_TABLES_MAX: u64 = 1_000;
const MEMORY_MORE_MAX_BYTES: u64 = 768 << 20;
/// Answers in which the rows of a run are asked for: one alone would hold millions of lines, here and in the server.
const ROW_SLICES: u64 = 16;
/// How long the offsets of what has landed may take to be committed.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// The key of a tenant under test, as `tests` plants it: its beginning.
const TENANT_KEY: &str = "5ca1ab1e5ca1ab1e";

/// Lines of an answer, each in its columns.
pub(crate) fn ask(stage: &Stage, sql: &str) -> anyhow::Result<Vec<Vec<String>>> {
    let url = format!("{}/?database={DATABASE}", stage.clickhouse_url());
    let answer = http::request("POST", &url, &[], format!("{sql} FORMAT TSV").as_bytes(), Duration::from_secs(120))?;
    ensure!(answer.status == 200, "ClickHouse refuses {sql}: {}", answer.text());
    Ok(answer.text().lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// The one number of an answer.
pub(crate) fn number(stage: &Stage, sql: &str) -> anyhow::Result<u64> {
    let lines = ask(stage, sql)?;
    let text = lines.first().and_then(|line| line.first()).with_context(|| format!("no answer to {sql}"))?;
    text.parse().with_context(|| format!("{text:?} is no number"))
}

/// Types `daylight …` to a member; gives what it printed, whatever its exit code was.
pub(crate) fn typed(member: &Member, words: &[&str]) -> anyhow::Result<Value> {
    let output = Command::new(binary()?).args(words).arg("--data-folder").arg(member.process.data()).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("daylight {} at {}: {said}", words.join(" "), member.name()))
}

/// Everything but what the probe finds out.
///
/// # Errors
/// What cannot be asked.
pub fn observe(stage: &Stage) -> anyhow::Result<Observed> {
    let mut observed = Observed { rows: rows(stage)?, posts: posts(stage), ..Observed::default() };
    observed.row_count = number(stage, "SELECT count() FROM events")?;
    observed.place_count = number(stage, "SELECT uniqExact(_log_id, _partition, _offset, _index) FROM events")?;
    let letters = ask(stage, "SELECT lower(hex(sha256)), toString(reason), origin FROM dead_letters FINAL")?;
    observed.dead_letters = letters
        .into_iter()
        .filter_map(|line| <[String; 3]>::try_from(line).ok())
        .map(|[sha256, reason, origin]| DeadLetter { sha256, reason, origin })
        .collect();
    let alerts = ask(stage, "SELECT tenant, app_ref, uniqExact(alert_id) FROM alerts FINAL GROUP BY tenant, app_ref")?;
    for [tenant, app, ids] in alerts.into_iter().filter_map(|line| <[String; 3]>::try_from(line).ok()) {
        observed.alert_rows.insert((tenant, app_of(&app)), ids.parse()?);
    }
    verify(stage, &mut observed)?;
    // A tick a minute lags for a moment, too.
    let none_lags = poll(SOON, "nothing lags", || {
        let lag = lag(stage)?;
        ensure!(lag == 0, "{lag} records lag");
        Ok(lag)
    });
    observed.lag_records = none_lags.or_else(|_| lag(stage))?;
    observed.growth = growth(stage)?;
    observed.leaks = leaks(stage)?;
    Ok(observed)
}

fn rows(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let columns =
        "native_id, tenant, transaction_id, app_native_id, toUnixTimestamp64Milli(occurred_at), toString(user_key)";
    let counts = "count(), uniqExact(_log_id, _partition, _offset, _index), uniqExact(event_id)";
    let mut rows = Vec::new();
    for slice in 0..ROW_SLICES {
        let slice = format!("sipHash64(native_id) % {ROW_SLICES} = {slice}");
        let sql = format!("SELECT {columns}, {counts} FROM events WHERE {slice} GROUP BY 1, 2, 3, 4, 5, 6");
        for line in ask(stage, &sql)? {
            let line =
                <[String; 9]>::try_from(line).map_err(|line| anyhow::anyhow!("a row of other columns: {line:?}"))?;
            let [native_id, tenant, checksum, app, at_ms, user_key, count, places, ids] = line;
            let (at_ms, rows_, places, ids) = (at_ms.parse()?, count.parse()?, places.parse()?, ids.parse()?);
            rows.push(Row { native_id, tenant, checksum, app, at_ms, user_key, rows: rows_, places, ids });
        }
    }
    Ok(rows)
}

fn posts(stage: &Stage) -> Vec<Told> {
    let told = stage.receiver.posts().into_iter().map(|post| {
        let text = |key: &str| post.body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_taken = post.answer == 200;
        Told {
            tenant: text("tenant"),
            rule: text("rule"),
            app: app_of(&text("app_ref")),
            is_signed: post.is_signed,
            is_taken,
            is_seen: is_taken && !post.is_answer_lost && stage.is_seen(post.arrived_at),
            is_before_faults: stage.is_before_faults(post.arrived_at),
            at: post.arrived_at.saturating_duration_since(stage.began),
            id: post.id,
        }
    });
    told.collect()
}

/// `okta:app_id:X` → `X`.
fn app_of(app_ref: &str) -> String {
    app_ref.rsplit(':').next().unwrap_or_default().to_owned()
}

fn verify(stage: &Stage, observed: &mut Observed) -> anyhow::Result<()> {
    // Only what is committed is compared, and rows are there a moment before.
    let settled = poll(SETTLED_WITHIN, "what has landed is committed", || {
        let report = typed(stage.one("sink")?, &["verify", "--json"])?;
        let of = |partition: &Value, key: &str| partition.get(key).and_then(Value::as_u64);
        let mut partitions = report.get("partitions").and_then(Value::as_array).into_iter().flatten();
        ensure!(partitions.all(|partition| of(partition, "end") == of(partition, "landed_to")), "{report}");
        ensure!(report.pointer("/alerts/unsettled").and_then(Value::as_u64) == Some(0), "{report}");
        Ok(report)
    });
    let report = settled.or_else(|_| typed(stage.one("sink")?, &["verify", "--json"]))?;
    let list = |key: &str| report.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for partition in list("partitions") {
        let of = |key: &str| partition.get(key).and_then(Value::as_u64).unwrap_or(0);
        observed.partitions.push(Partition {
            partition: of("partition"),
            events: of("events"),
            refused: of("refused"),
            missing: of("missing"),
            doubled: of("doubled"),
            stray: of("stray"),
            unlanded: of("end").saturating_sub(of("landed_to")),
        });
    }
    ensure!(!observed.partitions.is_empty(), "verify tells of no partition: {report}");
    let sentences = |list: &[Value]| list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>();
    observed.usage_differences = sentences(&list("usage"));
    let alerts = report.get("alerts").with_context(|| format!("verify tells nothing of alerts: {report}"))?;
    let findings = alerts.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
    observed.alert_differences = sentences(&findings);
    let unsettled = alerts.get("unsettled").and_then(Value::as_u64).unwrap_or(u64::MAX);
    if unsettled > 0 {
        observed.alert_differences.push(format!("{unsettled} alerts were not compared with the ledger"));
    }
    Ok(())
}

/// What everybody who detects remembers, beside what the ledger rebuilds, a clean pass over the log, and one over the rows of ClickHouse; and how
/// many episodes such a pass opens that nobody was told of.
///
/// # Errors
/// When somebody does not tell.
pub fn memories(stage: &Stage) -> anyhow::Result<(Vec<Memory>, u64)> {
    let (mut all, mut untold): (BTreeMap<String, Vec<(String, String)>>, u64) = (BTreeMap::new(), 0);
    let mut note = |answer: &Value, key: &str, who: String| {
        for line in answer.as_array().into_iter().flatten() {
            let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let known = all.entry(text("tenant")).or_default();
            // Who does not have the tenant's partition remembers nothing of it.
            known.extend(Some((who.clone(), text(key))).filter(|(_, hash)| !hash.is_empty()));
        }
    };
    for member in stage.of_role("detect") {
        let hashes = typed(member, &["ledger", "hash", "--rebuild", "--json"])?;
        note(&hashes, "hash", member.name());
        note(&hashes, "rebuilt_hash", "ledger".to_owned());
    }
    for (role, history) in [("detect", "log"), ("sink", "clickhouse")] {
        let answer = typed(stage.one(role)?, &["ledger", "rebuild", "--from", history, "--json"])?;
        note(answer.get("lines").unwrap_or(&Value::Null), "rebuilt_hash", history.to_owned());
        untold += answer.get("untold").and_then(Value::as_u64).with_context(|| format!("no rebuild: {answer}"))?;
    }
    Ok((all.into_iter().map(|(tenant, values)| Memory { tenant, values }).collect(), untold))
}

/// Records that the sinks have not landed.
pub(crate) fn lag(stage: &Stage) -> anyhow::Result<u64> {
    stage.of_role("sink").map(|member| counter(member, "daylight_sink_lag_records", "")).sum()
}

/// The counters of everybody who has the role, by now.
///
/// # Errors
/// When somebody does not tell.
pub fn sums(stage: &Stage) -> anyhow::Result<Sums> {
    let of = |role: &str, name: &str, label: &str| -> anyhow::Result<u64> {
        stage.of_role(role).map(|member| counter(member, name, label)).sum()
    };
    Ok(Sums {
        read: of("ingest", "daylight_ingest_read_total", "")?,
        accepted: of("ingest", "daylight_ingest_events_total", "")?,
        duplicates: of("ingest", "daylight_ingest_duplicates_total", "")?,
        ignored: of("ingest", "daylight_ingest_ignored_total", "")?,
        rejected: of("ingest", "daylight_ingest_rejected_total", "")?,
        landed: of("sink", "daylight_sink_rows_total", "table=\"events\"")?,
        landed_again: of("sink", "daylight_sink_rows_again_total", "")?,
        refused: of("sink", "daylight_sink_refused_rows_total", "table=\"events\"")?,
        observed: of("detect", "daylight_detect_events_total", "")?,
    })
}

impl Sums {
    /// Is everything that was accepted a row, or a dead letter of the sink, and nothing else?
    #[must_use]
    pub fn has_landed_whole(&self) -> bool {
        let landed = self.landed + self.refused;
        (landed.saturating_sub(self.landed_again)..=landed).contains(&self.accepted)
    }

    /// What was added since.
    #[must_use]
    pub fn since(self, before: Sums) -> Sums {
        Sums {
            read: self.read.saturating_sub(before.read),
            accepted: self.accepted.saturating_sub(before.accepted),
            duplicates: self.duplicates.saturating_sub(before.duplicates),
            ignored: self.ignored.saturating_sub(before.ignored),
            rejected: self.rejected.saturating_sub(before.rejected),
            landed: self.landed.saturating_sub(before.landed),
            landed_again: self.landed_again.saturating_sub(before.landed_again),
            refused: self.refused.saturating_sub(before.refused),
            observed: self.observed.saturating_sub(before.observed),
        }
    }
}

/// A counter over its labels, or over those that hold this text. One that is not there counts nothing.
pub(crate) fn counter(member: &Member, name: &str, label: &str) -> anyhow::Result<u64> {
    let text = member.process.metrics()?;
    let is_it =
        |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label);
    let values = text.lines().filter(is_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    let sum = values.fold(0.0, |sum, value| sum + value);
    // Counters are whole, and small enough to be exact.
    format!("{sum:.0}").parse().with_context(|| format!("{name} is {sum}"))
}

/// Who holds more than a new process may, a sentence each.
pub(crate) fn growth(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mut grown = Vec::new();
    for member in &stage.members {
        let (first, now) = (*lock(&member.at_first), member.size()?);
        let has_grown = now.threads > first.threads + THREADS_MORE_MAX
            || now.files > first.files + FILES_MORE_MAX
            || now.log_tables > LOG_TABLES_MAX
            || now.memory_bytes > first.memory_bytes + MEMORY_MORE_MAX_BYTES;
        if has_grown {
            grown.push(format!("{} has grown from {first:?} to {now:?}", member.name()));
        }
    }
    Ok(grown)
}

/// Secrets and names in what the processes said and say.
fn leaks(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mut leaks = Vec::new();
    let mut look = |member: &Member, what: &str, text: &str| {
        for planted in [SURNAME, member.process.secret("okta0"), TENANT_KEY, stage.receiver.key()] {
            if let Some(line) = text.lines().find(|line| planted.is_empty() || line.contains(planted)) {
                let shown: String = line.chars().take(300).collect();
                leaks.push(format!("the {what} of {} says {planted:?}: {shown}", member.name()));
            }
        }
    };
    for member in &stage.members {
        look(member, "metrics", &poll(SOON, "metrics", || member.process.metrics())?);
        look(member, "log", &member.process.log()?);
    }
    for member in lock(&stage.passers_by).iter() {
        look(member, "log", &member.process.log()?);
    }
    Ok(leaks)
}
