//! One click is three to eight events: companions of a consent wait for it, and nothing hides in them.

use event::{Alert, ConsentType, Source};

use crate::company::{Company, Happening, MINUTE_MS, consent, mail_consent, raised};

/// "Add delegated permission grant": the log does not name the client.
fn companion(happening: Happening) -> Happening {
    let mut companion = Happening { is_supporting: true, correlation: "click 1", ..happening };
    companion.client_id.clear();
    companion
}

fn of_click(happening: Happening) -> Happening {
    Happening { correlation: "click 1", ..happening }
}

fn rules(alerts: &[Alert]) -> Vec<&str> {
    raised(alerts)
}

const NOW: i64 = crate::company::DAY_0 + 100 * crate::company::DAY_MS;

#[test]
fn a_consent_takes_in_its_companions_as_evidence() {
    let mut company = Company::learned();
    assert!(company.see(&companion(mail_consent(1, "notes"))).is_empty());
    let alerts = company.see(&of_click(mail_consent(1, "notes")));
    assert_eq!(rules(&alerts), ["N1", "C1", "C2"]);
    assert!(alerts.iter().all(|alert| alert.evidence.len() == 2));
    assert!(company.tick(NOW + 10 * MINUTE_MS).is_empty());
}

#[test]
fn a_companion_after_its_consent_says_nothing() {
    let mut company = Company::learned();
    assert_eq!(rules(&company.see(&of_click(mail_consent(1, "notes")))), ["N1", "C1", "C2"]);
    let named = Happening { is_supporting: true, ..of_click(mail_consent(1, "notes")) };
    assert!(company.see(&companion(mail_consent(1, "notes"))).is_empty());
    assert!(company.see(&named).is_empty(), "one that names the app is no second alert either");
    assert!(company.tick(NOW + 10 * MINUTE_MS).is_empty());
}

#[test]
fn a_companion_stands_alone_after_five_ticks() {
    let mut company = Company::learned();
    let alone = companion(mail_consent(1, "notes"));
    assert!(company.see(&alone).is_empty());
    assert!(company.tick(NOW + 4 * MINUTE_MS).is_empty());
    let alerts = company.tick(NOW + 6 * MINUTE_MS);
    assert_eq!(rules(&alerts), ["C1", "C2"]);
    assert!(alerts.iter().all(|alert| alert.app_key.is_empty() && alert.evidence.len() == 1));
    assert!(company.tick(NOW + 7 * MINUTE_MS).is_empty());
}

