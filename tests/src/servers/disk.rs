//! A small disk that a test may fill: a tmpfs, which only root may mount.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

/// Bytes written at once.
const BLOCK_BYTES: usize = 64 << 10;

/// A small disk of its own, unmounted in the end.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts an empty one of so many MiB.
    ///
    /// # Errors
    /// What to do where it may not be mounted.
    pub fn mount(mib: u64) -> anyhow::Result<Disk> {
        let folder = tempfile::Builder::new().prefix("disk-").tempdir()?.keep();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(&folder).output();
        let mounted = mounted.context("mount is missing: apt-get install mount")?;
        ensure!(
            mounted.status.success(),
            "this test fills a disk and needs one of its own: run it where tmpfs may be mounted (as root, in a container with CAP_SYS_ADMIN): {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Ok(Disk(folder))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Fills it until only so many bytes are left.
    ///
    /// # Errors
    /// When nobody tells how much is left.
    pub fn fill(&self, bytes_left: u64) -> anyhow::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.filler())?;
        let block = vec![0u8; BLOCK_BYTES];
        loop {
            let more = usize::try_from(self.free_bytes()?.saturating_sub(bytes_left))?;
            if more == 0 {
                return Ok(());
            }
            for _ in 0..more.min(BLOCK_BYTES * 16).div_ceil(BLOCK_BYTES) {
                let bytes = block.get(..more.min(BLOCK_BYTES)).unwrap_or_default();
                if file.write_all(bytes).is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// Takes away what it was filled with.
    ///
    /// # Errors
    /// When it was not.
    pub fn clear(&self) -> anyhow::Result<()> {
        fs::remove_file(self.filler()).context("clearing a disk that was never filled")
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn free_bytes(&self) -> anyhow::Result<u64> {
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output()?;
        let text = String::from_utf8(output.stdout)?;
        text.lines().nth(1).context("df tells nothing")?.trim().parse().context("df tells no number")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still hold a file.
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
        fs::remove_dir(&self.0).ok();
    }
}
