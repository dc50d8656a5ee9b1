//! A real Apache Kafka: one node, KRaft, from the jars that `make stack` fetches.

use std::{
    ffi::OsString,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use super::{free_port, is_running, keeper::Keeper, say, stack_folder};

/// How long the server may take until it answers. It takes 3 to 5 s on two idle cores.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Any 16 bytes in base64: one cluster a folder, nobody compares them.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// An `ApiVersions` request, version 0, correlation id 1, no client id: what a server answers first when it is ready.
const API_VERSIONS_REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];

/// A running broker. Ends with this value, or with the process.
pub struct KafkaServer {
    /// `host:port` for clients.
    pub bootstrap: String,
    address: SocketAddr,
    keeper: Keeper,
}

impl KafkaServer {
    /// Starts a broker with an empty log and waits until it answers.
    ///
    /// # Errors
    /// `run make stack` when the jars are not there; the last lines of the server's log when it does not come up.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kafka-").tempdir().context("making a folder for Kafka")?.keep();
        let (broker_port, controller_port) = (free_port()?, free_port()?);
        let properties = folder.join("server.properties");
        fs::write(&properties, server_properties(&folder, broker_port, controller_port))
            .context("writing properties")?;
        let java = java_command()?;
        let format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "--standalone", "-c"];
        let formatted = Command::new("java").args(&java).args(format).arg(&properties).output();
        let formatted = formatted.context("java is missing: apt-get install openjdk-17-jre-headless")?;
        ensure!(formatted.status.success(), "formatting Kafka's storage: {formatted:?}");

        let mut command = vec![OsString::from("java"), OsString::from("-Xmx512m")];
        command.extend(java);
        command.extend([OsString::from("kafka.Kafka"), properties.into_os_string()]);
        let keeper = Keeper::new(&folder, &command)?;
        let address = SocketAddr::from(([127, 0, 0, 1], broker_port));
        let mut server = Self { bootstrap: address.to_string(), address, keeper };
        server.restart()?;
        Ok(server)
    }

    /// `kill -9` of the broker. Its log stays.
    ///
    /// # Errors
    /// When the keeper is gone.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.keeper.kill()
    }

    /// Starts the killed broker again, same address, same log, and waits until it answers.
    ///
    /// # Errors
    /// As `start`.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let process = self.keeper.start()?;
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

/// One node that is broker and controller; topics are only made by those who ask for them.
fn server_properties(folder: &std::path::Path, broker_port: u16, controller_port: u16) -> String {
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
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
",
        folder.join("log").display()
    )
}
