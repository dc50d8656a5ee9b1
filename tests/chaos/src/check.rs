//! The checker: what was observed against what follows from the book, invariant by invariant (I1 to I10, listed below). Pure, so that it can
//! be shown doctored observations: a checker that cannot fail proves nothing.

mod delivery;
mod rows;

use std::{collections::BTreeMap, time::Duration};

use crate::{book::Expected, observed::Observed};

/// How long a fresh probe may take on its way through everything. Generous: the machine is shared.
pub const PROBE_WITHIN: Duration = Duration::from_secs(120);
/// Findings of one invariant that are shown.
pub const SHOWN_MAX: usize = 8;

/// The invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Every acknowledged event is there, checksum equal, at no more coordinates than it was sent.
    I1,
    /// An event of unknown outcome is there at most as often as it was sent, and nothing else is there.
    I2,
    /// What cannot be read is in the dead letters, once.
    I3,
    /// Coordinates are contiguous and do not overlap.
    I4,
    /// Each new app has one alert id, told at least once and never after a 2xx that was seen; none for known apps.
    I5,
    /// What detection remembers is what the ledger, a clean pass over the log, and ClickHouse's rows rebuild, and the same after a start.
    I6,
    /// Usage and inventory equal their base.
    I7,
    /// A fresh probe passes, nothing lags, nothing has grown.
    I8,
    /// Metrics add up.
    I9,
    /// No secret and no name in any log.
    I10,
}

impl Invariant {
    /// In order.
    pub const ALL: [Invariant; 10] = [
        Invariant::I1,
        Invariant::I2,
        Invariant::I3,
        Invariant::I4,
        Invariant::I5,
        Invariant::I6,
        Invariant::I7,
        Invariant::I8,
        Invariant::I9,
        Invariant::I10,
    ];

    /// What it says, in a few words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Invariant::I1 => "every acknowledged event is there, whole, at no more places than it was sent",
            Invariant::I2 => "nothing is there that was not sent",
            Invariant::I3 => "each poisoned element is one dead letter",
            Invariant::I4 => "each record of the log has exactly its rows",
            Invariant::I5 => "each new app is one alert, told, and never again after its 2xx",
            Invariant::I6 => "detection remembers what ledger, log and ClickHouse rebuild",
            Invariant::I7 => "usage and inventory equal their base",
            Invariant::I8 => "a fresh probe passes, nothing lags, nothing has grown",
            Invariant::I9 => "accepted = landed + dead",
            Invariant::I10 => "no secret and no name in any log",
        }
    }
}

/// What the checker found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Invariant → what is wrong, a sentence each; without a line where all is well.
    pub findings: BTreeMap<Invariant, Vec<String>>,
    /// The figures of `chaos.json`.
    pub figures: Figures,
}

/// The figures of `chaos.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Distinct events that were acknowledged.
    pub events_acknowledged: u64,
    /// Rows of `events`, the probes left out.
    pub rows: u64,
    /// Acknowledged events without a row.
    pub missing: u64,
    /// Rows beyond what was sent, or beyond the first at their place.
    pub doubled: u64,
    /// Poisoned elements that were acknowledged.
    pub poison: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Apps that must be told of.
    pub alerts_expected: u64,
    /// Of these, how many were.
    pub alerts_delivered: u64,
    /// The others.
    pub alerts_missing: u64,
    /// Posts after a 2xx that the sender saw.
    pub alerts_doubled: u64,
    /// Alerts with such a 2xx before a fault after which they could have been told again.
    pub told_before_faults: u64,
}

impl Verdict {
    /// Does the invariant hold?
    #[must_use]
    pub fn holds(&self, invariant: Invariant) -> bool {
        self.findings.get(&invariant).is_none_or(Vec::is_empty)
    }

    /// Do all?
    #[must_use]
    pub fn is_sound(&self) -> bool {
        Invariant::ALL.into_iter().all(|invariant| self.holds(invariant))
    }

    pub(crate) fn find(&mut self, invariant: Invariant, sentence: String) {
        self.findings.entry(invariant).or_default().push(sentence);
    }
}

/// Checks everything.
#[must_use]
pub fn check(expected: &Expected, observed: &Observed) -> Verdict {
    let mut verdict = Verdict::default();
    rows::check(expected, observed, &mut verdict);
    rows::check_dead_letters(expected, observed, &mut verdict);
    rows::check_log(observed, &mut verdict);
    delivery::check(expected, observed, &mut verdict);
    for (invariant, sentences) in [
        (Invariant::I1, &observed.surprises),
        (Invariant::I5, &observed.alert_differences),
        (Invariant::I7, &observed.usage_differences),
        (Invariant::I10, &observed.leaks),
        (Invariant::I8, &observed.growth),
    ] {
        sentences.iter().for_each(|sentence| verdict.find(invariant, sentence.clone()));
    }
    for memory in &observed.memories {
        if !memory.is_agreed() {
            verdict.find(Invariant::I6, format!("{} is remembered as {:?}", memory.tenant, memory.values));
        }
        if !memory.silent().is_empty() {
            verdict.find(Invariant::I6, format!("of {} nothing is told by {:?}", memory.tenant, memory.silent()));
        }
    }
    for tenant in expected.tenants() {
        if observed.memories.iter().all(|memory| memory.tenant != tenant) {
            verdict.find(Invariant::I6, format!("nobody told what is remembered of {tenant}"));
        }
    }
    if observed.untold > 0 {
        verdict.find(Invariant::I5, format!("a clean pass opens {} episodes that nobody was told of", observed.untold));
    }
    check_probe(observed, &mut verdict);
    check_sums(observed, &mut verdict);
    verdict
}

fn check_probe(observed: &Observed, verdict: &mut Verdict) {
    match observed.probe_took {
        Some(took) if took <= PROBE_WITHIN => {}
        Some(took) => verdict.find(Invariant::I8, format!("a fresh probe took {:.1} s", took.as_secs_f64())),
        None => verdict.find(Invariant::I8, "a fresh probe did not pass".to_owned()),
    }
    if observed.lag_records > 0 {
        verdict.find(Invariant::I8, format!("{} records have not landed", observed.lag_records));
    }
}

fn check_sums(observed: &Observed, verdict: &mut Verdict) {
    let sums = observed.sums;
    if sums.read != sums.accepted + sums.duplicates + sums.ignored + sums.rejected {
        verdict.find(Invariant::I9, format!("ingest does not add up: {sums:?}"));
    }
    if sums.accepted == 0 || !sums.has_landed_whole() || sums.accepted != sums.observed {
        verdict.find(Invariant::I9, format!("accepted is not landed and dead, or not observed: {sums:?}"));
    }
}

#[cfg(test)]
mod tests;
