//! An `ingest` that polls a fake, quickly, and how it says that it goes.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value as Json;
use tests::{
    events::{ENTRA_TENANT, GOOGLE_CUSTOMER, OKTA_ORG, click, okta_sso},
    fakes::{FakeGoogle, FakeGraph, FakeOffice365, FakeOkta},
    poll,
    servers::{Daylight, Setup},
};
use toml::{Table, Value};

/// Generous: on two cores beside other tests.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Events of one page: few, so that there are many pages.
pub(crate) const PAGE_EVENTS: i64 = 5;
/// How often a refused credential is tried again.
pub(crate) const RECHECK: Duration = Duration::from_millis(500);

/// A connection that polls a fake org, and nothing else.
pub(crate) fn okta_connection(okta: &FakeOkta) -> Table {
    let token = Table::from_iter([("env".to_owned(), Value::from("FAKE_OKTA_TOKEN"))]);
    let poll = patience([("api", "okta".into()), ("url", okta.url().into()), ("token", token.into())]);
    connection("okta", "okta", OKTA_ORG, poll)
}

/// `ingest` alone, polling a fake org.
pub(crate) fn polling_okta(okta: &FakeOkta) -> Setup {
    let setup = Setup::new().role("ingest").env("FAKE_OKTA_TOKEN", okta.token());
    setup.connection_table(okta_connection(okta))
}

/// The same as the org's service app, instead of with an API token.
pub(crate) fn polling_okta_as_app(okta: &FakeOkta) -> Setup {
    let (id, key_id, key) = okta.app();
    let source = Table::from_iter([("env".to_owned(), Value::from("FAKE_OKTA_KEY"))]);
    let poll = patience([
        ("api", "okta".into()),
        ("url", okta.url().into()),
        ("client_id", id.into()),
        ("private_key", source.into()),
        ("key_id", key_id.into()),
    ]);
    let setup = Setup::new().role("ingest").env("FAKE_OKTA_KEY", &key);
    setup.connection_table(connection("okta", "okta", OKTA_ORG, poll))
}

/// `ingest` alone, polling a fake directory.
pub(crate) fn polling_graph(graph: &FakeGraph) -> Setup {
    let (id, secret) = graph.client();
    let source = Table::from_iter([("env".to_owned(), Value::from("FAKE_GRAPH_SECRET"))]);
    let poll = patience([
        ("api", "graph".into()),
        ("url", graph.url().into()),
        ("token_url", graph.token_url().into()),
        ("client_id", id.into()),
        ("client_secret", source.into()),
    ]);
    let setup = Setup::new().role("ingest").env("FAKE_GRAPH_SECRET", secret);
    setup.connection_table(connection("entra", "entra", ENTRA_TENANT, poll))
}

/// `ingest` alone, polling a fake Workspace.
pub(crate) fn polling_google(google: &FakeGoogle) -> Setup {
    let key = Table::from_iter([("env".to_owned(), Value::from("FAKE_GOOGLE_KEY"))]);
    let poll = patience([
        ("api", "google_reports".into()),
        ("url", google.url().into()),
        ("delegated_admin", google.admin().into()),
        ("service_account", key.into()),
    ]);
    let setup = Setup::new().role("ingest").env("FAKE_GOOGLE_KEY", &google.key_file());
    setup.connection_table(connection("google", "google_workspace", GOOGLE_CUSTOMER, poll))
}

/// `ingest` alone, polling a fake audit log.
pub(crate) fn polling_office365(office: &FakeOffice365) -> Setup {
    let (id, secret) = office.client();
    let source = Table::from_iter([("env".to_owned(), Value::from("FAKE_OFFICE_SECRET"))]);
    let poll = patience([
        ("api", "office365".into()),
        ("url", office.url().into()),
        ("token_url", office.token_url().into()),
        ("client_id", id.into()),
        ("client_secret", source.into()),
    ]);
    let setup = Setup::new().role("ingest").env("FAKE_OFFICE_SECRET", secret);
    setup.connection_table(connection("audit", "m365_ual", ENTRA_TENANT, poll))
}

fn connection(id: &str, provider: &str, provider_tenant: &str, poll: Table) -> Table {
    let mut table = Table::new();
    for (key, value) in [("id", id), ("tenant", "acme"), ("provider", provider), ("provider_tenant", provider_tenant)] {
        table.insert(key.to_owned(), value.into());
    }
    table.insert("poll".to_owned(), poll.into());
    table
}

/// Everything a hundred times quicker than a real provider would like.
fn patience<const N: usize>(keys: [(&str, Value); N]) -> Table {
    let recheck_ms = i64::try_from(RECHECK.as_millis()).unwrap_or(i64::MAX);
    let quick = [
        ("interval_ms", Value::from(100)),
        ("page_rest_ms", Value::from(1)),
        ("page_events_max", Value::from(PAGE_EVENTS)),
        ("retry_wait_max_ms", Value::from(500)),
        ("recheck_interval_ms", Value::from(recheck_ms)),
    ];
    keys.into_iter().chain(quick).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The sign-on of this number: another number is another event.
pub(crate) fn sign_on(number: u64) -> Json {
    okta_sso(&click(number, &format!("person{}@brightwater.example", number % 20), "0oaPolled", "Polled"))
}

/// The series of a metric whose line holds all these texts, added up.
pub(crate) fn metric(daylight: &Daylight, name: &str, labels: &[&str]) -> anyhow::Result<f64> {
    let text = daylight.metrics()?;
    let lines = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))
            && labels.iter().all(|label| line.contains(label))
    });
    lines.map(|line| Ok(line.rsplit_once(' ').context("no value")?.1.parse::<f64>()?)).sum()
}

/// Waits until so many events of polled connections were acknowledged by the log since the process started.
pub(crate) fn has_come(daylight: &Daylight, events: usize) -> anyhow::Result<()> {
    poll(SOON, &format!("{events} events were fetched"), || {
        let come = metric(daylight, "daylight_ingest_events_total", &[])?;
        ensure!(come >= f64::from(u32::try_from(events)?), "{come}\n{}", how_it_goes(daylight)?);
        Ok(())
    })
}

/// Waits until the feed is in this state.
pub(crate) fn is_in_state(daylight: &Daylight, feed: &str, state: &str) -> anyhow::Result<()> {
    poll(SOON, &format!("{feed} is {state}"), || {
        let labels = [format!("feed=\"{feed}\""), format!("state=\"{state}\"")];
        let is_it = metric(daylight, "daylight_ingest_poll_state", &[&labels[0], &labels[1]])?;
        ensure!(is_it > 0.5, "{}", how_it_goes(daylight)?);
        Ok(())
    })
}

fn how_it_goes(daylight: &Daylight) -> anyhow::Result<String> {
    let text = daylight.metrics()?;
    Ok(text.lines().filter(|line| line.starts_with("daylight_ingest_poll")).collect::<Vec<_>>().join("\n"))
}
