//! The commands of people. What they print goes through here, so that a closed pipe ends them quietly.

pub(crate) mod check_config;
pub(crate) mod clickhouse_host;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod parse;
pub(crate) mod replay;
pub(crate) mod sql;

use std::io::Write;

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
