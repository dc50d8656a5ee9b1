//! New apps, as the engine itself met them: what is shown, what is not, and what is left out when there are too many.

use std::sync::Arc;

use catalog::Catalogue;
use detection::{Findings, Observation, Settings};
use event::{
    Alias, AliasAction, Control, Coordinates, Decision, Event, EventId, Kind, LedgerEntry, Outcome, Position, UserKey,
};

use super::*;

const HOUR_MS: i64 = 3_600_000;
/// A hundred days after 2026-01-01. The company has been known since.
const NOW: Timestamp = Timestamp(1_767_225_600_000 + 100 * 24 * HOUR_MS);

/// A tenant whose one connection has taught for a hundred days.
struct Company {
    engine: Engine,
    enricher: Enricher,
    findings: Findings,
    offset: u64,
}

fn company() -> Company {
    let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    let mut company =
        Company { engine: Engine::new(Settings::default()), enricher, findings: Findings::default(), offset: 0 };
    company.sees(sso("okta", "0oa-old", "Old Friend", NOW.plus_ms(-2_400 * HOUR_MS)));
    company
}

/// A sign-in to an Okta app instance.
fn sso<'a>(connection: &'a str, id: &'a str, name: &'a str, at: Timestamp) -> Event<'a> {
    let id_hash = id.bytes().fold(7u128, |hash, byte| hash.wrapping_mul(31).wrapping_add(u128::from(byte)))
        + u128::from(at.0.unsigned_abs());
    let mut event = Event::new(EventId(id_hash), Source::Okta, "acme", Kind::Sso, at);
    event.app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id };
    (event.connection, event.app_name, event.user_key, event.outcome) =
        (connection, name, UserKey(7), Outcome::Success);
    event.received_at = at.plus_ms(1_000);
    event
}

impl Company {
    fn position(&mut self) -> Position {
        self.offset += 1;
        Position { offset: self.offset, index: 0 }
    }

    fn sees(&mut self, event: Event<'_>) {
        let coordinates = Coordinates { position: self.position(), ..Coordinates::default() };
        let observation = Observation { coordinates, logged_at: event.received_at };
        self.engine.observe(observation, &self.enricher.enrich(&event), &mut self.findings);
    }

    fn hears(&mut self, control: Control) {
        let position = self.position();
        let Company { engine, enricher, findings, .. } = self;
        let before = match &control {
            Control::Alias(alias) => enricher.canonical("acme", &alias.from_app_key).to_owned(),
            _ => String::new(),
        };
        enricher.apply("acme", &control, position);
        let mut key_of = |app: &AppRef<'_>, name: &str| Some(enricher.app("acme", app, name)?.0.app_key.clone());
        engine.regroup("acme", &before, &mut key_of, findings);
    }

    fn decides(&mut self, app: &str, status: Status) {
        self.hears(Control::Decision(Decision {
            app_key: app.to_owned(),
            app_refs: vec![app.to_owned()],
            status,
            previous: Status::Unreviewed,
            department: String::new(),
            owner: String::new(),
            reason: "test".to_owned(),
            decided_by: "it".to_owned(),
            decided_at: NOW,
            expires_at: Timestamp::MISSING,
        }));
    }

    fn shown_at(&mut self, now: Timestamp) -> Vec<NewApp> {
        new_apps("acme", now, &mut self.engine, &mut self.enricher)
    }

    fn shown(&mut self) -> Vec<String> {
        self.shown_at(NOW).into_iter().map(|app| app.app).collect()
    }

    /// The same company after a restart: what was met stands in the ledger, and the decisions beside it.
    fn restarted(mut self) -> Company {
        self.engine = Engine::new(Settings::default());
        for entry in self.findings.ledger.iter().filter_map(|change| change.entry()) {
            self.engine.load("acme", &entry);
        }
        self
    }
}

#[test]
fn a_new_app_is_shown_with_its_first_use_and_what_it_is() {
    let mut company = company();
    company.sees(sso("okta", "0oa1", "Frobnicate Notes", NOW.plus_ms(-HOUR_MS)));
    company.sees(sso("okta", "0oa1", "Frobnicate Notes", NOW.plus_ms(-1)));
    let first_seen = NOW.plus_ms(-HOUR_MS);
    let expected =
        NewApp { tenant: "acme".into(), app: "okta:app_id:0oa1".into(), severity: Severity::Low, first_seen };
    assert_eq!(company.shown_at(NOW), [expected]);
}

