//! What `ingest` tells Prometheus. Labels are connections (from the configuration), reasons (a closed set) and native types (bounded).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::{FeedCursor, PollState, RejectReason, Timestamp};
use hashbrown::HashMap;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Native types that get a label of their own; later ones count as `other`.
pub(crate) const NATIVE_TYPES_MAX: usize = 500;

/// Metrics of `ingest`.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Native events read, by connection.
    pub(crate) read: IntCounterVec,
    /// Events written to the log, by connection.
    pub(crate) events: IntCounterVec,
    /// Second copies dropped, by connection.
    pub(crate) duplicates: IntCounterVec,
    /// Native events that concern no app and no sign-in, by connection and native type.
    pub(crate) ignored: IntCounterVec,
    /// Elements that went to the dead letters, by connection and reason.
    pub(crate) rejected: IntCounterVec,
    /// When a connection last delivered a native event; until it has, since when it is configured.
    last_event: IntGaugeVec,
    /// When this process heard it; taken for as long as the gauge is changed, so that what is remembered never hides what is heard.
    heard: Arc<Mutex<HashMap<String, Timestamp>>>,
    /// How long a connection may be silent.
    silent_after: IntGaugeVec,
    /// Requests, by route and status.
    pub(crate) requests: IntCounterVec,
    /// From the first byte of a body to the answer.
    pub(crate) seconds: HistogramVec,
    /// Bytes of bodies in work.
    pub(crate) in_flight_bytes: IntGauge,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Metrics {
            read: counter("daylight_ingest_read_total", "Native events read, after fan-out.", &["connection"])?,
            events: counter("daylight_ingest_events_total", "Events that the log has acknowledged.", &["connection"])?,
            duplicates: counter("daylight_ingest_duplicates_total", "Second copies dropped.", &["connection"])?,
            ignored: counter(
                "daylight_ingest_ignored_total",
                "Native events that are none of ours.",
                &["connection", "native_type"],
            )?,
            rejected: counter(
                "daylight_ingest_rejected_total",
                "Elements sent to the dead letters.",
                &["connection", "reason"],
            )?,
            last_event: IntGaugeVec::new(
                Opts::new(
                    "daylight_ingest_last_event_timestamp_seconds",
                    "When a connection last delivered a native event; until it has, since when it is configured.",
                ),
                &["connection"],
            )?,
            heard: Arc::default(),
            silent_after: IntGaugeVec::new(
                Opts::new(
                    "daylight_ingest_silent_after_seconds",
                    "How long a connection may be without an event until it is called silent; none where nothing is expected.",
                ),
                &["connection"],
            )?,
            requests: counter(
                "daylight_ingest_requests_total",
                "Requests, by route and status.",
                &["route", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("daylight_ingest_request_seconds", "From the first byte of a body to the answer.")
                    .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]),
                &["route"],
            )?,
            in_flight_bytes: IntGauge::new("daylight_ingest_in_flight_bytes", "Bytes of bodies in work.")?,
        };
        for counter in [
            &metrics.read,
            &metrics.events,
            &metrics.duplicates,
            &metrics.ignored,
            &metrics.rejected,
            &metrics.requests,
        ] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(metrics.last_event.clone()))?;
        registry.register(Box::new(metrics.silent_after.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.in_flight_bytes.clone()))?;
        Ok(metrics)
    }

    /// A connection is configured. Its counters begin with 0, because `increase()` does not see a counter that is born with its first
    /// reject; and its silence is counted from now, or a connection that never delivers would be one that nobody misses. It has none where
    /// nothing is expected.
    pub(crate) fn know(&self, connection: &str, silent_after_ms: i64, now: Timestamp) {
        for counter in [&self.read, &self.events, &self.duplicates] {
            counter.with_label_values(&[connection]);
        }
        for reason in RejectReason::ALL {
            self.rejected.with_label_values(&[connection, reason.as_str()]);
        }
        if silent_after_ms > 0 {
            self.silent_after.with_label_values(&[connection]).set(silent_after_ms.div_euclid(1_000));
        }
        self.show_last(connection, now);
    }

    /// A connection has delivered a native event, whatever came of it.
    pub(crate) fn heard_of(&self, connection: &str, now: Timestamp) {
        let mut heard = lock(&self.heard);
        match heard.get_mut(connection) {
            Some(at) => *at = now,
            None => {
                heard.insert(connection.to_owned(), now);
            }
        }
        self.show_last(connection, now);
    }

    /// When this process heard it last; missing when it has not.
    pub(crate) fn heard_at(&self, connection: &str) -> Timestamp {
        lock(&self.heard).get(connection).copied().unwrap_or(Timestamp::MISSING)
    }

    /// The log knows since when a connection is silent, unless this process has heard it meanwhile.
    pub(crate) fn remember(&self, connection: &str, last: Timestamp) {
        let heard = lock(&self.heard);
        if !heard.contains_key(connection) {
            self.show_last(connection, last);
        }
    }

    fn show_last(&self, connection: &str, at: Timestamp) {
        self.last_event.with_label_values(&[connection]).set(at.0.div_euclid(1_000));
    }
}

