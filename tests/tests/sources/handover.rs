//! History that changes hands between two processes on a real Kafka: whoever works it off is killed in the middle, and the other goes on where the
//! log says that he stopped.

use anyhow::ensure;
use tests::{fakes::FakeOkta, poll, servers::KafkaServer};

use crate::{
    backfill::{ago, past, typed},
    log,
    ownership::{is_owner, owner_of},
    polled::{PAGE_EVENTS, SOON, polling_okta, sign_on},
};

const DAY_MS: i64 = 86_400_000;
const EVENTS: u64 = 150;
/// Pages that the first owner is given. When the last of them is asked for, he is killed, wherever he is with it.
const PAGES_OF_THE_FIRST: usize = 10;

#[test]
fn a_back_fill_whose_owner_is_killed_is_finished_by_the_other_process_and_each_event_is_there_once()
-> anyhow::Result<()> {
    let (kafka, okta) = (KafkaServer::start()?, FakeOkta::start()?);
    for number in 0..EVENTS {
        okta.store(past(number, 10 * DAY_MS - i64::try_from(number)? * 20_000));
    }
    let history = okta.ids();
    let start = || polling_okta(&okta).tenant("acme").kafka(&kafka.bootstrap).start();
    let (one, two) = (start()?, start()?);
    let (owner, other) = owner_of([&one, &two])?;
    okta.allow_history(PAGES_OF_THE_FIRST);
    // Ordered where nobody polls: the order is a record of the log, and its owner finds it there.
    let ordered = typed(other, &["okta", "--since", &ago(11 * DAY_MS), "--no-wait"])?;
    ensure!(ordered.contains("okta: running"), "{ordered}");
    poll(SOON, "the first owner's pages are asked for", || {
        ensure!(okta.history_allowed() == 0, "{} are left", okta.history_allowed());
        Ok(())
    })?;
    owner.kill9()?;
    let of_the_first = log::of_kafka(&kafka.bootstrap)?.history.len();
    ensure!(
        of_the_first >= (PAGES_OF_THE_FIRST - 2) * usize::try_from(PAGE_EVENTS)?,
        "he was to be amid it: {of_the_first}"
    );
    let status = typed(other, &["okta", "--status"])?;
    ensure!(status.contains("okta: running"), "nobody has finished it: {status}");

    poll(SOON, "the other one polls", || {
        ensure!(is_owner(other)?, "not yet");
        Ok(())
    })?;
    okta.allow_history(usize::MAX);
    okta.store(sign_on(EVENTS));
    let out = typed(other, &["okta"])?;
    ensure!(out.contains("okta: done") && out.contains(&format!("{EVENTS} events fetched")), "{out}");
    ensure!(typed(other, &["okta", "--status"])?.contains("okta: done"), "and stays done");
    poll(SOON, "what comes live comes, too", || log::of_kafka(&kafka.bootstrap)?.is_exactly(&okta.ids()))?;
    let found = log::of_kafka(&kafka.bootstrap)?;
    ensure!(found.history == history, "{} of {EVENTS} are marked as history", found.history.len());
    ensure!(found.doubled() == 0, "{} events were written twice", found.doubled());
    println!("{of_the_first} of {EVENTS} events by the first owner; {}", out.lines().next().unwrap_or_default());
    Ok(())
}
