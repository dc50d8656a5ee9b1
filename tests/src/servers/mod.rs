//! Real servers for tests: started on loopback ports that are free, gone with the process that started them.

pub mod kafka;
mod keeper;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// Where `make stack` puts the servers: `$DAYLIGHT_STACK`, or `target/stack` of this workspace.
#[must_use]
pub fn stack_folder() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/stack");
    std::env::var_os("DAYLIGHT_STACK").map_or_else(default, PathBuf::from)
}

/// A loopback port that is free now.
///
/// # Errors
/// When the machine has none.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("asking for a free port")?;
    Ok(listener.local_addr().context("asking for a free port")?.port())
}
