//! A real Apache Kafka: one node, KRaft, from the jars that `make stack` fetches.

use std::{
    ffi::OsString,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use super::{FaultProxy, Protocol, free_port, is_running, keeper::Keeper, say, signal, stack_folder};
use crate::tls::ServerCertificate;

/// How long the server may take until it answers. It takes 3 to 5 s on two idle cores.
const READY_WITHIN: Duration = Duration::from_secs(240);
/// Any 16 bytes in base64: one cluster a folder, nobody compares them.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// An `ApiVersions` request, version 0, correlation id 1, no client id: what a server answers first when it is ready.
const API_VERSIONS_REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];

/// A running broker. Ends with this value, or with the process.
pub struct KafkaServer {
    /// `host:port` for clients.
    pub bootstrap: String,
    address: SocketAddr,
    process: u32,
    log_folder: PathBuf,
    keeper: Keeper,
}

/// A second account of a sealed broker, which comes in and may do nothing.
pub const STRANGER: (&str, &str) = ("stranger", "planted-stranger-password");

/// How clients must come in.
#[derive(Clone, Debug)]
pub struct Seal<'a> {
    /// What the broker shows.
    pub certificate: &'a ServerCertificate,
    /// The account that may do everything.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
}

/// By which door clients come in. The broker itself has an open one.
enum Door<'a> {
    Open,
    Sealed(&'a Seal<'a>),
    /// Advertised as the address of a proxy.
    Proxied(String),
}

struct Ports {
    broker: u16,
    controller: u16,
    /// Of the second door, where there is one.
    further: u16,
}

impl Ports {
    fn free() -> anyhow::Result<Ports> {
        Ok(Ports { broker: free_port()?, controller: free_port()?, further: free_port()? })
    }
}

impl KafkaServer {
    /// Starts a broker with an empty log and waits until it answers.
    ///
    /// # Errors
    /// `run make stack` when the jars are not there; the last lines of the server's log when it does not come up.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&Ports::free()?, &Door::Open)
    }

    /// As `start`, but clients come in by TLS and with a password (SASL PLAIN) alone.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_sealed(seal: &Seal<'_>) -> anyhow::Result<Self> {
        Self::start_with(&Ports::free()?, &Door::Sealed(seal))
    }

    /// As `start`, with a second door behind a proxy of faults: who comes in by the proxy's address is told of no other. `bootstrap` is the
    /// open door, for whoever is to meet no fault.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_behind_proxy(seed: u64) -> anyhow::Result<(Self, FaultProxy)> {
        let ports = Ports::free()?;
        let proxy = FaultProxy::start(&format!("127.0.0.1:{}", ports.further), Protocol::Kafka, seed)?;
        let server = Self::start_with(&ports, &Door::Proxied(proxy.address().to_owned()))?;
        Ok((server, proxy))
    }

    fn start_with(ports: &Ports, door: &Door<'_>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kafka-").tempdir().context("making a folder for Kafka")?.keep();
        let properties = folder.join("server.properties");
        let mut text = server_properties(&folder, ports);
        match door {
            Door::Open => {}
            Door::Sealed(seal) => text.push_str(&sealed_properties(&folder, ports, seal)?),
            Door::Proxied(advertised) => text.push_str(&proxied_properties(ports, advertised)),
        }
        fs::write(&properties, text).context("writing properties")?;
        let java = java_command()?;
        let format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "--standalone", "-c"];
        let formatted = Command::new("java").args(&java).args(format).arg(&properties).output();
        let formatted = formatted.context("java is missing: apt-get install openjdk-17-jre-headless")?;
        ensure!(formatted.status.success(), "formatting Kafka's storage: {formatted:?}");

        let mut command = vec![OsString::from("java"), OsString::from("-Xmx512m")];
        command.extend(java);
        command.extend([OsString::from("kafka.Kafka"), properties.into_os_string()]);
        let keeper = Keeper::new(&folder, &command)?;
        // Asked on the open port, which the broker uses for itself where clients have another.
        let address = SocketAddr::from(([127, 0, 0, 1], ports.broker));
        let bootstrap = match door {
            Door::Open | Door::Proxied(_) => address.to_string(),
            Door::Sealed(_) => format!("127.0.0.1:{}", ports.further),
        };
        let mut server = Self { bootstrap, address, process: 0, log_folder: folder.join("log"), keeper };
        server.restart()?;
        Ok(server)
    }

    /// Where it keeps its partitions, each in a folder `TOPIC-PARTITION`.
    #[must_use]
    pub fn log_folder(&self) -> &Path {
        &self.log_folder
    }

    /// `kill -9` of the broker. Its log stays.
    ///
    /// # Errors
    /// When the keeper is gone.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.keeper.kill()
    }

    /// The process id.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Stops it where it stands (SIGSTOP): it takes connections and answers none.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> anyhow::Result<()> {
        signal::pause(self.process)
    }

    /// Lets it go on where it stood.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> anyhow::Result<()> {
        signal::resume(self.process)
    }

    /// Starts the killed broker again, same address, same log, and waits until it answers.
    ///
    /// # Errors
    /// As `start`.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let process = self.keeper.start()?;
        self.process = process;
        while !self.answers() {
            let last_words = || self.keeper.last_words();
            ensure!(started.elapsed() < READY_WITHIN, "Kafka does not answer; its last words:\n{}", last_words());
            ensure!(is_running(process), "Kafka ended; its last words:\n{}", last_words());
            std::thread::yield_now();
        }
        let took = started.elapsed().as_secs_f64();
        say(&format!("Kafka 4.3.1 on {}, process {process}, ready after {took:.1} s", self.bootstrap));
        Ok(())
    }

    /// Whether the broker answers a request now.
    fn answers(&self) -> bool {
        let wait = Duration::from_millis(500);
        let ask = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect_timeout(&self.address, wait)?;
            stream.set_read_timeout(Some(wait))?;
            stream.write_all(&API_VERSIONS_REQUEST)?;
            stream.read_exact(&mut [0; 4])
        };
        let is_ready = ask().is_ok();
        if !is_ready {
            // Nobody tells us when a port opens: ask again soon, not at once.
            std::thread::park_timeout(Duration::from_millis(50));
        }
        is_ready
    }
}

