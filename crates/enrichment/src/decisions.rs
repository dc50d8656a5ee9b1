//! What IT has decided, with its history, and to which references a decision speaks.
//!
//! A decision binds the references known when it was made. A new id that claims to be the same app is a finding, not a member: otherwise
//! whoever names his client `Slack` would inherit what was decided about Slack. So a reference is bound by a decision when
//! - the decision lists it;
//! - or the decision is about that very reference (a provisional `app_key` *is* the reference);
//! - or the catalogue knows the reference *by its client id* as the decision's app: ids are given by the provider, nobody can claim one, and
//!   a maker's second registered client is as much the app that was judged as the first.
//!
//! Not bound is a reference that became the same app by a label or by a merge after the decision: it is `Unreviewed` until IT looks, and
//! then a decision lists it. This also holds for decisions that forbid: the new reference is told of as new, which it is.
//!
//! The latest decision (in the order of the log) counts, apart for each department and for all. A department's decision goes before the
//! one for all, whichever is newer: it is an exception that somebody made on purpose, and is lifted by another decision or its expiry.
//! A decision that has expired leaves no older one in force: the app is `Unreviewed` again (for a department: as decided for all).
//!
//! After a merge the decisions of both keys stand in one history, each with the references that it binds; a split parts them again.

use std::collections::HashMap;

use catalog::ResolvedBy;
use event::{Decision, Position, Status, Timestamp};

use crate::Aliases;

/// Decisions kept per app key. The oldest go: what is in force stands at the end.
pub(crate) const HISTORY_MAX: usize = 1_000;

/// A decision and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where it stands.
    pub position: Position,
    /// What it says.
    pub decision: Decision,
}

impl Recorded {
    /// Is it over at that time?
    fn has_ended(&self, at: Timestamp) -> bool {
        self.decision.expires_at.is_some() && self.decision.expires_at <= at
    }
}

/// A reference, as a decision is asked about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// `source:kind:id`.
    pub(crate) app_ref: &'a str,
    /// The key before any merge.
    pub(crate) own_key: &'a str,
    /// The key after all merges.
    pub(crate) canonical: &'a str,
    /// What identified it.
    pub(crate) by: ResolvedBy,
}

impl Subject<'_> {
    fn is_bound_by(&self, decision: &Decision) -> bool {
        decision.app_refs.iter().any(|known| known == self.app_ref)
            || decision.app_key == self.app_ref
            || (self.by == ResolvedBy::ClientId && decision.app_key == self.own_key)
    }
}

/// What holds for one reference: for all, and for some departments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    rulings: Vec<Ruling>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ruling {
    department: String,
    status: Status,
    expires_at: Timestamp,
}

impl Standing {
    /// The status for a department at a time.
    #[must_use]
    pub fn status(&self, department: &str, at: Timestamp) -> Status {
        let in_force = |ruling: &&Ruling| !ruling.expires_at.is_some() || ruling.expires_at > at;
        let special = || self.rulings.iter().find(|ruling| ruling.department == department).filter(in_force);
        let general = || self.rulings.iter().find(|ruling| ruling.department.is_empty()).filter(in_force);
        let special = if department.is_empty() { None } else { special() };
        special.or_else(general).map_or(Status::Unreviewed, |ruling| ruling.status)
    }

    fn of<'a>(decisions: impl Iterator<Item = &'a Recorded>) -> Standing {
        let mut latest: HashMap<&str, &Recorded> = HashMap::new();
        for recorded in decisions {
            let slot = latest.entry(recorded.decision.department.as_str()).or_insert(recorded);
            if recorded.position > slot.position {
                *slot = recorded;
            }
        }
        let mut rulings: Vec<Ruling> = latest
            .into_iter()
            .map(|(department, recorded)| Ruling {
                department: department.to_owned(),
                status: recorded.decision.status,
                expires_at: recorded.decision.expires_at,
            })
            .collect();
        rulings.sort_unstable_by(|a, b| a.department.cmp(&b.department));
        Standing { rulings }
    }
}

/// The decisions of one tenant.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    by_key: HashMap<String, Vec<Recorded>>,
    now: Timestamp,
}

impl Decisions {
    /// Takes one record. The same record again changes nothing, in whatever order records come.
    pub fn apply(&mut self, decision: &Decision, position: Position) {
        let history = self.by_key.entry(decision.app_key.clone()).or_default();
        let recorded = Recorded { position, decision: decision.clone() };
        match history.binary_search_by_key(&position, |each| each.position) {
            Ok(_) => {}
            Err(at) => history.insert(at, recorded),
        }
        if history.len() > HISTORY_MAX {
            history.remove(0);
        }
    }

    /// Time has come this far: how many decisions have ended since the last call.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        if now <= self.now {
            return 0;
        }
        let before = self.now;
        self.now = now;
        self.by_key.values().flatten().filter(|each| each.has_ended(now) && !each.has_ended(before)).count()
    }

    /// How far time has come.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Every decision about an app, merged ones among them, in the order of the log.
    #[must_use]
    pub fn history(&self, app_key: &str, aliases: &Aliases) -> Vec<&Recorded> {
        let canonical = aliases.canonical(app_key);
        let members = aliases.members(canonical);
        let mut all: Vec<&Recorded> = members.iter().filter_map(|key| self.by_key.get(*key)).flatten().collect();
        all.sort_unstable_by_key(|recorded| recorded.position);
        all
    }

    /// What was in force for an app (whatever its references) at a time.
    #[must_use]
    pub fn status_at(&self, app_key: &str, department: &str, at: Timestamp, aliases: &Aliases) -> Status {
        let history = self.history(app_key, aliases);
        Standing::of(history.into_iter().filter(|each| each.decision.decided_at <= at)).status(department, at)
    }

    /// What holds for one reference.
    pub(crate) fn standing(&self, subject: &Subject<'_>, aliases: &Aliases) -> Standing {
        let history = self.history(subject.canonical, aliases);
        Standing::of(history.into_iter().filter(|each| subject.is_bound_by(&each.decision)))
    }

    /// The apps that any decision is about, by canonical key, with what holds for each, in order.
    pub(crate) fn apps(&self, aliases: &Aliases) -> Vec<(String, Standing)> {
        let mut keys: Vec<&str> = self.by_key.keys().map(|key| aliases.canonical(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(|key| (key.to_owned(), Standing::of(self.history(key, aliases).into_iter()))).collect()
    }
}

impl Standing {
    /// The departments for which the app is sanctioned until some time; empty text for all, a missing time for ever.
    pub(crate) fn sanctioned(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        let sanctioned = self.rulings.iter().filter(|ruling| ruling.status == Status::Sanctioned);
        sanctioned.map(|ruling| (ruling.department.as_str(), ruling.expires_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_a_limit_and_keeps_what_is_in_force() {
        let mut decisions = Decisions::default();
        let last = u64::try_from(HISTORY_MAX).unwrap();
        for offset in 0..=last {
            let decision = Decision {
                app_key: "a.com".to_owned(),
                app_refs: Vec::new(),
                status: if offset == last { Status::Blocked } else { Status::InReview },
                previous: Status::Unreviewed,
                department: String::new(),
                owner: String::new(),
                reason: String::new(),
                decided_by: String::new(),
                decided_at: Timestamp(1),
                expires_at: Timestamp::MISSING,
            };
            decisions.apply(&decision, Position { offset, index: 0 });
        }
        let aliases = Aliases::default();
        assert_eq!(decisions.history("a.com", &aliases).len(), HISTORY_MAX);
        assert_eq!(decisions.status_at("a.com", "", Timestamp(2), &aliases), Status::Blocked);
    }
}
