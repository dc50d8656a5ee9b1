//! Who uses what, derived from a batch: sets of person-days and sessions, counts, first and last sights.
//!
//! Every table's merge is idempotent, so a batch that is sent again changes nothing. Counts carry the batch's coordinates in their key.
//!
//! Use is a sign-on or a token that was given or used, unless it failed, was refused, or more was asked for. A login counts where it names
//! an app that is not the identity provider's own: a product tells of the logins to itself. A grant is none: who consents need not come back. Second copies of an event count as rows and never as people or sessions. The provider's own apps are counted like all
//! others, and the inventory says which they are: a list of what people bring in leaves them out, the number of active people does not.

mod cells;
mod recount;
mod texts;

use enrichment::Enriched;
use event::{AppKind, AppRef, Kind, Outcome, Timestamp, session_key};
use store::{
    AppDayRow, AppDaysBlock, AppPersonDayRow, AppPersonDaysBlock, AppRow, AppSessionRow, AppSessionsBlock, AppsBlock,
    EncodedBlock, sorted_in_buckets,
};

use cells::{Cells, Names};
pub(crate) use recount::recount;

/// Where a batch stands: part of the key of its counts.
#[derive(Clone, Copy)]
pub(crate) struct BatchPlace {
    /// The log.
    pub(crate) log_id: u128,
    /// The partition.
    pub(crate) partition: u32,
    /// The first offset.
    pub(crate) offset: u64,
}

/// What a batch says about use.
#[derive(Default)]
pub(crate) struct Usage {
    cells: Cells,
    /// Every use: (place of the cell, person, when). Sorted at the end, and not looked up one by one before: each look-up in a set of that
    /// size misses the caches, which cost more than all the rest of counting.
    people: Vec<(u32, u64, i64)>,
    /// Every use in a session: (place of the cell, key of the session).
    sessions: Vec<(u32, u64)>,
    blocks: Blocks,
}

#[derive(Default)]
struct Blocks {
    people: AppPersonDaysBlock,
    sessions: AppSessionsBlock,
    counts: AppDaysBlock,
    apps: AppsBlock,
}

/// What usage wants to know of an event.
struct Sight<'a> {
    tenant: &'a str,
    /// `AppInfo::number`.
    app_number: u64,
    app_key: &'a str,
    department: &'a str,
    occurred_at: Timestamp,
    kind: Kind,
    outcome: Outcome,
    user_key: u64,
    session_id: &'a str,
    app: AppRef<'a>,
    app_kind: AppKind,
    name: &'a str,
    category: &'a str,
    is_first_party: bool,
}

impl Sight<'_> {
    /// Does it show that somebody really used the app?
    fn is_use(&self) -> bool {
        let is_login_to_app =
            self.kind == Kind::LoginSuccess && self.app.is_some() && self.app_kind != AppKind::FirstParty;
        (self.kind.is_use() || is_login_to_app)
            && !matches!(self.outcome, Outcome::Failure | Outcome::Denied | Outcome::Challenge)
    }
}

impl Usage {
    /// Takes one event.
    pub(crate) fn take(&mut self, enriched: &Enriched<'_>) {
        let event = enriched.event;
        let Some(app) = enriched.app else { return };
        self.see(&Sight {
            tenant: event.tenant,
            app_number: app.number,
            app_key: &app.app_key,
            department: enriched.department,
            occurred_at: event.occurred_at,
            kind: event.kind,
            outcome: event.outcome,
            user_key: event.user_key.0,
            session_id: event.session_id,
            app: event.app,
            app_kind: event.app_kind,
            name: &app.name,
            category: app.category.map_or("", |category| category.as_str()),
            is_first_party: app.is_first_party,
        });
    }

    fn see(&mut self, sight: &Sight<'_>) {
        let place = self.cells.place_of(sight, day(sight.occurred_at));
        let Some(cell) = self.cells.at_mut(place) else { return };
        let at = sight.occurred_at.0;
        let is_use = sight.is_use();
        let is_refused = matches!(sight.outcome, Outcome::Failure | Outcome::Denied);
        cell.rows += 1;
        cell.uses += u64::from(is_use);
        cell.grants += u64::from(sight.kind == Kind::OauthGrant && !is_refused);
        cell.failures += u64::from(is_refused);
        (cell.first, cell.last) = (cell.first.min(at), cell.last.max(at));
        if is_use && sight.user_key != 0 {
            self.people.push((place, sight.user_key, at));
        }
        if is_use && !sight.session_id.is_empty() {
            self.sessions.push((place, session_key(sight.app.source, sight.session_id)));
        }
    }

