//! Real servers for tests: started on loopback ports that are free, gone with the process that started them.

mod alertmanager;
mod clickhouse;
mod daylight;
mod disk;
mod fault_proxy;
pub mod kafka;
mod keeper;
mod prometheus;
mod receiver;
mod setup;
pub mod signal;
mod trouble;

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

pub use alertmanager::Alertmanager;
pub use clickhouse::Clickhouse;
pub use daylight::Daylight;
pub use disk::Disk;
pub use fault_proxy::{Fault, FaultProxy, Protocol, Schedule};
pub use kafka::KafkaServer;
pub use prometheus::{Prometheus, installed, run_tool};
pub use receiver::{Post, Receiver};
pub use setup::{Setup, TENANT_KEY};
pub use trouble::Trouble;

/// Where `make stack` puts the servers: `$DAYLIGHT_STACK`, or `target/stack` of this workspace.
#[must_use]
pub fn stack_folder() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/stack");
    std::env::var_os("DAYLIGHT_STACK").map_or_else(default, PathBuf::from)
}

/// What ships beside the binary: rules and examples for other servers.
#[must_use]
pub fn deploy_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// A loopback port that is free now.
///
/// # Errors
/// When the machine has none.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("asking for a free port")?;
    Ok(listener.local_addr().context("asking for a free port")?.port())
}

/// The binary under test: the one that `DAYLIGHT_TESTS_BINARY` names, else as `cargo build -p daylight` puts it beside the tests.
///
/// # Errors
/// When it is not there: it is never built from here, so that a test does not wait for a build, or test an old one in silence.
pub fn binary() -> anyhow::Result<PathBuf> {
    let binary = match std::env::var_os("DAYLIGHT_TESTS_BINARY") {
        Some(named) => PathBuf::from(named),
        None => binary_beside(&std::env::current_exe().context("asking where the test itself is")?)?,
    };
    ensure!(binary.is_file(), "there is no {}: run make test, or cargo build -p daylight", binary.display());
    Ok(binary)
}

/// In the build folder of `program`: target/debug/deps/e2e-0123456789abcdef is a test, target/release/chaos a program.
fn binary_beside(program: &Path) -> anyhow::Result<PathBuf> {
    let folder = program.parent().context("the test stands in no build folder")?;
    let is_test = folder.file_name().is_some_and(|name| name == "deps");
    let folder = if is_test { folder.parent().context("the test stands in no build folder")? } else { folder };
    Ok(folder.join("daylight"))
}

/// The hosted engine's library.
fn clickhouse_library() -> anyhow::Result<PathBuf> {
    let library = stack_folder().join("clickhouse/libchdb.so");
    ensure!(library.is_file(), "there is no ClickHouse at {}: run make stack", library.display());
    library.canonicalize().context("finding ClickHouse's library")
}

/// Tells whoever reads the output what was started: past the test's own captured output, which is only shown when it fails.
pub(crate) fn say(line: &str) {
    // Nobody there to read it is no reason to fail.
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// Does the process run (and is no zombie)?
fn is_running(process: u32) -> bool {
    std::fs::read_link(format!("/proc/{process}/exe")).is_ok()
}
