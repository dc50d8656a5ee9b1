//! What the engine of one machine is told: where its data is, where to listen, how much memory to take.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What makes `clickhouse local` a server: it listens, and then reads its stdin to the end.
const SERVE: &str = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; \
                     SELECT * FROM file('/dev/stdin', 'LineAsString') FORMAT Null";

/// Memory that the engine may take, when nothing else is said.
const MEMORY_BYTES_MAX: u64 = 2 << 30;

/// Bytes that the engine leaves free on its disk: below, it refuses to insert and to merge (243, NOT_ENOUGH_SPACE), and goes on when there is room
/// again. Without it, a disk that something else filled to its last byte in the middle of a merge left a part with an empty file behind,
/// and no query of that table could be answered any more (seen with 26.7 on a tmpfs). `[log] free_bytes_min` warns long before.
pub const KEPT_FREE_BYTES: u64 = 64 << 20;

/// How long the engine may take until it answers. It is ready in about a second; after a crash it may have parts to check.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The program that runs the engine, and the arguments that stand before the engine's own.
///
/// Our own binary: `HostCommand { program: current_exe, prefix: ["clickhouse-host", "--library", LIB, "--"] }`, and the subcommand calls
/// `host::serve(LIB, the rest)`. A ClickHouse binary: `HostCommand { program: "clickhouse", prefix: ["local"] }`.
#[derive(Clone, Debug)]
pub struct HostCommand {
    /// What to run.
    pub program: PathBuf,
    /// Its first arguments.
    pub prefix: Vec<OsString>,
}

/// Where the server lives and what it may take.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// An absolute folder of its own. It holds `engine/` (the data), `config.xml` (written at each start) and `clickhouse.log`.
    pub data_dir: PathBuf,
    /// The port of HTTP on loopback; 0 for a free one.
    pub http_port: u16,
    /// The port of ClickHouse's own protocol on loopback; 0 for a free one.
    pub tcp_port: u16,
    /// Memory that the engine may take.
    pub memory_bytes_max: u64,
    /// How long to wait for the first answer.
    pub start_timeout: Duration,
}

impl ServerOptions {
    /// Free ports, 2 GiB of memory, a minute to start.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> ServerOptions {
        ServerOptions {
            data_dir,
            http_port: 0,
            tcp_port: 0,
            memory_bytes_max: MEMORY_BYTES_MAX,
            start_timeout: START_TIMEOUT,
        }
    }
}

/// The engine's arguments, the same for the library and for `clickhouse local`.
#[must_use]
pub fn engine_arguments(data_dir: &Path, http_port: u16, tcp_port: u16) -> Vec<OsString> {
    let option = |name: &str, value: OsString| [OsString::from(name), value];
    [
        option("--path", engine_path(data_dir).into()),
        option("--config-file", config_path(data_dir).into()),
        option("--http_port", http_port.to_string().into()),
        option("--tcp_port", tcp_port.to_string().into()),
        option("--listen_host", "127.0.0.1".into()),
        option("--query", SERVE.into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Makes the folder and writes the configuration; keeps the words of the run before beside those of the next.
pub(super) fn prepare(options: &ServerOptions) -> io::Result<()> {
    std::fs::create_dir_all(engine_path(&options.data_dir))?;
    std::fs::write(config_path(&options.data_dir), config(options.memory_bytes_max))?;
    let log = log_path(&options.data_dir);
    if log.exists() {
        std::fs::rename(&log, log.with_extension("log.1"))?;
    }
    Ok(())
}

/// The engine's data. ClickHouse spells its own path with a slash at the end; paths compare without it.
pub(super) fn engine_path(data_dir: &Path) -> PathBuf {
    data_dir.join("engine")
}

pub(super) fn log_path(data_dir: &Path) -> PathBuf {
    data_dir.join("clickhouse.log")
}

fn config_path(data_dir: &Path) -> PathBuf {
    data_dir.join("config.xml")
}

/// A server for one machine that is shared with everything else on it: bounded memory, small caches (the defaults are made for a machine
/// of its own), no log tables (`clickhouse local` keeps none unless they are asked for). An idle connection is closed after 3 s, because
/// the end of the server waits for it; our clients close theirs after 2 s, so that no request meets a connection that is being closed.
fn config(memory_bytes_max: u64) -> String {
    format!(
        "<clickhouse>
    <timezone>UTC</timezone>
    <max_server_memory_usage>{memory_bytes_max}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <background_pool_size>2</background_pool_size>
    <max_concurrent_queries>100</max_concurrent_queries>
    <max_connections>256</max_connections>
    <keep_alive_timeout>3</keep_alive_timeout>
    <storage_configuration>
        <disks><default><keep_free_space_bytes>{KEPT_FREE_BYTES}</keep_free_space_bytes></default></disks>
    </storage_configuration>
</clickhouse>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_listens_on_loopback_only() {
        let arguments = engine_arguments(Path::new("/data"), 1, 2);
        let text: Vec<&str> = arguments.iter().map(|argument| argument.to_str().unwrap()).collect();
        assert_eq!(text.windows(2).filter(|pair| pair[0] == "--listen_host").count(), 1);
        assert!(text.windows(2).any(|pair| pair == ["--listen_host", "127.0.0.1"]));
        assert!(text.windows(2).any(|pair| pair == ["--path", "/data/engine"]));
    }
}