    /// The blocks of everything taken since the last time, empty ones left out. Rows stand in the order of the tables' keys: the server finds
    /// them sorted.
    pub(crate) fn seal(&mut self, place: BatchPlace) -> Vec<EncodedBlock> {
        let order = self.cells.order();
        let mut ranks = vec![0_u32; order.len()];
        for (rank, cell) in (0..).zip(&order) {
            if let Some(known) = ranks.get_mut(*cell as usize) {
                *known = rank;
            }
        }
        let rank = |cell: u32| ranks.get(cell as usize).copied().unwrap_or_default();
        self.seal_people(&order, rank);
        self.seal_sessions(&order, rank);
        self.seal_counts(&order, place);
        self.seal_apps();
        self.cells.clear();
        let Blocks { people, sessions, counts, apps } = &mut self.blocks;
        let blocks = [people.take(), sessions.take(), counts.take(), apps.take()];
        blocks.into_iter().filter(|block| block.rows > 0).collect()
    }

    fn seal_people(&mut self, order: &[u32], rank: impl Fn(u32) -> u32) {
        let Usage { cells, people, blocks, .. } = self;
        let ranked = || people.iter().map(|(cell, user_key, at)| (rank(*cell) as usize, (rank(*cell), *user_key, *at)));
        let sorted = sorted_in_buckets(ranked, people.len(), order.len());
        for of_person in sorted.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let (Some((rank, user_key, first_used_at)), Some((.., last_used_at))) =
                (of_person.first().copied(), of_person.last().copied())
            else {
                continue;
            };
            let names = order.get(rank as usize).and_then(|cell| cells.names(*cell));
            let Some(Names { tenant, app_key, department, day }) = names else { continue };
            let row = AppPersonDayRow { tenant, app_key, department, day, user_key, first_used_at, last_used_at };
            blocks.people.push(&row);
        }
        people.clear();
    }

    fn seal_sessions(&mut self, order: &[u32], rank: impl Fn(u32) -> u32) {
        let Usage { cells, sessions, blocks, .. } = self;
        let ranked = || sessions.iter().map(|(cell, session)| (rank(*cell) as usize, (rank(*cell), *session)));
        let mut sorted = sorted_in_buckets(ranked, sessions.len(), order.len());
        sorted.dedup();
        sessions.clear();
        for (rank, session_key) in sorted {
            let names = order.get(rank as usize).and_then(|cell| cells.names(*cell));
            let Some(Names { tenant, app_key, department, day }) = names else { continue };
            blocks.sessions.push(&AppSessionRow { tenant, app_key, department, day, session_key });
        }
    }

    fn seal_counts(&mut self, order: &[u32], place: BatchPlace) {
        let BatchPlace { log_id, partition, offset } = place;
        for number in order {
            let (Some(names), Some(cell)) = (self.cells.names(*number), self.cells.at(*number)) else { continue };
            let Names { tenant, app_key, department, day } = names;
            self.blocks.counts.push(&AppDayRow {
                tenant,
                app_key,
                department,
                day,
                rows: cell.rows,
                uses: cell.uses,
                grants: cell.grants,
                failures: cell.failures,
                log_id,
                partition,
                offset,
            });
        }
    }

    fn seal_apps(&mut self) {
        for (app, (first_seen_at, last_seen_at)) in self.cells.apps() {
            let references = self.cells.references(app);
            let references: Vec<&str> = references.iter().map(String::as_str).collect();
            self.blocks.apps.push(&AppRow {
                tenant: self.cells.text(app.tenant),
                app_key: self.cells.text(app.key),
                name: &app.name,
                category: &app.category,
                is_first_party: app.is_first_party,
                app_refs: &references,
                first_seen_at,
                last_seen_at,
            });
        }
    }
}

/// The day of a time, as the tables count it; at the border of the type, the border.
fn day(at: Timestamp) -> u16 {
    u16::try_from(at.day().clamp(0, i64::from(u16::MAX))).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
