//! Doctored observations: each flaw is found, and by the invariant that it violates.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::sync::LazyLock;

use super::*;
use crate::{
    book::{Book, Sent},
    generator::{Generator, PAGE_EVENTS, tenant_id},
    observed::{DeadLetter, Memory, Partition, Row, Sums, Told},
};

/// Pages of the book: the last of each tenant is of unknown outcome.
const PAGES: u64 = 40;
const TENANTS: u64 = 2;

/// What all remember alike.
fn memory(tenant: u64) -> Memory {
    let values = ["detect 0", "ledger", "log", "clickhouse"].map(|who| (who.to_owned(), "a1".to_owned())).to_vec();
    Memory { tenant: tenant_id(tenant), values }
}

/// A book, and exactly what should be there.
fn sound() -> (Expected, Observed) {
    static SOUND: LazyLock<(Expected, Observed)> = LazyLock::new(make_sound);
    SOUND.clone()
}

fn make_sound() -> (Expected, Observed) {
    let generator = Generator::new(7, TENANTS, 1_772_442_000_000);
    let sent =
        |page: u64| Sent { attempts: 1 + u64::from(page.is_multiple_of(5)), is_acknowledged: page < PAGES - TENANTS };
    let book = Book { pages: (0..PAGES).map(|page| (page, sent(page))).collect() };
    let expected = book.expected(&generator);
    let mut observed = Observed {
        memories: (0..TENANTS).map(memory).collect(),
        probe_took: Some(Duration::from_secs(1)),
        sums: Sums {
            read: 12,
            accepted: 9,
            duplicates: 1,
            ignored: 1,
            rejected: 1,
            landed: 9,
            landed_again: 0,
            refused: 0,
            observed: 9,
        },
        ..Observed::default()
    };
    for due in expected.events.values().filter(|due| due.is_acknowledged) {
        let event = &due.event;
        observed.rows.push(Row {
            native_id: event.uuid(),
            tenant: tenant_id(event.tenant),
            checksum: event.checksum(),
            app: event.app.clone(),
            at_ms: event.at_ms,
            user_key: format!("{}/{}", event.tenant, event.person),
            rows: 1,
            places: 1,
            ids: 1,
        });
    }
    observed.row_count = u64::try_from(observed.rows.len()).unwrap();
    observed.place_count = observed.row_count;
    observed.partitions = vec![Partition { events: observed.row_count, ..Partition::default() }];
    for (sha256, poison) in &expected.poison {
        let (reason, origin) = (poison.reason.to_owned(), "http:events:1".to_owned());
        observed.dead_letters.push(DeadLetter { sha256: sha256.clone(), reason, origin });
    }
    for (tenant, app) in &expected.apps {
        observed.posts.push(Told {
            id: format!("alert of {tenant} {app}"),
            tenant: tenant.clone(),
            rule: "N1".to_owned(),
            app: app.clone(),
            is_signed: true,
            is_taken: true,
            is_seen: true,
            is_before_faults: true,
            at: Duration::ZERO,
        });
        observed.alert_rows.insert((tenant.clone(), app.clone()), 1);
    }
    (expected, observed)
}

/// Adds a row of an event that is there already, or that nobody acknowledged.
fn add(observed: &mut Observed, row: Row) {
    observed.row_count += 1;
    observed.place_count += 1;
    observed.partitions[0].events += 1;
    observed.rows.push(row);
}

fn of_unknown_outcome(expected: &Expected, like: &Row) -> Row {
    let due = expected.events.values().find(|due| !due.is_acknowledged && due.sends == 1).unwrap();
    let event = &due.event;
    Row {
        native_id: event.uuid(),
        tenant: tenant_id(event.tenant),
        checksum: event.checksum(),
        app: event.app.clone(),
        at_ms: event.at_ms,
        user_key: format!("{}/{}", event.tenant, event.person),
        ..like.clone()
    }
}

#[test]
fn what_is_exactly_as_it_should_be_is_sound() {
    let (expected, observed) = sound();
    let verdict = check(&expected, &observed);
    assert!(verdict.is_sound(), "{:?}", verdict.findings);
    let figures = verdict.figures;
    assert_eq!(figures.events_acknowledged, (PAGES - TENANTS) * PAGE_EVENTS);
    assert_eq!((figures.rows, figures.missing, figures.doubled), (figures.events_acknowledged, 0, 0));
    assert!(figures.poison > 0 && figures.alerts_expected > 10 && figures.alerts_delivered == figures.alerts_expected);
}

