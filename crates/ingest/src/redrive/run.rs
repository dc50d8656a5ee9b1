//! One go over the dead letters: join the group, take each partition as it comes, put its letters through, leave.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use broker::{Assignment, CommitError, Consumer, Polled, Record, StartAt};
use codec::{LogRecord, Topic, decode_dead_letter, decode_log_record};
use event::DeadLetter;
use hashbrown::{HashMap, HashSet};

use super::{RedriveAnswer, RedriveError, RedriveLine, RedriveRequest, Redriver, plan::Plan};
use crate::{accept::Formed, clock::now};

/// The consumer group.
pub(super) const GROUP: &str = "redrive";
/// How soon one that died is missed, on Kafka.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// How long one poll waits.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
/// Letters that are in work at once.
const LETTERS_AT_ONCE: usize = 200;
/// Partitions that do not come within this time, while nothing else is to be done, are somebody else's.
const BUSY_AFTER: Duration = Duration::from_secs(60);
/// Letters of one partition that one go knows; the others are for the next.
const LETTERS_MAX: usize = 2_000_000;

/// One go.
struct Run<'a> {
    redriver: &'a Redriver,
    request: &'a RedriveRequest,
    letters: String,
    events: String,
    log_id: u128,
    consumer: Consumer,
    work: BTreeMap<u32, Work>,
    done: BTreeSet<u32>,
    lines: BTreeMap<(String, &'static str), RedriveLine>,
    left: u64,
}

/// A partition in work.
struct Work {
    /// Open letter → its latest record.
    open: HashMap<u128, u64>,
    /// Events that are not to be written again.
    logged: HashSet<u128>,
    /// A plan that an earlier run left, and its letters of which the log has events and no note: until the last of them has its note, every plan
    /// looks back to where that one did.
    left: Option<Plan>,
    unnoted: HashSet<u128>,
    /// One past the last record that is looked at.
    end: u64,
}

/// A record of the topic.
struct Read {
    partition: u32,
    offset: u64,
    letter: Option<DeadLetter>,
}

/// Does it.
pub(super) fn run(redriver: &Redriver, request: &RedriveRequest) -> Result<RedriveAnswer, RedriveError> {
    let (letters, events) = (Topic::DeadLetters.name(&redriver.prefix), Topic::Events.name(&redriver.prefix));
    let log_id = redriver.broker.log_id(&events)?.0;
    let partitions = redriver.broker.partitions(&letters)?;
    let consumer = redriver.broker.quick_consumer(GROUP, &letters, StartAt::Earliest, SESSION_TIMEOUT)?;
    let mut run = Run {
        redriver,
        request,
        letters,
        events,
        log_id,
        consumer,
        work: BTreeMap::new(),
        done: BTreeSet::new(),
        lines: BTreeMap::new(),
        left: 0,
    };
    let mut waits_since = Instant::now();
    while (0..partitions).any(|partition| !run.done.contains(&partition)) && waits_since.elapsed() < BUSY_AFTER {
        if run.step()? {
            waits_since = Instant::now();
        }
    }
    let busy = (0..partitions).filter(|partition| !run.done.contains(partition)).collect();
    Ok(RedriveAnswer { dry_run: request.dry_run, lines: run.lines.into_values().collect(), busy, left: run.left })
}

