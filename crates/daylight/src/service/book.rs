//! What the admin API knows of apps, decisions and noted tables.
//!
//! Detection writes into the ledger what it met and what was decided; whoever answers `decide` and `apps` follows it (`follower`), so that
//! any process can answer and none is the master. What the records *mean* is asked of the same `Enricher` that detection and the sink use:
//! a second opinion on what a decision binds would sooner or later be another one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use catalog::Catalogue;
use enrichment::{AliasRefused, AppInfo, CatalogueShelf, Enricher, Recorded, Standing};
use event::{
    Alias, AppFirst, AppIdKind, AppRef, Control, Decision, LedgerEntry, Position, Source, Status, TableName, Timestamp,
    issued_key,
};

/// The book. Clones share it.
#[derive(Clone)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

/// One reference of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownReference {
    /// `source:kind:id`.
    pub(crate) app_ref: String,
    /// The key of its app before any merge.
    pub(crate) own_key: String,
    /// Its name as delivered.
    pub(crate) name: String,
    /// What holds for it, for all departments.
    pub(crate) status: Status,
    /// Does a decision about its app pass it by? It came later, and nobody has looked at it.
    pub(crate) is_unbound: bool,
}

/// One app of one tenant, as it stands now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownApp {
    /// The canonical key.
    pub(crate) app_key: String,
    /// Name to show people.
    pub(crate) name: String,
    /// What it is for; empty when the catalogue does not know it.
    pub(crate) category: &'static str,
    /// The provider's own app?
    pub(crate) is_first_party: bool,
    /// A well-known app that its name only resembles (`app_key`); empty when none.
    pub(crate) looks_like: String,
    /// Its references, in order.
    pub(crate) references: Vec<KnownReference>,
    /// The merges that made others part of it, each as it was decided. One may lead to another.
    pub(crate) merged: Vec<Alias>,
    /// Keys that its rows of before may carry: those that were merged into it, and those that it had before the catalogue knew it. No other
    /// app has one of them.
    pub(crate) former_keys: BTreeSet<String>,
    /// The decisions in force, by department (empty for all), in order.
    pub(crate) in_force: Vec<Decision>,
    /// When somebody first tried, used or granted it; missing when nobody has.
    pub(crate) first_seen_at: Timestamp,
}

impl KnownApp {
    /// The decision in force that was made for exactly this department, or for all when it is empty.
    pub(crate) fn own(&self, department: &str) -> Option<&Decision> {
        self.in_force.iter().find(|decision| decision.department == department)
    }

    /// What is in force for a department: its own decision, else the one for all.
    pub(crate) fn ruling(&self, department: &str) -> Option<&Decision> {
        self.own(department).or_else(|| self.own(""))
    }

    /// What is in force for a department.
    pub(crate) fn status(&self, department: &str) -> Status {
        self.ruling(department).map_or(Status::Unreviewed, |decision| decision.status)
    }
}

struct Pages {
    enricher: Enricher,
    tenants: BTreeMap<String, Page>,
    /// Why the answers may be old; nothing when they are not.
    stale: Option<String>,
}

#[derive(Default)]
struct Page {
    references: BTreeMap<String, Reference>,
    decided: BTreeSet<String>,
}

struct Reference {
    source: Source,
    id_kind: AppIdKind,
    id: String,
    name: String,
    first_key: String,
    first_seen_at: Timestamp,
}

impl Book {
    /// A book that knows nothing yet but this catalogue, and finds others on this shelf.
    pub(crate) fn new(catalogue: Arc<Catalogue>, shelf: CatalogueShelf) -> Book {
        let stale = Some("the ledger is being read; ask again in a moment".to_owned());
        let enricher = Enricher::new(catalogue).with_catalogues(shelf);
        Book(Arc::new(Mutex::new(Pages { enricher, tenants: BTreeMap::new(), stale })))
    }

    /// Says whether the answers may be old, and why.
    pub(crate) fn set_stale(&self, stale: Option<String>) {
        self.lock().stale = stale;
    }

    /// Why the answers may be old.
    pub(crate) fn stale(&self) -> Option<String> {
        self.lock().stale.clone()
    }

    /// Takes what the ledger says of an app.
    pub(crate) fn met(&self, tenant: &str, entry: &LedgerEntry<'_>) {
        let LedgerEntry::App { app, name, first_key, first, .. } = entry else { return };
        let mut pages = self.lock();
        pages.enricher.learn_name(tenant, app, name);
        let app_ref = app.to_string();
        let page = pages.page(tenant);
        // A ledger from before may hold one reference twice: as the unified audit log told of it, and as the directory's.
        let before = page.references.get(&app_ref).map_or(Timestamp::MISSING, |known| known.first_seen_at);
        let reference = Reference {
            source: app.source,
            id_kind: app.id_kind,
            id: app.id.to_owned(),
            name: (*name).to_owned(),
            first_key: (*first_key).to_owned(),
            first_seen_at: earlier(before, first_seen(first)),
        };
        page.references.insert(app_ref, reference);
    }

