//! Who uses what, derived from a batch: sets of person-days and sessions, counts, first and last sights.
//!
//! Every table's merge is idempotent, so a batch that is sent again changes nothing. Counts carry the batch's coordinates in their key.
//!
//! Use is a sign-on or a token that was given or used, unless it failed, was refused, or more was asked for. A login counts where it names
//! an app that is not the identity provider's own: a product tells of the logins to itself. A grant is none: who consents need not come back. Second copies of an event count as rows and never as people or sessions. The provider's own apps are counted like all
//! others, and the inventory says which they are: a list of what people bring in leaves them out, the number of active people does not.

mod recount;
mod sessions;

use enrichment::Enriched;
use event::{AppIdKind, AppKind, AppRef, Kind, Outcome, Source, Timestamp};
use hashbrown::{HashMap, HashSet};
use store::{
    AppDayRow, AppDaysBlock, AppPersonDayRow, AppPersonDaysBlock, AppRow, AppSessionRow, AppSessionsBlock, AppsBlock,
    EncodedBlock,
};

pub(crate) use recount::recount;
use sessions::SessionKeys;

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

/// A day of an app in a department: (tenant, app, department, day), texts by their number in `Texts`.
type Cell = (u32, u32, u32, u16);

/// What a batch says about use.
#[derive(Default)]
pub(crate) struct Usage {
    texts: Texts,
    people: HashMap<(Cell, u64), (i64, i64)>,
    sessions: HashSet<(Cell, u64)>,
    session_keys: SessionKeys,
    counts: HashMap<Cell, Counts>,
    apps: HashMap<(u32, u32), Seen>,
    blocks: Blocks,
}

#[derive(Default)]
struct Blocks {
    people: AppPersonDaysBlock,
    sessions: AppSessionsBlock,
    counts: AppDaysBlock,
    apps: AppsBlock,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    rows: u64,
    uses: u64,
    grants: u64,
    failures: u64,
}

struct Seen {
    name: String,
    category: String,
    is_first_party: bool,
    references: HashSet<(Source, AppIdKind, u32)>,
    first: i64,
    last: i64,
}

/// What usage wants to know of an event.
struct Sight<'a> {
    tenant: &'a str,
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
        let (tenant, key) = (self.texts.number(sight.tenant), self.texts.number(sight.app_key));
        let cell = (tenant, key, self.texts.number(sight.department), day(sight.occurred_at));
        let at = sight.occurred_at.0;
        let is_use = sight.is_use();
        let is_refused = matches!(sight.outcome, Outcome::Failure | Outcome::Denied);
        let counts = self.counts.entry(cell).or_default();
        counts.rows += 1;
        counts.uses += u64::from(is_use);
        counts.grants += u64::from(sight.kind == Kind::OauthGrant && !is_refused);
        counts.failures += u64::from(is_refused);
        if is_use && sight.user_key != 0 {
            let (first, last) = self.people.entry((cell, sight.user_key)).or_insert((at, at));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
        if is_use && !sight.session_id.is_empty() {
            self.sessions.insert((cell, self.session_keys.key(sight.app.source, sight.session_id)));
        }
        let reference = (sight.app.source, sight.app.id_kind, self.texts.number(sight.app.id));
        let seen = self.apps.entry((tenant, key)).or_insert_with(|| Seen {
            name: sight.name.to_owned(),
            category: sight.category.to_owned(),
            is_first_party: sight.is_first_party,
            references: HashSet::new(),
            first: at,
            last: at,
        });
        (seen.first, seen.last) = (seen.first.min(at), seen.last.max(at));
        seen.references.insert(reference);
    }

    /// The blocks of everything taken since the last time, empty ones left out.
    pub(crate) fn seal(&mut self, place: BatchPlace) -> Vec<EncodedBlock> {
        let texts = &self.texts;
        for (((tenant, app, department, day), user_key), (first, last)) in self.people.drain() {
            self.blocks.people.push(&AppPersonDayRow {
                tenant: texts.text(tenant),
                app_key: texts.text(app),
                department: texts.text(department),
                day,
                user_key,
                first_used_at: first,
                last_used_at: last,
            });
        }
        for ((tenant, app, department, day), session_key) in self.sessions.drain() {
            let (tenant, app_key, department) = (texts.text(tenant), texts.text(app), texts.text(department));
            self.blocks.sessions.push(&AppSessionRow { tenant, app_key, department, day, session_key });
        }
        for ((tenant, app, department, day), Counts { rows, uses, grants, failures }) in self.counts.drain() {
            let (tenant, app_key, department) = (texts.text(tenant), texts.text(app), texts.text(department));
            let BatchPlace { log_id, partition, offset } = place;
            self.blocks.counts.push(&AppDayRow {
                tenant,
                app_key,
                department,
                day,
                rows,
                uses,
                grants,
                failures,
                log_id,
                partition,
                offset,
            });
        }
        for ((tenant, app), seen) in self.apps.drain() {
            let reference = |(source, id_kind, id): &(Source, AppIdKind, u32)| {
                AppRef { source: *source, id_kind: *id_kind, id: texts.text(*id) }.to_string()
            };
            let written: Vec<String> = seen.references.iter().map(reference).collect();
            let references: Vec<&str> = written.iter().map(String::as_str).collect();
            self.blocks.apps.push(&AppRow {
                tenant: texts.text(tenant),
                app_key: texts.text(app),
                name: &seen.name,
                category: &seen.category,
                is_first_party: seen.is_first_party,
                app_refs: &references,
                first_seen_at: seen.first,
                last_seen_at: seen.last,
            });
        }
        self.texts.forget_if_large();
        self.session_keys.clear();
        let Blocks { people, sessions, counts, apps } = &mut self.blocks;
        let blocks = [people.take(), sessions.take(), counts.take(), apps.take()];
        blocks.into_iter().filter(|block| block.rows > 0).collect()
    }
}

/// The day of a time, as the tables count it; at the border of the type, the border.
fn day(at: Timestamp) -> u16 {
    u16::try_from(at.day().clamp(0, i64::from(u16::MAX))).unwrap_or(u16::MAX)
}

/// Texts by number, so that keys are small. The empty one, which is the rule for departments, is 0 and never looked up: comparing no bytes is
/// not free (see `Dictionary` of `store`).
struct Texts {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts { numbers: HashMap::new(), texts: vec![String::new()] }
    }
}

impl Texts {
    /// Texts that are remembered from batch to batch; beyond it all are forgotten at the end of a batch.
    const KEPT_MAX: usize = 100_000;

    fn number(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn text(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|index| self.texts.get(index)).map_or("", String::as_str)
    }

    fn forget_if_large(&mut self) {
        // Only called when no cell holds a number any more.
        if self.texts.len() > Texts::KEPT_MAX {
            *self = Texts::default();
        }
    }
}

#[cfg(test)]
mod tests;
