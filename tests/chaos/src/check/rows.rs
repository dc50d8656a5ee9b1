//! Rows and dead letters: I1 to I4.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invariant, Verdict};
use crate::{
    book::{Due, Expected},
    generator::{checksum, tenant_id},
    observed::{Observed, Row},
};

/// How the origin of what came over HTTP begins.
const ORIGIN: &str = "http:events:";

/// The sequence number of a row: the last twelve digits of its `uuid`.
fn number_of(row: &Row) -> Option<u64> {
    let digits = row.native_id.get(row.native_id.len().checked_sub(12)?..)?;
    u64::from_str_radix(digits, 16).ok()
}

/// I1 and I2.
pub(super) fn check(expected: &Expected, observed: &Observed, verdict: &mut Verdict) {
    let mut there: BTreeMap<u64, u64> = BTreeMap::new();
    let mut doubled = 0;
    for row in &observed.rows {
        let Some((number, due)) = number_of(row).and_then(|number| Some((number, expected.events.get(&number)?)))
        else {
            verdict.find(Invariant::I2, format!("a row that nobody sent: {row:?}"));
            continue;
        };
        let is_acknowledged = if due.is_acknowledged { Invariant::I1 } else { Invariant::I2 };
        if let Some(flaw) = flaw(row, due) {
            verdict.find(is_acknowledged, format!("event {number} is {flaw}: {row:?}"));
        }
        *there.entry(number).or_default() += row.rows;
        doubled += row.rows.saturating_sub(row.places);
    }
    let mut missing = 0;
    for (number, due) in &expected.events {
        let rows = there.get(number).copied().unwrap_or(0);
        if due.is_acknowledged && rows == 0 {
            missing += 1;
            verdict.find(Invariant::I1, format!("event {number} was acknowledged and is not there: {:?}", due.event));
        }
        if rows > due.sends {
            doubled += rows - due.sends;
            let invariant = if due.is_acknowledged { Invariant::I1 } else { Invariant::I2 };
            verdict.find(invariant, format!("event {number} was sent {} times and is there {rows} times", due.sends));
        }
    }
    check_people(expected, observed, verdict);
    verdict.figures.events_acknowledged = expected.acknowledged();
    verdict.figures.rows = observed.rows.iter().map(|row| row.rows).sum();
    (verdict.figures.missing, verdict.figures.doubled) = (missing, doubled);
}

/// What is wrong with a row's fields.
fn flaw(row: &Row, due: &Due) -> Option<&'static str> {
    let event = &due.event;
    if row.checksum != checksum(event.number, &row.app, row.at_ms) {
        Some("not what its checksum says")
    } else if row.checksum != event.checksum() || row.tenant != tenant_id(event.tenant) || row.native_id != event.uuid()
    {
        Some("another event")
    } else if row.ids != 1 {
        Some("known by several ids")
    } else if row.places != row.rows {
        Some("twice at one place")
    } else {
        None
    }
}

/// A person has one pseudonym in a tenant, and a pseudonym is one person.
fn check_people(expected: &Expected, observed: &Observed, verdict: &mut Verdict) {
    let mut keys: BTreeMap<(u64, u64), BTreeSet<&str>> = BTreeMap::new();
    for row in &observed.rows {
        if let Some(due) = number_of(row).and_then(|number| expected.events.get(&number)) {
            keys.entry((due.event.tenant, due.event.person)).or_default().insert(&row.user_key);
        }
    }
    let all: BTreeSet<&str> = keys.values().flatten().copied().collect();
    let people = keys.len();
    if keys.values().any(|keys| keys.len() != 1) || all.len() != people {
        verdict.find(Invariant::I1, format!("{people} people have {} pseudonyms", all.len()));
    }
}

/// I3.
pub(super) fn check_dead_letters(expected: &Expected, observed: &Observed, verdict: &mut Verdict) {
    let mut there: BTreeMap<&str, u64> = BTreeMap::new();
    for letter in observed.dead_letters.iter().filter(|letter| letter.reason != "refused_by_table") {
        *there.entry(&letter.sha256).or_default() += 1;
        match expected.poison.get(&letter.sha256) {
            None => verdict.find(Invariant::I3, format!("a dead letter of nothing that was poisoned: {letter:?}")),
            Some(poison) if poison.reason != letter.reason || !letter.origin.starts_with(ORIGIN) => {
                verdict
                    .find(Invariant::I3, format!("a dead letter that tells another story than {poison:?}: {letter:?}"));
            }
            Some(_) => {}
        }
    }
    for (sha256, poison) in &expected.poison {
        match there.get(sha256.as_str()).copied().unwrap_or(0) {
            0 if poison.is_acknowledged => {
                verdict.find(Invariant::I3, format!("no dead letter of the poison {sha256}"))
            }
            0 | 1 => {}
            more => verdict.find(Invariant::I3, format!("{more} dead letters of the poison {sha256}")),
        }
    }
    let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
    verdict.figures.poison = count(expected.poison.values().filter(|poison| poison.is_acknowledged).count());
    verdict.figures.dead_letters = count(observed.dead_letters.len());
}

/// I4.
pub(super) fn check_log(observed: &Observed, verdict: &mut Verdict) {
    if observed.row_count != observed.place_count {
        let (rows, places) = (observed.row_count, observed.place_count);
        verdict.find(Invariant::I4, format!("{rows} rows at {places} coordinates"));
    }
    let mut landed = 0;
    for check in &observed.partitions {
        if check.missing + check.doubled + check.stray > 0 {
            verdict.find(Invariant::I4, format!("verify says: {check:?}"));
        }
        landed += check.events - check.refused.min(check.events);
    }
    // Without it, a log that nobody compared would be a sound one.
    if landed != observed.row_count {
        verdict.find(
            Invariant::I4,
            format!("the log has {landed} events that should be rows, and there are {}", observed.row_count),
        );
    }
}
