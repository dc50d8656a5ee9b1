//! More partitions, on a real Kafka: what was known and decided of a tenant goes where its events come from then on.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context as _, bail, ensure};
use broker::partition_of;
use serde_json::Value;
use tests::{
    events::{click, okta_sso, page},
    poll,
    servers::{Clickhouse, Daylight, KafkaServer, Setup, binary},
};

use crate::shell::{Said, run, typed};

const SOON: Duration = Duration::from_secs(60);
const BEFORE: u32 = 2;
const AFTER: u32 = 5;
const APP: (&str, &str) = ("0oaBoard", "Zigzag Boards");
/// A stop may leave a tick of that moment unread: then everything is started once more.
const TRIES: usize = 5;

/// A tenant that lives elsewhere among more partitions, and one that stays.
fn tenants() -> anyhow::Result<[&'static str; 2]> {
    let names = ["acme", "brightwater", "cedar", "delta", "elm", "kelp"];
    let moves = |name: &&&str| partition_of(name.as_bytes(), BEFORE) != partition_of(name.as_bytes(), AFTER);
    let mover = names.iter().find(moves).context("nobody moves")?;
    let stayer = names.iter().find(|name| !moves(name)).context("nobody stays")?;
    Ok([mover, stayer])
}

fn accept(daylight: &Daylight, tenant: &str, number: u64, person: u64) -> anyhow::Result<()> {
    let email = format!("person{person}@{tenant}.example");
    daylight.accept(tenant, &page(&[okta_sso(&click(number, &email, APP.0, APP.1))])).map(drop)
}

/// Waits until detection remembers so many people of each tenant, and the ledger says the same.
fn remembered(daylight: &Daylight, people: u64) -> anyhow::Result<()> {
    poll(SOON, "detection and the ledger remember the same", || {
        let lines: Value = serde_json::from_str(&typed(daylight, &["ledger", "hash", "--rebuild", "--json"])?)?;
        let lines = lines.as_array().cloned().unwrap_or_default();
        let is_right = |line: &Value| line["pairs"] == people && line["hash"] == line["rebuilt_hash"];
        ensure!(lines.len() == 2 && lines.iter().all(is_right), "{lines:?}");
        Ok(())
    })
}

fn set_partitions(daylight: &Daylight, partitions: u32) -> anyhow::Result<()> {
    let mut written: toml::Table = toml::from_str(&fs::read_to_string(daylight.config())?)?;
    let log = written.get_mut("log").and_then(toml::Value::as_table_mut).context("[log]")?;
    log.insert("partitions".to_owned(), partitions.into());
    Ok(fs::write(daylight.config(), written.to_string())?)
}

fn repartition(daylight: &Daylight, words: &[&str]) -> anyhow::Result<Said> {
    let mut command = Command::new(binary()?);
    run(command.args(["ledger", "repartition", "--config"]).arg(daylight.config()).args(words))
}

/// Stops it, and gives the log more partitions; starts it once more where something was left unread.
fn stop_and_repartition(daylight: &Daylight) -> anyhow::Result<Said> {
    for _ in 0..TRIES {
        daylight.stop()?;
        set_partitions(daylight, AFTER)?;
        let refused = daylight.restart().err().context("it started with other partitions than the log has")?;
        ensure!(format!("{refused:?}").contains("daylight ledger repartition"), "{refused:?}");
        let planned = repartition(daylight, &["--dry-run"])?;
        if planned.code == 0 {
            ensure!(planned.out.contains("would get 5"), "{}", planned.out);
            return repartition(daylight, &[]);
        }
        ensure!(planned.err.contains("has done with it up to"), "{}", planned.err);
        set_partitions(daylight, BEFORE)?;
        daylight.restart()?;
        remembered(daylight, 2)?;
    }
    bail!("{TRIES} stops left something unread")
}

#[test]
fn with_more_partitions_everybody_is_known_where_they_live_then_and_what_was_decided_holds() -> anyhow::Result<()> {
    let (kafka, clickhouse) = (KafkaServer::start()?, Clickhouse::start()?);
    let [mover, stayer] = tenants()?;
    let mut setup = Setup::new().kafka(&kafka.bootstrap).clickhouse(&clickhouse.url(), "moved");
    for tenant in [mover, stayer] {
        setup = setup.connection(tenant, tenant, "okta", &format!("{tenant}.okta.example"));
    }
    let setup = setup.set("log.partitions", BEFORE).set("detect.learning_days", 0);
    let daylight = setup.set("sink.flush_interval_ms", 100).start()?;
    let running = repartition(&daylight, &[])?;
    ensure!(running.code == 1 && running.err.contains("stop every process"), "{} {}", running.code, running.err);
    for (number, tenant) in [(0, mover), (100, stayer)] {
        accept(&daylight, tenant, number, 1)?;
        accept(&daylight, tenant, number + 1, 2)?;
    }
    remembered(&daylight, 2)?;
    let decide = ["decide", APP.1, "blocked", "--reason", "so", "--tenant", mover];
    poll(SOON, "the app is known", || typed(&daylight, &decide))?;
    daylight.expect(SOON, "SELECT count() FROM decisions", 1)?;
    daylight.expect(SOON, "SELECT count() FROM events", 4)?;

    let done = stop_and_repartition(&daylight)?;
    ensure!(done.code == 0 && done.out.contains(mover) && !done.out.contains(stayer), "{} {}", done.out, done.err);
    let again = repartition(&daylight, &[])?;
    ensure!(again.out.contains("everything lies where it belongs"), "{} {}", again.out, again.err);
    daylight.restart()?;
    for (number, tenant) in [(10, mover), (110, stayer)] {
        accept(&daylight, tenant, number, 1)?;
        accept(&daylight, tenant, number + 1, 3)?;
    }
    remembered(&daylight, 3)?;
    daylight.expect(SOON, "SELECT count() FROM events WHERE status = 'blocked'", 2)?;
    daylight.expect(SOON, "SELECT count() FROM events", 8)?;
    // The block holds for both who used it since. The app itself is no news.
    daylight.expect(SOON, "SELECT count() FROM alerts FINAL WHERE rule = 'L2'", 2)?;
    ensure!(daylight.number("SELECT count() FROM alerts FINAL WHERE rule = 'N1'")? == 2, "an app is new once a tenant");
    Ok(())
}
