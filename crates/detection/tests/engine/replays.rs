//! Doing it again: replays with a ledger that is ahead, restarts, learning, merges, tenants.

use detection::{Engine, Settings};
use event::{
    ActorType, Alert, AlertState, AppFirst, AppIdKind, AppRef, EventId, FirstSeen, Kind, LedgerEntry, Position,
    Sighting, Source, Status, Timestamp, UserKey, stable_hash_64,
};

use crate::company::{Company, DAY_0, Happening, consent, mail_consent, raised, sso};

/// A log with something for every rule.
fn history() -> Vec<Happening> {
    let mut log = vec![Happening { kind: Kind::LoginSuccess, ..sso(1, "") }.days_later(-100)];
    for user in 1..=60 {
        log.push(sso(user, "notes"));
        log.push(Happening { kind: Kind::OauthDenied, ..consent(user, "tasks") });
        if user % 7 == 0 {
            log.push(mail_consent(user, "tasks"));
            log.push(Happening { status: Status::Blocked, ..sso(user, "poker") });
        }
        log.push(sso(user, "notes").days_later(1));
    }
    let mut second_id = sso(200, "notes on the phone");
    second_id.info.app_key = "notes.example".to_owned();
    log.push(second_id);
    log
}

fn run(company: &mut Company, log: &[Happening], from: usize) -> Vec<Alert> {
    (1..).zip(log).skip(from).flat_map(|(offset, happening)| company.see_at(offset, happening)).collect()
}

#[test]
fn a_replay_with_the_ledger_ahead_yields_the_same_alerts_byte_for_byte() {
    let log = history();
    let mut company = Company::new(detection::Engine::new(detection::Settings::default()));
    let first = run(&mut company, &log, 0);
    assert!(first.len() > 20);
    let hash = company.engine.state_hash();
    let writes = company.ledger_writes;
    assert_eq!(run(&mut company, &log, 0), first);
    assert_eq!(
        (company.engine.state_hash(), company.ledger_writes),
        (hash, writes),
        "a replay changes and writes nothing"
    );
}

#[test]
fn a_restart_anywhere_yields_the_same_alerts_and_the_same_state() {
    let log = history();
    let mut whole = Company::new(detection::Engine::new(detection::Settings::default()));
    let expected = run(&mut whole, &log, 0);
    for stop in (0..=log.len()).step_by(13) {
        let mut company = Company::new(detection::Engine::new(detection::Settings::default()));
        let mut alerts = run(&mut company, &log[..stop], 0);
        // The commit lags: the new process does the last forty events again.
        let resume = stop.saturating_sub(40);
        let mut company = company.restarted(u64::try_from(stop).unwrap());
        for alert in run(&mut company, &log, resume) {
            match alerts.iter().find(|known| known.id == alert.id) {
                Some(known) => assert_eq!(*known, alert, "stopped at {stop}"),
                None => alerts.push(alert),
            }
        }
        assert_eq!(alerts, expected, "stopped at {stop}");
        assert_eq!(company.engine.state_hash(), whole.engine.state_hash(), "stopped at {stop}");
        assert_eq!(company.restarted(99).engine.state_hash(), whole.engine.state_hash());
    }
}

#[test]
fn a_replay_of_five_hundred_people_tells_each_threshold_again() {
    let log: Vec<_> = (1..=600).map(|user| sso(user, "notes").days_later(30)).collect();
    let mut company = Company::learned();
    let mut pass = || run(&mut company, &log, 0);
    let first = pass();
    assert_eq!(raised(&first), ["N1", "N2", "N2", "N2", "N4", "N4", "N4"]);
    assert_eq!(pass(), first);
}

#[test]
fn a_late_event_lowers_the_first_sight_without_a_second_alert() {
    let mut company = Company::learned();
    assert_eq!(raised(&company.see(&sso(1, "notes"))), ["N1"]);
    let before = company.engine.state_hash();
    assert!(company.see(&sso(1, "notes").days_later(-3)).is_empty());
    assert_ne!(company.engine.state_hash(), before, "the earlier time is remembered");
}

#[test]
fn learning_records_what_is_new_and_delivers_what_is_dangerous() {
    let mut company = Company::new(detection::Engine::new(detection::Settings::default()));
    let first_days = |happening: Happening, days: i64| happening.days_later(days - 100);
    let alerts = company.see(&first_days(mail_consent(1, "notes"), 0));
    let states: Vec<_> = alerts.iter().map(|alert| (alert.rule.as_str(), alert.state)).collect();
    use AlertState::{Muted, Raised};
    assert_eq!(states, [("N1", Muted), ("C1", Muted), ("C2", Raised)]);
    assert_eq!(raised(&company.see(&first_days(sso(1, "thirteenth day"), 13))), Vec::<&str>::new());
    assert_eq!(raised(&company.see(&first_days(sso(1, "fourteenth day"), 14))), ["N1"]);
}

