//! Servers that are reached by https only, as a real Slack and a ClickHouse of others are: trusted through `[tls] ca_file`, and told from
//! those that nobody vouches for.

use std::{fs, path::Path, time::Duration};

use anyhow::ensure;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::{Clickhouse, KafkaServer, Receiver, Setup, kafka::Seal},
    tls::{Authority, TlsProxy},
};

/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(60);

/// A file with an authority's certificate, in a folder of the test.
fn ca_file(folder: &Path, authority: &Authority) -> anyhow::Result<String> {
    let path = folder.join("company-ca.pem");
    fs::write(&path, authority.pem()?)?;
    Ok(path.display().to_string())
}

/// What follows `http://`, up to the path.
fn host_and_port(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap_or_default()
}

fn webhook(id: &str, url: &str, folder: &Path) -> anyhow::Result<toml::Table> {
    let url_file = folder.join(format!("{id}-url"));
    fs::write(&url_file, url)?;
    let text = format!("id = {id:?}\nkind = \"slack\"\nurl_secret = {{ file = {:?} }}", url_file.display().to_string());
    Ok(toml::from_str(&text)?)
}

#[test]
fn a_receiver_by_https_is_told_and_one_that_nobody_vouches_for_is_named_and_told_as_soon_as_somebody_does()
-> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (company, stranger) = (Authority::new("Brightwater")?, Authority::new("Nobody you know")?);
    let (trusted, doubtful) = (Receiver::start()?, Receiver::start()?);
    let trusted_proxy = TlsProxy::start(host_and_port(trusted.url()), &company.issue()?)?;
    let doubtful_proxy = TlsProxy::start(host_and_port(doubtful.url()), &stranger.issue()?)?;
    let address = |proxy: &TlsProxy| format!("https://{}/planted-path", proxy.address());
    let daylight = Setup::new()
        .connection("okta", "acme", "okta", OKTA_ORG)
        .receiver_table(webhook("trusted", &address(&trusted_proxy), folder.path())?)
        .receiver_table(webhook("doubtful", &address(&doubtful_proxy), folder.path())?)
        .set("tls.ca_file", ca_file(folder.path(), &company)?)
        .set("detect.learning_days", 0)
        .set("notify.retry_wait_max_ms", 500)
        .start()?;
    daylight.accept("okta", &page(&[okta_sso(&click(1, "mia.roth@brightwater.example", "0oaTls", "Sealed Notes"))]))?;
    let arrived = |receiver: &Receiver| {
        let posts = receiver.posts();
        ensure!(posts.iter().any(|post| post.body.to_string().contains("Sealed Notes")), "{} posts", posts.len());
        Ok(())
    };
    poll(SOON, "the trusted receiver is told", || arrived(&trusted))?;
    poll(SOON, "the log says why the other is not", || {
        let log = daylight.log()?;
        let line = log.lines().find(|line| line.contains("doubtful") && line.contains("certificate verify failed"));
        ensure!(line.is_some_and(|line| line.contains("[tls] ca_file")), "no such line");
        Ok(())
    })?;
    ensure!(doubtful.posts().is_empty(), "told without a certificate that can be trusted");
    ensure!(!daylight.log()?.contains("planted-path"), "the address, which may be a secret, is in the log");
    doubtful_proxy.present(&company.issue()?)?;
    poll(SOON, "the doubtful receiver is told at last", || arrived(&doubtful))
}

