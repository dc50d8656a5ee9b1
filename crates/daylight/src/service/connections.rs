//! `connections status`: how each connection goes, what has come, how late, and what is missing.
//!
//! How pollers go and which gaps they met stands in the log, so that any process can say it of all. What has come is asked of ClickHouse;
//! where that is away, the rest is still told, and what is missing is said: an unknown number is no zero.

use std::{collections::BTreeMap, sync::Arc};

use broker::Broker;
use codec::{GapRecord, Topic};
use event::{Expectation, FeedCursor, Gap, PollState, Timestamp};
use ingest::{ConnectionConfig, silent_after_hours};
use serde::{Deserialize, Serialize};
use store::Client;

use super::{
    coverage::{Coverage, coverage_of},
    refused::Refused,
};

/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;
/// Whoever polls writes so often, and after every wait. Later than that, nobody does.
const STALE_AFTER_MS: i64 = 3 * 60_000;
/// Kinds of event that are told of one connection.
const TYPES_MAX: usize = 50;
/// Gaps that are told of one connection, the latest.
const GAPS_MAX: usize = 20;

/// What has come within a week, by type.
const ARRIVED: &str = "
SELECT toString(connection), toString(kind), toString(native_type), toString(count()), toString(toUnixTimestamp64Milli(max(received_at)))
FROM events
WHERE received_at > now64(3) - INTERVAL 7 DAY
GROUP BY connection, kind, native_type
ORDER BY count() DESC
LIMIT 50 BY connection";

/// How late events were within a day: from the provider to us, and from our log into the table. Imported history is late by nature.
const LAGS: &str = "
SELECT
    toString(connection), toString(count()),
    toString(toInt64(quantileExact(0.5)(source_ms))), toString(max(source_ms)),
    toString(toInt64(quantileExact(0.5)(pipeline_ms))), toString(max(pipeline_ms))
FROM
(
    SELECT
        connection,
        dateDiff('millisecond', if(available_at = toDateTime64(0, 3, 'UTC'), occurred_at, available_at), received_at) AS source_ms,
        dateDiff('millisecond', logged_at, inserted_at) AS pipeline_ms
    FROM events
    WHERE received_at > now64(3) - INTERVAL 1 DAY AND NOT is_backfill
)
GROUP BY connection";

/// Silences and gaps.
const GAPS: &str = "
SELECT connection, feed, reason, toString(toUnixTimestamp64Milli(from_at)), toString(toUnixTimestamp64Milli(to_at)), detail
FROM gaps
ORDER BY to_at DESC
LIMIT 20 BY connection";

/// What is asked for: nothing in particular.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StatusRequest {}

/// How a list that is polled goes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct FeedLine {
    /// The list.
    pub(crate) feed: String,
    /// `polling`, `no_login`, `missing_permission`, …; `not_polled` where no process polls it.
    pub(crate) state: String,
    /// What is missing, by its exact name, or wrong.
    pub(crate) detail: String,
    /// Everything that the provider had up to this time has been fetched; RFC 3339, empty when nothing was yet.
    pub(crate) complete_to: String,
    /// When a page last brought events.
    pub(crate) heard_at: String,
    /// Native events that were fetched, since the cursor was made.
    pub(crate) events: u64,
    /// Of these, how many had come before: what overlaps cost.
    pub(crate) duplicates: u64,
    /// How often the provider did not know its own cursor any more.
    pub(crate) rereads: u64,
}

/// Events of one native type within 7 days.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct TypeLine {
    /// What it means.
    pub(crate) kind: String,
    /// The provider's word.
    pub(crate) native_type: String,
    /// How many came.
    pub(crate) events: u64,
}

/// How late the events of the last 24 hours were. Milliseconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct LagLine {
    /// How many came.
    pub(crate) events: u64,
    /// From the provider, as it tells, to our receipt: the middle one.
    pub(crate) source_ms_p50: i64,
    /// The latest of them.
    pub(crate) source_ms_max: i64,
    /// From our log into the table: the middle one.
    pub(crate) pipeline_ms_p50: i64,
    /// The latest of them.
    pub(crate) pipeline_ms_max: i64,
}

