//! A provider that goes on sending, whatever happens: new events all the time, each page again and again until it is acknowledged.
//!
//! What it sent is known exactly, so that afterwards every row can be accounted for.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    events::{click, okta_sso, page},
    servers::Daylight,
};

/// Events of one page.
const PAGE_EVENTS: u64 = 20;
/// Every so many pages one event is about an app that nobody has used before.
const NEW_APP_EVERY_PAGES: u64 = 5;
/// Time between the beginnings of two pages.
const PAGE_INTERVAL: Duration = Duration::from_millis(20);
/// How long a page waits before it is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What was sent, and acknowledged to the last page.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Distinct events.
    pub events: u64,
    /// The ids of all apps, each of which was new once.
    pub apps: BTreeSet<String>,
    /// Attempts that were answered with something else than 200, or not at all.
    pub failures: u64,
    /// The longest time that an answer took.
    pub slowest: Duration,
}

/// A load, watched and stopped from another thread.
#[derive(Debug, Default)]
pub struct Load {
    is_stopped: AtomicBool,
    pages: AtomicU64,
}

impl Load {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new() -> Load {
        Load::default()
    }

    /// Sends to a connection of Okta until stopped; then the last page is acknowledged too. Blocks.
    pub fn run(&self, daylight: &Daylight, connection: &str) -> Sent {
        let mut sent = Sent::default();
        while !self.is_stopped.load(Ordering::Relaxed) {
            let began = Instant::now();
            let number = self.pages.load(Ordering::Relaxed);
            let app = format!("0oaLoad{:04}", number / NEW_APP_EVERY_PAGES);
            let events: Vec<_> = (0..PAGE_EVENTS)
                .map(|event| {
                    // One person an app, so that an app is one finding.
                    let email = format!("{app}@brightwater.example");
                    okta_sso(&click(number * PAGE_EVENTS + event, &email, &app, &app))
                })
                .collect();
            let body = page(&events);
            loop {
                let asked = Instant::now();
                let answer = daylight.send(connection, &body);
                sent.slowest = sent.slowest.max(asked.elapsed());
                if answer.is_ok_and(|answer| answer.status == 200) {
                    break;
                }
                sent.failures += 1;
                std::thread::sleep(AGAIN_AFTER);
            }
            sent.events += PAGE_EVENTS;
            sent.apps.insert(app);
            self.pages.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(PAGE_INTERVAL.saturating_sub(began.elapsed()));
        }
        sent
    }

    /// Pages acknowledged so far.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    /// No further page.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}