#[test]
fn what_was_sent_twice_may_be_there_twice_and_what_nobody_knows_may_be_there_or_not() {
    let (expected, mut observed) = sound();
    observed.rows[0].rows = 2;
    observed.rows[0].places = 2;
    observed.row_count += 1;
    observed.place_count += 1;
    observed.partitions[0].events += 1;
    let unknown = of_unknown_outcome(&expected, &observed.rows[0]);
    add(&mut observed, Row { rows: 1, places: 1, ..unknown });
    let verdict = check(&expected, &observed);
    assert!(verdict.is_sound(), "page 0 was sent twice: {:?}", verdict.findings);
}

/// What is done to a sound observation, and who must find it.
type Doctored = (&'static str, Invariant, fn(&Expected, &mut Observed));

const DOCTORED: &[Doctored] = &[
    ("a row is missing", Invariant::I1, |_, observed| drop(observed.rows.pop())),
    ("a row is another event's", Invariant::I1, |_, observed| {
        observed.rows[3].app = observed.rows[101].app.clone() + "x"
    }),
    ("a row happened at another time", Invariant::I1, |_, observed| observed.rows[3].at_ms += 1),
    ("a row is another tenant's", Invariant::I1, |_, observed| observed.rows[3].tenant = "tenant1".to_owned()),
    ("an event has two ids", Invariant::I1, |_, observed| observed.rows[3].ids = 2),
    ("a person has two pseudonyms", Invariant::I1, |_, observed| observed.rows[3].user_key = "another".to_owned()),
    ("an event is there more often than it was sent", Invariant::I1, |_, observed| {
        let row = observed.rows[150].clone();
        add(observed, row);
    }),
    ("an event is there twice at one place", Invariant::I1, |_, observed| observed.rows[3].rows = 2),
    ("a receipt does not add up", Invariant::I1, |_, observed| observed.surprises.push("400".to_owned())),
    ("an event that nobody sent", Invariant::I2, |_, observed| {
        observed.rows[3].native_id = "c4a05000-0000-4000-8000-00000fffffff".to_owned();
    }),
    ("an event of unknown outcome is there twice", Invariant::I2, |expected, observed| {
        let row = of_unknown_outcome(expected, &observed.rows[0]);
        add(observed, row.clone());
        add(observed, row);
    }),
    ("a dead letter is missing", Invariant::I3, |_, observed| drop(observed.dead_letters.pop())),
    ("a dead letter is there twice", Invariant::I3, |_, observed| {
        observed.dead_letters.push(observed.dead_letters[0].clone());
    }),
    ("a dead letter with another reason", Invariant::I3, |_, observed| {
        observed.dead_letters[0].reason = "bad_field".to_owned();
    }),
    ("a dead letter from nowhere", Invariant::I3, |_, observed| observed.dead_letters[0].origin.clear()),
    ("a dead letter of a good event", Invariant::I3, |_, observed| observed.dead_letters[0].sha256 = "00".to_owned()),
    ("a coordinate is there twice", Invariant::I4, |_, observed| observed.place_count -= 1),
    ("a gap in a record", Invariant::I4, |_, observed| observed.partitions[0].missing = 1),
    ("a row of no record", Invariant::I4, |_, observed| observed.partitions[0].stray = 1),
    ("a log that nobody compared", Invariant::I4, |_, observed| observed.partitions.clear()),
    ("an app that nobody was told of", Invariant::I5, |_, observed| drop(observed.posts.pop())),
    ("an app that nobody took", Invariant::I5, |_, observed| observed.posts[0].is_taken = false),
    ("a signature that does not fit", Invariant::I5, |_, observed| observed.posts[0].is_signed = false),
    ("an app with two alerts", Invariant::I5, |_, observed| {
        let other = Told { id: "another".to_owned(), ..observed.posts[0].clone() };
        observed.posts.push(other);
    }),
    ("told again after a 2xx", Invariant::I5, |_, observed| observed.posts.push(observed.posts[0].clone())),
    ("an alert about a known app by another rule", Invariant::I5, |_, observed| {
        let other = Told { rule: "N2".to_owned(), ..observed.posts[0].clone() };
        observed.posts.push(other);
    }),
    ("an alert about an app that nobody used", Invariant::I5, |_, observed| {
        let other = Told { app: "0oaOther".to_owned(), ..observed.posts[0].clone() };
        observed.posts.push(other);
    }),
    ("an alert is no row", Invariant::I5, |_, observed| drop(observed.alert_rows.pop_first())),
    ("an app has two alerts in the table", Invariant::I5, |_, observed| {
        observed.alert_rows.values_mut().for_each(|ids| *ids = 2);
    }),
    ("detection remembers something else", Invariant::I6, |_, observed| {
        observed.memories[0].values.push(("log".to_owned(), "b2".to_owned()));
    }),
    ("an alert that a clean pass would have told", Invariant::I5, |_, observed| observed.untold = 1),
    ("nobody remembers", Invariant::I6, |_, observed| observed.memories.clear()),
    ("nobody remembers one tenant", Invariant::I6, |_, observed| drop(observed.memories.pop())),
    ("nobody who detects tells", Invariant::I6, |_, observed| drop(observed.memories[0].values.remove(0))),
    ("the ledger tells nothing", Invariant::I6, |_, observed| drop(observed.memories[1].values.remove(1))),
    ("ClickHouse rebuilds nothing", Invariant::I6, |_, observed| drop(observed.memories[0].values.pop())),
    ("an alert that the ledger does not know", Invariant::I5, |_, observed| {
        observed.alert_differences.push("alert 5: the ledger does not know its episode".to_owned());
    }),
    ("usage differs", Invariant::I7, |_, observed| observed.usage_differences.push("app_days".to_owned())),
    ("no probe passes", Invariant::I8, |_, observed| observed.probe_took = None),
    ("a probe is slow", Invariant::I8, |_, observed| observed.probe_took = Some(PROBE_WITHIN * 2)),
    ("records lag", Invariant::I8, |_, observed| observed.lag_records = 1),
    ("a process has grown", Invariant::I8, |_, observed| observed.growth.push("files".to_owned())),
    ("more have landed than were accepted", Invariant::I9, |_, observed| observed.sums.landed += 1),
    ("fewer have landed than were accepted", Invariant::I9, |_, observed| observed.sums.landed -= 1),
    ("detection missed one", Invariant::I9, |_, observed| observed.sums.observed -= 1),
    ("something was read and has no end", Invariant::I9, |_, observed| observed.sums.read += 1),
    ("nothing was counted", Invariant::I9, |_, observed| observed.sums = Sums::default()),
    ("a name is in a log", Invariant::I10, |_, observed| observed.leaks.push("the log of ingest 0".to_owned())),
];

#[test]
fn each_flaw_is_found_by_the_invariant_that_it_violates() {
    for (what, invariant, doctor) in DOCTORED {
        let (expected, mut observed) = sound();
        doctor(&expected, &mut observed);
        let verdict = check(&expected, &observed);
        assert!(!verdict.holds(*invariant) && !verdict.is_sound(), "{what}: {:?}", verdict.findings);
    }
}

#[test]
fn each_invariant_has_a_flaw_that_it_finds() {
    for invariant in Invariant::ALL {
        assert!(
            DOCTORED.iter().any(|(_, found_by, _)| *found_by == invariant),
            "{invariant:?} was never shown to fail"
        );
    }
}

#[test]
fn the_figures_count_what_is_wrong() {
    let (expected, mut observed) = sound();
    observed.rows.pop();
    let row = observed.rows[150].clone();
    add(&mut observed, row);
    observed.posts.push(observed.posts[0].clone());
    let removed = observed.posts.remove(1);
    let figures = check(&expected, &observed).figures;
    assert_eq!(
        (figures.missing, figures.doubled, figures.alerts_doubled, figures.alerts_missing),
        (1, 1, 1, 1),
        "{removed:?}"
    );
}

#[test]
fn a_post_after_a_2xx_that_nobody_saw_is_none_too_many() {
    let (expected, mut observed) = sound();
    observed.posts[0].is_seen = false;
    observed.posts.push(observed.posts[0].clone());
    assert!(check(&expected, &observed).is_sound());
}
