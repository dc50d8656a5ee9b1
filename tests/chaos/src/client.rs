//! The provider: several senders that take page after page, at a steady rate, whatever happens at the other end. A page that was not
//! acknowledged is sent again; of a few, nobody cares after the first answer that never came, so that there are events of unknown outcome.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tests::http;

use crate::{
    book::{Book, Sent},
    dice::Dice,
    generator::{Generator, connection_id},
};

/// Senders at the same time.
const SENDERS: u64 = 4;
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a page waits before it is sent again.
const AGAIN_AFTER_MS: std::ops::Range<u64> = 30..200;
/// Rest of each sender before a page, when there are enough.
const TRICKLE_INTERVAL: Duration = Duration::from_secs(1);
/// So many of a thousand pages are not sent again when nobody knows what became of them.
const GIVEN_UP_PER_THOUSAND: u64 = 150;

/// Where the provider sends to, and with which secret.
pub trait Door: Sync {
    /// `http://host:port` now.
    fn url(&self, page: u64) -> String;
    /// The secret of a connection.
    fn secret(&self, connection: &str) -> String;
}

/// A provider that sends, watched from other threads.
#[derive(Debug)]
pub struct Client {
    generator: Generator,
    seed: u64,
    page_interval: Duration,
    next_page: AtomicU64,
    acknowledged_pages: AtomicU64,
    unanswered: AtomicU64,
    refused: AtomicU64,
    is_stopped: AtomicBool,
    is_trickling: AtomicBool,
    book: Mutex<Book>,
    surprises: Mutex<Vec<String>>,
}

/// What became of one attempt.
enum Answer {
    Taken,
    Refused,
    Unknown,
}

impl Client {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(generator: Generator, seed: u64, pages_per_second: u64) -> Client {
        Client {
            generator,
            seed,
            page_interval: Duration::from_secs(1) / u32::try_from(pages_per_second.max(1)).unwrap_or(1),
            next_page: AtomicU64::new(0),
            acknowledged_pages: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
            is_trickling: AtomicBool::new(false),
            book: Mutex::default(),
            surprises: Mutex::default(),
        }
    }

    /// Sends until stopped; then pages that are on their way find their end. Blocks.
    pub fn run(&self, door: &dyn Door) {
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| self.send_pages(door, began));
            }
        });
    }

    /// After a stop: the next page is this one.
    pub fn resume_at(&self, page: u64) {
        self.next_page.store(page, Ordering::Relaxed);
    }

    /// Sends so many pages, one after the other, until each is acknowledged. Blocks.
    pub fn send_some(&self, door: &dyn Door, pages: u64) {
        for _ in 0..pages {
            let number = self.next_page.fetch_add(1, Ordering::Relaxed);
            self.send_page(door, number, false);
        }
    }

    /// From now on only now and then a page: there are enough, and the rest of the schedule needs some.
    pub fn trickle(&self) {
        self.is_trickling.store(true, Ordering::Relaxed);
    }

    /// No further page.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Pages that were acknowledged so far.
    #[must_use]
    pub fn acknowledged_pages(&self) -> u64 {
        self.acknowledged_pages.load(Ordering::Relaxed)
    }

    /// Attempts that nobody answered.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Attempts that were answered with 503.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// What the sender knows.
    #[must_use]
    pub fn book(&self) -> Book {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers that should never come: a refusal of what is right, a receipt that does not add up.
    #[must_use]
    pub fn surprises(&self) -> Vec<String> {
        self.surprises.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn send_pages(&self, door: &dyn Door, began: Instant) {
        while !self.is_stopped.load(Ordering::Relaxed) {
            let number = self.next_page.fetch_add(1, Ordering::Relaxed);
            let due = began + self.page_interval * u32::try_from(number).unwrap_or(u32::MAX);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.is_trickling.load(Ordering::Relaxed) {
                thread::sleep(TRICKLE_INTERVAL);
            }
            let is_given_up = Dice::new(self.seed ^ number, "patience").per_thousand(GIVEN_UP_PER_THOUSAND);
            self.send_page(door, number, is_given_up);
        }
    }

    fn send_page(&self, door: &dyn Door, number: u64, is_given_up: bool) {
        let (page, mut dice) = (self.generator.page(number), Dice::new(self.seed ^ number, "client"));
        let body = page.body();
        loop {
            // Before it goes: a page whose sender never came back was sent all the same.
            self.note(number, |sent| sent.attempts += 1);
            match self.send(door, number, &connection_id(page.tenant), &body) {
                Answer::Taken => {
                    self.note(number, |sent| sent.is_acknowledged = true);
                    self.acknowledged_pages.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Answer::Unknown if is_given_up => return,
                Answer::Unknown | Answer::Refused => {
                    thread::sleep(Duration::from_millis(dice.within(AGAIN_AFTER_MS)));
                }
            }
        }
    }

    fn send(&self, door: &dyn Door, number: u64, connection: &str, body: &[u8]) -> Answer {
        let url = format!("{}/v1/events/{connection}", door.url(number));
        let authorization = format!("Bearer {}", door.secret(connection));
        let answer = http::request("POST", &url, &[("authorization", &authorization)], body, ANSWER_TIMEOUT);
        match answer {
            Ok(answer) if answer.status == 200 => {
                self.audit(&answer.json().unwrap_or_default());
                Answer::Taken
            }
            Ok(answer) if answer.status == 503 => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                if answer.header("retry-after").is_none() {
                    self.surprise(format!("503 without Retry-After: {}", answer.text()));
                }
                Answer::Refused
            }
            Ok(answer) => {
                self.surprise(format!("page {number} is answered {} {}", answer.status, answer.text()));
                Answer::Refused
            }
            Err(_) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                Answer::Unknown
            }
        }
    }

    /// A receipt adds up: what was read is an event, ignored, or rejected.
    fn audit(&self, receipt: &serde_json::Value) {
        let of = |key: &str| receipt.get(key).and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX);
        if of("read") != of("events").wrapping_add(of("ignored")).wrapping_add(of("rejected")) {
            self.surprise(format!("a receipt does not add up: {receipt}"));
        }
    }

    fn surprise(&self, sentence: String) {
        self.surprises.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    fn note(&self, number: u64, change: impl FnOnce(&mut Sent)) {
        change(self.book.lock().unwrap_or_else(PoisonError::into_inner).pages.entry(number).or_default());
    }
}
