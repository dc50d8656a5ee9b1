//! What came of it, in figures: what arrived against what the simulator knows to be true.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sha2::{Digest, Sha256};
use simulator::{Incident, IncidentKind, Truth};

use super::receiver::{Arrived, Delivered};
use super::sender::Receipt;

/// Two points of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Latency {
    /// Half are faster.
    pub(crate) p50: i64,
    /// All but one in a hundred are faster.
    pub(crate) p99: i64,
}

impl Latency {
    /// Of the nearest rank; zero for no value.
    pub(crate) fn of(mut values: Vec<i64>) -> Latency {
        values.sort_unstable();
        let rank = |percent: usize| {
            let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(index).copied().unwrap_or(0)
        };
        Latency { p50: rank(50), p99: rank(99) }
    }
}

/// `summary.json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) seed: u64,
    pub(crate) people: u32,
    pub(crate) days: u32,
    /// Native events sent, second copies and broken ones included.
    pub(crate) provider_events: u64,
    /// Distinct events that the simulator's truth expects.
    pub(crate) events: u64,
    /// Second copies that the simulator sent.
    pub(crate) duplicates: u64,
    /// What ingest's receipts called ignored.
    pub(crate) ignored: u64,
    /// What ingest's receipts called rejected.
    pub(crate) rejected: u64,
    /// Distinct event ids in ClickHouse.
    pub(crate) rows: u64,
    /// Expected events that are not in ClickHouse.
    pub(crate) rows_missing: u64,
    /// Coordinates that occur twice.
    pub(crate) rows_doubled: u64,
    /// Distinct dead letters in ClickHouse.
    pub(crate) dead_letters: u64,
    /// Incidents in the story.
    pub(crate) incidents: u64,
    /// Those that an alert named for what they are.
    pub(crate) incidents_alerted: u64,
    /// Alerts that arrived at the receiver.
    pub(crate) alerts: u64,
    /// Those that no incident explains.
    pub(crate) false_alerts: u64,
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    /// Log append → the receiver has it, live phase.
    pub(crate) alert_latency_ms: Latency,
    /// Log append → a query finds it, live phase.
    pub(crate) queryable_latency_ms: Latency,
    /// Events in ClickHouse in a second of the drain of history.
    pub(crate) events_per_second: u64,
    pub(crate) wall_s: f64,
    pub(crate) rows_checksum: String,
    pub(crate) alerts_checksum: String,
    /// Processor seconds for a million events of the drain.
    pub(crate) cpu_s_per_million_events: ProcessorCost,
}

/// Processor seconds for a million events, by process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct ProcessorCost {
    pub(crate) daylight: f64,
    pub(crate) clickhouse: f64,
}

/// What ClickHouse says at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) rows: u64,
    pub(crate) missing: u64,
    pub(crate) doubled: u64,
    pub(crate) dead_letters: u64,
    /// The dead letters by the reason that they carry.
    pub(crate) dead_by_reason: BTreeMap<String, u64>,
    pub(crate) checksum: String,
}

/// Who was found, and which alerts nobody can explain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    pub(crate) missed: Vec<Incident>,
    pub(crate) unexplained: Vec<Delivered>,
}

/// Compares what arrived with the story. `user_key` tells a person's pseudonym: incidents of one app by several people are told apart
/// by it.
pub(crate) fn judge(incidents: &[Incident], arrived: &Arrived, user_key: impl Fn(&str) -> String) -> Judged {
    let app_id = |alert: &Delivered| alert.app_ref.splitn(3, ':').nth(2).unwrap_or_default().to_owned();
    let is_same_person = |incident: &Incident, alert: &Delivered| {
        incident.kind != IncidentKind::UseOfBlockedApp || alert.user_key == user_key(&incident.person_mail)
    };
    let is_found = |incident: &&Incident| {
        arrived
            .alerts
            .values()
            .any(|alert| incident.is_found_by(&alert.rule, &app_id(alert)) && is_same_person(incident, alert))
    };
    let is_explained =
        |alert: &&Delivered| incidents.iter().any(|incident| incident.explains(&alert.rule, &app_id(alert)));
    Judged {
        missed: incidents.iter().filter(|incident| !is_found(incident)).cloned().collect(),
        unexplained: arrived.alerts.values().filter(|alert| !is_explained(alert)).cloned().collect(),
    }
}

/// SHA-256 over (alert id, rule, subject, severity), in the order of the ids.
pub(crate) fn alerts_checksum(arrived: &Arrived) -> String {
    let mut hasher = Sha256::new();
    for alert in arrived.alerts.values() {
        hasher.update(format!("{}\0{}\0{}\0{}\n", alert.alert_id, alert.rule, alert.subject, alert.severity));
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Summary {
    /// What a correct run must show, and this one does not: one sentence each.
    pub(crate) fn failures(
        &self,
        truth: &Truth,
        receipts: &Receipt,
        arrived: &Arrived,
        dead_by_reason: &BTreeMap<String, u64>,
    ) -> Vec<String> {
        let mut failures = BTreeSet::new();
        let mut must = |is_so: bool, sentence: String| {
            if !is_so {
                failures.insert(sentence);
            }
        };
        must(self.rows == self.events, format!("{} rows for {} events", self.rows, self.events));
        must(self.rows_missing == 0, format!("{} events are missing in ClickHouse", self.rows_missing));
        must(self.rows_doubled == 0, format!("{} coordinates occur twice", self.rows_doubled));
        must(
            receipts.read == self.provider_events,
            format!("ingest read {} of {} native events", receipts.read, self.provider_events),
        );
        must(self.ignored == truth.ignored, format!("{} ignored, the truth is {}", self.ignored, truth.ignored));
        must(self.rejected == truth.rejected, format!("{} rejected, the truth is {}", self.rejected, truth.rejected));
        must(
            self.events + self.duplicates + self.ignored + self.rejected == self.provider_events,
            "events, duplicates, ignored and rejected do not add up to the native events".into(),
        );
        must(
            self.dead_letters == truth.rejected,
            format!("{} dead letters for {} rejected", self.dead_letters, truth.rejected),
        );
        let expected = truth.rejected_by_reason.iter().map(|(reason, count)| ((*reason).to_owned(), *count));
        must(
            expected.eq(dead_by_reason.iter().map(|(reason, count)| (reason.clone(), *count))),
            format!("dead letters by reason {dead_by_reason:?}, the truth is {:?}", truth.rejected_by_reason),
        );
        must(
            self.incidents_alerted == self.incidents,
            format!("{} of {} incidents alerted", self.incidents_alerted, self.incidents),
        );
        must(self.precision >= 0.95, format!("precision {:.3}", self.precision));
        must(self.alert_latency_ms.p99 < 1_000, format!("alert latency p99 {} ms", self.alert_latency_ms.p99));
        must(
            self.queryable_latency_ms.p99 < 2_500,
            format!("queryable latency p99 {} ms", self.queryable_latency_ms.p99),
        );
        must(arrived.repeated == 0, format!("{} alerts were posted again after a 200", arrived.repeated));
        must(arrived.invalid == 0, format!("{} posts had a wrong signature or body", arrived.invalid));
        failures.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        assert_eq!(Latency::of((1..=100).rev().collect()), Latency { p50: 50, p99: 99 });
        assert_eq!(Latency::of(vec![7]), Latency { p50: 7, p99: 7 });
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
