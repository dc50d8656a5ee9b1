//! What detection remembers, told as a hash: the same as the ledger, the log and ClickHouse would rebuild, and the same after a kill and a start.

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::{bail, ensure};
use broker::{Broker, KafkaSettings, Limits};
use codec::Topic;
use serde_json::Value;
use tests::{
    events::{OKTA_ORG, click, okta_consent, okta_sso, page},
    poll,
    servers::{Clickhouse, Daylight, Fault, KafkaServer, Schedule, Setup, binary},
};

use crate::shell::{Said, run, typed};

const SOON: Duration = Duration::from_secs(60);
const PEOPLE: u64 = 5;
/// After how long Kafka gives the partitions of a silent member to another.
const SESSION_TIMEOUT_MS: &str = "6000";
/// A stop may leave a tick of that moment unread.
const TRIES: usize = 5;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

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

/// What a history makes of it, once nothing is on its way and it says the same as detection.
fn rebuilt(daylight: &Daylight, from: &str) -> anyhow::Result<Value> {
    poll(SOON, "detection and the history remember the same", || {
        let answer: Value = serde_json::from_str(&typed(daylight, &["ledger", "rebuild", "--from", from, "--json"])?)?;
        ensure!(answer["notes"] == serde_json::json!([]) && answer["untold"] == 0, "{answer}");
        Ok(answer["lines"][0].clone())
    })
}

#[test]
fn the_log_and_clickhouse_rebuild_what_is_remembered() -> anyhow::Result<()> {
    let clickhouse = Clickhouse::start()?;
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).clickhouse(&clickhouse.url(), "history");
    let daylight = setup.set("detect.learning_days", 0).set("sink.flush_interval_ms", 100).start()?;
    let accept = |number: u64, person: u64, app: (&str, &str), is_consent: bool| {
        let email = format!("person{person}@brightwater.example");
        let used = click(number, &email, app.0, app.1);
        let event = if is_consent { okta_consent(&used, &["okta.users.read"]) } else { okta_sso(&used) };
        daylight.accept("okta", &page(&[event]))
    };
    let (boards, charts) = (("0oaBoard", "Zigzag Boards"), ("0oaChart", "Zigzag Charts"));
    for person in 1..=PEOPLE {
        accept(person, person, boards, person == 3)?;
    }
    accept(20, 1, charts, false)?;
    // What was decided, and which apps are one, changes what is remembered of the events behind it.
    let knows_both = || {
        let apps: Value = serde_json::from_str(&typed(&daylight, &["apps", "--json"])?)?;
        ensure!(apps["apps"].as_array().is_some_and(|apps| apps.len() == 2), "{apps}");
        Ok(())
    };
    poll(SOON, "both apps are known", knows_both)?;
    typed(&daylight, &["decide", charts.1, "blocked", "--reason", "so"])?;
    accept(21, 2, charts, false)?;
    typed(&daylight, &["merge", charts.1, boards.1, "--reason", "one maker"])?;
    accept(22, 9, charts, true)?;
    accept(23, 9, boards, false)?;
    let line = poll(SOON, "everybody is remembered", || {
        let lines: Value = serde_json::from_str(&typed(&daylight, &["ledger", "hash", "--rebuild", "--json"])?)?;
        ensure!(lines[0]["pairs"] == 9 && lines[0]["hash"] == lines[0]["rebuilt_hash"], "{lines}");
        Ok(lines[0].clone())
    })?;
    for from in ["log", "clickhouse"] {
        let found = rebuilt(&daylight, from)?;
        let expected = (&line["hash"], &line["hash"], &line["pairs"]);
        ensure!(
            (&found["hash"], &found["rebuilt_hash"], &found["rebuilt_pairs"]) == expected,
            "{from}: {found} {line}"
        );
    }
    // It can differ: rows that are missing are people who are missing.
    clickhouse
        .execute("ALTER TABLE history.events DELETE WHERE app_native_id = '0oaBoard' SETTINGS mutations_sync = 2")?;
    let said = crate::shell::type_to(&daylight, &["ledger", "rebuild", "--from", "clickhouse"])?;
    ensure!(said.code == 1 && said.err.contains("detection remembers something else"), "{} {}", said.out, said.err);
    Ok(())
}

/// Types `ledger rebuild --write`, which asks no running process.
fn rewrite(daylight: &Daylight, from: &str, words: &[&str]) -> anyhow::Result<Said> {
    let mut command = Command::new(binary()?);
    run(command.args(["ledger", "rebuild", "--write", "--from", from, "--config"]).arg(daylight.config()).args(words))
}

/// Stops it, deletes the topic of the ledger, and writes it anew. A tick of that moment may be left unread by the sink: then it runs once more.
fn lose_and_rewrite(daylight: &Daylight, from: &str, open: &dyn Fn() -> anyhow::Result<Broker>) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        daylight.stop()?;
        open()?.delete_topic(&Topic::Ledger.name(""))?;
        // Who was killed because his stop took too long is missed after his session only.
        let planned = poll(2 * SOON, "the group has no members", || {
            let planned = rewrite(daylight, from, &[])?;
            ensure!(!planned.err.contains("stop every process"), "{}", planned.err);
            Ok(planned)
        })?;
        if planned.err.contains("have landed up to") {
            // Nobody has detected meanwhile, so nothing was learnt anew that would have to be forgotten.
            daylight.restart()?;
            continue;
        }
        ensure!(
            planned.code == 1 && planned.err.contains("with --yes it is written"),
            "{} {}",
            planned.out,
            planned.err
        );
        let done = rewrite(daylight, from, &["--yes"])?;
        ensure!(done.code == 0 && done.out.contains("says what the history says"), "{} {}", done.out, done.err);
        let again = rewrite(daylight, from, &["--yes"])?;
        ensure!(again.code == 0 && again.out.contains("nothing to write"), "{} {}", again.out, again.err);
        return daylight.restart();
    }
    bail!("{TRIES} stops left something unread")
}