#[test]
fn imported_history_teaches_and_does_not_page() {
    let mut company = Company::learned();
    let alerts = company.see(&Happening { is_backfill: true, ..sso(1, "notes") });
    assert_eq!((alerts.len(), raised(&alerts).len()), (1, 0));
    assert!(company.see(&sso(1, "notes")).is_empty());
}

#[test]
fn a_danger_in_imported_history_is_recorded_and_not_told_and_the_same_danger_today_is() {
    let mut company = Company::learned();
    let history = Happening { is_backfill: true, ..mail_consent(1, "notes") };
    let alerts = company.see(&history);
    assert!(alerts.iter().any(|alert| alert.rule == "C2"), "{alerts:?}");
    assert_eq!(raised(&alerts), Vec::<&str>::new());
    assert_eq!(raised(&company.see(&mail_consent(1, "notes").days_later(1))), ["C2"]);
    assert!(company.see(&mail_consent(1, "notes").days_later(2)).is_empty());
}

#[test]
fn a_second_id_of_a_known_app_is_not_a_new_app() {
    let mut company = Company::learned();
    company.see(&sso(1, "notes"));
    let mut second = sso(1, "notes on the phone");
    second.info.app_key = "notes.example".to_owned();
    assert!(company.see(&second).is_empty());
    second.user = 2;
    assert_eq!(raised(&company.see(&second)), ["N2"]);
}

/// `unknown` is part of `notes`.
fn merge(own_key: &str) -> &str {
    if own_key == "unknown.example" { "notes.example" } else { own_key }
}

#[test]
fn a_split_gives_back_what_came_over_another_app() {
    let mut company = Company::learned();
    for app in ["notes", "unknown", "third"] {
        company.see(&sso(1, app));
    }
    let before = company.engine.state_hash();
    company.regroup("unknown.example", merge);
    let merged = company.engine.state_hash();
    company.regroup("notes.example", |_| "third.example");
    assert_eq!(company.engine.apps("acme").filter(|app| app.app_key == "third.example").count(), 3);
    company.regroup("third.example", merge);
    assert_eq!(company.engine.state_hash(), merged, "what is part of notes goes with it");
    company.regroup("notes.example", |own| own);
    assert_eq!(company.engine.state_hash(), before);
}

#[test]
fn a_merge_joins_people_and_a_split_undoes_it() {
    let mut company = Company::learned();
    for user in 1..=3 {
        company.see(&sso(user, "notes"));
        company.see(&sso(user + 1, "unknown"));
    }
    let before = company.engine.state_hash();
    company.regroup("unknown.example", merge);
    let merged = |user| {
        let mut happening = sso(user, "unknown");
        happening.info.app_key = "notes.example".to_owned();
        happening
    };
    assert!(company.see(&merged(1)).is_empty(), "person 1 is known from the other id");
    let mut restarted = company.restarted(1);
    assert_eq!(restarted.engine.state_hash(), company.engine.state_hash());
    for company in [&mut company, &mut restarted] {
        assert_eq!(raised(&company.see(&merged(5))), ["N4"], "four people are known under either id");
    }
    let mut company = Company::learned();
    for user in 1..=3 {
        company.see(&sso(user, "notes"));
        company.see(&sso(user + 1, "unknown"));
    }
    company.regroup("unknown.example", merge);
    company.regroup("notes.example", |own| own);
    assert_eq!(company.engine.state_hash(), before);
}

#[test]
fn an_app_that_was_known_under_another_key_is_not_new_when_its_own_id_comes() {
    let mut company = Company::learned();
    company.see(&sso(1, "unknown"));
    company.regroup("unknown.example", merge);
    assert_eq!(raised(&company.see(&sso(2, "notes"))), ["N2"]);
}

#[test]
fn an_earlier_day_of_a_connection_ends_its_learning_earlier() {
    let mut company = Company::new(detection::Engine::new(detection::Settings::default()));
    let muted = sso(1, "notes");
    let first = company.see_at(1, &muted);
    assert_eq!((first.len(), raised(&first).len()), (1, 0));
    company.see_at(2, &sso(1, "").days_later(-50));
    assert_eq!(raised(&company.see_at(3, &sso(1, "tasks"))), ["N1"]);
    assert_eq!(company.see_at(1, &muted), first, "what was muted stays so when it is done again");
}

