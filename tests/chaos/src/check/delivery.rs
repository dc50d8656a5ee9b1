//! Alerts and their delivery: I5.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Invariant, Verdict};
use crate::{book::Expected, observed::Observed};

/// The one rule that a new app fires here.
const RULE: &str = "N1";

/// I5.
pub(super) fn check(expected: &Expected, observed: &Observed, verdict: &mut Verdict) {
    let mut ids: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut taken: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut seen: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut doubled = 0;
    for post in &observed.posts {
        let app = (post.tenant.as_str(), post.app.as_str());
        if !post.is_signed {
            verdict.find(Invariant::I5, format!("a signature does not fit: {post:?}"));
        }
        let is_possible = expected.possible_apps.contains(&(post.tenant.clone(), post.app.clone()));
        if post.rule != RULE || !is_possible {
            verdict.find(Invariant::I5, format!("an alert about nothing that is new: {post:?}"));
        }
        ids.entry(app).or_default().insert(&post.id);
        if let Some(at) = seen.get(post.id.as_str()) {
            doubled += 1;
            verdict.find(
                Invariant::I5,
                format!("told again after a 2xx that was seen {at:?} after the beginning: {post:?}"),
            );
        }
        if post.is_taken {
            taken.insert(app);
        }
        if post.is_taken && post.is_seen {
            seen.entry(&post.id).or_insert(post.at);
        }
    }
    for (app, ids) in ids.iter().filter(|(_, ids)| ids.len() != 1) {
        verdict.find(Invariant::I5, format!("{app:?} has the alerts {ids:?}"));
    }
    for ((tenant, app), count) in observed.alert_rows.iter().filter(|(_, count)| **count != 1) {
        verdict.find(Invariant::I5, format!("{count} alerts about {app} of {tenant} are in the table"));
    }
    let before_faults = observed.posts.iter().filter(|post| post.is_seen && post.is_before_faults);
    let told: BTreeSet<&str> = before_faults.map(|post| post.id.as_str()).collect();
    let mut missing = 0;
    for (tenant, app) in &expected.apps {
        let is_row = observed.alert_rows.contains_key(&(tenant.clone(), app.clone()));
        let is_told = taken.contains(&(tenant.as_str(), app.as_str()));
        missing += u64::from(!is_told);
        if !is_told || !is_row {
            let what = if is_told { "told and not in the table" } else { "not told of" };
            verdict.find(Invariant::I5, format!("{app} of {tenant} was new and is {what}"));
        }
    }
    let figures = &mut verdict.figures;
    figures.alerts_expected = u64::try_from(expected.apps.len()).unwrap_or(u64::MAX);
    (figures.alerts_missing, figures.alerts_doubled) = (missing, doubled);
    figures.told_before_faults = u64::try_from(told.len()).unwrap_or(u64::MAX);
    figures.alerts_delivered = figures.alerts_expected - missing;
}
