//! Everybody who takes part: the processes of Daylight, the servers that they need, the proxies between them, and a list of what was done to whom.

mod harm;
mod start;
mod storm;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tests::{
    poll,
    servers::{Clickhouse, Daylight, Fault, FaultProxy, KafkaServer, Receiver, Schedule as Weather},
};

use crate::{client::Door, schedule::Engine};

/// The database of a run.
pub const DATABASE: &str = "chaos";
/// How long a process, a server or a group may take to be there again. Generous: on a machine that everybody uses, a broker was seen to take more than
/// three minutes, and whoever waits for it begins when it is back.
pub const SOON: Duration = Duration::from_secs(600);
/// After how long Kafka gives the partitions of a silent member to another.
pub const SESSION: Duration = Duration::from_secs(6);
/// A receiver's 2xx counts as seen when its reader lived on for so long: it has to be written down, and a disk may be slow.
const SEEN_AFTER: Duration = Duration::from_secs(6);
/// And where a broker comes back, not before everybody has found it again.
const FOUND_AGAIN: Duration = Duration::from_secs(10);
/// A process that is new meets nothing of its predecessor's after so long.
const NEW_FOR: Duration = Duration::from_secs(2);

/// How long a receiver refuses the same alerts, and how long until it refuses others. Seconds.
const REFUSING_S: u64 = 25;
const REFUSING_TURN_S: u64 = 32;
/// Of a thousand deliveries.
const DOOR_WEATHER: &[(Fault, u64)] = &[
    (Fault::DropRequest, 15),
    (Fault::CutRequest, 10),
    (Fault::LoseResponse, 40),
    (Fault::CutResponse, 10),
    (Fault::HoldResponse, 3),
    (Fault::DelayRequest, 5),
];
/// Of a thousand inserts. A body that ends too early makes the embedded engine abort as a whole: each is a crash of the server, too.
const CLICKHOUSE_WEATHER: &[(Fault, u64)] = &[
    (Fault::DropRequest, 8),
    (Fault::CutRequest, 1),
    (Fault::LoseResponse, 50),
    (Fault::CutResponse, 8),
    (Fault::HoldResponse, 3),
    (Fault::DelayRequest, 3),
];
/// What inserts of events say of themselves, and no others.
pub(crate) const EVENT_INSERTS: &str = "deduplicate_insert=enable";
/// Of a thousand inserts of events: the one table whose rows a server may believe to have.
pub(crate) const EVENTS_WEATHER: &[(Fault, u64)] = &[
    (Fault::DropRequest, 15),
    (Fault::CutRequest, 2),
    (Fault::LoseResponse, 80),
    (Fault::CutResponse, 15),
    (Fault::HoldResponse, 5),
    (Fault::DelayRequest, 5),
    (Fault::ForgetRows, 30),
];
/// What questions for stored positions say of themselves, and no others; of a thousand of them. What is read back decides what is sent again.
pub(crate) const READ_BACKS: &str = "name=\"param_start\"";
const READ_BACK_WEATHER: &[(Fault, u64)] = &[
    (Fault::DropRequest, 30),
    (Fault::LoseResponse, 30),
    (Fault::CutResponse, 60),
    (Fault::HoldResponse, 5),
    (Fault::DelayResponse, 5),
];
/// What the transactions of a sole writer are made of.
const TRANSACTIONS: &[&str] = &["InitProducerId", "AddPartitionsToTxn", "EndTxn"];
/// Of a thousand posts to the receiver.
const RECEIVER_WEATHER: &[(Fault, u64)] = &[
    (Fault::DropRequest, 50),
    (Fault::CutRequest, 20),
    (Fault::LoseResponse, 150),
    (Fault::CutResponse, 20),
    (Fault::HoldResponse, 10),
    (Fault::DelayResponse, 20),
];
/// Of a thousand produces, and of a thousand commits.
pub(crate) const KAFKA_WEATHER: &[(Fault, u64)] = &[
    (Fault::DropRequest, 3),
    (Fault::LoseResponse, 30),
    (Fault::CutResponse, 3),
    (Fault::HoldResponse, 1),
    (Fault::DelayResponse, 2),
];

/// One process of ours.
pub struct Member {
    /// `run`, `ingest`, …
    pub role: &'static str,
    /// Which of that role.
    pub number: u64,
    /// It.
    pub process: Daylight,
    /// What it had when it was new.
    pub at_first: Mutex<Size>,
    /// Held by whoever harms it.
    turn: Mutex<()>,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Threads.
    pub threads: u64,
    /// Open files and sockets, without the next ones.
    pub files: u64,
    /// Open tables of the embedded log: as many as it has, up to what it keeps open.
    pub log_tables: u64,
    /// Resident bytes.
    pub memory_bytes: u64,
}

/// Something after which `notify` may not know what a receiver has said.
#[derive(Clone, Copy, Debug)]
struct Disturbance {
    from: Instant,
    until: Instant,
    /// Beyond its end.
    and: Duration,
    /// While everything else went wrong, too, and alerts waited?
    is_amid_faults: bool,
}

