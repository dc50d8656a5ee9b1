//! A proxy of our own between Daylight and a server: what networks and machines do to a connection, by seed. Many kernels have no `tc netem`,
//! and it could not do the one thing that matters most: hold the *response* after the request was applied.
//!
//! It understands two protocols. *HTTP*: request by request, each on a connection of its own to the server. *Kafka*: frame by frame, so that
//! the answer to exactly one produce or commit is lost, and the connection with it. The fate of the n-th exchange is a function of the
//! seed and n, so a schedule can be played again.
//!
//! ```text
//! proxy.schedule_of("OffsetCommit", Schedule { per_thousand: [(Fault::LoseResponse, 100)].into(), hold });
//! … proxy.calm(); proxy.faults_of("OffsetCommit")
//! ```

mod http;
mod kafka;

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// Added to a request whose response will not arrive: a server of the tests' own then knows what its sender never learned.
pub(super) const RESPONSE_LOST: &str = "x-response-lost: 1";
/// Bytes taken at once.
const CHUNK_BYTES: usize = 64 << 10;
/// How often a connection that is held looks whether it may go on, and a quiet one whether it is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// How long the server may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the proxy understands of what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 with Content-Length, or chunks in the answer: a fault meets one request. A schedule names it by a text of its first bytes:
    /// `POST`, `INSERT`, `/hooks/`.
    Http,
    /// Kafka: a fault meets one request, and whatever else is on its way on that connection. A schedule names it by its kind: `Produce`,
    /// `OffsetCommit`, `Fetch`; and, behind a space, by a part of the first topic's name: `Produce ledger`. The broker must advertise the proxy's address: `KafkaServer::start_behind_proxy`.
    Kafka,
}

/// What becomes of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The request never arrives; the connection is closed.
    DropRequest,
    /// The request arrives in part; both sides are closed.
    CutRequest,
    /// The request is applied, the response never arrives, and the connection is closed at once.
    LoseResponse,
    /// The request is applied, and the response arrives in part.
    CutResponse,
    /// The request is applied, and nobody hears anything until `hold` is over; then the connection is closed.
    HoldResponse,
    /// The request waits for `hold`, and then takes its way, whether or not the sender is still there.
    DelayRequest,
    /// The response waits for `hold`, and then arrives.
    DelayResponse,
    /// Of inserts by token alone, and of each token's first: the request never arrives, and each repetition under that token is answered with success without being passed
    /// on. That is what a ClickHouse does which was killed after it had written the token down and before it committed the rows; real kills
    /// show it once in 65 or less, which is too rare to rest a test on.
    ForgetRows,
}

impl Fault {
    const fn loses_response(self) -> bool {
        matches!(self, Fault::LoseResponse | Fault::CutResponse | Fault::HoldResponse)
    }
}

/// How often each happens, of a thousand exchanges, and how long is held.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Fault → how many of a thousand.
    pub per_thousand: BTreeMap<Fault, u64>,
    /// How long something is held.
    pub hold: Duration,
}

/// A running proxy. It ends with this value.
#[derive(Debug)]
pub struct FaultProxy {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<String>,
    protocol: Protocol,
    seed: u64,
    /// The text that an exchange must hold → what becomes of it. The first that fits counts, the longest is first; the empty text fits all.
    schedules: Mutex<Vec<(String, Schedule)>>,
    exchanges: AtomicU64,
    under_way: AtomicU64,
    cut_by_server: AtomicU64,
    lost_refusals: AtomicU64,
    /// Tokens of inserts that came → were their rows forgotten?
    tokens: Mutex<BTreeMap<String, bool>>,
    /// By the text of the schedule.
    faults: Mutex<BTreeMap<(String, Fault), u64>>,
    /// The schedule of the empty text meets only exchanges that hold this one; empty for all.
    only: Mutex<String>,
    /// How often what is held was let go.
    let_go: AtomicU64,
    is_over: AtomicBool,
}

/// What becomes of one exchange.
#[derive(Clone, Debug, Default)]
struct Fate {
    fault: Option<Fault>,
    hold: Duration,
    /// The schedule that says so.
    text: String,
}

