//! One poller for one feed among many processes, on a real Kafka: another goes on when the owner dies, and a zombie does no harm.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tests::{
    fakes::FakeOkta,
    poll,
    servers::{Daylight, KafkaServer},
};

use crate::{
    log,
    polled::{SOON, metric, polling_okta, sign_on},
};

/// The session of six seconds, a rebalance, the cursors, and the work of a busy machine.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(20);

/// Does this process poll the org?
pub(crate) fn is_owner(daylight: &Daylight) -> anyhow::Result<bool> {
    Ok(metric(daylight, "daylight_ingest_poll_state", &["feed=\"system_log\""])? > 0.5)
}

/// Waits until one of them polls; gives it and the other.
pub(crate) fn owner_of(pair: [&Daylight; 2]) -> anyhow::Result<(&Daylight, &Daylight)> {
    poll(SOON, "one of two polls", || match (is_owner(pair[0])?, is_owner(pair[1])?) {
        (true, false) => Ok((pair[0], pair[1])),
        (false, true) => Ok((pair[1], pair[0])),
        both => anyhow::bail!("{both:?}"),
    })
}

/// Waits until everything that the org has was asked for, and the log has it.
fn has_everything(okta: &FakeOkta, bootstrap: &str) -> anyhow::Result<()> {
    poll(SOON, "everything is in the log", || log::of_kafka(bootstrap)?.is_exactly(&okta.ids()))
}

fn signal(daylight: &Daylight, signal: &str) -> anyhow::Result<()> {
    let sent =
        Command::new("kill").args([signal, &daylight.process().to_string()]).status().context("sending a signal")?;
    ensure!(sent.success(), "{signal} to {}: {sent}", daylight.process());
    Ok(())
}

#[test]
fn when_the_owner_dies_or_sleeps_another_goes_on_within_seconds_and_nothing_is_lost() -> anyhow::Result<()> {
    let (kafka, okta) = (KafkaServer::start()?, FakeOkta::start()?);
    let start = || polling_okta(&okta).tenant("acme").kafka(&kafka.bootstrap).start();
    let (one, two) = (start()?, start()?);
    let mut number = 0;
    let mut store = |events: u64| {
        (number..number + events).for_each(|number| okta.store(sign_on(number)));
        number += events;
    };
    store(50);
    let (owner, other) = owner_of([&one, &two])?;
    has_everything(&okta, &kafka.bootstrap)?;

    // Killed: the other one takes over, and is asked where the first stopped.
    store(200);
    owner.kill9()?;
    let died = Instant::now();
    poll(TAKEN_OVER_WITHIN, "the other one polls", || {
        ensure!(is_owner(other)?, "not yet");
        Ok(())
    })?;
    println!("taken over {:.1} s after kill -9", died.elapsed().as_secs_f64());
    store(50);
    has_everything(&okta, &kafka.bootstrap)?;
    let by_time = okta.asked().iter().filter(|asked| asked.parameter("since").is_some()).count();
    ensure!(by_time == 1, "the new owner had the cursor of the old one, and asked by time {by_time} times");

    // Asleep past its session, in the middle of its work; when it wakes it does not know yet that it is no owner.
    owner.restart()?;
    let (owner, other) = owner_of([&one, &two])?;
    store(300);
    signal(owner, "-STOP")?;
    let taken_over = poll(TAKEN_OVER_WITHIN, "the other one polls", || {
        ensure!(is_owner(other)?, "not yet");
        Ok(())
    });
    store(50);
    signal(owner, "-CONT")?;
    taken_over?;
    owner_of([&one, &two])?;
    store(50);
    has_everything(&okta, &kafka.bootstrap)?;

    // An orderly stop hands over at once.
    let (owner, other) = owner_of([&one, &two])?;
    ensure!(owner.stop()? == 0);
    let stopped = Instant::now();
    poll(TAKEN_OVER_WITHIN, "the other one polls", || {
        ensure!(is_owner(other)?, "not yet");
        Ok(())
    })?;
    println!("taken over {:.1} s after an orderly stop", stopped.elapsed().as_secs_f64());
    store(50);
    has_everything(&okta, &kafka.bootstrap)
}
