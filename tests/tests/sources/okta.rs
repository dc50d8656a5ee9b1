//! Okta's System Log, polled: late and second events, schema drift, an unknown cursor, a hook beside the poller, a skewed clock.

use anyhow::ensure;
use serde_json::json;
use tests::{
    events::{OKTA_ORG, click, now_ms, okta_sso, page},
    fakes::{AppTrouble, FakeOkta},
    poll,
    servers::Setup,
};

use crate::{
    log,
    polled::{SOON, has_come, is_in_state, metric, okta_connection, polling_okta, polling_okta_as_app, sign_on},
};

#[test]
fn late_events_second_copies_and_new_fields_come_whole_and_once() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let first: Vec<_> = (0..23).map(sign_on).collect();
    first.iter().cloned().for_each(|event| okta.store(event));
    let ingest = polling_okta(&okta).start()?;
    has_come(&ingest, 23)?;
    // Stored now, and published half an hour ago: the order of pages is the order of storing.
    for number in 100..107 {
        let late = click(number, "late@brightwater.example", "0oaPolled", "Polled");
        okta.store(okta_sso(&tests::events::Click { at_ms: now_ms() - 1_800_000, ..late }));
    }
    has_come(&ingest, 30)?;
    // A second copy; fields that are new, and fields whose type is another one.
    okta.store(first[3].clone());
    let mut drifted = sign_on(200);
    drifted["newObject"] = json!({"deep": [1, {"deeper": null}]});
    drifted["securityContext"] = json!("none");
    drifted["debugContext"]["debugData"] = json!({"behaviors": ["a"], "risk": {"level": 1}});
    drifted["client"]["geographicalContext"] = json!([]);
    okta.store(drifted);
    has_come(&ingest, 31)?;
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0, "a second copy was written: {:?}", found.events);
    let cursor = &found.cursors["system_log"];
    ensure!(cursor.position.starts_with(&okta.url()) && cursor.events >= 32 && cursor.rereads == 0, "{cursor:?}");
    // It asked by time once, and followed links ever after.
    let asked = okta.asked();
    ensure!(asked.iter().filter(|asked| asked.parameter("since").is_some()).count() == 1, "{asked:?}");
    Ok(())
}

#[test]
fn a_service_app_signs_who_it_is_and_gets_another_token_when_one_has_ended() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    // The API token is nobody's business here.
    okta.let_in(false);
    (0..12).for_each(|number| okta.store(sign_on(number)));
    let ingest = polling_okta_as_app(&okta).start()?;
    has_come(&ingest, 12)?;
    ensure!(okta.tokens_given() == 1, "{} tokens for one feed", okta.tokens_given());
    okta.app_trouble(Some(AppTrouble::NoScope));
    is_in_state(&ingest, "system_log", "missing_permission")?;
    okta.app_trouble(None);
    (12..20).for_each(|number| okta.store(sign_on(number)));
    has_come(&ingest, 20)?;
    ensure!(okta.tokens_given() == 2, "{} tokens after one had ended", okta.tokens_given());
    let key = okta.app().2;
    let mut lines = key.lines().filter(|line| !line.starts_with('-'));
    let (log, metrics) = (ingest.log()?, ingest.metrics()?);
    ensure!(lines.all(|line| !log.contains(line) && !metrics.contains(line)) && !log.contains("planted-okta"), "{log}");
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    Ok(())
}

#[test]
fn started_again_it_goes_on_where_it_stopped() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    (0..20).for_each(|number| okta.store(sign_on(number)));
    let ingest = polling_okta(&okta).start()?;
    has_come(&ingest, 20)?;
    ensure!(ingest.stop()? == 0);
    (20..40).for_each(|number| okta.store(sign_on(number)));
    ingest.restart()?;
    has_come(&ingest, 20)?;
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0, "an orderly stop repeats nothing");
    ensure!(okta.asked().iter().filter(|asked| asked.parameter("since").is_some()).count() == 1);
    Ok(())
}

#[test]
fn a_cursor_that_the_provider_no_longer_knows_is_read_again_from_its_time_and_the_overlap_is_counted()
-> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    (0..17).for_each(|number| okta.store(sign_on(number)));
    let ingest = polling_okta(&okta).start()?;
    has_come(&ingest, 17)?;
    okta.forget_cursors();
    (17..30).for_each(|number| okta.store(sign_on(number)));
    has_come(&ingest, 30)?;
    let counted = |name: &str| metric(&ingest, name, &["feed=\"system_log\""]);
    ensure!(counted("daylight_ingest_poll_rereads_total")? > 0.5);
    poll(SOON, "the repeated events are counted", || {
        let repeated = counted("daylight_ingest_poll_repeated_events_total")?;
        ensure!(repeated > 16.5, "{repeated}");
        Ok(())
    })?;
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0 && found.cursors["system_log"].rereads >= 1, "{:?}", found.cursors);
    Ok(())
}

