//! `verify`: quiet when all is well, a table and exit code 1 when it is not. `reconcile`: mends it, and says what.

use std::time::Duration;

use anyhow::ensure;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    servers::{Clickhouse, Setup},
};

use crate::shell::{refused, type_to, typed};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn rows_that_are_lost_or_there_twice_are_told_and_end_with_1() -> anyhow::Result<()> {
    let clickhouse = Clickhouse::start()?;
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).clickhouse(&clickhouse.url(), "verified");
    let daylight = setup.set("sink.flush_interval_ms", 100).start()?;
    let clicks =
        (0..40).map(|number| okta_sso(&click(number, &format!("person{number}@brightwater.example"), "0oaApp", "App")));
    daylight.accept("okta", &page(&clicks.collect::<Vec<_>>()))?;
    daylight.expect(SOON, "SELECT sum(rows) FROM app_days FINAL", 40)?;
    let said = typed(&daylight, &["verify"])?;
    ensure!(said.starts_with("PARTITION") && !said.contains('!'), "{said}");
    let report: serde_json::Value = serde_json::from_str(&typed(&daylight, &["verify", "--json"])?)?;
    let events =
        report["partitions"].as_array().into_iter().flatten().filter_map(|partition| partition["events"].as_u64());
    ensure!(events.sum::<u64>() == 40, "{report}");
    clickhouse.execute("ALTER TABLE verified.events DELETE WHERE _index < 3 SETTINGS mutations_sync = 2")?;
    clickhouse.execute("INSERT INTO verified.events SELECT * FROM verified.events WHERE _index IN (5, 6)")?;
    let said = type_to(&daylight, &["verify"])?;
    ensure!(said.code == 1, "{} {}", said.code, said.err);
    for word in ["3 events without a row", "2 rows beyond the first", "! app_days: acme"] {
        ensure!(said.out.contains(word), "{word:?} is not told: {}", said.out);
    }
    refused(&daylight, &["verify", "--json"], 1, &["the tables are not what the log says"])?;
    // Said, then mended, then nothing is left to do.
    clickhouse
        .execute("INSERT INTO verified.app_days SELECT * REPLACE (rows + 9 AS rows) FROM verified.app_days FINAL")?;
    let said = type_to(&daylight, &["reconcile", "--dry-run"])?;
    ensure!(said.code == 1 && said.out.contains("would mend app_days: acme"), "{} {}", said.out, said.err);
    let said = typed(&daylight, &["reconcile"])?;
    ensure!(said.contains("mended app_days: acme"), "{said}");
    typed(&daylight, &["verify"])?;
    ensure!(daylight.number("SELECT count() FROM events")? == 40, "not every row once");
    let said = typed(&daylight, &["reconcile"])?;
    ensure!(!said.contains("mended ") && !said.contains('!'), "{said}");
    // An alert that the table has lost.
    let alerts = daylight.number("SELECT count() FROM alerts FINAL")?;
    ensure!(alerts > 0, "there is no alert to lose");
    clickhouse.execute("ALTER TABLE verified.alerts DELETE WHERE 1 SETTINGS mutations_sync = 2")?;
    let said = type_to(&daylight, &["verify"])?;
    ensure!(said.code == 1 && said.out.contains("is in the log and not in the table"), "{} {}", said.out, said.err);
    Ok(())
}
