//! An event hub as a source: a real Kafka behind TLS and a connection string stands in for Azure Event Hubs, and holds Entra's diagnostic
//! envelopes. Whatever happens to the reader, what comes out is what was put in.
//!
//! What this takes for granted of the real one, from Microsoft's documentation of its Kafka endpoint: SASL PLAIN over TLS, the user
//! `$ConnectionString`, classic consumer groups, bodies `{"records": […]}`. Not shown here: its throttling, its moving of partitions.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, anyhow, ensure};
use broker::{Broker, Cleanup, KafkaSettings, Limits, Record, TopicSpec};
use serde_json::{Value as Json, json};
use tests::{
    events::{ENTRA_TENANT, click, entra_consent, now_ms},
    poll,
    servers::{
        Daylight, KafkaServer, Setup, binary,
        kafka::{STRANGER, Seal},
    },
    tls::Authority,
};

/// Generous: a rebalance on a busy machine.
const SOON: Duration = Duration::from_secs(120);
/// What Event Hubs want as a password.
const CONNECTION_STRING: &str = "Endpoint=sb://planted/;SharedAccessKeyName=listen;SharedAccessKey=planted-key";
const GROUP: &str = "daylight-test";
/// A member that was killed is missed after so long. Event Hubs are given 30 s.
const SESSION_TIMEOUT_MS: u32 = 6_000;
const PARTITIONS: u32 = 4;
/// Records of one envelope.
const ENVELOPE_RECORDS: u64 = 10;

/// A Kafka that stands in for Event Hubs.
struct Namespace {
    kafka: KafkaServer,
    authority: Authority,
}

impl Namespace {
    fn start() -> anyhow::Result<Namespace> {
        let authority = Authority::new("Redmond")?;
        let certificate = authority.issue()?;
        let seal = Seal { certificate: &certificate, user: "$ConnectionString", password: CONNECTION_STRING };
        Ok(Namespace { kafka: KafkaServer::start_sealed(&seal)?, authority })
    }
}

/// One for all tests that leave it running.
static SHARED: LazyLock<anyhow::Result<Namespace>> = LazyLock::new(Namespace::start);

/// A hub of its own for each test, and whoever writes into it.
struct Hub {
    topic: String,
    bootstrap: String,
    writer: Broker,
    folder: tempfile::TempDir,
    retention_ms: Option<u64>,
}

impl Hub {
    fn make() -> anyhow::Result<Hub> {
        Hub::of(SHARED.as_ref().map_err(|error| anyhow!("the shared Kafka did not start: {error:#}"))?, None)
    }

    fn of(namespace: &Namespace, retention_ms: Option<u64>) -> anyhow::Result<Hub> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (folder, bootstrap) = (tempfile::tempdir()?, namespace.kafka.bootstrap.clone());
        fs::write(folder.path().join("ca.pem"), namespace.authority.pem()?)?;
        fs::write(folder.path().join("connection-string"), CONNECTION_STRING)?;
        let ca = folder.path().join("ca.pem").display().to_string();
        let properties = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "$ConnectionString"),
            ("sasl.password", CONNECTION_STRING),
            ("ssl.ca.location", &ca),
        ];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let settings = KafkaSettings { replication: 1, properties };
        let writer = Broker::connect_kafka(&bootstrap, settings, Limits::default())?;
        let topic = format!("insights-logs-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let hub = Hub { topic, bootstrap, writer, folder, retention_ms };
        hub.make_topic()?;
        Ok(hub)
    }

    fn make_topic(&self) -> anyhow::Result<()> {
        let cleanup = Cleanup::Delete { retention_ms: self.retention_ms, retention_bytes: None };
        Ok(self.writer.ensure_topics(&[TopicSpec { name: self.topic.clone(), partitions: PARTITIONS, cleanup }])?)
    }

    fn put(&self, partition: u32, body: &[u8]) -> anyhow::Result<u64> {
        let record = Record { partition, key: None, value: Some(body.to_vec()) };
        Ok(self.writer.append(&self.topic, record)?.wait()?)
    }

    /// Writes envelopes whose events have these numbers, over all partitions.
    fn put_envelopes(&self, numbers: std::ops::Range<u64>) -> anyhow::Result<()> {
        let numbers: Vec<u64> = numbers.collect();
        for (envelope, some) in numbers.chunks(usize::try_from(ENVELOPE_RECORDS)?).enumerate() {
            self.put(u32::try_from(envelope)? % PARTITIONS, &envelope_of(some))?;
        }
        Ok(())
    }

    fn password_file(&self) -> PathBuf {
        self.folder.path().join("connection-string")
    }

    /// A connection of Entra that reads this hub and takes nothing over HTTP.
    fn connection(&self, password_file: &Path) -> anyhow::Result<toml::Table> {
        let (ca_file, password_file) = (self.folder.path().join("ca.pem"), password_file.display());
        let group = format!("'{GROUP}'\nproperties = {{ \"session.timeout.ms\" = '{SESSION_TIMEOUT_MS}' }}");
        Ok(toml::from_str(&format!(
            "id = 'hub'\ntenant = 'acme'\nprovider = 'entra'\nprovider_tenant = '{ENTRA_TENANT}'\n[hub]\nbrokers = '{}'\ntopic = '{}'\npassword = {{ file = '{password_file}' }}\nca_file = '{}'\ngroup = {group}\n",
            self.bootstrap,
            self.topic,
            ca_file.display()
        ))?)
    }

    /// Messages that our group has committed.
    fn committed(&self) -> anyhow::Result<u64> {
        let of = |partition| {
            let committed = self.writer.committed(GROUP, &self.topic, partition)?;
            Ok(committed.map_or(0, |committed| committed.offset))
        };
        (0..PARTITIONS).map(of).sum()
    }
}