/// How the reading of a hub goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HubState {
    /// Our group has not let us in yet.
    Joining,
    /// It is read; or it is silent, or other processes have all of its partitions.
    Reading,
    /// It does not answer, or lets us not in; tried again.
    Away,
    /// It answers and will not do it: somebody must change a setting. Tried again, slowly.
    Refused,
}

impl HubState {
    /// Every state.
    pub(crate) const ALL: [HubState; 4] = [HubState::Joining, HubState::Reading, HubState::Away, HubState::Refused];

    /// Its name, as a label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            HubState::Joining => "joining",
            HubState::Reading => "reading",
            HubState::Away => "away",
            HubState::Refused => "refused",
        }
    }
}

/// Metrics of hubs, by connection.
#[derive(Clone)]
pub(crate) struct HubMetrics {
    state: IntGaugeVec,
    messages: IntCounterVec,
    failures: IntCounterVec,
    lost: IntCounterVec,
    read_to: IntGaugeVec,
}

impl HubMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &Registry) -> Result<HubMetrics, prometheus::Error> {
        let counter = |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &["connection"]);
        let gauge = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let metrics = HubMetrics {
            state: gauge(
                "daylight_ingest_hub_state",
                "1 for how the reading of a hub goes, 0 for its other states.",
                &["connection", "state"],
            )?,
            messages: counter(
                "daylight_ingest_hub_messages_total",
                "Messages of a hub that the log has acknowledged, as events or as dead letters.",
            )?,
            failures: counter(
                "daylight_ingest_hub_failures_total",
                "How often a hub did not answer or let us not in.",
            )?,
            lost: counter(
                "daylight_ingest_hub_lost_messages_total",
                "Messages that a hub dropped before they were read.",
            )?,
            read_to: gauge(
                "daylight_ingest_hub_read_timestamp_seconds",
                "When the hub got the newest of the messages that the log has acknowledged.",
                &["connection"],
            )?,
        };
        for gauge in [&metrics.state, &metrics.read_to] {
            registry.register(Box::new(gauge.clone()))?;
        }
        for counter in [&metrics.messages, &metrics.failures, &metrics.lost] {
            registry.register(Box::new(counter.clone()))?;
        }
        Ok(metrics)
    }

    /// How it goes now. The counters begin with 0 here, because `increase()` does not see one that is born with its first failure.
    pub(crate) fn show(&self, connection: &str, now: HubState) {
        for state in HubState::ALL {
            self.state.with_label_values(&[connection, state.as_str()]).set(i64::from(state == now));
        }
        for counter in [&self.messages, &self.failures, &self.lost] {
            counter.with_label_values(&[connection]);
        }
    }

    /// The log has a message.
    pub(crate) fn landed(&self, connection: &str, written_at: Timestamp) {
        self.messages.with_label_values(&[connection]).inc();
        let read_to = self.read_to.with_label_values(&[connection]);
        // Partitions are not in step: the gauge goes forward only.
        read_to.set(read_to.get().max(written_at.0.div_euclid(1_000)));
    }

    /// The hub did not answer, or let us not in.
    pub(crate) fn failed(&self, connection: &str) {
        self.failures.with_label_values(&[connection]).inc();
    }

    /// The hub dropped messages before they were read.
    pub(crate) fn lost(&self, connection: &str, messages: u64) {
        self.lost.with_label_values(&[connection]).inc_by(messages);
    }
}