#[test]
fn a_replay_tells_the_same_number_of_people_beyond_the_exact_ranks() {
    let mut log: Vec<_> = (1..=700).map(|user| sso(user, "notes")).collect();
    log.insert(600, mail_consent(600, "notes"));
    let mut company = Company::learned();
    let first = run(&mut company, &log, 0);
    let consent = first.iter().find(|alert| alert.rule == "C1").unwrap();
    assert_eq!(consent.people, 600);
    assert_eq!(run(&mut company, &log, 0), first);
}

#[test]
fn tenants_know_nothing_of_each_other() {
    let mut company = Company::learned();
    let elsewhere = |happening: Happening| Happening { tenant: "globex", ..happening };
    company.see(&elsewhere(Happening { kind: Kind::LoginSuccess, ..sso(1, "") }.days_later(-100)));
    let ours = company.see(&sso(1, "notes"));
    let theirs = company.see(&elsewhere(sso(1, "notes")));
    assert_eq!((raised(&ours), raised(&theirs)), (vec!["N1"], vec!["N1"]));
    assert_ne!(ours[0].id, theirs[0].id);
    assert_eq!(theirs[0].tenant, "globex");
}

#[test]
fn an_app_that_acts_for_itself_is_judged_by_its_identity_only() {
    let by_app = |mut happening: Happening, reason: &str| {
        happening.info.rogue_reason = reason.to_owned();
        Happening { kind: Kind::TokenUse, actor: ActorType::App, ..happening }
    };
    let mut company = Company::learned();
    assert!(company.see(&by_app(sso(0, "robot"), "")).is_empty());
    assert_eq!((company.stats.by_apps, company.stats.without_person), (1, 0));
    assert_eq!(raised(&company.see(&by_app(sso(0, "rogue"), "exports mail"))), ["R1"]);
    assert_eq!(raised(&company.see(&sso(1, "robot"))), ["N1"], "the first person is still news");
}

#[test]
fn the_known_apps_are_told_with_their_people_right_after_a_restart() {
    let mut company = Company::learned();
    for user in 1..=7 {
        company.see(&sso(user, "notes"));
    }
    let mut second = sso(1, "notes on the phone");
    second.info.app_key = "notes.example".to_owned();
    company.see(&second);
    let mut restarted = company.restarted(8);
    let mut apps: Vec<_> = restarted.engine.apps("acme").map(|app| (app.app.id, app.app_key, app.people)).collect();
    apps.sort_unstable();
    assert_eq!(apps, [("notes", "notes.example", 7), ("notes on the phone", "notes.example", 7)]);
    assert_eq!(company.engine.tenants().collect::<Vec<_>>(), ["acme"]);
    assert_eq!(company.engine.pairs(), 8);
}

/// Ledgers of the first versions held the apps of the unified audit log apart, under a key of their own.
#[test]
fn an_app_that_the_ledger_keeps_under_the_audit_logs_key_is_no_new_app() {
    let key = "entra:client_id:notes";
    let before = AppRef { source: Source::M365Ual, id_kind: AppIdKind::ClientId, id: "notes" };
    let seen = FirstSeen { position: Position::default(), event_id: EventId(1), occurred_at: Timestamp(DAY_0) };
    let first = AppFirst { used: seen, ..AppFirst::default() };
    let (position, sighting) = (Position::default(), Sighting::USED);
    let mut engine = Engine::new(Settings::default());
    for entry in [
        LedgerEntry::Connection { connection: "entra-main", earliest: Timestamp(DAY_0) },
        LedgerEntry::Pair { app_hash: stable_hash_64(&before), user_key: UserKey(1), position, sighting },
        LedgerEntry::App {
            app: before,
            name: "Notes",
            first_key: "m365_ual:client_id:notes",
            app_key: "m365_ual:client_id:notes",
            first,
        },
    ] {
        engine.load("acme", &entry);
    }
    let mut company = Company::new(engine);
    let of_now = |user, source| {
        let mut happening = Happening { source, ..sso(user, "notes") };
        happening.info.app_key = key.to_owned();
        happening
    };
    for source in [Source::M365Ual, Source::Entra] {
        assert!(company.see(&of_now(1, source)).is_empty());
    }
    company.see(&of_now(2, Source::Entra));
    let people: Vec<_> = company.engine.apps("acme").map(|app| (app.app_key, app.people)).collect();
    assert_eq!(people, [(key, 2), (key, 2)], "the person of before is one of the two");
}