/// `{"records":[…]}`, as diagnostic settings write it.
fn envelope_of(numbers: &[u64]) -> Vec<u8> {
    let records: Vec<_> = numbers
        .iter()
        .map(|number| {
            let email = format!("person{}@brightwater.example", number % 50);
            let app_id = format!("5a3c0000-2222-4000-8000-{:012x}", number % 20);
            entra_consent(&click(*number, &email, &app_id, "Free PDF Tool"), &["Mail.Read"])
        })
        .collect();
    json!({"records": records}).to_string().into_bytes()
}

/// A series of `/metrics` whose labels hold these words.
fn metric(daylight: &Daylight, name: &str, words: &str) -> anyhow::Result<f64> {
    let metrics = daylight.metrics()?;
    let line = metrics.lines().find(|line| line.starts_with(name) && line.contains(words));
    let value = line.and_then(|line| line.rsplit(' ').next()).with_context(|| format!("no {name} with {words}"))?;
    Ok(value.parse()?)
}

fn is_in_state(daylight: &Daylight, state: &str) -> anyhow::Result<()> {
    let is_it = metric(daylight, "daylight_ingest_hub_state", &format!("state=\"{state}\""))?;
    ensure!(is_it > 0.5, "it is not {state}; its last words: {}", daylight.log()?.lines().last().unwrap_or_default());
    Ok(())
}

#[test]
fn killed_again_and_again_while_it_reads_a_hub_it_has_every_event_that_was_put_in() -> anyhow::Result<()> {
    let hub = Hub::make()?;
    hub.put_envelopes(0..2_000)?;
    let daylight = Setup::new().connection_table(hub.connection(&hub.password_file())?).start()?;
    let mut events = 2_000;
    for round in 1..=4u64 {
        let (before, more) = (hub.committed()?, events + 1_500);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| hub.put_envelopes(events..more));
            poll(SOON, "some of it was read", || {
                let now = hub.committed()?;
                ensure!(now > before, "round {round}: nothing new is committed: {now}");
                Ok(())
            })?;
            daylight.kill9()?;
            daylight.restart()?;
            writer.join().ok().context("the writer panicked")?
        })?;
        events = more;
    }
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", events)?;
    poll(SOON, "everything that was read is committed", || {
        let committed = hub.committed()?;
        ensure!(committed == events / ENVELOPE_RECORDS, "{committed} messages");
        Ok(())
    })?;
    ensure!(daylight.number("SELECT uniqExact(user_key) FROM events")? == 50);
    ensure!(daylight.number("SELECT count() FROM dead_letters")? == 0);
    ensure!(!daylight.log()?.contains("planted"), "the connection string is in the log");
    Ok(())
}