impl Run<'_> {
    /// One look at the group. True when something was done.
    fn step(&mut self) -> Result<bool, RedriveError> {
        let mut read = Vec::new();
        let polled = self.consumer.poll(POLL_TIMEOUT, LETTERS_AT_ONCE, &mut |record| {
            let letter = decode_dead_letter(record.value.unwrap_or_default()).ok();
            read.push(Read { partition: record.partition, offset: record.offset, letter });
        })?;
        match polled {
            Polled::Assigned(assigned) => {
                for assignment in &assigned {
                    self.begin(assignment)?;
                }
                Ok(!assigned.is_empty())
            }
            Polled::Revoked(revoked) => {
                self.work.retain(|partition, _| !revoked.contains(partition));
                Ok(false)
            }
            Polled::Records(count) => {
                let partitions: BTreeSet<u32> = read.iter().map(|read| read.partition).collect();
                for partition in partitions {
                    let some = read.iter().filter(|read| read.partition == partition).collect();
                    self.take(partition, some)?;
                }
                Ok(count > 0)
            }
        }
    }

    /// Takes up a partition: which letters are open, and what a run that died had written.
    fn begin(&mut self, assignment: &Assignment) -> Result<(), RedriveError> {
        let partition = assignment.partition;
        if self.done.contains(&partition) {
            return Ok(());
        }
        let (mut open, mut left): (HashMap<u128, u64>, u64) = (HashMap::new(), 0);
        let end = self.redriver.broker.read(&self.letters, partition, None, &mut |record| {
            let Ok(letter) = decode_dead_letter(record.value.unwrap_or_default()) else { return };
            if letter.redriven_at.is_some() {
                open.remove(&letter.id.0);
            } else if open.len() < LETTERS_MAX || open.contains_key(&letter.id.0) {
                open.insert(letter.id.0, record.offset);
            } else {
                left += 1;
            }
        })?;
        self.left += left;
        let metadata = assignment.committed.as_ref().map_or("", |committed| committed.metadata.as_str());
        let plan = Plan::parse(metadata)
            .map_err(|()| RedriveError::Plan { partition, metadata: metadata.to_owned() })?
            .filter(|plan| plan.log_id == self.log_id);
        let mut work = Work { open, logged: HashSet::new(), left: plan, unnoted: HashSet::new(), end };
        if let Some(plan) = plan {
            (work.logged, work.unnoted) = self.written_by(&plan, partition, &work)?;
            tracing::warn!(
                partition,
                events = work.logged.len(),
                "a redrive did not come to its end; what it wrote is not written again"
            );
        }
        if work.open.is_empty() {
            return self.finish(partition, &work);
        }
        self.consumer.seek(partition, assignment.low)?;
        self.work.insert(partition, work);
        Ok(())
    }

    /// Which events of the open letters of a plan are in the log, and whose they are. A letter that came once more since then is the same letter.
    fn written_by(
        &self,
        plan: &Plan,
        partition: u32,
        work: &Work,
    ) -> Result<(HashSet<u128>, HashSet<u128>), RedriveError> {
        let (broker, mut planned, mut failure) = (&self.redriver.broker, HashMap::new(), None);
        let (low, _) = broker.watermarks(&self.letters, partition)?;
        broker.read(&self.letters, partition, Some(plan.from.max(low)), &mut |record| {
            let Ok(letter) = decode_dead_letter(record.value.unwrap_or_default()) else { return };
            let is_note = letter.redriven_at.is_some();
            if record.offset >= plan.to || is_note || !work.open.contains_key(&letter.id.0) {
                return;
            }
            let Ok(connection) = self.redriver.connection_of(&letter) else { return };
            match self.redriver.acceptor.form_again(&connection, &letter, &HashSet::new()) {
                Ok(formed) => drop(planned.insert(letter.id.0, formed.event_ids)),
                Err(error) => failure = Some(error),
            }
        })?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        let expected: HashSet<u128> = planned.values().flatten().copied().collect();
        let mut found = HashSet::new();
        if expected.is_empty() {
            return Ok((found, HashSet::new()));
        }
        let (low, _) = broker.watermarks(&self.events, partition)?;
        broker.read(&self.events, partition, Some(plan.events_from.max(low)), &mut |record| {
            if let Ok(LogRecord::Events(batch)) = decode_log_record(record.value.unwrap_or_default()) {
                let ids = batch.filter_map(Result::ok).map(|event| event.event_id.0);
                found.extend(ids.filter(|id| expected.contains(id)));
            }
        })?;
        planned.retain(|_, events| events.iter().any(|id| found.contains(id)));
        Ok((found, planned.into_keys().collect()))
    }

    /// Puts some letters of a partition through.
    fn take(&mut self, partition: u32, read: Vec<&Read>) -> Result<(), RedriveError> {
        let Some(mut work) = self.work.remove(&partition) else { return Ok(()) };
        let (Some(first), Some(last)) = (read.first(), read.last()) else { return Ok(()) };
        let (from, to) = (first.offset, last.offset + 1);
        let mut going: Vec<(&DeadLetter, Formed)> = Vec::new();
        for Read { offset, letter, .. } in &read {
            let Some(letter) = letter.as_ref().filter(|letter| work.open.get(&letter.id.0) == Some(offset)) else {
                continue;
            };
            if self.request.matches(letter)
                && let Some(formed) = self.form(letter, &work.logged)?
            {
                // Another letter of this go may hold the same event.
                work.logged.extend(&formed.event_ids);
                going.push((letter, formed));
            }
        }
        if !going.is_empty() && !self.request.dry_run {
            let noted: Vec<u128> = going.iter().map(|(letter, _)| letter.id.0).collect();
            let left = work.left.filter(|_| !work.unnoted.is_empty());
            if !self.put_through(partition, from..to, left, going)? {
                return Ok(());
            }
            work.unnoted.retain(|letter| !noted.contains(letter));
        }
        if to >= work.end {
            return self.finish(partition, &work);
        }
        self.work.insert(partition, work);
        Ok(())
    }

    /// Parses a letter, and counts what becomes of it. Nothing where it stays what it is.
    fn form(&mut self, letter: &DeadLetter, logged: &HashSet<u128>) -> Result<Option<Formed>, RedriveError> {
        let formed = match self.redriver.connection_of(letter) {
            Ok(connection) => Ok(self.redriver.acceptor.form_again(&connection, letter, logged)?),
            Err(why) => Err(why),
        };
        let (connection, reason) = (letter.connection.clone(), letter.reason.as_str());
        let line = self.lines.entry((connection.clone(), reason)).or_insert_with(|| RedriveLine {
            connection,
            reason: reason.to_owned(),
            ..RedriveLine::default()
        });
        line.letters += 1;
        let why = match formed {
            Ok(Formed { rejected: Some((reason, detail)), .. }) => {
                line.rejected += 1;
                format!("{}: {detail}", reason.as_str())
            }
            Ok(formed) => {
                line.accepted += 1;
                line.events += formed.receipt.events - formed.receipt.duplicates;
                line.known += formed.receipt.duplicates;
                return Ok(Some(formed));
            }
            Err(why) => {
                line.not_redrivable += 1;
                why.to_owned()
            }
        };
        if line.why.is_empty() {
            line.why = why;
        }
        Ok(None)
    }

    /// Plan, events, notes: each durable before the next. False when the partition went to another.
    fn put_through(
        &mut self,
        partition: u32,
        records: std::ops::Range<u64>,
        left: Option<Plan>,
        going: Vec<(&DeadLetter, Formed)>,
    ) -> Result<bool, RedriveError> {
        let (_, events_from) = self.redriver.broker.watermarks(&self.events, partition)?;
        let own = Plan { log_id: self.log_id, from: records.start, to: records.end, events_from };
        let plan = left.map_or(own, |left| left.with(own));
        match self.consumer.commit(partition, records.end, &plan.to_metadata()) {
            Ok(()) => {}
            Err(CommitError::Fenced) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let notes: Vec<DeadLetter> = going.iter().map(|(letter, _)| letter.redriven(now())).collect();
        self.redriver.acceptor.append_again(going.into_iter().map(|(_, formed)| formed).collect())?;
        let mut acks = Vec::new();
        for note in notes {
            let value = codec::encode_dead_letter(&note)?;
            let record = Record { partition, key: Some(note.tenant.into_bytes()), value: Some(value) };
            acks.push(self.redriver.broker.append(&self.letters, record)?);
        }
        for ack in acks {
            ack.wait()?;
        }
        Ok(true)
    }

    /// A partition is done: nothing is in work there, or what an earlier run left is not asked for and waits for another.
    fn finish(&mut self, partition: u32, work: &Work) -> Result<(), RedriveError> {
        let left = work.left.filter(|_| !work.unnoted.is_empty());
        if !self.request.dry_run && left.is_none() {
            match self.consumer.commit(partition, work.end, "") {
                Ok(()) => {}
                // Its new owner goes over it again, and finds nothing to do.
                Err(CommitError::Fenced) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.done.insert(partition);
        Ok(())
    }
}
