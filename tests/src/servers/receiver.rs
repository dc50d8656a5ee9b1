//! The people who are told: a webhook's receiver that checks signatures, writes down what arrives, and fails or hangs when told to.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::{fault_proxy::RESPONSE_LOST, say};

/// A request that has not arrived after so long never will.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Post {
    /// `webhook-id`: the alert.
    pub id: String,
    /// The body.
    pub body: Value,
    /// Does the signature fit the body?
    pub is_signed: bool,
    /// What it was answered; 0 where it was left to hang.
    pub answer: u16,
    /// Did a fault proxy before this receiver keep the answer for itself? Then the sender never learned it.
    pub is_answer_lost: bool,
    /// When it had arrived.
    pub arrived_at: Instant,
}

/// A receiver, listening. It ends with this value.
pub struct Receiver {
    address: SocketAddr,
    url: String,
    key: String,
    inbox: Arc<Mutex<Inbox>>,
}

#[derive(Default)]
struct Inbox {
    posts: Vec<Post>,
    failures_left: usize,
    refused: String,
    is_hanging: bool,
    is_closed: bool,
}

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When the machine has none.
    pub fn start() -> anyhow::Result<Receiver> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening for webhooks")?;
        let address = listener.local_addr()?;
        let key = "planted-webhook-key-77c1".to_owned();
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let mac = Hmac::new_from_slice(key.as_bytes())?;
        let kept = Arc::clone(&inbox);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if lock(&kept).is_closed {
                    return;
                }
                let (inbox, mac) = (Arc::clone(&kept), mac.clone());
                std::thread::spawn(move || serve(stream, &inbox, &mac));
            }
        });
        say(&format!("a receiver of webhooks on {address}"));
        Ok(Receiver { address, url: format!("http://{address}/alerts"), key, inbox })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key that it expects bodies to be signed with.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Answers the next `times` posts with 500.
    pub fn fail(&self, times: usize) {
        lock(&self.inbox).failures_left = times;
    }

    /// Answers posts with 500 whose body holds this text; none for an empty text.
    pub fn refuse(&self, text: &str) {
        lock(&self.inbox).refused = text.to_owned();
    }

    /// Answers nothing, or everything again.
    pub fn hang(&self, is_hanging: bool) {
        lock(&self.inbox).is_hanging = is_hanging;
    }

    /// Everything that arrived, in order.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.inbox).posts.clone()
    }

    /// Alert → how often it was answered with 200.
    #[must_use]
    pub fn accepted(&self) -> BTreeMap<String, usize> {
        let mut accepted = BTreeMap::new();
        for post in lock(&self.inbox).posts.iter().filter(|post| post.answer == 200) {
            *accepted.entry(post.id.clone()).or_default() += 1;
        }
        accepted
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        lock(&self.inbox).is_closed = true;
        // Wakes the thread that listens, so that it sees the end. If it is gone already, so much the better.
        TcpStream::connect(self.address).ok();
    }
}

/// One request a connection: what goes wrong on the way is the sender's to notice.
fn serve(stream: TcpStream, inbox: &Mutex<Inbox>, mac: &Hmac<Sha256>) -> Option<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }
    let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
    let mut body = vec![0; header("content-length").parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let (id, timestamp) = (header("webhook-id").to_owned(), header("webhook-timestamp"));
    let is_signed = is_signed(mac.clone(), &format!("{id}.{timestamp}."), &body, header("webhook-signature"));
    let body: Value = serde_json::from_slice(&body).ok()?;
    let mut kept = lock(inbox);
    let is_refused = !kept.refused.is_empty() && body.to_string().contains(&kept.refused);
    let answer = if kept.is_hanging {
        0
    } else if is_refused || kept.failures_left > 0 {
        kept.failures_left = kept.failures_left.saturating_sub(usize::from(!is_refused));
        500
    } else {
        200
    };
    let is_answer_lost = RESPONSE_LOST.split_once(':').is_some_and(|(name, _)| headers.contains_key(name));
    kept.posts.push(Post { id, body, is_signed, answer, is_answer_lost, arrived_at: Instant::now() });
    drop(kept);
    if answer == 0 {
        // Held until the sender gives up: its end of the connection closes, or the read times out.
        return reader.read(&mut [0]).ok().map(|_| ());
    }
    let answer = format!("HTTP/1.1 {answer} told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).ok()
}

/// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.
fn is_signed(mut mac: Hmac<Sha256>, prefix: &str, body: &[u8], signature: &str) -> bool {
    mac.update(prefix.as_bytes());
    mac.update(body);
    let signature = signature.strip_prefix("v1,").and_then(|text| BASE64_STANDARD.decode(text).ok());
    signature.is_some_and(|signature| mac.verify_slice(&signature).is_ok())
}

fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    // A test that panics elsewhere leaves at worst a post too few.
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}
