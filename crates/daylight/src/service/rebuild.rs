//! `ledger rebuild`: what detection would remember if it began anew, from the log or from the tables of ClickHouse, beside what it remembers.
//!
//! While retention holds the whole history the three are equal: whoever runs Daylight can show that nothing was forgotten and nothing was
//! made up, and the checker of the chaos runs does.

mod history;

use std::collections::BTreeMap;

use broker::{Broker, ConsumeError};
use codec::Topic;
use detect::{Ends, Inspector, Rebuilding, Rebuilt, Remembered, rebuilt_from_log};
use enrichment::Enricher;
use event::{LogId, Timestamp};
use serde::{Deserialize, Serialize};
use store::Client;
use tokio::runtime::Handle;

use super::refused::Refused;

/// The group that writes rows, by its name.
const SINK: &str = "sink";

/// Whose history it is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum History {
    /// The tables of ClickHouse, which keep everything.
    Clickhouse,
    /// The log, as far as retention reaches.
    Log,
}

/// What is asked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebuildRequest {
    /// Whose history is taken.
    pub(crate) from: History,
}

/// One tenant, as it is remembered and as it was rebuilt.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct RebuiltLine {
    /// The tenant.
    pub(crate) tenant: String,
    /// Its partition.
    pub(crate) partition: u32,
    /// The history was taken up to this offset of `events`, as detection has read it.
    pub(crate) next_offset: u64,
    /// Pairs of app and person that detection remembers.
    pub(crate) pairs: usize,
    /// What detection remembers: 32 hexadecimal digits; empty where another process detects, or it remembers nothing.
    pub(crate) hash: String,
    /// Pairs that were rebuilt.
    pub(crate) rebuilt_pairs: usize,
    /// What was rebuilt; empty where the history has nothing of the tenant.
    pub(crate) rebuilt_hash: String,
}

/// What was rebuilt.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct RebuildAnswer {
    /// By tenant.
    pub(crate) lines: Vec<RebuiltLine>,
    /// Episodes that the rules open in this history and nobody was told of.
    pub(crate) untold: u64,
    /// Why what was rebuilt may be less than what was there, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// Rebuilds.
#[derive(Clone)]
pub(crate) struct Rebuilder {
    /// Asks the detection of this process; nothing where another process has that role.
    pub(crate) inspector: Option<Inspector>,
    /// The log.
    pub(crate) broker: Broker,
    /// What the topics' names begin with.
    pub(crate) topic_prefix: String,
    /// The tables in force.
    pub(crate) enricher: Enricher,
    /// The rules' settings.
    pub(crate) config: detect::Config,
    /// ClickHouse; nothing where no role of this process uses it.
    pub(crate) client: Option<Client>,
}

impl Rebuilder {
    /// By tenant, beside what is remembered. Takes as long as reading the history takes.
    pub(crate) async fn rebuild(self, request: RebuildRequest) -> Result<RebuildAnswer, Refused> {
        let runtime = Handle::current();
        let work = tokio::task::spawn_blocking(move || self.rebuild_now(request.from, &runtime));
        work.await.unwrap_or_else(|error| Err(Refused::Unavailable(format!("the work ended without a word: {error}"))))
    }

    fn rebuild_now(self, from: History, runtime: &Handle) -> Result<RebuildAnswer, Refused> {
        let remembered = match &self.inspector {
            Some(inspector) => inspector
                .ask()
                .ok_or_else(|| Refused::Unavailable("detection does not answer; is it ready?".to_owned()))?,
            None => Vec::new(),
        };
        let ends = self.ends(&remembered).map_err(unreadable)?;
        let mut notes = Vec::new();
        let rebuilt = self.pass(from, ends, runtime, &mut notes)?.finish();
        if rebuilt.untold > 0 {
            notes.push(format!(
                "{} episodes are opened by this history and nobody was told of them: alerts are missing, or rules and catalogue were others then",
                rebuilt.untold
            ));
        }
        Ok(RebuildAnswer { lines: lines(&remembered, &rebuilt), untold: rebuilt.untold, notes })
    }

    /// One pass over a history, up to these ends; and why it may be less than what was there, a sentence each. Blocks.
    pub(super) fn pass(
        self,
        from: History,
        ends: Ends,
        runtime: &Handle,
        notes: &mut Vec<String>,
    ) -> Result<Rebuilding, Refused> {
        match from {
            History::Log => self.of_log(ends, notes),
            History::Clickhouse => self.of_clickhouse(ends, runtime, notes),
        }
    }

