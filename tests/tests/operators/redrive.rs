//! `redrive`: dead letters are put through after a fix, each once, also where the command and the process are killed meanwhile.

use std::{fs, process::Command, time::Duration};

use anyhow::ensure;
use tests::{
    events::{ENTRA_TENANT, OKTA_ORG, click, entra_consent, okta_sso, page},
    poll,
    servers::{Daylight, KafkaServer, Setup, binary},
};

use crate::shell::{type_to, typed};

/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(120);
/// What somebody wrote into the configuration instead of the tenant's id.
const WRONG_TENANT: &str = "b7e30000-1111-4000-8000-00000000dead";
/// Events that are rejected because of it.
const LETTERS: u64 = 1_200;
/// Events of one delivery.
const PAGE: u64 = 400;

fn setup() -> Setup {
    let setup = Setup::new().connection("entra", "acme", "entra", WRONG_TENANT);
    setup.connection("okta", "acme", "okta", OKTA_ORG).set("sink.flush_interval_ms", 100)
}

fn redriven(daylight: &Daylight) -> anyhow::Result<u64> {
    daylight.number("SELECT uniqExact(dead_letter_id) FROM dead_letters WHERE toUnixTimestamp64Milli(redriven_at) > 0")
}

/// Types `redrive` and kills everything while it is at work, once it has got further than before.
fn killed_amid(daylight: &Daylight) -> anyhow::Result<()> {
    let before = redriven(daylight)?;
    let mut command = Command::new(binary()?);
    let mut redrive = command.arg("redrive").arg("--data-folder").arg(daylight.data()).spawn()?;
    let came_further = poll(SOON, "letters are put through", || {
        ensure!(redrive.try_wait()?.is_some() || redriven(daylight)? > before, "not yet");
        Ok(())
    });
    daylight.kill9()?;
    redrive.wait()?;
    came_further?;
    daylight.restart()
}

fn letters_are_put_through_once(daylight: &Daylight, kills: usize) -> anyhow::Result<()> {
    for first in (0..LETTERS).step_by(usize::try_from(PAGE)?) {
        let consent = |number| {
            let email = format!("person{number}@brightwater.example");
            entra_consent(&click(number, &email, "c1e00000-0000-4000-8000-000000000001", "Boards"), &["User.Read"])
        };
        let receipt = daylight.accept("entra", &page(&(first..first + PAGE).map(consent).collect::<Vec<_>>()))?;
        ensure!(receipt["rejected"] == PAGE, "{receipt}");
    }
    let mut no_time = okta_sso(&click(1, "ann@brightwater.example", "0oaApp", "App"));
    no_time["published"] = "yesterday".into();
    daylight.accept("okta", &page(&[no_time]))?;
    daylight.accept("okta", br#"[{"uuid": "1", "eventType": user.session.start}]"#)?;
    let all = "SELECT count() FROM dead_letters FINAL";
    daylight.expect(SOON, all, LETTERS + 2)?;
    // Nothing is mended yet.
    let said = typed(daylight, &["redrive", "--connection", "entra"])?;
    ensure!(said.contains("wrong_tenant") && said.contains(&LETTERS.to_string()), "{said}");
    let mended = fs::read_to_string(daylight.config())?.replace(WRONG_TENANT, ENTRA_TENANT);
    fs::write(daylight.config(), mended)?;
    ensure!(daylight.stop()? == 0);
    daylight.restart()?;
    let said = typed(daylight, &["redrive", "--dry-run", "--reason", "wrong_tenant"])?;
    ensure!(said.contains("entra") && !said.contains("okta"), "{said}");
    ensure!(daylight.number("SELECT count() FROM events")? == 0, "a dry run puts nothing through");
    for _ in 0..kills {
        killed_amid(daylight)?;
    }
    // What a command leaves that died may be its partition, until the group misses it.
    poll(SOON, "the rest is put through", || {
        let said = type_to(daylight, &["redrive"])?;
        ensure!(said.code == 0, "{} {}", said.out, said.err);
        Ok(())
    })?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", LETTERS)?;
    daylight.expect(SOON, "SELECT count() FROM dead_letters_open", 2)?;
    ensure!(daylight.number("SELECT count() FROM events")? == LETTERS, "an event is there twice");
    ensure!(daylight.number(all)? == LETTERS + 2, "a dead letter is there twice");
    ensure!(daylight.number("SELECT count() FROM events WHERE event_id = 0 OR received_at > logged_at")? == 0);
    ensure!(daylight.number("SELECT countIf(scrubbed != '') FROM dead_letters FINAL")? == 2, "text that nobody needs");
    let said = typed(daylight, &["redrive"])?;
    ensure!(!said.contains("entra"), "{said}");
    for word in ["bad_time", "bad_json", "masked"] {
        ensure!(said.contains(word), "{word:?} is not told: {said}");
    }
    typed(daylight, &["verify"]).map(drop)
}

#[test]
fn dead_letters_are_put_through_once_after_a_fix_whatever_is_killed() -> anyhow::Result<()> {
    letters_are_put_through_once(&setup().start()?, 2)
}

#[test]
fn dead_letters_on_kafka_are_put_through_once_after_a_fix_whatever_is_killed() -> anyhow::Result<()> {
    let kafka = KafkaServer::start()?;
    // Kafka's own default is 45 s until the partitions of what was killed are given to another.
    let properties = toml::Table::from_iter([("session.timeout.ms".to_owned(), "6000".into())]);
    let setup = setup().kafka(&kafka.bootstrap).set("log.kafka_properties", properties);
    letters_are_put_through_once(&setup.start()?, 1)
}
