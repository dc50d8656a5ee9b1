//! Daylight as Prometheus and Alertmanager see it: both real, with the rules and the configurations that ship.

use std::{fs, time::Duration};

use anyhow::{Context as _, ensure};
use event::Timestamp;
use serde_json::{Value, json};
use tests::{
    events::{OKTA_ORG, click, now_ms, okta_sso, page},
    http, poll,
    servers::{Alertmanager, Clickhouse, Daylight, Prometheus, Receiver, Setup, free_port, run_tool},
};
use toml::Table;

const GAUGE: &str = "daylight_unsanctioned_app_first_seen_timestamp_seconds";
const WITHIN: Duration = Duration::from_secs(60);

/// Posts findings of one tenant to Alertmanager.
fn alertmanager_receiver(alertmanager: &Alertmanager, tenant: &str) -> Table {
    let mut table = Table::new();
    for (key, value) in [("id", "alertmanager"), ("kind", "alertmanager"), ("url", &alertmanager.url())] {
        table.insert(key.to_owned(), value.into());
    }
    table.insert("tenants".to_owned(), vec![tenant.to_owned()].into());
    table
}

/// `host:port` of the people whom Alertmanager tells.
fn address_of(people: &Receiver) -> anyhow::Result<String> {
    let rest = people.url().strip_prefix("http://").context("no http")?;
    Ok(rest.split('/').next().context("no address")?.to_owned())
}

/// The lines of the gauge, as scraped.
fn gauge(daylight: &Daylight) -> anyhow::Result<Vec<String>> {
    Ok(daylight.metrics()?.lines().filter(|line| line.starts_with(GAUGE)).map(str::to_owned).collect())
}

