//! `backfill`: orders history of a polled connection and watches it come. The order is a record of the log and the work is the running
//! process's, so watching may end and begin again, and a process that dies meanwhile goes on where it stopped.

mod pace;

use std::{
    io::IsTerminal,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use event::Timestamp;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::{BackfillRequest, BackfillStage, BackfillStatus};

use crate::{
    cli::BackfillArgs,
    commands::{note, operator_name, plain, say, sql::ask, table},
    service::BackfillAsk,
};

use pace::{Pace, events_of, fraction_of, length, trouble_of};

/// How often it is asked how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How often a line is printed where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// How long a process may be away before watching ends: what was ordered stays ordered.
const AWAY_MAX: Duration = Duration::from_secs(300);
/// Steps of the bar.
const BAR_STEPS: u64 = 10_000;

pub(crate) async fn run(args: BackfillArgs) -> anyhow::Result<()> {
    let folder = &args.admin.data_folder;
    let (connection, who) = (args.connection.clone(), operator_name(args.who.as_deref()));
    if args.cancel {
        let status = put(folder, &BackfillAsk::Cancel { connection, asked_by: who }).await?;
        return report(&status, args.json);
    }
    let wanted = match args.since {
        Some(since_ms) => {
            let until_ms = args.until.unwrap_or(0);
            BackfillAsk::Order(BackfillRequest { connection, since_ms, until_ms, asked_by: who })
        }
        None => BackfillAsk::Status { connection },
    };
    let status = put(folder, &wanted).await?;
    if args.status || args.no_wait {
        return report(&status, args.json);
    }
    let (since, until) = (Timestamp(status.since_ms), Timestamp(status.until_ms));
    note(&plain(&format!(
        "{}: history from {since} to {until}, ordered at {} by {}; Ctrl-C ends the watching and not the work",
        status.connection,
        Timestamp(status.asked_at_ms),
        status.asked_by
    )));
    let last = Watch::new().follow(folder, status).await?;
    if last.stage == BackfillStage::Cancelled {
        bail!("the back-fill of {} was cancelled, after {} events", last.connection, events_of(&last));
    }
    report(&last, args.json)
}

async fn put(folder: &Path, wanted: &BackfillAsk) -> anyhow::Result<BackfillStatus> {
    let answer = ask(folder, "/v1/backfill", serde_json::to_string(wanted)?).await?;
    serde_json::from_str(&answer).context("the answer cannot be read")
}

/// How it stands, as a sentence and a line for each feed.
fn report(status: &BackfillStatus, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        say(&serde_json::to_string(status)?);
        return Ok(());
    }
    let (since, until) = (Timestamp(status.since_ms), Timestamp(status.until_ms));
    let stage = match status.stage {
        BackfillStage::Running => "running",
        BackfillStage::Done => "done",
        BackfillStage::Cancelled => "cancelled",
    };
    let again: u64 = status.feeds.iter().map(|feed| feed.duplicates).sum();
    let events = events_of(status);
    say(&plain(&format!(
        "{}: {stage}, from {since} to {until}: {events} events fetched, {again} of them were there already",
        status.connection
    )));
    let rows = status.feeds.iter().map(|feed| {
        let [pages, events] = [feed.pages, feed.events].map(|count| count.to_string());
        let going =
            if feed.detail.is_empty() { feed.state.clone() } else { format!("{}: {}", feed.state, feed.detail) };
        let is_done = feed.complete_to_ms >= status.until_ms;
        let going = if is_done { "done".to_owned() } else { going };
        [feed.feed.clone(), Timestamp(feed.complete_to_ms).to_string(), pages, events, going]
    });
    let rows: Vec<[String; 5]> = rows.collect();
    table(["FEED", "COMPLETE TO", "PAGES", "EVENTS", "STATE"], &rows).iter().for_each(|line| say(line));
    Ok(())
}

/// Somebody who watches.
struct Watch {
    began: Instant,
    pace: Pace,
    /// Nothing where no bar can be drawn.
    bar: Option<ProgressBar>,
    said_at: Option<Instant>,
    said_trouble: String,
}

impl Watch {
    fn new() -> Watch {
        let is_terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let style = ProgressStyle::with_template("{msg} {bar:30} {percent:>3} %  {prefix}").ok();
        let bar = style.filter(|_| is_terminal).map(|style| ProgressBar::new(BAR_STEPS).with_style(style));
        Watch { began: Instant::now(), pace: Pace::default(), bar, said_at: None, said_trouble: String::new() }
    }

    /// Shows how far it is until it has ended, or nobody tells for long.
    async fn follow(mut self, folder: &Path, first: BackfillStatus) -> anyhow::Result<BackfillStatus> {
        let wanted = BackfillAsk::Status { connection: first.connection.clone() };
        let (mut status, mut heard_at) = (first, Instant::now());
        loop {
            self.show(&status);
            if status.stage != BackfillStage::Running {
                break;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
            match put(folder, &wanted).await {
                Ok(answer) => (status, heard_at) = (answer, Instant::now()),
                Err(error) if heard_at.elapsed() > AWAY_MAX => {
                    let connection = &status.connection;
                    return Err(error.context(format!("it stays ordered, and goes on with the process; watch it again with `daylight backfill {connection}`")));
                }
                Err(error) => self.complain(&error),
            }
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        Ok(status)
    }

    fn show(&mut self, status: &BackfillStatus) {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.pace.mark(elapsed_ms, status);
        let trouble = trouble_of(status);
        let left = self.pace.left_ms().map_or_else(String::new, |left_ms| format!(", about {} left", length(left_ms)));
        let told =
            plain(&format!("{} events, {} a second{left}{trouble}", events_of(status), self.pace.events_per_second()));
        let done = fraction_of(status);
        if let Some(bar) = &self.bar {
            bar.set_message(plain(&status.connection));
            bar.set_position(done.saturating_mul(BAR_STEPS) / pace::WHOLE);
            bar.set_prefix(told);
            return;
        }
        let is_due = self.said_at.is_none_or(|said_at| said_at.elapsed() >= LINE_INTERVAL);
        if is_due || trouble != self.said_trouble || status.stage != BackfillStage::Running {
            note(&format!("{}: {} %, {told}", plain(&status.connection), done * 100 / pace::WHOLE));
            (self.said_at, self.said_trouble) = (Some(Instant::now()), trouble);
        }
    }

    /// The process is away, or starts.
    fn complain(&mut self, error: &anyhow::Error) {
        let trouble = plain(&format!("; nobody tells how far it is ({error:#}), asking again"));
        match &self.bar {
            Some(bar) => bar.set_prefix(trouble),
            None if trouble == self.said_trouble => {}
            None => {
                note(trouble.trim_start_matches("; "));
                self.said_trouble = trouble;
            }
        }
    }
}
