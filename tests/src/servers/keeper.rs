//! Keeps a server as a child of a small shell, which ends it when our process ends, *however* that ends.
//!
//! A server in a `static`, shared by the tests of a file, is never dropped, and a test process that is killed drops nothing. The shell reads
//! orders from a pipe; when the pipe closes, it kills the server and removes its folder (unless `DAYLIGHT_TESTS_KEEP` is set: then it stays
//! to be looked at).

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, anyhow};

/// Reads orders, answers each with a line. Signals to the whole group (Ctrl-C) are left to our process, whose end closes the pipe.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
folder=$1; shift; pid=
end() { [ -z "$pid" ] || { kill -KILL "$pid"; wait "$pid"; pid=; } 2>/dev/null; }
while read -r order; do
    case $order in
        start) "$@" >>"$folder/server.log" 2>&1 </dev/null & pid=$!; echo "$pid" ;;
        kill) end; echo killed ;;
        wait) wait "$pid"; echo $?; pid= ;;
    esac
done
end
[ -n "$DAYLIGHT_TESTS_KEEP" ] || rm -rf "$folder"
"#;

/// The shell and what it keeps.
pub(crate) struct Keeper {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Keeper {
    /// Keeps `command`, not yet started, with a folder that is removed in the end. Its output goes to `server.log` there.
    pub(crate) fn new(folder: &Path, command: &[OsString]) -> anyhow::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting sh")?;
        let orders = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().context("sh has no stdout")?);
        Ok(Self { shell, orders, answers, folder: folder.to_owned() })
    }

    /// Starts the server; tells its process id.
    pub(crate) fn start(&mut self) -> anyhow::Result<u32> {
        self.order("start")?.trim().parse().context("the keeper's answer is no process id")
    }

    /// `kill -9`, waited for.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.order("kill").map(|_| ())
    }

    /// Waits for a server that is ending by itself; tells its exit code.
    pub(crate) fn wait(&mut self) -> anyhow::Result<i32> {
        self.order("wait")?.trim().parse().context("the keeper's answer is no exit code")
    }

    /// The end of what the server said, for error messages.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(20)).copied().collect::<Vec<_>>().join("\n")
    }

    fn order(&mut self, order: &str) -> anyhow::Result<String> {
        let orders = self.orders.as_mut().ok_or_else(|| anyhow!("the keeper has ended"))?;
        writeln!(orders, "{order}").with_context(|| format!("ordering {order}"))?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).with_context(|| format!("waiting for the answer to {order}"))?;
        Ok(answer)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        // Whatever the shell's end was, the next line of a test is not held up by it.
        self.shell.wait().ok();
    }
}
