//! The pipeline under demonstration: `daylight run` as a child process with a configuration of its own, driven through its ports alone.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;
use simulator::{Company, Feed, Provider};

use crate::{
    cli::DemoArgs,
    commands::sql::ask,
    data_folder::{DataFolder, Endpoints},
};

/// The one tenant.
pub(crate) const TENANT: &str = "brightwater";
/// A child that is not ready after so long will not be.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a child may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// How often a starting or stopping child is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The pipeline, running.
pub(crate) struct Pipeline {
    child: Child,
    data: PathBuf,
    config: PathBuf,
    /// Where it listens.
    pub(crate) endpoints: Endpoints,
    /// The database of this run.
    pub(crate) database: String,
    /// What its connections must show.
    pub(crate) secret: String,
    client: reqwest::Client,
}

/// Processor time of the two processes, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProcessorTime {
    /// `daylight run`.
    pub(crate) daylight_s: f64,
    /// The ClickHouse that it hosts; 0 where it hosts none.
    pub(crate) clickhouse_s: f64,
}

impl Pipeline {
    /// Writes the configuration, starts the child, waits until it is ready, and tells it what IT had decided.
    pub(crate) async fn start(
        args: &DemoArgs,
        company: &Company,
        receiver_url: &str,
        receiver_key: &str,
    ) -> anyhow::Result<Pipeline> {
        let out = &args.out;
        let data = out.join("data");
        if data.exists() {
            fs::remove_dir_all(&data)
                .with_context(|| format!("cannot clear {}; does another demo run there?", data.display()))?;
        }
        fs::create_dir_all(out)?;
        let run = format!("{}_{}", args.seed, company.settings().anchor_ms);
        let database = format!("demo_{run}");
        let config = out.join("daylight.toml");
        let secret = format!("demo-connection-secret-{run}");
        let written = Written { out, data: &data, database: &database, run: &run, secret: &secret };
        fs::write(&config, written.config(args, company, receiver_url, receiver_key)?)?;
        let log = fs::File::create(out.join("daylight.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start the pipeline")?;
        let client = reqwest::Client::new();
        let mut pipeline = Pipeline { child, data, config, endpoints: Endpoints::default(), database, secret, client };
        pipeline.wait_until_ready().await?;
        for decision in company.decisions() {
            pipeline.decide(&decision).await.with_context(|| format!("cannot decide about {}", decision.name))?;
        }
        Ok(pipeline)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the pipeline ended by itself ({status}); its words are in {}", self.log().display());
            }
            let folder = if self.data.is_dir() { Some(DataFolder::open(&self.data)?) } else { None };
            if let Some(Ok(endpoints)) = folder.map(|folder| folder.read_endpoints()) {
                self.endpoints = endpoints;
                let ready = self.client.get(format!("{}/readyz", self.endpoints.admin)).send().await;
                if ready.is_ok_and(|response| response.status().is_success()) {
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        bail!(
            "the pipeline is not ready after {} s; its words are in {}",
            READY_TIMEOUT.as_secs(),
            self.log().display()
        )
    }

    async fn decide(&self, decision: &simulator::StartingDecision) -> anyhow::Result<()> {
        let source = decision.provider.as_str();
        let request = serde_json::json!({
            "tenant": TENANT,
            "app": format!("{source}:{}:{}", decision.id_kind, decision.native_id),
            "name": decision.name,
            "status": decision.status,
            "reason": "decided before the demo began",
            "decided_by": "demo",
        });
        ask(&self.data, "/v1/decide", request.to_string()).await.map(|_| ())
    }

    /// Asks ClickHouse directly; rows as JSON arrays.
    pub(crate) async fn rows(&self, query: &str) -> anyhow::Result<Vec<Vec<Value>>> {
        let response = self
            .client
            .post(&self.endpoints.clickhouse)
            .query(&[
                ("database", self.database.as_str()),
                ("output_format_json_quote_64bit_integers", "0"),
                ("readonly", "2"),
            ])
            .body(format!("{query} FORMAT JSONCompact"))
            .send()
            .await?;
        let is_success = response.status().is_success();
        let text = response.text().await?;
        if !is_success {
            bail!("ClickHouse refuses a question of the demo: {text}");
        }
        let mut answer: Value = serde_json::from_str(&text)?;
        Ok(serde_json::from_value(answer.get_mut("data").map(Value::take).unwrap_or_default())?)
    }

    /// The one number that a query gives.
    pub(crate) async fn number(&self, query: &str) -> anyhow::Result<u64> {
        let rows = self.rows(query).await?;
        rows.first()
            .and_then(|row| row.first())
            .and_then(Value::as_u64)
            .with_context(|| format!("no number from {query}"))
    }

    /// Processor time used so far, by the kernel's accounting.
    pub(crate) fn processor_time(&self) -> ProcessorTime {
        ProcessorTime {
            daylight_s: processor_seconds(self.child.id()),
            clickhouse_s: processor_seconds(self.endpoints.clickhouse_process_id),
        }
    }

    /// The child.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Where the child writes.
    pub(crate) fn log(&self) -> PathBuf {
        self.config.with_file_name("daylight.log")
    }

    /// The data folder, for commands typed after the demo.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Asks the child to stop and waits for its end.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status();
        killed.context("cannot ask the pipeline to stop")?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("the pipeline ended with {status}; its words are in {}", self.log().display());
                }
                return Ok(());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        bail!("the pipeline did not stop within {} s", STOP_TIMEOUT.as_secs())
    }

