//! For each rule, what must fire and what must not. A new rule adds its lines here; a rule without lines fails the last test.

use catalog::{GrantRisk, RiskLevel};
use detection::RULES;
use event::{ConsentType, Kind, Outcome, Severity, Status};

use crate::company::{Company, Happening, consent, mail_consent, raised, sso};

/// A rule, what happens (in words), what happened before, what happens, and whether the rule fires on it.
type Fixture = (&'static str, &'static str, Vec<Happening>, Happening, bool);

fn people(count: u64, app: &str) -> Vec<Happening> {
    (10..10 + count).map(|user| sso(user, app)).collect()
}

fn first_party(mut happening: Happening) -> Happening {
    happening.info.is_first_party = true;
    happening
}

fn with_status(status: Status, happening: Happening) -> Happening {
    Happening { status, ..happening }
}

fn rogue(mut happening: Happening) -> Happening {
    happening.info.rogue_reason = "exports whole mailboxes".to_owned();
    happening
}

fn look_alike(is_confusable: bool, mut happening: Happening) -> Happening {
    happening.info.name = if is_confusable { "Micros0ft Teams" } else { "Microsoft Teams" }.to_owned();
    happening.info.looks_like = "teams.microsoft.com".to_owned();
    happening.info.is_confusable = is_confusable;
    happening
}

fn denied(happening: Happening) -> Happening {
    Happening { outcome: Outcome::Denied, ..happening }
}

/// A consent to scopes that read or write in bulk.
fn dangerous(scopes: &[&str]) -> Happening {
    let mut happening = consent(1, "notes");
    happening.risk.level = RiskLevel::High;
    happening.risk.top_scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    happening
}

fn for_all(happening: Happening) -> Happening {
    Happening { consent: ConsentType::TenantWide, ..happening }
}

fn fixtures() -> Vec<Fixture> {
    [of_new_apps(), of_consents(), of_identity_and_people()].concat()
}

#[rustfmt::skip]
fn of_new_apps() -> Vec<Fixture> {
    let none = Vec::new;
    let app = "notes";
    vec![
        ("N1", "first sign-in", none(), sso(1, app), true),
        ("N1", "first consent", none(), consent(1, app), true),
        ("N1", "first token use", none(), Happening { kind: Kind::TokenUse, ..sso(1, app) }, true),
        ("N1", "a sign-in to the provider that names the app", none(), Happening { kind: Kind::LoginSuccess, ..sso(1, app) }, true),
        ("N1", "first use after a denied attempt", vec![denied(sso(1, app))], sso(1, app), true),
        ("N1", "IT looks at it already", none(), with_status(Status::InReview, sso(1, app)), true),
        ("N1", "IT does not want it", none(), with_status(Status::Unsanctioned, sso(1, app)), true),
        ("N1", "an attempt alone", none(), denied(sso(1, app)), false),
        ("N1", "another person", vec![sso(1, app)], sso(2, app), false),
        ("N1", "used, then granted", vec![sso(1, app)], consent(1, app), false),
        ("N1", "sanctioned", none(), with_status(Status::Sanctioned, sso(1, app)), false),
        ("N1", "tolerated", none(), with_status(Status::Tolerated, sso(1, app)), false),
        ("N1", "blocked: L2 tells", none(), with_status(Status::Blocked, sso(1, app)), false),
        ("N1", "first party", none(), first_party(sso(1, app)), false),
        ("N1", "only assigned", none(), Happening { kind: Kind::AppAssigned, ..sso(1, app) }, false),
        ("N2", "second person", vec![sso(1, app)], sso(2, app), true),
        ("N2", "fourth person", people(3, app), sso(2, app), true),
        ("N2", "the fifth is N4's", people(4, app), sso(2, app), false),
        ("N2", "first person of all is N1's", none(), sso(1, app), false),
        ("N2", "the same person again", people(2, app), sso(10, app), false),
        ("N2", "only tries", vec![sso(1, app)], denied(sso(2, app)), false),
        ("N2", "sanctioned", vec![sso(1, app)], with_status(Status::Sanctioned, sso(2, app)), false),
        ("N2", "first party", vec![first_party(sso(1, app))], first_party(sso(2, app)), false),
        ("N4", "fifth person", people(4, app), sso(2, app), true),
        ("N4", "fiftieth person", people(49, app), sso(2, app), true),
        ("N4", "five hundredth person", people(499, app), sso(2, app), true),
        ("N4", "fourth person", people(3, app), sso(2, app), false),
        ("N4", "sixth person", people(5, app), sso(2, app), false),
        ("N4", "five events of four people", people(4, app), sso(11, app), false),
        ("N4", "fifth person only tries", people(4, app), denied(sso(2, app)), false),
        ("N4", "sanctioned", people(4, app), with_status(Status::Sanctioned, sso(2, app)), false),
    ]
}

