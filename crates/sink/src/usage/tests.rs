//! Usage against a naive model: lists of what happened, counted by looking at each.

use std::collections::{BTreeMap, BTreeSet};

use catalog::GrantRisk;
use enrichment::AppInfo;
use event::{AppIdKind, Event, EventId, Source, Status, UserKey, session_key};
use proptest::{prelude::*, test_runner::RngSeed};

use super::{texts::Texts, *};

const TENANTS: [&str; 2] = ["acme", "umbrella"];
const APPS: [&str; 3] = ["slack.com", "okta:app_id:0oa1", "teams.microsoft.com"];
const DEPARTMENTS: [&str; 3] = ["", "Sales", "Finance"];
const SESSIONS: [&str; 3] = ["", "s1", "s2"];
const KINDS: [Kind; 4] = [Kind::Sso, Kind::TokenUse, Kind::OauthGrant, Kind::Other];
const OUTCOMES: [Outcome; 4] = [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Challenge];

/// An event in small numbers: where each text stands in its list.
#[derive(Clone, Debug)]
struct Happened {
    tenant: usize,
    app: Option<usize>,
    department: usize,
    session: usize,
    person: u64,
    kind: usize,
    outcome: usize,
    occurred_ms: i64,
}

fn happened() -> impl Strategy<Value = Happened> {
    let who = (0usize..2, prop::option::weighted(0.9, 0usize..3), 0usize..3, 0usize..3, 0u64..4);
    let what = (0usize..4, prop_oneof![3 => Just(0usize), 1 => 0usize..4], -2i64..4 * 86_400);
    (who, what).prop_map(|((tenant, app, department, session, person), (kind, outcome, second))| {
        let occurred_ms = second * 1_000;
        Happened { tenant, app, department, session, person, kind, outcome, occurred_ms }
    })
}

/// (tenant, app, department, day)
type Key = (String, String, String, u16);

/// What people would count by hand.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    people: BTreeMap<(Key, u64), (i64, i64)>,
    sessions: BTreeSet<(Key, u64)>,
    /// rows, uses, grants, failures
    cells: BTreeMap<Key, [u64; 4]>,
    /// (tenant, app) → (first, last)
    apps: BTreeMap<(String, String), (i64, i64)>,
}

impl Counted {
    fn by_hand(all: &[Happened]) -> Counted {
        let mut counted = Counted::default();
        for one in all {
            let Some(app) = one.app else { continue };
            let day = u16::try_from(one.occurred_ms.div_euclid(86_400_000).max(0)).unwrap();
            let (tenant, app) = (TENANTS[one.tenant].to_owned(), APPS[app].to_owned());
            let key = (tenant.clone(), app.clone(), DEPARTMENTS[one.department].to_owned(), day);
            let (has_worked, is_refused) = (one.outcome == 0, one.outcome == 1 || one.outcome == 2);
            let is_use = one.kind <= 1 && has_worked;
            let cell = counted.cells.entry(key.clone()).or_default();
            let is_grant = one.kind == 2 && !is_refused;
            for (count, is_so) in cell.iter_mut().zip([true, is_use, is_grant, is_refused]) {
                *count += u64::from(is_so);
            }
            if is_use && one.person != 0 {
                let times = counted.people.entry((key.clone(), one.person)).or_insert((i64::MAX, i64::MIN));
                *times = (times.0.min(one.occurred_ms), times.1.max(one.occurred_ms));
            }
            if is_use && one.session != 0 {
                counted.sessions.insert((key, session_key(Source::Okta, SESSIONS[one.session])));
            }
            let times = counted.apps.entry((tenant, app)).or_insert((i64::MAX, i64::MIN));
            *times = (times.0.min(one.occurred_ms), times.1.max(one.occurred_ms));
        }
        counted
    }

