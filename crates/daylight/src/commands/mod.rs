//! The commands of people. What they print goes through here, so that a closed pipe ends them quietly.

pub(crate) mod apps;
pub(crate) mod backfill;
pub(crate) mod check_config;
pub(crate) mod clickhouse_host;
pub(crate) mod connections;
pub(crate) mod decide;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod init;
pub(crate) mod ledger;
pub(crate) mod merge;
pub(crate) mod parse;
pub(crate) mod reconcile;
pub(crate) mod redrive;
pub(crate) mod reload;
pub(crate) mod replay;
pub(crate) mod reveal;
pub(crate) mod sql;
mod table;
pub(crate) mod verify;

pub(crate) use table::{plain, table};

use std::{fs, io::Write, os::unix::fs::MetadataExt};

/// Prints a line. A reader that has gone away (`| head`) is no error.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}"));
}

/// Prints an error and its causes on one line of standard error.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut out = std::io::stderr().lock();
    drop(writeln!(out, "daylight: {error:#}"));
}

/// Prints a line of standard error.
pub(crate) fn note(line: &str) {
    let mut out = std::io::stderr().lock();
    drop(writeln!(out, "{line}"));
}

/// Who sits at the keyboard: the one behind `sudo`, else the account, else its number. What they say of themselves (`--as`) goes first; the
/// token of the data folder is what gives them the right.
pub(crate) fn operator_name(who: Option<&str>) -> String {
    let named = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let account = || named("SUDO_USER").or_else(|| named("USER")).or_else(|| named("LOGNAME"));
    let number =
        || fs::metadata("/proc/self").map_or_else(|_| "somebody".to_owned(), |own| format!("uid {}", own.uid()));
    who.map(str::to_owned).or_else(account).unwrap_or_else(number)
}
