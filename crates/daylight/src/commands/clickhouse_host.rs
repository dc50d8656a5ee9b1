//! `clickhouse-host --library LIB -- ARGUMENTS…`: the engine in a process of its own, started by `run`.

use std::{ffi::OsString, path::Path};

use anyhow::Context;

use crate::cli::ClickhouseHostArgs;

pub(crate) fn run(args: ClickhouseHostArgs) -> anyhow::Result<()> {
    let arguments = args.arguments.into_iter().map(OsString::from);
    store::host::serve(Path::new(&args.library), arguments).context("cannot run the ClickHouse engine")
}
