//! What an event meets: identity, decisions, aliases, departments, alternatives, versions.

use std::sync::Arc;

use catalog::{Catalogue, CatalogueFiles, Category, OwnApps, RiskLevel};
use enrichment::{AliasRefused, Applied, CatalogueShelf, Directory, DirectoryShelf, Enricher};
use event::{
    Alias, AliasAction, AppIdKind, AppKind, AppRef, Control, Decision, Event, EventId, Kind, Position, Source, Status,
    TableName, TableVersion, TenantKey, Tick, Timestamp, Tokens, UserKey,
};

const TENANT: &str = "acme";
const DAY_MS: i64 = 86_400_000;

fn at(offset: u64) -> Position {
    Position { offset, index: 0 }
}

fn day(number: i64) -> Timestamp {
    Timestamp(number * DAY_MS)
}

#[expect(clippy::unwrap_used, reason = "a test stops where the embedded catalogue does not load")]
fn enricher() -> Enricher {
    Enricher::new(Arc::new(Catalogue::embedded().unwrap()))
}

/// An Okta app instance, whose label an administrator set.
fn instance(id: &'static str) -> AppRef<'static> {
    AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id }
}

/// An OAuth client, whose name its maker chose.
fn client(id: &'static str) -> AppRef<'static> {
    AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id }
}

fn use_of(app: AppRef<'static>, name: &'static str) -> Event<'static> {
    let mut event = Event::new(EventId(1), app.source, TENANT, Kind::Sso, day(100));
    (event.app, event.app_name, event.user_key) = (app, name, UserKey(7));
    event
}

