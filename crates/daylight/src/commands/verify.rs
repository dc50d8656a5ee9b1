//! `verify`: a line for each partition, one for each thing that is wrong, and exit code 1 if there is any.

use anyhow::{Context, bail};
use sink::{AlertCheck, Flaw, PartitionCheck, Verification};

use crate::{
    cli::VerifyArgs,
    commands::{note, plain, say, sql::ask, table},
};

pub(crate) async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    let text = ask(&args.admin.data_folder, "/v1/verify", "{}".to_owned()).await?;
    let found: Verification = serde_json::from_str(&text).context("the answer cannot be read")?;
    if args.json {
        say(text.trim_end());
    } else {
        let rows: Vec<[String; 8]> = found.partitions.iter().map(row).collect();
        let head = ["PARTITION", "EVENTS", "REFUSED", "MISSING", "DOUBLED", "STRAY", "LANDED TO", "LOG ENDS AT"];
        table(head, &rows).iter().for_each(|line| say(line));
        found.partitions.iter().flat_map(findings).for_each(|line| say(&line));
        let AlertCheck { logged, episodes, unsettled, .. } = &found.alerts;
        say(&format!("{logged} alerts in the log, {episodes} episodes in the ledger"));
        if *unsettled > 0 {
            note(&format!("{unsettled} alerts are not compared: detection has not come so far, or does not run"));
        }
        found.usage.iter().chain(&found.alerts.findings).for_each(|line| say(&plain(&format!("! {line}"))));
    }
    for check in found.partitions.iter().filter(|check| check.is_other_log) {
        note(&format!("partition {}: the sink has not begun with this log yet", check.partition));
    }
    if !found.is_sound() {
        bail!(
            "the tables are not what the log says; the runbook RowsDoubled and the log of the sink tell where to look"
        );
    }
    Ok(())
}

fn row(check: &PartitionCheck) -> [String; 8] {
    [
        u64::from(check.partition),
        check.events,
        check.refused,
        check.missing,
        check.doubled,
        check.stray,
        check.landed_to,
        check.end,
    ]
    .map(|number| number.to_string())
}

fn findings(check: &PartitionCheck) -> Vec<String> {
    let listed = check.findings.iter().map(|finding| {
        let what = match finding.flaw {
            Flaw::Missing => "events without a row",
            Flaw::Doubled => "rows beyond the first at their place",
            Flaw::Stray => "rows of no event",
            Flaw::Refused => "events that the table refused",
        };
        format!("! partition {}, record {}: {} {what}", check.partition, finding.offset, finding.rows)
    });
    listed.collect()
}

#[cfg(test)]
mod tests {
    use sink::Finding;

    use super::*;

    #[test]
    fn each_finding_is_a_line() {
        let finding = |offset, flaw| Finding { offset, flaw, rows: 2 };
        let findings = vec![finding(7, Flaw::Missing), finding(9, Flaw::Doubled)];
        let check = PartitionCheck { partition: 3, findings, ..PartitionCheck::default() };
        assert_eq!(
            super::findings(&check),
            [
                "! partition 3, record 7: 2 events without a row",
                "! partition 3, record 9: 2 rows beyond the first at their place"
            ]
        );
    }
}
