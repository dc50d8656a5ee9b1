//! Alerts on their way: sent as soon as they are found, and again for as long as it takes. The same one twice is harmless, for readers know it by its
//! id; so anybody may write them, as often as he likes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use broker::{Ack, AppendError, Broker, Record};
use event::{Alert, AlertState, Severity, Timestamp};
use runtime::{Backoff, Standing};

/// What is told of an alert when it is durable.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    /// The rule that found it.
    pub(crate) rule: String,
    /// How loud it is.
    pub(crate) severity: Severity,
    /// Delivered or only recorded.
    pub(crate) state: AlertState,
    /// When the log took the event that opened it.
    pub(crate) logged_at: Timestamp,
}

impl From<&Alert> for Label {
    fn from(alert: &Alert) -> Label {
        let Alert { severity, state, logged_at, .. } = *alert;
        Label { rule: alert.rule.clone(), severity, state, logged_at }
    }
}

/// The alerts of one partition that are not durable, in the order of the log.
pub(crate) struct Alerts {
    sent: VecDeque<Sent>,
    backoff: Backoff,
    /// When those that failed are sent again.
    again_at: Option<Instant>,
}

/// One of them.
struct Sent {
    record: Record,
    label: Label,
    fate: Fate,
}

enum Fate {
    Unknown(Ack),
    Durable,
    Failed,
}

impl Alerts {
    /// None yet.
    pub(crate) fn new() -> Alerts {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5), 3);
        Alerts { sent: VecDeque::new(), backoff, again_at: None }
    }

    /// Sends one.
    ///
    /// # Errors
    /// When the log will never take it.
    pub(crate) fn send(
        &mut self,
        broker: &Broker,
        topic: &str,
        record: Record,
        label: Label,
    ) -> Result<(), AppendError> {
        let fate = fate_of(broker, topic, &record)?;
        self.sent.push_back(Sent { record, label, fate });
        Ok(())
    }

    /// The earliest of them, if it is durable.
    ///
    /// # Errors
    /// When the log will never take it.
    pub(crate) fn next_durable(
        &mut self,
        broker: &Broker,
        topic: &str,
        standing: &Standing,
    ) -> Result<Option<(Record, Label)>, AppendError> {
        if self.again_at.is_some_and(|again_at| Instant::now() >= again_at) {
            self.again_at = None;
            self.send_again(broker, topic)?;
        }
        let Some(first) = self.sent.front_mut() else { return Ok(None) };
        if let Some(error) = first.look()? {
            tracing::warn!(%error, topic, "not written, trying again");
            standing.not_ready(format!("{topic} cannot be written: {error}"));
        }
        match first.fate {
            Fate::Unknown(_) => Ok(None),
            Fate::Failed => {
                if self.again_at.is_none() {
                    self.again_at = Some(Instant::now() + self.backoff.next_wait());
                }
                Ok(None)
            }
            Fate::Durable => {
                if self.backoff.attempts() > 0 {
                    self.backoff.reset();
                    standing.ready();
                }
                Ok(self.sent.pop_front().map(|sent| (sent.record, sent.label)))
            }
        }
    }

    /// Did the last try fail?
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.again_at.is_some()
    }

    fn send_again(&mut self, broker: &Broker, topic: &str) -> Result<(), AppendError> {
        for sent in &mut self.sent {
            sent.look()?;
            if matches!(sent.fate, Fate::Failed) {
                sent.fate = fate_of(broker, topic, &sent.record)?;
            }
        }
        Ok(())
    }
}

impl Sent {
    /// Looks what became of it: why it failed, if it has just done so and may be tried again.
    fn look(&mut self) -> Result<Option<AppendError>, AppendError> {
        let Fate::Unknown(ack) = &mut self.fate else { return Ok(None) };
        let error = match ack.told() {
            None => return Ok(None),
            Some(Ok(_)) => {
                self.fate = Fate::Durable;
                return Ok(None);
            }
            Some(Err(error)) => error,
        };
        self.fate = Fate::Failed;
        passing(error).map(Some)
    }
}

fn fate_of(broker: &Broker, topic: &str, record: &Record) -> Result<Fate, AppendError> {
    match broker.append(topic, record.clone()) {
        Ok(ack) => Ok(Fate::Unknown(ack)),
        Err(error) => passing(error).map(|_| Fate::Failed),
    }
}

/// An error that passes; any other halts.
fn passing(error: AppendError) -> Result<AppendError, AppendError> {
    match error {
        AppendError::Refused { .. } | AppendError::Closed => Err(error),
        error => Ok(error),
    }
}