    /// Takes a control record, in the order of the log. The same record again changes nothing.
    pub(crate) fn apply(&self, tenant: &str, position: Position, control: &Control) {
        let mut pages = self.lock();
        match control {
            Control::Decision(decision) => {
                pages.page(tenant).decided.insert(decision.app_key.clone());
            }
            Control::Alias(_) | Control::TableVersion(_) => {}
            // Whether a decision has ended is asked with the clock's time; the log's ticks are not in the ledger.
            Control::Tick(_) | Control::Reveal(_) => return,
        }
        pages.enricher.apply(tenant, control, position);
    }

    /// Would this merge or split, as the next record, be applied?
    pub(crate) fn check_alias(&self, tenant: &str, alias: &Alias) -> Result<(), AliasRefused> {
        self.lock().enricher.check_alias(tenant, alias)
    }

    /// The version of a table that the log noted last for a tenant; empty when it noted none.
    pub(crate) fn noted_version(&self, tenant: &str, table: TableName) -> String {
        self.lock().enricher.noted_version(tenant, table).to_owned()
    }

    /// The catalogue in force for a tenant.
    pub(crate) fn catalogue(&self, tenant: &str) -> Arc<Catalogue> {
        Arc::clone(self.lock().enricher.catalogue(tenant))
    }

    /// The apps of a tenant that a person may mean by a text: a key, a reference, or a name. A name may fit several, for the makers of
    /// OAuth clients choose theirs.
    pub(crate) fn find(&self, tenant: &str, text: &str, now: Timestamp) -> Vec<KnownApp> {
        let text = &*issued_key(text);
        let mut pages = self.lock();
        let mut apps = pages.apps(tenant, now);
        let canonical = pages.enricher.canonical(tenant, text).to_owned();
        if let Some(known) = apps.remove(&canonical) {
            return vec![known];
        }
        let has_reference = |known: &KnownApp| known.references.iter().any(|reference| reference.app_ref == text);
        if let Some(known) = apps.values().find(|known| has_reference(known)) {
            return vec![known.clone()];
        }
        let name = text.to_lowercase();
        let is_called = |known: &KnownApp| {
            let mut names = known.references.iter().map(|reference| &reference.name).chain([&known.name]);
            names.any(|known| known.to_lowercase() == name)
        };
        let entry =
            pages.enricher.catalogue(tenant).find(text).map(|entry| (entry.app_key.clone(), entry.name.clone()));
        let catalogued = entry.map(|(key, name)| (pages.enricher.canonical(tenant, &key).to_owned(), name));
        let mut found: Vec<KnownApp> = apps.values().filter(|known| is_called(known)).cloned().collect();
        if let Some((app_key, name)) = catalogued.filter(|(key, _)| found.iter().all(|known| known.app_key != *key)) {
            found.push(apps.remove(&app_key).unwrap_or(KnownApp { app_key, name, ..KnownApp::default() }));
        }
        found
    }

    /// The app of a key, whether anybody has met it or not.
    pub(crate) fn app(&self, tenant: &str, app_key: &str, now: Timestamp) -> KnownApp {
        let mut pages = self.lock();
        let app_key = pages.enricher.canonical(tenant, app_key).to_owned();
        let known = pages.apps(tenant, now).remove(&app_key);
        known.unwrap_or_else(|| stranger(pages.enricher.catalogue(tenant), app_key))
    }

    /// Every app of a tenant, by key.
    pub(crate) fn apps(&self, tenant: &str, now: Timestamp) -> Vec<KnownApp> {
        self.lock().apps(tenant, now).into_values().collect()
    }

    /// The key that an app goes by after all merges. Rows from before may hold one as the unified audit log gave it.
    pub(crate) fn canonical(&self, tenant: &str, app_key: &str) -> String {
        self.lock().enricher.canonical(tenant, &issued_key(app_key)).to_owned()
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        // A panic elsewhere leaves at worst a note too few, which the next start reads again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn page(&mut self, tenant: &str) -> &mut Page {
        self.tenants.entry(tenant.to_owned()).or_default()
    }