#[test]
fn a_worse_companion_stands_alone_whichever_comes_first() {
    let mut ids = Vec::new();
    for is_consent_first in [true, false] {
        let mut company = Company::learned();
        let mut click = [of_click(consent(1, "notes")), companion(mail_consent(1, "notes"))];
        if !is_consent_first {
            click.reverse();
        }
        let mut alerts: Vec<_> = click.iter().flat_map(|happening| company.see(happening)).collect();
        alerts.extend(company.tick(NOW + 10 * MINUTE_MS));
        alerts.sort_by_key(|alert| alert.id);
        assert_eq!(alerts.len(), 3);
        ids.push(alerts.into_iter().map(|alert| alert.id).collect::<Vec<_>>());
    }
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_harmless_companion_is_not_held() {
    let mut company = Company::learned();
    let writes = company.ledger_writes;
    assert!(company.see(&companion(consent(1, "notes"))).is_empty());
    assert_eq!(company.ledger_writes, writes);
}

#[test]
fn a_grant_by_a_script_for_the_whole_company_needs_no_person() {
    let mut company = Company::learned();
    let script = Happening { consent: ConsentType::TenantWide, ..companion(mail_consent(0, "notes")) };
    assert!(company.see(&script).is_empty());
    assert_eq!(rules(&company.tick(NOW + 6 * MINUTE_MS)), ["C1", "C4"]);
}

#[test]
fn what_waits_survives_a_restart_and_a_replay_of_the_tick() {
    let mut company = Company::learned();
    company.see(&companion(mail_consent(1, "notes")));
    let mut company = company.restarted(3);
    let first = company.tick_at(100, NOW + 6 * MINUTE_MS);
    assert_eq!(rules(&first), ["C1", "C2"]);
    let mut company = company.restarted(4);
    assert_eq!(company.tick_at(100, NOW + 6 * MINUTE_MS), first, "the crash came before the commit");
    assert!(company.tick_at(101, NOW + 7 * MINUTE_MS).is_empty());
    company.committed(102);
    assert!(company.tick_at(100, NOW + 6 * MINUTE_MS).is_empty(), "forgotten once the commit is past it");
    assert_eq!(company.restarted(5).engine.state_hash(), company.engine.state_hash());
}

#[test]
fn a_replay_of_a_click_changes_nothing() {
    let click =
        [companion(mail_consent(1, "notes")), of_click(mail_consent(1, "notes")), companion(mail_consent(2, "notes"))];
    let mut company = Company::learned();
    let pass = |company: &mut Company| -> Vec<Alert> {
        let mut alerts: Vec<_> = (10..).zip(&click).flat_map(|(offset, event)| company.see_at(offset, event)).collect();
        alerts.extend(company.tick_at(20, NOW + 6 * MINUTE_MS));
        alerts
    };
    let first = pass(&mut company);
    let hash = company.engine.state_hash();
    assert_eq!(pass(&mut company), first);
    assert_eq!(company.engine.state_hash(), hash);
}

#[test]
fn a_source_without_companions_is_judged_at_once() {
    let mut company = Company::learned();
    let named = Happening { source: Source::Okta, is_supporting: true, ..of_click(mail_consent(1, "notes")) };
    assert_eq!(rules(&company.see(&named)), ["N1", "C1", "C2"]);
}

#[test]
fn too_many_companions_stand_alone_at_once() {
    let settings = detection::Settings { held_max: 2, ..detection::Settings::default() };
    let mut company = Company::new(detection::Engine::new(settings));
    for user in 1..=2 {
        assert!(company.see(&companion(mail_consent(user, "notes"))).is_empty());
    }
    assert!(!company.see(&companion(mail_consent(3, "notes"))).is_empty());
    assert_eq!(company.stats.held_overflow, 1);
}

#[test]
fn a_second_copy_of_a_companion_changes_nothing() {
    let mut company = Company::learned();
    company.see(&companion(mail_consent(1, "notes")));
    let (hash, writes) = (company.engine.state_hash(), company.ledger_writes);
    assert!(company.see(&companion(mail_consent(1, "notes"))).is_empty());
    assert_eq!((company.engine.state_hash(), company.ledger_writes), (hash, writes));
}

#[test]
fn two_companions_of_one_app_say_it_once_after_a_crash_too() {
    let named = |user| Happening { is_supporting: true, ..of_click(mail_consent(user, "notes")) };
    let pass = |company: &mut Company| {
        let mut alerts = company.see_at(10, &named(1));
        alerts.extend(company.see_at(11, &named(2)));
        alerts.extend(company.tick_at(12, NOW + 6 * MINUTE_MS));
        alerts
    };
    let mut whole = Company::learned();
    let expected = pass(&mut whole);
    assert_eq!(rules(&expected), ["C1", "C2"]);
    // Of the last changes (two held, two episodes, two closed) the episodes alone reached the ledger.
    let episodes = [3, 4].map(|from_end| whole.ledger_writes - from_end);
    let mut crashed = whole.crashed(9, |place| episodes.contains(&place));
    assert_eq!(pass(&mut crashed), expected);
    assert_eq!(crashed.engine.state_hash(), whole.engine.state_hash());
}

#[test]
fn the_evidence_of_one_alert_is_limited() {
    let mut company = Company::learned();
    for user in 1..=40 {
        company.see(&companion(mail_consent(user, "notes")));
    }
    let alerts = company.see(&of_click(mail_consent(1, "notes")));
    assert_eq!(alerts[0].evidence.len(), detection::Settings::default().evidence_max);
}
