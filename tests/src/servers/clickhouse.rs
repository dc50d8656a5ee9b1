//! A ClickHouse of its own, apart from any Daylight: to be away for a while, as a server of others may be.

use std::{
    ffi::OsString,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use store::{Client, DatabaseName, EmbeddedServer, HostCommand, ServerOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Disk, Trouble, binary, clickhouse_library, say, signal};

/// A running server. It ends with this value, or with the process, whose pipe it reads.
pub struct Clickhouse {
    // In this order: the server goes before its folder.
    server: EmbeddedServer,
    runtime: Runtime,
    _folder: TempDir,
}

impl Clickhouse {
    /// Starts an empty server and waits until it answers.
    ///
    /// # Errors
    /// What is missing, or the server's last words.
    pub fn start() -> anyhow::Result<Clickhouse> {
        Clickhouse::start_in(tempfile::Builder::new().prefix("clickhouse-").tempdir().context("making a folder")?)
    }

    /// As `start`, with its data on a disk that may be filled. The disk must outlive it.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_on(disk: &Disk) -> anyhow::Result<Clickhouse> {
        let folder = tempfile::Builder::new().prefix("clickhouse-").tempdir_in(disk.path());
        Clickhouse::start_in(folder.context("making a folder on the disk")?)
    }

    fn start_in(folder: TempDir) -> anyhow::Result<Clickhouse> {
        let prefix = ["clickhouse-host".into(), "--library".into(), clickhouse_library()?.into(), "--".into()];
        let command = HostCommand { program: binary()?, prefix: prefix.into() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = runtime.block_on(EmbeddedServer::start(command, ServerOptions::new(folder.path().to_owned())))?;
        say(&format!("ClickHouse on {}, process {}", server.url(), server.process_id()));
        Ok(Clickhouse { server, runtime, _folder: folder })
    }

    /// Where it listens; the same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The port of its own protocol.
    #[must_use]
    pub fn tcp_port(&self) -> u16 {
        self.server.tcp_port()
    }

    /// `kill -9`. What it had acknowledged stays.
    pub fn kill9(&mut self) {
        self.server.kill();
    }

    /// `kill -9` in the worst moment that there is: an insert into a table has written its token down, and its rows are not committed yet. Sent
    /// again, it is taken for a copy. True if an insert came within the time; whether the kill came in time, the table alone knows.
    ///
    /// # Errors
    /// When the table is not there, or has no log of tokens.
    pub fn kill9_amid_commit(&mut self, database: &str, table: &str, within: Duration) -> anyhow::Result<bool> {
        let sql = format!("SELECT data_paths[1] FROM system.tables WHERE database = '{database}' AND name = '{table}'");
        let client = Client::new(self.server.connection(DatabaseName::parse("default")?))?;
        let path = self.runtime.block_on(client.query_text(&sql, &[], "TSVRaw"))?;
        let tokens = Path::new(path.trim()).join("deduplication_logs");
        let (deadline, before) = (Instant::now() + within, token_bytes(&tokens)?);
        // Asked without a rest: the moment is a fraction of a millisecond.
        while Instant::now() < deadline {
            if token_bytes(&tokens)? != before {
                self.kill9();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Starts it again if it has ended by itself. True if it had.
    ///
    /// # Errors
    /// The server's last words.
    pub fn revive(&mut self) -> anyhow::Result<bool> {
        let has_ended = self.server.check().is_err();
        if has_ended {
            self.restart()?;
        }
        Ok(has_ended)
    }

    /// Runs a statement past Daylight: damage, or a constraint.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let client = Client::new(self.server.connection(DatabaseName::parse("default")?))?;
        Ok(self.runtime.block_on(client.execute("preparing a test", sql, &[]))?)
    }

    /// From now on it refuses the events of a database; again, if it has done so before.
    ///
    /// # Errors
    /// What the server says.
    pub fn begin(&self, trouble: Trouble, database: &str) -> anyhow::Result<()> {
        self.execute(&trouble.begins(database))
    }

    /// It takes them again.
    ///
    /// # Errors
    /// What the server says.
    pub fn end(&self, trouble: Trouble, database: &str) -> anyhow::Result<()> {
        self.execute(&trouble.ends(database))
    }

    /// The process id.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.server.process_id()
    }

    /// Stops it where it stands (SIGSTOP): it takes connections and answers none.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> anyhow::Result<()> {
        signal::pause(self.process())
    }

    /// Lets it go on where it stood.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> anyhow::Result<()> {
        signal::resume(self.process())
    }

    /// Starts the killed server again on the same ports and data, and waits until it answers.
    ///
    /// # Errors
    /// The server's last words.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.runtime.block_on(self.server.restart()).context("starting ClickHouse again")
    }
}

/// The name and the size of the file to which a table writes its tokens now.
fn token_bytes(folder: &Path) -> anyhow::Result<(OsString, u64)> {
    let files = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut last = (OsString::new(), 0);
    for file in files {
        let file = file?;
        // Numbered as they come; of two names of one length the greater is the later.
        let (name, known) = (file.file_name(), &last.0);
        if (name.len(), &name) > (known.len(), known) {
            last = (name, file.metadata().map_or(0, |metadata| metadata.len()));
        }
    }
    Ok(last)
}
