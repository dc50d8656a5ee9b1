//! Directories are read again without a pause: all or none, from their note in the log on.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::ensure;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::{Daylight, Setup},
};

use crate::shell::{refused, typed};

const SOON: Duration = Duration::from_secs(30);

fn department(daylight: &Daylight, number: u64) -> anyhow::Result<String> {
    let used = click(number, "mia.roth@brightwater.example", "0oaZigzag", "Zigzag Boards");
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    poll(SOON, "the use is a row", || {
        let rows = daylight.rows(&format!("SELECT department FROM events WHERE session_id = 'session{number}'"))?;
        ensure!(rows.len() == 1, "{rows:?}");
        Ok(rows[0][0].as_str().unwrap_or_default().to_owned())
    })
}

fn write(path: &Path, department: &str) -> anyhow::Result<()> {
    Ok(fs::write(path, format!("email,department\nmia.roth@brightwater.example,{department}\n"))?)
}

#[test]
fn a_directory_is_swapped_where_the_log_notes_it_and_a_broken_one_changes_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("directory.csv");
    write(&path, "Sales")?;
    let tenant = toml::Table::from_iter([
        ("id".to_owned(), toml::Value::from("acme")),
        ("directory".to_owned(), path.display().to_string().into()),
    ]);
    let setup =
        Setup::new().connection("okta", "acme", "okta", OKTA_ORG).set("tenants", vec![toml::Value::from(tenant)]);
    let daylight = setup.set("sink.flush_interval_ms", 100).start()?;
    ensure!(department(&daylight, 1)? == "Sales");

    write(&path, "Research")?;
    ensure!(department(&daylight, 2)? == "Sales", "nobody asked for it yet");
    let said = typed(&daylight, &["reload"])?;
    ensure!(said.contains("directory.csv, 1 people") && said.contains("from the next event on"), "{said}");
    ensure!(department(&daylight, 3)? == "Research", "the event after the note met the old directory");
    ensure!(typed(&daylight, &["reload"])?.contains("unchanged"));

    fs::write(&path, "email,department\nmia.roth@brightwater.example,Legal\nsomebody,Legal\n")?;
    refused(&daylight, &["reload"], 1, &["directory.csv, line 3", "acme", "stays as it was"])?;
    ensure!(department(&daylight, 4)? == "Research");

    write(&path, "Legal")?;
    let hangup = Command::new("kill").args(["-HUP", &daylight.process().to_string()]).status()?;
    ensure!(hangup.success());
    let mut number = 10;
    poll(SOON, "SIGHUP swaps it", || {
        number += 1;
        let department = department(&daylight, number)?;
        ensure!(department == "Legal", "{department}");
        Ok(())
    })?;
    // Rows of before keep what they met.
    daylight.expect(SOON, "SELECT countIf(department = 'Sales') FROM events", 2)?;
    ensure!(daylight.stop()? == 0);
    daylight.restart()?;
    ensure!(department(&daylight, 5)? == "Legal");
    Ok(())
}