/// A time of which something may be missing.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct GapLine {
    /// The list; empty for the whole connection.
    pub(crate) feed: String,
    /// `gone`, `not_kept`, `silent` or `never`.
    pub(crate) reason: String,
    /// From when on, RFC 3339.
    pub(crate) from: String,
    /// Up to when.
    pub(crate) to: String,
    /// What exactly.
    pub(crate) detail: String,
}

/// One connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct StatusLine {
    /// Its name.
    pub(crate) id: String,
    /// Our tenant.
    pub(crate) tenant: String,
    /// `heard`, `silent` (nothing for `silent_after_hours`), `never` (nothing since it was configured), or `unknown`.
    pub(crate) arrival: String,
    /// When an event last came, RFC 3339; empty when none did, or nobody knows.
    pub(crate) last_event_at: String,
    /// Since when it is configured, as far as an ingest has noted it.
    pub(crate) configured_at: String,
    /// After how many hours without an event it is called silent; 0 for never.
    pub(crate) silent_after_hours: u32,
    /// The lists that are polled.
    pub(crate) feeds: Vec<FeedLine>,
    /// What comes, most of it first.
    pub(crate) types: Vec<TypeLine>,
    /// How late it comes; nothing where nothing came, or nobody knows.
    pub(crate) lag: Option<LagLine>,
    /// What is missing, the latest first.
    pub(crate) gaps: Vec<GapLine>,
}

/// The answer.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct StatusAnswer {
    /// In the order of the configuration.
    pub(crate) connections: Vec<StatusLine>,
    /// Which rules can work, and what nobody sees.
    pub(crate) coverage: Coverage,
    /// What is not known, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// Says how connections go.
#[derive(Clone)]
pub(crate) struct Viewer {
    /// The log.
    pub(crate) broker: Broker,
    /// Before the names of its topics.
    pub(crate) prefix: String,
    /// How many partitions they have.
    pub(crate) partitions: u32,
    /// What is configured.
    pub(crate) configs: Arc<[ConnectionConfig]>,
    /// What has come; nothing where no role of this process uses ClickHouse.
    pub(crate) client: Option<Client>,
}

/// What the log says.
#[derive(Default)]
struct Logged {
    /// By connection and feed.
    cursors: BTreeMap<(String, String), FeedCursor>,
    /// Those that are still open.
    gaps: Vec<Gap>,
    /// By connection.
    expectations: BTreeMap<String, Expectation>,
}

/// Rows of an answer of ClickHouse.
type Rows<const N: usize> = Vec<[String; N]>;

impl Viewer {
    /// Says it.
    pub(crate) async fn view(self, now: Timestamp) -> Result<StatusAnswer, Refused> {
        let coverage = coverage_of(&self.configs).map_err(|error| Refused::Conflict(error.to_string()))?;
        let mut notes = Vec::new();
        let reader = self.clone();
        let read = tokio::task::spawn_blocking(move || reader.read_log()).await;
        let read = read.map_err(|error| Refused::Unavailable(format!("it ended without a word: {error}")))?;
        let logged = read.map_err(|error| Refused::Unavailable(format!("the log cannot be read now: {error}")))?;
        let arrived: Option<Rows<5>> = self.ask(ARRIVED, &mut notes).await;
        let lags: Option<Rows<6>> = self.ask(LAGS, &mut notes).await;
        let gaps: Option<Rows<6>> = self.ask(GAPS, &mut notes).await;
        let connections = self.configs.iter().map(|config| {
            let own = |rows: &[String]| rows.first() == Some(&config.id);
            let came: Option<Vec<&[String; 5]>> =
                arrived.as_ref().map(|rows| rows.iter().filter(|row| own(*row)).collect());
            let gaps = match &gaps {
                Some(rows) => rows.iter().filter(|row| own(*row)).map(told_gap).collect(),
                None => noted_gaps(&config.id, &logged.gaps),
            };
            StatusLine {
                feeds: feeds(config, &coverage, &logged.cursors, now),
                lag: lags.iter().flatten().find(|row| own(*row)).map(lag),
                gaps,
                ..arrival(config, came, logged.expectations.get(&config.id), now)
            }
        });
        let connections = connections.collect();
        Ok(StatusAnswer { connections, coverage, notes })
    }