#[test]
fn rows_and_questions_travel_to_clickhouse_by_https() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (company, clickhouse) = (Authority::new("Brightwater")?, Clickhouse::start()?);
    let proxy = TlsProxy::start(host_and_port(&clickhouse.url()), &company.issue()?)?;
    let url = format!("https://{}", proxy.address());
    let setup = || Setup::new().connection("okta", "acme", "okta", OKTA_ORG).clickhouse(&url, "sealed");
    let untrusting = setup().not_ready_is_fine().start()?;
    poll(SOON, "the sink says whom it does not trust", || {
        let answer = untrusting.readiness()?;
        let (status, said) = (answer.status, answer.text());
        ensure!(status == 503 && said.contains(&url) && said.contains("certificate verify failed"), "{status} {said}");
        Ok(())
    })?;
    drop(untrusting);
    let daylight = setup().set("tls.ca_file", ca_file(folder.path(), &company)?).start()?;
    let clicks: Vec<_> =
        (0..500).map(|number| okta_sso(&click(number, "mia.roth@brightwater.example", "0oaTls", "Sealed"))).collect();
    daylight.accept("okta", &page(&clicks))?;
    // Asked past TLS: the rows went through it, as `url` is the only address that Daylight has.
    let ask = format!("{}/?database=sealed", clickhouse.url());
    poll(SOON, "the rows are there", || {
        let answer = tests::http::post(&ask, &[], b"SELECT uniqExact(event_id) FROM events")?.text();
        ensure!(answer.trim() == "500", "{answer}");
        Ok(())
    })?;
    // A question of an operator, which the process asks for us.
    let asked = std::process::Command::new(tests::servers::binary()?)
        .args(["sql", "--data-folder"])
        .arg(daylight.data())
        .arg("SELECT count() FROM events")
        .output()?;
    ensure!(String::from_utf8_lossy(&asked.stdout).contains("500"), "{asked:?}");
    Ok(())
}

/// The log on a Kafka behind TLS and a password; its authority is found where OpenSSL looks, as in the container image.
fn on_sealed_kafka(bootstrap: &str, password_file: &Path) -> Setup {
    let property = |name: &str, value: &str| (name.to_owned(), toml::Value::from(value));
    let properties: toml::Table = [
        property("security.protocol", "SASL_SSL"),
        property("sasl.mechanism", "PLAIN"),
        property("sasl.username", "daylight"),
    ]
    .into_iter()
    .collect();
    let secret = toml::Table::from_iter([property("file", &password_file.display().to_string())]);
    let secrets = toml::Table::from_iter([("sasl.password".to_owned(), toml::Value::from(secret))]);
    Setup::new()
        .connection("okta", "acme", "okta", OKTA_ORG)
        .kafka(bootstrap)
        .set("log.kafka_properties", properties)
        .set("log.kafka_secrets", secrets)
}

#[test]
fn the_log_lives_on_a_kafka_behind_tls_and_a_password_and_a_wrong_one_is_a_sentence_and_not_a_hang()
-> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let company = Authority::new("Brightwater")?;
    let (certificate, password) = (company.issue()?, "planted-kafka-password");
    let seal = Seal { certificate: &certificate, user: "daylight", password };
    let kafka = KafkaServer::start_sealed(&seal)?;
    let (password_file, ca_file) = (folder.path().join("kafka"), ca_file(folder.path(), &company)?);
    let setup = || on_sealed_kafka(&kafka.bootstrap, &password_file).env("SSL_CERT_FILE", &ca_file);
    for (what, content, env, expected) in [
        ("a wrong password", "planted-wrong", ca_file.as_str(), "uthentication failed"),
        ("nobody to trust", password, "/dev/null", "certificate verify failed"),
    ] {
        fs::write(&password_file, content)?;
        let refused = on_sealed_kafka(&kafka.bootstrap, &password_file).env("SSL_CERT_FILE", env).start().err();
        let refused = refused.map(|error| format!("{error:#}")).unwrap_or_default();
        ensure!(refused.contains(expected) && refused.contains(&kafka.bootstrap), "{what}: {refused}");
        ensure!(!refused.contains("planted"), "{what}: {refused}");
    }
    fs::write(&password_file, password)?;
    let daylight = setup().start()?;
    daylight.accept("okta", &page(&[okta_sso(&click(1, "mia.roth@brightwater.example", "0oaTls", "Sealed Notes"))]))?;
    daylight.expect(SOON, "SELECT count() FROM events", 1)?;
    ensure!(!daylight.log()?.contains("planted"), "the password is in the log");
    Ok(())
}
