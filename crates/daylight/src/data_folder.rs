//! What this machine keeps beside the log and ClickHouse: tenants' keys, the admin token, and where the running process listens.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use event::TenantKey;
use runtime::Secret;
use serde::{Deserialize, Serialize};

/// Only the owner may read what is secret.
const SECRET_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Where the running process listens, for the commands that ask it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Endpoints {
    /// The admin API.
    pub(crate) admin: String,
    /// Where events are received; empty where that role does not run.
    pub(crate) ingest: String,
    /// ClickHouse's HTTP; empty where no role uses it.
    pub(crate) clickhouse: String,
    /// The process id of ClickHouse, where this process hosts it; 0 otherwise.
    pub(crate) clickhouse_process_id: u32,
}

/// The data folder of one process.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes it where it is not there, readable by its owner alone.
    pub(crate) fn open(path: &Path) -> anyhow::Result<DataFolder> {
        let make = fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
        make.with_context(|| format!("cannot make the data folder {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("cannot find the data folder {}", path.display()))?;
        Ok(DataFolder(path))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The embedded log.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// What is kept of the ledger, so that a start need not read all of it.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }

    /// The hosted ClickHouse.
    pub(crate) fn clickhouse(&self) -> PathBuf {
        self.0.join("clickhouse")
    }

    /// The key of a tenant, made once.
    pub(crate) fn tenant_key(&self, tenant: &str) -> anyhow::Result<TenantKey> {
        let path = self.0.join("tenants").join(format!("{tenant}.key"));
        parse_tenant_key(&secret_file(&path)?)
            .with_context(|| format!("the tenant key {} cannot be used", path.display()))
    }

    /// The admin token, made once.
    pub(crate) fn admin_token(&self) -> anyhow::Result<Secret> {
        secret_file(&self.0.join("admin.token")).map(Secret::new)
    }

    /// The secret of a connection, made once: for a configuration that is being written.
    pub(crate) fn made_secret(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join("secrets").join(name);
        secret_file(&path)?;
        Ok(path)
    }

    /// Says where the process listens.
    pub(crate) fn write_endpoints(&self, endpoints: &Endpoints) -> anyhow::Result<()> {
        let (path, partial) = (self.endpoints(), self.0.join("endpoints.json.partial"));
        fs::write(&partial, serde_json::to_vec_pretty(endpoints)?)?;
        // Renamed, so that a reader sees all of it or nothing.
        fs::rename(&partial, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The hosted ClickHouse is another process now, at the same address.
    pub(crate) fn clickhouse_restarted(&self, process_id: u32) {
        let endpoints = self.read_endpoints();
        let written =
            endpoints.and_then(|told| self.write_endpoints(&Endpoints { clickhouse_process_id: process_id, ..told }));
        if let Err(error) = written {
            tracing::debug!(%error, "the new process of ClickHouse is not written down");
        }
    }

    /// Nobody listens any more.
    pub(crate) fn remove_endpoints(&self) {
        if let Err(error) = fs::remove_file(self.endpoints()) {
            tracing::debug!(%error, "no endpoints to remove");
        }
    }

    /// Where the running process listens.
    pub(crate) fn read_endpoints(&self) -> anyhow::Result<Endpoints> {
        let path = self.endpoints();
        let text = fs::read(&path).with_context(|| {
            format!("no Daylight runs on {} ({} is missing); start one with `daylight run`, or name its data folder with --data-folder", self.0.display(), path.display())
        })?;
        serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    fn endpoints(&self) -> PathBuf {
        self.0.join("endpoints.json")
    }
}

/// A tenant's key from its 64 hexadecimal digits.
pub(crate) fn parse_tenant_key(text: &str) -> anyhow::Result<TenantKey> {
    let text = text.trim();
    let mut bytes = [0u8; 32];
    if text.len() != 64 {
        bail!("a tenant key has 64 hexadecimal digits (try: openssl rand -hex 32)");
    }
    for (byte, index) in bytes.iter_mut().zip((0..).step_by(2)) {
        let digits = text.get(index..index + 2).context("a tenant key has 64 hexadecimal digits")?;
        *byte = u8::from_str_radix(digits, 16).context("a tenant key has 64 hexadecimal digits")?;
    }
    Ok(TenantKey::new(bytes))
}

/// The text of a secret file, which is made of 32 random bytes where it is not there.
fn secret_file(path: &Path) -> anyhow::Result<String> {
    if let Ok(text) = fs::read_to_string(path) {
        return Ok(text.trim().to_owned());
    }
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    }
    let mut bytes = [0u8; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("cannot read random bytes")?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let created = fs::OpenOptions::new().write(true).create_new(true).mode(SECRET_MODE).open(path);
    let mut file = created.with_context(|| format!("cannot make the secret file {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&folder.path().join("data")).unwrap();
        let first = data.tenant_key("acme").unwrap().fingerprint();
        assert_eq!(data.tenant_key("acme").unwrap().fingerprint(), first);
        assert_ne!(data.tenant_key("umbrella").unwrap().fingerprint(), first);
        let mode = fs::metadata(folder.path().join("data/tenants/acme.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, SECRET_MODE);
    }

    #[test]
    fn endpoints_are_read_back_and_their_absence_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        assert!(data.read_endpoints().unwrap_err().to_string().contains("daylight run"));
        let endpoints = Endpoints { admin: "http://127.0.0.1:1".into(), ..Endpoints::default() };
        data.write_endpoints(&endpoints).unwrap();
        assert_eq!(data.read_endpoints().unwrap(), endpoints);
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for text in ["", "12", &"g".repeat(64), &"ä".repeat(32)] {
            assert!(parse_tenant_key(text).is_err(), "{text}");
        }
    }
}