#[rustfmt::skip]
fn of_consents() -> Vec<Fixture> {
    let none = Vec::new;
    let app = "notes";
    let backup = Happening { scopes: "Files.Read.All", risk: GrantRisk { level: RiskLevel::High, top_scopes: vec!["Files.Read.All".into()], ..GrantRisk::default() }, ..consent(2, app) };
    let session_mail = Happening { risk: GrantRisk { is_persistent: false, ..mail_consent(2, app).risk }, ..mail_consent(2, app) };
    vec![
        ("C1", "reads mail", none(), mail_consent(1, app), true),
        ("C1", "another person, other scopes", vec![mail_consent(1, app)], backup.clone(), true),
        ("C1", "another person, the same scopes", vec![mail_consent(1, app)], mail_consent(2, app), false),
        ("C1", "one dangerous scope more", vec![dangerous(&["A.Write"])], dangerous(&["A.Write", "B.Write"]), true),
        ("C1", "the same scopes in another order", vec![dangerous(&["A.Write", "B.Write"])], dangerous(&["B.Write", "A.Write"]), false),
        ("C1", "only signs in", none(), consent(1, app), false),
        ("C1", "refused", none(), denied(mail_consent(1, app)), false),
        ("C1", "sanctioned", none(), with_status(Status::Sanctioned, mail_consent(1, app)), false),
        ("C1", "first party", none(), first_party(mail_consent(1, app)), false),
        ("C2", "mail and offline", none(), mail_consent(1, app), true),
        ("C2", "an administrator for themselves", none(), Happening { consent: ConsentType::AdminSelf, ..mail_consent(1, app) }, true),
        ("C2", "without offline access", none(), session_mail, false),
        ("C2", "for the whole company: C4's", none(), for_all(mail_consent(1, app)), false),
        ("C2", "sanctioned", none(), with_status(Status::Tolerated, mail_consent(1, app)), false),
        ("C4", "for everybody", none(), for_all(consent(1, app)), true),
        ("C4", "for everybody, by nobody named", none(), for_all(consent(0, app)), true),
        ("C4", "for oneself", none(), consent(1, app), false),
        ("C4", "an administrator for themselves", none(), Happening { consent: ConsentType::AdminSelf, ..consent(1, app) }, false),
        ("C4", "sanctioned", none(), with_status(Status::Sanctioned, for_all(consent(1, app))), false),
    ]
}

#[rustfmt::skip]
fn of_identity_and_people() -> Vec<Fixture> {
    let none = Vec::new;
    let app = "notes";
    vec![
        ("R1", "let in", none(), rogue(consent(1, app)), true),
        ("R1", "a mere attempt", none(), rogue(denied(consent(1, app))), true),
        ("R1", "let in after an attempt", vec![rogue(denied(consent(1, app)))], rogue(consent(1, app)), true),
        ("R1", "another department", vec![rogue(sso(1, app))], Happening { department: "Legal", ..rogue(sso(2, app)) }, true),
        ("R1", "first party by mistake", none(), first_party(rogue(sso(1, app))), true),
        ("R1", "the same department", vec![rogue(sso(1, app))], rogue(sso(2, app)), false),
        ("R1", "sanctioned by its id", none(), with_status(Status::Sanctioned, rogue(sso(1, app))), false),
        ("R1", "not on the list", none(), sso(1, app), false),
        ("R2", "imitates", none(), look_alike(true, sso(1, app)), true),
        ("R2", "imitates, refused", none(), look_alike(true, denied(sso(1, app))), true),
        ("R2", "the very name, dangerous", none(), look_alike(false, mail_consent(1, app)), true),
        ("R2", "the very name, harmless", none(), look_alike(false, consent(1, app)), false),
        ("R2", "genuine", none(), first_party(look_alike(true, sso(1, app))), false),
        ("R2", "a second time", vec![look_alike(true, sso(1, app))], look_alike(true, sso(2, app)), false),
        ("R2", "sanctioned by its id", none(), with_status(Status::Sanctioned, look_alike(true, sso(1, app))), false),
        ("L2", "used though blocked", none(), with_status(Status::Blocked, sso(1, app)), true),
        ("L2", "first party though blocked", none(), first_party(with_status(Status::Blocked, sso(1, app))), true),
        ("L2", "the same person the next day", vec![with_status(Status::Blocked, sso(1, app))], with_status(Status::Blocked, sso(1, app)).days_later(1), false),
        ("L2", "another person", vec![with_status(Status::Blocked, sso(1, app))], with_status(Status::Blocked, sso(2, app)), true),
        ("L2", "the same day", vec![with_status(Status::Blocked, sso(1, app))], with_status(Status::Blocked, consent(1, app)), false),
        ("L2", "refused: the block works", none(), with_status(Status::Blocked, denied(sso(1, app))), false),
        ("L2", "not wanted, not blocked", none(), with_status(Status::Unsanctioned, sso(1, app)), false),
        ("L2", "imported history", none(), Happening { is_backfill: true, ..with_status(Status::Blocked, sso(1, app)) }, false),
    ]
}

