//! History that was ordered: beside live polling and a hook of the same org, marked, each event once; refusals; and one of each provider.

use std::process::{Command, Output};

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::{
    events::{
        Click, OKTA_ORG, click, google_authorize, google_login, graph_audit, graph_sign_in, now_ms, okta_sso, page,
        ual_consent, ual_login,
    },
    fakes::{FakeGoogle, FakeGraph, FakeOffice365, FakeOkta, GraphFeed},
    poll,
    servers::{Daylight, Setup, binary},
};

use crate::{
    log,
    polled::{
        SOON, has_come, metric, okta_connection, polling_google, polling_graph, polling_office365, polling_okta,
        sign_on,
    },
};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// A sign-on, so many milliseconds ago.
pub(crate) fn past(number: u64, ago_ms: i64) -> Value {
    let email = format!("person{}@brightwater.example", number % 20);
    okta_sso(&Click { at_ms: now_ms() - ago_ms, ..click(number, &email, "0oaPolled", "Polled") })
}

/// A time before now, as it is typed.
pub(crate) fn ago(ago_ms: i64) -> String {
    event::Timestamp(now_ms() - ago_ms).to_string()
}

/// Types `daylight backfill …`.
pub(crate) fn backfill(daylight: &Daylight, words: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(binary()?);
    command.arg("backfill").args(words).arg("--data-folder").arg(daylight.data()).args(["--as", "carla"]);
    command.output().context("running daylight backfill")
}

/// Types it; it must succeed. Gives what it printed.
pub(crate) fn typed(daylight: &Daylight, words: &[&str]) -> anyhow::Result<String> {
    let output = backfill(daylight, words)?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "daylight backfill {words:?}: {}\n{out}\n{err}", output.status);
    Ok(out.into_owned())
}

/// Types what must be refused, in one line that holds these words.
fn refused(daylight: &Daylight, words: &[&str], told: &[&str]) -> anyhow::Result<()> {
    let output = backfill(daylight, words)?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(1) && err.trim_end().lines().count() == 1,
        "{words:?}: {}\n{err}",
        output.status
    );
    for word in told {
        ensure!(err.contains(word), "{word:?} is not told for {words:?}: {err}");
    }
    Ok(())
}

#[test]
fn history_comes_marked_and_whole_beside_what_comes_and_is_shown_in_plain_lines() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    (0..43).for_each(|number| okta.store(past(number, 20 * DAY_MS - i64::try_from(number).unwrap_or(0) * HOUR_MS)));
    // Nobody asks for what is older than that.
    let ids = okta.ids();
    (900..905).for_each(|number| okta.store(past(number, 40 * DAY_MS)));
    let ingest = polling_okta(&okta).start()?;
    let output = backfill(&ingest, &["okta", "--since", &ago(30 * DAY_MS)])?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{out}{err}");
    ensure!(out.contains("okta: done") && out.contains("43 events fetched, 0 of them"), "{out}");
    ensure!(err.contains("ordered at") && err.contains("by carla") && err.contains("100 %, 43 events"), "{err}");
    ensure!(!err.contains('\u{1b}') && !out.contains('\u{1b}'), "no terminal, and it is steered: {err}");
    // What happens now is no history.
    (100..107).for_each(|number| okta.store(sign_on(number)));
    has_come(&ingest, 50)?;
    ensure!(typed(&ingest, &["okta", "--status"])?.contains("okta: done"), "and stays done");
    let again = metric(&ingest, "daylight_ingest_backfill_answers_total", &["outcome=\"page\""])?;
    ensure!(again > 8.5, "nine pages of five events: {again}");
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    let live: std::collections::BTreeSet<String> =
        (100..107).filter_map(|n| Some(sign_on(n).get("uuid")?.as_str()?.to_owned())).collect();
    found.is_exactly(&ids.union(&live).cloned().collect())?;
    ensure!(found.history == ids, "{:?}", found.history);
    ensure!(found.doubled() == 0, "{:?}", found.events);
    Ok(())
}

