//! What everybody says when something does not come to rest. A wait that ended in vain tells only what was waited for; who is stuck, and at
//! what, can be asked as long as they all still run, and never again. Nothing is judged here, and whoever does not answer is named as such.

use serde_json::Value;

use crate::{
    observe::{ask, typed},
    stage::{Member, Stage},
};

/// The last warnings of a process that are shown.
const WARNINGS_MAX: usize = 12;
/// Characters of a line that are shown.
const LINE_CHARS_MAX: usize = 400;
/// The beginnings of the metrics that are shown.
const METRICS: &[&str] = &["daylight_sink_", "daylight_detect_", "daylight_notify_"];
/// Metrics of which only the shape over time says something.
const SHAPES: &[&str] = &["_bucket", "_seconds_sum", "_seconds_count"];
/// What ClickHouse is asked.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "runs for",
        "SELECT round(elapsed, 1), query_id, substring(query, 1, 60) FROM system.processes WHERE query_id != queryID()",
    ),
    ("merges", "SELECT database, table, round(elapsed, 1), round(progress, 2) FROM system.merges"),
    ("mutations", "SELECT table, command, latest_fail_reason FROM system.mutations WHERE NOT is_done"),
    (
        "parts",
        "SELECT table, count() FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table",
    ),
    (
        "rows of partition, to offset",
        "SELECT _partition, count(), max(_offset) FROM events GROUP BY _partition ORDER BY _partition",
    ),
];

/// Lines, for people.
#[must_use]
pub(crate) fn testimony(stage: &Stage) -> Vec<String> {
    let mut lines: Vec<String> = stage.members.iter().flat_map(of_member).collect();
    lines.extend(of_log(stage));
    for (what, sql) in QUESTIONS {
        match ask(stage, sql) {
            Ok(rows) => lines.extend(rows.iter().map(|row| format!("  ClickHouse: {what} {}", row.join(" | ")))),
            Err(error) => lines.push(format!("  ClickHouse does not say what it {what}: {error:#}")),
        }
    }
    lines.iter().map(|line| line.chars().take(LINE_CHARS_MAX).collect()).collect()
}

fn of_member(member: &Member) -> Vec<String> {
    let name = member.name();
    let mut lines = match member.process.readiness() {
        Ok(answer) => vec![format!("  {name}: ready {} {}", answer.status, answer.text().trim())],
        Err(error) => vec![format!("  {name} does not answer: {error:#}")],
    };
    let metrics = member.process.metrics().unwrap_or_default();
    let is_told = |line: &&str| {
        METRICS.iter().any(|begins| line.starts_with(begins))
            && !SHAPES.iter().any(|shape| line.contains(shape))
            && !line.ends_with(" 0")
    };
    lines.extend(metrics.lines().filter(is_told).map(|line| format!("  {name}: {line}")));
    let log = member.process.log().unwrap_or_default();
    let warnings: Vec<&str> =
        log.lines().filter(|line| ["WARN", "ERROR", "panicked"].iter().any(|word| line.contains(word))).collect();
    lines.extend(warnings.iter().rev().take(WARNINGS_MAX).rev().map(|line| format!("  {name} said: {line}")));
    lines
}

/// Where each partition of the log ends, and to where the sink has committed.
fn of_log(stage: &Stage) -> Vec<String> {
    let said = stage.one("sink").and_then(|sink| typed(sink, &["verify", "--json"]));
    match said {
        Ok(report) => {
            let partitions = report.get("partitions").and_then(Value::as_array).cloned().unwrap_or_default();
            partitions.iter().map(|partition| format!("  verify: {partition}")).collect()
        }
        Err(error) => vec![format!("  verify does not answer: {error:#}")],
    }
}
