//! What happens to a process from outside: stopped where it stands, woken, killed. For any process id, so also for the ClickHouse that a Daylight
//! hosts.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context as _, ensure};

use crate::poll;

/// How long the kernel may take to stop all threads of a process: one that writes to a disk finishes that first.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// Stops a process where it stands (SIGSTOP), and waits until all its threads stand. Its connections stay open, and nobody answers there.
///
/// # Errors
/// When there is no such process.
pub fn pause(process: u32) -> anyhow::Result<()> {
    send("STOP", process)?;
    poll(STOPPED_WITHIN, "the process stands", || {
        for thread in fs::read_dir(format!("/proc/{process}/task")).context("it has gone")? {
            // A thread that has ended meanwhile stands, too.
            let stat = fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
            ensure!(matches!(state, None | Some('T')), "a thread is in state {state:?}");
        }
        Ok(())
    })
}

/// Lets a stopped process go on where it stood (SIGCONT).
///
/// # Errors
/// When there is no such process.
pub fn resume(process: u32) -> anyhow::Result<()> {
    send("CONT", process)
}

/// `kill -9`, also of a process that stands. Not waited for.
///
/// # Errors
/// When there is no such process.
pub fn kill9(process: u32) -> anyhow::Result<()> {
    send("KILL", process)
}

fn send(signal: &str, process: u32) -> anyhow::Result<()> {
    let sent = Command::new("kill").args(["-s", signal, &process.to_string()]).output().context("running kill")?;
    let words = || String::from_utf8_lossy(&sent.stderr).into_owned();
    ensure!(sent.status.success(), "process {process} cannot be sent SIG{signal}: {}", words());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_process_stands_goes_on_and_dies_also_while_it_stands() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let process = child.id();
        let state = || {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
            stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
        };
        pause(process).unwrap();
        assert_eq!(state(), Some('T'));
        resume(process).unwrap();
        poll(STOPPED_WITHIN, "it goes on", || {
            ensure!(state() != Some('T'));
            Ok(())
        })
        .unwrap();
        pause(process).unwrap();
        kill9(process).unwrap();
        child.wait().unwrap();
        assert!(pause(process).is_err() && kill9(process).is_err(), "there is no such process");
    }
}
