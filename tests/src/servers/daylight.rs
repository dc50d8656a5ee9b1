//! The product itself: the built binary with a configuration of the test's own, driven through its ports alone.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::{Setup, binary, clickhouse_library, is_running, keeper::Keeper, say, signal};
use crate::{
    http::{self, Answer},
    poll,
};

/// A process that is not ready after so long will not be.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long a process may take to end when it is asked to.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A Daylight. It ends with this value, or with the test's process, and takes the ClickHouse that it hosts along.
pub struct Daylight {
    setup: Setup,
    folder: PathBuf,
    data: PathBuf,
    config: PathBuf,
    database: String,
    keeper: Mutex<Keeper>,
    running: Mutex<Running>,
}

/// Where it listens now: another place after each start.
#[derive(Clone, Debug, Default)]
struct Running {
    process: u32,
    admin: String,
    ingest: String,
    clickhouse: String,
    clickhouse_process: u32,
}

impl Daylight {
    pub(super) fn start(setup: Setup) -> anyhow::Result<Daylight> {
        let folder = tempfile::Builder::new().prefix("daylight-").tempdir().context("making a folder")?.keep();
        let (config, data) = setup.write(&folder)?;
        let mut command = vec![OsString::from("env")];
        for (name, value) in &setup.env {
            let mut assignment = name.clone();
            assignment.push("=");
            assignment.push(value);
            command.push(assignment);
        }
        let written: toml::Table = toml::from_str(&fs::read_to_string(&config)?)?;
        let clickhouse = written.get("clickhouse").and_then(toml::Value::as_table);
        let text = |key: &str| clickhouse.and_then(|section| section.get(key)).and_then(toml::Value::as_str);
        let database = text("database").unwrap_or("daylight").to_owned();
        if matches!(setup.role, "run" | "sink") && text("url").is_none() {
            let mut assignment = OsString::from("DAYLIGHT__CLICKHOUSE__LIBRARY=");
            assignment.push(clickhouse_library()?);
            command.push(assignment);
        }
        command.extend([binary()?.into(), setup.role.into(), "--config".into(), config.clone().into()]);
        let keeper = Mutex::new(Keeper::new(&folder, &command)?);
        let daylight = Daylight { setup, folder, data, config, database, keeper, running: Mutex::default() };
        daylight.restart()?;
        Ok(daylight)
    }

    /// Starts it (again, on the same data) and waits until it is ready.
    ///
    /// # Errors
    /// Its last words when it does not come up.
    pub fn restart(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let endpoints = self.data.join("endpoints.json");
        if endpoints.exists() {
            fs::remove_file(&endpoints).context("removing where it listened before")?;
        }
        let process = self.keeper().start()?;
        let ready = if self.setup.is_ready_awaited { "readyz" } else { "livez" };
        let running = poll(READY_WITHIN, "Daylight is ready", || {
            if !is_running(process) {
                return Ok(None);
            }
            let running = read_endpoints(&endpoints, process)?;
            let answer = http::get(&format!("{}/{ready}", running.admin))?;
            ensure!(answer.status == 200, "not ready: {}", answer.text());
            Ok(Some(running))
        });
        if running.is_err() {
            // It may be waiting for somebody and be ready in the end: beside the one that is started next.
            self.keeper().kill()?;
        }
        let running = running.with_context(|| format!("its last words:\n{}", self.keeper().last_words()))?;
        let Some(running) = running else {
            let code = self.keeper().wait()?;
            bail!(
                "daylight {} ended with code {code}; its last words:\n{}",
                self.setup.role,
                self.keeper().last_words()
            );
        };
        say(&format!(
            "daylight {} in {}, process {process}, admin {}, ClickHouse {}, ready after {:.1} s",
            self.setup.role,
            self.folder.display(),
            running.admin,
            if running.clickhouse.is_empty() { "none" } else { &running.clickhouse },
            began.elapsed().as_secs_f64()
        ));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
        Ok(())
    }

    /// `kill -9`, waited for. The ClickHouse that it hosts ends with it.
    ///
    /// # Errors
    /// When the keeper is gone, or its ClickHouse stays.
    pub fn kill9(&self) -> anyhow::Result<()> {
        let clickhouse = self.running().clickhouse_process;
        self.keeper().kill()?;
        poll(STOPPED_WITHIN, "the hosted ClickHouse ends with its host", || {
            ensure!(clickhouse == 0 || !is_running(clickhouse), "process {clickhouse} still runs");
            Ok(())
        })
    }

