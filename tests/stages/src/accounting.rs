//! What a process has cost so far, by the kernel's own books.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// Ticks of `/proc/PID/stat` in a second: `getconf CLK_TCK` is 100 on every Linux for which we build.
const TICKS_PER_SECOND: u64 = 100;
/// A process that takes less than this between two looks has come to rest.
const RESTING: Duration = Duration::from_millis(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(300);
const RESTS_WITHIN: Duration = Duration::from_secs(15);
/// How ClickHouse names the threads that merge parts (the kernel keeps 15 letters).
const MERGE_THREADS: &[&str] = &["MergeMutate"];
/// How Java names the threads that turn its byte code into machine code.
const COMPILER_THREADS: &[&str] = &["C1 CompilerThre", "C2 CompilerThre"];

/// User and system time of a process, threads that have ended included. To 10 ms.
pub fn cpu(process: u32) -> anyhow::Result<Duration> {
    let stat =
        fs::read_to_string(format!("/proc/{process}/stat")).with_context(|| format!("process {process} is gone"))?;
    ticks(&stat).map(|ticks| Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)).context("reading /proc/PID/stat")
}

/// What processes have taken together once they have come to rest: what they do behind the last event (a commit, a small table, a last
/// transaction) is a part of it. They rest when they take less than `RESTING` in `LOOK_INTERVAL`, or after `RESTS_WITHIN`.
pub fn cpu_at_rest(processes: impl Iterator<Item = u32> + Clone) -> anyhow::Result<Duration> {
    let (began, all) = (Instant::now(), || processes.clone().map(cpu).sum::<anyhow::Result<Duration>>());
    let mut known = all()?;
    loop {
        std::thread::sleep(LOOK_INTERVAL);
        let now = all()?;
        if now.saturating_sub(known) < RESTING || began.elapsed() > RESTS_WITHIN {
            return Ok(now);
        }
        known = now;
    }
}

/// Fields 14 and 15; the name in field 2 may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    Some(times.next()?? + times.next()??)
}

/// How long the machine's processors have been idle so far, all together.
pub fn idle() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    // `cpu  user nice system idle iowait …`
    let mut fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(4);
    let ticks: u64 = fields.by_ref().take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// The share of the machine that was at work in `time`, since it had been idle for `before`.
pub fn busy(before: Duration, time: Duration) -> anyhow::Result<f64> {
    let all = time.as_secs_f64() * std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let rested = idle()?.saturating_sub(before).as_secs_f64();
    Ok((1.0 - rested / all.max(1e-9)).clamp(0.0, 1.0))
}

/// What the threads of a ClickHouse that merge have taken. They live as long as the server.
pub fn merges(process: u32) -> anyhow::Result<Duration> {
    threads(process, MERGE_THREADS)
}

/// What Java has taken to compile a broker's own code: a cost of its first minutes, and in them most of what it takes.
pub fn compilers(process: u32) -> anyhow::Result<Duration> {
    threads(process, COMPILER_THREADS)
}

/// What the threads of these names have taken, in nanoseconds (`schedstat`). Those that have ended are not counted.
fn threads(process: u32, names: &[&str]) -> anyhow::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task")).context("listing the threads of a server")? {
        let folder = thread?.path();
        // A thread may end while we look.
        let Ok(name) = fs::read_to_string(folder.join("comm")) else { continue };
        if names.contains(&name.trim_end()) {
            let told = fs::read_to_string(folder.join("schedstat")).unwrap_or_default();
            sum += told.split(' ').next().and_then(|ran| ran.parse().ok()).map_or(Duration::ZERO, Duration::from_nanos);
        }
    }
    Ok(sum)
}

/// What this thread has had of a processor so far, in nanoseconds.
pub fn this_thread() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|ran| ran.parse().ok()).map_or(Duration::ZERO, Duration::from_nanos)
}

/// The most memory that a process ever held. MiB.
pub fn peak_mib(process: u32) -> anyhow::Result<f64> {
    memory_mib(process, "VmHWM:")
}

/// The memory that a process holds now. MiB.
pub fn resident_mib(process: u32) -> anyhow::Result<f64> {
    memory_mib(process, "VmRSS:")
}

fn memory_mib(process: u32, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("the kernel does not tell memory")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_process_are_found_whatever_it_is_called() {
        let stat = "7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 41 1 0 0 20 0 4";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) S 1 2"), None);
    }

    #[test]
    fn our_own_process_costs_something_and_takes_memory() {
        let process = std::process::id();
        let before = this_thread();
        let mut sum = 0u64;
        while this_thread() < before + Duration::from_millis(30) {
            sum = crate::random::mixed(sum);
        }
        assert!(cpu(process).unwrap() >= Duration::from_millis(20), "{sum}");
        assert!(peak_mib(process).unwrap() > 1.0);
    }
}