impl FaultProxy {
    /// Listens on a free loopback port and passes everything on to `upstream` (`host:port`), without any fault until `schedule` is called.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(upstream: &str, protocol: Protocol, seed: u64) -> anyhow::Result<FaultProxy> {
        let listener = TcpListener::bind("127.0.0.1:0").context("binding the fault proxy")?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream.to_owned()),
            protocol,
            seed,
            schedules: Mutex::default(),
            exchanges: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            cut_by_server: AtomicU64::new(0),
            lost_refusals: AtomicU64::new(0),
            tokens: Mutex::default(),
            faults: Mutex::default(),
            only: Mutex::default(),
            let_go: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("fault-proxy".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if accepting.is_over.load(Ordering::Relaxed) {
                    return;
                }
                // Too many open files, or somebody who went while he came: the next one comes all the same.
                let Ok(stream) = stream else {
                    thread::sleep(LOOK_INTERVAL);
                    continue;
                };
                let shared = Arc::clone(&accepting);
                // Where no thread can be made, the connection is closed: one fault more.
                drop(thread::Builder::new().spawn(move || shared.serve(stream)));
            }
        })?;
        super::say(&format!("fault proxy on {address} before {upstream}, seed {seed}"));
        Ok(FaultProxy { address, shared })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, these faults, whatever the exchange. What is held goes on being held.
    pub fn schedule(&self, schedule: Schedule) {
        self.schedule_of("", schedule);
    }

    /// From now on, these faults for the exchanges that hold this text (see `Protocol`), whatever is said of others. The longest text that
    /// fits counts: `Produce ledger` before `Produce`, and the empty one last.
    pub fn schedule_of(&self, text: &str, schedule: Schedule) {
        let mut schedules = lock(&self.shared.schedules);
        schedules.retain(|(known, _)| known != text);
        schedules.push((text.to_owned(), schedule));
        schedules.sort_by_key(|(known, _)| Reverse(known.len()));
    }

    /// From now on, the faults of `schedule` meet only exchanges that hold this text; empty for all.
    pub fn only(&self, text: &str) {
        text.clone_into(&mut lock(&self.shared.only));
    }

    /// The server is somewhere else now.
    pub fn upstream(&self, upstream: &str) {
        upstream.clone_into(&mut lock(&self.shared.upstream));
    }

    /// No fault any more.
    pub fn calm(&self) {
        lock(&self.shared.schedules).clear();
    }

    /// What is held now is held no longer.
    pub fn let_go(&self) {
        self.shared.let_go.fetch_add(1, Ordering::Relaxed);
    }

    /// Exchanges so far that a schedule was asked about.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.shared.exchanges.load(Ordering::Relaxed)
    }

    /// Requests of HTTP that the server has and has not answered yet, of those that faults may meet (`only`).
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.shared.under_way.load(Ordering::Relaxed)
    }

    /// Of these, how many ended without an answer because the server did not give one: it was killed meanwhile.
    #[must_use]
    pub fn cut_by_server(&self) -> u64 {
        self.shared.cut_by_server.load(Ordering::Relaxed)
    }

    /// How often each fault has happened.
    #[must_use]
    pub fn faults(&self) -> BTreeMap<Fault, u64> {
        let mut sum = BTreeMap::new();
        for ((_, fault), times) in lock(&self.shared.faults).iter() {
            *sum.entry(*fault).or_default() += times;
        }
        sum
    }

    /// How often each fault has happened by the schedule of a text.
    #[must_use]
    pub fn faults_of(&self, text: &str) -> BTreeMap<Fault, u64> {
        let faults = lock(&self.shared.faults);
        faults.iter().filter(|((known, _), _)| known == text).map(|((_, fault), times)| (*fault, *times)).collect()
    }

    /// Responses that were lost, in whole or in part, though the request was applied. What HTTP refused was not, and does not count.
    #[must_use]
    pub fn lost_responses(&self) -> u64 {
        let all: u64 = lock(&self.shared.faults)
            .iter()
            .filter(|((_, fault), _)| fault.loses_response())
            .map(|(_, times)| times)
            .sum();
        all.saturating_sub(self.shared.lost_refusals.load(Ordering::Relaxed))
    }

    /// Of them, by the schedule of a text; also those that refused.
    #[must_use]
    pub fn lost_responses_of(&self, text: &str) -> u64 {
        self.faults_of(text).iter().filter(|(fault, _)| fault.loses_response()).map(|(_, times)| times).sum()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts. Where that fails, it ends with the process.
        drop(TcpStream::connect(&self.address));
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) {
        // A broken connection is what this proxy is for: whoever notices, closes.
        match self.protocol {
            Protocol::Http => while self.exchange(&mut client).is_some() {},
            Protocol::Kafka => drop(self.frames(&client)),
        }
        client.shutdown(Shutdown::Both).ok();
    }

    /// The fate of the next exchange, which `fits` the text of a schedule or not. It counts when it has happened.
    fn fate(&self, fits: &dyn Fn(&str) -> bool) -> Fate {
        let found = lock(&self.schedules).iter().find(|(text, _)| fits(text)).cloned();
        let Some((text, Schedule { per_thousand, hold })) = found else { return Fate::default() };
        let mut dice = mixed(self.seed, self.exchanges.fetch_add(1, Ordering::Relaxed)) % 1_000;
        for (fault, share) in per_thousand {
            if dice < share {
                return Fate { fault: Some(fault), hold, text };
            }
            dice -= share;
        }
        Fate { fault: None, hold, text }
    }

    /// Do the faults for all meet an exchange that begins so?
    fn is_meant(&self, first_bytes: &[u8]) -> bool {
        holds(first_bytes, &lock(&self.only))
    }

    /// It has happened.
    fn count(&self, fate: &Fate) {
        if let Some(fault) = fate.fault {
            *lock(&self.faults).entry((fate.text.clone(), fault)).or_default() += 1;
        }
    }

    fn connect(&self) -> Option<TcpStream> {
        let upstream = lock(&self.upstream).clone();
        let stream = TcpStream::connect_timeout(&upstream.parse().ok()?, CONNECT_TIMEOUT).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(stream)
    }

    fn hold(&self, time: Duration) {
        let (until, let_go) = (Instant::now() + time, || self.let_go.load(Ordering::Relaxed));
        let before = let_go();
        while Instant::now() < until && let_go() == before && !self.is_over.load(Ordering::Relaxed) {
            thread::sleep(LOOK_INTERVAL.min(time));
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|at| at == text.as_bytes())
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number for each exchange of a seed.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut mixed = (number ^ seed.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 32
}
