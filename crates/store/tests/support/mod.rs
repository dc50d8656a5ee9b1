//! A real embedded ClickHouse for a test: the engine in a child process, its data in a folder that goes away with the test.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and says what it started"
)]
// Each test file is a program of its own and uses only a part.
#![allow(dead_code)]

use std::path::PathBuf;
use std::time::Duration;

use store::{
    Client, DatabaseName, Deduplication, EmbeddedServer, EncodedBlock, HostCommand, InsertOutcome, MIGRATIONS,
    ServerOptions,
};

/// How long an insert of a test may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A server with a migrated database.
pub(crate) struct Stack {
    pub(crate) server: EmbeddedServer,
    pub(crate) client: Client,
    // Dropped after the server, which writes into it.
    _folder: tempfile::TempDir,
}

/// The library of `make stack`. Its absence fails the test: a test that passes without its server has tested nothing.
pub(crate) fn library() -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let stack = std::env::var_os("DAYLIGHT_STACK").map_or_else(|| workspace.join("target/stack"), PathBuf::from);
    let library = stack.join("clickhouse/libchdb.so");
    assert!(library.is_file(), "{} is missing: run `make stack`, which fetches the real servers", library.display());
    library
}

/// The program that hosts the engine: an example of this crate, built by cargo together with its tests, beside them.
pub(crate) fn host_command() -> HostCommand {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/clickhouse_host");
    assert!(program.is_file(), "{} is missing: `cargo test -p store` builds it", program.display());
    HostCommand { program, prefix: vec![library().into()] }
}

impl Stack {
    /// A new server with every migration run.
    pub(crate) async fn start() -> Stack {
        let folder = tempfile::tempdir().unwrap();
        let server = EmbeddedServer::start(host_command(), ServerOptions::new(folder.path().into())).await.unwrap();
        let client = Client::new(server.connection(DatabaseName::parse("daylight").unwrap())).unwrap();
        client.migrate(MIGRATIONS).await.unwrap();
        println!("embedded ClickHouse at {}, ready after {:?}", server.url(), server.ready_after());
        Stack { server, client, _folder: folder }
    }

    /// Inserts a block and expects it to be stored.
    pub(crate) async fn insert(&self, block: &EncodedBlock, token: &str) {
        let outcome = self.client.insert(block, token, Deduplication::ByToken, TIMEOUT).await;
        assert_eq!(outcome, InsertOutcome::Clean, "{} rows into {}", block.rows, block.table);
    }

    /// The answer to a question, as lines of tab-separated values.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        self.client.query_text(sql, &[], "TSVRaw").await.unwrap().trim_end().to_owned()
    }

    /// Ends the server in order. The client goes first: the server waits for idle connections.
    pub(crate) async fn stop(self) {
        drop(self.client);
        self.server.stop().await;
    }
}
