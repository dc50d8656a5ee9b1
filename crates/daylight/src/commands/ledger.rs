//! `ledger hash`: compares what detection remembers with what the ledger would rebuild.

use anyhow::{Context, bail};

use crate::{
    cli::LedgerHashArgs,
    commands::{say, sql::ask, table},
    service::{HashLine, HashRequest},
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
