//! The rules for Prometheus and the configuration of Alertmanager, checked by their own tools; and every alert has its test and its page.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tests::servers::{deploy_folder, run_tool};

fn arguments(words: &[&str], file: &Path) -> Vec<OsString> {
    words.iter().map(OsString::from).chain([file.as_os_str().to_owned()]).collect()
}

fn rules() -> PathBuf {
    deploy_folder().join("prometheus/daylight.rules.yml")
}

/// Values of a key of the rules, in order: the file is ours, and one key stands on one line.
fn values(key: &str) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(rules()).context("reading the rules")?;
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
    Ok(lines.filter_map(|line| Some(line.strip_prefix(key)?.strip_prefix(": ")?.to_owned())).collect())
}

/// Names of the files of a folder, less this ending.
fn files(folder: &Path, ending: &str) -> anyhow::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(ending)).map(str::to_owned));
    }
    Ok(names)
}

#[test]
fn promtool_accepts_rules_and_example() -> anyhow::Result<()> {
    run_tool("promtool", &arguments(&["check", "rules", "--lint-fatal"], &rules()))?;
    run_tool(
        "promtool",
        &arguments(&["check", "config", "--lint-fatal"], &deploy_folder().join("prometheus/prometheus.yml")),
    )?;
    Ok(())
}

#[test]
fn each_alert_fires_when_it_must_and_only_then() -> anyhow::Result<()> {
    let folder = deploy_folder().join("prometheus/tests");
    for name in files(&folder, ".yml")? {
        run_tool("promtool", &arguments(&["test", "rules"], &folder.join(format!("{name}.yml"))))?;
    }
    Ok(())
}

#[test]
fn each_alert_has_a_test_a_page_a_severity_and_words() -> anyhow::Result<()> {
    let alerts: BTreeSet<String> = values("alert")?.into_iter().collect();
    assert!(alerts.len() >= 5, "{alerts:?}");
    let workspace = deploy_folder().join("..");
    assert_eq!(files(&deploy_folder().join("prometheus/tests"), ".yml")?, alerts);
    for alert in &alerts {
        let page = workspace.join(format!("docs/runbooks/{alert}.md"));
        let text = fs::read_to_string(&page).unwrap_or_default();
        assert!(text.starts_with(&format!("# {alert}\n")), "{} is missing, or has another title", page.display());
        for heading in ["## What it means", "## What to look at", "## What to do"] {
            assert!(text.contains(heading), "docs/runbooks/{alert}.md lacks {heading:?}");
        }
    }
    let linked: BTreeSet<String> = values("runbook_url")?.into_iter().collect();
    assert_eq!(linked, alerts.iter().map(|alert| format!("docs/runbooks/{alert}.md")).collect());
    assert_eq!(values("summary")?.len(), alerts.len());
    assert_eq!(values("description")?.len(), alerts.len());
    // The severity of a new app is a label of its series.
    assert_eq!(values("severity")?.len() + 1, alerts.len());
    Ok(())
}

#[test]
fn every_metric_that_a_rule_or_the_dashboard_asks_for_is_one_of_ours() {
    let dashboard = fs::read_to_string(deploy_folder().join("grafana/daylight.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let asked_by_panels: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let text = fs::read_to_string(rules()).unwrap() + &asked_by_panels.join(" ");
    let workspace = deploy_folder().join("..");
    let crates = [
        "detect/src/metrics.rs",
        "detect/src/watch.rs",
        "ingest/src/metrics.rs",
        "notify/src/metrics.rs",
        "runtime/src/admin.rs",
        "sink/src/metrics.rs",
    ];
    let sources: String =
        crates.iter().map(|file| fs::read_to_string(workspace.join("crates").join(file)).unwrap()).collect();
    let asked: BTreeSet<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("daylight_"))
        .map(|word| word.trim_end_matches("_bucket"))
        .collect();
    assert!(asked.len() >= 7, "{asked:?}");
    for metric in asked {
        assert!(sources.contains(&format!("\"{metric}\"")), "a rule asks for {metric}, which nobody registers");
    }
}

#[test]
fn amtool_accepts_the_example_and_findings_go_to_those_who_answer_for_security() -> anyhow::Result<()> {
    let config = deploy_folder().join("alertmanager/alertmanager.yml");
    let said = run_tool("amtool", &arguments(&["check-config"], &config))?;
    assert!(said.contains("1 inhibit rules"), "{said}");
    let file = format!("--config.file={}", config.display());
    for (labels, receiver) in [
        (vec!["alertname=DaylightFinding", "source=daylight", "tenant=acme", "app=slack.com"], "security"),
        (vec!["alertname=NewUnsanctionedApp", "tenant=acme", "app=slack.com", "severity=low"], "security"),
        (vec!["alertname=SinkBehind", "severity=warning"], "operators"),
    ] {
        let mut words: Vec<OsString> = vec!["config".into(), "routes".into(), "test".into(), file.clone().into()];
        words.push(format!("--verify.receivers={receiver}").into());
        words.extend(labels.iter().map(OsString::from));
        run_tool("amtool", &words)?;
    }
    Ok(())
}
