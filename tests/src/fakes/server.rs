//! What every fake stands on: a small HTTP/1.1 server, a list of what was asked, and troubles that come before the fake itself answers.
//!
//! By hand and not with a framework, because a fake must be able to do what no decent server would: to promise a length and send less.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use event::Timestamp;

use crate::events::now_ms;

/// A request that has not arrived after so long never will.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The query as it stands, without its percent signs.
    pub query: String,
    /// The header `Host`.
    pub host: String,
    /// The header `Authorization`.
    pub authorization: String,
    /// The body, without its percent signs.
    pub body: String,
    /// When.
    pub at: Instant,
    /// What it was answered; 0 where the answer was cut.
    pub status: u16,
}

impl Asked {
    /// A parameter of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.query, name)
    }
}

/// A bad day.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// An answer of this status, with these headers.
    Answer(u16, Vec<(&'static str, String)>),
    /// A page of a proxy: 200, HTML.
    Html,
    /// The true answer, cut in its middle: its length is promised and not kept.
    Cut,
    /// The connection is closed without a word.
    Silence,
}

impl Trouble {
    /// What every provider and every proxy before it has been seen to do, and what any poller must get over.
    #[must_use]
    pub fn usual() -> Vec<Trouble> {
        vec![
            Trouble::Html,
            Trouble::Cut,
            Trouble::Silence,
            Trouble::Answer(500, vec![]),
            Trouble::Answer(503, vec![("retry-after", "1".to_owned())]),
            Trouble::Answer(429, vec![]),
            Trouble::Answer(401, vec![]),
        ]
    }
}

/// An answer in the making.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(status: u16, body: &serde_json::Value) -> Reply {
        Reply { status, headers: vec![("content-type".into(), "application/json".into())], body: body.to_string() }
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A server; it ends with this value.
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    asked: Vec<Asked>,
    troubles: VecDeque<Trouble>,
    /// How far the provider's clock is from ours. Milliseconds.
    skew_ms: i64,
    is_closed: bool,
}

impl Server {
    /// Answers with `answer` whatever is no trouble.
    pub(super) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> anyhow::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening as a fake")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Inner::default()));
        let (kept, answer) = (Arc::clone(&shared), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if lock(&kept).is_closed {
                    return;
                }
                let (shared, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &shared, &*answer));
            }
        });
        Ok(Server { address, shared })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests meet these, one each.
    pub(super) fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        lock(&self.shared).troubles.extend(troubles);
    }

    pub(super) fn skew(&self, skew_ms: i64) {
        lock(&self.shared).skew_ms = skew_ms;
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        lock(&self.shared).asked.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        lock(&self.shared).is_closed = true;
        // Wakes the thread that listens, so that it sees the end. If it is gone already, so much the better.
        TcpStream::connect(self.address).ok();
    }
}

/// One request a connection.
fn serve(stream: TcpStream, shared: &Mutex<Inner>, answer: &(dyn Fn(&Asked) -> Reply + Send + Sync)) -> Option<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut asked = read_request(&mut reader)?;
    let (trouble, skew_ms) = {
        let mut inner = lock(shared);
        (inner.troubles.pop_front(), inner.skew_ms)
    };
    let reply = match &trouble {
        Some(Trouble::Answer(status, headers)) => {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            Some(Reply { status: *status, headers, body: "{}".to_owned() })
        }
        Some(Trouble::Html) => Some(Reply {
            status: 200,
            headers: vec![("content-type".into(), "text/html".into())],
            body: "<html><body>Please sign in to the guest network</body></html>".to_owned(),
        }),
        Some(Trouble::Silence) => None,
        Some(Trouble::Cut) | None => Some(answer(&asked)),
    };
    let is_cut = matches!(trouble, Some(Trouble::Cut));
    asked.status = reply.as_ref().filter(|_| !is_cut).map_or(0, |reply| reply.status);
    lock(shared).asked.push(asked);
    let reply = reply?;
    let date = http_date(Timestamp(now_ms() + skew_ms));
    let mut head = format!("HTTP/1.1 {} fake\r\ndate: {date}\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
    let body = reply.body.as_bytes();
    let body = body.get(..if is_cut { body.len() / 2 } else { body.len() })?;
    reader.get_mut().write_all(&[head.as_bytes(), body].concat()).ok()
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut parts = first.split_whitespace();
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let (mut host, mut authorization, mut length) = (String::new(), String::new(), None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        match name.to_lowercase().as_str() {
            "host" => value.trim().clone_into(&mut host),
            "authorization" => value.trim().clone_into(&mut authorization),
            // Told twice, a length is none.
            "content-length" if length.is_some() => return None,
            "content-length" => length = Some(value.trim().parse::<usize>().ok()?),
            _ => {}
        }
    }
    // Servers refuse a POST without a length, and so does this one.
    let length = if method == "POST" { length? } else { length.unwrap_or(0) };
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked {
        method,
        path: path.to_owned(),
        query: unescape(query),
        host,
        authorization,
        body: unescape(&String::from_utf8(body).ok()?),
        at: Instant::now(),
        status: 0,
    })
}

/// A parameter of a query or a form.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| value))
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = (*byte == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; the name of the day is the same for every day, because nobody may rely on it.
fn http_date(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = at.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    let month = usize::from(at.month().1).checked_sub(1).and_then(|month| MONTHS.get(month)).copied();
    format!("Sun, {} {} {} {} GMT", part(8..10), month.unwrap_or_default(), part(0..4), part(11..19))
}

fn lock(shared: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    // A test that panics elsewhere leaves at worst a request too few.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_a_date_is_written_as_http_has_them() {
        assert_eq!(unescape("a%20b+c%3A%zz"), "a b c:%zz");
        assert_eq!(parameter("a=1&b=2 3", "b"), Some("2 3"));
        assert_eq!(http_date(Timestamp(784_111_777_000)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