#[test]
fn an_older_cursor_that_a_sleeper_writes_repeats_pages_and_changes_nothing() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    (0..10).for_each(|number| okta.store(sign_on(number)));
    let ingest = polling_okta(&okta).start()?;
    has_come(&ingest, 10)?;
    ensure!(ingest.stop()? == 0);
    let older = log::of_folder(ingest.data())?.cursors["system_log"].clone();
    (10..30).for_each(|number| okta.store(sign_on(number)));
    ingest.restart()?;
    has_come(&ingest, 20)?;
    ensure!(ingest.stop()? == 0);
    let newer = log::of_folder(ingest.data())?.cursors["system_log"].clone();
    ensure!(older.position != newer.position && newer.events == 30, "{older:?} {newer:?}");
    log::write_cursor(ingest.data(), &older)?;
    (30..35).for_each(|number| okta.store(sign_on(number)));
    ingest.restart()?;
    // The twenty again, and the five: a fresh process has no window to know the second copies by.
    has_come(&ingest, 25)?;
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    ensure!(found.doubled() == 20, "{} events were written again", found.doubled());
    found.is_exactly(&okta.ids())
}

#[test]
fn what_cannot_be_read_is_one_dead_letter_by_its_id_however_often_its_page_is_fetched() -> anyhow::Result<()> {
    const UNREADABLE: usize = 4;
    let okta = FakeOkta::start()?;
    let setup = Setup::new().env("FAKE_OKTA_TOKEN", okta.token()).set("sink.flush_interval_ms", 100);
    let daylight = setup.connection_table(okta_connection(&okta)).start()?;
    okta.store(sign_on(0));
    has_come(&daylight, 1)?;
    ensure!(daylight.stop()? == 0);
    let older = log::of_folder(daylight.data())?.cursors["system_log"].clone();
    for number in 1..=UNREADABLE {
        okta.store(
            json!({"uuid": format!("unreadable-{number}"), "published": event::Timestamp(now_ms()).to_string()}),
        );
    }
    (1..7).for_each(|number| okta.store(sign_on(number)));
    let by_id = "SELECT count() FROM dead_letters FINAL";
    for _ in 0..2 {
        daylight.restart()?;
        has_come(&daylight, 6)?;
        daylight.expect(SOON, by_id, u64::try_from(UNREADABLE)?)?;
        ensure!(daylight.stop()? == 0);
        // What a kill between the log and the cursor leaves: the page is fetched again, by a process that knows nothing of the first time.
        log::write_cursor(daylight.data(), &older)?;
    }
    let found = log::of_folder(daylight.data())?;
    ensure!(found.doubled() == 6, "the page was to come twice: {:?}", found.events);
    let ids: std::collections::BTreeSet<_> = found.dead_letter_ids.iter().collect();
    ensure!(ids.len() == UNREADABLE, "{} ids of {} letters", ids.len(), found.dead_letter_ids.len());
    println!("{} letters under {UNREADABLE} ids are in the log", found.dead_letter_ids.len());
    Ok(())
}

#[test]
fn what_comes_by_hook_and_by_poll_is_one_event() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let setup = Setup::new().role("ingest").env("FAKE_OKTA_TOKEN", okta.token());
    let setup = setup.connection("hook", "acme", "okta", OKTA_ORG).connection_table(okta_connection(&okta));
    let ingest = setup.start()?;
    let events: Vec<_> = (0..12).map(sign_on).collect();
    // Half of them by hook first, the other half by poll first.
    ensure!(ingest.accept("hook", &page(&events[..6]))?["events"] == 6);
    events.iter().cloned().for_each(|event| okta.store(event));
    has_come(&ingest, 12)?;
    let receipt = ingest.accept("hook", &page(&events))?;
    ensure!(receipt["duplicates"] == 12, "{receipt}");
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    ensure!(found.events.values().filter(|by| **by == ["hook"]).count() == 6, "{:?}", found.events);
    Ok(())
}

#[test]
fn a_provider_whose_clock_is_hours_off_loses_nothing() -> anyhow::Result<()> {
    for skew_ms in [-7_200_000, 7_200_000] {
        let okta = FakeOkta::start()?;
        okta.skew(skew_ms);
        let by_its_clock = |number: u64| {
            let at_ms = now_ms() + skew_ms;
            okta_sso(&tests::events::Click { at_ms, ..click(number, "a@brightwater.example", "0oaPolled", "Polled") })
        };
        let ingest = polling_okta(&okta).start()?;
        okta.store(by_its_clock(1));
        has_come(&ingest, 1)?;
        // The time that it would be read from again is one of the provider's clock.
        okta.forget_cursors();
        okta.store(by_its_clock(2));
        has_come(&ingest, 2)?;
        ensure!(ingest.stop()? == 0);
        log::of_folder(ingest.data())?.is_exactly(&okta.ids())?;
    }
    Ok(())
}
