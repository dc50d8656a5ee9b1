//! `connections fill`: what was missing was fetched in another way.

use anyhow::{Context, bail};

use crate::{
    cli::ConnectionsFillArgs,
    commands::{note, operator_name, plain, say, sql::ask},
    service::{FillAnswer, FillRequest, FilledLine},
};

pub(crate) async fn fill(args: ConnectionsFillArgs) -> anyhow::Result<()> {
    let request = FillRequest {
        connection: args.connection,
        since_ms: args.since,
        until_ms: args.until,
        reason: args.reason,
        filled_by: operator_name(args.who.as_deref()),
    };
    let text = ask(&args.admin.data_folder, "/v1/connections/fill", serde_json::to_string(&request)?).await?;
    let answer: FillAnswer = serde_json::from_str(&text).context("the answer cannot be read")?;
    let line = |gap: &FilledLine| format!("{}, {}: {} to {}", answer.connection, gap.feed, gap.from, gap.to);
    answer.filled.iter().for_each(|gap| say(&plain(&format!("{} is filled", line(gap)))));
    answer.left.iter().for_each(|gap| note(&plain(&format!("{} reaches out of that time and stays a gap", line(gap)))));
    if answer.filled.is_empty() {
        bail!("no gap of {} lies in that time; daylight connections status lists them", answer.connection);
    }
    Ok(())
}
