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
    found.partitions.iter().filter_map(open).for_each(|line| note(&line));
    if !found.is_sound() {
        bail!(
            "the tables are not what the log says, or nothing could be compared: the runbook RowsDoubled and the log of the sink tell where to look"
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

/// What was not compared, and why.
fn open(check: &PartitionCheck) -> Option<String> {
    let (partition, records) = (check.partition, check.end.saturating_sub(check.landed_to.max(check.low)));
    if check.is_uncompared() {
        let why = if check.is_other_log { "its offset belongs to another log" } else { "no offset says so" };
        return Some(format!(
            "! partition {partition}: nothing is compared, the sink has landed none of {records} records ({why})"
        ));
    }
    (records > 0)
        .then(|| format!("partition {partition}: {records} records are not compared, the sink has not come so far"))
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
    fn what_was_not_compared_is_said_and_nothing_compared_is_not_sound() {
        let check = |low, landed_to, end| {
            let has_begun = landed_to > low;
            PartitionCheck { low, landed_to, end, has_begun, ..PartitionCheck::default() }
        };
        let said = |check: &PartitionCheck| (check.is_sound(), open(check).unwrap_or_default());
        assert_eq!(said(&check(0, 0, 0)), (true, String::new()), "an empty log");
        assert_eq!(said(&check(3, 9, 9)), (true, String::new()));
        let (is_sound, line) = said(&check(3, 7, 9));
        assert!(is_sound && line.contains("2 records are not compared"), "{line}");
        let (is_sound, line) = said(&check(3, 3, 9));
        assert!(!is_sound && line.contains("none of 6 records"), "{line}");
        let foreign = PartitionCheck { is_other_log: true, ..check(0, 0, 4) };
        assert!(!foreign.is_sound() && open(&foreign).unwrap().contains("another log"));
    }

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
