//! `ledger hash` and `ledger rebuild`: compare what detection remembers with what the ledger, the log or ClickHouse would make of it; with
//! `--write` the ledger is made so.
//! `ledger repartition`: lets the log have more partitions.

use anyhow::{Context, bail};
use detect::Difference;

use crate::{
    cli::{LedgerHashArgs, LedgerRebuildArgs, LedgerRepartitionArgs},
    commands::{note, say, sql::ask, table},
    service::{self, HashLine, HashRequest, RebuildAnswer, RebuildRequest, RebuiltLine},
};

pub(crate) async fn hash(args: LedgerHashArgs) -> anyhow::Result<()> {
    let request = serde_json::to_string(&HashRequest { rebuild: args.rebuild })?;
    let answer = ask(&args.admin.data_folder, "/v1/ledger/hash", request).await?;
    if args.json {
        say(&answer);
    }
    let lines: Vec<HashLine> = serde_json::from_str(&answer).context("the answer cannot be read")?;
    if !args.json {
        let row = |line: &HashLine| {
            let numbers = [line.partition.to_string(), line.next_offset.to_string(), line.pairs.to_string()];
            let [partition, next_offset, pairs] = numbers;
            [line.tenant.clone(), partition, next_offset, pairs, line.hash.clone(), line.rebuilt_hash.clone()]
        };
        let rows: Vec<[String; 6]> = lines.iter().map(row).collect();
        table(["tenant", "partition", "next offset", "pairs", "hash", "rebuilt from the ledger"], &rows)
            .iter()
            .for_each(|line| say(line));
    }
    let differs = |line: &&HashLine| args.rebuild && !line.hash.is_empty() && line.hash != line.rebuilt_hash;
    if let Some(line) = lines.iter().find(differs) {
        bail!(
            "{}: detection remembers something else than the ledger; ask again when nothing is on its way",
            line.tenant
        );
    }
    Ok(())
}

pub(crate) async fn rebuild(args: LedgerRebuildArgs) -> anyhow::Result<()> {
    if args.write {
        return write(args).await;
    }
    let request = serde_json::to_string(&RebuildRequest { from: args.from })?;
    let answer = ask(&args.admin.data_folder, "/v1/ledger/rebuild", request).await?;
    if args.json {
        say(&answer);
    }
    let answer: RebuildAnswer = serde_json::from_str(&answer).context("the answer cannot be read")?;
    if !args.json {
        let row = |line: &RebuiltLine| {
            let RebuiltLine { partition, next_offset, pairs, rebuilt_pairs, .. } = line;
            let [partition, next_offset] = [partition.to_string(), next_offset.to_string()];
            let [pairs, rebuilt] = [pairs.to_string(), rebuilt_pairs.to_string()];
            [line.tenant.clone(), partition, next_offset, pairs, line.hash.clone(), rebuilt, line.rebuilt_hash.clone()]
        };
        let rows: Vec<[String; 7]> = answer.lines.iter().map(row).collect();
        let heads = ["tenant", "partition", "up to offset", "pairs", "hash", "pairs rebuilt", "rebuilt"];
        table(heads, &rows).iter().for_each(|line| say(line));
        answer.notes.iter().for_each(|note| say(note));
    }
    let differs = |line: &&RebuiltLine| !line.hash.is_empty() && line.hash != line.rebuilt_hash;
    if let Some(line) = answer.lines.iter().find(differs) {
        bail!(
            "{}: detection remembers something else than was rebuilt; ask again when nothing is on its way",
            line.tenant
        );
    }
    Ok(())
}

async fn write(args: LedgerRebuildArgs) -> anyhow::Result<()> {
    let config = service::prepare(args.run.config.as_deref())?;
    let outcome = service::rewrite(config, args.from, !args.yes, note).await?;
    let row = |found: &Difference| {
        let Difference { partition, same, missing, changed, surplus, .. } = *found;
        [u64::from(partition), same, missing, changed, surplus].map(|number| number.to_string())
    };
    let rows: Vec<[String; 5]> = outcome.differences.iter().map(row).collect();
    table(["partition", "same", "missing", "changed", "surplus"], &rows).iter().for_each(|line| say(line));
    let is_whole = outcome.differences.iter().all(Difference::is_none);
    match (outcome.obstacles.first(), args.yes) {
        (Some(first), _) => bail!("it cannot be done now: {first}"),
        (None, false) if !is_whole => bail!("the ledger is not what the history says; with --yes it is written so"),
        (None, true) if !is_whole => say("the ledger is written, and says what the history says"),
        (None, _) => say("the ledger says what the history says: there is nothing to write"),
    }
    Ok(())
}

pub(crate) fn repartition(args: &LedgerRepartitionArgs) -> anyhow::Result<()> {
    let config = service::prepare(args.run.config.as_deref())?;
    let outcome = service::repartition(&config, args.dry_run)?;
    let done = outcome.done;
    let (gets, removed) = if args.dry_run { ("would get", "would be removed") } else { ("has got", "were removed") };
    for (topic, before, now) in &done.raised {
        say(&format!("{topic} had {before} partitions and {gets} {now}"));
    }
    if !done.copied.is_empty() {
        let row = |copied: &detect::Copied| {
            let [from, to, records] = [copied.from.to_string(), copied.to.to_string(), copied.records.to_string()];
            [copied.topic.clone(), copied.tenant.clone(), from, to, records]
        };
        let rows: Vec<[String; 5]> = done.copied.iter().map(row).collect();
        table(["topic", "tenant", "from", "to", "records"], &rows).iter().for_each(|line| say(line));
    }
    if done.removed > 0 {
        say(&format!("{} keys {removed} from where they were", done.removed));
    }
    if done.raised.is_empty() && done.copied.is_empty() && done.removed == 0 {
        say("everything lies where it belongs");
    }
    match outcome.obstacles.first() {
        Some(first) => bail!("it cannot be done now: {first}"),
        None => Ok(()),
    }
}
