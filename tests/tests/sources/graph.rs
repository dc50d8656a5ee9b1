//! Microsoft Graph, polled: two feeds of one login, pages newest first, late events, tokens and links that end in the middle.

use std::{collections::BTreeSet, time::Duration};

use anyhow::ensure;
use serde_json::json;
use tests::{
    events::{Click, click, graph_audit, graph_sign_in, now_ms},
    fakes::{FakeGraph, GraphFeed, Trouble},
    poll,
};

use crate::{
    log,
    polled::{SOON, has_come, is_in_state, metric, polling_graph},
};

/// An app that is not Microsoft's own.
const APP: &str = "5a3c0000-2222-4000-8000-000000000042";

fn a_click(number: u64, late_ms: i64) -> Click<'static> {
    Click { at_ms: now_ms() - late_ms, ..click(number, "mia.roth@brightwater.example", APP, "Polled") }
}

fn list(graph: &FakeGraph, numbers: std::ops::Range<u64>, late_ms: i64) {
    for number in numbers {
        graph.list(GraphFeed::SignIns, graph_sign_in(&a_click(number, late_ms)));
        graph.list(GraphFeed::DirectoryAudits, graph_audit(&a_click(number, late_ms), &["Mail.Read"]));
    }
}

#[test]
fn both_feeds_come_whole_with_late_events_tokens_that_end_and_links_that_end() -> anyhow::Result<()> {
    let graph = FakeGraph::start()?;
    graph.token_life(Duration::from_secs(2));
    list(&graph, 0..23, 0);
    let ingest = polling_graph(&graph).start()?;
    has_come(&ingest, 46)?;
    // Listed now, and half an hour old: within the overlap.
    list(&graph, 23..30, 1_800_000);
    has_come(&ingest, 60)?;
    graph.end_tokens();
    list(&graph, 30..40, 0);
    has_come(&ingest, 80)?;
    graph.end_links();
    list(&graph, 40..51, 0);
    has_come(&ingest, 102)?;
    // By its own words a token lives for two seconds: it is renewed before, and never by a refusal but the one that we made.
    poll(SOON, "a token was renewed", || {
        ensure!(graph.tokens_given() >= 3, "{} tokens", graph.tokens_given());
        Ok(())
    })?;
    ensure!(ingest.stop()? == 0);
    let refused = graph.asked().iter().filter(|asked| asked.status == 401).count();
    ensure!(refused <= 2, "{refused} requests with an ended token, by two feeds");
    let found = log::of_folder(ingest.data())?;
    found.is_exactly(&graph.ids())?;
    ensure!(found.doubled() == 0, "{:?}", found.events);
    let feeds: BTreeSet<&str> = found.cursors.keys().map(String::as_str).collect();
    ensure!(feeds == BTreeSet::from(["directory_audits", "sign_ins"]), "{feeds:?}");
    Ok(())
}

#[test]
fn a_refused_secret_and_a_missing_permission_are_named_and_end_by_themselves() -> anyhow::Result<()> {
    let graph = FakeGraph::start()?;
    graph.let_in(false);
    list(&graph, 0..3, 0);
    let ingest = polling_graph(&graph).start()?;
    is_in_state(&ingest, "sign_ins", "no_login")?;
    graph.let_in(true);
    has_come(&ingest, 6)?;
    graph.permit(false);
    is_in_state(&ingest, "sign_ins", "missing_permission")?;
    is_in_state(&ingest, "directory_audits", "missing_permission")?;
    let given = graph.tokens_given();
    poll(SOON, "it comes again with a token that could carry the permission", || {
        ensure!(graph.tokens_given() > given, "not yet");
        Ok(())
    })?;
    graph.permit(true);
    list(&graph, 3..5, 0);
    has_come(&ingest, 10)?;
    is_in_state(&ingest, "sign_ins", "polling")?;
    let log = ingest.log()?;
    ensure!(log.contains("AuditLog.Read.All") && log.contains("invalid_client"), "{log}");
    ensure!(!log.contains(graph.client().1) && !log.contains("planted-graph-token"), "a secret is in the log");
    Ok(())
}

#[test]
fn a_clock_of_ours_that_is_ahead_moves_no_window_into_the_future() -> anyhow::Result<()> {
    let graph = FakeGraph::start()?;
    // The provider is two hours behind us, twice the overlap.
    graph.skew(-7_200_000);
    let ingest = polling_graph(&graph).start()?;
    poll(SOON, "several looks are done", || {
        let pages = metric(&ingest, "daylight_ingest_poll_answers_total", &["outcome=\"page\""])?;
        ensure!(pages > 5.5, "{pages}");
        Ok(())
    })?;
    list(&graph, 0..4, 7_200_000);
    has_come(&ingest, 8)?;
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&graph.ids())
}

#[test]
fn throttling_failures_proxies_cut_pages_and_changed_types_cost_no_event() -> anyhow::Result<()> {
    let graph = FakeGraph::start()?;
    list(&graph, 0..2, 0);
    let ingest = polling_graph(&graph).start()?;
    has_come(&ingest, 4)?;
    let mut number = 2;
    for trouble in Trouble::usual() {
        // Each feed meets it, at a first page or in the middle, or while it logs in.
        graph.trouble(vec![trouble; 3]);
        list(&graph, number..number + 4, 0);
        number += 4;
        has_come(&ingest, usize::try_from(number * 2)?)?;
    }
    // Fields that are new, and types that are others.
    let mut drifted = graph_sign_in(&a_click(number, 0));
    drifted["newObject"] = json!({"deep": [1, null]});
    drifted["status"]["errorCode"] = "0".into();
    drifted["location"] = json!("nowhere");
    graph.list(GraphFeed::SignIns, drifted);
    has_come(&ingest, usize::try_from(number * 2 + 1)?)?;
    for feed in ["sign_ins", "directory_audits"] {
        is_in_state(&ingest, feed, "polling")?;
    }
    ensure!(ingest.stop()? == 0);
    log::of_folder(ingest.data())?.is_exactly(&graph.ids())
}
