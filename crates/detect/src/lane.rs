//! What one partition has on its way out, and what follows from it. Pure.
//!
//! One write of the ledger is under way at a time; whatever is found meanwhile is gathered and goes with the next. So a log that takes long for
//! each write is given more in each, and nobody has to choose an interval.
//!
//! ```text
//! found ─► alerts sent at once ─► durable ─┐
//!      └─► changes gathered ───────────────┴─► the write under way ─► settled: the offset may be committed
//! ```
//!
//! A write begins when the alerts that were found before it are durable: then no crash can lose one. An offset is settled when everything that
//! was found before it is durable.

use std::collections::HashSet;

use broker::Record;

/// Bytes that one partition has on its way out; beyond it no events are read until some of them are durable.
pub(crate) const WAITING_BYTES_MAX: usize = 32 * 1_024 * 1_024;

/// One partition.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The next offset to read.
    next: u64,
    /// Changes of the ledger that no write has taken yet, in order.
    gathered: Vec<Record>,
    under_way: Option<UnderWay>,
    alerts_sent: u64,
    alerts_durable: u64,
    /// Records that may wait, as bytes may.
    records_max: usize,
    /// Everything that is not durable.
    waiting_records: usize,
    waiting_bytes: usize,
    /// Everything that was found before it is durable.
    settled: u64,
    committed: u64,
}

/// One write of the ledger, from when it is put together until it is durable.
#[derive(Debug)]
struct UnderWay {
    /// The next offset to read when it was put together.
    next: u64,
    /// Alerts that must be durable before it begins.
    alerts_sent: u64,
    /// What it writes, until it is handed over.
    changes: Option<Vec<Record>>,
    records: usize,
    bytes: usize,
}

impl Lane {
    /// A partition that is read from this offset on; so many records may wait.
    pub(crate) fn from(start: u64, records_max: usize) -> Lane {
        Lane { records_max: records_max.max(1), next: start, settled: start, committed: start, ..Lane::default() }
    }

    /// Everything before this offset was read.
    pub(crate) fn read_up_to(&mut self, next: u64) {
        self.next = next;
    }

    /// The next offset to read.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// A change of the ledger was found.
    pub(crate) fn gather(&mut self, change: Record) {
        self.waiting_records += 1;
        self.waiting_bytes += bytes_of(&change);
        self.gathered.push(change);
    }

    /// An alert was found, and sent.
    pub(crate) fn alert_sent(&mut self, alert: &Record) {
        self.alerts_sent += 1;
        self.waiting_records += 1;
        self.waiting_bytes += bytes_of(alert);
    }

    /// The earliest of the alerts that were not durable is.
    pub(crate) fn alert_durable(&mut self, alert: &Record) {
        self.alerts_durable += 1;
        self.waiting_records = self.waiting_records.saturating_sub(1);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes_of(alert));
    }

    /// What is to be written to the ledger now, one record a key: what is written twice because an answer got lost cannot overtake a newer value.
    pub(crate) fn next_write(&mut self) -> Option<Vec<Record>> {
        if self.under_way.is_none() && !self.is_settled() {
            let changes = std::mem::take(&mut self.gathered);
            let (records, bytes) = (changes.len(), changes.iter().map(bytes_of).sum());
            let (next, alerts_sent) = (self.next, self.alerts_sent);
            let changes = Some(last_of_each_key(changes));
            self.under_way = Some(UnderWay { next, alerts_sent, changes, records, bytes });
        }
        let durable = self.alerts_durable;
        let write = self.under_way.as_mut().filter(|write| write.alerts_sent <= durable)?;
        let changes = write.changes.take()?;
        if changes.is_empty() {
            self.written();
            return None;
        }
        Some(changes)
    }

    /// What was to be written is durable.
    pub(crate) fn written(&mut self) {
        if let Some(write) = self.under_way.take() {
            self.settled = write.next;
            self.waiting_records = self.waiting_records.saturating_sub(write.records);
            self.waiting_bytes = self.waiting_bytes.saturating_sub(write.bytes);
        }
    }

    /// Is as much on its way as may be?
    pub(crate) const fn is_full(&self) -> bool {
        self.waiting_records >= self.records_max || self.waiting_bytes >= WAITING_BYTES_MAX
    }

    /// Is everything durable that was found?
    pub(crate) fn is_settled(&self) -> bool {
        self.under_way.is_none()
            && self.gathered.is_empty()
            && self.alerts_sent == self.alerts_durable
            && self.settled == self.next
    }

    /// The offset that is to be committed, if it is another than before.
    pub(crate) fn to_commit(&self) -> Option<u64> {
        (self.settled != self.committed).then_some(self.settled)
    }

    /// It is committed.
    pub(crate) fn committed(&mut self, next: u64) {
        self.committed = next;
    }
}

