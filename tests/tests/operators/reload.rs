//! Directories and the company's own apps are read again without a pause: all or none, from their note in the log on.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::ensure;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::{Daylight, Setup, binary},
};

use crate::shell::{refused, run, typed};

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
    refused(&daylight, &["reload"], 1, &["directory.csv, line 3", "acme", "everything stays as it was"])?;
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

/// A first use of an app, as a row and as an alert: app key and category of the row, app key of the alert.
fn met(daylight: &Daylight, number: u64, app_id: &str, name: &str) -> anyhow::Result<[String; 3]> {
    let used = click(number, "mia.roth@brightwater.example", app_id, name);
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    let row = format!(
        "SELECT events.app_key, category, alerts.app_key FROM events
         INNER JOIN alerts ON has(alerts.evidence, events.event_id) AND alerts.rule = 'N1' WHERE session_id = 'session{number}'"
    );
    let rows = poll(SOON, "the use is a row and an alert", || {
        let rows = daylight.rows(&row)?;
        ensure!(rows.len() == 1, "{rows:?}");
        Ok(rows)
    })?;
    let mut row = rows[0].iter().map(|cell| cell.as_str().unwrap_or_default().to_owned());
    Ok(std::array::from_fn(|_| row.next().unwrap_or_default()))
}

fn names<const N: usize>(names: [&str; N]) -> [String; N] {
    names.map(str::to_owned)
}

#[test]
fn the_companys_own_apps_are_known_from_the_note_in_the_log_on_and_a_broken_file_changes_nothing() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("apps.tsv");
    fs::write(&path, "# nothing of our own yet\n")?;
    let setup = Setup::new()
        .connection("okta", "acme", "okta", OKTA_ORG)
        .set("catalogue.apps_file", path.display().to_string())
        .set("detect.learning_days", 0)
        .set("sink.flush_interval_ms", 100);
    let daylight = setup.start()?;
    let own = "tracker.acme.example\tAcme Tracker\tproject\tAcme\t\tZigzag Tracker ; Zigzag Board\n";
    let unknown = |id: &str| names([&format!("okta:app_id:{id}"), "", &format!("okta:app_id:{id}")]);
    ensure!(met(&daylight, 1, "0oaOne", "Zigzag Tracker")? == unknown("0oaOne"));

    fs::write(&path, own)?;
    ensure!(met(&daylight, 2, "0oaTwo", "Zigzag Wiki")? == unknown("0oaTwo"), "nobody asked for it yet");
    let said = typed(&daylight, &["reload"])?;
    ensure!(said.contains("apps.tsv, 1 apps of its own") && said.contains("from the next event on"), "{said}");
    ensure!(typed(&daylight, &["reload"])?.contains("unchanged"));
    // Detection and the sink know it from here on: another reference of the app that was met before is no new app to anybody.
    let row = "SELECT app_key, category FROM events WHERE session_id = 'session3'";
    let used = click(3, "noa.lind@brightwater.example", "0oaOne", "Zigzag Tracker");
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    poll(SOON, "the next use is known", || {
        let rows = daylight.rows(row)?;
        ensure!(rows == [names(["tracker.acme.example", "project"])], "{rows:?}");
        Ok(())
    })?;
    let said = poll(SOON, "it is listed under its name", || {
        let said = typed(&daylight, &["apps"])?;
        let line = said.lines().find(|line| line.starts_with("Acme Tracker  tracker.acme.example"));
        // Mia's row has its former key, and Noa's its own.
        ensure!(line.is_some_and(|line| line.split("  ").any(|cell| cell.trim() == "2")), "{said}");
        Ok(said)
    })?;
    ensure!(said.contains("okta:app_id:0oaTwo"), "{said}");

    fs::write(&path, format!("{own}{}", "wiki.acme.example\tAcme Wiki\tnotes\tAcme\t\tZigzag Pages\n"))?;
    let hangup = Command::new("kill").args(["-HUP", &daylight.process().to_string()]).status()?;
    ensure!(hangup.success());
    poll(SOON, "SIGHUP takes it over", || {
        ensure!(daylight.log()?.contains("SIGHUP: the catalogue and the directories were read again"));
        Ok(())
    })?;
    let wiki = names(["wiki.acme.example", "notes", "wiki.acme.example"]);
    ensure!(met(&daylight, 4, "0oaThree", "Zigzag Pages")? == wiki);

    fs::write(&path, format!("{own}{own}"))?;
    let told = ["apps.tsv, line 2", "stands here a second time", "everything stays as it was"];
    refused(&daylight, &["reload"], 1, &told)?;
    let used = click(5, "noa.lind@brightwater.example", "0oaThree", "Zigzag Pages");
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    daylight.expect(SOON, "SELECT countIf(app_key = 'wiki.acme.example') FROM events", 2)?;

    // A start with a broken file is refused, and one with another file notes it.
    ensure!(daylight.stop()? == 0);
    let mut command = Command::new(binary()?);
    let said = run(command.args(["run", "--config"]).arg(daylight.config()))?;
    ensure!(said.code == 2 && said.err.contains("apps.tsv, line 2"), "{} {}", said.code, said.err);
    let checked = run(Command::new(binary()?).args(["check-config", "--config"]).arg(daylight.config()))?;
    ensure!(checked.code == 2 && checked.err.contains("apps.tsv, line 2"), "{} {}", checked.code, checked.err);
    fs::write(&path, own)?;
    daylight.restart()?;
    ensure!(met(&daylight, 6, "0oaFour", "Zigzag Pages")? == unknown("0oaFour"));
    // Rows of before keep what they met.
    let keys = "SELECT DISTINCT app_key FROM events WHERE session_id IN ('session1', 'session2')";
    ensure!(daylight.rows(keys)?.iter().all(|row| row[0].as_str().unwrap_or_default().starts_with("okta:app_id:")));
    Ok(())
}
