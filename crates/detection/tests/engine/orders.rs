//! Whatever the order of arrival within a source's lateness, the same episodes open. N2 alone may name other people: who comes second
//! depends on who came first.

use std::collections::BTreeSet;

use event::{Alert, AlertId, Source, Status};
use proptest::{prelude::*, sample::select};

use crate::company::{Company, DAY_0, DAY_MS, HOUR_MS, Happening, MINUTE_MS, consent, mail_consent, sso};

fn happening() -> impl Strategy<Value = Happening> {
    let app = select(vec!["notes", "notes on the phone", "tasks", "poker", "rogue", "imitation"]);
    let kind = select(vec!["sso", "denied", "consent", "mail"]);
    (1..9_u64, app, kind, 0..50_i64, select(vec!["Sales", "Legal"])).prop_map(
        |(user, app, kind, minute, department)| {
            let mut happening = match kind {
                "sso" => sso(user, app),
                "denied" => Happening { outcome: event::Outcome::Denied, ..sso(user, app) },
                "consent" => consent(user, app),
                _ => mail_consent(user, app),
            };
            happening.department = department;
            happening.occurred_ms += minute * MINUTE_MS;
            match app {
                "notes on the phone" => happening.info.app_key = "notes.example".to_owned(),
                "poker" => happening.status = Status::Blocked,
                "rogue" => happening.info.rogue_reason = "exports mail".to_owned(),
                "imitation" => {
                    happening.info.looks_like = "notes.example".to_owned();
                    happening.info.is_confusable = true;
                }
                _ => {}
            }
            happening
        },
    )
}

fn episodes(log: &[Happening]) -> BTreeSet<(String, AlertId)> {
    let mut company = Company::learned();
    let alerts = log.iter().flat_map(|happening| company.see(happening));
    alerts.filter(|alert| alert.rule != "N2").map(|alert| (alert.rule, alert.id)).collect()
}

/// A record of the log.
#[derive(Clone, Debug)]
enum Record {
    Event(Box<Happening>),
    Tick(i64),
}

/// Events and ticks: some of the events are consents and companions of two clicks.
fn record() -> impl Strategy<Value = Record> {
    let click = (happening(), any::<bool>(), select(vec!["", "click 1", "click 2"])).prop_map(
        |(happening, is_supporting, correlation)| {
            let mut happening = Happening { is_supporting, correlation, ..happening };
            if is_supporting && happening.user.is_multiple_of(2) {
                happening.client_id.clear();
            }
            Record::Event(Box::new(happening))
        },
    );
    prop_oneof![6 => click, 1 => (0..60_i64).prop_map(|minute| Record::Tick(DAY_0 + 100 * DAY_MS + minute * MINUTE_MS))]
}

/// Does the log from a record on, at the same offsets as ever.
fn run(company: &mut Company, log: &[Record], from: usize) -> Vec<Alert> {
    let records = (10..).zip(log).skip(from);
    let see = |(offset, record): (u64, &Record)| match record {
        Record::Event(happening) => company.see_at(offset, happening),
        Record::Tick(now_ms) => company.tick_at(offset, *now_ms),
    };
    records.flat_map(see).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_changes_no_episode(
        (log, shuffled) in prop::collection::vec(happening(), 1..60)
            .prop_flat_map(|log| (Just(log.clone()), Just(log).prop_shuffle()))
    ) {
        prop_assert_eq!(episodes(&log), episodes(&shuffled));
    }

    #[test]
    fn people_are_counted_the_same_in_every_order(
        (log, shuffled) in prop::collection::vec(happening(), 1..60)
            .prop_flat_map(|log| (Just(log.clone()), Just(log).prop_shuffle()))
    ) {
        let people = |log: &[Happening]| {
            let mut company = Company::learned();
            log.iter().for_each(|happening| drop(company.see(happening)));
            company.stats.new_people
        };
        prop_assert_eq!(people(&log), people(&shuffled));
    }

    #[test]
    fn after_any_crash_the_rest_is_as_if_there_had_been_none(
        log in prop::collection::vec(record(), 2..60),
        (committed, crashed) in (0..60_usize, 0..60_usize),
        kept in prop::collection::vec(any::<bool>(), 64),
    ) {
        let committed = committed % log.len();
        let crashed = committed + crashed % (log.len() - committed);
        let mut whole = Company::learned();
        let alerts = run(&mut whole, &log[..committed], 0).len();
        let expected = run(&mut whole, &log, committed);

        let mut company = Company::learned();
        prop_assert_eq!(run(&mut company, &log[..crashed], 0).len() >= alerts, true);
        let mut company = company.crashed(9 + u64::try_from(committed).unwrap(), |place| kept[place % kept.len()]);
        prop_assert_eq!(run(&mut company, &log, committed), expected);
        prop_assert_eq!(company.ledger(), whole.ledger());
        prop_assert_eq!(company.engine.state_hash(), whole.engine.state_hash());
    }

    #[test]
    fn an_episode_opens_once(log in prop::collection::vec(happening(), 1..80)) {
        let mut company = Company::learned();
        let ids: Vec<_> = log.iter().flat_map(|happening| company.see(happening)).map(|alert| alert.id).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        prop_assert_eq!(distinct.len(), ids.len());
    }
}

/// The lateness that each source is known for: what comes so late finds the same episodes as in time, and opens none twice.
#[test]
fn section_5_7_within_a_sources_lateness_the_order_of_arrival_changes_no_episode() {
    for (source, hours) in [
        (Source::Okta, 1),
        (Source::Entra, 1),
        (Source::GoogleWorkspace, 6),
        (Source::M365Ual, 24),
        (Source::Salesforce, 24),
    ] {
        let late_ms = hours * HOUR_MS;
        let of_it = |happening: Happening| Happening { source, ..happening };
        let early = |happening: Happening| {
            let occurred_ms = happening.occurred_ms - late_ms;
            of_it(Happening { occurred_ms, delay_ms: late_ms, ..happening })
        };
        let in_order = [
            early(sso(1, "notes")),
            early(mail_consent(2, "notes")),
            early(mail_consent(3, "tasks")),
            of_it(sso(4, "notes")),
            of_it(mail_consent(5, "notes")),
            of_it(sso(6, "tasks")),
        ];
        let mut by_arrival = in_order.clone();
        by_arrival.rotate_left(3);
        let expected = episodes(&in_order);
        assert_eq!(expected.iter().filter(|(rule, _)| rule == "N1").count(), 2, "{source}: {expected:?}");
        assert_eq!(episodes(&by_arrival), expected, "{source}");
    }
}
