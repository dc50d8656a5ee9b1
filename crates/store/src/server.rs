//! The ClickHouse server of one machine: a child process that lives as long as we do.
//!
//! The child runs `clickhouse local` as a server (from `libchdb.so` by way of `host`, or a `clickhouse` binary) until its stdin is closed.
//! We hold the other end of that pipe, so it ends with us however we end: by `stop`, by a crash, by kill -9. It listens on loopback only,
//! has no accounts, and its data folder belongs to one process at a time (ClickHouse locks it).

mod engine;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{Client, Connection, DatabaseName};

pub use engine::{HostCommand, KEPT_FREE_BYTES, ServerOptions, engine_arguments};

/// How often a starting or stopping child is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How long a starting child may take over one answer, before it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a child may take to end once its stdin is closed; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of the child's last words that an error repeats.
const LAST_WORDS_BYTES: u64 = 2_000;

/// Why the server of this machine is not there.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data folder cannot be used, or no port is free.
    #[error("preparing the embedded ClickHouse in {folder}: check that the folder can be written to and has room")]
    Prepare {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program cannot be started.
    #[error("starting the embedded ClickHouse with {program}")]
    Spawn {
        /// What was to be run.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The child ended by itself.
    #[error("the embedded ClickHouse ended by itself ({status}); its last words, from {log}: {last_words}")]
    Exited {
        /// How it ended.
        status: String,
        /// Where all of its words are.
        log: PathBuf,
        /// The end of them.
        last_words: String,
    },
    /// The child runs and does not answer.
    #[error("the embedded ClickHouse does not answer after {waited_ms} ms; its words are in {log}")]
    NotReady {
        /// How long we waited.
        waited_ms: u128,
        /// Where its words are.
        log: PathBuf,
    },
}

/// A running server. Dropping it kills it; `stop` lets it end in order.
pub struct EmbeddedServer {
    command: HostCommand,
    options: ServerOptions,
    http_port: u16,
    tcp_port: u16,
    child: Child,
    ready_after: Duration,
}

impl EmbeddedServer {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// `ServerError` when it cannot be started, ends by itself, or does not answer within `options.start_timeout`. No child is left.
    pub async fn start(command: HostCommand, options: ServerOptions) -> Result<EmbeddedServer, ServerError> {
        let (http_port, tcp_port) = engine::prepare(&options)
            .and_then(|()| free_ports(options.http_port, options.tcp_port))
            .map_err(|source| ServerError::Prepare { folder: options.data_dir.clone(), source })?;
        let child = spawn(&command, &options, http_port, tcp_port)?;
        let mut server = EmbeddedServer { command, options, http_port, tcp_port, child, ready_after: Duration::ZERO };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// `http://127.0.0.1:port`; the same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// How to ask this server.
    #[must_use]
    pub fn connection(&self, database: DatabaseName) -> Connection {
        Connection { url: self.url(), database, user: String::new(), password: String::new() }
    }

    /// The port of ClickHouse's own protocol, for `clickhouse client`.
    #[must_use]
    pub fn tcp_port(&self) -> u16 {
        self.tcp_port
    }

    /// The child, for accounting and for tests that harm it.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the child to its first answer.
    #[must_use]
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The file that holds what the child said.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        engine::log_path(&self.options.data_dir)
    }

    /// Does the child still run?
    ///
    /// # Errors
    /// `ServerError::Exited` with its last words when it does not.
    pub fn check(&mut self) -> Result<(), ServerError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.exited(status)),
            Err(source) => Err(ServerError::Spawn { program: self.command.program.clone(), source }),
        }
    }

    /// Ends the child, if it still runs, and starts it again on the same ports and data.
    ///
    /// # Errors
    /// As `start`.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.end().await;
        engine::prepare(&self.options)
            .map_err(|source| ServerError::Prepare { folder: self.options.data_dir.clone(), source })?;
        self.child = spawn(&self.command, &self.options, self.http_port, self.tcp_port)?;
        self.wait_until_ready().await
    }

    /// Ends the server in order: what it was asked is finished, what it holds is on disk.
    pub async fn stop(mut self) {
        self.end().await;
    }

    /// Kills the child at once (kill -9) and waits for its end. For a test, or a server that no longer answers.
    pub fn kill(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(|_status| ())) {
            tracing::warn!(%error, "the embedded ClickHouse could not be killed");
        }
    }

    async fn end(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => tokio::time::sleep(LOOK_INTERVAL).await,
                Ok(Some(_status)) => return,
                Err(_no_such_child) => return,
            }
        }
        tracing::warn!(
            timeout_ms = STOP_TIMEOUT.as_millis(),
            "the embedded ClickHouse did not end in time; killing it"
        );
        self.kill();
    }

    async fn wait_until_ready(&mut self) -> Result<(), ServerError> {
        let began = Instant::now();
        let client = DatabaseName::parse("system").ok().and_then(|name| Client::new(self.connection(name)).ok());
        while began.elapsed() < self.options.start_timeout {
            self.check()?;
            if self.is_ready(client.as_ref()).await {
                self.ready_after = began.elapsed();
                return Ok(());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        self.kill();
        Err(ServerError::NotReady { waited_ms: began.elapsed().as_millis(), log: self.log_path() })
    }

    /// Does *our* server answer? Something else may have taken the port, so it must tell our data folder.
    async fn is_ready(&self, client: Option<&Client>) -> bool {
        let Some(client) = client else { return false };
        let sql = "SELECT path FROM disks WHERE name = 'default'";
        match tokio::time::timeout(ANSWER_TIMEOUT, client.query_text(sql, &[], "TSVRaw")).await {
            Ok(Ok(answer)) => Path::new(answer.trim_end()) == engine::engine_path(&self.options.data_dir),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    fn exited(&self, status: ExitStatus) -> ServerError {
        let log = self.log_path();
        let last_words = last_words(&log).unwrap_or_default();
        ServerError::Exited { status: status.to_string(), log, last_words }
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}

fn spawn(command: &HostCommand, options: &ServerOptions, http_port: u16, tcp_port: u16) -> Result<Child, ServerError> {
    let failed = |source| ServerError::Spawn { program: command.program.clone(), source };
    let log = File::create(engine::log_path(&options.data_dir)).map_err(failed)?;
    Command::new(&command.program)
        .args(&command.prefix)
        .args(engine_arguments(&options.data_dir, http_port, tcp_port))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        // A group of its own: Ctrl-C in a terminal is for us, and the server must outlive the last insert that we then make.
        .process_group(0)
        .spawn()
        .map_err(failed)
}

/// The given ports, or free ones for 0. Both are held until both are known, so that they differ.
fn free_ports(http_port: u16, tcp_port: u16) -> io::Result<(u16, u16)> {
    let http = TcpListener::bind((Ipv4Addr::LOCALHOST, http_port))?;
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, tcp_port))?;
    Ok((http.local_addr()?.port(), tcp.local_addr()?.port()))
}

/// The end of the child's log.
fn last_words(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(LAST_WORDS_BYTES)))?;
    let mut words = Vec::new();
    file.take(LAST_WORDS_BYTES).read_to_end(&mut words)?;
    Ok(String::from_utf8_lossy(&words).trim().to_owned())
}
