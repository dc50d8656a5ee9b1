//! Tables that somebody has damaged: `verify` names it, `reconcile` mends it, and where all is well it changes nothing.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use runtime::Shutdown;
use sink::{ReconcileRequest, Reconciler, Reconciliation};
use support::{Running, Stack, mixed, of_every_kind, sign_ons};

const RECORDS: u64 = 20;

impl Stack {
    fn reconcile(&self, request: ReconcileRequest) -> Reconciliation {
        let reconciler = Reconciler {
            broker: self.broker.clone(),
            prefix: "t.".to_owned(),
            client: self.client.clone(),
            enricher: support::enricher(),
            config: Running::config(),
            shutdown: Shutdown::new(),
            runtime: self.runtime.handle().clone(),
        };
        reconciler.reconcile(request).unwrap()
    }

    /// What figures are made of, less the times at which rows were stored.
    fn figures(&self) -> Vec<String> {
        [
            "SELECT count(), uniqExact(_partition, _offset, _index), sum(cityHash64(event_id, app_key, user_key, department)) FROM events",
            "SELECT tenant, app_key, day, department, user_key, min(first_used_at), max(last_used_at) FROM app_person_days GROUP BY ALL ORDER BY ALL",
            "SELECT DISTINCT tenant, app_key, day, department, session_key FROM app_sessions ORDER BY ALL",
            "SELECT tenant, app_key, day, department, sum(rows), sum(uses), sum(grants), sum(failures) FROM app_days FINAL GROUP BY ALL HAVING sum(rows) > 0 ORDER BY ALL",
            "SELECT tenant, app_key, anyLast(name), min(first_seen_at), max(last_seen_at), arraySort(groupUniqArrayArray(app_refs)) FROM apps GROUP BY ALL ORDER BY ALL",
        ]
        .map(|question| self.ask(question))
        .into()
    }
}

/// A log whose events have all landed.
fn landed() -> Stack {
    let stack = Stack::start();
    for number in 0..RECORDS {
        stack.append(sign_ons(u32::try_from(number % 2).unwrap(), number * 100, mixed(number) % 5 + 2));
    }
    stack.append(of_every_kind(0));
    stack.append(of_every_kind(1));
    stack
}

