//! `ledger hash` and `ledger rebuild`: compare what detection remembers with what the ledger, the log or ClickHouse would make of it.

use anyhow::{Context, bail};

use crate::{
    cli::{LedgerHashArgs, LedgerRebuildArgs},
    commands::{say, sql::ask, table},
    service::{HashLine, HashRequest, RebuildAnswer, RebuildRequest, RebuiltLine},
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