    /// Stops it where it stands (SIGSTOP): it keeps its connections and its partitions, and does nothing. The ClickHouse that it hosts goes on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> anyhow::Result<()> {
        signal::pause(self.process())
    }

    /// Lets it go on where it stood.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> anyhow::Result<()> {
        signal::resume(self.process())
    }

    /// `kill -9` of the ClickHouse that it hosts; waits until Daylight has started another one, and that one answers.
    ///
    /// # Errors
    /// When it hosts none, or nobody starts another.
    pub fn kill9_clickhouse(&self) -> anyhow::Result<()> {
        let process = self.refreshed_clickhouse_process()?;
        signal::kill9(process)?;
        poll(READY_WITHIN, "the hosted ClickHouse answers again", || {
            let now = self.refreshed_clickhouse_process()?;
            ensure!(now != process, "process {process} was killed and nobody started another");
            self.number("SELECT 1").map(|_| ())
        })
    }

    /// Asks it to stop (SIGTERM) and waits for its end; tells the exit code.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&self) -> anyhow::Result<i32> {
        let process = self.process();
        let asked = Command::new("kill").arg(process.to_string()).status().context("sending SIGTERM")?;
        ensure!(asked.success(), "process {process} cannot be asked to stop: {asked}");
        poll(STOPPED_WITHIN, "Daylight stops", || {
            ensure!(!is_running(process), "it still runs; its last words:\n{}", self.keeper().last_words());
            Ok(())
        })?;
        self.keeper().wait()
    }

    /// Sends a delivery to `POST /v1/events/{connection}` with the connection's secret.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn send(&self, connection: &str, body: &[u8]) -> anyhow::Result<Answer> {
        let secret = self.setup.secrets.get(connection).map(String::as_str).unwrap_or_default();
        let authorization = format!("Bearer {secret}");
        http::post(&self.events_url(connection), &[("authorization", &authorization)], body)
    }

    /// Sends a delivery that must be accepted; gives the receipt.
    ///
    /// # Errors
    /// When it is not.
    pub fn accept(&self, connection: &str, body: &[u8]) -> anyhow::Result<Value> {
        let answer = self.send(connection, body)?;
        ensure!(answer.status == 200, "not accepted: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// `http://…/v1/events/{connection}`.
    #[must_use]
    pub fn events_url(&self, connection: &str) -> String {
        format!("{}/v1/events/{connection}", self.running().ingest)
    }

    /// The secret of a connection or receiver.
    #[must_use]
    pub fn secret(&self, id: &str) -> &str {
        self.setup.secrets.get(id).map(String::as_str).unwrap_or_default()
    }

    /// `http://…` of the admin port.
    #[must_use]
    pub fn admin(&self) -> String {
        self.running().admin
    }

    /// `http://…` of ClickHouse.
    #[must_use]
    pub fn clickhouse(&self) -> String {
        self.running().clickhouse
    }

    /// The process id.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.running().process
    }

    /// The process id of the hosted ClickHouse; 0 where there is none.
    #[must_use]
    pub fn clickhouse_process(&self) -> u32 {
        self.running().clickhouse_process
    }

    /// The process id of the hosted ClickHouse now, after it may have been started again.
    ///
    /// # Errors
    /// When Daylight does not say where it listens.
    pub fn refreshed_clickhouse_process(&self) -> anyhow::Result<u32> {
        let running = read_endpoints(&self.data.join("endpoints.json"), self.process())?;
        let mut known = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        known.clickhouse_process = running.clickhouse_process;
        Ok(running.clickhouse_process)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Rows of a query, each as a JSON array. Numbers of 64 bits are numbers; of 128 bits, texts.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub fn rows(&self, query: &str) -> anyhow::Result<Vec<Vec<Value>>> {
        let settings = "output_format_json_quote_64bit_integers=0&readonly=2";
        let url = format!("{}/?database={}&{settings}", self.clickhouse(), self.database);
        let answer = http::post(&url, &[], format!("{query} FORMAT JSONCompact").as_bytes())?;
        ensure!(answer.status == 200, "ClickHouse refuses {query}: {}", answer.text());
        let mut answer = answer.json()?;
        Ok(serde_json::from_value(answer.get_mut("data").map(Value::take).unwrap_or_default())?)
    }

    /// The one number that a query gives.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub fn number(&self, query: &str) -> anyhow::Result<u64> {
        let rows = self.rows(query)?;
        let number = rows.first().and_then(|row| row.first()).and_then(Value::as_u64);
        number.with_context(|| format!("no number: {rows:?} from {query}"))
    }

    /// Waits until a query gives this number.
    ///
    /// # Errors
    /// What it gives instead after `within`.
    pub fn expect(&self, within: Duration, query: &str, expected: u64) -> anyhow::Result<()> {
        poll(within, &format!("{query} gives {expected}"), || {
            let number = self.number(query)?;
            ensure!(number == expected, "it gives {number}");
            Ok(())
        })
    }

    /// `/readyz`: 200, or 503 with reasons.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn readiness(&self) -> anyhow::Result<Answer> {
        http::get(&format!("{}/readyz", self.admin()))
    }

    /// `/metrics`, as Prometheus reads it.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn metrics(&self) -> anyhow::Result<String> {
        Ok(http::get(&format!("{}/metrics", self.admin()))?.text())
    }

    /// Everything that it said, over all its starts.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        let path = self.folder.join("server.log");
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// The most memory that the process ever held (`VmHWM`). Bytes.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn peak_memory_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1_024)
    }

    fn running(&self) -> Running {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_endpoints(path: &Path, process: u32) -> anyhow::Result<Running> {
    let text = fs::read(path).context("it does not listen yet")?;
    let endpoints: Value = serde_json::from_slice(&text)?;
    let text = |key: &str| endpoints.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let clickhouse_process = endpoints.get("clickhouse_process_id").and_then(Value::as_u64).unwrap_or(0);
    Ok(Running {
        process,
        admin: text("admin"),
        ingest: text("ingest"),
        clickhouse: text("clickhouse"),
        clickhouse_process: u32::try_from(clickhouse_process)?,
    })
}
