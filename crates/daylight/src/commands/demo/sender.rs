//! The providers: sends deliveries over HTTP, history as fast as it is answered, the live phase when each is due.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use simulator::{Delivery, ElementTruth, Form, Phase};
use tokio::task::JoinSet;

use super::pipeline::Pipeline;

/// What ingest answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Native events.
    pub(crate) read: u64,
    /// Events of ours.
    pub(crate) events: u64,
    /// Second copies that were dropped.
    pub(crate) duplicates: u64,
    /// Those of no concern.
    pub(crate) ignored: u64,
    /// Those that cannot be read.
    pub(crate) rejected: u64,
}

impl Receipt {
    fn add(&mut self, other: Receipt) {
        self.read += other.read;
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.ignored += other.ignored;
        self.rejected += other.rejected;
    }
}

/// Sends deliveries and adds up the receipts.
pub(crate) struct Sender {
    client: reqwest::Client,
    ingest: String,
    secret: String,
    /// What ingest said, in all.
    pub(crate) receipts: Receipt,
    /// The first deliveries whose receipt is not what the simulator knows to be true.
    pub(crate) surprises: Vec<String>,
    bar: ProgressBar,
    unit: &'static str,
}

/// Milliseconds in a day.
const DAY_MS: u64 = 86_400_000;
/// Surprises that are told.
const SURPRISES_MAX: usize = 10;

impl Sender {
    /// Sends to a pipeline.
    pub(crate) fn new(pipeline: &Pipeline) -> Sender {
        let style = ProgressStyle::with_template("{msg:<8} {bar:40} {pos}/{len} {prefix}  {elapsed}").ok();
        let bar = style.map_or_else(|| ProgressBar::new(0), |style| ProgressBar::new(0).with_style(style));
        Sender {
            client: reqwest::Client::new(),
            ingest: pipeline.endpoints.ingest.clone(),
            secret: pipeline.secret.clone(),
            receipts: Receipt::default(),
            surprises: Vec::new(),
            bar,
            unit: "",
        }
    }

    /// Names what comes next: `length` units of simulated time.
    pub(crate) fn begin(&mut self, phase: &'static str, length: u64, unit: &'static str) {
        self.unit = unit;
        self.bar.set_message(phase);
        self.bar.set_length(length);
        self.bar.set_position(0);
        self.bar.reset_elapsed();
    }

    /// Simulated time has come so far.
    fn advance(&self, position: u64) {
        let elapsed_ms = self.bar.elapsed().as_millis().max(1);
        let sent = self.receipts.read;
        let rate = u128::from(sent) * 1_000 / elapsed_ms;
        let is_history = self.unit == "days";
        self.bar.set_prefix(if is_history {
            format!("{}, {sent} events, {rate} a second", self.unit)
        } else {
            format!("{}, {sent} events", self.unit)
        });
        self.bar.set_position(position);
    }

    /// Sends one delivery of history and waits for the answer.
    pub(crate) async fn send(&mut self, delivery: Delivery) -> anyhow::Result<()> {
        let expected = expected(&delivery.elements);
        let days_left = delivery.due_offset_ms.min(0).unsigned_abs() / DAY_MS;
        let receipt = post(self.client.clone(), self.request(&delivery), delivery.body).await?;
        self.take(receipt, expected);
        self.advance(self.bar.length().unwrap_or(0).saturating_sub(days_left));
        Ok(())
    }

    /// Sends the live phase: each delivery when it is due, whatever the earlier ones do.
    pub(crate) async fn send_live(&mut self, deliveries: impl Iterator<Item = Delivery>) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut posts = JoinSet::new();
        for delivery in deliveries {
            debug_assert_eq!(delivery.phase, Phase::Live);
            let due = Duration::from_millis(u64::try_from(delivery.due_offset_ms).unwrap_or(0));
            tokio::time::sleep_until((began + due).into()).await;
            self.advance(due.as_secs());
            let (expected, request, client) =
                (expected(&delivery.elements), self.request(&delivery), self.client.clone());
            posts.spawn(async move { (post(client, request, delivery.body).await, expected) });
            while let Some(done) = posts.try_join_next() {
                let (receipt, expected) = done?;
                self.take(receipt?, expected);
            }
        }
        while let Some(done) = posts.join_next().await {
            let (receipt, expected) = done?;
            self.take(receipt?, expected);
        }
        Ok(())
    }

    /// Nothing more is sent.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn request(&self, delivery: &Delivery) -> (String, String) {
        let connection = delivery.feed.connection();
        let route = if delivery.form == Form::OktaHook { "okta" } else { "events" };
        (format!("{}/v1/{route}/{connection}", self.ingest), self.secret.clone())
    }

    fn take(&mut self, receipt: Receipt, expected: Receipt) {
        let is_expected = (receipt.read, receipt.events, receipt.ignored, receipt.rejected)
            == (expected.read, expected.events, expected.ignored, expected.rejected);
        if !is_expected && self.surprises.len() < SURPRISES_MAX {
            self.surprises.push(format!("expected {expected:?}, ingest said {receipt:?}"));
        }
        self.receipts.add(receipt);
    }
}

/// What a correct ingest answers. A second copy is an event, too.
fn expected(elements: &[ElementTruth]) -> Receipt {
    let mut receipt = Receipt::default();
    for element in elements {
        receipt.read += 1;
        match element {
            ElementTruth::Event { .. } => receipt.events += 1,
            ElementTruth::Duplicate { .. } => {
                receipt.events += 1;
                receipt.duplicates += 1;
            }
            ElementTruth::Ignored { .. } => receipt.ignored += 1,
            ElementTruth::Rejected { .. } => receipt.rejected += 1,
        }
    }
    receipt
}

/// One request, sent again where ingest says 503, as its `Retry-After` asks.
async fn post(client: reqwest::Client, (url, secret): (String, String), body: Vec<u8>) -> anyhow::Result<Receipt> {
    const ATTEMPTS_MAX: u32 = 30;
    for _ in 0..ATTEMPTS_MAX {
        let request = client.post(&url).header("authorization", &secret).body(body.clone());
        let response = request.send().await.with_context(|| format!("no answer from {url}"))?;
        let status = response.status();
        let text = response.text().await?;
        if status.is_success() {
            return serde_json::from_str(&text).context("ingest answered something else than a receipt");
        }
        if status.as_u16() != 503 {
            bail!("ingest answered {status}: {text}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bail!("ingest said 503 {ATTEMPTS_MAX} times in a row")
}