#[test]
fn a_message_that_cannot_be_taken_is_a_dead_letter_with_its_place_and_the_reader_goes_on() -> anyhow::Result<()> {
    let hub = Hub::make()?;
    hub.put(0, &envelope_of(&[1, 2]))?;
    hub.put(0, b"<html>a proxy was here</html>")?;
    let large = envelope_of(&(100..200).collect::<Vec<_>>());
    hub.put(0, &large)?;
    hub.put(0, CONNECTION_STRING.as_bytes())?;
    hub.put(0, b"")?;
    hub.put(0, &envelope_of(&[2, 3]))?;
    let setup = Setup::new().connection_table(hub.connection(&hub.password_file())?);
    let daylight = setup.set("ingest.body_bytes_max", i64::try_from(large.len() - 1)?).start()?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", 3)?;
    daylight.expect(SOON, "SELECT count() FROM dead_letters", 3)?;
    let letters = daylight.rows("SELECT origin, toString(reason), scrubbed FROM dead_letters ORDER BY origin")?;
    let places: Vec<_> = letters.iter().map(|letter| format!("{} {}", letter[0], letter[1])).collect();
    let expected = [(1, "bad_json"), (2, "too_large"), (3, "bad_json")];
    let expected = expected.map(|(offset, reason)| format!("\"hub:{}:0:{offset}:0\" \"{reason}\"", hub.topic));
    ensure!(places == expected, "{places:?}");
    ensure!(!letters[2][2].to_string().contains("planted-key"), "the connection string is in a dead letter");
    poll(SOON, "everything is committed", || {
        let committed = hub.committed()?;
        ensure!(committed == 6, "{committed} messages");
        Ok(())
    })
}

#[test]
fn two_processes_share_a_hub_and_one_takes_over_when_the_other_dies() -> anyhow::Result<()> {
    let (hub, log) = (Hub::make()?, KafkaServer::start()?);
    let setup = || -> anyhow::Result<Setup> {
        let connection = hub.connection(&hub.password_file())?;
        Ok(Setup::new().tenant("acme").connection_table(connection).kafka(&log.bootstrap))
    };
    let whole = setup()?.start()?;
    let other = setup()?.role("ingest").start()?;
    let read = |daylight: &Daylight| metric(daylight, "daylight_ingest_hub_messages_total", "connection=\"hub\"");
    let mut events = 0;
    poll(SOON, "both read", || {
        hub.put_envelopes(events..events + 200)?;
        events += 200;
        let (one, two) = (read(&whole)?, read(&other)?);
        ensure!(one > 0.0 && two > 0.0, "{one} and {two} messages");
        Ok(())
    })?;
    other.kill9()?;
    hub.put_envelopes(events..events + 1_000)?;
    events += 1_000;
    whole.expect(SOON, "SELECT uniqExact(event_id) FROM events", events)
}

#[test]
fn a_hub_that_is_away_or_lets_us_not_in_is_a_state_and_holds_up_nobody() -> anyhow::Result<()> {
    let mut namespace = Namespace::start()?;
    let hub = Hub::of(&namespace, None)?;
    let password_file = hub.folder.path().join("wrong");
    fs::write(&password_file, format!("{CONNECTION_STRING}-wrong"))?;
    let connection = hub.connection(&password_file)?;
    let daylight =
        Setup::new().connection_table(connection).connection("http", "acme", "entra", ENTRA_TENANT).start()?;
    poll(SOON, "a wrong connection string shows", || is_in_state(&daylight, "away"))?;
    let log = daylight.log()?;
    ensure!(log.contains("uthentication failed") && !log.contains("planted"), "the log does not say why");
    let record = entra_consent(
        &click(1, "mia.roth@brightwater.example", "5a3c0000-2222-4000-8000-000000000001", "Free PDF Tool"),
        &["Mail.Read"],
    );
    ensure!(daylight.accept("http", json!({"records": [record]}).to_string().as_bytes())?["events"] == 1);
    // Somebody mends the secret, and while nobody looks, the hub goes away and comes back.
    fs::write(&password_file, CONNECTION_STRING)?;
    ensure!(daylight.stop()? == 0, "a stop that was asked for is no failure");
    namespace.kafka.kill9()?;
    daylight.restart()?;
    poll(SOON, "a hub that is away shows", || is_in_state(&daylight, "away"))?;
    ensure!(daylight.readiness()?.status == 200, "what comes over HTTP is not held up");
    namespace.kafka.restart()?;
    hub.put_envelopes(10..30)?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", 21)?;
    poll(SOON, "it is read again", || is_in_state(&daylight, "reading"))
}

