//! A proxy of our own between Daylight and a server: what networks and machines do to a connection, by seed. Many kernels have no `tc netem`,
//! and it could not do the one thing that matters most: hold the *response* after the request was applied.
//!
//! Two ways to look at a connection. *HTTP*: request by request, each on a connection of its own to the server, so that exactly one request is
//! lost and one is not. *Bytes*: as they come, for any protocol (Kafka's); a fault then meets the connection. The fate of the n-th exchange
//! is a function of the seed and n, so a schedule can be played again.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
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
    /// HTTP/1.1 with Content-Length, or chunks in the answer: a fault meets one request.
    Http,
    /// Anything: a fault meets the connection, at the next bytes.
    Bytes,
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
    schedule: Mutex<Schedule>,
    exchanges: AtomicU64,
    under_way: AtomicU64,
    cut_by_server: AtomicU64,
    faults: Mutex<BTreeMap<Fault, u64>>,
    /// Only exchanges whose first bytes hold this text are met by faults; empty for all.
    only: Mutex<String>,
    is_over: AtomicBool,
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
            schedule: Mutex::default(),
            exchanges: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            cut_by_server: AtomicU64::new(0),
            faults: Mutex::default(),
            only: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("fault-proxy".to_owned()).spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.is_over.load(Ordering::Relaxed) {
                    return;
                }
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

    /// From now on, these faults. What is held goes on being held.
    pub fn schedule(&self, schedule: Schedule) {
        *lock(&self.shared.schedule) = schedule;
    }

    /// From now on, faults meet only exchanges whose first bytes hold this text (`POST`, `/hooks/`); empty for all.
    pub fn only(&self, text: &str) {
        text.clone_into(&mut lock(&self.shared.only));
    }

    /// The server is somewhere else now.
    pub fn upstream(&self, upstream: &str) {
        upstream.clone_into(&mut lock(&self.shared.upstream));
    }

    /// No fault any more.
    pub fn calm(&self) {
        self.schedule(Schedule::default());
    }

    /// Exchanges so far: requests of HTTP, looks at bytes otherwise.
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
        lock(&self.shared.faults).clone()
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
            Protocol::Bytes => drop(self.tunnel(&client)),
        }
        client.shutdown(Shutdown::Both).ok();
    }

    /// The fate of the next exchange.
    fn fate(&self, first_bytes: &[u8]) -> (Option<Fault>, Duration) {
        let schedule = lock(&self.schedule).clone();
        if !self.is_meant(first_bytes) {
            return (None, schedule.hold);
        }
        let mut dice = mixed(self.seed, self.exchanges.fetch_add(1, Ordering::Relaxed)) % 1_000;
        for (fault, share) in &schedule.per_thousand {
            if dice < *share {
                *lock(&self.faults).entry(*fault).or_default() += 1;
                return (Some(*fault), schedule.hold);
            }
            dice -= share;
        }
        (None, schedule.hold)
    }

    /// May faults meet an exchange that begins so?
    fn is_meant(&self, first_bytes: &[u8]) -> bool {
        let only = lock(&self.only);
        only.is_empty() || first_bytes.windows(only.len()).any(|bytes| bytes == only.as_bytes())
    }

    /// One request and its response. `None` when the connection is over.
    fn exchange(&self, client: &mut TcpStream) -> Option<()> {
        let mut request = read_request(client)?;
        let first_bytes = request.get(..request.len().min(4_096)).unwrap_or_default();
        let (is_meant, (fault, hold)) = (self.is_meant(first_bytes), self.fate(first_bytes));
        match fault {
            Some(Fault::DropRequest) => return None,
            Some(Fault::DelayRequest) => self.hold(hold),
            _ => {}
        }
        let mut server = self.connect()?;
        if fault == Some(Fault::CutRequest) {
            server.write_all(request.get(..request.len() / 2)?).ok()?;
            return None;
        }
        if matches!(fault, Some(Fault::LoseResponse | Fault::CutResponse | Fault::HoldResponse)) {
            let line = request.windows(2).position(|two| two == b"\r\n")?;
            request.splice(line..line, format!("\r\n{RESPONSE_LOST}").into_bytes());
        }
        let response = self.answer_to(&request, &mut server, is_meant)?;
        match fault {
            Some(Fault::LoseResponse) => return None,
            Some(Fault::CutResponse) => {
                client.write_all(response.get(..response.len() / 2)?).ok()?;
                return None;
            }
            Some(Fault::HoldResponse) => {
                self.hold(hold);
                return None;
            }
            Some(Fault::DelayResponse) => self.hold(hold),
            _ => {}
        }
        client.write_all(&response).ok()?;
        // The server was told to close, and has said so: the client knows that this was the last one.
        None
    }

    /// Sends a request and waits for the end of its answer; nothing where the server ends without one.
    fn answer_to(&self, request: &[u8], server: &mut TcpStream, is_meant: bool) -> Option<Vec<u8>> {
        let mut response = Vec::new();
        let count = u64::from(is_meant);
        self.under_way.fetch_add(count, Ordering::Relaxed);
        let read = server.write_all(request).and_then(|()| server.read_to_end(&mut response));
        self.under_way.fetch_sub(count, Ordering::Relaxed);
        let is_whole = read.is_ok() && !response.is_empty();
        self.cut_by_server.fetch_add(if is_whole { 0 } else { count }, Ordering::Relaxed);
        is_whole.then_some(response)
    }

    /// Passes bytes both ways until one side ends or a fault says so.
    fn tunnel(&self, client: &TcpStream) -> Option<()> {
        let server = self.connect()?;
        thread::scope(|scope| {
            scope.spawn(|| self.pour(&server, client, false));
            self.pour(client, &server, true)
        })
    }

    fn pour(&self, mut from: &TcpStream, mut to: &TcpStream, is_request: bool) -> Option<()> {
        from.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let ended = (|| {
            loop {
                let count = match from.read(&mut chunk) {
                    Ok(0) => return None,
                    Ok(count) => count,
                    Err(error) if is_timeout(&error) && !self.is_over.load(Ordering::Relaxed) => continue,
                    Err(_) => return None::<()>,
                };
                let bytes = chunk.get(..count)?;
                let (fault, hold) = self.fate(bytes);
                match (fault, is_request) {
                    (Some(Fault::DropRequest), true) | (Some(Fault::LoseResponse), false) => return None,
                    (Some(Fault::CutRequest), true) | (Some(Fault::CutResponse), false) => {
                        to.write_all(bytes.get(..count / 2)?).ok()?;
                        return None;
                    }
                    (Some(Fault::HoldResponse), false) => {
                        self.hold(hold);
                        return None;
                    }
                    (Some(Fault::DelayRequest), true) | (Some(Fault::DelayResponse), false) => self.hold(hold),
                    _ => {}
                }
                to.write_all(bytes).ok()?;
            }
        })();
        for stream in [from, to] {
            stream.shutdown(Shutdown::Both).ok();
        }
        ended
    }

    fn connect(&self) -> Option<TcpStream> {
        let upstream = lock(&self.upstream).clone();
        let stream = TcpStream::connect_timeout(&upstream.parse().ok()?, CONNECT_TIMEOUT).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(stream)
    }

    fn hold(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.is_over.load(Ordering::Relaxed) {
            thread::sleep(LOOK_INTERVAL.min(time));
        }
    }
}