#[test]
fn one_runs_at_a_time_is_seen_cancelled_and_ordered_anew_and_what_cannot_be_is_refused_with_a_sentence()
-> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    (0..9).for_each(|number| okta.store(past(number, 5 * DAY_MS)));
    okta.permit(false);
    let ingest = polling_okta(&okta).connection("hook", "acme", "okta", "other.okta.example").start()?;
    let (week, months) = (ago(7 * DAY_MS), ago(200 * DAY_MS));
    for (words, told) in [
        (&["nobody", "--since", week.as_str()][..], &["no connection \"nobody\"", "hook, okta"][..]),
        (&["hook", "--since", &week], &["not polled", "replay"]),
        (&["okta", "--since", &months], &["goes back 90 days", "the earliest that can be had is --since 20"]),
        (&["okta", "--since", "2100-01-01"], &["nothing lies between"]),
        (&["okta", "--since", &week, "--until", "2100-01-01"], &["not history yet"]),
        (&["okta"], &["no history of \"okta\" was ever ordered"]),
        (&["okta", "--cancel"], &["no history of \"okta\" was ever ordered"]),
    ] {
        refused(&ingest, words, told)?;
    }
    ensure!(backfill(&ingest, &["okta", "--since", "yesterday"])?.status.code() == Some(2));
    ensure!(typed(&ingest, &["okta", "--since", &week, "--no-wait"])?.contains("okta: running"));
    poll(SOON, "what is missing is told", || {
        let status = typed(&ingest, &["okta", "--status"])?;
        ensure!(status.contains("missing_permission: okta.logs.read"), "{status}");
        Ok(())
    })?;
    refused(&ingest, &["okta", "--since", &week], &["is running already", "--cancel"])?;
    ensure!(typed(&ingest, &["okta", "--cancel"])?.contains("okta: cancelled"));
    refused(&ingest, &["okta", "--cancel"], &["is cancelled already"])?;
    let watched = backfill(&ingest, &["okta"])?;
    let err = String::from_utf8_lossy(&watched.stderr);
    ensure!(watched.status.code() == Some(1) && err.contains("was cancelled, after 0 events"), "{err}");
    // A cancelled one stays so, whatever is started anew.
    ensure!(ingest.stop()? == 0);
    okta.permit(true);
    ingest.restart()?;
    ensure!(typed(&ingest, &["okta", "--status", "--json"])?.contains("\"stage\":\"cancelled\""));
    let out = typed(&ingest, &["okta", "--since", &week])?;
    ensure!(out.contains("okta: done") && out.contains("9 events fetched"), "{out}");
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.history == okta.ids() && found.doubled() == 0, "{:?}", found.events);
    Ok(())
}

#[test]
fn a_cursor_that_is_forgotten_amid_history_costs_an_overlap_and_no_event() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    (0..400).for_each(|number| okta.store(past(number, 20 * DAY_MS - i64::try_from(number).unwrap_or(0) * HOUR_MS)));
    let ingest = polling_okta(&okta).start()?;
    typed(&ingest, &["okta", "--since", &ago(21 * DAY_MS), "--no-wait"])?;
    has_come(&ingest, 20)?;
    okta.forget_cursors();
    let out = typed(&ingest, &["okta"])?;
    ensure!(out.contains("okta: done"), "{out}");
    ensure!(ingest.stop()? == 0);
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&okta.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    Ok(())
}

/// One of the hard days: the same event by hook, poll and back-fill at once is one event.
#[test]
fn the_same_event_by_hook_poll_and_back_fill_at_once_is_one_event() -> anyhow::Result<()> {
    const EVENTS: u64 = 300;
    let okta = FakeOkta::start()?;
    // Within the overlap with which live polling begins, so that all three bring all of them.
    let events: Vec<Value> =
        (0..EVENTS).map(|number| past(number, 1_800_000 - i64::try_from(number).unwrap_or(0) * 1_000)).collect();
    events.iter().cloned().for_each(|event| okta.store(event));
    let setup = Setup::new().env("FAKE_OKTA_TOKEN", okta.token()).set("sink.flush_interval_ms", 100);
    let setup = setup.connection("hook", "acme", "okta", OKTA_ORG).connection_table(okta_connection(&okta));
    let daylight = setup.start()?;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let hook = scope.spawn(|| -> anyhow::Result<()> {
            events.chunks(7).try_for_each(|chunk| daylight.accept("hook", &page(chunk)).map(drop))
        });
        let out = typed(&daylight, &["okta", "--since", &ago(HOUR_MS), "--until", &ago(1_000)])?;
        ensure!(out.contains(&format!("{EVENTS} events fetched")), "{out}");
        hook.join().map_err(|_| anyhow::anyhow!("the hook failed"))?
    })?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", EVENTS)?;
    daylight.expect(SOON, "SELECT uniqExact(native_id) FROM events", EVENTS)?;
    // One app that nobody knew, whoever told of it first, and everybody's use of it counted once.
    daylight.expect(SOON, "SELECT uniqExact(alert_id) FROM alerts WHERE rule = 'N1'", 1)?;
    ensure!(daylight.stop()? == 0);
    let found = log::of_folder(daylight.data())?;
    found.is_exactly(&okta.ids())?;
    // Two deliveries of one moment may both be written, before either is acknowledged; what comes later is dropped at the door.
    println!("{} of {EVENTS} events were written more than once", found.doubled());
    Ok(())
}

