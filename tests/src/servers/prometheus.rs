//! A real Prometheus with the rules and the example configuration that ship; only addresses and intervals are the test's own.

use std::{ffi::OsString, fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{free_port, keeper::Keeper, say};
use crate::{http, poll, servers::deploy_folder};

/// How long the server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running Prometheus. It ends with this value, or with the test's process.
pub struct Prometheus {
    url: String,
    keeper: Keeper,
}

impl Prometheus {
    /// Scrapes `target` once a second and tells `alertmanager`, both `host:port`.
    ///
    /// # Errors
    /// `run make stack` when it is not installed; its last words when it does not come up.
    pub fn start(target: &str, alertmanager: &str) -> anyhow::Result<Prometheus> {
        let shipped = deploy_folder().join("prometheus");
        let config = fs::read_to_string(shipped.join("prometheus.yml")).context("reading the example")?;
        let rules = shipped.join("daylight.rules.yml");
        let config = replace_each(
            config,
            &[
                ("127.0.0.1:8481", target),
                ("127.0.0.1:9093", alertmanager),
                ("daylight.rules.yml", &rules.display().to_string()),
                ("interval: 15s", "interval: 1s"),
            ],
        )?;
        let folder = tempfile::Builder::new().prefix("prometheus-").tempdir().context("making a folder")?.keep();
        let path = folder.join("prometheus.yml");
        fs::write(&path, config).context("writing the configuration")?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let command = [
            installed("prometheus")?.into_os_string(),
            flag("--config.file", &path.display().to_string()),
            flag("--storage.tsdb.path", &folder.join("data").display().to_string()),
            flag("--web.listen-address", &address),
        ];
        let mut keeper = Keeper::new(&folder, &command)?;
        let process = keeper.start()?;
        let url = format!("http://{address}");
        let ready = poll(READY_WITHIN, "Prometheus is ready", || is_ready(&url));
        ready.with_context(|| format!("its last words:\n{}", keeper.last_words()))?;
        say(&format!("Prometheus on {address}, process {process}"));
        Ok(Prometheus { url, keeper })
    }

    /// The labels of the alerts of this name that fire.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn firing(&self, alertname: &str) -> anyhow::Result<Vec<Value>> {
        let answer = http::get(&format!("{}/api/v1/alerts", self.url))?.json()?;
        let alerts = answer.pointer("/data/alerts").and_then(Value::as_array).cloned().unwrap_or_default();
        let fires =
            |alert: &Value| text_at(alert, "/state") == "firing" && text_at(alert, "/labels/alertname") == alertname;
        let labels = |mut alert: Value| alert.get_mut("labels").map(Value::take);
        Ok(alerts.into_iter().filter(fires).filter_map(labels).collect())
    }

    /// The end of what it said.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.keeper.last_words()
    }
}

/// Where a program of the stack is.
///
/// # Errors
/// `run make stack` when it is nowhere.
pub fn installed(program: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.with_context(|| format!("there is no {program} on this machine: run make stack"))
}

/// Runs a program of the stack to its end; gives everything that it said.
///
/// # Errors
/// `run make stack` when it is not installed; what it said when it fails.
pub fn run_tool(program: &str, arguments: &[OsString]) -> anyhow::Result<String> {
    let output =
        Command::new(installed(program)?).args(arguments).output().with_context(|| format!("running {program}"))?;
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    ensure!(output.status.success(), "{program} {arguments:?} says no:\n{words}");
    Ok(words)
}

/// Replaces texts that must be there, so that a shipped file that changes does not leave a test with the wrong address.
pub(super) fn replace_each(text: String, replacements: &[(&str, &str)]) -> anyhow::Result<String> {
    replacements.iter().try_fold(text, |text, (from, to)| {
        ensure!(text.contains(from), "the shipped configuration no longer says {from:?}");
        Ok(text.replace(from, to))
    })
}

/// A text within an answer; empty where there is none.
pub(super) fn text_at<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn flag(name: &str, value: &str) -> OsString {
    format!("{name}={value}").into()
}

pub(super) fn is_ready(url: &str) -> anyhow::Result<()> {
    let answer = http::get(&format!("{url}/-/ready"))?;
    ensure!(answer.status == 200, "it answers {}", answer.status);
    Ok(())
}