#[test]
fn what_is_shown_is_what_the_rule_told_and_nobody_has_decided() {
    let at = NOW.plus_ms(-HOUR_MS);
    type Happening = fn(&mut Company, Timestamp);
    #[rustfmt::skip]
    let cases: Vec<(&str, Happening, bool)> = vec![
        ("used", |c, at| c.sees(sso("okta", "0oa1", "Notes One", at)), true),
        ("only tried", |c, at| c.sees(Event { outcome: Outcome::Denied, ..sso("okta", "0oa1", "Notes One", at) }), false),
        ("imported history", |c, at| c.sees(Event { is_backfill: true, ..sso("okta", "0oa1", "Notes One", at) }), false),
        ("met by a connection that is still learning", |c, at| c.sees(sso("okta-2", "0oa1", "Notes One", at)), false),
        ("more than a day ago", |c, at| c.sees(sso("okta", "0oa1", "Notes One", at.plus_ms(-23 * HOUR_MS))), false),
        ("used today, and long ago as a late event tells", |c, at| {
            c.sees(sso("okta", "0oa1", "Notes One", at));
            c.sees(sso("okta", "0oa1", "Notes One", at.plus_ms(-72 * HOUR_MS)));
        }, false),
        ("an app that is known under another id", |c, at| {
            c.sees(sso("okta", "0oa1", "Notes One", at.plus_ms(-72 * HOUR_MS)));
            c.sees(sso("okta", "0oa2", "Notes Two", at));
            c.hears(Control::Alias(Alias {
                action: AliasAction::Merge, from_app_key: "okta:app_id:0oa2".into(), to_app_key: "okta:app_id:0oa1".into(),
                reason: "one app".into(), decided_by: "it".into(), decided_at: NOW,
            }));
        }, false),
        ("told of, and then merged with an app that a learning connection knows", |c, at| {
            c.sees(sso("okta", "0oa1", "Notes One", at));
            c.sees(sso("okta-2", "0oa2", "Notes Two", at));
            c.hears(Control::Alias(Alias {
                action: AliasAction::Merge, from_app_key: "okta:app_id:0oa2".into(), to_app_key: "okta:app_id:0oa1".into(),
                reason: "one app".into(), decided_by: "it".into(), decided_at: NOW,
            }));
        }, false),
        ("sanctioned since", |c, at| { c.sees(sso("okta", "0oa1", "Notes One", at)); c.decides("okta:app_id:0oa1", Status::Sanctioned); }, false),
        ("somebody looks at it", |c, at| { c.sees(sso("okta", "0oa1", "Notes One", at)); c.decides("okta:app_id:0oa1", Status::InReview); }, false),
        ("not wanted", |c, at| { c.sees(sso("okta", "0oa1", "Notes One", at)); c.decides("okta:app_id:0oa1", Status::Unsanctioned); }, false),
        ("sanctioned before its first use", |c, at| { c.decides("okta:app_id:0oa1", Status::Sanctioned); c.sees(sso("okta", "0oa1", "Notes One", at)); }, false),
        ("another app was decided about", |c, at| { c.sees(sso("okta", "0oa1", "Notes One", at)); c.decides("okta:app_id:0oa2", Status::Sanctioned); }, true),
    ];
    for (words, happens, is_shown) in cases {
        let mut company = company();
        happens(&mut company, at);
        assert_eq!(!company.shown().is_empty(), is_shown, "{words}: {:?}", company.shown());
        let before = company.shown();
        assert_eq!(company.restarted().shown(), before, "{words}, after a restart");
    }
}

/// Alertmanager compares the label with that of the alert that people were told.
#[test]
fn a_merge_changes_no_label_and_joins_two_series_under_the_earlier_one() {
    let merge = |from: &str, to: &str| {
        Control::Alias(Alias {
            action: AliasAction::Merge,
            from_app_key: from.into(),
            to_app_key: to.into(),
            reason: "one app".into(),
            decided_by: "it".into(),
            decided_at: NOW,
        })
    };
    let labels = |company: &mut Company| company.shown_at(NOW).into_iter().map(|app| app.app).collect::<Vec<_>>();
    let mut company = company();
    company.sees(sso("okta", "0oa1", "Notes One", NOW.plus_ms(-2 * HOUR_MS)));
    let told = company.findings.alerts.iter().rfind(|alert| alert.rule == "N1").unwrap();
    assert_eq!(told.app_key, "okta:app_id:0oa1");
    company.hears(merge("okta:app_id:0oa1", "notes.acme.example"));
    assert_eq!(labels(&mut company), ["okta:app_id:0oa1"], "as the alert said");
    company.sees(sso("okta", "0oa1", "Notes One", NOW.plus_ms(-90 * 60_000)));
    assert_eq!(labels(&mut company), ["okta:app_id:0oa1"], "as the alert said");
    company.sees(sso("okta", "0oa2", "Notes Two", NOW.plus_ms(-HOUR_MS)));
    assert_eq!(labels(&mut company).len(), 2);
    company.hears(merge("okta:app_id:0oa2", "okta:app_id:0oa1"));
    assert_eq!(labels(&mut company), ["okta:app_id:0oa1"]);
    assert_eq!(labels(&mut company.restarted()), ["okta:app_id:0oa1"]);
}

#[test]
fn an_app_is_new_for_a_day_of_the_log() {
    let mut company = company();
    company.sees(sso("okta", "0oa1", "Notes One", NOW));
    for (hours, is_shown) in [(0, true), (23, true), (24, false), (48, false)] {
        assert_eq!(!company.shown_at(NOW.plus_ms(hours * HOUR_MS)).is_empty(), is_shown, "after {hours} h");
    }
}