#[test]
fn a_hub_that_was_made_anew_is_read_from_its_beginning() -> anyhow::Result<()> {
    let hub = Hub::make()?;
    hub.put_envelopes(0..400)?;
    let daylight = Setup::new().connection_table(hub.connection(&hub.password_file())?).start()?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", 400)?;
    poll(SOON, "everything is committed", || {
        ensure!(hub.committed()? == 40, "{} messages", hub.committed()?);
        Ok(())
    })?;
    daylight.kill9()?;
    // A hub that is made anew begins at 0: our place is one that it does not hold.
    hub.writer.delete_topic(&hub.topic)?;
    poll(SOON, "the topic is made anew", || hub.make_topic())?;
    hub.put_envelopes(1_000..1_100)?;
    daylight.restart()?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", 500)?;
    let lost = metric(&daylight, "daylight_ingest_hub_lost_messages_total", "connection=\"hub\"")?;
    ensure!(lost < 0.5, "nothing is known to be lost: {lost}");
    Ok(())
}

#[test]
fn messages_that_the_hub_dropped_before_they_were_read_are_counted_and_reading_goes_on() -> anyhow::Result<()> {
    // Long enough for what is read to be read on a busy machine.
    let namespace = SHARED.as_ref().map_err(|error| anyhow!("the shared Kafka did not start: {error:#}"))?;
    let hub = Hub::of(namespace, Some(15_000))?;
    let begun_ms = now_ms();
    let daylight = Setup::new().connection_table(hub.connection(&hub.password_file())?).start()?;
    poll(SOON, "it reads", || is_in_state(&daylight, "reading"))?;
    hub.put_envelopes(0..80)?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", 80)?;
    poll(SOON, "everything is committed", || {
        ensure!(hub.committed()? == 8, "{} messages", hub.committed()?);
        Ok(())
    })?;
    daylight.kill9()?;
    hub.put_envelopes(1_000..1_120)?;
    poll(SOON, "the hub has dropped everything", || {
        for partition in 0..PARTITIONS {
            let (low, high) = hub.writer.watermarks(&hub.topic, partition)?;
            ensure!(low == high, "partition {partition}: {low} to {high}");
        }
        Ok(())
    })?;
    daylight.restart()?;
    poll(SOON, "what is lost is counted", || {
        let lost = metric(&daylight, "daylight_ingest_hub_lost_messages_total", "connection=\"hub\"")?;
        ensure!((lost - 12.0).abs() < 0.5, "{lost} messages");
        Ok(())
    })?;
    // Each partition's loss is a gap, from the last message that was read to the moment at which nothing was left.
    let gaps = format!(
        "SELECT count() FROM gaps WHERE connection = 'hub' AND startsWith(feed, 'hub:') AND reason = 'not_kept' \
         AND detail LIKE '%dropped 3 messages%' AND from_at >= fromUnixTimestamp64Milli({begun_ms}) AND to_at <= now64(3)"
    );
    daylight.expect(SOON, &gaps, 4)?;
    let partial = "SELECT count() > 0 FROM usage_coverage WHERE is_partial AND has(partial_connections, 'hub')";
    ensure!(daylight.number(partial)? == 1, "the day is whole");
    // Somebody replays what Graph has of that time, and says so: one gap reaches out of the first time, and none out of the second.
    let day = |ms: i64| event::Timestamp(ms).to_string();
    let fill = |until: &str| -> anyhow::Result<(bool, String)> {
        let mut command = Command::new(binary()?);
        command.args(["connections", "fill", "hub", "--reason", "replayed from Graph", "--as", "mia"]);
        command.args(["--since", &day(begun_ms), "--until", until, "--data-folder"]).arg(daylight.data());
        let output = command.output()?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok((output.status.success(), format!("{out}{err}")))
    };
    let (is_filled, said) = fill(&day(begun_ms + 1))?;
    ensure!(!is_filled && said.contains("no gap of hub lies in that time"), "{said}");
    let (is_filled, said) = fill(&day(now_ms()))?;
    ensure!(is_filled && said.matches("is filled").count() == 4, "{said}");
    daylight.expect(SOON, "SELECT count() FROM gaps WHERE startsWith(feed, 'hub:')", 0)?;
    daylight.expect(SOON, partial, 0)?;
    poll(SOON, "a loss that is noted is not found again", || {
        ensure!(hub.committed()? == 20, "{} messages", hub.committed()?);
        Ok(())
    })?;
    hub.put_envelopes(2_000..2_040)?;
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events", 120)
}