/// The class path, or the sentence that says what to do.
fn java_command() -> anyhow::Result<Vec<OsString>> {
    let libs = stack_folder().join("kafka/libs");
    if !libs.join("kafka_2.13-4.3.1.jar").exists() {
        bail!("there is no Kafka in {}: run make stack", libs.display());
    }
    Ok(vec![OsString::from("-cp"), libs.join("*").into_os_string()])
}

/// One node that is broker and controller; topics are only made by those who ask for them. A broker that its controller has not heard for the
/// length of the session has no partitions any more: of 2 s, which a loaded machine takes away easily, clients were told that there is no leader,
/// no partition and no replica; of the default of 9 s, each start after a kill waits.
fn server_properties(folder: &Path, ports: &Ports) -> String {
    let (broker_port, controller_port) = (ports.broker, ports.controller);
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=500
",
        folder.join("log").display()
    )
}

/// A further listener, for clients: TLS with a certificate as PEM, and SASL PLAIN with two accounts, one that may do everything and one that may
/// do nothing. What is said twice counts as said last.
/// What is beyond its retention goes at once, as far as Kafka can.
fn sealed_properties(folder: &Path, ports: &Ports, seal: &Seal<'_>) -> anyhow::Result<String> {
    let (open, sealed, controller) = (ports.broker, ports.further, ports.controller);
    let keystore = folder.join("broker.pem");
    fs::write(&keystore, format!("{}{}", seal.certificate.key_pem, seal.certificate.certificate_pem))
        .context("writing the broker's certificate")?;
    Ok(format!(
        "listeners=OPEN://127.0.0.1:{open},SEALED://127.0.0.1:{sealed},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=OPEN://127.0.0.1:{open},SEALED://127.0.0.1:{sealed}
listener.security.protocol.map=OPEN:PLAINTEXT,SEALED:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=OPEN
sasl.enabled.mechanisms=PLAIN
log.initial.task.delay.ms=500
log.retention.check.interval.ms=500
listener.name.sealed.sasl.enabled.mechanisms=PLAIN
listener.name.sealed.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{}=\"{}\" user_{}=\"{}\";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{}
listener.name.sealed.ssl.keystore.type=PEM
listener.name.sealed.ssl.keystore.location={}
",
        seal.user,
        seal.password,
        STRANGER.0,
        STRANGER.1,
        seal.user,
        keystore.display()
    ))
}

/// A further listener, which tells clients to come to a proxy before it.
fn proxied_properties(ports: &Ports, advertised: &str) -> String {
    let (open, proxied, controller) = (ports.broker, ports.further, ports.controller);
    format!(
        "listeners=OPEN://127.0.0.1:{open},PROXIED://127.0.0.1:{proxied},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=OPEN://127.0.0.1:{open},PROXIED://{advertised}
listener.security.protocol.map=OPEN:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=OPEN
"
    )
}