    /// Cursors and gaps, from the topics. Blocks.
    fn read_log(&self) -> Result<Logged, broker::ConsumeError> {
        let (mut logged, mut gaps) = (Logged::default(), BTreeMap::new());
        let cursors_topic = Topic::Cursors.name(&self.prefix);
        for partition in 0..self.partitions {
            self.broker.read(&cursors_topic, partition, None, &mut |record| {
                // Another kind of record, or one of a newer version: its feed is told as one that nobody polls.
                if let Some(Ok(cursor)) = record.value.map(codec::decode_feed_cursor) {
                    logged.cursors.insert((cursor.connection.clone(), cursor.feed.clone()), cursor);
                }
            })?;
        }
        let gaps_topic = Topic::Gaps.name(&self.prefix);
        for partition in 0..self.partitions {
            self.broker.read(&gaps_topic, partition, None, &mut |record| match record
                .value
                .map(codec::decode_gap_record)
            {
                Some(Ok(GapRecord::Gap(gap))) => {
                    gaps.insert((gap.connection.clone(), gap.feed.clone(), gap.reason, gap.from), gap);
                }
                Some(Ok(GapRecord::Expectation(expected))) => {
                    logged.expectations.insert(expected.connection.clone(), expected);
                }
                Some(Err(_)) | None => {}
            })?;
        }
        // One that was filled has no length any more.
        logged.gaps = gaps.into_values().filter(|gap| gap.to > gap.from).collect();
        Ok(logged)
    }

    /// Asks ClickHouse; nothing, and a note, where nobody can say.
    async fn ask<const N: usize>(&self, question: &str, notes: &mut Vec<String>) -> Option<Rows<N>>
    where
        [String; N]: for<'a> Deserialize<'a>,
    {
        let why = match &self.client {
            None => "no role of this process uses ClickHouse; ask the process that runs the sink".to_owned(),
            Some(client) => match client.query_text(question, &[], "JSONCompactEachRow").await {
                Err(error) => error.to_string(),
                Ok(text) => match text.lines().map(serde_json::from_str).collect() {
                    Ok(rows) => return Some(rows),
                    Err(error) => format!("ClickHouse answers something else: {error}"),
                },
            },
        };
        let note = format!("what has come, how late, and silences are not known: {why}");
        if !notes.contains(&note) {
            notes.push(note);
        }
        None
    }
}

/// How each list goes that the configuration names.
fn feeds(
    config: &ConnectionConfig,
    coverage: &Coverage,
    cursors: &BTreeMap<(String, String), FeedCursor>,
    now: Timestamp,
) -> Vec<FeedLine> {
    let known = coverage.connections.iter().find(|known| known.id == config.id);
    let names = known.into_iter().flat_map(|known| &known.ways).filter(|way| way.by == "poll").map(|way| &way.feed);
    let interval_ms = config.poll.as_ref().and_then(|poll| poll.interval_ms).unwrap_or_default();
    let patience_ms = STALE_AFTER_MS.saturating_add(i64::try_from(interval_ms).unwrap_or(i64::MAX));
    let line = |name: &String| {
        let cursor = cursors.get(&(config.id.clone(), name.clone())).filter(|cursor| cursor.tenant == config.tenant);
        feed_line(name, cursor, patience_ms, now)
    };
    names.map(line).collect()
}