/// All of them.
pub struct Stage {
    /// Which log.
    pub engine: Engine,
    /// When it began.
    pub began: Instant,
    /// The processes.
    pub members: Vec<Member>,
    /// Who is told.
    pub receiver: Receiver,
    /// Before each ingest.
    pub doors: Vec<FaultProxy>,
    /// Before ClickHouse.
    pub clickhouse_proxy: FaultProxy,
    /// Before the receiver.
    pub receiver_proxy: FaultProxy,
    /// ClickHouse; held by whoever harms it.
    pub clickhouse: Mutex<Clickhouse>,
    /// The broker, where there is one; held by whoever harms it.
    pub kafka: Option<Mutex<KafkaServer>>,
    /// Before the broker.
    pub kafka_proxy: Option<FaultProxy>,
    /// Members who came in a storm, and have gone.
    pub passers_by: Mutex<Vec<Member>>,
    plan: start::Plan,
    /// Held by whoever changes for a while what becomes of inserts of events.
    inserts: Mutex<()>,
    disturbances: Mutex<Vec<Disturbance>>,
    counts: Mutex<BTreeMap<String, u64>>,
    is_over: AtomicBool,
}

impl Stage {
    /// Something was done, or happened.
    pub fn count(&self, kind: &str) {
        self.count_more(kind, 1);
    }

    fn count_more(&self, kind: &str, by: u64) {
        *lock(&self.counts).entry(kind.to_owned()).or_default() += by;
    }

    /// Kind → how often, with the faults of the proxies.
    #[must_use]
    pub fn faults(&self) -> BTreeMap<String, u64> {
        let mut faults = lock(&self.counts).clone();
        for (place, proxy) in self.proxies() {
            for (fault, count) in proxy.faults() {
                *faults.entry(format!("{place}_{}", fault_name(fault))).or_default() += count;
            }
            let transactions = TRANSACTIONS.iter().map(|kind| ("transaction", *kind));
            for (what, text) in transactions.chain([("read_back", READ_BACKS)]) {
                let count = proxy.faults_of(text).values().sum::<u64>();
                if count > 0 {
                    *faults.entry(format!("{place}_faults_of_{what}")).or_default() += count;
                }
            }
        }
        faults.insert("lost_responses".to_owned(), self.lost_responses());
        faults
    }

    /// Responses that were lost after the request was applied.
    #[must_use]
    pub fn lost_responses(&self) -> u64 {
        // A question changes nothing: its answer is lost, and nothing was applied.
        let read_backs = self.clickhouse_proxy.lost_responses_of(READ_BACKS);
        self.proxies().into_iter().map(|(_, proxy)| proxy.lost_responses()).sum::<u64>() - read_backs
    }

    /// The network is as bad as it will be.
    pub fn storm_network(&self) {
        for (place, proxy) in self.proxies() {
            match place {
                "clickhouse" => {
                    proxy.schedule_of(EVENT_INSERTS, weather(EVENTS_WEATHER));
                    proxy.schedule_of(READ_BACKS, weather(READ_BACK_WEATHER));
                    proxy.schedule(weather(CLICKHOUSE_WEATHER));
                }
                "receiver" => proxy.schedule(weather(RECEIVER_WEATHER)),
                "kafka" => {
                    proxy.schedule_of("Produce", weather(KAFKA_WEATHER));
                    proxy.schedule_of("OffsetCommit", weather(KAFKA_WEATHER));
                    TRANSACTIONS.iter().for_each(|kind| proxy.schedule_of(kind, weather(KAFKA_WEATHER)));
                }
                _ => proxy.schedule(weather(DOOR_WEATHER)),
            }
        }
    }

    /// The network is good again.
    pub fn calm_network(&self) {
        self.proxies().iter().for_each(|(_, proxy)| proxy.calm());
    }

