//! `reconcile`: what was mended, a line for each partition and each cell; nothing beside the table, if all was well. Exit code 1 if something
//! is wrong still.

use anyhow::{Context, bail};
use sink::{MendedRows, ReconcileRequest, Reconciliation};

use crate::{
    cli::ReconcileArgs,
    commands::{note, plain, say, sql::ask, table},
};

pub(crate) async fn run(args: ReconcileArgs) -> anyhow::Result<()> {
    let request = serde_json::to_string(&ReconcileRequest { dry_run: args.dry_run, refused: args.refused })?;
    let text = ask(&args.admin.data_folder, "/v1/reconcile", request).await?;
    let done: Reconciliation = serde_json::from_str(&text).context("the answer cannot be read")?;
    if args.json {
        say(text.trim_end());
    } else {
        let rows: Vec<[String; 6]> = done.partitions.iter().map(row).collect();
        let head = ["PARTITION", "MISSING", "DOUBLED", "STRAY", "REFUSED", "RECORDS MENDED"];
        table(head, &rows).iter().for_each(|line| say(line));
        let word = if done.dry_run { "would mend" } else { "mended" };
        done.usage.iter().for_each(|line| say(&plain(&format!("{word} {line}"))));
        if done.usage_cells > 0 {
            note(&format!("{word} {} cells of usage and inventory", done.usage_cells));
        }
        if done.partitions.iter().any(|rows| rows.refused > 0) && !args.refused {
            note("rows that the table had refused are not sent again without --refused");
        }
        done.left.iter().for_each(|line| say(&plain(&format!("! {line}"))));
    }
    if !done.left.is_empty() {
        bail!(
            "not everything could be mended; do it again, and look into the runbook RowsDoubled if that does not help"
        );
    }
    if done.dry_run && !done.is_idle() {
        bail!("the tables are not what the log says; without --dry-run this is mended");
    }
    Ok(())
}

fn row(rows: &MendedRows) -> [String; 6] {
    let MendedRows { partition, missing, doubled, stray, refused, records } = *rows;
    [u64::from(partition), missing, doubled, stray, refused, records].map(|number| number.to_string())
}