fn feed_line(feed: &str, cursor: Option<&FeedCursor>, patience_ms: i64, now: Timestamp) -> FeedLine {
    let Some(cursor) = cursor else {
        return FeedLine {
            feed: feed.to_owned(),
            state: "not_polled".to_owned(),
            detail: "no process has polled it yet".to_owned(),
            complete_to: String::new(),
            heard_at: String::new(),
            events: 0,
            duplicates: 0,
            rereads: 0,
        };
    };
    let last_word = cursor.updated_at.max(cursor.waits_until);
    let is_stale = now.since_ms(last_word) > patience_ms;
    let (state, detail) = match (is_stale, cursor.state) {
        (true, PollState::Polling) => ("not_polled", format!("no word of it since {}", cursor.updated_at)),
        (true, state) => ("not_polled", format!("no word of it since {}; it was {state}", cursor.updated_at)),
        (false, state) => (state.as_str(), cursor.detail.clone()),
    };
    FeedLine {
        feed: feed.to_owned(),
        state: state.to_owned(),
        detail,
        complete_to: shown(cursor.complete_to),
        heard_at: shown(cursor.heard_at),
        events: cursor.events,
        duplicates: cursor.duplicates,
        rereads: cursor.rereads,
    }
}

/// What has come; the rest of the line is left empty.
fn arrival(
    config: &ConnectionConfig,
    came: Option<Vec<&[String; 5]>>,
    expected: Option<&Expectation>,
    now: Timestamp,
) -> StatusLine {
    let expected = expected.filter(|expected| expected.tenant == config.tenant);
    // An ingest notes every few minutes what it has heard, also of what stands in no table; the tables know a week.
    let noted = expected.map(|expected| expected.heard_at).filter(|at| at.is_some());
    let last = came.iter().flatten().map(|[.., last_ms]| Timestamp(number(last_ms))).chain(noted).max();
    let silent_after_hours = silent_after_hours(config);
    let is_silent = |last: Timestamp| now.since_ms(last) > i64::from(silent_after_hours).saturating_mul(HOUR_MS);
    let arrival = match (&came, last) {
        (None, _) => "unknown",
        (Some(_), None) => "never",
        (Some(_), Some(last)) if silent_after_hours > 0 && is_silent(last) => "silent",
        (Some(_), Some(_)) => "heard",
    };
    let types = came.into_iter().flatten().take(TYPES_MAX).map(|[_, kind, native_type, events, _]| TypeLine {
        kind: kind.clone(),
        native_type: native_type.clone(),
        events: events.parse().unwrap_or_default(),
    });
    StatusLine {
        id: config.id.clone(),
        tenant: config.tenant.clone(),
        arrival: arrival.to_owned(),
        last_event_at: last.map(shown).unwrap_or_default(),
        configured_at: expected.map(|expected| shown(expected.since)).unwrap_or_default(),
        silent_after_hours,
        feeds: Vec::new(),
        types: types.collect(),
        lag: None,
        gaps: Vec::new(),
    }
}

fn lag([_, events, source_p50, source_max, pipeline_p50, pipeline_max]: &[String; 6]) -> LagLine {
    LagLine {
        events: events.parse().unwrap_or_default(),
        source_ms_p50: number(source_p50),
        source_ms_max: number(source_max),
        pipeline_ms_p50: number(pipeline_p50),
        pipeline_ms_max: number(pipeline_max),
    }
}

fn told_gap([_, feed, reason, from_ms, to_ms, detail]: &[String; 6]) -> GapLine {
    GapLine {
        feed: feed.clone(),
        reason: reason.clone(),
        from: shown(Timestamp(number(from_ms))),
        to: shown(Timestamp(number(to_ms))),
        detail: detail.clone(),
    }
}

