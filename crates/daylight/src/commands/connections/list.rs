//! `connections list`: what the configuration lets Daylight see, before anybody is asked.

use event::Fact;

use super::{or_dash, say_coverage};
use crate::{
    cli::ConnectionsListArgs,
    commands::{plain, say, table},
    service::{self, BadConfig, coverage_of},
};

pub(crate) fn list(args: &ConnectionsListArgs) -> anyhow::Result<()> {
    let config = service::prepare(args.config.as_deref())?;
    let coverage = coverage_of(&config.connections).map_err(|error| BadConfig(error.to_string()))?;
    if args.json {
        say(&serde_json::to_string(&coverage)?);
        return Ok(());
    }
    if coverage.connections.is_empty() {
        say("no connections; daylight init writes some to begin with");
        return Ok(());
    }
    let ways = || coverage.connections.iter().flat_map(|one| one.ways.iter().map(move |way| (one, way)));
    let rows: Vec<[String; 6]> = ways()
        .map(|(one, way)| {
            let patience = patience(one.silent_after_hours);
            [&one.id, &one.tenant, &one.provider, &way.by, &way.feed, &patience].map(|text| or_dash(text))
        })
        .collect();
    table(["CONNECTION", "TENANT", "PROVIDER", "BY", "LIST", "SILENT AFTER"], &rows).iter().for_each(|line| say(line));
    say("");
    for (one, way) in ways() {
        let facts = way.tells.iter().filter_map(|name| Fact::parse(name)).map(Fact::words).collect::<Vec<_>>();
        let left_out = if way.leaves_out.is_empty() { String::new() } else { format!(" ({})", way.leaves_out) };
        let feed = if way.feed.is_empty() { String::new() } else { format!(" {}", way.feed) };
        say(&plain(&format!("{}, {}{feed}, can tell {}{left_out}", one.id, way.by, facts.join(", "))));
    }
    say_coverage(&coverage);
    Ok(())
}

/// After so long without an event it is called silent.
fn patience(hours: u32) -> String {
    if hours == 0 { "never".to_owned() } else { format!("{hours}h") }
}
