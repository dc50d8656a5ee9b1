//! The small tables: alerts, dead letters, identities, and gaps with what is expected of connections follow their topics.
//!
//! Their tables replace a row by its id, so a stretch that is stored twice changes nothing: no plan is needed, only an offset that is
//! committed after the rows are stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use broker::{Broker, ConsumeError, Consumer, Polled, StartAt};
use codec::{DecodeError, GapRecord, Topic, decode_alert, decode_dead_letter, decode_gap_record, decode_identity};
use event::{LogId, Timestamp};
use runtime::{Backoff, Shutdown};
use store::{AlertsBlock, DeadLettersBlock, EncodedBlock, IdentitiesBlock, SourceExpectationsBlock, SourceGapsBlock};
use tokio::runtime::Handle;

use crate::{
    SinkError,
    convert::{dead_letter_row, expectation_row, gap_row, identity_row, with_alert_row},
    insert::{Lander, NotLanded},
};

const GROUP: &str = "sink";
/// How long one poll waits.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
/// Records taken by one poll, and so at most this many more rows than are due.
const POLL_RECORDS_MAX: usize = 1_000;
/// Rows at which a block goes, whatever its age.
const ROWS_MAX: usize = 10_000;

/// The rows of one topic, on their way into its small table; of `gaps`, into its two.
enum Block {
    Alerts(Box<AlertsBlock>),
    DeadLetters(Box<DeadLettersBlock>),
    Identities(Box<IdentitiesBlock>),
    Gaps(Box<(SourceGapsBlock, SourceExpectationsBlock)>),
}

impl Block {
    fn of(topic: Topic) -> Option<Block> {
        match topic {
            Topic::Alerts => Some(Block::Alerts(Box::default())),
            Topic::DeadLetters => Some(Block::DeadLetters(Box::default())),
            Topic::Identities => Some(Block::Identities(Box::default())),
            Topic::Gaps => Some(Block::Gaps(Box::default())),
            Topic::Events | Topic::Ledger | Topic::Deliveries | Topic::Cursors => None,
        }
    }

    fn take(&mut self, value: &[u8], logged_at: Timestamp) -> Result<(), DecodeError> {
        match self {
            Block::Alerts(block) => with_alert_row(&decode_alert(value)?, &mut |row| block.push(row)),
            Block::DeadLetters(block) => block.push(&dead_letter_row(&decode_dead_letter(value)?, logged_at)),
            Block::Identities(block) => block.push(&identity_row(&decode_identity(value)?)),
            Block::Gaps(blocks) => match decode_gap_record(value)? {
                GapRecord::Gap(gap) => blocks.0.push(&gap_row(&gap)),
                GapRecord::Expectation(expected) => blocks.1.push(&expectation_row(&expected)),
            },
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        match self {
            Block::Alerts(block) => block.rows(),
            Block::DeadLetters(block) => block.rows(),
            Block::Identities(block) => block.rows(),
            Block::Gaps(blocks) => blocks.0.rows() + blocks.1.rows(),
        }
    }

    fn seal(&mut self) -> Vec<EncodedBlock> {
        match self {
            Block::Alerts(block) => vec![block.take()],
            Block::DeadLetters(block) => vec![block.take()],
            Block::Identities(block) => vec![block.take()],
            Block::Gaps(blocks) => vec![blocks.0.take(), blocks.1.take()],
        }
    }
}

/// One topic on its way into its table, on a thread of its own.
pub(crate) struct Side {
    consumer: Consumer,
    block: Block,
    topic: String,
    log_id: LogId,
    lander: Lander,
    runtime: Handle,
    /// Partition → (first offset in the block, next offset to commit).
    progress: BTreeMap<u32, (u64, u64)>,
    opened_at: Option<Instant>,
    /// Partitions that stand at a record that this version cannot read.
    halted: BTreeSet<u32>,
}

impl Side {
    /// Joins the group of a small table's topic.
    pub(crate) fn new(
        broker: &Broker,
        topic: Topic,
        prefix: &str,
        lander: Lander,
        runtime: Handle,
    ) -> Result<Side, SinkError> {
        let block =
            Block::of(topic).ok_or_else(|| SinkError::Start(format!("{} has no table of its own", topic.as_str())))?;
        let name = topic.name(prefix);
        let log_id = LogId(broker.log_id(&name)?.0);
        let consumer = broker.consumer(GROUP, &name, StartAt::Earliest)?;
        Ok(Side {
            consumer,
            block,
            topic: name,
            log_id,
            lander,
            runtime,
            progress: BTreeMap::new(),
            opened_at: None,
            halted: BTreeSet::new(),
        })
    }

