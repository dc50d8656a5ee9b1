//! The page at the end: what an IT manager wants to know, and what to type next.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    pipeline::{Pipeline, TENANT},
    receiver::{Arrived, Delivered},
    summary::Summary,
};
use crate::cli::DemoArgs;

/// Lines of each list.
const LIST_LINES: usize = 8;

/// The page, line by line.
pub(crate) async fn render(
    pipeline: &Pipeline,
    summary: &Summary,
    arrived: &Arrived,
    args: &DemoArgs,
) -> anyhow::Result<Vec<String>> {
    let mut lines = vec![String::new(), headline(summary)];
    section(
        &mut lines,
        "WHAT IS NEW",
        "apps that nobody has decided on, first used in the last 14 days",
        &rows(pipeline, NEW_APPS).await?,
    );
    section(
        &mut lines,
        "WHAT GROWS",
        "people in the last 7 days, and in the 7 days before",
        &rows(pipeline, GROWING_APPS).await?,
    );
    section(&mut lines, "WHAT IS DANGEROUS", "the loudest alerts", &dangerous(arrived));
    section(
        &mut lines,
        "WHAT WAITS FOR A DECISION",
        "most used first, and for how long already",
        &rows(pipeline, WAITING_APPS).await?,
    );
    figures(&mut lines, summary);
    next(&mut lines, pipeline, args);
    Ok(lines)
}

const NEW_APPS: &str = "
SELECT concat(rpad(leftUTF8(any(app_name), 28), 30), leftPad(toString(uniqExact(user_key)), 5), ' people   since ', toString(toDate(min(occurred_at)))),
       uniqExact(user_key) AS people
FROM events WHERE tenant = '{TENANT}' AND status = 'unreviewed' AND app_key != '' AND NOT is_first_party AND app_name != '' AND kind IN ('sso', 'oauth_grant', 'token_use', 'token_issued')
GROUP BY app_key HAVING min(occurred_at) > now() - INTERVAL 14 DAY ORDER BY people DESC, app_key";

const GROWING_APPS: &str = "
SELECT concat(rpad(leftUTF8(any(app_name), 28), 30), leftPad(toString(recent), 5), ' people   before: ', toString(before)),
       uniqExactIf(user_key, occurred_at > now() - INTERVAL 7 DAY) AS recent,
       uniqExactIf(user_key, occurred_at BETWEEN now() - INTERVAL 14 DAY AND now() - INTERVAL 7 DAY) AS before
FROM events WHERE tenant = '{TENANT}' AND app_key != '' AND NOT is_first_party AND app_name != '' AND kind IN ('sso', 'token_use')
GROUP BY app_key HAVING recent >= 5 AND recent > before * 1.5 ORDER BY recent - before DESC, app_key";

const WAITING_APPS: &str = "
SELECT concat(rpad(leftUTF8(any(app_name), 28), 30), leftPad(toString(uniqExact(user_key)), 5), ' people   for ', toString(dateDiff('day', min(occurred_at), now())), ' days'),
       uniqExact(user_key) AS people
FROM events WHERE tenant = '{TENANT}' AND status IN ('unreviewed', 'in_review') AND app_key != '' AND NOT is_first_party AND app_name != '' AND kind IN ('sso', 'oauth_grant', 'token_use', 'token_issued')
GROUP BY app_key ORDER BY people DESC, app_key";

async fn rows(pipeline: &Pipeline, query: &str) -> anyhow::Result<Vec<String>> {
    let rows = pipeline.rows(&query.replace("{TENANT}", TENANT)).await?;
    Ok(rows.iter().filter_map(|row| row.first().and_then(Value::as_str).map(str::to_owned)).collect())
}

fn headline(summary: &Summary) -> String {
    format!(
        "Daylight watched {} people for {} days: {} events, {} alerts.",
        summary.people, summary.days, summary.events, summary.alerts
    )
}

fn section(lines: &mut Vec<String>, title: &str, subtitle: &str, entries: &[String]) {
    lines.push(String::new());
    lines.push(format!("{title}  ({subtitle})"));
    if entries.is_empty() {
        lines.push("  nothing".into());
    }
    lines.extend(entries.iter().take(LIST_LINES).map(|entry| format!("  {entry}")));
    if entries.len() > LIST_LINES {
        lines.push(format!("  … and {} more", entries.len() - LIST_LINES));
    }
}

