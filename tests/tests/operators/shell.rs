//! The commands, as people type them.

use std::process::Command;

use anyhow::{Context as _, ensure};
use tests::servers::{Daylight, binary};

/// What a command said.
pub(crate) struct Said {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// Types `daylight …` to a running Daylight.
pub(crate) fn type_to(daylight: &Daylight, words: &[&str]) -> anyhow::Result<Said> {
    let mut command = Command::new(binary()?);
    run(command.args(words).arg("--data-folder").arg(daylight.data()))
}

/// Types a command that must succeed; gives what it printed.
pub(crate) fn typed(daylight: &Daylight, words: &[&str]) -> anyhow::Result<String> {
    let said = type_to(daylight, words)?;
    ensure!(said.code == 0, "daylight {} ended with {}: {}", words.join(" "), said.code, said.err);
    Ok(said.out)
}

/// Types a command that must be refused, with one line that holds these words.
pub(crate) fn refused(daylight: &Daylight, words: &[&str], code: i32, told: &[&str]) -> anyhow::Result<()> {
    let said = type_to(daylight, words)?;
    let shown = format!("daylight {}: {} {}", words.join(" "), said.code, said.err);
    ensure!(said.code == code, "{shown}");
    // A wrong command line is answered with the usage, which has several.
    ensure!(code == 2 || said.err.trim_end().lines().count() == 1, "more than one line: {shown}");
    for word in told {
        ensure!(said.err.contains(word), "{word:?} is not told: {shown}");
    }
    Ok(())
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Said> {
    let output = command.env_remove("SUDO_USER").env("USER", "carla").output().context("running daylight")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) })
}

/// Asks the admin API directly, with the token of the data folder.
pub(crate) fn ask(daylight: &Daylight, path: &str, body: &str) -> anyhow::Result<tests::http::Answer> {
    let token = std::fs::read_to_string(daylight.data().join("admin.token")).context("reading the token")?;
    let authorization = format!("Bearer {}", token.trim());
    tests::http::post(&format!("{}{path}", daylight.admin()), &[("authorization", &authorization)], body.as_bytes())
}
