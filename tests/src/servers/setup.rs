//! The configuration of a Daylight under test: every port free, every secret known to the test, everything else at its default unless said.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use toml::{Table, Value};

use super::{Daylight, Receiver};

/// The key of a tenant under test: 64 hexadecimal digits.
pub const TENANT_KEY: &str = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";

/// A configuration in the making.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(super) role: &'static str,
    table: Table,
    pub(super) env: Vec<(OsString, OsString)>,
    /// Connection or receiver → its secret.
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) data: Option<PathBuf>,
    pub(super) is_ready_awaited: bool,
}

impl Setup {
    /// Every role in one process (`run`), nothing configured but free ports.
    #[must_use]
    pub fn new() -> Setup {
        let setup = Setup {
            role: "run",
            table: Table::new(),
            env: Vec::new(),
            secrets: BTreeMap::new(),
            data: None,
            is_ready_awaited: true,
        };
        setup.set("admin.listen", "127.0.0.1:0").set("ingest.listen", "127.0.0.1:0")
    }

    /// Another role than all: `ingest`, `detect`, `sink`, `notify`.
    #[must_use]
    pub fn role(mut self, role: &'static str) -> Setup {
        self.role = role;
        self
    }

    /// A key of the configuration, `section.key`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Setup {
        match key.split_once('.') {
            None => drop(self.table.insert(key.to_owned(), value.into())),
            Some((section, key)) => {
                let section = self.table.entry(section).or_insert_with(|| Table::new().into());
                if let Some(section) = section.as_table_mut() {
                    section.insert(key.to_owned(), value.into());
                }
            }
        }
        self
    }

    /// A connection. Its secret is `secret_of(id)`.
    #[must_use]
    pub fn connection(mut self, id: &str, tenant: &str, provider: &str, provider_tenant: &str) -> Setup {
        self.secrets.insert(id.to_owned(), secret_of(id));
        let mut table = Table::new();
        for (key, value) in
            [("id", id), ("tenant", tenant), ("provider", provider), ("provider_tenant", provider_tenant)]
        {
            table.insert(key.to_owned(), value.into());
        }
        self.list("connections", table)
    }

    /// A connection of any kind, as the configuration writes it.
    #[must_use]
    pub fn connection_table(self, table: Table) -> Setup {
        self.list("connections", table)
    }

    /// A further key of the connection that was added last.
    #[must_use]
    pub fn connection_key(mut self, key: &str, value: impl Into<Value>) -> Setup {
        let connections = self.table.get_mut("connections").and_then(Value::as_array_mut);
        if let Some(last) = connections.and_then(|list| list.last_mut()).and_then(Value::as_table_mut) {
            last.insert(key.to_owned(), value.into());
        }
        self
    }

    /// A further key of what is polled of the connection that was added last.
    #[must_use]
    pub fn connection_poll_key(mut self, key: &str, value: impl Into<Value>) -> Setup {
        let connections = self.table.get_mut("connections").and_then(Value::as_array_mut);
        let last = connections.and_then(|list| list.last_mut()).and_then(Value::as_table_mut);
        if let Some(poll) = last.and_then(|last| last.get_mut("poll")).and_then(Value::as_table_mut) {
            poll.insert(key.to_owned(), value.into());
        }
        self
    }

    /// A tenant whose key for pseudonyms is given, so that processes with data folders of their own agree on it.
    #[must_use]
    pub fn tenant(mut self, id: &str) -> Setup {
        let name = format!("tenant-{id}");
        self.secrets.insert(name, TENANT_KEY.to_owned());
        let table = Table::from_iter([("id".to_owned(), Value::from(id))]);
        self.list("tenants", table)
    }

    /// A signed webhook that is told of everything from `low` on.
    #[must_use]
    pub fn receiver(mut self, id: &str, receiver: &Receiver) -> Setup {
        self.secrets.insert(id.to_owned(), receiver.key().to_owned());
        let mut table = Table::new();
        for (key, value) in [("id", id), ("kind", "webhook"), ("url", receiver.url())] {
            table.insert(key.to_owned(), value.into());
        }
        self.list("receivers", table)
    }

    /// A receiver of any kind, as the configuration writes it.
    #[must_use]
    pub fn receiver_table(self, table: Table) -> Setup {
        self.list("receivers", table)
    }

    /// An environment variable of the process.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Setup {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The log on this Kafka.
    #[must_use]
    pub fn kafka(self, bootstrap: &str) -> Setup {
        self.set("log.kafka", bootstrap)
    }

    /// Rows into this ClickHouse, in a database of its own.
    #[must_use]
    pub fn clickhouse(self, url: &str, database: &str) -> Setup {
        self.set("clickhouse.url", url).set("clickhouse.database", database)
    }

    /// A data folder elsewhere than beside the configuration.
    #[must_use]
    pub fn data_folder(mut self, path: &Path) -> Setup {
        self.data = Some(path.to_owned());
        self
    }

    /// Starting means listening, whatever `/readyz` says.
    #[must_use]
    pub fn not_ready_is_fine(mut self) -> Setup {
        self.is_ready_awaited = false;
        self
    }

    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// What is missing, or the last words of a process that did not come up.
    pub fn start(self) -> anyhow::Result<Daylight> {
        Daylight::start(self)
    }

    /// Writes secrets and `daylight.toml` into a folder; gives the path of the latter and of the data folder.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
        let secrets = folder.join("secrets");
        fs::create_dir_all(&secrets).context("making a folder for secrets")?;
        let mut table = self.table.clone();
        let data = self.data.clone().unwrap_or_else(|| folder.join("data"));
        table.insert("data_folder".to_owned(), data.display().to_string().into());
        for (list, key, prefix) in
            [("connections", "secret", ""), ("receivers", "secret", ""), ("tenants", "key", "tenant-")]
        {
            for entry in table.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let Some(entry) = entry.as_table_mut() else { continue };
                let id = format!("{prefix}{}", entry.get("id").and_then(Value::as_str).unwrap_or_default());
                let Some(secret) = self.secrets.get(&id).filter(|_| !entry.contains_key(key)) else { continue };
                let path = secrets.join(&id);
                fs::write(&path, secret).context("writing a secret")?;
                let source = Table::from_iter([("file".to_owned(), Value::from(path.display().to_string()))]);
                entry.insert(key.to_owned(), source.into());
            }
        }
        let config = folder.join("daylight.toml");
        fs::write(&config, toml::to_string(&table)?).context("writing the configuration")?;
        Ok((config, data))
    }

    fn list(mut self, name: &str, entry: Table) -> Setup {
        let list = self.table.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = list.as_array_mut() {
            list.push(entry.into());
        }
        self
    }
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

/// The secret of a connection under test.
fn secret_of(id: &str) -> String {
    format!("planted-connection-secret-{id}-5e1f")
}