    fn apps(&mut self, tenant: &str, now: Timestamp) -> BTreeMap<String, KnownApp> {
        let Pages { enricher, tenants, .. } = self;
        let nothing = Page::default();
        let page = tenants.get(tenant).unwrap_or(&nothing);
        let mut apps: BTreeMap<String, (KnownApp, Vec<Standing>)> = BTreeMap::new();
        for (app_ref, reference) in &page.references {
            let app = AppRef { source: reference.source, id_kind: reference.id_kind, id: &reference.id };
            let Some((info, standing)) = enricher.standing(tenant, &app, &reference.name) else { continue };
            let (known, standings) = apps.entry(info.app_key.clone()).or_insert_with(|| (known(info), Vec::new()));
            // What was merged into it has another name.
            if info.own_key == info.app_key && !known.references.iter().any(|each| each.own_key == info.app_key) {
                known.name.clone_from(&info.name);
            }
            known.references.push(KnownReference {
                app_ref: app_ref.clone(),
                own_key: info.own_key.clone(),
                name: reference.name.clone(),
                status: standing.status("", now),
                is_unbound: false,
            });
            known.former_keys.insert(reference.first_key.clone());
            known.first_seen_at = earlier(known.first_seen_at, reference.first_seen_at);
            standings.push(standing.clone());
        }
        let mut all: BTreeMap<String, KnownApp> = BTreeMap::new();
        for (app_key, (mut known, standings)) in apps {
            known.in_force = in_force(&enricher.history(tenant, &app_key), now);
            mark_unbound(&mut known, &standings, now);
            add_decided(&mut known, page);
            all.insert(app_key, known);
        }
        for app_key in &page.decided {
            let app_key = enricher.canonical(tenant, app_key).to_owned();
            all.entry(app_key).or_insert_with_key(|app_key| {
                let mut stranger = stranger(enricher.catalogue(tenant), app_key.clone());
                stranger.in_force = in_force(&enricher.history(tenant, app_key), now);
                add_decided(&mut stranger, page);
                stranger
            });
        }
        for alias in enricher.merges(tenant) {
            let app_key = enricher.canonical(tenant, &alias.to_app_key).to_owned();
            let known =
                all.entry(app_key).or_insert_with_key(|app_key| stranger(enricher.catalogue(tenant), app_key.clone()));
            known.former_keys.insert(alias.from_app_key.clone());
            known.merged.push(alias.clone());
        }
        let keys: BTreeSet<String> = all.keys().cloned().collect();
        all.values_mut().for_each(|known| known.former_keys.retain(|key| !keys.contains(key)));
        all
    }
}

/// An app that nobody has met.
fn stranger(catalogue: &Catalogue, app_key: String) -> KnownApp {
    let entry = catalogue.entry(&app_key);
    let name = entry.map_or(app_key.as_str(), |entry| &entry.name).to_owned();
    let category = entry.map_or("", |entry| entry.category.as_str());
    KnownApp { name, category, app_key, ..KnownApp::default() }
}

fn known(info: &AppInfo) -> KnownApp {
    KnownApp {
        app_key: info.app_key.clone(),
        name: info.name.clone(),
        category: info.category.map_or("", |category| category.as_str()),
        is_first_party: info.is_first_party,
        looks_like: info.looks_like.clone(),
        ..KnownApp::default()
    }
}

/// The latest decision for each department, where it has not ended. One that has ended leaves no older one in force.
fn in_force(history: &[&Recorded], now: Timestamp) -> Vec<Decision> {
    let latest: BTreeMap<&str, &Decision> =
        history.iter().map(|recorded| (recorded.decision.department.as_str(), &recorded.decision)).collect();
    let is_over = |decision: &Decision| decision.expires_at.is_some() && decision.expires_at <= now;
    latest.into_values().filter(|decision| !is_over(decision)).cloned().collect()
}

/// A reference for which another status holds than for its app, for all or for some department, is passed by.
fn mark_unbound(known: &mut KnownApp, standings: &[Standing], now: Timestamp) {
    let departments: Vec<String> = known.in_force.iter().map(|decision| decision.department.clone()).collect();
    let statuses: Vec<Status> = departments.iter().map(|department| known.status(department)).collect();
    for (reference, standing) in known.references.iter_mut().zip(standings) {
        let mut rulings = departments.iter().zip(&statuses);
        reference.is_unbound = rulings.any(|(department, status)| standing.status(department, now) != *status);
    }
}

