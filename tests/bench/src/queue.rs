//! Records on their way into a log, a bounded number of them: filling topics must not hold them in memory.

use std::collections::VecDeque;

use anyhow::ensure;
use broker::{Ack, Broker, Record};

/// Records that wait for the broker at a time, and how many are handed over at once.
const WAITING_MAX: usize = 20_000;
const RECORDS_AT_ONCE: usize = 500;
/// Bytes of them at a time: half of what the log's own limit lets wait.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// Records on their way to a topic.
pub(crate) struct Queue<'b> {
    broker: &'b Broker,
    topic: &'b str,
    records: Vec<Record>,
    open_bytes: usize,
    waiting: VecDeque<(Ack, usize)>,
    waiting_bytes: usize,
    messages: u64,
    bytes: u64,
}

impl<'b> Queue<'b> {
    pub(crate) fn new(broker: &'b Broker, topic: &'b str) -> Queue<'b> {
        let (records, waiting) = (Vec::new(), VecDeque::new());
        Queue { broker, topic, records, open_bytes: 0, waiting, waiting_bytes: 0, messages: 0, bytes: 0 }
    }

    pub(crate) fn put(&mut self, record: Record) -> anyhow::Result<()> {
        let bytes = record.value.as_ref().map_or(0, Vec::len);
        self.messages += 1;
        self.bytes += bytes as u64;
        self.open_bytes += bytes;
        self.records.push(record);
        if self.records.len() >= RECORDS_AT_ONCE || self.open_bytes >= WAITING_BYTES_MAX / 4 {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Hands over what is there, and waits for older ones where too many wait.
    pub(crate) fn hand_over(&mut self) -> anyhow::Result<()> {
        let records = std::mem::take(&mut self.records);
        let sizes: Vec<usize> = records.iter().map(|record| record.value.as_ref().map_or(0, Vec::len)).collect();
        let coming = std::mem::take(&mut self.open_bytes);
        while self.waiting.len() + records.len() > WAITING_MAX || self.waiting_bytes + coming > WAITING_BYTES_MAX {
            let Some((ack, bytes)) = self.waiting.pop_front() else { break };
            ack.wait()?;
            self.waiting_bytes -= bytes;
        }
        let acks = self.broker.append_all(self.topic, records)?;
        self.waiting_bytes += coming;
        self.waiting.extend(acks.into_iter().zip(sizes));
        Ok(())
    }

    /// Waits for everything. Messages and bytes.
    pub(crate) fn finish(mut self) -> anyhow::Result<(u64, u64)> {
        self.hand_over()?;
        for (ack, _) in std::mem::take(&mut self.waiting) {
            ack.wait()?;
        }
        ensure!(self.messages > 0, "nothing was put into {}", self.topic);
        Ok((self.messages, self.bytes))
    }
}