/// A whole request, told to be the last of its connection; nothing when the client has ended.
fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
    let head = loop {
        if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break head;
        }
        read_more(client, &mut chunk, &mut bytes)?;
    };
    let text = String::from_utf8_lossy(bytes.get(..head)?).into_owned();
    let header = |name: &str| {
        let value = |line: &str| {
            Some(line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name))?.1.trim().to_owned())
        };
        text.lines().find_map(value)
    };
    if header("transfer-encoding").is_some() {
        while !bytes.ends_with(b"0\r\n\r\n") {
            read_more(client, &mut chunk, &mut bytes)?;
        }
    }
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length {
        read_more(client, &mut chunk, &mut bytes)?;
    }
    let first_line = text.lines().next()?;
    let others = text.lines().skip(1).filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head_lines: Vec<&str> = std::iter::once(first_line).chain(others).chain(["Connection: close"]).collect();
    Some([head_lines.join("\r\n").as_bytes(), b"\r\n\r\n", bytes.get(head + 4..)?].concat())
}

fn read_more(client: &mut TcpStream, chunk: &mut [u8], bytes: &mut Vec<u8>) -> Option<()> {
    let count = client.read(chunk).ok().filter(|count| *count > 0)?;
    bytes.extend_from_slice(chunk.get(..count)?);
    Some(())
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
