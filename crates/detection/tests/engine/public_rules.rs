//! What public rules get wrong: each line of the list is a test. Lines 10, 12 and 16 belong to rules that are still to be built.

use catalog::{GrantRisk, RiskLevel};
use detection::{Engine, Settings};
use event::{
    AppFirst, AppIdKind, AppRef, EventId, FirstSeen, Kind, LedgerEntry, Outcome, Position, Sighting, Source, Timestamp,
    UserKey, stable_hash_64,
};

use crate::company::{Company, DAY_0, HOUR_MS, Happening, consent, raised, sso};

#[test]
fn line_1_twenty_user_agents_of_one_person_are_one_first_sight() {
    let mut company = Company::learned();
    let agents = (0..20).map(|agent| Happening { user_agent: format!("agent {agent}"), ..sso(1, "notes") });
    let alerts: Vec<_> = agents.flat_map(|happening| company.see(&happening)).collect();
    assert_eq!(raised(&alerts), ["N1"]);
}

#[test]
fn line_2_an_empty_user_or_app_fires_nothing_and_is_counted() {
    let mut company = Company::learned();
    assert!(company.see(&sso(0, "notes")).is_empty());
    assert!(company.see(&sso(1, "")).is_empty());
    assert_eq!((company.stats.without_person, company.stats.without_app), (1, 1));
    assert_eq!(raised(&company.see(&sso(1, "notes"))), ["N1"]);
}

#[test]
fn line_3_two_apps_of_one_person_within_the_hour_are_two_alerts() {
    let mut company = Company::learned();
    assert_eq!(raised(&company.see(&sso(1, "notes"))), ["N1"]);
    assert_eq!(raised(&company.see(&sso(1, "tasks"))), ["N1"]);
}

#[test]
fn line_4_the_app_is_known_after_the_first_of_a_hundred_people() {
    let mut company = Company::learned();
    let alerts: Vec<_> = (1..=100).flat_map(|user| company.see(&consent(user, "notes"))).collect();
    assert_eq!(raised(&alerts), ["N1", "N2", "N2", "N2", "N4", "N4"]);
    assert_eq!(company.stats.new_people, 100);
}

#[test]
fn line_5_one_single_rare_consent_alerts() {
    let mut company = Company::learned();
    assert_eq!(raised(&company.see(&consent(1, "notes"))), ["N1"]);
}

#[test]
fn line_6_scope_tokens_are_exact() {
    let rated = |level, scope: &'static str| Happening {
        scopes: scope,
        risk: GrantRisk { level, top_scopes: vec![scope.to_owned()], ..GrantRisk::default() },
        ..consent(1, "notes")
    };
    for (level, scope, is_dangerous) in [
        (RiskLevel::High, "Mail.Read", true),
        (RiskLevel::High, "Mail.ReadWrite", true),
        (RiskLevel::Medium, "Mail.ReadBasic", false),
    ] {
        let alerts = Company::learned().see(&rated(level, scope));
        let alert = alerts.iter().find(|alert| alert.rule == "C1");
        assert_eq!(alert.map(|alert| alert.episode.as_str()), is_dangerous.then_some(scope));
    }
}

#[test]
fn line_7_an_app_is_its_client_id_and_not_its_object_id() {
    let mut company = Company::learned();
    company.see(&Happening { object_id: "object-1", ..sso(1, "notes") });
    assert!(company.see(&Happening { object_id: "object-2", ..sso(1, "notes") }).is_empty());
    assert_eq!(raised(&company.see(&Happening { object_id: "object-1", ..sso(1, "tasks") })), ["N1"]);
}

#[test]
fn line_8_fifty_thousand_historic_pairs_are_not_new() {
    let mut engine = Engine::new(Settings::default());
    let seen = FirstSeen { position: Position::default(), event_id: EventId(1), occurred_at: Timestamp(DAY_0) };
    engine.load("acme", &LedgerEntry::Connection { connection: "entra-main", earliest: Timestamp(DAY_0) });
    for app in 0..50 {
        let id = format!("app {app}");
        let key = format!("{id}.example");
        let app = AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id: &id };
        let first = AppFirst { used: seen, ..AppFirst::default() };
        for user in 1..=1_000 {
            engine.load(
                "acme",
                &LedgerEntry::Pair {
                    app_hash: stable_hash_64(&app),
                    user_key: UserKey(user),
                    position: Position::default(),
                    sighting: Sighting::USED,
                },
            );
        }
        engine.load("acme", &LedgerEntry::App { app, name: &id, first_key: &key, app_key: &key, first });
    }
    assert_eq!(engine.pairs(), 50_000);
    let mut company = Company::new(engine);
    for app in 0..50 {
        for user in 1..=1_000 {
            assert!(company.see(&sso(user, &format!("app {app}"))).is_empty());
        }
    }
    assert_eq!(company.ledger_writes, 0);
    assert_eq!(raised(&company.see(&sso(1, "app 50"))), ["N1"]);
}