fn decision(app_key: &str, app_refs: &[AppRef<'_>], status: Status) -> Decision {
    Decision {
        app_key: app_key.to_owned(),
        app_refs: app_refs.iter().map(ToString::to_string).collect(),
        status,
        previous: Status::Unreviewed,
        department: String::new(),
        owner: "it@example.com".to_owned(),
        reason: "test".to_owned(),
        decided_by: "it".to_owned(),
        decided_at: day(50),
        expires_at: Timestamp::MISSING,
    }
}

fn decide(enricher: &mut Enricher, position: u64, decision: Decision) {
    assert_eq!(enricher.apply(TENANT, &Control::Decision(decision), at(position)), Applied::Changed);
}

fn alias(action: AliasAction, from: &str, to: &str) -> Control {
    Control::Alias(Alias {
        action,
        from_app_key: from.to_owned(),
        to_app_key: to.to_owned(),
        reason: String::new(),
        decided_by: "it".to_owned(),
        decided_at: day(60),
    })
}

fn status(enricher: &mut Enricher, app: AppRef<'static>, name: &'static str) -> Status {
    enricher.enrich(&use_of(app, name)).status
}

#[test]
fn an_event_meets_the_catalogue() {
    let mut enricher = enricher();
    let event = use_of(instance("0oa1"), "Slack (SAML)");
    let enriched = enricher.enrich(&event);
    let app = enriched.app.unwrap();
    assert_eq!((app.app_key.as_str(), app.name.as_str(), app.is_catalogued), ("slack.com", "Slack", true));
    assert_eq!((enriched.status, enriched.department, enriched.alternative), (Status::Unreviewed, "", ""));

    let event = use_of(client("1"), "Micros0ft Teams");
    let app = enricher.enrich(&event).app.unwrap().clone();
    assert_eq!(app.app_key, "entra:client_id:1");
    assert_eq!((app.looks_like.as_str(), app.is_confusable, app.is_catalogued), ("teams.microsoft.com", true, false));

    let event = use_of(AppRef { source: Source::Entra, id_kind: AppIdKind::None, id: "" }, "");
    assert_eq!(enricher.enrich(&event).app, None);
}

#[test]
fn an_event_that_does_not_name_its_app_meets_the_name_that_came_first() {
    let mut enricher = enricher();
    let key = |enricher: &mut Enricher, name| {
        let event = use_of(instance("0oa1"), name);
        enricher.enrich(&event).app.map(|app| (app.app_key.clone(), app.name.clone())).unwrap_or_default()
    };
    let provisional = "okta:app_id:0oa1".to_owned();
    assert_eq!(key(&mut enricher, ""), (provisional.clone(), "0oa1".to_owned()));
    assert_eq!(key(&mut enricher, "Slack (SAML)").0, "slack.com");
    assert_eq!(key(&mut enricher, "").0, "slack.com");
    // Renamed: what an administrator says now counts for the event that says it; the first name stays for those that do not.
    assert_eq!(key(&mut enricher, "Zoom").0, "zoom.us");
    assert_eq!(key(&mut enricher, "").0, "slack.com");
    enricher.learn_name("other", &instance("0oa1"), "Box");
    let event = Event { tenant: "other", ..use_of(instance("0oa1"), "") };
    assert_eq!(enricher.enrich(&event).app.map(|app| app.app_key.as_str()), Some("box.com"));
}

#[test]
fn a_decision_binds_the_references_known_when_it_was_made() {
    let mut enricher = enricher();
    decide(&mut enricher, 1, decision("slack.com", &[instance("0oa1")], Status::Sanctioned));
    assert_eq!(status(&mut enricher, instance("0oa1"), "Slack"), Status::Sanctioned);
    // A second instance with the same label is the same app, and nobody has looked at it yet.
    let event = use_of(instance("0oa2"), "Slack");
    let enriched = enricher.enrich(&event);
    assert_eq!(enriched.app.unwrap().app_key, "slack.com");
    assert_eq!(enriched.status, Status::Unreviewed);
    // A name never inherits anything.
    assert_eq!(status(&mut enricher, client("1"), "Slack"), Status::Unreviewed);
    decide(&mut enricher, 2, decision("slack.com", &[instance("0oa1"), instance("0oa2")], Status::Blocked));
    assert_eq!(status(&mut enricher, instance("0oa2"), "Slack"), Status::Blocked);
}

#[test]
fn a_client_id_that_the_catalogue_knows_is_bound_without_being_listed() {
    let mut enricher = enricher();
    decide(&mut enricher, 1, decision("teams.microsoft.com", &[], Status::Tolerated));
    assert_eq!(status(&mut enricher, client("1fec8e78-bce4-4aaf-ab1b-5451cc387264"), "x"), Status::Tolerated);
    assert_eq!(status(&mut enricher, client("1"), "Microsoft Teams"), Status::Unreviewed);
}

#[test]
fn a_decision_about_a_provisional_key_binds_that_reference() {
    let mut enricher = enricher();
    decide(&mut enricher, 1, decision("entra:client_id:1", &[], Status::Unsanctioned));
    assert_eq!(status(&mut enricher, client("1"), "whatever"), Status::Unsanctioned);
    assert_eq!(status(&mut enricher, client("2"), "whatever"), Status::Unreviewed);
}

#[test]
fn other_tenants_decisions_do_not_count() {
    let mut enricher = enricher();
    let control = Control::Decision(decision("entra:client_id:1", &[], Status::Blocked));
    enricher.apply("other", &control, at(1));
    assert_eq!(status(&mut enricher, client("1"), "x"), Status::Unreviewed);
}

#[test]
fn the_latest_decision_in_the_order_of_the_log_counts_and_a_repeated_record_changes_nothing() {
    let blocked = decision("entra:client_id:1", &[], Status::Blocked);
    let tolerated = decision("entra:client_id:1", &[], Status::Tolerated);
    for order in [[1, 2, 2, 1], [2, 1, 1, 2]] {
        let mut enricher = enricher();
        for position in order {
            let made = if position == 1 { &blocked } else { &tolerated };
            enricher.apply(TENANT, &Control::Decision(made.clone()), at(position));
        }
        assert_eq!(status(&mut enricher, client("1"), "x"), Status::Tolerated);
        assert_eq!(enricher.history(TENANT, "entra:client_id:1").len(), 2);
    }
}

#[test]
fn a_departments_decision_goes_before_the_one_for_all() {
    let key = TenantKey::new([7; 32]);
    let text = format!("user_key,department,valid_to\n{},Sales,{}\n", UserKey(7), "1970-04-11");
    let mut enricher = enricher();
    enricher.swap_directory(TENANT, Arc::new(Directory::parse(&text, &key).unwrap()));
    let for_sales = Decision {
        department: "Sales".to_owned(),
        expires_at: day(200),
        ..decision("entra:client_id:1", &[], Status::Sanctioned)
    };
    decide(&mut enricher, 1, for_sales);
    decide(&mut enricher, 2, decision("entra:client_id:1", &[], Status::Unsanctioned));
    let mut event = use_of(client("1"), "x");
    event.occurred_at = day(99);
    assert_eq!((enricher.enrich(&event).status, enricher.enrich(&event).department), (Status::Sanctioned, "Sales"));
    event.occurred_at = day(100);
    assert_eq!((enricher.enrich(&event).status, enricher.enrich(&event).department), (Status::Unsanctioned, ""));
    // The exception ends: what holds for all holds again.
    enricher.apply(TENANT, &Control::Tick(Tick { at: day(200) }), at(3));
    event.occurred_at = day(99);
    assert_eq!(enricher.enrich(&event).status, Status::Unsanctioned);
}

#[test]
fn expiry_brings_unreviewed_back_by_tick_and_by_event_time() {
    let mut enricher = enricher();
    decide(&mut enricher, 1, decision("entra:client_id:1", &[], Status::Blocked));
    let until = Decision { expires_at: day(110), ..decision("entra:client_id:1", &[], Status::Sanctioned) };
    decide(&mut enricher, 2, until);
    let mut event = use_of(client("1"), "x");
    assert_eq!(enricher.enrich(&event).status, Status::Sanctioned);
    event.occurred_at = day(110);
    assert_eq!(enricher.enrich(&event).status, Status::Unreviewed);
    event.occurred_at = day(100);
    let before = enricher.tables_version(TENANT).to_owned();
    assert_eq!(enricher.apply(TENANT, &Control::Tick(Tick { at: day(109) }), at(3)), Applied::Unchanged);
    assert_eq!(enricher.tables_version(TENANT), before);
    assert_eq!(enricher.apply(TENANT, &Control::Tick(Tick { at: day(110) }), at(4)), Applied::Changed);
    assert_ne!(enricher.tables_version(TENANT), before);
    // The older decision does not come back.
    assert_eq!(enricher.enrich(&event).status, Status::Unreviewed);
    assert_eq!(enricher.apply(TENANT, &Control::Tick(Tick { at: day(105) }), at(5)), Applied::Unchanged);
    assert_eq!(enricher.status_at(TENANT, "entra:client_id:1", "", day(109)), Status::Sanctioned);
    assert_eq!(enricher.status_at(TENANT, "entra:client_id:1", "", day(49)), Status::Unreviewed);
}

#[test]
fn a_merge_gives_the_key_and_keeps_each_decision_to_its_references_and_a_split_undoes_it() {
    let mut enricher = enricher();
    decide(&mut enricher, 1, decision("slack.com", &[instance("0oa1")], Status::Sanctioned));
    decide(&mut enricher, 2, decision("entra:client_id:1", &[], Status::Blocked));
    let merge = alias(AliasAction::Merge, "entra:client_id:1", "slack.com");
    assert_eq!(enricher.apply(TENANT, &merge, at(3)), Applied::Changed);
    let event = use_of(client("1"), "Slack");
    let enriched = enricher.enrich(&event);
    let app = enriched.app.unwrap();
    assert_eq!((app.app_key.as_str(), app.looks_like.as_str(), app.is_catalogued), ("slack.com", "", true));
    assert_eq!(enriched.status, Status::Blocked);
    assert_eq!(status(&mut enricher, instance("0oa1"), "Slack"), Status::Sanctioned);
    assert_eq!(enricher.canonical(TENANT, "entra:client_id:1"), "slack.com");
    assert_eq!(enricher.history(TENANT, "slack.com").len(), 2);

    // What was merged without a decision of its own is nobody's until IT looks.
    enricher.apply(TENANT, &alias(AliasAction::Merge, "entra:client_id:2", "slack.com"), at(4));
    assert_eq!(status(&mut enricher, client("2"), "Slack"), Status::Unreviewed);

    let circle = alias(AliasAction::Merge, "slack.com", "entra:client_id:1");
    assert_eq!(enricher.apply(TENANT, &circle, at(5)), Applied::Refused(AliasRefused::Circle));
    let split = alias(AliasAction::Split, "entra:client_id:1", "slack.com");
    assert_eq!(enricher.apply(TENANT, &split, at(6)), Applied::Changed);
    let enriched = enricher.enrich(&event);
    assert_eq!(enriched.app.unwrap().app_key, "entra:client_id:1");
    assert_eq!(enriched.status, Status::Blocked);
}

#[test]
fn the_alternative_is_the_sanctioned_app_of_the_same_category() {
    let mut enricher = enricher();
    let dropbox = use_of(instance("0oa9"), "Dropbox");
    assert_eq!(enricher.enrich(&dropbox).alternative, "");
    decide(&mut enricher, 1, decision("box.com", &[instance("0oa1")], Status::Sanctioned));
    let until = Decision { expires_at: day(110), ..decision("onedrive.com", &[], Status::Tolerated) };
    decide(&mut enricher, 2, until);
    assert_eq!(enricher.enrich(&dropbox).alternative, "Box");
    assert_eq!(enricher.enrich(&use_of(instance("0oa1"), "Box")).alternative, "");
    assert_eq!(enricher.enrich(&use_of(instance("0oa8"), "Zoom")).alternative, "");
    assert_eq!(enricher.enrich(&use_of(client("1"), "unknown")).alternative, "");
    // A new instance of the sanctioned app is not its own alternative.
    assert_eq!(enricher.enrich(&use_of(instance("0oa2"), "Box")).alternative, "");
    decide(&mut enricher, 3, decision("box.com", &[instance("0oa1")], Status::Blocked));
    assert_eq!(enricher.enrich(&dropbox).alternative, "");
}

#[test]
fn only_a_grant_has_a_risk() {
    let mut enricher = enricher();
    let mut event = use_of(client("1"), "x");
    event.scopes = Tokens::from_canonical("Mail.Read offline_access");
    assert_eq!(enricher.enrich(&event).grant_risk.level, RiskLevel::None);
    event.kind = Kind::OauthGrant;
    let risk = enricher.enrich(&event).grant_risk;
    assert_eq!((risk.level, risk.is_persistent), (RiskLevel::High, true));
}

#[test]
fn a_grant_to_a_google_client_on_a_server_lasts() {
    let mut enricher = enricher();
    let app = AppRef { source: Source::GoogleWorkspace, id_kind: AppIdKind::ClientId, id: "1" };
    let mut event = use_of(app, "x");
    (event.kind, event.scopes) = (Kind::OauthGrant, Tokens::from_canonical("https://mail.google.com/"));
    for (kind, lasts) in [(AppKind::Web, true), (AppKind::Native, false)] {
        event.app_kind = kind;
        assert_eq!(enricher.enrich(&event).grant_risk.is_persistent, lasts, "{kind}");
    }
}

#[test]
fn tables_are_swapped_whole_and_the_version_says_so() {
    let mut enricher = enricher();
    let event = use_of(instance("0oa1"), "Slack");
    let first = enricher.enrich(&event).tables_version.to_owned();
    assert!(first.ends_with(".none.0.0"), "{first}");
    let files = CatalogueFiles { apps: "slack.com\tSlick\tchat\tSlick\t\tSlack", ..CatalogueFiles::EMBEDDED };
    enricher.swap_catalogue(TENANT, Arc::new(Catalogue::parse(&files).unwrap()));
    let enriched = enricher.enrich(&event);
    assert_eq!(enriched.app.unwrap().name, "Slick");
    assert_ne!(enriched.tables_version, first);
    decide(&mut enricher, 9, decision("slack.com", &[], Status::Blocked));
    assert!(enricher.enrich(&event).tables_version.ends_with(".none.9.0"));

    let noted = TableVersion { table: TableName::Directory, version: "abc".to_owned(), loaded_at: day(1) };
    assert_eq!(enricher.apply(TENANT, &Control::TableVersion(noted), at(10)), Applied::Unchanged);
    assert_eq!(enricher.noted_version(TENANT, TableName::Directory), "abc");
}

#[test]
fn a_catalogue_is_swapped_in_where_a_tenants_log_notes_its_version_and_nowhere_else() {
    let shelf = CatalogueShelf::default();
    let mut enricher = enricher().with_catalogues(shelf.clone());
    let own = |name: &str| {
        let text = format!("board.acme.example\t{name}\tproject\tAcme\t\tZigzag Boards\n");
        Arc::new(Catalogue::with_own_apps(OwnApps { file: "own.tsv", text: &text }).unwrap())
    };
    let note = |enricher: &mut Enricher, tenant, table, version: &str, offset| {
        let noted = TableVersion { table, version: version.to_owned(), loaded_at: day(1) };
        enricher.apply(tenant, &Control::TableVersion(noted), at(offset))
    };
    let event = use_of(instance("0oa1"), "Zigzag Boards");
    let other = Event { tenant: "umbrella", ..event };
    let known = |enricher: &mut Enricher, event: &Event<'_>| {
        let enriched = enricher.enrich(event);
        let app = enriched.app.unwrap();
        (app.app_key.clone(), app.name.clone(), app.category)
    };
    let unknown = ("okta:app_id:0oa1".to_owned(), "Zigzag Boards".to_owned(), None);
    let (first, second) = (own("Boards"), own("The Board"));
    shelf.put(Arc::clone(&first));
    assert_eq!(known(&mut enricher, &event), unknown, "it is on the shelf, and not in the log");
    assert_eq!(note(&mut enricher, TENANT, TableName::Directory, first.version(), 1), Applied::Unchanged);
    assert_eq!(note(&mut enricher, TENANT, TableName::Catalogue, first.version(), 2), Applied::Changed);
    let named = |name: &str| ("board.acme.example".to_owned(), name.to_owned(), Some(Category::Project));
    assert_eq!(known(&mut enricher, &event), named("Boards"));
    assert_eq!(known(&mut enricher, &other), unknown, "the log of the other tenant has not come to it");
    assert_eq!(
        note(&mut enricher, TENANT, TableName::Catalogue, first.version(), 3),
        Applied::Unchanged,
        "it is in use"
    );
    assert_eq!(
        note(&mut enricher, TENANT, TableName::Catalogue, second.version(), 4),
        Applied::Unchanged,
        "nobody has read it"
    );
    shelf.put(Arc::clone(&second));
    assert_eq!(note(&mut enricher, TENANT, TableName::Catalogue, second.version(), 5), Applied::Changed);
    assert_eq!(known(&mut enricher, &event), named("The Board"));
    assert!(enricher.tables_version(TENANT).starts_with(second.version()));
    assert_eq!(
        note(&mut enricher, TENANT, TableName::Catalogue, first.version(), 4),
        Applied::Unchanged,
        "it is an older note"
    );
    assert_eq!(known(&mut enricher, &event), named("The Board"));
    // A consumer that is behind meets both, each where it stands.
    assert_eq!(note(&mut enricher, "umbrella", TableName::Catalogue, first.version(), 6), Applied::Changed);
    assert_eq!(known(&mut enricher, &other), named("Boards"));
    // What the log has said is forgotten; files are not.
    enricher.forget(|tenant| tenant == TENANT);
    assert_eq!(known(&mut enricher, &event), named("The Board"));
    assert_eq!(enricher.noted_version(TENANT, TableName::Catalogue), "");
}