#[test]
fn two_connections_of_one_hub_and_group_are_refused_with_both_names() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let password = folder.path().join("password");
    fs::write(&password, CONNECTION_STRING)?;
    let connection = |id: &str| -> anyhow::Result<toml::Table> {
        let mut table: BTreeMap<String, toml::Value> = toml::from_str(&format!(
            "tenant = 'acme'\nprovider = 'entra'\nprovider_tenant = '{ENTRA_TENANT}'\nhub = {{ brokers = '127.0.0.1:9', topic = 'signins', password = {{ file = '{}' }} }}",
            password.display()
        ))?;
        table.insert("id".to_owned(), id.into());
        Ok(table.into_iter().collect())
    };
    let setup = Setup::new().role("ingest").connection_table(connection("one")?).connection_table(connection("two")?);
    let refused = setup.start().err().map(|error| format!("{error:#}")).unwrap_or_default();
    for word in ["\"one\"", "\"two\"", "signins", "daylight"] {
        ensure!(refused.contains(word), "{word} is not in {refused}");
    }
    ensure!(!refused.contains("planted"), "{refused}");
    Ok(())
}

/// What `daylight connections check` says of a hub: its exit code, the state, and what to do.
fn checked(connection: toml::Table) -> anyhow::Result<(i32, String, String)> {
    let folder = tempfile::tempdir()?;
    let (config, _) = Setup::new().connection_table(connection).write(folder.path())?;
    let output = Command::new(binary()?).args(["connections", "check", "--json", "--config"]).arg(config).output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(!out.contains("planted") && !err.contains("planted"), "a secret is told: {out} {err}");
    let lines: Vec<Json> = serde_json::from_str(&out).with_context(|| format!("{out} {err}"))?;
    ensure!(lines.len() == 1 && lines[0]["by"] == "hub", "{out}");
    let text = |key: &str| lines[0][key].as_str().unwrap_or_default().to_owned();
    Ok((output.status.code().unwrap_or(-1), text("state"), text("detail")))
}

#[test]
fn a_check_goes_the_whole_way_into_a_hub_and_says_what_to_grant() -> anyhow::Result<()> {
    let hub = Hub::make()?;
    let (code, state, detail) = checked(hub.connection(&hub.password_file())?)?;
    ensure!(code == 0 && state == "ready", "{code} {state} {detail}");
    ensure!(hub.committed()? == 0, "a check has read something away");
    let wrong = hub.folder.path().join("wrong");
    fs::write(&wrong, format!("{CONNECTION_STRING}-wrong"))?;
    let stranger = hub.folder.path().join("stranger");
    fs::write(&stranger, STRANGER.1)?;
    let of = |password: &Path, key: &str, value: &str| -> anyhow::Result<toml::Table> {
        let mut connection = hub.connection(password)?;
        let table = connection.get_mut("hub").and_then(toml::Value::as_table_mut).context("no hub")?;
        table.insert(key.to_owned(), value.into());
        Ok(connection)
    };
    for (what, connection, state, word) in [
        ("a wrong password", hub.connection(&wrong)?, "no_login", "connection string"),
        ("a lost secret", hub.connection(Path::new("/nowhere/secret"))?, "no_secret", "/nowhere/secret"),
        ("another name", of(&hub.password_file(), "topic", "nowhere")?, "no_topic", "nowhere"),
        ("a stranger", of(&stranger, "user", STRANGER.0)?, "missing_permission", "DESCRIBE and READ on the topic"),
    ] {
        let (code, said, detail) = checked(connection)?;
        ensure!(code == 1 && said == state && detail.contains(word), "{what}: {code} {said} {detail}");
    }
    Ok(())
}
