//! The engine of one machine, alone: `clickhouse_host LIBRARY ARGUMENTS…` does what `daylight clickhouse-host` does. The tests of this
//! crate spawn it, because they must not wait for the whole binary to be built.

use std::ffi::OsString;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let library: OsString = arguments.next().ok_or("usage: clickhouse_host LIBRARY ARGUMENTS…")?;
    store::host::serve(&PathBuf::from(library), arguments)?;
    Ok(())
}