/// The last record of each key, in order.
pub(crate) fn last_of_each_key(records: Vec<Record>) -> Vec<Record> {
    let mut met = HashSet::with_capacity(records.len());
    let mut is_last: Vec<bool> = records.iter().rev().map(|record| met.insert(record.key.as_deref())).collect();
    if is_last.len() == met.len() {
        return records;
    }
    records.into_iter().filter(|_| is_last.pop().unwrap_or_default()).collect()
}

fn bytes_of(record: &Record) -> usize {
    record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &str) -> Record {
        Record { partition: 0, key: Some(key.into()), value: Some(value.into()) }
    }

    fn told(records: &[Record]) -> Vec<String> {
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap()).unwrap();
        records.iter().map(|record| format!("{}={}", text(&record.key), text(&record.value))).collect()
    }

    #[test]
    fn what_finds_nothing_is_settled_at_once() {
        let mut lane = Lane::from(7, 100);
        assert!(lane.is_settled() && lane.next_write().is_none() && lane.to_commit().is_none());
        lane.read_up_to(9);
        assert!(lane.next_write().is_none());
        assert_eq!(lane.to_commit(), Some(9));
        lane.committed(9);
        assert_eq!(lane.to_commit(), None);
    }

    #[test]
    fn alerts_come_before_the_ledger_and_the_ledger_before_the_offset() {
        let (mut lane, alert) = (Lane::from(0, 100), record("alert", ""));
        lane.alert_sent(&alert);
        lane.gather(record("a", "1"));
        lane.read_up_to(5);
        assert!(lane.next_write().is_none(), "its alert is not durable");
        // Found later: neither does the first write wait for it, nor does it go with it.
        lane.alert_sent(&alert);
        lane.gather(record("b", "1"));
        lane.read_up_to(8);
        lane.alert_durable(&alert);
        assert_eq!(told(&lane.next_write().unwrap()), ["a=1"]);
        assert!(lane.next_write().is_none() && lane.to_commit().is_none(), "one at a time, and it is under way");
        lane.written();
        assert_eq!(lane.to_commit(), Some(5));
        assert!(lane.next_write().is_none(), "the second alert is not durable");
        lane.alert_durable(&alert);
        assert_eq!(told(&lane.next_write().unwrap()), ["b=1"]);
        lane.written();
        assert_eq!(lane.to_commit(), Some(8));
        assert!(lane.is_settled() && (lane.waiting_records, lane.waiting_bytes) == (0, 0));
    }

    #[test]
    fn an_alert_alone_holds_the_offset_until_it_is_durable() {
        let (mut lane, alert) = (Lane::from(0, 100), record("alert", ""));
        lane.alert_sent(&alert);
        lane.read_up_to(1);
        assert!(lane.next_write().is_none() && lane.to_commit().is_none() && !lane.is_settled());
        lane.alert_durable(&alert);
        assert!(lane.next_write().is_none());
        assert!(lane.is_settled() && lane.to_commit() == Some(1));
    }

    #[test]
    fn what_is_gathered_meanwhile_goes_at_once_and_one_a_key() {
        let mut lane = Lane::from(0, 100);
        lane.gather(record("a", "1"));
        assert_eq!(lane.next_write().unwrap().len(), 1);
        for (key, value) in [("a", "2"), ("b", "1"), ("a", "3"), ("c", "1")] {
            lane.gather(record(key, value));
        }
        lane.written();
        assert_eq!(told(&lane.next_write().unwrap()), ["b=1", "a=3", "c=1"]);
        lane.written();
        assert!(lane.is_settled() && (lane.waiting_records, lane.waiting_bytes) == (0, 0));
    }

    #[test]
    fn it_is_full_by_records_and_by_bytes_until_they_are_durable() {
        let large = record("a", &"v".repeat(WAITING_BYTES_MAX));
        for (change, times) in [(record("a", ""), 100), (large, 1)] {
            let mut lane = Lane::from(0, 100);
            (0..times).for_each(|_| lane.gather(change.clone()));
            assert!(lane.is_full());
            assert!(lane.next_write().is_some() && lane.is_full());
            lane.written();
            assert!(!lane.is_full());
            (0..times).for_each(|_| lane.alert_sent(&change));
            assert!(lane.is_full());
            (0..times).for_each(|_| lane.alert_durable(&change));
            assert!(!lane.is_full());
        }
    }
}