/// One line an app: the loudest of its alerts, with every rule that spoke.
fn dangerous(arrived: &Arrived) -> Vec<String> {
    let loudness = |alert: &Delivered| match alert.severity.as_str() {
        "critical" => 0,
        "high" => 1,
        "medium" => 2,
        _ => 3,
    };
    let mut by_app: BTreeMap<&str, Vec<&Delivered>> = BTreeMap::new();
    for alert in arrived.alerts.values() {
        by_app.entry(&alert.app_ref).or_default().push(alert);
    }
    let mut lines = Vec::new();
    for alerts in by_app.values_mut() {
        alerts.sort_by_key(|alert| (loudness(alert), alert.rule.clone()));
        let Some(loudest) = alerts.first().filter(|alert| loudness(alert) < 2) else { continue };
        let mut rules: Vec<&str> = alerts.iter().map(|alert| alert.rule.as_str()).collect();
        rules.sort_unstable();
        rules.dedup();
        let offer = if loudest.alternative.is_empty() {
            String::new()
        } else {
            format!("; offer {} instead", loudest.alternative)
        };
        lines.push((
            loudness(loudest),
            format!("{:<9}{}  ({}{offer})", loudest.severity, loudest.title, rules.join(" ")),
        ));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

fn figures(lines: &mut Vec<String>, summary: &Summary) {
    lines.push(String::new());
    lines.push("HOW WELL IT WENT".into());
    lines.push(format!(
        "  {} native events = {} events + {} second copies + {} ignored + {} rejected",
        summary.provider_events, summary.events, summary.duplicates, summary.ignored, summary.rejected
    ));
    lines.push(format!(
        "  {} rows in ClickHouse, {} missing, {} doubled; {} dead letters",
        summary.rows, summary.rows_missing, summary.rows_doubled, summary.dead_letters
    ));
    lines.push(format!(
        "  {} of {} incidents found; {} alerts, {} of them unexplained",
        summary.incidents_alerted, summary.incidents, summary.alerts, summary.false_alerts
    ));
    lines.push(format!(
        "  alert at the receiver after {} ms (p99 {} ms), event queryable after {} ms (p99 {} ms)",
        summary.alert_latency_ms.p50,
        summary.alert_latency_ms.p99,
        summary.queryable_latency_ms.p50,
        summary.queryable_latency_ms.p99
    ));
    lines.push(format!(
        "  {} events a second, {:.1} + {:.1} processor seconds a million events (Daylight + ClickHouse), {:.0} s in all",
        summary.events_per_second, summary.cpu_s_per_million_events.daylight, summary.cpu_s_per_million_events.clickhouse, summary.wall_s
    ));
}

fn next(lines: &mut Vec<String>, pipeline: &Pipeline, args: &DemoArgs) {
    let data = pipeline.data().display();
    // As it was called, because it need not be on PATH.
    let daylight = std::env::args().next().unwrap_or_else(|| "daylight".to_owned());
    lines.push(String::new());
    lines.push("WHAT TO TYPE NEXT".into());
    let commands: BTreeMap<u8, String> = if args.keep {
        BTreeMap::from([
            (
                0,
                format!(
                    "{daylight} sql --data-folder {data} \"SELECT rule, severity, title FROM alerts FINAL ORDER BY score DESC LIMIT 20\""
                ),
            ),
            (
                1,
                format!(
                    "{daylight} sql --data-folder {data} \"SELECT app_key, uniqExact(user_key) AS people FROM app_person_days GROUP BY app_key ORDER BY people DESC LIMIT 20\""
                ),
            ),
        ])
    } else {
        BTreeMap::from([
            (0, "make demo DEMO=--keep     the same, and the pipeline runs on for your own questions".to_owned()),
            (1, "make run                  everything in one process, for your own events".to_owned()),
        ])
    };
    lines.extend(commands.into_values().map(|command| format!("  {command}")));
    lines.push(String::new());
}