fn noted_gaps(connection: &str, gaps: &[Gap]) -> Vec<GapLine> {
    let own = gaps.iter().filter(|gap| gap.connection == connection).map(|gap| GapLine {
        feed: gap.feed.clone(),
        reason: gap.reason.as_str().to_owned(),
        from: shown(gap.from),
        to: shown(gap.to),
        detail: gap.detail.clone(),
    });
    let mut own: Vec<GapLine> = own.collect();
    own.sort_by(|one, other| other.to.cmp(&one.to));
    own.truncate(GAPS_MAX);
    own
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_default()
}

fn shown(time: Timestamp) -> String {
    if time.is_some() { time.to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(state: PollState, updated_at: i64, waits_until: i64) -> FeedCursor {
        FeedCursor {
            tenant: "acme".into(),
            connection: "okta".into(),
            feed: "system_log".into(),
            api: "okta".into(),
            position: String::new(),
            complete_to: Timestamp(1),
            state,
            detail: "okta.logs.read".into(),
            waits_until: Timestamp(waits_until),
            heard_at: Timestamp::MISSING,
            updated_at: Timestamp(updated_at),
            pages: 0,
            events: 7,
            duplicates: 0,
            rereads: 0,
        }
    }

    #[test]
    fn a_feed_without_a_word_is_one_that_nobody_polls_but_a_told_wait_is_a_word() {
        let now = Timestamp(100 * 60_000);
        let state = |cursor: Option<&FeedCursor>| feed_line("system_log", cursor, STALE_AFTER_MS, now).state;
        assert_eq!(state(None), "not_polled");
        assert_eq!(state(Some(&cursor(PollState::Polling, 98 * 60_000, 0))), "polling");
        assert_eq!(state(Some(&cursor(PollState::Polling, 90 * 60_000, 0))), "not_polled");
        assert_eq!(state(Some(&cursor(PollState::Waiting, 90 * 60_000, 150 * 60_000))), "waiting");
        let missing = feed_line("x", Some(&cursor(PollState::MissingPermission, 99 * 60_000, 0)), STALE_AFTER_MS, now);
        assert_eq!((missing.state.as_str(), missing.detail.as_str()), ("missing_permission", "okta.logs.read"));
    }

    #[test]
    fn unknown_is_told_from_never_and_silent_from_heard() {
        let config: ConnectionConfig = serde_json::from_str(
            r#"{"id":"okta","tenant":"acme","provider":"okta","provider_tenant":"x","secret":{"env":"S"}}"#,
        )
        .unwrap();
        let now = Timestamp(100 * 3_600_000);
        let row = |hour: i64| {
            ["okta".to_owned(), "sso".to_owned(), "x".to_owned(), "3".to_owned(), (hour * 3_600_000).to_string()]
        };
        let (old, young) = (row(87), row(90));
        for (came, expected) in [
            (None, "unknown"),
            (Some(vec![]), "never"),
            (Some(vec![&old]), "silent"),
            (Some(vec![&old, &young]), "heard"),
        ] {
            assert_eq!(arrival(&config, came, None, now).arrival, expected);
        }
        // What an ingest has noted, of a connection that has more patience, or none to lose.
        let noted = |hour: i64| Expectation {
            tenant: "acme".into(),
            connection: "okta".into(),
            since: Timestamp(HOUR_MS),
            silent_after_ms: 12 * HOUR_MS,
            heard_at: Timestamp(hour * HOUR_MS),
            noted_at: now,
        };
        for (silent_after_hours, heard_at, expected) in [
            (None, 0, "never"),
            (None, 87, "silent"),
            (None, 99, "heard"),
            (Some(14), 87, "heard"),
            (Some(0), 1, "heard"),
        ] {
            let config = ConnectionConfig { silent_after_hours, ..config.clone() };
            let line = arrival(&config, Some(vec![]), Some(&noted(heard_at)), now);
            assert_eq!(line.arrival, expected, "{silent_after_hours:?} {heard_at}");
            assert_eq!(line.configured_at, Timestamp(HOUR_MS).to_string());
        }
    }
}
