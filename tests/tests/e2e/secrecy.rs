//! What must stand nowhere: a typed password in nothing that is kept, secrets and names in nothing that is said.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::{
    events::{OKTA_ORG, click, okta_consent, okta_failed_login, okta_sso, page},
    http::{self, Answer},
    poll,
    servers::{Daylight, Receiver, Setup},
};

/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(30);

/// Files below a folder that hold one of these texts, as `file: text`.
fn files_with(folder: &Path, texts: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?.flatten() {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.extend(files_with(&path, texts)?);
        } else if let Ok(bytes) = fs::read(&path) {
            // A file that merges took away meanwhile holds nothing.
            found.extend(texts_in(&bytes, texts).into_iter().map(|text| format!("{}: {text}", path.display())));
        }
    }
    Ok(found)
}

fn texts_in<'a>(bytes: &[u8], texts: &[&'a str]) -> Vec<&'a str> {
    let is_in = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    texts.iter().copied().filter(|text| is_in(text)).collect()
}

/// Rows of every table that hold the text anywhere, as `table: rows`. ClickHouse compresses its files, so it must be asked.
fn tables_with(daylight: &Daylight, text: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for table in daylight
        .rows("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'")?
    {
        let table = table[0].as_str().context("no name")?.to_owned();
        let rows = daylight
            .number(&format!("SELECT countIf(position(formatRow('JSONEachRow', *), '{text}') > 0) FROM `{table}`"))?;
        if rows > 0 {
            found.push(format!("{table}: {rows}"));
        }
    }
    Ok(found)
}

#[test]
fn a_password_typed_as_a_name_is_stored_nowhere() -> anyhow::Result<()> {
    let password = "TypedByMistake77Horse";
    let daylight = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).start()?;
    let sso = okta_sso(&click(1, "mia.roth@brightwater.example", "0oaControl", "ControlText"));
    let failed = okta_failed_login(2, password);
    let receipt = daylight.accept("okta", &page(&[sso, failed.clone()]))?;
    ensure!(receipt["events"] == 2, "{receipt}");
    // The same in every way that fails: no time, an unknown shape, cut off, a bracket too much, more than an event may have.
    let mut no_time = failed.clone();
    no_time.as_object_mut().context("an event is an object")?.remove("published");
    let cut = failed.to_string();
    let cut = &cut[..cut.len() - 40];
    let mut huge = failed.clone();
    huge["debugContext"]["debugData"]["padding"] = Value::from("x".repeat(300_000));
    let copied =
        no_time.to_string().replace("\"requestId\"", &format!("\"note\":\"login of {password} failed\",\"requestId\""));
    for (what, body) in [
        ("no time", format!("[{no_time}]")),
        ("a copy in another text", format!("[{copied}]")),
        ("cut off", cut.to_owned()),
        ("a bracket too much", format!("[{failed}}}]")),
        ("too large", format!("[{huge}]")),
    ] {
        let receipt = daylight.accept("okta", body.as_bytes())?;
        ensure!(receipt["rejected"].as_u64().is_some_and(|rejected| rejected > 0), "{what}: {receipt}");
    }
    daylight.expect(SOON, "SELECT count() >= 5 FROM dead_letters FINAL", 1)?;
    daylight.expect(SOON, "SELECT count() >= 2 FROM events", 1)?;

    // The control: what may be kept is found in the same way.
    ensure!(!tables_with(&daylight, "ControlText")?.is_empty(), "the search of tables finds nothing at all");
    let log = daylight.data().join("log");
    ensure!(!files_with(&log, &["ControlText"])?.is_empty(), "the search of the log's files finds nothing at all");
    ensure!(
        daylight.number("SELECT count() FROM events WHERE kind = 'login_failure' AND user_key = 0")? > 0,
        "no pseudonym either"
    );

    let tables = tables_with(&daylight, password)?;
    ensure!(tables.is_empty(), "in ClickHouse: {tables:?}");
    let files = files_with(daylight.data(), &[password])?;
    ensure!(files.is_empty(), "in files: {files:?}");
    ensure!(!daylight.log()?.contains(password) && !daylight.metrics()?.contains(password), "in logs or metrics");
    ensure!(daylight.stop()? == 0);
    let files = files_with(daylight.data(), &[password])?;
    ensure!(files.is_empty() && !daylight.log()?.contains(password), "after the stop: {files:?}");
    Ok(())
}

