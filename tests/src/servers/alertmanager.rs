//! A real Alertmanager with the configuration that ships; only its receivers' addresses and its patience are the test's own.

use std::{ffi::OsString, fs, time::Duration};

use anyhow::Context as _;
use serde_json::Value;

use super::{
    deploy_folder, free_port,
    keeper::Keeper,
    prometheus::{flag, installed, is_ready, replace_each, text_at},
    say,
};
use crate::{http, poll};

/// How long the server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// An Alertmanager. It ends with this value, or with the test's process.
pub struct Alertmanager {
    address: String,
    keeper: Keeper,
}

impl Alertmanager {
    /// Tells people by posting to `http://{receiver}/…`, `receiver` being `host:port`.
    ///
    /// # Errors
    /// `run make stack` when it is not installed; its last words when it does not come up.
    pub fn start(receiver: &str) -> anyhow::Result<Alertmanager> {
        let config =
            fs::read_to_string(deploy_folder().join("alertmanager/alertmanager.yml")).context("the example")?;
        let config = replace_each(config, &[("127.0.0.1:9095", receiver), ("group_wait: 30s", "group_wait: 1s")])?;
        let folder = tempfile::Builder::new().prefix("alertmanager-").tempdir().context("making a folder")?.keep();
        let path = folder.join("alertmanager.yml");
        fs::write(&path, config).context("writing the configuration")?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let command = [
            installed("prometheus-alertmanager")?.into_os_string(),
            flag("--config.file", &path.display().to_string()),
            flag("--storage.path", &folder.join("data").display().to_string()),
            flag("--web.listen-address", &address),
            // Alone: no port for others of its kind.
            OsString::from("--cluster.listen-address="),
        ];
        let keeper = Keeper::new(&folder, &command)?;
        let mut alertmanager = Alertmanager { address, keeper };
        alertmanager.restart()?;
        Ok(alertmanager)
    }

    /// Starts it (again, at the same address) and waits until it answers. It knows no alert of its life before.
    ///
    /// # Errors
    /// Its last words when it does not come up.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let process = self.keeper.start()?;
        let ready = poll(READY_WITHIN, "Alertmanager is ready", || is_ready(&self.url()));
        ready.with_context(|| format!("its last words:\n{}", self.keeper.last_words()))?;
        say(&format!("Alertmanager on {}, process {process}", self.address));
        Ok(())
    }

    /// `kill -9`, waited for.
    ///
    /// # Errors
    /// When the keeper is gone.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.keeper.kill()
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://…`, as a receiver's `url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The alerts of this name that it holds and that are not over, inhibited ones among them.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn alerts(&self, alertname: &str) -> anyhow::Result<Vec<Value>> {
        let answer = http::get(&format!("{}/api/v2/alerts", self.url()))?.json()?;
        let alerts = answer.as_array().cloned().unwrap_or_default();
        Ok(alerts.into_iter().filter(|alert| text_at(alert, "/labels/alertname") == alertname).collect())
    }
}
