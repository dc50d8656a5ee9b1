//! Whatever the order of arrival within a source's lateness, the same episodes open. N2 alone may name other people: who comes second
//! depends on who came first.

use std::collections::BTreeSet;

use event::{AlertId, Status};
use proptest::{prelude::*, sample::select};

use crate::company::{Company, Happening, MINUTE_MS, consent, mail_consent, sso};

fn happening() -> impl Strategy<Value = Happening> {
    let app = select(vec!["notes", "tasks", "poker", "rogue", "imitation"]);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

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
    fn an_episode_opens_once(log in prop::collection::vec(happening(), 1..80)) {
        let mut company = Company::learned();
        let ids: Vec<_> = log.iter().flat_map(|happening| company.see(happening)).map(|alert| alert.id).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        prop_assert_eq!(distinct.len(), ids.len());
    }
}