#[test]
fn what_is_damaged_is_named_and_mended_and_what_is_well_stays() {
    let stack = landed();
    let sink = stack.run();
    sink.wait("everything has landed", || stack.is_done());
    assert!(stack.verify().is_sound(), "{:#?}", stack.verify());
    let whole = stack.figures();
    let idle = stack.reconcile(ReconcileRequest::default());
    assert!(idle.is_idle() && idle.left.is_empty(), "{idle:#?}");
    let now = "SETTINGS mutations_sync = 2";
    // Damages that are there at once, and what is said of them.
    for (damages, named) in [
        (
            vec![
                format!("ALTER TABLE events DELETE WHERE _offset % 7 = 3 {now}"),
                "INSERT INTO events SELECT * FROM events WHERE _offset IN (2, 5) AND _index = 1".into(),
                // A row at a place of the log that has no event.
                "INSERT INTO events SELECT * REPLACE (toUInt16(_index + 900) AS _index) FROM events WHERE _offset = 4".into(),
            ],
            vec!["app_days: acme"],
        ),
        (
            vec![
                format!("ALTER TABLE app_person_days DELETE WHERE user_key % 3 = 0 {now}"),
                "INSERT INTO app_person_days SELECT * REPLACE (user_key + 1000000 AS user_key) FROM app_person_days WHERE user_key % 5 = 0".into(),
                format!("ALTER TABLE app_sessions DELETE WHERE session_key % 2 = 0 {now}"),
                "INSERT INTO app_days SELECT * REPLACE (rows + 9 AS rows, uses + 5 AS uses) FROM app_days FINAL WHERE _offset % 2 = 0".into(),
                format!("ALTER TABLE apps DELETE WHERE 1 {now}"),
            ],
            vec!["app_person_days: acme", "app_sessions: acme", "app_days: acme", "apps: acme"],
        ),
        (
            vec![
                "INSERT INTO app_person_days SELECT * REPLACE (first_used_at - INTERVAL 1 MINUTE AS first_used_at) FROM app_person_days WHERE user_key % 4 = 0".into(),
                "INSERT INTO app_sessions SELECT * REPLACE (session_key + 1 AS session_key) FROM app_sessions".into(),
                format!("ALTER TABLE app_days DELETE WHERE _partition = 1 {now}"),
                "INSERT INTO app_days SELECT * REPLACE ('nobody' AS department) FROM app_days FINAL".into(),
                "INSERT INTO apps SELECT * REPLACE (first_seen_at - INTERVAL 1 MINUTE AS first_seen_at, ['okta:app_id:none'] AS app_refs) FROM apps FINAL".into(),
                "INSERT INTO apps SELECT * REPLACE ('nothing' AS app_key) FROM apps FINAL".into(),
            ],
            vec!["app_person_days: acme", "app_sessions: acme", "department \"nobody\"", "app_refs", "nothing"],
        ),
    ] {
        damages.iter().for_each(|damage| stack.execute(damage));
        let only_said = stack.reconcile(ReconcileRequest { dry_run: true, refused: false });
        assert!(!only_said.is_idle() && only_said.partitions.iter().all(|rows| rows.records == 0), "{only_said:#?}");
        let found = stack.verify();
        assert!(!found.is_sound() && found.usage == only_said.usage, "a dry run mends nothing: {found:#?}");
        for name in named {
            assert!(found.usage.iter().any(|line| line.contains(name)), "{name}: {:#?}", found.usage);
        }
        let mended = stack.reconcile(ReconcileRequest::default());
        assert!(!mended.is_idle() && mended.left.is_empty(), "{damages:?}: {mended:#?}");
        assert!(stack.verify().is_sound(), "{damages:?}: {:#?}", stack.verify());
        assert_eq!(stack.figures(), whole, "{damages:?}");
    }
    let idle = stack.reconcile(ReconcileRequest::default());
    assert!(idle.is_idle() && idle.left.is_empty(), "{idle:#?}");
    sink.stop().unwrap();
    stack.stop();
}

#[test]
fn beside_a_sink_that_lands_events_nothing_settled_is_found_wrong_or_touched() {
    let stack = landed();
    let sink = stack.run();
    sink.wait("the first batches have landed", || !stack.verify().partitions.iter().all(|check| check.landed_to == 0));
    for number in RECORDS..RECORDS + 60 {
        stack.append(sign_ons(u32::try_from(number % 2).unwrap(), number * 100, mixed(number) % 5 + 2));
        if number % 20 == 0 {
            let found = stack.verify();
            assert!(found.is_sound(), "{found:#?}");
            let idle = stack.reconcile(ReconcileRequest::default());
            assert!(idle.is_idle(), "{idle:#?}");
        }
    }
    sink.wait("everything has landed", || stack.is_done());
    assert!(stack.verify().is_sound());
    sink.stop().unwrap();
    stack.stop();
}

#[test]
fn rows_that_the_table_refused_are_stored_once_it_is_mended_and_asked_for() {
    let stack = landed();
    stack.execute("ALTER TABLE events ADD CONSTRAINT few CHECK user_key % 3 != 0");
    let sink = stack.run();
    sink.wait("everything has landed", || stack.is_done());
    let refused = |stack: &Stack| stack.verify().partitions.iter().map(|check| check.refused).sum::<u64>();
    assert!(refused(&stack) > 0 && stack.verify().is_sound(), "{:#?}", stack.verify());
    stack.execute("ALTER TABLE events DROP CONSTRAINT few");
    assert!(stack.reconcile(ReconcileRequest::default()).is_idle(), "they are stored when somebody asks for it");
    let asked = ReconcileRequest { dry_run: false, refused: true };
    let mended = stack.reconcile(asked);
    assert!(mended.partitions.iter().map(|rows| rows.records).sum::<u64>() > 0, "{mended:#?}");
    assert_eq!((refused(&stack), stack.verify().is_sound()), (0, true));
    assert!(stack.reconcile(asked).is_idle());
    sink.stop().unwrap();
    stack.stop();
}
