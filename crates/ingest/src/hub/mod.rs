//! Event hubs: native events that a provider writes into a Kafka of its own, read from there and taken in like HTTP bodies. Microsoft Entra's
//! diagnostic settings write so; Azure Event Hubs speak Kafka by SASL PLAIN over TLS.
//!
//! ```text
//! hub ─► reader (a thread for each connection) ─► batch (≤ 8 MiB and one message) ─► Acceptor ─► the log acknowledges ─► offset committed
//! ```
//!
//! The hub's offset moves only when our log has what the message held, so a message may be read twice and is never lost; what is read twice
//! has the same event ids, and changes nothing. A message that can never be taken is a dead letter with its place in the hub
//! (`hub:topic:partition:offset`), and the reader goes on. All processes that read the same hub are one group and share its partitions.
//!
//! A hub that is away, or lets us not in, is a state and a metric and no reason to end: what comes over HTTP is not held up by it.

mod batch;
mod check;
mod config;
mod losses;
mod reader;

use std::{sync::Arc, thread};

use broker::ForeignTopic;
use runtime::Shutdown;
use tokio::{runtime::Handle, sync::oneshot};

pub(crate) use self::check::check;
pub use self::config::HubConfig;
use crate::{
    ConnectionConfig, ConnectionError, IngestError,
    accept::Acceptor,
    connections::{Connection, Connections},
    gaps::Gaps,
    metrics::HubMetrics,
};

/// A hub that is to be read, and for whom.
pub(crate) struct Hub {
    connection: Arc<Connection>,
    topic: ForeignTopic,
}

/// The hubs of the connections, with their secrets. Two connections that would share the messages of one hub are refused: each would see a
/// part.
pub(crate) fn plan(configs: &[ConnectionConfig], connections: &Connections) -> Result<Vec<Hub>, ConnectionError> {
    let mut hubs: Vec<Hub> = Vec::new();
    for config in configs {
        let (Some(hub), Some(connection)) = (&config.hub, connections.get(&config.id)) else { continue };
        let topic = hub.topic(&config.id)?;
        let is_same = |other: &&Hub| {
            (&other.topic.brokers, &other.topic.topic) == (&topic.brokers, &topic.topic)
                && other.topic.group == topic.group
        };
        if let Some(other) = hubs.iter().find(is_same) {
            let reason = format!(
                "connection {:?} reads the hub {} as the group {} already, and each would get a part of it; name another [connections.hub] group, or take one away",
                other.connection.id, topic.topic, topic.group
            );
            return Err(ConnectionError::Invalid { id: config.id.clone(), reason });
        }
        hubs.push(Hub { connection, topic });
    }
    Ok(hubs)
}

/// Reads each hub on a thread of its own until asked to stop. The receivers resolve when the threads have ended.
pub(crate) fn start(
    hubs: Vec<Hub>,
    acceptor: &Arc<Acceptor>,
    gaps: &Gaps,
    metrics: &HubMetrics,
    message_bytes_max: usize,
    shutdown: &Shutdown,
) -> Result<Vec<oneshot::Receiver<()>>, IngestError> {
    let mut ended = Vec::with_capacity(hubs.len());
    for hub in hubs {
        let (sender, receiver) = oneshot::channel();
        let name = format!("hub {}", hub.connection.id);
        let lander = batch::Lander {
            acceptor: Arc::clone(acceptor),
            connection: hub.connection,
            topic: hub.topic.topic.clone(),
            message_bytes_max,
            gaps: gaps.clone(),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
            runtime: Handle::current(),
        };
        let reader = reader::Reader::new(hub.topic, lander);
        let read = move || {
            reader.run();
            // Nobody may be waiting any more.
            sender.send(()).ok();
        };
        thread::Builder::new().name(name).spawn(read).map_err(|error| IngestError::Start(error.to_string()))?;
        ended.push(receiver);
    }
    Ok(ended)
}