/// The value of one series of a scrape.
fn value(scrape: &str, series: &str) -> Option<f64> {
    scrape.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

/// (alertname, app) of each alert that people were told of, in order.
fn told(people: &Receiver) -> Vec<(String, String)> {
    let text =
        |alert: &Value, pointer: &str| alert.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let posts = people.posts();
    let alerts =
        posts.iter().flat_map(|post| post.body.get("alerts").and_then(Value::as_array).cloned().unwrap_or_default());
    let firing = alerts.filter(|alert| text(alert, "/status") == "firing");
    firing.map(|alert| (text(&alert, "/labels/alertname"), text(&alert, "/labels/app"))).collect()
}

fn the_only(alerts: Vec<Value>) -> anyhow::Result<Value> {
    ensure!(alerts.len() == 1, "{} alerts: {alerts:?}", alerts.len());
    alerts.into_iter().next().context("no alert")
}

#[test]
fn a_new_app_fires_in_prometheus_and_people_are_told_once() -> anyhow::Result<()> {
    let people = Receiver::start()?;
    let alertmanager = Alertmanager::start(&address_of(&people)?)?;
    let admin = format!("127.0.0.1:{}", free_port()?);
    // Findings of one tenant go to Alertmanager; those of the other go nowhere, so that Prometheus' own alert has to tell of them.
    let daylight = Setup::new()
        .set("admin.listen", admin.as_str())
        .set("detect.learning_days", 0)
        .connection("okta", "brightwater", "okta", OKTA_ORG)
        .connection("okta-2", "umbrella", "okta", "umbrella.okta.example")
        .receiver_table(alertmanager_receiver(&alertmanager, "brightwater"))
        .start()?;
    let prometheus = Prometheus::start(&admin, alertmanager.address())?;
    ensure!(gauge(&daylight)?.is_empty(), "nothing was seen yet");

    let zigzag = okta_sso(&click(1, "mia.roth@brightwater.example", "0oa1", "Zigzag Boards"));
    daylight.accept("okta", &page(&[zigzag]))?;
    let fires = |app: &str, tenant: &str| {
        poll(WITHIN, "NewUnsanctionedApp fires in Prometheus", || {
            let firing = prometheus.firing("NewUnsanctionedApp")?;
            let is_it =
                |labels: &&Value| labels["app"] == app && labels["tenant"] == tenant && labels["severity"] == "low";
            ensure!(firing.iter().filter(is_it).count() == 1, "{firing:?}\n{}", prometheus.last_words());
            Ok(())
        })
    };
    fires("okta:app_id:0oa1", "brightwater")?;

    let finding = poll(WITHIN, "Alertmanager holds the finding", || the_only(alertmanager.alerts("DaylightFinding")?))?;
    ensure!(finding["status"]["state"] == "active" && finding["labels"]["rule"] == "N1", "{finding}");
    poll(WITHIN, "Prometheus' alert is there, and inhibited by the finding", || {
        let alert = the_only(alertmanager.alerts("NewUnsanctionedApp")?)?;
        ensure!(alert["status"]["inhibitedBy"] == json!([finding["fingerprint"]]), "{alert}");
        Ok(())
    })?;

    let quill = okta_sso(&click(2, "bo.lind@umbrella.example", "0oa2", "Quill Planner"));
    daylight.accept("okta-2", &page(&[quill]))?;
    fires("okta:app_id:0oa2", "umbrella")?;
    // Its group was formed after that of the inhibited alert and waits as long: what was held back then would have been told by now.
    let expected = [("DaylightFinding", "okta:app_id:0oa1"), ("NewUnsanctionedApp", "okta:app_id:0oa2")]
        .map(|(name, app)| (name.to_owned(), app.to_owned()));
    poll(WITHIN, "people are told of what nobody else tells", || {
        ensure!(told(&people) == expected, "{:?}", told(&people));
        Ok(())
    })?;

    let before = gauge(&daylight)?;
    ensure!(before.len() == 2, "{before:?}");
    daylight.kill9()?;
    daylight.restart()?;
    poll(WITHIN, "the same series stand after a crash", || {
        ensure!(gauge(&daylight)? == before, "{:?} instead of {before:?}", gauge(&daylight)?);
        Ok(())
    })?;

    decide(&daylight, "brightwater", "okta:app_id:0oa1")?;
    poll(WITHIN, "a decided app leaves the gauge", || {
        let left = gauge(&daylight)?;
        ensure!(left.len() == 1 && left.iter().all(|line| line.contains("umbrella")), "{left:?}");
        Ok(())
    })?;
    ensure!(told(&people) == expected, "each was told of once: {:?}", told(&people));
    Ok(())
}

fn decide(daylight: &Daylight, tenant: &str, app: &str) -> anyhow::Result<()> {
    let token = fs::read_to_string(daylight.data().join("admin.token")).context("reading the admin token")?;
    let authorization = format!("Bearer {}", token.trim());
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let decision = json!({"tenant": tenant, "app": app, "status": "tolerated", "reason": "test", "decided_by": "it"});
    let answer = http::post(&format!("{}/v1/decide", daylight.admin()), &headers, decision.to_string().as_bytes())?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(())
}

#[test]
fn a_finding_stays_active_through_a_restart_of_alertmanager_and_ends_at_its_end() -> anyhow::Result<()> {
    const ACTIVE_MS: i64 = 15_000;
    let people = Receiver::start()?;
    let mut alertmanager = Alertmanager::start(&address_of(&people)?)?;
    let daylight = Setup::new()
        .set("detect.learning_days", 0)
        .set("notify.alertmanager_active_ms", ACTIVE_MS)
        .set("notify.alertmanager_repost_ms", 1_000)
        .connection("okta", "brightwater", "okta", OKTA_ORG)
        .receiver_table(alertmanager_receiver(&alertmanager, "brightwater"))
        .start()?;
    daylight.accept("okta", &page(&[okta_sso(&click(1, "mia.roth@brightwater.example", "0oa1", "Zigzag Boards"))]))?;
    let holds = |alertmanager: &Alertmanager| {
        poll(WITHIN, "Alertmanager holds the finding", || the_only(alertmanager.alerts("DaylightFinding")?))
    };
    let first = holds(&alertmanager)?;
    let time = |alert: &Value, key: &str| {
        let text = alert[key].as_str().unwrap_or_default();
        Timestamp::parse(text).with_context(|| format!("{key} is {text:?}"))
    };

    // It forgets everything, and is told again.
    alertmanager.kill9()?;
    alertmanager.restart()?;
    let again = holds(&alertmanager)?;
    for key in ["fingerprint", "labels", "annotations"] {
        ensure!(again[key] == first[key], "{key}: {} instead of {}", again[key], first[key]);
    }
    let (started_at, ends_at) = (time(&again, "startsAt")?, time(&again, "endsAt")?);
    ensure!(started_at == time(&first, "startsAt")?, "{again}");
    ensure!(ends_at.since_ms(started_at) == ACTIVE_MS, "it ends {} ms after its start", ends_at.since_ms(started_at));

    // Told again and again, it stays one alert until its end, and is over then.
    let mut updates = std::collections::BTreeSet::new();
    poll(WITHIN, "the finding is over", || {
        let alerts = alertmanager.alerts("DaylightFinding")?;
        if now_ms() < ends_at.0 {
            let alert = the_only(alerts.clone())?;
            updates.insert(alert["updatedAt"].to_string());
        }
        ensure!(alerts.is_empty(), "{alerts:?}");
        Ok(())
    })?;
    ensure!(now_ms() >= ends_at.0, "it was over before its end");
    ensure!(updates.len() >= 2, "it was not told again: {updates:?}");
    Ok(())
}

#[test]
fn what_is_scraped_keeps_the_conventions_of_prometheus() -> anyhow::Result<()> {
    let people = Receiver::start()?;
    let daylight = Setup::new()
        .set("detect.learning_days", 0)
        .connection("okta", "brightwater", "okta", OKTA_ORG)
        .receiver("people", &people)
        .start()?;
    let before = daylight.metrics()?;
    for born_with_zero in [
        r#"daylight_ingest_rejected_total{connection="okta",reason="bad_json"} 0"#,
        r#"daylight_notify_attempts_total{outcome="refused",receiver="people"} 0"#,
        r#"daylight_notify_waiting_alerts{receiver="people"} 0"#,
        r#"daylight_build_info{version="0.1.0"} 1"#,
        r#"daylight_component_ready{component="sink"} 1"#,
    ] {
        ensure!(before.lines().any(|line| line == born_with_zero), "{born_with_zero} is not in\n{before}");
    }
    let last_event = r#"daylight_ingest_last_event_timestamp_seconds{connection="okta"}"#;
    let started = value(&before, last_event).context("no start of the silence")?;

    let events = [okta_sso(&click(1, "mia.roth@brightwater.example", "0oa1", "Zigzag Boards")), json!({"no": "event"})];
    daylight.accept("okta", &page(&events))?;
    let scrape = poll(WITHIN, "everything that can be counted has been counted", || {
        let scrape = daylight.metrics()?;
        let rows = r#"daylight_sink_rows_total{table="events"}"#;
        ensure!(value(&scrape, rows) == Some(1.0), "{scrape}");
        ensure!(value(&scrape, "daylight_sink_lag_records") == Some(0.0), "the lag stays: {scrape}");
        ensure!(scrape.contains(GAUGE) && scrape.contains("daylight_unsanctioned_app_series_suppressed"), "{scrape}");
        ensure!(scrape.contains("daylight_notify_delivery_seconds_bucket"), "{scrape}");
        Ok(scrape)
    })?;
    ensure!(value(&scrape, last_event).is_some_and(|at| at >= started), "{scrape}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("metrics");
    fs::write(&file, &scrape)?;
    let script = format!("promtool check metrics <'{}'", file.display());
    tests::servers::installed("promtool")?;
    run_tool("sh", &["-c".into(), script.into()])?;
    Ok(())
}

#[test]
fn rows_that_do_not_land_are_counted_and_grow_old() -> anyhow::Result<()> {
    let mut clickhouse = Clickhouse::start()?;
    let daylight = Setup::new()
        .connection("okta", "brightwater", "okta", OKTA_ORG)
        .clickhouse(&clickhouse.url(), "daylight")
        .start()?;
    clickhouse.kill9();
    daylight.accept("okta", &page(&[okta_sso(&click(1, "mia.roth@brightwater.example", "0oa1", "Zigzag Boards"))]))?;
    let shows = |what: &str, is_it: fn(f64, f64, f64) -> bool| {
        poll(WITHIN, what, || {
            let scrape = daylight.metrics()?;
            let series = |name: &str| value(&scrape, name).with_context(|| format!("no {name}"));
            let (lag, age) =
                (series("daylight_sink_lag_records ")?, series("daylight_sink_oldest_unlanded_age_seconds ")?);
            let ready = series("daylight_component_ready{component=\"sink\"}")?;
            ensure!(is_it(lag, age, ready), "lag {lag}, age {age} s, ready {ready}");
            Ok(())
        })
    };
    shows("the record waits, and the sink says so", |lag, age, ready| lag >= 1.0 && age > 4.0 && ready == 0.0)?;
    clickhouse.restart()?;
    shows("everything has landed", |lag, age, ready| lag == 0.0 && age == 0.0 && ready == 1.0)?;
    daylight.expect(WITHIN, "SELECT count() FROM events", 1)
}
