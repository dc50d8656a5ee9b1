//! A configuration that cannot be used: one clear line naming key and file, exit code 2, and nothing started. And the folder of another.

use std::{
    fs,
    process::{Command, Output},
};

use anyhow::{Context, ensure};
use tests::{
    events::{ENTRA_TENANT, OKTA_ORG},
    servers::{Setup, binary},
};

/// Runs the binary on a configuration that it should refuse at once.
fn refused(config: &std::path::Path, role: &str) -> anyhow::Result<Output> {
    let output = Command::new(binary()?).arg(role).arg("--config").arg(config).output();
    output.context("running daylight")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_unusable_configuration_is_one_line_with_key_and_file_and_exit_code_2() -> anyhow::Result<()> {
    let base = || Setup::new().connection("okta", "acme", "okta", OKTA_ORG);
    let key = toml::Table::from_iter([("file".to_owned(), toml::Value::from("/nowhere/tenant.key"))]);
    let tenant = toml::Table::from_iter([("id".to_owned(), "acme".into()), ("key".to_owned(), key.clone().into())]);
    let hook = |key: &str, value: toml::Value| {
        let pairs =
            [("id", "hook".into()), ("kind", "webhook".into()), ("url", "http://127.0.0.1:9/".into()), (key, value)];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<toml::Table>()
    };
    let property = |name: &str, value: toml::Value| toml::Table::from_iter([(name.to_owned(), value)]);
    let cases: [(&str, Setup, &[&str]); 11] = [
        ("an unknown section", base().set("sinc.batch_rows_max", 5), &["daylight.toml", "sinc"]),
        ("an unknown key", base().set("sink.batch_rows", 5), &["daylight.toml, line", "batch_rows"]),
        ("a wrong unit", base().set("sink.flush_interval_s", 1), &["daylight.toml, line", "flush_interval_s"]),
        ("a unit in the value", base().set("sink.flush_interval_ms", "1s"), &["daylight.toml, line", "1s"]),
        ("an unknown provider", base().connection("x", "acme", "octa", "x"), &["daylight.toml, line", "octa", "okta"]),
        ("a wrong address", base().set("ingest.listen", "8480"), &["daylight.toml, line", "socket address"]),
        (
            "a missing key of a tenant",
            base().set("tenants", vec![toml::Value::from(tenant)]),
            &["tenants", "acme", "key", "/nowhere/tenant.key"],
        ),
        (
            "a missing secret of a receiver",
            base().receiver_table(hook("secret", key.clone().into())),
            &["receivers", "hook", "secret", "/nowhere/tenant.key"],
        ),
        (
            "a password of Kafka that stands in the file",
            base().set("log.kafka_properties", property("sasl.password", "planted".into())),
            &["log.kafka_properties", "sasl.password", "log.kafka_secrets"],
        ),
        (
            "a password of Kafka that is missing",
            base()
                .set("log.kafka", "127.0.0.1:9")
                .set("log.kafka_secrets", property("sasl.password", key.clone().into())),
            &["log.kafka_secrets", "sasl.password", "/nowhere/tenant.key"],
        ),
        (
            "an unknown severity",
            base().receiver_table(hook("severity_min", "loud".into())),
            &["daylight.toml, line", "severity_min", "loud"],
        ),
    ];
    cases.into_iter().try_for_each(|(what, setup, words)| is_refused_in_one_line(what, &setup, words))
}

#[test]
fn connections_that_would_tell_a_thing_twice_are_refused_with_both_names() -> anyhow::Result<()> {
    let base = || Setup::new().connection("okta", "acme", "okta", OKTA_ORG);
    let cases: [(&str, Setup, &[&str]); 2] = [
        (
            "one org under two tenants",
            base().connection("other", "umbrella", "okta", OKTA_ORG),
            &["\"okta\"", "\"other\"", "\"acme\"", OKTA_ORG],
        ),
        (
            "both logs of one directory",
            base().connection("entra", "acme", "entra", ENTRA_TENANT).connection(
                "audit",
                "acme",
                "m365_ual",
                ENTRA_TENANT,
            ),
            &["\"entra\"", "\"audit\"", ENTRA_TENANT, "two events"],
        ),
    ];
    cases.into_iter().try_for_each(|(what, setup, words)| is_refused_in_one_line(what, &setup, words))
}

/// Code 2, one line that holds these words, and nothing started.
fn is_refused_in_one_line(what: &str, setup: &Setup, words: &[&str]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, data) = setup.write(folder.path())?;
    let output = refused(&config, "run")?;
    let line = told(&output);
    ensure!(output.status.code() == Some(2), "{what}: {:?}, {line}", output.status);
    ensure!(line.trim_end().lines().count() == 1, "{what}: more than one line: {line}");
    for word in words {
        ensure!(line.contains(word), "{what}: {word:?} is not in {line}");
    }
    ensure!(!data.exists(), "{what}: something was started");
    Ok(())
}

#[test]
fn a_missing_secret_file_is_named_with_its_connection_and_only_by_the_role_that_needs_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, _) =
        Setup::new().connection("okta", "acme", "okta", OKTA_ORG).set("notify.nonsense", 1).write(folder.path())?;
    let secret = folder.path().join("secrets/okta");
    fs::remove_file(&secret)?;
    // The first thing that is wrong is told: keys come before secrets.
    ensure!(told(&refused(&config, "run")?).contains("nonsense"));
    fs::write(&config, fs::read_to_string(&config)?.replace("nonsense = 1", ""))?;
    for role in ["run", "ingest"] {
        let output = refused(&config, role)?;
        let line = told(&output);
        ensure!(output.status.code() == Some(2) && line.trim_end().lines().count() == 1, "{role}: {output:?}");
        for word in ["okta", "secret", &secret.display().to_string()] {
            ensure!(line.contains(word), "{role}: {word} is not in {line}");
        }
    }
    Ok(())
}

#[test]
fn a_configuration_that_is_not_there_is_named() -> anyhow::Result<()> {
    let output = refused(std::path::Path::new("/nowhere/daylight.toml"), "run")?;
    ensure!(output.status.code() == Some(2) && told(&output).contains("/nowhere/daylight.toml"), "{output:?}");
    Ok(())
}

#[test]
fn a_second_process_on_the_same_data_folder_is_refused_with_a_sentence_and_the_first_goes_on() -> anyhow::Result<()> {
    let first = Setup::new().role("ingest").connection("okta", "acme", "okta", OKTA_ORG).start()?;
    for role in ["ingest", "run"] {
        let output = refused(first.config(), role)?;
        let line = told(&output);
        ensure!(!output.status.success(), "{role} was started beside the first");
        let last = line.trim_end().lines().last().unwrap_or_default();
        ensure!(last.contains(&first.data().display().to_string()), "{role}: the folder is not named: {line}");
        ensure!(last.contains("belongs to a running process") && last.contains("choose another"), "{role}: {line}");
    }
    ensure!(first.accept("okta", b"[]")?["read"] == 0, "the first one was harmed");
    ensure!(first.readiness()?.status == 200);
    Ok(())
}