    /// Nobody is harmed any more: everybody who is away comes back.
    ///
    /// # Errors
    /// Who does not.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.calm_network();
        self.receiver.refuse("");
        self.tend()?;
        for member in &self.members {
            poll(SOON, &format!("{} {} is ready", member.role, member.number), || {
                self.tend()?;
                let answer = member.process.readiness()?;
                ensure!(answer.status == 200, "{}", answer.text());
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Starts again whoever has ended by itself, as a machine's supervisor would.
    ///
    /// # Errors
    /// Who cannot be started.
    pub fn tend(&self) -> anyhow::Result<()> {
        // Whoever is being harmed now is not ours to tend.
        if let Ok(mut clickhouse) = self.clickhouse.try_lock()
            && clickhouse.revive()?
        {
            self.count("clickhouse_ended_by_itself");
        }
        for member in &self.members {
            let Ok(_turn) = member.turn.try_lock() else { continue };
            if !is_running(member.process.process()) {
                self.count("process_ended_by_itself");
                self.start_again(member)?;
            }
        }
        Ok(())
    }

    /// Tends everybody until `end`. Blocks.
    pub fn keep(&self) -> anyhow::Result<()> {
        while !self.is_over.load(Ordering::Relaxed) {
            self.tend()?;
            self.let_alerts_wait();
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// For most of the time the receiver refuses some alerts, others by and by: what was told behind one that waits cannot be committed, so
    /// that a start of `notify` meets many that it must not tell again.
    fn let_alerts_wait(&self) {
        let (turn, within) =
            (self.began.elapsed().as_secs() / REFUSING_TURN_S, self.began.elapsed().as_secs() % REFUSING_TURN_S);
        // What ends in such a digit: an app, or by chance an id.
        let refused = if within < REFUSING_S { format!("{}\"", 2 + turn % 8) } else { String::new() };
        self.receiver.refuse(&refused);
    }

    /// `keep` ends.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// The members of a role; of all roles in one process, that one.
    pub fn of_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(move |member| member.role == role || member.role == "run")
    }

    /// The first of them.
    ///
    /// # Errors
    /// When nobody has the role.
    pub fn one<'a>(&'a self, role: &'a str) -> anyhow::Result<&'a Member> {
        self.of_role(role).next().with_context(|| format!("nobody has the role {role}"))
    }

    /// Where ClickHouse answers, past every proxy.
    #[must_use]
    pub fn clickhouse_url(&self) -> String {
        lock(&self.clickhouse).url()
    }

    /// Was a 2xx that left at this time seen by somebody who could write it down?
    #[must_use]
    pub fn is_seen(&self, at: Instant) -> bool {
        let is_met = |disturbance: &Disturbance| {
            disturbance.from <= at + SEEN_AFTER && at <= disturbance.until + disturbance.and
        };
        !lock(&self.disturbances).iter().any(is_met)
    }

    /// Was there a fault later, that could make somebody forget what he was told by then?
    #[must_use]
    pub fn is_before_faults(&self, at: Instant) -> bool {
        lock(&self.disturbances).iter().any(|disturbance| disturbance.is_amid_faults && disturbance.from > at)
    }

    /// From now until the guard is dropped, and for so long beyond, `notify` may not know what a receiver says.
    pub(crate) fn disturb(&self, and: Duration) -> Disturbed<'_> {
        Disturbed { stage: self, from: Instant::now(), and }
    }

    fn proxies(&self) -> Vec<(&'static str, &FaultProxy)> {
        let doors = self.doors.iter().map(|door| ("door", door));
        let kafka = self.kafka_proxy.iter().map(|proxy| ("kafka", proxy));
        let others = [("clickhouse", &self.clickhouse_proxy), ("receiver", &self.receiver_proxy)];
        doors.chain(kafka).chain(others).collect()
    }
}

impl Door for Stage {
    fn url(&self, page: u64) -> String {
        let count = u64::try_from(self.doors.len()).unwrap_or(1).max(1);
        let place = usize::try_from(page % count).unwrap_or(0);
        self.doors.get(place).map(FaultProxy::url).unwrap_or_default()
    }

    fn secret(&self, connection: &str) -> String {
        self.members.first().map(|member| member.process.secret(connection).to_owned()).unwrap_or_default()
    }
}

/// A disturbance that lasts.
pub(crate) struct Disturbed<'a> {
    stage: &'a Stage,
    from: Instant,
    and: Duration,
}

impl Drop for Disturbed<'_> {
    fn drop(&mut self) {
        let is_amid_faults = !self.stage.is_over.load(Ordering::Relaxed);
        let (from, and) = (self.from, self.and);
        lock(&self.stage.disturbances).push(Disturbance { from, until: Instant::now(), and, is_amid_faults });
    }
}

impl Member {
    /// What it holds now.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn size(&self) -> anyhow::Result<Size> {
        let process = self.process.process();
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0)
        };
        let open = std::fs::read_dir(format!("/proc/{process}/fd"))?.flatten();
        // What was closed meanwhile leads nowhere.
        let is_table = |file: std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|path| path.to_string_lossy().contains("/keyspaces/"))
        };
        let (tables, files): (Vec<bool>, Vec<bool>) = open.map(is_table).partition(|is_table| *is_table);
        let (log_tables, files) = (u64::try_from(tables.len())?, u64::try_from(files.len())?);
        Ok(Size { threads: number("Threads:"), files, log_tables, memory_bytes: number("VmRSS:") * 1_024 })
    }

    /// Its name on the terminal.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.role, self.number)
    }
}

/// What is drawn for each exchange.
pub(crate) fn weather(shares: &[(Fault, u64)]) -> Weather {
    Weather { per_thousand: shares.iter().copied().collect(), hold: Duration::from_secs(2) }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_running(process: u32) -> bool {
    std::fs::read_link(format!("/proc/{process}/exe")).is_ok()
}

const fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::DropRequest => "drop_request",
        Fault::CutRequest => "cut_request",
        Fault::LoseResponse => "lose_response",
        Fault::CutResponse => "cut_response",
        Fault::HoldResponse => "hold_response",
        Fault::DelayRequest => "delay_request",
        Fault::DelayResponse => "delay_response",
        Fault::ForgetRows => "forget_rows",
    }
}