#[test]
fn every_rule_fires_on_what_it_must_and_on_nothing_else() {
    for (rule, words, before, happening, is_expected) in fixtures() {
        let mut company = Company::learned();
        before.iter().for_each(|earlier| drop(company.see(earlier)));
        let alerts = company.see(&happening);
        assert_eq!(raised(&alerts).contains(&rule), is_expected, "{rule}, {words}: {:?}", raised(&alerts));
    }
}

#[test]
fn every_rule_has_fixtures_that_fire_and_that_do_not() {
    let fixtures = fixtures();
    for rule in RULES {
        for is_expected in [true, false] {
            let has_one = fixtures.iter().any(|(id, .., expected)| *id == rule.id && *expected == is_expected);
            assert!(has_one, "{} has no fixture that fires: {is_expected}", rule.id);
        }
    }
}

#[test]
fn a_new_app_without_risk_is_told_and_one_with_risk_is_paged() {
    let known = |mut happening: Happening| {
        happening.info.is_catalogued = true;
        happening
    };
    for (happening, severity) in [
        (known(sso(1, "notes")), Severity::Low),
        (sso(1, "notes"), Severity::Low),
        (known(consent(1, "notes")), Severity::Low),
        (known(mail_consent(1, "notes")), Severity::High),
        (mail_consent(1, "notes"), Severity::Critical),
        (rogue(sso(1, "notes")), Severity::Critical),
    ] {
        let alerts = Company::learned().see(&happening);
        let alert = alerts.iter().find(|alert| alert.rule == "N1").unwrap();
        assert_eq!(alert.severity, severity, "{:?}", alert.factors);
    }
}

#[test]
fn an_alert_explains_itself() {
    let alerts = Company::learned().see(&mail_consent(1, "notes"));
    assert_eq!(raised(&alerts), ["N1", "C1", "C2"]);
    for alert in &alerts {
        let sum: i32 = alert.factors.iter().map(|factor| i32::from(factor.points)).sum();
        assert_eq!(i32::from(alert.score), sum.clamp(0, 100));
        assert_eq!(alert.evidence.len(), 1);
        let query = format!(
            "SELECT * FROM events WHERE tenant = 'acme' AND event_id IN (toUInt128('{}'))",
            alert.evidence[0].0
        );
        assert_eq!(alert.evidence_query, query);
        assert!(!alert.title.is_empty() && !alert.description.is_empty() && !alert.prevention.is_empty());
        assert_eq!((alert.app_key.as_str(), alert.app_ref.as_str()), ("notes.example", "entra:client_id:notes"));
        assert!(!alert.is_late);
    }
}

#[test]
fn a_name_chosen_by_an_attacker_cannot_turn_the_text_around() {
    let mut happening = sso(1, "notes");
    happening.info.name = format!("Safe\u{202e}\n\u{200b}Notes{}", "x".repeat(500));
    let alerts = Company::learned().see(&happening);
    let title = &alerts[0].title;
    assert!(title.contains("SafeNotes") && title.chars().count() < 160, "{title:?}");
}
