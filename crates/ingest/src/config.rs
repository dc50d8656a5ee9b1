//! Who may send what, and how much of it.

use std::{net::SocketAddr, path::PathBuf};

use event::Source;
use runtime::SecretSource;
use serde::Deserialize;

use crate::{HubConfig, PollConfig, parse::readable_provider};

/// The section `[ingest]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where events are received.
    pub listen: SocketAddr,
    /// Bytes of one body on the wire. A full Okta page has 1.6 MB, an Entra page 2.2 MB.
    pub body_bytes_max: usize,
    /// Bytes of one body unpacked.
    pub unpacked_bytes_max: usize,
    /// Unpacked bytes for each packed one.
    pub unpack_ratio_max: usize,
    /// Bytes of all bodies in work at once; beyond it the answer is 503.
    pub in_flight_bytes_max: usize,
    /// A body must arrive within this time. Milliseconds.
    pub read_timeout_ms: u64,
    /// Connections at once; the next ones wait.
    pub connections_max: usize,
    /// A request's headers must arrive within this time, and a connection may say nothing for so long. Milliseconds; more than the proxy in front
    /// keeps idle connections, or it sends into one that is just being closed.
    pub idle_timeout_ms: u64,
    /// Events packed into one record of the log; 1 gives each event a record of its own.
    pub events_per_record_max: usize,
    /// Bytes at which a record of the log is closed.
    pub record_bytes_max: usize,
    /// Acknowledged events that are remembered, to drop second copies (about 80 bytes each).
    pub window_events_max: usize,
    /// How often a tick is written to each partition. Milliseconds.
    pub tick_interval_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            body_bytes_max: 8 << 20,
            unpacked_bytes_max: 32 << 20,
            unpack_ratio_max: 100,
            in_flight_bytes_max: 256 << 20,
            read_timeout_ms: 30_000,
            connections_max: 1_000,
            idle_timeout_ms: 75_000,
            events_per_record_max: 1_000,
            record_bytes_max: 768 << 10,
            window_events_max: 500_000,
            tick_interval_ms: 60_000,
        }
    }
}

/// One of `[[connections]]`: a configured source of one tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionConfig {
    /// Its name, as in `POST /v1/events/{connection}`.
    pub id: String,
    /// Our tenant: what it delivers belongs to this tenant, whatever the payload says.
    pub tenant: String,
    /// Whose format it speaks.
    #[serde(deserialize_with = "source")]
    pub provider: Source,
    /// The provider's name for the tenant: Okta org host, Google customer id, Entra tenant id. A payload that names another is refused.
    pub provider_tenant: String,
    /// What the sender must show in `Authorization`. Without one, nobody can deliver over HTTP.
    #[serde(default)]
    pub secret: Option<SecretSource>,
    /// The secret before the last rotation, valid for as long as it stands here.
    #[serde(default)]
    pub previous_secret: Option<SecretSource>,
    /// Is everything that it delivers imported history? It teaches, and does not page.
    #[serde(default)]
    pub is_backfill: bool,
    /// After how many hours without an event it is called silent, and its figures partial; 0 for never. Without it, as is usual for its
    /// provider.
    #[serde(default)]
    pub silent_after_hours: Option<u32>,
    /// A Kafka of the provider's, from which events are read beside, or instead of, what is delivered.
    #[serde(default)]
    pub hub: Option<HubConfig>,
    /// May it be sent to as to Splunk's HTTP Event Collector, with the secret as the token? The token alone names the connection there.
    #[serde(default)]
    pub hec: bool,
    /// How its events are read: a mapping file, for `provider = "mapped"` and for no other.
    #[serde(default)]
    pub mapping: Option<PathBuf>,
    /// What is fetched beside, or instead of, what is delivered.
    #[serde(default)]
    pub poll: Option<PollConfig>,
}

fn source<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
    let text = String::deserialize(deserializer)?;
    readable_provider(&text).map_err(serde::de::Error::custom)
}