    /// Leaves the child running.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // A demo that failed leaves nothing behind; one that stopped or was kept does not come here with a running child.
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// What the configuration is written from.
struct Written<'a> {
    out: &'a Path,
    data: &'a Path,
    database: &'a str,
    run: &'a str,
    secret: &'a str,
}

impl Written<'_> {
    fn config(
        &self,
        args: &DemoArgs,
        company: &Company,
        receiver_url: &str,
        receiver_key: &str,
    ) -> anyhow::Result<String> {
        let settings = company.settings();
        let file = |name: &str, text: &str| -> anyhow::Result<String> {
            let path = self.out.join(name);
            fs::write(&path, text)?;
            Ok(path.canonicalize()?.display().to_string())
        };
        let secret = file("connection.secret", self.secret)?;
        let receiver = file("receiver.secret", receiver_key)?;
        let key = file("tenant.key", &tenant_key_text(args.seed))?;
        let directory = file("directory.csv", &company.directory_csv())?;
        let prefix = format!("demo-{}-", self.run);
        Ok(format!(
            r#"# Written by `daylight demo`; each run has its own topics and database.
data_folder = "{data}"

[log]
kafka = "{kafka}"
topic_prefix = "{prefix}"

[clickhouse]
url = "{clickhouse}"
database = "{database}"

[admin]
listen = "127.0.0.1:0"

[ingest]
listen = "127.0.0.1:0"

[detect]
learning_days = {learning_days}

[[tenants]]
id = "{TENANT}"
key = {{ file = "{key}" }}
directory = "{directory}"

{connections}
[[receivers]]
id = "demo"
kind = "webhook"
url = "{receiver_url}"
secret = {{ file = "{receiver}" }}
severity_min = "low"
"#,
            data = self.data.display(),
            kafka = args.kafka.as_deref().unwrap_or_default(),
            clickhouse = args.clickhouse.as_deref().unwrap_or_default(),
            database = self.database,
            learning_days = settings.teaching_days,
            connections = connections(company, &secret),
        ))
    }
}

/// One connection for each way, but for Google's logs, which share one.
fn connections(company: &Company, secret: &str) -> String {
    let by_id: BTreeMap<&str, Provider> =
        Feed::ALL.into_iter().map(|feed| (feed.connection(), feed.provider())).collect();
    let connection = |(id, provider): (&str, Provider)| {
        format!(
            r#"[[connections]]
id = "{id}"
tenant = "{TENANT}"
provider = "{}"
provider_tenant = "{}"
secret = {{ file = "{secret}" }}

"#,
            provider.as_str(),
            company.settings().provider_tenant(provider),
        )
    };
    by_id.into_iter().map(connection).collect()
}

/// The tenant's key. The same seed has the same people under the same pseudonyms, or two runs could not be compared.
pub(crate) fn tenant_key_text(seed: u64) -> String {
    format!("{:064x}", u128::from(seed) + 1)
}

/// User and system time of a process, in seconds (proc(5): fields 14 and 15 of `stat`, in ticks of 1/100 s on Linux).
fn processor_seconds(process_id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).unwrap_or_default();
    // The name stands in brackets and may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