    /// What the blocks say.
    fn of(blocks: &[EncodedBlock]) -> Counted {
        let mut counted = Counted::default();
        for block in blocks {
            let mut keys = Vec::new();
            for row in 0..block.rows {
                let one = block.select(&[row]).unwrap();
                let text = |column| one.texts(column).unwrap().concat();
                let number = |column| one.numbers(column).unwrap()[0];
                let time = |column| number(column).cast_signed();
                let app = (text("tenant"), text("app_key"));
                if block.table == AppsBlock::TABLE {
                    counted.apps.insert(app, (time("first_seen_at"), time("last_seen_at")));
                    continue;
                }
                let key = (app.0, app.1, text("department"), u16::try_from(number("day")).unwrap());
                let last = match block.table {
                    AppPersonDaysBlock::TABLE => {
                        let times = (time("first_used_at"), time("last_used_at"));
                        counted.people.insert((key.clone(), number("user_key")), times);
                        number("user_key")
                    }
                    AppSessionsBlock::TABLE => {
                        counted.sessions.insert((key.clone(), number("session_key")));
                        number("session_key")
                    }
                    _ => {
                        counted.cells.insert(key.clone(), ["rows", "uses", "grants", "failures"].map(number));
                        0
                    }
                };
                keys.push((key.0, key.1, key.3, key.2, last));
            }
            assert!(keys.is_sorted(), "{}: rows are not in the order of the table's key", block.table);
        }
        counted
    }
}

fn take(usage: &mut Usage, one: &Happened) {
    let mut event =
        Event::new(EventId(1), Source::Okta, TENANTS[one.tenant], KINDS[one.kind], Timestamp(one.occurred_ms));
    (event.user_key, event.session_id, event.outcome) =
        (UserKey(one.person), SESSIONS[one.session], OUTCOMES[one.outcome]);
    // Some are numbered, as enrichment does, and some not.
    let number = |app: usize| if one.session == 0 { 0 } else { app as u64 + 1 };
    let info = one.app.map(|app| AppInfo { number: number(app), app_key: APPS[app].to_owned(), ..AppInfo::default() });
    usage.take(&Enriched {
        event: &event,
        app: info.as_ref(),
        status: Status::Unreviewed,
        alternative: "",
        department: DEPARTMENTS[one.department],
        grant_risk: GrantRisk::default(),
        tables_version: "",
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(8), ..ProptestConfig::default() })]

    #[test]
    fn usage_is_what_people_would_count_by_hand_batch_after_batch(
        batches in prop::collection::vec(prop::collection::vec(happened(), 0..60), 1..4),
    ) {
        let mut usage = Usage::default();
        for batch in &batches {
            batch.iter().for_each(|one| take(&mut usage, one));
            let expected = Counted::by_hand(batch);
            let blocks = usage.seal(BatchPlace { log_id: 7, partition: 1, offset: 5 });
            prop_assert_eq!(&Counted::of(&blocks), &expected);
            let rows: BTreeMap<&str, usize> = blocks.iter().map(|block| (block.table, block.rows)).collect();
            let all = [
                ("app_person_days", expected.people.len()),
                ("app_sessions", expected.sessions.len()),
                ("app_days", expected.cells.len()),
                ("apps", expected.apps.len()),
            ];
            prop_assert_eq!(rows, all.into_iter().filter(|(_, rows)| *rows > 0).collect());
        }
    }
}

#[test]
fn texts_are_forgotten_between_batches_when_there_are_too_many() {
    let mut usage = Usage::default();
    for number in 0..=Texts::KEPT_MAX {
        usage.cells.texts().number(&number.to_string());
    }
    usage.seal(BatchPlace { log_id: 7, partition: 1, offset: 5 });
    assert_eq!(usage.cells.texts().len(), 1, "the empty one stays");
}

#[test]
fn a_login_is_use_of_the_product_that_tells_of_it_and_not_of_an_identity_provider() {
    let product = AppRef { source: Source::Slack, id_kind: AppIdKind::Label, id: "Slack" };
    let nobodys = AppRef { source: Source::Okta, id_kind: AppIdKind::None, id: "" };
    for (kind, outcome, app, app_kind, expected) in [
        (Kind::LoginSuccess, Outcome::Success, product, AppKind::Unknown, true),
        (Kind::LoginSuccess, Outcome::Challenge, product, AppKind::Unknown, false),
        (Kind::LoginFailure, Outcome::Failure, product, AppKind::Unknown, false),
        (Kind::LoginSuccess, Outcome::Success, product, AppKind::FirstParty, false),
        (Kind::LoginSuccess, Outcome::Success, nobodys, AppKind::Unknown, false),
    ] {
        let sight = Sight {
            tenant: TENANTS[0],
            app_number: 0,
            app_key: APPS[0],
            department: "",
            occurred_at: Timestamp(1),
            kind,
            outcome,
            user_key: 1,
            session_id: "",
            app,
            app_kind,
            name: "",
            category: "",
            is_first_party: false,
        };
        assert_eq!(sight.is_use(), expected, "{kind} {outcome} {app} {app_kind}");
    }
}