/// Adds the references that a decision in force lists and nobody has used yet: the next decision is about them too. One that was used
/// stands where the tables put it, which after a split is another app.
fn add_decided(known: &mut KnownApp, page: &Page) {
    for decision in &known.in_force {
        for app_ref in decision.app_refs.iter().filter(|app_ref| !page.references.contains_key(*app_ref)) {
            if known.references.iter().all(|reference| reference.app_ref != *app_ref) {
                let (app_ref, own_key, status) = (app_ref.clone(), decision.app_key.clone(), decision.status);
                known.references.push(KnownReference {
                    app_ref,
                    own_key,
                    name: String::new(),
                    status,
                    is_unbound: false,
                });
            }
        }
    }
}

fn first_seen(first: &AppFirst) -> Timestamp {
    let sights = [first.attempted, first.used, first.granted];
    sights.iter().filter(|sight| sight.is_some()).fold(Timestamp::MISSING, |at, sight| earlier(at, sight.occurred_at))
}

fn earlier(one: Timestamp, other: Timestamp) -> Timestamp {
    match (one.is_some(), other.is_some()) {
        (true, true) => one.min(other),
        (true, false) => one,
        (false, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use event::{AliasAction, EventId, FirstSeen};

    use super::*;

    const TENANT: &str = "acme";
    const NOW: Timestamp = Timestamp(1_000_000);

    fn book() -> Book {
        Book::new(Arc::new(Catalogue::embedded().unwrap()), CatalogueShelf::default())
    }

    fn met(book: &Book, source: Source, id_kind: AppIdKind, id: &str, name: &str, at: i64) {
        let app = AppRef { source, id_kind, id };
        let seen = FirstSeen { position: Position::default(), event_id: EventId(1), occurred_at: Timestamp(at) };
        let first = AppFirst { used: seen, ..AppFirst::default() };
        book.met(TENANT, &LedgerEntry::App { app, name, first_key: "", app_key: "", first });
    }

    fn decide(book: &Book, offset: u64, change: impl FnOnce(&mut Decision)) {
        let mut decision = Decision {
            app_key: "slack.com".into(),
            app_refs: vec!["okta:app_id:0oa1".into()],
            status: Status::Sanctioned,
            previous: Status::Unreviewed,
            department: String::new(),
            owner: "it@example.com".into(),
            reason: "test".into(),
            decided_by: "it".into(),
            decided_at: Timestamp(1),
            expires_at: Timestamp::MISSING,
        };
        change(&mut decision);
        book.apply(TENANT, Position { offset, index: 0 }, &Control::Decision(decision));
    }

    fn keys(found: &[KnownApp]) -> Vec<&str> {
        found.iter().map(|known| known.app_key.as_str()).collect()
    }

    #[test]
    fn an_app_is_found_by_key_by_reference_and_by_name() {
        let book = book();
        met(&book, Source::Okta, AppIdKind::AppId, "0oa1", "Slack (SAML)", 5);
        met(&book, Source::Okta, AppIdKind::AppId, "0oa2", "Acme Boards", 7);
        for text in ["slack.com", "okta:app_id:0oa1", "Slack", "slack (saml)"] {
            assert_eq!(keys(&book.find(TENANT, text, NOW)), ["slack.com"], "{text}");
        }
        assert_eq!(keys(&book.find(TENANT, "ACME boards", NOW)), ["okta:app_id:0oa2"]);
        // Nobody uses it, and the catalogue knows it.
        assert_eq!(keys(&book.find(TENANT, "Zoom", NOW)), ["zoom.us"]);
        assert_eq!(keys(&book.find(TENANT, "no such app", NOW)), [""; 0]);
        assert_eq!(keys(&book.find("other", "Acme Boards", NOW)), [""; 0]);
    }

    #[test]
    fn an_app_of_both_logs_of_microsoft_is_one_also_for_a_ledger_from_before() {
        let book = book();
        met(&book, Source::M365Ual, AppIdKind::ClientId, "7a1", "Quorbit", 5);
        met(&book, Source::Entra, AppIdKind::ClientId, "7a1", "Quorbit", 7);
        for text in ["entra:client_id:7a1", "m365_ual:client_id:7a1", "quorbit"] {
            let found = book.find(TENANT, text, NOW);
            assert_eq!(keys(&found), ["entra:client_id:7a1"], "{text}");
            assert_eq!((found[0].references.len(), found[0].first_seen_at), (1, Timestamp(5)), "{text}");
        }
    }

    #[test]
    fn a_client_that_calls_itself_by_a_known_name_makes_the_name_ambiguous() {
        let book = book();
        met(&book, Source::Entra, AppIdKind::ClientId, "evil", "Slack", 5);
        let found = book.find(TENANT, "slack", NOW);
        assert_eq!(keys(&found), ["entra:client_id:evil", "slack.com"]);
    }

    #[test]
    fn a_reference_that_came_after_the_decision_is_not_bound_by_it() {
        let book = book();
        met(&book, Source::Okta, AppIdKind::AppId, "0oa1", "Slack", 5);
        decide(&book, 1, |_| ());
        met(&book, Source::Okta, AppIdKind::AppId, "0oa9", "Slack", 3);
        let app = book.app(TENANT, "slack.com", NOW);
        assert_eq!((app.status(""), app.first_seen_at), (Status::Sanctioned, Timestamp(3)));
        let references: Vec<_> =
            app.references.iter().map(|known| (known.app_ref.as_str(), known.status, known.is_unbound)).collect();
        assert_eq!(
            references,
            [("okta:app_id:0oa1", Status::Sanctioned, false), ("okta:app_id:0oa9", Status::Unreviewed, true)]
        );
    }

    #[test]
    fn a_departments_own_decision_goes_first_until_it_ends() {
        let book = book();
        met(&book, Source::Okta, AppIdKind::AppId, "0oa1", "Slack", 5);
        decide(&book, 1, |_| ());
        decide(&book, 2, |decision| {
            (decision.status, decision.department) = (Status::Blocked, "Sales".into());
            decision.expires_at = Timestamp(NOW.0 + 1);
        });
        let app = book.app(TENANT, "slack.com", NOW);
        assert_eq!((app.status("Sales"), app.status("Legal")), (Status::Blocked, Status::Sanctioned));
        let later = book.app(TENANT, "slack.com", Timestamp(NOW.0 + 1));
        assert_eq!((later.status("Sales"), later.own("Sales")), (Status::Sanctioned, None));
    }

    #[test]
    fn a_merge_joins_two_apps_under_the_others_name_and_a_split_parts_them() {
        let alias = |action| Alias {
            action,
            from_app_key: "okta:app_id:0oa1".into(),
            to_app_key: "okta:app_id:0oa2".into(),
            reason: "one app".into(),
            decided_by: "it".into(),
            decided_at: Timestamp(1),
        };
        let book = book();
        met(&book, Source::Okta, AppIdKind::AppId, "0oa1", "Acme Boards", 5);
        met(&book, Source::Okta, AppIdKind::AppId, "0oa2", "Acme Tasks", 7);
        let merge = alias(AliasAction::Merge);
        book.apply(TENANT, Position { offset: 1, index: 0 }, &Control::Alias(merge.clone()));
        let apps = book.apps(TENANT, NOW);
        assert_eq!(keys(&apps), ["okta:app_id:0oa2"]);
        assert_eq!((apps[0].name.as_str(), apps[0].first_seen_at), ("Acme Tasks", Timestamp(5)));
        assert_eq!((apps[0].references.len(), &apps[0].merged), (2, &vec![merge]));
        assert!(apps[0].former_keys.contains("okta:app_id:0oa1") && !apps[0].former_keys.contains("okta:app_id:0oa2"));
        for text in ["okta:app_id:0oa1", "acme boards", "acme tasks"] {
            assert_eq!(keys(&book.find(TENANT, text, NOW)), ["okta:app_id:0oa2"], "{text}");
        }
        decide(&book, 2, |decision| {
            decision.app_key = "okta:app_id:0oa2".into();
            decision.app_refs = vec!["okta:app_id:0oa1".into(), "okta:app_id:0oa2".into()];
        });
        book.apply(TENANT, Position { offset: 3, index: 0 }, &Control::Alias(alias(AliasAction::Split)));
        // The ledger brings the merge again, after the split was written here.
        book.apply(TENANT, Position { offset: 1, index: 0 }, &Control::Alias(alias(AliasAction::Merge)));
        let apps = book.apps(TENANT, NOW);
        let shown: Vec<_> =
            apps.iter().map(|app| (app.app_key.as_str(), app.status(""), app.references.len())).collect();
        assert_eq!(
            shown,
            [("okta:app_id:0oa1", Status::Unreviewed, 1), ("okta:app_id:0oa2", Status::Sanctioned, 1)],
            "what was decided meanwhile stays with the other, which has its own reference alone"
        );
    }

    #[test]
    fn what_was_decided_before_anybody_used_it_is_known() {
        let book = book();
        decide(&book, 1, |decision| decision.app_key = "zoom.us".into());
        assert_eq!(keys(&book.find(TENANT, "okta:app_id:0oa1", NOW)), ["zoom.us"]);
        assert_eq!(keys(&book.apps(TENANT, NOW)), ["zoom.us"]);
        assert_eq!(book.app(TENANT, "zoom.us", NOW).status(""), Status::Sanctioned);
        assert_eq!(book.app(TENANT, "zoom.us", NOW).first_seen_at, Timestamp::MISSING);
    }
}