    /// Up to where detection has come: its own word, else what its group has committed.
    pub(super) fn ends(&self, remembered: &[Remembered]) -> Result<Ends, ConsumeError> {
        let events = Topic::Events.name(&self.topic_prefix);
        let partitions = self.broker.partitions(&events);
        let mut ends = Ends::new();
        for partition in 0..partitions.map_err(|error| ConsumeError::Unavailable { reason: error.to_string() })? {
            let committed = self.broker.committed(detect::GROUP, &events, partition)?;
            ends.insert(partition, committed.map_or(0, |committed| committed.offset));
        }
        ends.extend(remembered.iter().map(|line| (line.partition, line.next_offset)));
        Ok(ends)
    }

    fn of_log(self, ends: Ends, notes: &mut Vec<String>) -> Result<Rebuilding, Refused> {
        let events = Topic::Events.name(&self.topic_prefix);
        for partition in ends.keys() {
            let (low, _) = self.broker.watermarks(&events, *partition).map_err(unreadable)?;
            if low > 0 {
                notes.push(format!(
                    "partition {partition} of the log begins at offset {low}: what is older is in ClickHouse alone"
                ));
            }
        }
        rebuilt_from_log(&self.broker, &self.topic_prefix, self.enricher, &self.config, ends)
            .map_err(|error| Refused::Unavailable(error.to_string()))
    }

    fn of_clickhouse(self, ends: Ends, runtime: &Handle, notes: &mut Vec<String>) -> Result<Rebuilding, Refused> {
        let Some(client) = &self.client else {
            let reason = "no role of this process uses ClickHouse; ask the process that runs the sink";
            return Err(Refused::Unknown(reason.to_owned()));
        };
        let events = Topic::Events.name(&self.topic_prefix);
        let log_id = self.broker.log_id(&events).map_err(|error| Refused::Unavailable(error.to_string()))?;
        let mut rebuilding = Rebuilding::new(self.enricher, &self.config, LogId(log_id.0), ends.clone());
        for (partition, end) in &ends {
            let landed = self.broker.committed(SINK, &events, *partition).map_err(unreadable)?;
            let landed = landed.map_or(0, |landed| landed.offset);
            if landed < *end {
                notes.push(format!(
                    "partition {partition}: detection has read up to offset {end}, and rows have landed up to {landed} only; ask again when the sink has caught up"
                ));
            }
            let read = history::read(client, runtime, log_id.0, *partition, *end, &mut rebuilding);
            read.map_err(|error| Refused::Unavailable(error.to_string()))?;
            // The last record before the end tells how late it is: mostly it is a tick, which ClickHouse does not have.
            let mut time = Timestamp::MISSING;
            let (low, _) = self.broker.watermarks(&events, *partition).map_err(unreadable)?;
            if *end > low {
                let mut look = |record: broker::RecordRef<'_>| {
                    if record.offset < *end {
                        time = Timestamp(record.logged_at_ms);
                    }
                };
                self.broker.read(&events, *partition, Some(end - 1), &mut look).map_err(unreadable)?;
            }
            rebuilding.time_is(*partition, time);
        }
        Ok(rebuilding)
    }
}

/// What is remembered and what was rebuilt, by tenant.
fn lines(remembered: &[Remembered], rebuilt: &Rebuilt) -> Vec<RebuiltLine> {
    let mut lines: BTreeMap<&str, RebuiltLine> = BTreeMap::new();
    for (found, is_rebuilt) in
        remembered.iter().map(|found| (found, false)).chain(rebuilt.remembered.iter().map(|found| (found, true)))
    {
        let line = lines.entry(&found.tenant).or_insert_with(|| RebuiltLine {
            tenant: found.tenant.clone(),
            partition: found.partition,
            next_offset: found.next_offset,
            ..RebuiltLine::default()
        });
        let hash = format!("{:032x}", found.hash);
        if is_rebuilt {
            (line.rebuilt_pairs, line.rebuilt_hash) = (found.pairs, hash);
        } else {
            (line.pairs, line.hash) = (found.pairs, hash);
        }
    }
    lines.into_values().collect()
}

fn unreadable(error: ConsumeError) -> Refused {
    Refused::Unavailable(format!("the log cannot be read: {error}"))
}
