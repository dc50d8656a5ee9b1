//! `daylight parse`: canonical events on standard output, one a line; the sums as the last line on standard error, and they add up.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{
    events::{click, entra_consent, okta_failed_login, okta_sso},
    servers::binary,
};

fn parse(provider: &str, options: &[&str], files: &[&Path]) -> anyhow::Result<Output> {
    let mut command = Command::new(binary()?);
    command.args(["parse", "--provider", provider]).args(options).args(files);
    command.output().context("running daylight parse")
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

fn okta_events() -> Vec<Value> {
    let mut ignored = okta_sso(&click(3, "ben.koch@brightwater.example", "0oaParse", "Parsley"));
    ignored["eventType"] = json!("system.email.delivery");
    ignored["target"] = json!(null);
    let mut no_time = okta_sso(&click(4, "ben.koch@brightwater.example", "0oaParse", "Parsley"));
    no_time["published"] = json!("yesterday");
    let sso = okta_sso(&click(1, "mia.roth@brightwater.example", "0oaParse", "Parsley"));
    vec![sso, okta_failed_login(2, "mia.roth@brightwater.example"), ignored, no_time]
}

#[test]
fn every_form_of_a_file_is_counted_alike_and_the_sums_are_the_last_line() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let events = okta_events();
    let texts: Vec<String> = events.iter().map(Value::to_string).collect();
    let forms = [
        ("array.json", Value::from(events.clone()).to_string()),
        ("lines.ndjson", texts.join("\n")),
        ("hook.json", json!({"eventType": "com.okta.event_hook", "data": {"events": events}}).to_string()),
        ("pretty.json", serde_json::to_string_pretty(&events)?),
    ];
    for (name, text) in forms {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        let output = parse("okta", &["--json"], &[&path])?;
        ensure!(output.status.success(), "{name}: {output:?}");
        let (events, told) = (lines(&output.stdout), lines(&output.stderr));
        ensure!(
            told.last().is_some_and(|line| line == r#"{"read":4,"events":2,"ignored":1,"rejected":1}"#),
            "{name}: {told:?}"
        );
        ensure!(
            told.iter().any(|line| line.contains("system.email.delivery")),
            "{name}: the ignored type is not told: {told:?}"
        );
        ensure!(
            told.iter().any(|line| line.contains(name) && line.contains("bad_time")),
            "{name}: the reject is not told: {told:?}"
        );
        ensure!(events.len() == 2, "{name}: {events:?}");
        for line in events {
            let event: Value = serde_json::from_str(&line).with_context(|| format!("{name}: no JSON: {line}"))?;
            ensure!(event["source"] == "okta" && event["event_id"].is_string(), "{name}: {event}");
            ensure!(!line.contains("mia.roth"), "{name}: a name without --clear: {line}");
        }
    }
    Ok(())
}

#[test]
fn several_files_are_one_sum_and_clear_shows_names() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let consent = entra_consent(
        &click(1, "mia.roth@brightwater.example", "5a3c0000-2222-4000-8000-000000000007", "Notes"),
        &["Mail.Read"],
    );
    let (one, other) = (folder.path().join("one.json"), folder.path().join("other.json"));
    fs::write(&one, json!({"records": [consent]}).to_string())?;
    fs::write(&other, format!("{consent}\n{{\"broken\": \n"))?;
    let output = parse("entra", &["--clear"], &[&one, &other])?;
    let told = lines(&output.stderr);
    ensure!(told.last().is_some_and(|line| line == r#"{"read":3,"events":2,"ignored":0,"rejected":1}"#), "{told:?}");
    let events = lines(&output.stdout);
    ensure!(events.len() == 2 && events.iter().all(|line| line.contains("mia.roth@brightwater.example")), "{events:?}");
    let event: Value = serde_json::from_str(&events[0])?;
    ensure!(event["kind"] == "oauth_grant" && event["scopes"] == json!(["Mail.Read"]), "{event}");
    Ok(())
}

#[test]
fn what_cannot_be_parsed_at_all_is_a_sentence_and_no_success() -> anyhow::Result<()> {
    for (provider, path, words) in [
        ("okta", "/nowhere/log.json", ["/nowhere/log.json", "name a file"]),
        ("oktaa", "/dev/null", ["oktaa", "possible values: okta"]),
    ] {
        let output = parse(provider, &[], &[Path::new(path)])?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && output.stdout.is_empty(), "{provider}: {output:?}");
        ensure!(words.iter().all(|word| told.contains(word)), "{provider}: {told}");
    }
    Ok(())
}
