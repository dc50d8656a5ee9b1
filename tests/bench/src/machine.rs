//! On what, and on which commit, it was measured. The load stands beside the figures, because neighbours move them.

use std::{fs, process::Command};

use crate::report::Machine;

/// The load of the last minute.
pub(crate) fn load() -> f64 {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// What the machine says of itself; `load_before` was read before the first run.
pub(crate) fn describe(load_before: f64) -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Machine {
        processor: model.trim_start_matches([' ', '\t', ':']).to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_mib: memory.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1_024,
        // Its build is nobody's business.
        kernel: kernel.trim().split('-').next().unwrap_or_default().to_owned(),
        load_before,
        load_after: load(),
    }
}

/// The commit, with `+` where files differ from it.
pub(crate) fn commit() -> String {
    let git = |words: &[&str]| {
        let told = Command::new("git").args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        told.status.success().then(|| String::from_utf8_lossy(&told.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let is_changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    if is_changed { commit + "+" } else { commit }
}
