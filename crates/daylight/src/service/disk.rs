//! Watches the room on the disk of the data folder, so that readiness turns false while the log can still write.
//!
//! A full disk is survived (the log refuses, senders are told to come again, nothing acknowledged is lost), but not answered well by
//! anybody who only then hears of it. Nothing is stopped here: whoever routes traffic by `/readyz` decides.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use runtime::{Component, Shutdown};

/// Time between two looks. A disk takes about a gigabyte in that time at its very fastest.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// For people, sizes are told in MiB.
const MIB: u64 = 1 << 20;

/// Looks until asked to stop.
pub(super) async fn watch(folder: PathBuf, free_bytes_min: u64, component: Component, shutdown: Shutdown) {
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = looks.tick() => {}
        }
        match reason(&folder, free_bytes(&folder), free_bytes_min) {
            None => component.ready(),
            Some(reason) => component.not_ready(reason),
        }
    }
}

/// Bytes that we may still write there. The system answers from memory, so this does not hold up the thread.
fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let room = rustix::fs::statvfs(folder)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Why there is too little room, if there is. Rounded, so that a disk that fills is not another reason every second.
fn reason(folder: &Path, free_bytes: std::io::Result<u64>, free_bytes_min: u64) -> Option<String> {
    let folder = folder.display();
    match free_bytes {
        Ok(free_bytes) if free_bytes >= free_bytes_min => None,
        Ok(_) => Some(format!(
            "less than {} MiB are free on the disk of {folder} ([log] free_bytes_min); make room, or the log will refuse events",
            free_bytes_min.div_ceil(MIB)
        )),
        Err(error) => Some(format!("cannot tell how much room the disk of {folder} has: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_the_configured_bytes_and_not_at_them() {
        let folder = Path::new("/data");
        assert_eq!(reason(folder, Ok(MIB), MIB), None);
        let told = reason(folder, Ok(MIB - 1), MIB).unwrap();
        assert!(told.contains("1 MiB") && told.contains("/data") && told.contains("free_bytes_min"), "{told}");
        let lost = reason(folder, Err(std::io::ErrorKind::NotFound.into()), MIB).unwrap();
        assert!(lost.contains("/data"), "{lost}");
    }

    #[test]
    fn a_folder_that_is_there_has_room() {
        assert!(free_bytes(&std::env::temp_dir()).unwrap() > 0);
        assert!(free_bytes(Path::new("/nowhere")).is_err());
    }
}