/// What may be said nowhere.
struct Planted {
    connection_secret: String,
    webhook_key: String,
    admin_token: String,
    tenant_key: String,
    email: &'static str,
    name: &'static str,
    token: &'static str,
    wrong_secret: &'static str,
}

impl Planted {
    fn of(daylight: &Daylight) -> anyhow::Result<Planted> {
        Ok(Planted {
            connection_secret: daylight.secret("okta").to_owned(),
            webhook_key: daylight.secret("hook").to_owned(),
            admin_token: fs::read_to_string(daylight.data().join("admin.token"))?,
            tenant_key: fs::read_to_string(daylight.data().join("tenants/acme.key"))?,
            email: "planted.person@brightwater.example",
            name: "planted person",
            token: "planted-state-token-9b2d",
            wrong_secret: "planted-wrong-secret",
        })
    }

    /// Which of them stand in a text.
    fn found_in(&self, text: &str) -> Vec<&str> {
        let secrets =
            [&self.connection_secret, &self.webhook_key, &self.admin_token, &self.tenant_key].map(String::as_str);
        let planted: Vec<&str> =
            secrets.into_iter().chain([self.email, self.name, self.token, self.wrong_secret]).collect();
        texts_in(text.as_bytes(), &planted)
    }
}

/// Everything that has an answer of its own, good and bad, at both doors.
fn provoke(daylight: &Daylight, planted: &Planted) -> anyhow::Result<Vec<Answer>> {
    let (email, token) = (planted.email, planted.token);
    let mut sso = okta_sso(&click(1, email, "0oaCanary", "Canary Cage"));
    sso["debugContext"]["debugData"]["url"] = Value::from(format!("/x?stateToken={token}"));
    let consent = okta_consent(&click(2, email, "0oaCanary2", "Canary Seed"), &["files.read"]);
    let text = sso.to_string();
    let good = page(&[sso.clone(), consent]);
    sso["published"] = Value::from(email);
    let mut answers = vec![daylight.send("okta", &good)?];
    let cut = text[..text.len() - 9].to_owned();
    for body in [cut, format!("[{sso}]"), format!("{{\"{token}\": \"{email}\"}}"), "[".repeat(1_000)] {
        answers.push(daylight.send("okta", body.as_bytes())?);
    }
    let events = daylight.events_url("okta");
    let (right, wrong) = (format!("Bearer {}", planted.connection_secret), format!("Bearer {}", planted.wrong_secret));
    for (url, authorization, encoding) in [
        (events.clone(), &wrong, "identity"),
        (format!("{events}/{token}"), &right, "identity"),
        (daylight.events_url(email), &right, "identity"),
        (events.clone(), &right, "gzip"),
        (events, &right, token),
    ] {
        let headers = [("authorization", authorization.as_str()), ("content-encoding", encoding)];
        answers.push(http::post(&url, &headers, text.as_bytes())?);
    }
    let admin = format!("Bearer {}", planted.admin_token);
    for (path, authorization, body) in [
        ("sql", &wrong, "SELECT 1"),
        ("sql", &admin, "SELECT nonsense FROM nowhere"),
        ("sql", &admin, "DROP TABLE events"),
        ("decide", &admin, r#"{"app": "nobody's", "status": "sanctioned", "reason": "x"}"#),
        ("decide", &admin, r#"{"app": 7}"#),
    ] {
        let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
        let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
        answers.push(http::post(&format!("{}/v1/{path}", daylight.admin()), &headers, body.as_bytes())?);
    }
    Ok(answers)
}

#[test]
fn no_log_line_metric_or_answer_holds_a_secret_a_name_or_a_token() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup.set("logs.level", "trace").set("detect.learning_days", 0).set("notify.retry_wait_max_ms", 500);
    let daylight = setup.start()?;
    let planted = Planted::of(&daylight)?;
    // The alerts fail first, then arrive.
    receiver.fail(2);
    let mut answers = provoke(&daylight, &planted)?;
    poll(SOON, "the alerts arrive", || {
        ensure!(receiver.accepted().len() >= 2, "{}", receiver.accepted().len());
        Ok(())
    })?;
    daylight.expect(SOON, "SELECT count() >= 2 FROM dead_letters FINAL", 1)?;
    let named = format!("SELECT count() FROM identities FINAL WHERE email = '{}'", planted.email);
    daylight.expect(SOON, &named, 1)?;
    answers.push(daylight.readiness()?);
    let metrics = daylight.metrics()?;
    ensure!(daylight.stop()? == 0);
    let log = daylight.log()?;
    // The controls: the log is really written at this level, the failures are in it, and the metrics are ours.
    ensure!(log.contains("TRACE") && log.contains("delivery refused") && log.contains("alert not delivered"), "{log}");
    ensure!(metrics.contains("daylight_ingest_rejected_total"), "{metrics}");
    for status in [200, 400, 401, 415] {
        ensure!(answers.iter().any(|answer| answer.status == status), "nothing was answered with {status}");
    }

    ensure!(planted.found_in(&log).is_empty(), "in the log: {:?}", planted.found_in(&log));
    ensure!(planted.found_in(&metrics).is_empty(), "in the metrics: {:?}", planted.found_in(&metrics));
    for answer in &answers {
        let said = planted.found_in(&format!("{:?} {}", answer.headers, answer.text()));
        ensure!(said.is_empty(), "{said:?} in an answer: {} {}", answer.status, answer.text());
    }
    for post in receiver.posts() {
        let said = planted.found_in(&post.body.to_string());
        ensure!(said.is_empty(), "{said:?} in an alert: {}", post.body);
    }
    Ok(())
}

/// Tokens and secrets are not kept with the event either; names only where they belong, in `identities`.
#[test]
fn tokens_are_kept_nowhere_and_names_only_among_the_identities() -> anyhow::Result<()> {
    let shared = crate::shared::shared()?;
    let daylight = &shared.daylight;
    let (email, token) = ("kept.person@brightwater.example", "KeptStateToken41c9");
    let mut sso = okta_sso(&click(1, email, "0oaKept", "Kept Nowhere"));
    sso["debugContext"]["debugData"]["url"] = Value::from(format!("/x?stateToken={token}"));
    let mut rejected = sso.clone();
    rejected["published"] = Value::from("not a time");
    rejected["uuid"] = Value::from("another");
    let receipt = daylight.accept("canary", &page(&[sso, rejected]))?;
    ensure!(receipt["events"] == 1 && receipt["rejected"] == 1, "{receipt}");
    let began = Instant::now();
    daylight.expect(SOON, "SELECT count() FROM events WHERE tenant = 'canary'", 1)?;
    daylight.expect(SOON, "SELECT count() FROM dead_letters FINAL WHERE tenant = 'canary'", 1)?;
    daylight.expect(SOON, "SELECT count() FROM identities FINAL WHERE tenant = 'canary'", 1)?;
    ensure!(began.elapsed() < SOON);
    let tables = tables_with(daylight, token)?;
    ensure!(tables.is_empty(), "the token is in ClickHouse: {tables:?}");
    let files = files_with(daylight.data(), &[token])?;
    ensure!(files.is_empty(), "the token is in files: {files:?}");
    // A dead letter keeps the event's text, names included: it is a restricted table, for 14 days.
    let tables: Vec<String> = tables_with(daylight, email)?;
    let is_restricted = |table: &String| table.starts_with("identities:") || table.starts_with("dead_letters:");
    ensure!(tables.len() == 2 && tables.iter().all(is_restricted), "the name is in {tables:?}");
    Ok(())
}
