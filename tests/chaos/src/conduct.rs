//! One run: start, send, harm; then stop, drain, look, check.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tests::poll;

use crate::{
    amounts::Amounts,
    book::Expected,
    check::{Invariant, PROBE_WITHIN, check},
    client::Client,
    generator::{Generator, PAGE_EVENTS},
    observe::{growth, lag, memories, number, observe, sums},
    observed::{Memory, Observed},
    report::Report,
    schedule::{Engine, Schedule, Track},
    stage::{SOON, Stage},
    testimony::testimony,
};

/// How often a line tells of the progress.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// How far the schedule is.
#[derive(Debug, Default)]
struct Progress {
    done: AtomicU64,
    all: u64,
    /// Did a deed fail? Then nobody waits for the others.
    has_failed: AtomicBool,
}

/// Runs a seed on an engine; its processes have these variables of the environment. `say` is given a line now and then.
///
/// # Errors
/// What could not be started, harmed or asked. What is wrong with the outcome is in the report.
pub fn run(
    engine: Engine,
    seed: u64,
    amounts: &Amounts,
    environment: &[(&str, &str)],
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Report> {
    let began = Instant::now();
    let schedule = Schedule::new(seed, engine, amounts);
    say(schedule.to_string().trim_end());
    let stage = Stage::start(engine, seed, amounts, environment)?;
    let generator = Generator::new(seed, amounts.tenants, tests::events::now_ms() - 3_600_000);
    let client = Client::new(generator.clone(), seed, amounts.pages_per_second);
    suffer(&stage, &client, &schedule, amounts, say)?;
    say("no more faults: everybody comes back, and what is on its way arrives");
    stage.heal()?;
    let (expected, observed) = look(&stage, &client, &generator, amounts, say)?;
    let mut verdict = check(&expected, &observed);
    let told = verdict.figures.told_before_faults;
    if told < amounts.told_before_faults {
        verdict
            .find(Invariant::I5, format!("only {told} alerts were told before faults: who forgets would not be found"));
    }
    Ok(Report { seed, engine, faults: stage.faults(), verdict, wall: began.elapsed() })
}

/// Sends while everything of the schedule happens, and until the amounts are reached.
fn suffer(
    stage: &Stage,
    client: &Client,
    schedule: &Schedule,
    amounts: &Amounts,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    let all = schedule.tracks.iter().map(|track| u64::try_from(track.steps.len()).unwrap_or(0)).sum();
    let progress = Progress { done: AtomicU64::new(0), all, has_failed: AtomicBool::new(false) };
    thread::scope(|scope| {
        let sending = scope.spawn(|| client.run(stage));
        let keeping = scope.spawn(|| {
            let kept = stage.keep();
            progress.has_failed.fetch_or(kept.is_err(), Ordering::Relaxed);
            kept
        });
        let went = (|| {
            // The first rows and alerts have flowed before anybody is harmed.
            poll(SOON, "the first rows land", || {
                let rows = number(stage, "SELECT count() FROM events")?;
                ensure!(rows > 0 && client.acknowledged_pages() > 8, "{rows} rows");
                Ok(())
            })?;
            stage.measure()?;
            stage.storm_network();
            thread::scope(|scope| {
                let play = |track: &Track| play(stage, track, &progress, say);
                let playing: Vec<_> = schedule.tracks.iter().map(|track| scope.spawn(move || play(track))).collect();
                let reached = wait_for_amounts(stage, client, amounts, &progress, say);
                let played = playing.into_iter().map(|track| track.join().ok().context("a track panicked")?);
                played.collect::<anyhow::Result<Vec<()>>>().and(reached)
            })
        })();
        client.stop();
        stage.calm_network();
        // Who is away comes back first, or the senders would wait for ever.
        sending.join().ok().context("the sender panicked")?;
        stage.end();
        let kept = keeping.join().ok().context("the keeper panicked")?;
        went.and(kept)
    })
}

fn play(stage: &Stage, track: &Track, progress: &Progress, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<()> {
    for step in &track.steps {
        thread::sleep(step.rest);
        let began = Instant::now();
        let harmed = stage.harm(&step.deed);
        let done = progress.done.fetch_add(1, Ordering::Relaxed) + 1;
        let took = began.elapsed().as_secs_f64();
        say(&format!(
            "{:>6.1} s  {done:>3}/{}  {} ({took:.1} s)",
            stage.began.elapsed().as_secs_f64(),
            progress.all,
            step.deed
        ));
        if let Err(error) = harmed {
            progress.has_failed.store(true, Ordering::Relaxed);
            say(&format!("it failed: {error:#}"));
            // Who is stuck, and at what, can be asked now and never again.
            testimony(stage).iter().for_each(|line| say(line));
            return Err(error.context(step.deed.to_string()));
        }
        if progress.has_failed.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits until the schedule is through and the amounts are there.
fn wait_for_amounts(
    stage: &Stage,
    client: &Client,
    amounts: &Amounts,
    progress: &Progress,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    let deadline = Instant::now() + amounts.lasts_within;
    let mut told = Instant::now();
    loop {
        let (events, lost) = (client.acknowledged_pages() * PAGE_EVENTS, stage.lost_responses());
        if events >= amounts.events {
            client.trickle();
        }
        let done = progress.done.load(Ordering::Relaxed);
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            say(&format!(
                "{:>6.1} s  {events} of {} events acknowledged, {} unanswered, {} refused, {lost} of {} responses lost, {done} of {} deeds",
                stage.began.elapsed().as_secs_f64(),
                amounts.events,
                client.unanswered(),
                client.refused(),
                amounts.lost_responses,
                progress.all,
            ));
        }
        if done >= progress.all && events >= amounts.events && lost >= amounts.lost_responses {
            return Ok(());
        }
        if progress.has_failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the amounts are not reached: {events} events, {lost} lost, {done} deeds");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for rest, remembers, sends the probe, and looks at everything.
fn look(
    stage: &Stage,
    client: &Client,
    generator: &Generator,
    amounts: &Amounts,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<(Expected, Observed)> {
    let mut book = client.book();
    if drain(stage, &book.expected(generator), amounts, say).is_err() {
        // Whatever is missing is the checker's to tell, and no probe is needed to see that not all is well.
        let (expected, (memories, untold)) = (book.expected(generator), told_memories(stage)?);
        return Ok((expected, Observed { memories, untold, surprises: client.surprises(), ..observe(stage)? }));
    }
    let (mut memories_found, _) = agreed_memories(stage, amounts.agrees_within)?;
    // While they are as old as they will be.
    let grown = growth(stage)?;
    // Whoever starts anew remembers the same.
    for member in stage.of_role("detect") {
        stage.kill(member, Duration::ZERO)?;
    }
    stage.heal()?;
    drain(stage, &book.expected(generator), amounts, say)?;
    let (again, untold) = agreed_memories(stage, amounts.agrees_within)?;
    for memory in again {
        match memories_found.iter_mut().find(|known| known.tenant == memory.tenant) {
            Some(known) => known.values.extend(memory.values),
            None => memories_found.push(memory),
        }
    }
    say("drained; a probe goes through everything");
    let (before, began) = (sums(stage)?, Instant::now());
    let first = book.pages.last_key_value().map_or(0, |(number, _)| number + 1);
    // Each tenant meets one app that is new.
    client.resume_at(first);
    client.send_some(stage, 2 * generator.tenants());
    book = client.book();
    let expected = book.expected(generator);
    let drained = drain(stage, &expected, amounts, say);
    let probe_took = drained.is_ok().then(|| began.elapsed());
    let probed = poll(PROBE_WITHIN, "the counters add up", || {
        let sums = sums(stage)?.since(before);
        ensure!(sums.has_landed_whole() && sums.accepted == sums.observed, "{sums:?}");
        Ok(sums)
    });
    let sums = probed.or_else(|_| sums(stage).map(|now| now.since(before)))?;
    say("looking at everything");
    let mut observed = observe(stage)?;
    observed.growth.extend(grown);
    Ok((
        expected,
        Observed { memories: memories_found, untold, probe_took, sums, surprises: client.surprises(), ..observed },
    ))
}

/// Waits until nothing is on its way any more: cheap questions only. What is still missing after the deadline is the checker's to tell; who is
/// stuck at what is told here, while they all still run.
fn drain(stage: &Stage, expected: &Expected, amounts: &Amounts, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<()> {
    let drained = come_to_rest(stage, expected, amounts);
    if let Err(error) = &drained {
        say(&format!("{error:#}"));
        testimony(stage).iter().for_each(|line| say(line));
    }
    drained
}

fn come_to_rest(stage: &Stage, expected: &Expected, amounts: &Amounts) -> anyhow::Result<()> {
    let poison = expected.poison.values().filter(|poison| poison.is_acknowledged).count();
    let due = Arrived {
        events: expected.acknowledged(),
        letters: u64::try_from(poison)?,
        alerts: u64::try_from(expected.apps.len())?,
        told: expected.apps.len(),
    };
    let mut news = (Arrived::default(), Instant::now());
    let rested = poll(amounts.rests_within, "everything is drained", || {
        stage.tend()?;
        let (arrived, lag) = (arrived(stage)?, lag(stage)?);
        if arrived != news.0 || lag > 0 {
            news = (arrived, Instant::now());
        }
        let is_all = arrived.events >= due.events
            && arrived.letters >= due.letters
            && arrived.alerts >= due.alerts
            && arrived.told >= due.told;
        let is_still = news.1.elapsed() >= amounts.still_for;
        ensure!((is_all && lag == 0) || is_still, "{arrived:?} of {due:?} have arrived, {lag} records lag");
        Ok(is_all)
    });
    ensure!(rested?, "nothing lags, and not all that is due has arrived: {:?} of {due:?}", news.0);
    Ok(())
}

/// What has arrived at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Arrived {
    /// Distinct events that are rows.
    events: u64,
    /// Dead letters.
    letters: u64,
    /// Alerts that are rows.
    alerts: u64,
    /// Alerts that the receiver has taken.
    told: usize,
}

fn arrived(stage: &Stage) -> anyhow::Result<Arrived> {
    Ok(Arrived {
        events: number(stage, "SELECT uniqExact(event_id) FROM events")?,
        letters: number(stage, "SELECT count() FROM dead_letters FINAL")?,
        alerts: number(stage, "SELECT uniqExact(alert_id) FROM alerts FINAL")?,
        told: stage.receiver.accepted().len(),
    })
}

/// What is remembered, asked until all say the same, or for so long.
fn agreed_memories(stage: &Stage, within: Duration) -> anyhow::Result<(Vec<Memory>, u64)> {
    let agreed = poll(within, "all remember the same", || {
        let (memories, untold) = memories(stage)?;
        let is_agreed = |memory: &Memory| memory.is_agreed() && memory.silent().is_empty();
        ensure!(!memories.is_empty() && memories.iter().all(is_agreed) && untold == 0, "they do not");
        Ok((memories, untold))
    });
    agreed.or_else(|_| told_memories(stage))
}

/// What is remembered, whether they agree or not; who cannot say it now is asked again.
fn told_memories(stage: &Stage) -> anyhow::Result<(Vec<Memory>, u64)> {
    poll(SOON, "all say what they remember", || memories(stage))
}