#[test]
fn an_app_of_a_file_that_comes_a_day_late_is_new_for_a_day_after_that() {
    for (source, hours, is_shown) in [
        (Source::Salesforce, 25, true),
        (Source::Salesforce, 47, true),
        (Source::Salesforce, 48, false),
        (Source::GoogleWorkspace, 25, false),
    ] {
        let mut company = company();
        let mut event = sso("okta", "0H4-crm", "Sales Helper", NOW.plus_ms(-hours * HOUR_MS));
        event.source = source;
        event.app = AppRef { source, id_kind: AppIdKind::AppId, id: "0H4-crm" };
        event.received_at = NOW;
        company.sees(event);
        assert_eq!(!company.shown().is_empty(), is_shown, "{source}, {hours} hours late");
    }
}

#[test]
fn doing_a_stretch_again_shows_the_same() {
    let mut company = company();
    company.sees(sso("okta", "0oa1", "Notes One", NOW.plus_ms(-HOUR_MS)));
    let (before, offset) = (company.shown_at(NOW), company.offset);
    company.offset = offset - 1;
    company.sees(sso("okta", "0oa1", "Notes One", NOW.plus_ms(-HOUR_MS)));
    assert_eq!(company.shown_at(NOW), before);
    assert_eq!(before.len(), 1);
}

#[test]
fn severity_says_what_the_app_is() {
    let rogue = "ff8d92dc-3d82-41d6-bcbd-b9174d163620";
    for (id, name, severity) in [
        ("11111111-aaaa-4bbb-8ccc-000000000001", "Frobnicate Notes", Severity::Low),
        ("11111111-aaaa-4bbb-8ccc-000000000002", "Micros0ft Teams", Severity::High),
        (rogue, "PerfectData Software", Severity::Critical),
    ] {
        let mut company = company();
        let mut event = sso("okta", id, name, NOW.plus_ms(-HOUR_MS));
        (event.source, event.app.source, event.app.id_kind) = (Source::Entra, Source::Entra, AppIdKind::ClientId);
        company.sees(event);
        let shown = company.shown_at(NOW);
        assert_eq!(shown.iter().map(|app| app.severity).collect::<Vec<_>>(), [severity], "{name}");
    }
}

#[test]
fn the_providers_own_apps_are_exempt() {
    let mut company = company();
    let graph = "00000003-0000-0000-c000-000000000000";
    let mut event = sso("okta", graph, "Microsoft Graph", NOW.plus_ms(-HOUR_MS));
    (event.source, event.app.source, event.app.id_kind) = (Source::Entra, Source::Entra, AppIdKind::ClientId);
    company.sees(event);
    assert!(company.shown().is_empty());
    assert!(
        company
            .findings
            .ledger
            .iter()
            .any(|change| matches!(change.entry(), Some(LedgerEntry::App { app, .. }) if app.id == graph))
    );
}

fn crowd(tenant: &str, apps: usize, severity: Severity, first_ms: i64) -> Vec<NewApp> {
    let app = |number: usize| NewApp {
        tenant: tenant.to_owned(),
        app: format!("app-{number:05}"),
        severity,
        first_seen: Timestamp(first_ms + i64::try_from(number).unwrap()),
    };
    (0..apps).map(app).collect()
}

#[test]
fn of_too_many_the_mildest_and_oldest_are_left_out_and_counted() {
    let mut apps = crowd("acme", 60, Severity::Low, 1_000);
    apps.extend(crowd("acme", 2, Severity::Critical, 1));
    let tenants = [("acme".to_owned(), apps), ("quiet".to_owned(), crowd("quiet", 1, Severity::Low, 5))];
    let selection = select(tenants.into_iter());
    let of_acme: Vec<&NewApp> = selection.shown.iter().filter(|app| app.tenant == "acme").collect();
    assert_eq!(of_acme.len(), TENANT_SERIES_MAX);
    assert_eq!(
        of_acme.iter().filter(|app| app.severity == Severity::Critical).count(),
        2,
        "severe ones stay, however old"
    );
    let oldest_shown = of_acme.iter().filter(|app| app.severity == Severity::Low).map(|app| app.first_seen).min();
    assert_eq!(oldest_shown, Some(Timestamp(1_012)), "of equals the newest stay");
    assert_eq!(selection.suppressed["acme"], 12);
    assert_eq!(selection.suppressed["quiet"], 0, "a tenant without any is told of, so that nothing is absent");
}

#[test]
fn all_tenants_together_have_a_limit_too() {
    let tenants =
        (0..50i64).map(|number| (format!("t{number:02}"), crowd(&format!("t{number:02}"), 60, Severity::Low, number)));
    let selection = select(tenants);
    assert_eq!(selection.shown.len(), SERIES_MAX);
    assert_eq!(selection.shown.len() + selection.suppressed.values().sum::<usize>(), 50 * 60);
    assert!(selection.suppressed.values().all(|apps| *apps >= 10));
}