/// Metrics of pollers. Feeds are few and named in code.
#[derive(Clone)]
pub(crate) struct PollMetrics {
    state: IntGaugeVec,
    complete_to: IntGaugeVec,
    answers: IntCounterVec,
    repeated: IntCounterVec,
    rereads: IntCounterVec,
}

impl PollMetrics {
    /// Registers those of live polling, `daylight_ingest_poll_…`.
    pub(crate) fn register(registry: &Registry) -> Result<PollMetrics, prometheus::Error> {
        let names = [
            "daylight_ingest_poll_state",
            "daylight_ingest_poll_complete_timestamp_seconds",
            "daylight_ingest_poll_answers_total",
            "daylight_ingest_poll_repeated_events_total",
            "daylight_ingest_poll_rereads_total",
        ];
        PollMetrics::register_as(registry, names)
    }

    /// Registers those of back-fills, `daylight_ingest_backfill_…`: what is alerted on is live polling alone.
    pub(crate) fn register_history(registry: &Registry) -> Result<PollMetrics, prometheus::Error> {
        let names = [
            "daylight_ingest_backfill_state",
            "daylight_ingest_backfill_complete_timestamp_seconds",
            "daylight_ingest_backfill_answers_total",
            "daylight_ingest_backfill_repeated_events_total",
            "daylight_ingest_backfill_rereads_total",
        ];
        PollMetrics::register_as(registry, names)
    }

    /// The names stand whole in this file, so that whoever looks for one finds it.
    fn register_as(registry: &Registry, names: [&str; 5]) -> Result<PollMetrics, prometheus::Error> {
        let feed = ["connection", "feed"];
        let [state, complete_to, answers, repeated, rereads] = names;
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauge = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let metrics = PollMetrics {
            state: gauge(
                state,
                "1 for how the polling of a feed goes; 0 for all states where another process polls it.",
                &["connection", "feed", "state"],
            )?,
            complete_to: gauge(
                complete_to,
                "Everything that the provider had up to this time has been fetched.",
                &feed,
            )?,
            answers: counter(
                answers,
                "Requests to a provider, by what came of them.",
                &["connection", "feed", "outcome"],
            )?,
            repeated: counter(repeated, "Events that were fetched again: the cost of overlaps.", &feed)?,
            rereads: counter(
                rereads,
                "How often a provider did not know its cursor any more and the feed was read again from a time.",
                &feed,
            )?,
        };
        registry.register(Box::new(metrics.state.clone()))?;
        registry.register(Box::new(metrics.complete_to.clone()))?;
        for counter in [&metrics.answers, &metrics.repeated, &metrics.rereads] {
            registry.register(Box::new(counter.clone()))?;
        }
        Ok(metrics)
    }

    /// How a feed of ours goes. It is named beside its cursor, because the cursors of back-fills have names of their own.
    pub(crate) fn show(&self, feed: &str, cursor: &FeedCursor) {
        let connection = cursor.connection.as_str();
        for state in PollState::ALL {
            let is_it = i64::from(*state == cursor.state);
            self.state.with_label_values(&[connection, feed, state.as_str()]).set(is_it);
        }
        self.complete_to.with_label_values(&[connection, feed]).set(cursor.complete_to.0.div_euclid(1_000));
        self.repeated.with_label_values(&[connection, feed]);
        self.rereads.with_label_values(&[connection, feed]);
        // A loss is an increase that is alerted on, so the series is there before it.
        self.answers.with_label_values(&[connection, feed, "gone"]);
    }

    /// Another process polls it, or nobody.
    pub(crate) fn disown(&self, connection: &str, feed: &str) {
        for state in PollState::ALL {
            self.state.with_label_values(&[connection, feed, state.as_str()]).set(0);
        }
    }

    /// A request has been answered, or not.
    pub(crate) fn answered(&self, connection: &str, feed: &str, outcome: &str) {
        self.answers.with_label_values(&[connection, feed, outcome]).inc();
    }

    /// So many events of a page were there already.
    pub(crate) fn repeated(&self, connection: &str, feed: &str, events: u64) {
        self.repeated.with_label_values(&[connection, feed]).inc_by(events);
    }

    /// The provider did not know its cursor.
    pub(crate) fn reread(&self, connection: &str, feed: &str) {
        self.rereads.with_label_values(&[connection, feed]).inc();
    }
}

/// What a panic elsewhere interrupted is a time, and stays one.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
