//! A disk that fills: readiness turns first, then the log refuses and says so, and nothing acknowledged is lost.
//!
//! The disk is a small tmpfs, which only root may mount; where that is refused, the test fails and says what it needs.

use std::{path::Path, process::Command, time::Duration};

use anyhow::ensure;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::{Disk, Setup},
};

/// The size of the disk. The log's journal alone takes up to 64 MiB before it is rotated.
const DISK_MIB: u64 = 256;
/// Below this the process is not ready.
const FREE_BYTES_MIN: u64 = 32 << 20;

fn noisy_page(number: u64) -> Vec<u8> {
    // Names that do not compress, so that a page takes its room.
    let clicks = (0..200).map(|more| {
        let number = number * 1_000 + more;
        let app = format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        okta_sso(&click(number, &format!("{app}@brightwater.example"), &format!("0oa{app}"), &app))
    });
    page(&clicks.collect::<Vec<_>>())
}

fn is_disk_told(path: &Path, told: &str) -> bool {
    told.contains("disk") && told.contains(&path.display().to_string()) && told.contains("free_bytes_min")
}

#[test]
fn a_filling_disk_is_told_by_readiness_first_then_by_503_and_nothing_acknowledged_is_lost() -> anyhow::Result<()> {
    let disk = Disk::mount(DISK_MIB)?;
    let data = disk.path().join("data");
    let setup = Setup::new().role("ingest").connection("okta", "acme", "okta", OKTA_ORG).data_folder(&data);
    let daylight = setup.set("log.free_bytes_min", i64::try_from(FREE_BYTES_MIN)?).start()?;
    let mut acknowledged = 0u64;
    ensure!(daylight.accept("okta", &noisy_page(acknowledged))?["events"] == 200);
    acknowledged += 1;

    // Nearly full: not ready, with the reason, and the log still takes what comes.
    disk.fill(FREE_BYTES_MIN / 2)?;
    let within = Duration::from_secs(10);
    poll(within, "readiness turns false", || {
        let answer = daylight.readiness()?;
        ensure!(answer.status == 503 && is_disk_told(&data, &answer.text()), "{} {}", answer.status, answer.text());
        Ok(())
    })?;
    ensure!(daylight.accept("okta", &noisy_page(acknowledged))?["events"] == 200, "the log failed before it was told");
    acknowledged += 1;

    // Full: 503 and Retry-After, with a sentence, for as long as it lasts.
    disk.fill(0)?;
    let refused = poll(Duration::from_secs(60), "the log refuses", || {
        let answer = daylight.send("okta", &noisy_page(acknowledged))?;
        if answer.status == 200 {
            acknowledged += 1;
        }
        ensure!(answer.status == 503, "{} {}", answer.status, answer.text());
        Ok(answer)
    })?;
    ensure!(refused.header("retry-after").is_some(), "no Retry-After: {:?}", refused.headers);
    ensure!(refused.text().contains("the log does not take records now"), "{}", refused.text());
    // It tries again by itself, and may find a little room where it was cut off: each answer is a promise or a refusal, and nothing else.
    for _ in 0..5 {
        disk.fill(0)?;
        let answer = daylight.send("okta", &noisy_page(acknowledged))?;
        ensure!(answer.status == 200 || answer.status == 503, "{} {}", answer.status, answer.text());
        acknowledged += u64::from(answer.status == 200);
    }

    // Room again: the same delivery is taken, and the process needs nobody to restart it.
    disk.clear()?;
    let receipt = poll(Duration::from_secs(30), "the log takes records again", || {
        daylight.accept("okta", &noisy_page(acknowledged))
    })?;
    ensure!(receipt["events"] == 200 && receipt["duplicates"] == 0, "what was refused was acknowledged: {receipt}");
    acknowledged += 1;
    poll(within, "it is ready again", || {
        let answer = daylight.readiness()?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    })?;

    // And all of it is in the log: a Daylight with every role on the same folder brings exactly it into the table.
    ensure!(daylight.stop()? == 0);
    drop(daylight);
    let moved = tempfile::tempdir()?;
    let copied = Command::new("cp").arg("-a").arg(&data).arg(moved.path()).status()?;
    ensure!(copied.success(), "the data folder could not be moved to a larger disk");
    let reader =
        Setup::new().connection("okta", "acme", "okta", OKTA_ORG).data_folder(&moved.path().join("data")).start()?;
    let expected = acknowledged * 200;
    reader.expect(Duration::from_secs(60), "SELECT uniqExact(event_id) FROM events", expected)
}
