//! `connections fill`: a time of which something was missing was fetched in another way, and its days are whole again.
//!
//! A person says so, and nobody guesses it. A gap is what a provider, or a hub, had no more when we came; so the list that has it cannot fill
//! it, and a back-fill of that list cannot either. What fills it comes from elsewhere – another API, an export that was replayed – and only
//! who fetched it knows that it was all of it. (A silence is no record: it closes by itself, with the events.)
//!
//! The gap is written again with no length, so that it replaces itself and is none any more, with who said so and why.

use std::{collections::BTreeMap, sync::Arc};

use broker::{Broker, ConsumeError, Record, partition_of};
use codec::{GapRecord, Topic};
use event::{Gap, Timestamp};
use ingest::ConnectionConfig;
use serde::{Deserialize, Serialize};

use super::refused::{NAME_CHARS_MAX, Refused, SENTENCE_CHARS_MAX, required};

/// What is said.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FillRequest {
    /// The connection whose gaps are meant.
    pub(crate) connection: String,
    /// From when on everything is there now. Milliseconds since 1970.
    pub(crate) since_ms: i64,
    /// Up to when. Milliseconds since 1970.
    pub(crate) until_ms: i64,
    /// How it was fetched.
    pub(crate) reason: String,
    /// Who says so.
    pub(crate) filled_by: String,
}

/// One gap.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct FilledLine {
    /// The list; of a hub, its partition.
    pub(crate) feed: String,
    /// From when on, RFC 3339.
    pub(crate) from: String,
    /// Up to when.
    pub(crate) to: String,
}

/// The answer.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct FillAnswer {
    /// The connection.
    pub(crate) connection: String,
    /// Gaps that lie in the time, whole: they are none any more.
    pub(crate) filled: Vec<FilledLine>,
    /// Gaps that reach out of it, and stay.
    pub(crate) left: Vec<FilledLine>,
}

/// Closes gaps.
#[derive(Clone)]
pub(crate) struct Filler {
    /// The log.
    pub(crate) broker: Broker,
    /// Before the names of its topics.
    pub(crate) prefix: String,
    /// How many partitions they have.
    pub(crate) partitions: u32,
    /// What is configured.
    pub(crate) configs: Arc<[ConnectionConfig]>,
}

impl Filler {
    /// Closes those that lie in the time.
    pub(crate) async fn fill(self, request: FillRequest, now: Timestamp) -> Result<FillAnswer, Refused> {
        let reason = required("reason", &request.reason, SENTENCE_CHARS_MAX)?;
        let filled_by = required("name", &request.filled_by, NAME_CHARS_MAX)?;
        let (since, until) = (Timestamp(request.since_ms), Timestamp(request.until_ms));
        if since >= until {
            return Err(Refused::Invalid(format!("nothing lies between {since} and {until}")));
        }
        let Some(config) = self.configs.iter().find(|config| config.id == request.connection) else {
            return Err(Refused::Unknown(format!("there is no connection {:?}", request.connection)));
        };
        let tenant = config.tenant.clone();
        let (reader, of) = (self.clone(), (tenant.clone(), request.connection.clone()));
        let read = tokio::task::spawn_blocking(move || reader.open_gaps(&of.0, &of.1)).await;
        let read = read.map_err(|error| Refused::Unavailable(format!("it ended without a word: {error}")))?;
        let gaps = read.map_err(|error| Refused::Unavailable(format!("the log cannot be read now: {error}")))?;
        let mut answer = FillAnswer { connection: request.connection, ..FillAnswer::default() };
        for gap in gaps.into_iter().filter(|gap| gap.from < until && since < gap.to) {
            let line = FilledLine { feed: gap.feed.clone(), from: gap.from.to_string(), to: gap.to.to_string() };
            if gap.from < since || until < gap.to {
                answer.left.push(line);
                continue;
            }
            self.write(&closed(gap, &reason, &filled_by, now)).await?;
            tracing::info!(connection = %answer.connection, feed = %line.feed, from = line.from, to = line.to, filled_by, "a gap is filled");
            answer.filled.push(line);
        }
        Ok(answer)
    }

    /// The gaps of a connection that are open. Blocks.
    fn open_gaps(&self, tenant: &str, connection: &str) -> Result<Vec<Gap>, ConsumeError> {
        let partition = partition_of(tenant.as_bytes(), self.partitions);
        let mut gaps = BTreeMap::new();
        self.broker.read(&Topic::Gaps.name(&self.prefix), partition, None, &mut |record| {
            // One of a newer version is none that this version could close.
            if let Some(Ok(GapRecord::Gap(gap))) = record.value.map(codec::decode_gap_record)
                && gap.tenant == tenant
                && gap.connection == connection
            {
                gaps.insert(codec::gap_key(&gap), gap);
            }
        })?;
        Ok(gaps.into_values().filter(|gap| gap.to > gap.from).collect())
    }

    async fn write(&self, gap: &Gap) -> Result<(), Refused> {
        let value = codec::encode_gap(gap).map_err(|error| Refused::Invalid(error.to_string()))?;
        let partition = partition_of(gap.tenant.as_bytes(), self.partitions);
        let record = Record { partition, key: Some(codec::gap_key(gap)), value: Some(value) };
        let not_taken =
            |error| Refused::Unavailable(format!("the log does not take it: {error}; what was filled stays"));
        let ack = self.broker.append(&Topic::Gaps.name(&self.prefix), record).map_err(not_taken)?;
        ack.await.map(drop).map_err(not_taken)
    }
}

/// The same gap with no length.
fn closed(gap: Gap, reason: &str, filled_by: &str, now: Timestamp) -> Gap {
    let detail = format!("filled up to {}, says {filled_by}: {reason}; it was: {}", gap.to, gap.detail);
    Gap { to: gap.from, detail, noted_at: now, ..gap }
}

#[cfg(test)]
mod tests {
    use event::GapReason;

    use super::*;

    #[test]
    fn a_filled_gap_replaces_the_open_one_has_no_length_and_says_who_and_why() {
        let gap = Gap {
            tenant: "acme".into(),
            connection: "hub".into(),
            feed: "hub:3".into(),
            reason: GapReason::NotKept,
            from: Timestamp(1_772_356_200_000),
            to: Timestamp(1_772_442_600_000),
            detail: "the hub dropped 3 messages".into(),
            noted_at: Timestamp(5),
        };
        let filled = closed(gap.clone(), "replayed from Graph", "mia", Timestamp(9));
        assert_eq!(codec::gap_key(&filled), codec::gap_key(&gap));
        assert_eq!((filled.from, filled.to, filled.noted_at), (gap.from, gap.from, Timestamp(9)));
        for word in ["mia", "replayed from Graph", "dropped 3", &gap.to.to_string()] {
            assert!(filled.detail.contains(word), "{}", filled.detail);
        }
    }
}
