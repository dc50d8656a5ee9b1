//! `redrive`: a line for each connection and reason: what was put through, what is rejected still, what cannot be put through, and why.

use anyhow::{Context, bail};
use ingest::{RedriveAnswer, RedriveLine, RedriveRequest};

use crate::{
    cli::RedriveArgs,
    commands::{note, say, sql::ask, table},
    service::now,
};

pub(crate) async fn run(args: RedriveArgs) -> anyhow::Result<()> {
    let request = RedriveRequest {
        dry_run: args.dry_run,
        tenant: args.tenant,
        connection: args.connection,
        reason: args.reason.unwrap_or_default(),
        since_ms: args.since.map_or(0, |since| since.at_ms(now().0)),
    };
    let text = ask(&args.admin.data_folder, "/v1/redrive", serde_json::to_string(&request)?).await?;
    let done: RedriveAnswer = serde_json::from_str(&text).context("the answer cannot be read")?;
    if args.json {
        say(text.trim_end());
    } else if done.lines.is_empty() {
        say("no dead letter is open that was asked for");
    } else {
        let rows: Vec<[String; 9]> = done.lines.iter().map(row).collect();
        let head = ["CONNECTION", "REASON", "OPEN", "ACCEPTED", "EVENTS", "KNOWN", "REJECTED", "NOT REDRIVABLE", "WHY"];
        table(head, &rows).iter().for_each(|line| say(line));
        if done.dry_run {
            note("nothing was put through: without --dry-run it is");
        }
    }
    if done.left > 0 {
        bail!("{} dead letters are left; do it again", done.left);
    }
    if !done.busy.is_empty() {
        bail!("another process redrives partitions {:?}; do it again when it has ended", done.busy);
    }
    Ok(())
}

fn row(line: &RedriveLine) -> [String; 9] {
    let RedriveLine { connection, reason, letters, accepted, events, known, rejected, not_redrivable, why } = line;
    let [letters, accepted, events, known, rejected, not_redrivable] =
        [letters, accepted, events, known, rejected, not_redrivable].map(u64::to_string);
    let (connection, reason, why) = (connection.clone(), reason.clone(), why.clone());
    [connection, reason, letters, accepted, events, known, rejected, not_redrivable, why]
}
