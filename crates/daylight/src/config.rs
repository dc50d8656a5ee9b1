//! The whole configuration: one section a role, and what they share. Every key has a default, so no file is needed to start.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use runtime::{LogFormat, SecretSource};
use serde::Deserialize;

/// The configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What this machine keeps: the embedded log, the hosted ClickHouse, keys. Belongs to one process.
    pub(crate) data_folder: DataFolder,
    /// The log.
    pub(crate) log: LogConfig,
    /// ClickHouse.
    pub(crate) clickhouse: ClickhouseConfig,
    /// What is known about apps.
    pub(crate) catalogue: CatalogueConfig,
    /// The admin port.
    pub(crate) admin: AdminConfig,
    /// Log lines.
    pub(crate) logs: LogsConfig,
    /// The role `ingest`.
    pub(crate) ingest: ingest::Config,
    /// The role `detect`.
    pub(crate) detect: detect::Config,
    /// The role `sink`.
    pub(crate) sink: sink::Config,
    /// The role `notify`.
    pub(crate) notify: notify::Config,
    /// What is special about a tenant. A tenant that only stands in connections needs no section.
    pub(crate) tenants: Vec<TenantConfig>,
    /// Who may send events.
    pub(crate) connections: Vec<ingest::ConnectionConfig>,
    /// Whom outgoing connections trust.
    pub(crate) tls: runtime::TlsConfig,
    /// Who is told.
    pub(crate) receivers: Vec<notify::ReceiverConfig>,
}

/// A folder with a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct DataFolder(pub(crate) PathBuf);

impl Default for DataFolder {
    fn default() -> DataFolder {
        DataFolder(PathBuf::from("daylight-data"))
    }
}

/// The section `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// `host:port` of Kafka brokers, comma separated; empty for the embedded log in the data folder.
    pub(crate) kafka: String,
    /// Further properties of librdkafka, by its own names (`security.protocol`, `sasl.mechanism`, …). None of them is a secret.
    pub(crate) kafka_properties: BTreeMap<String, String>,
    /// Those that are secrets (`sasl.password`, `ssl.key.pem`, …).
    pub(crate) kafka_secrets: BTreeMap<String, SecretSource>,
    /// What the names of our topics begin with.
    pub(crate) topic_prefix: String,
    /// Partitions of every topic, fixed when they are created. A tenant lives in one.
    pub(crate) partitions: u32,
    /// Copies of each partition, on Kafka.
    pub(crate) replication: u16,
    /// Days that events are kept in the log (ClickHouse keeps them for longer).
    pub(crate) events_retention_days: u32,
    /// Bytes that a partition of events may hold.
    pub(crate) events_retention_bytes: u64,
    /// Days that alerts are kept in the log.
    pub(crate) alerts_retention_days: u32,
    /// Days that dead letters are kept in the log.
    pub(crate) dead_letters_retention_days: u32,
    /// Bytes of records that may wait for the log; beyond it senders are told 503.
    pub(crate) queue_bytes_max: u64,
    /// Free bytes on the disk of the data folder below which the process is not ready. Not looked at where the log is Kafka's and
    /// ClickHouse another's, because then nothing grows there.
    pub(crate) free_bytes_min: u64,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            kafka: String::new(),
            kafka_properties: BTreeMap::new(),
            kafka_secrets: BTreeMap::new(),
            topic_prefix: String::new(),
            partitions: 4,
            replication: 1,
            events_retention_days: 14,
            events_retention_bytes: 64 << 30,
            alerts_retention_days: 90,
            dead_letters_retention_days: 14,
            queue_bytes_max: 64 << 20,
            free_bytes_min: 1 << 30,
        }
    }
}

/// The section `[clickhouse]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClickhouseConfig {
    /// `http://host:port` or `https://host:port` of a server; empty to host one on this machine.
    pub(crate) url: String,
    /// The database, which is made if need be.
    pub(crate) database: String,
    /// The account; empty for the server's default.
    pub(crate) user: String,
    /// The account's password.
    pub(crate) password: Option<SecretSource>,
    /// The account that `daylight reveal` reads names with (role `revealer` in schemas/clickhouse/access); empty for the account above.
    pub(crate) reveal_user: String,
    /// That account's password.
    pub(crate) reveal_password: Option<SecretSource>,
    /// `libchdb.so`, for the hosted server; empty to look beside the binary, in the build folder, and for `clickhouse` on PATH.
    pub(crate) library: PathBuf,
    /// Memory that the hosted server may take. Bytes.
    pub(crate) memory_bytes_max: u64,
}

impl Default for ClickhouseConfig {
    fn default() -> ClickhouseConfig {
        ClickhouseConfig {
            url: String::new(),
            database: "daylight".into(),
            user: String::new(),
            password: None,
            reveal_user: String::new(),
            reveal_password: None,
            library: PathBuf::new(),
            memory_bytes_max: 2 << 30,
        }
    }
}

/// The section `[catalogue]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CatalogueConfig {
    /// The company's own apps, laid over those that the binary knows; empty for none. `daylight reload` reads it again.
    pub(crate) apps_file: PathBuf,
}

/// The section `[admin]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AdminConfig {
    /// Where metrics, readiness and the commands of operators are served.
    pub(crate) listen: SocketAddr,
}

impl Default for AdminConfig {
    fn default() -> AdminConfig {
        AdminConfig { listen: SocketAddr::from(([127, 0, 0, 1], 8481)) }
    }
}

/// The section `[logs]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogsConfig {
    /// Text for people, JSON for machines.
    pub(crate) format: LogFormat,
    /// `info`, or `info,ingest=debug`. The embedded store is asked for its warnings only: it would tell of every file.
    pub(crate) level: String,
}

impl Default for LogsConfig {
    fn default() -> LogsConfig {
        LogsConfig { format: LogFormat::Text, level: "info,fjall=warn,lsm_tree=warn".into() }
    }
}

/// One of `[[tenants]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantConfig {
    /// The tenant, as connections name it.
    pub(crate) id: String,
    /// Its key for pseudonyms, 64 hexadecimal digits; without one it is made once and kept in the data folder. Another key makes
    /// everybody new.
    #[serde(default)]
    pub(crate) key: Option<SecretSource>,
    /// CSV of who works where: `email,department,valid_from,valid_to`.
    #[serde(default)]
    pub(crate) directory: Option<PathBuf>,
}