/// A card statement knows of no sign-in, and Salesforce of none at the identity provider.
#[test]
fn a_new_app_is_told_with_what_its_source_can_know() {
    for source in Source::ALL {
        let alerts = Company::learned().see(&Happening { source: *source, ..sso(1, "notes") });
        let told: Vec<&str> = alerts[0].factors.iter().map(|factor| factor.name.as_str()).collect();
        let is_identity_provider = matches!(
            source,
            Source::Okta | Source::GoogleWorkspace | Source::Entra | Source::M365Ual | Source::Auth0 | Source::Onelogin
        );
        let claims_identity = told.contains(&"people sign in to it with their company identity");
        assert_eq!((alerts[0].rule.as_str(), claims_identity), ("N1", is_identity_provider), "{source}: {told:?}");
        assert_eq!(
            told.iter().filter(|name| name.ends_with("tells of its use")).count(),
            usize::from(!is_identity_provider)
        );
    }
}

#[test]
fn line_9_a_late_event_alerts_and_is_marked_late() {
    let late = |delay_ms, app| Happening { delay_ms, ..sso(1, app) };
    let mut company = Company::learned();
    for (happening, is_late) in [
        (late(HOUR_MS, "late"), true),
        (late(5 * HOUR_MS, "very late"), true),
        (Happening { source: Source::GoogleWorkspace, ..late(6 * HOUR_MS, "late even for Google") }, true),
        (Happening { source: Source::GoogleWorkspace, ..late(5 * HOUR_MS, "usual for Google") }, false),
        (Happening { source: Source::M365Ual, ..late(24 * HOUR_MS, "late even for the audit log") }, true),
        (Happening { source: Source::M365Ual, ..late(23 * HOUR_MS, "usual for the audit log") }, false),
        (late(HOUR_MS - 1, "in time"), false),
    ] {
        let alerts = company.see(&happening);
        assert_eq!(raised(&alerts), ["N1"]);
        assert_eq!(alerts[0].is_late, is_late, "{}", happening.client_id);
    }
}

#[test]
fn the_lateness_budget_is_an_hour_for_okta_and_entra_six_for_google_and_a_day_for_audit_logs_and_files() {
    let settings = detection::Settings::default();
    for (source, hours) in [
        (Source::Okta, 1),
        (Source::Entra, 1),
        (Source::GoogleWorkspace, 6),
        (Source::M365Ual, 24),
        (Source::Salesforce, 24),
    ] {
        assert_eq!(settings.late_after_ms(source), hours * HOUR_MS, "{source}");
    }
}

#[test]
fn line_11_an_older_event_after_a_newer_one_changes_no_verdict() {
    let happenings: Vec<_> = (0..4)
        .map(|hour| Happening { occurred_ms: sso(1, "").occurred_ms + hour * HOUR_MS, ..sso(1, "notes") })
        .collect();
    for first in 0..4 {
        let mut company = Company::learned();
        let alerts: Vec<_> = (0..4).flat_map(|step| company.see(&happenings[(first + step) % 4])).collect();
        assert_eq!(raised(&alerts), ["N1"]);
    }
}

#[test]
fn line_13_the_first_party_ids_replayed_raise_nothing() {
    let mut company = Company::learned();
    for id in 0..4_428 {
        for mut happening in
            [sso(id % 50 + 1, &format!("first party {id}")), consent(id % 50 + 1, &format!("first party {id}"))]
        {
            happening.info.is_first_party = true;
            assert!(company.see(&happening).is_empty());
        }
    }
}

#[test]
fn line_14_genuine_microsoft_apps_are_silent_and_an_imitation_is_not() {
    let mut company = Company::learned();
    for id in 0..47 {
        let mut happening = sso(1, &format!("Microsoft {id}"));
        happening.info.is_first_party = true;
        assert!(company.see(&happening).is_empty());
    }
    let mut imitation = sso(1, "from elsewhere");
    imitation.info.name = "Micros0ft Teams".to_owned();
    imitation.info.looks_like = "teams.microsoft.com".to_owned();
    imitation.info.is_confusable = true;
    assert_eq!(raised(&company.see(&imitation)), ["N1", "R2"]);
}

#[test]
fn line_15_a_name_excludes_nothing() {
    let mut company = Company::learned();
    let mut happening = sso(1, "11111111-2222");
    happening.info.name = "Microsoft Office Service Account".to_owned();
    assert_eq!(raised(&company.see(&happening)), ["N1"]);
}

#[test]
fn line_17_an_app_of_day_0_is_not_new_on_day_100() {
    let mut company = Company::learned();
    company.see(&sso(1, "yearly report").days_later(-100));
    let writes = company.ledger_writes;
    assert!(company.see(&sso(1, "yearly report")).is_empty());
    assert_eq!(company.ledger_writes, writes);
}

#[test]
fn line_18_a_risk_flag_of_the_provider_does_not_bypass_deduplication() {
    let flagged = |user| Happening { reason: "Risky application detected", ..sso(user, "notes") };
    let mut company = Company::learned();
    assert_eq!(raised(&company.see(&flagged(1))), ["N1"]);
    assert!(company.see(&flagged(1)).is_empty());
}

#[test]
fn an_attempt_is_remembered_apart_and_hides_nothing() {
    let mut company = Company::learned();
    for attempt in [
        Happening { kind: Kind::OauthDenied, ..consent(1, "notes") },
        Happening { kind: Kind::OauthRequest, ..consent(1, "notes") },
        Happening { outcome: Outcome::Failure, ..sso(1, "notes") },
    ] {
        assert!(company.see(&attempt).is_empty());
    }
    assert_eq!(raised(&company.see(&consent(1, "notes"))), ["N1"]);
    assert!(company.see(&sso(1, "notes")).is_empty());
}