#[test]
fn a_directory_is_swapped_in_where_the_log_notes_its_version_and_nowhere_else() {
    let shelf = DirectoryShelf::default();
    let mut enricher = enricher().with_directories(shelf.clone());
    let directory = |department: &str| {
        let csv = format!("user_key,department\n{:016x},{department}\n", 7);
        Arc::new(Directory::parse(&csv, &TenantKey::new([1; 32])).unwrap())
    };
    let note = |enricher: &mut Enricher, table, version: &str, offset| {
        let noted = TableVersion { table, version: version.to_owned(), loaded_at: day(1) };
        enricher.apply(TENANT, &Control::TableVersion(noted), at(offset))
    };
    let event = use_of(instance("0oa1"), "Slack");
    let (sales, legal) = (directory("Sales"), directory("Legal"));
    shelf.put(TENANT, Arc::clone(&sales));
    assert_eq!(enricher.enrich(&event).department, "", "it is on the shelf, and not in the log");
    assert_eq!(note(&mut enricher, TableName::Catalogue, sales.version(), 1), Applied::Unchanged);
    assert_eq!(note(&mut enricher, TableName::Directory, sales.version(), 2), Applied::Changed);
    assert_eq!(enricher.enrich(&event).department, "Sales");
    assert_eq!(note(&mut enricher, TableName::Directory, sales.version(), 3), Applied::Unchanged, "it is in use");
    assert_eq!(note(&mut enricher, TableName::Directory, legal.version(), 4), Applied::Unchanged, "nobody has read it");
    shelf.put(TENANT, Arc::clone(&legal));
    assert_eq!(enricher.enrich(&event).department, "Sales");
    assert_eq!(note(&mut enricher, TableName::Directory, legal.version(), 5), Applied::Changed);
    assert_eq!(enricher.enrich(&event).department, "Legal");
}

