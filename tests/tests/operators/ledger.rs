//! What detection remembers, told as a hash: the same as the ledger would rebuild, and the same after a kill and a start.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::{Daylight, Setup},
};

use crate::shell::typed;

const SOON: Duration = Duration::from_secs(60);
const PEOPLE: u64 = 5;

/// The one line of the one tenant, once everybody is remembered and the ledger says the same.
fn remembered(daylight: &Daylight) -> anyhow::Result<Value> {
    poll(SOON, "detection and the ledger remember the same", || {
        let lines: Value = serde_json::from_str(&typed(daylight, &["ledger", "hash", "--rebuild", "--json"])?)?;
        let line = lines[0].clone();
        ensure!(line["pairs"] == PEOPLE && line["hash"] == line["rebuilt_hash"], "{lines}");
        Ok(line)
    })
}

#[test]
fn what_is_remembered_is_what_the_ledger_rebuilds_also_after_a_kill() -> anyhow::Result<()> {
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).set("detect.snapshot_interval_ms", 1);
    let daylight = setup.start()?;
    for person in 1..=PEOPLE {
        let email = format!("person{person}@brightwater.example");
        let used = click(person, &email, "0oaBoard", "Zigzag Boards");
        daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    }
    let before = remembered(&daylight)?;
    ensure!(before["hash"].as_str().is_some_and(|hash| hash.len() == 32), "{before}");
    poll(SOON, "a snapshot is written", || {
        let files = std::fs::read_dir(daylight.data().join("snapshots"))?.collect::<Result<Vec<_>, _>>()?;
        ensure!(files.iter().any(|file| file.path().extension().is_some_and(|found| found == "snapshot")));
        Ok(())
    })?;
    daylight.kill9()?;
    daylight.restart()?;
    ensure!(daylight.log()?.contains("the snapshot of the ledger is read"), "it started from the ledger alone");
    ensure!(remembered(&daylight)?["hash"] == before["hash"]);
    Ok(())
}
