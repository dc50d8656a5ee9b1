//! `connections status`: what a running Daylight says of its connections.

use anyhow::Context;

use super::{or_dash, say_coverage};
use crate::{
    cli::ConnectionsStatusArgs,
    commands::{note, plain, say, sql::ask, table},
    service::{LagLine, StatusAnswer, StatusLine, StatusRequest},
};

/// The characters of `2026-03-01T09:30` in RFC 3339.
const MINUTE_CHARS: usize = 16;
/// Native types that a line tells; `--json` has more.
const TYPES_SHOWN: usize = 10;
/// Gaps that are shown of one connection; `--json` has more.
const GAPS_SHOWN: usize = 5;

pub(crate) async fn status(args: ConnectionsStatusArgs) -> anyhow::Result<()> {
    let request = serde_json::to_string(&StatusRequest {})?;
    let text = ask(&args.admin.data_folder, "/v1/connections", request).await?;
    if args.json {
        say(text.trim_end());
        return Ok(());
    }
    let answer: StatusAnswer = serde_json::from_str(&text).context("the answer cannot be read")?;
    let rows: Vec<[String; 8]> = answer.connections.iter().flat_map(rows).collect();
    let head = ["CONNECTION", "LIST", "STATE", "COMPLETE TO", "LAST EVENT", "EVENTS (24 H)", "SOURCE LAG", "OUR LAG"];
    table(head, &rows).iter().for_each(|line| say(line));
    answer.connections.iter().flat_map(findings).for_each(|line| say(&plain(&line)));
    say_coverage(&answer.coverage);
    answer.notes.iter().for_each(|line| note(&plain(line)));
    Ok(())
}

/// A row for each list; one for a connection that has none.
fn rows(one: &StatusLine) -> Vec<[String; 8]> {
    let lag = |of: fn(&LagLine) -> (i64, i64)| {
        one.lag.as_ref().map_or_else(
            || "?".to_owned(),
            |lag| {
                let (p50, max) = of(lag);
                format!("{} (max {})", length(p50), length(max))
            },
        )
    };
    let events = one.lag.as_ref().map_or_else(|| "?".to_owned(), |lag| lag.events.to_string());
    let came = [
        or_dash(&minute(&one.last_event_at)),
        events,
        lag(|lag| (lag.source_ms_p50, lag.source_ms_max)),
        lag(|lag| (lag.pipeline_ms_p50, lag.pipeline_ms_max)),
    ];
    let row = |feed: &str, state: &str, complete_to: &str| {
        let [last, events, source, ours] = came.clone();
        [one.id.clone(), or_dash(feed), state.to_owned(), or_dash(&minute(complete_to)), last, events, source, ours]
    };
    if one.feeds.is_empty() {
        return vec![row("", &one.arrival, "")];
    }
    one.feeds.iter().map(|feed| row(&feed.feed, &feed.state, &feed.complete_to)).collect()
}

/// What a row cannot say.
fn findings(one: &StatusLine) -> Vec<String> {
    let mut lines = Vec::new();
    for feed in one.feeds.iter().filter(|feed| feed.state != "polling") {
        let grant = if feed.state == "missing_permission" { "grant " } else { "" };
        lines.push(format!("! {}, {} is {}: {grant}{}", one.id, feed.feed, feed.state, feed.detail));
    }
    match one.arrival.as_str() {
        "silent" => lines.push(format!("! {} is silent since {}; its figures are partial", one.id, one.last_event_at)),
        "never" if one.silent_after_hours > 0 => {
            let since = if one.configured_at.is_empty() { "within 7 days" } else { "since it was configured" };
            lines.push(format!("! {} has delivered nothing {since}; its figures are partial", one.id));
        }
        _ => {}
    }
    for gap in one.gaps.iter().take(GAPS_SHOWN) {
        let feed = if gap.feed.is_empty() { String::new() } else { format!(", {}", gap.feed) };
        lines.push(format!(
            "! {}{feed}: partial from {} to {} ({}): {}",
            one.id, gap.from, gap.to, gap.reason, gap.detail
        ));
    }
    if !one.types.is_empty() {
        let shown = one.types.iter().take(TYPES_SHOWN);
        let shown = shown.map(|line| format!("{} {} ({})", line.events, or_dash(&line.native_type), line.kind));
        let more = one.types.len().saturating_sub(TYPES_SHOWN);
        let rest = if more > 0 { format!(" and {more} other types") } else { String::new() };
        lines.push(format!("  {}, 7 days: {}{rest}", one.id, shown.collect::<Vec<_>>().join(", ")));
    }
    lines
}

fn minute(time: &str) -> String {
    time.chars().take(MINUTE_CHARS).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// A length of time for people: `350ms`, `12s`, `45m`, `30h`.
fn length(ms: i64) -> String {
    match ms {
        ..2_000 => format!("{ms}ms"),
        2_000..120_000 => format!("{}s", ms / 1_000),
        120_000..7_200_000 => format!("{}m", ms / 60_000),
        _ => format!("{}h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_the_unit_that_fits() {
        for (ms, expected) in
            [(350, "350ms"), (1_999, "1999ms"), (12_500, "12s"), (120_000, "2m"), (7_200_000, "2h"), (-5, "-5ms")]
        {
            assert_eq!(length(ms), expected);
        }
    }
}
