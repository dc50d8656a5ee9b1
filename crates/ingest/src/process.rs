//! The process: the HTTP door, and the ticks that give rules about absence a clock.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use broker::{Broker, Record, partition_of};
use codec::Topic;
use event::{Control, Source, TenantKey, Tick};
use runtime::{Component, HttpClients, HttpLimits, Registry, Shutdown, serve_http};
use tokio::net::TcpListener;

use crate::{
    Config, ConnectionConfig, ConnectionError,
    accept::Acceptor,
    clock::now,
    connections::Connections,
    expectations::Expectations,
    gaps::Gaps,
    hub::{self, Hub},
    metrics::{HubMetrics, Metrics},
    poll::{self, BackfillDesk, PollError, Polling},
    redrive::Redriver,
    server::Door,
};

/// A stopping server waits so long for deliveries that are in work.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Why `ingest` cannot work. Halt.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A connection's configuration is wrong.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The port cannot be had.
    #[error(
        "cannot listen for events on {address}: {source}; choose another [ingest] listen, or port 0 for a free one"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing can be polled any more.
    #[error(transparent)]
    Poll(#[from] PollError),
    /// Metrics cannot be registered.
    #[error("cannot start ingest: {0}")]
    Start(String),
}

/// The process, bound and not yet serving.
pub struct Ingest {
    listener: TcpListener,
    door: Door,
    broker: Broker,
    events: String,
    partitions: u32,
    tick_interval: Duration,
    hubs: Vec<Hub>,
    hub_metrics: HubMetrics,
    polling: Polling,
    expectations: Expectations,
    gaps: Gaps,
    redriver: Redriver,
}

/// What `ingest` is given by whoever starts it.
pub struct Setup<'a> {
    /// The log.
    pub broker: Broker,
    /// What the names of its topics begin with.
    pub topic_prefix: &'a str,
    /// How many partitions they have.
    pub partitions: u32,
    /// The section `[ingest]`.
    pub config: Config,
    /// `[[connections]]`.
    pub connections: &'a [ConnectionConfig],
    /// The key of a tenant.
    pub tenant_key: &'a dyn Fn(&str) -> Option<TenantKey>,
    /// Is this app one of the provider's own? The catalogue's answer.
    pub is_first_party: fn(Source, &str) -> bool,
    /// Makes the client that asks providers.
    pub clients: &'a HttpClients,
    /// Where history can be ordered, once the process polls.
    pub backfills: BackfillDesk,
    /// Where metrics are registered.
    pub registry: &'a Registry,
}

impl Ingest {
    /// Reads the secrets and binds the port.
    ///
    /// # Errors
    /// `IngestError` naming the connection or the address.
    pub async fn bind(setup: Setup<'_>) -> Result<Ingest, IngestError> {
        let connections = Connections::new(setup.connections, setup.tenant_key)?;
        let hubs = hub::plan(setup.connections, &connections)?;
        let plans = poll::plan(setup.connections)?;
        let metrics = Metrics::register(setup.registry).map_err(|error| IngestError::Start(error.to_string()))?;
        let gaps = Gaps::new(setup.broker.clone(), Topic::Gaps.name(setup.topic_prefix), setup.partitions);
        let expectations = Expectations::new(setup.connections, gaps.clone(), metrics.clone(), now());
        let hub_metrics =
            HubMetrics::register(setup.registry).map_err(|error| IngestError::Start(error.to_string()))?;
        let address = setup.config.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| IngestError::Bind { address, source })?;
        let config = Arc::new(setup.config.clone());
        let acceptor = Acceptor::new(
            setup.broker.clone(),
            setup.topic_prefix,
            setup.partitions,
            Arc::clone(&config),
            metrics.clone(),
            setup.is_first_party,
        );
        let tick_interval = Duration::from_millis(config.tick_interval_ms.max(1));
        let acceptor = Arc::new(acceptor);
        let polling = Polling::open(&setup, plans, &connections, &acceptor, &gaps)?;
        let connections = Arc::new(connections);
        let redriver =
            Redriver::new(setup.broker.clone(), setup.topic_prefix, Arc::clone(&acceptor), Arc::clone(&connections));
        let door = Door::new(config, connections, acceptor, metrics);
        let events = Topic::Events.name(setup.topic_prefix);
        let (broker, partitions) = (setup.broker, setup.partitions);
        Ok(Ingest {
            listener,
            door,
            broker,
            events,
            partitions,
            tick_interval,
            hubs,
            hub_metrics,
            polling,
            expectations,
            gaps,
            redriver,
        })
    }

    /// The address that was bound, with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Puts dead letters through again, when somebody asks for it.
    #[must_use]
    pub fn redriver(&self) -> Redriver {
        self.redriver.clone()
    }

    /// Serves until asked to stop, then waits a short while for deliveries that are in work.
    ///
    /// # Errors
    /// `IngestError::Poll`, or a hub that cannot be read.
    pub async fn serve(self, shutdown: Shutdown, component: Component) -> Result<(), IngestError> {
        component.ready();
        let tenants = self.door.connections.tenants().into_iter().map(str::to_owned).collect();
        tokio::spawn(tick(self.broker, self.events, self.partitions, tenants, self.tick_interval, shutdown.clone()));
        let kept = tokio::spawn(self.expectations.keep(shutdown.clone()));
        let (acceptor, message_bytes_max) = (Arc::clone(&self.door.acceptor), self.door.config.body_bytes_max);
        let reading = hub::start(self.hubs, &acceptor, &self.gaps, &self.hub_metrics, message_bytes_max, &shutdown)?;
        let limits = HttpLimits {
            connections_max: self.door.config.connections_max,
            head_within: Duration::from_millis(self.door.config.idle_timeout_ms),
        };
        let serving = serve_http(self.listener, self.door.router(), limits, &shutdown);
        let drained = async {
            shutdown.requested().await;
            tokio::time::sleep(DRAIN_TIMEOUT).await;
        };
        let served = async {
            serving.await;
            for ended in reading {
                // A reader that is gone without a word has ended, too.
                ended.await.ok();
            }
            kept.await.ok();
            Ok(())
        };
        tokio::select! {
            result = async { tokio::try_join!(served, self.polling.run(shutdown.clone())) } => result.map(drop),
            () = drained => Ok(()),
        }
    }
}

/// Writes a tick for each tenant, once an interval. A tick that cannot be written is left out: the next one says more.
async fn tick(
    broker: Broker,
    events: String,
    partitions: u32,
    tenants: Vec<String>,
    interval: Duration,
    shutdown: Shutdown,
) {
    let mut minutes = tokio::time::interval(interval);
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = minutes.tick() => {}
        }
        for tenant in &tenants {
            let value = match codec::encode_control(tenant, &Control::Tick(Tick { at: now() })) {
                Ok(value) => value,
                Err(error) => {
                    tracing::error!(%error, "a tick cannot be encoded");
                    continue;
                }
            };
            let partition = partition_of(tenant.as_bytes(), partitions);
            let record = Record { partition, key: Some(tenant.as_bytes().to_vec()), value: Some(value) };
            if let Err(error) = broker.append(&events, record) {
                tracing::warn!(%error, "a tick was left out");
            }
        }
    }
}
