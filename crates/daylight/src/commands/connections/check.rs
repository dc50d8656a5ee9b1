//! `connections check`: does each provider let us in, and what must be granted where it does not? Exit code 1 where something must be done.

use anyhow::bail;
use ingest::Checked;
use runtime::HttpClients;
use serde::Serialize;

use super::or_dash;
use crate::{
    cli::ConnectionsCheckArgs,
    commands::{plain, say, table},
    service::{self, BadConfig},
};

/// One way into a connection, for machines.
#[derive(Serialize)]
struct Line<'a> {
    connection: &'a str,
    by: &'a str,
    feed: &'a str,
    state: &'a str,
    detail: &'a str,
    is_wrong: bool,
}

pub(crate) async fn check(args: ConnectionsCheckArgs) -> anyhow::Result<()> {
    let mut config = service::prepare(args.config.as_deref())?;
    service::check_connections(&config)?;
    if let Some(unknown) = args.connections.iter().find(|id| config.connections.iter().all(|one| one.id != **id)) {
        let names: Vec<&str> = config.connections.iter().map(|one| one.id.as_str()).collect();
        bail!(BadConfig(format!("no connection is called {unknown:?}; there are {}", names.join(", "))));
    }
    if !args.connections.is_empty() {
        config.connections.retain(|one| args.connections.contains(&one.id));
    }
    let clients = HttpClients::new(&config.tls).map_err(|error| BadConfig(error.to_string()))?;
    let checked = ingest::check(&config.connections, &clients).await;
    let checked = checked.map_err(|error| BadConfig(error.to_string()))?;
    if args.json {
        let lines: Vec<Line<'_>> = checked.iter().map(line).collect();
        say(&serde_json::to_string(&lines)?);
    } else {
        let rows: Vec<[String; 4]> =
            checked.iter().map(|one| [one.connection.as_str(), one.by, one.feed, one.state].map(or_dash)).collect();
        table(["CONNECTION", "BY", "LIST", "STATE"], &rows).iter().for_each(|row| say(row));
        checked.iter().filter(|one| !one.detail.is_empty()).for_each(|one| say(&plain(&sentence(one))));
    }
    let wrong = checked.iter().filter(|one| one.is_wrong).count();
    if wrong > 0 {
        bail!("{wrong} of {} ways into the connections are not in order", checked.len());
    }
    Ok(())
}

fn line(one: &Checked) -> Line<'_> {
    let Checked { connection, by, feed, state, detail, is_wrong } = one;
    Line { connection, by, feed, state, detail, is_wrong: *is_wrong }
}

fn sentence(one: &Checked) -> String {
    let (mark, feed) = (if one.is_wrong { '!' } else { ' ' }, or_dash(one.feed));
    let what = if one.feed.is_empty() { one.by } else { &feed };
    let words = if one.state == "missing_permission" { "grant " } else { "" };
    format!("{mark} {}, {what}: {words}{}", one.connection, one.detail)
}