#[test]
fn a_ledger_that_was_lost_is_written_anew_from_the_log_and_from_clickhouse() -> anyhow::Result<()> {
    let kafka = KafkaServer::start()?;
    let address = kafka.bootstrap.clone();
    let on_kafka = || Ok(Broker::connect_kafka(&address, KafkaSettings::default(), Limits::default())?);
    let setup = || Setup::new().connection("okta", "acme", "okta", OKTA_ORG).set("sink.flush_interval_ms", 100);
    let remote = setup().kafka(&kafka.bootstrap).start()?;
    let local = setup().start()?;
    let on_this_machine = || Ok(Broker::open_embedded(&local.data().join("log"), Limits::default())?);
    for (daylight, obstacle) in [(&remote, "stop every process"), (&local, "running process")] {
        for person in 1..=PEOPLE {
            let email = format!("person{person}@brightwater.example");
            daylight.accept("okta", &page(&[okta_sso(&click(person, &email, "0oaBoard", "Zigzag Boards"))]))?;
        }
        remembered(daylight)?;
        daylight.expect(SOON, "SELECT count() FROM events", PEOPLE)?;
        let running = rewrite(daylight, "log", &["--yes"])?;
        ensure!(running.code == 1 && running.err.contains(obstacle), "{} {}", running.out, running.err);
    }
    let before = [remembered(&remote)?, remembered(&local)?];
    lose_and_rewrite(&remote, "log", &on_kafka)?;
    lose_and_rewrite(&local, "clickhouse", &on_this_machine)?;
    let after = [remembered(&remote)?, remembered(&local)?];
    for (before, after) in before.iter().zip(&after) {
        ensure!(before["hash"] == after["hash"], "{before} {after}");
    }
    Ok(())
}

/// What a process remembers of the one tenant, if it has the tenant's partition, once it is as many people and the ledger says the same.
fn agrees(daylight: &Daylight, pairs: u64) -> anyhow::Result<()> {
    poll(2 * SOON, "detection and the ledger remember the same", || {
        let lines: Value = serde_json::from_str(&typed(daylight, &["ledger", "hash", "--rebuild", "--json"])?)?;
        ensure!(lines[0]["pairs"] == pairs && lines[0]["hash"] == lines[0]["rebuilt_hash"], "{lines}");
        Ok(())
    })
}

/// A zombie: it stands with entries of the ledger in hand, its partition goes to another, and it goes on as if nothing had been. What it has in
/// hand is older than what the other wrote meanwhile under the same key: since when the connection tells.
#[test]
fn a_detect_that_slept_past_its_session_leaves_the_ledger_to_its_successor() -> anyhow::Result<()> {
    let (kafka, proxy) = KafkaServer::start_behind_proxy(1)?;
    let role = |role, bootstrap: &str| {
        let properties = toml::Table::from_iter([("session.timeout.ms".to_owned(), SESSION_TIMEOUT_MS.into())]);
        let setup = Setup::new().role(role).connection("okta", "acme", "okta", OKTA_ORG).kafka(bootstrap);
        setup.set("log.kafka_properties", properties).set("log.partitions", 1).start()
    };
    let (ingest, sleeper) = (role("ingest", &kafka.bootstrap)?, role("detect", proxy.address())?);
    let accept = |person: u64, days_ago: i64| {
        let email = format!("person{person}@brightwater.example");
        let mut used = click(person, &email, "0oaBoard", "Zigzag Boards");
        used.at_ms -= days_ago * DAY_MS;
        ingest.accept("okta", &page(&[okta_sso(&used)]))
    };
    accept(1, 1)?;
    agrees(&sleeper, 1)?;
    let held = Schedule { per_thousand: BTreeMap::from([(Fault::DelayRequest, 1_000)]), hold: 10 * SOON };
    proxy.schedule_of("Produce", held);
    accept(2, 2)?;
    poll(SOON, "what it has found is on its way", || {
        ensure!(!proxy.faults_of("Produce").is_empty(), "not yet");
        Ok(())
    })?;
    sleeper.pause()?;
    let other = role("detect", &kafka.bootstrap)?;
    agrees(&other, 2)?;
    accept(3, 3)?;
    agrees(&other, 3)?;
    proxy.schedule_of("Produce", Schedule::default());
    proxy.let_go();
    sleeper.resume()?;
    let words = ["the ledger has another writer", "the partition belongs to another process now"];
    poll(2 * SOON, "it wakes and is told that it is nobody any more", || {
        let log = sleeper.log()?;
        ensure!(words.iter().any(|words| log.contains(words)), "not yet");
        Ok(())
    })?;
    // Whoever has the partition now: one of the two.
    poll(2 * SOON, "what is remembered is what the ledger says", || {
        let hash = |daylight| -> anyhow::Result<Value> {
            Ok(serde_json::from_str(&typed(daylight, &["ledger", "hash", "--rebuild", "--json"])?)?)
        };
        let lines = [hash(&other)?, hash(&sleeper)?];
        let is_right = |line: &Value| line[0]["pairs"] == 3 && line[0]["hash"] == line[0]["rebuilt_hash"];
        ensure!(lines.iter().any(is_right), "{lines:?}");
        Ok(())
    })
}