    /// Works on this thread until asked to stop.
    pub(crate) fn run(mut self, shutdown: &Shutdown) -> Result<(), SinkError> {
        let flush_interval = Duration::from_millis(self.lander.config.flush_interval_ms);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), 8);
        while !shutdown.is_requested() {
            match self.poll() {
                Ok(Polled::Records(_)) => backoff.reset(),
                Ok(Polled::Assigned(_)) => {}
                // Its rows in the block are stored, and stored again by its new owner.
                Ok(Polled::Revoked(revoked)) => {
                    self.progress.retain(|partition, _| !revoked.contains(partition));
                    self.halted.retain(|partition| !revoked.contains(partition));
                    self.lander.component.forget(&self.topic, &revoked);
                }
                Err(SinkError::Consume(ConsumeError::Unavailable { reason })) => {
                    tracing::warn!(topic = self.topic, %reason, "the log cannot be read, trying again");
                    shutdown.sleep(backoff.next_wait());
                }
                Err(error) => return Err(error),
            }
            if !self.progress.is_empty() {
                let opened_at = *self.opened_at.get_or_insert_with(Instant::now);
                if self.block.rows() >= ROWS_MAX || opened_at.elapsed() >= flush_interval {
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<Polled, SinkError> {
        let (block, progress, metrics, topic) =
            (&mut self.block, &mut self.progress, &self.lander.metrics, &self.topic);
        let (halted, mut newly_halted) = (&mut self.halted, Vec::new());
        let polled = self.consumer.poll(POLL_TIMEOUT, POLL_RECORDS_MAX, &mut |record| {
            if halted.contains(&record.partition) {
                return;
            }
            let (partition, offset) = (record.partition, record.offset);
            match record.value.map(|value| block.take(value, Timestamp(record.logged_at_ms))) {
                Some(Err(source)) if source.must_halt() => {
                    halted.insert(partition);
                    let error = SinkError::Decode { topic: topic.clone(), partition, offset, source };
                    newly_halted.push((partition, error));
                    return;
                }
                Some(Err(error)) => {
                    metrics.dead_records.inc();
                    tracing::error!(topic, partition, offset, %error, "a record cannot be read and is passed over");
                }
                // A tombstone of `identities` leaves its row: deleting it is for erasure, which nobody can ask for yet.
                Some(Ok(())) | None => {}
            }
            let next = offset + 1;
            progress.entry(partition).and_modify(|(_, end)| *end = next).or_insert((offset, next));
        })?;
        for (partition, error) in newly_halted {
            self.lander.component.halt(&self.topic, partition, error.to_string());
            // Only so that nothing is read for nothing.
            self.consumer.pause(&[partition]).ok();
        }
        Ok(polled)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let ranges: Vec<String> =
            self.progress.iter().map(|(partition, (start, end))| format!("{partition}:{start}-{end}")).collect();
        // The log id, because offsets of a topic that was made anew name other rows.
        let token = format!("{}/{}/{}", self.topic, self.log_id, ranges.join(","));
        for block in self.block.seal().iter().filter(|block| block.rows > 0) {
            match self.runtime.block_on(self.land(block, &token)) {
                Ok(()) => {}
                Err(NotLanded::Stopping) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.opened_at = None;
        for (partition, (_, end)) in std::mem::take(&mut self.progress) {
            if let Err(error) = self.consumer.commit(partition, end, "") {
                tracing::warn!(%error, topic = self.topic, partition, "cannot commit; the rows are stored again at the next start and replace themselves");
            }
        }
        Ok(())
    }

    async fn land(&self, block: &EncodedBlock, token: &str) -> Result<(), NotLanded> {
        let refused = self.lander.land_merged(block, token, now()).await?;
        // A dead letter about a dead letter would be refused as well.
        if block.table == DeadLettersBlock::TABLE && !refused.is_empty() {
            let reason = "the table refuses dead letters; mend it, then start the sink again".to_owned();
            return Err(NotLanded::Halted { table: block.table, reason });
        }
        let partition = self.progress.keys().next().copied().unwrap_or(0);
        self.lander.bury(partition, refused).await
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
