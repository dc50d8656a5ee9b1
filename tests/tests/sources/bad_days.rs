//! Rate limits, failures, proxies, revoked credentials, lost permissions, and `kill -9` in the middle.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::{
    fakes::{FakeOkta, Trouble},
    poll,
};

use crate::{
    log,
    polled::{RECHECK, SOON, has_come, is_in_state, metric, polling_okta, sign_on},
};

#[test]
fn every_bad_answer_is_waited_out_and_costs_no_event() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    (0..12).for_each(|number| okta.store(sign_on(number)));
    let ingest = polling_okta(&okta).start()?;
    has_come(&ingest, 12)?;
    let unusual = [
        Trouble::Answer(502, vec![]),
        Trouble::Answer(302, vec![("location", "http://127.0.0.1:9/".to_owned())]),
        Trouble::Answer(418, vec![]),
    ];
    let mut number = 12;
    for trouble in Trouble::usual().into_iter().chain(unusual) {
        okta.trouble([trouble]);
        (number..number + 7).for_each(|number| okta.store(sign_on(number)));
        number += 7;
        has_come(&ingest, usize::try_from(number)?)?;
    }
    is_in_state(&ingest, "system_log", "polling")?;
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    Ok(())
}

#[test]
fn after_429_nobody_asks_before_the_time_that_was_told_and_a_restart_keeps_to_it() -> anyhow::Result<()> {
    let told = Duration::from_secs(3);
    let okta = FakeOkta::start()?;
    let ingest = polling_okta(&okta).start()?;
    is_in_state(&ingest, "system_log", "polling")?;
    let refused = || Trouble::Answer(429, vec![("retry-after", told.as_secs().to_string())]);
    okta.trouble([refused(), refused()]);
    okta.store(sign_on(1));
    is_in_state(&ingest, "system_log", "waiting")?;
    ensure!(ingest.stop()? == 0);
    ingest.restart()?;
    has_come(&ingest, 1)?;
    let asked = okta.asked();
    let after = |pair: &[tests::fakes::Asked]| pair[1].at.duration_since(pair[0].at);
    let waits: Vec<Duration> = asked.windows(2).filter(|pair| pair[0].status == 429).map(after).collect();
    ensure!(waits.len() == 2 && waits.iter().all(|wait| *wait >= told), "{waits:?}");
    Ok(())
}

#[test]
fn half_of_the_bucket_is_left_to_others() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    okta.bucket(10);
    (0..100).for_each(|number| okta.store(sign_on(number)));
    let ingest = polling_okta(&okta).start()?;
    // Five requests of ten, of five events each.
    has_come(&ingest, 25)?;
    let began = Instant::now();
    poll(SOON, "a second has passed", || {
        ensure!(began.elapsed() > Duration::from_secs(1), "not yet");
        Ok(())
    })?;
    ensure!(okta.asked().len() == 5, "{} requests of a bucket of 10", okta.asked().len());
    is_in_state(&ingest, "system_log", "polling")
}

#[test]
fn a_revoked_token_and_a_lost_permission_are_clear_states_and_no_storm_and_end_by_themselves() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let ingest = polling_okta(&okta).start()?;
    okta.store(sign_on(1));
    has_come(&ingest, 1)?;
    for (state, break_it, mend_it) in [
        ("no_login", (&|| okta.let_in(false)) as &dyn Fn(), (&|| okta.let_in(true)) as &dyn Fn()),
        ("missing_permission", &|| okta.permit(false), &|| okta.permit(true)),
    ] {
        break_it();
        is_in_state(&ingest, "system_log", state)?;
        let (began, before) = (Instant::now(), okta.asked().len());
        poll(SOON, "it was tried again", || {
            ensure!(okta.asked().len() >= before + 3, "not yet");
            Ok(())
        })?;
        // Once an interval, not as quickly as it can.
        ensure!(began.elapsed() >= RECHECK * 2, "three tries in {:?}", began.elapsed());
        mend_it();
        let number = u64::try_from(okta.ids().len())? + 1;
        okta.store(sign_on(number));
        has_come(&ingest, usize::try_from(number)?)?;
        is_in_state(&ingest, "system_log", "polling")?;
    }
    let log = ingest.log()?;
    ensure!(log.contains("okta.logs.read") && log.contains("missing_permission"), "{log}");
    ensure!(!log.contains(okta.token()), "the token is in the log");
    ensure!(!ingest.metrics()?.contains(okta.token()), "the token is in the metrics");
    Ok(())
}

#[test]
fn a_poller_that_is_killed_again_and_again_loses_no_event() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let ingest = polling_okta(&okta).start()?;
    let mut number = 0;
    for kill in 1..=6 {
        (number..number + 300).for_each(|number| okta.store(sign_on(number)));
        number += 300;
        let goal = f64::from(40 * kill);
        poll(SOON, "it is in the middle of it", || {
            let come = metric(&ingest, "daylight_ingest_events_total", &[])?;
            ensure!(come >= goal, "{come} of {goal}");
            Ok(())
        })?;
        ingest.kill9()?;
        ingest.restart()?;
    }
    poll(SOON, "it has caught up", || {
        let last = okta.asked().last().cloned();
        let at = last.as_ref().and_then(|asked| asked.parameter("after")?.split_once('_')?.1.parse::<u64>().ok());
        ensure!(at == Some(number), "it asks for {last:?}");
        Ok(())
    })?;
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&okta.ids())
}