#[test]
fn every_first_party_id_of_the_list_stays_first_party_through_enrichment() {
    let mut enricher = enricher();
    let ids = CatalogueFiles::EMBEDDED.microsoft_first_party.lines().filter(|line| !line.starts_with('#'));
    for id in ids {
        let event = use_of(client(id), "rnicrosoft");
        let app = enricher.enrich(&event).app.unwrap().clone();
        assert!(app.is_first_party && app.looks_like.is_empty(), "{id}");
    }
}

#[test]
fn a_tenant_that_went_away_is_known_by_its_directory_alone() {
    let mut enricher = enricher();
    let csv = format!("user_key,department\n{:016x},Sales\n", 7);
    let directory = Arc::new(Directory::parse(&csv, &TenantKey::new([1; 32])).unwrap());
    enricher.swap_directory(TENANT, directory);
    decide(&mut enricher, 10, decision("slack.com", &[instance("0oa1")], Status::Sanctioned));
    assert_eq!(status(&mut enricher, instance("0oa1"), "Slack"), Status::Sanctioned);
    enricher.forget(|tenant| tenant != TENANT);
    assert_eq!(status(&mut enricher, instance("0oa1"), "Slack"), Status::Sanctioned);
    enricher.forget(|tenant| tenant == TENANT);
    assert_eq!(status(&mut enricher, instance("0oa1"), "Slack"), Status::Unreviewed);
    assert_eq!(enricher.enrich(&use_of(instance("0oa1"), "Slack")).department, "Sales");
    decide(&mut enricher, 10, decision("slack.com", &[instance("0oa1")], Status::Sanctioned));
    assert_eq!(status(&mut enricher, instance("0oa1"), "Slack"), Status::Sanctioned, "what is read again counts again");
}

/// Ingest marks what the provider calls its own, and the client by which Daylight itself logs in; which client that is stands in no list.
#[test]
fn section_5_9_what_an_event_marks_as_first_party_is_exempt_and_the_same_app_unmarked_is_not() {
    let mut enricher = enricher();
    let unmarked = use_of(client("7a100000-0000-4000-8000-000000000009"), "Micros0ft Teams");
    let mut marked = unmarked.clone();
    marked.app_kind = AppKind::FirstParty;
    for _ in 0..2 {
        let app = enricher.enrich(&unmarked).app.unwrap().clone();
        assert!(!app.is_first_party && !app.is_catalogued && !app.looks_like.is_empty());
        let own = enricher.enrich(&marked).app.unwrap().clone();
        assert!(own.is_first_party && own.is_catalogued && own.looks_like.is_empty());
        assert_eq!((own.app_key, own.name), (app.app_key, app.name), "it is one app");
    }
}