#[test]
fn history_teaches_and_does_not_page_and_what_is_new_afterwards_does() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let used = |number: u64, ago_ms: i64, app: &'static str, name: &'static str| {
        okta_sso(&Click { at_ms: now_ms() - ago_ms, ..click(number, "mia.roth@brightwater.example", app, name) })
    };
    for number in 0..20_u32 {
        okta.store(used(number.into(), (21 - i64::from(number)) * DAY_MS, "0oaZigzag", "Zigzag Boards"));
    }
    let setup = Setup::new().env("FAKE_OKTA_TOKEN", okta.token()).set("sink.flush_interval_ms", 100);
    let daylight = setup.connection_table(okta_connection(&okta)).start()?;
    typed(&daylight, &["okta", "--since", &ago(25 * DAY_MS)])?;
    daylight.expect(SOON, "SELECT count() FROM events WHERE is_backfill", 20)?;
    okta.store(used(100, 0, "0oaZigzag", "Zigzag Boards"));
    okta.store(used(101, 0, "0oaTangram", "Tangram Notes"));
    daylight.expect(SOON, "SELECT count() FROM events WHERE NOT is_backfill", 2)?;
    // Behind three weeks of history nobody learns any more: the app of today is told, the one of history never was.
    daylight.expect(
        SOON,
        "SELECT count() FROM alerts WHERE rule = 'N1' AND state = 'raised' AND app_name = 'Tangram Notes'",
        1,
    )?;
    daylight.expect(SOON, "SELECT uniqExact(alert_id) FROM alerts WHERE state = 'raised' AND rule = 'N1'", 1)?;
    daylight.expect(SOON, "SELECT uniqExact(alert_id) FROM alerts WHERE state = 'muted' AND rule = 'N1'", 1)
}

#[test]
fn both_lists_of_graph_are_fetched_from_their_past_window_by_window() -> anyhow::Result<()> {
    const APP: &str = "5a3c0000-2222-4000-8000-000000000042";
    let graph = FakeGraph::start()?;
    for number in 0..24_u32 {
        // Several a day, over ten days.
        let at_ms = now_ms() - 12 * DAY_MS + i64::from(number) * 10 * HOUR_MS;
        let click = Click { at_ms, ..click(number.into(), "mia.roth@brightwater.example", APP, "Polled") };
        graph.list(GraphFeed::SignIns, graph_sign_in(&click));
        graph.list(GraphFeed::DirectoryAudits, graph_audit(&click, &["Mail.Read"]));
    }
    let ingest = polling_graph(&graph).start()?;
    let out = typed(&ingest, &["entra", "--since", &ago(20 * DAY_MS)])?;
    ensure!(out.contains("48 events fetched") && out.contains("sign_ins") && out.contains("directory_audits"), "{out}");
    graph.end_links();
    ensure!(ingest.stop()? == 0);
    is_history(&ingest, &graph.ids())
}

#[test]
fn the_logs_of_google_are_fetched_from_their_past_window_by_window() -> anyhow::Result<()> {
    const APP: &str = "123456789012-polled.apps.googleusercontent.com";
    let google = FakeGoogle::start()?;
    for number in 0..24_u32 {
        let at_ms = now_ms() - 12 * DAY_MS + i64::from(number) * 10 * HOUR_MS;
        let a_click = |number| Click { at_ms, ..click(number, "mia.roth@brightwater.example", APP, "Polled") };
        google.list(google_authorize(
            &a_click(u64::from(number) * 2),
            &["https://www.googleapis.com/auth/drive.readonly"],
        ));
        google.list(google_login(&a_click(u64::from(number) * 2 + 1)));
    }
    let ingest = polling_google(&google).start()?;
    let out = typed(&ingest, &["google", "--since", &ago(13 * DAY_MS)])?;
    ensure!(out.contains("48 events fetched") && out.contains("token") && out.contains("saml"), "{out}");
    ensure!(ingest.stop()? == 0);
    is_history(&ingest, &google.ids())
}

#[test]
fn the_audit_log_of_microsoft_365_is_fetched_as_far_back_as_its_api_goes() -> anyhow::Result<()> {
    const APP: &str = "5a3c0000-2222-4000-8000-000000000042";
    let office = FakeOffice365::start()?;
    for number in 0..20_u32 {
        let ago_ms = 6 * DAY_MS - i64::from(number) * 6 * HOUR_MS;
        let at_ms = now_ms() - ago_ms - HOUR_MS;
        let click = Click { at_ms, ..click(number.into(), "mia.roth@brightwater.example", APP, "Polled") };
        office.publish(vec![ual_login(&click), ual_consent(&click, &["Mail.Read"])], ago_ms);
    }
    let ingest = polling_office365(&office).start()?;
    refused(&ingest, &["audit", "--since", &ago(9 * DAY_MS)], &["goes back 7 days"])?;
    let out = typed(&ingest, &["audit", "--since", &ago(7 * DAY_MS - 2 * HOUR_MS)])?;
    ensure!(out.contains("40 events fetched"), "{out}");
    ensure!(ingest.stop()? == 0);
    is_history(&ingest, &office.ids())
}

/// Exactly these events are in the log, once and as history.
fn is_history(daylight: &Daylight, ids: &std::collections::BTreeSet<String>) -> anyhow::Result<()> {
    let found = log::of_folder(daylight.data())?;
    found.is_exactly(ids)?;
    ensure!(found.history == *ids && found.doubled() == 0, "{:?} {:?}", found.history, found.events);
    Ok(())
}
