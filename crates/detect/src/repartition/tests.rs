//! On a real embedded log, cut at every place at which it can be cut.

use std::{cell::Cell, fs, path::Path};

use broker::{Cleanup, Limits, TopicSpec};
use codec::{
    decode_ledger_entry, delivery_key, encode_ledger_entry, feed_cursor_key, gap_key, identity_key, ledger_key,
};
use event::{
    AlertId, AlertState, AppFirst, AppIdKind, AppRef, Control, Decision, EventId, FirstSeen, Gap, GapReason,
    LedgerEntry, LedgerKey, Position, Sighting, Source, Status, Timestamp, UserKey,
};

use super::*;
use crate::ledger::{ControlEntry, origin_record, why_foreign};

const TENANTS: [&str; 5] = ["acme", "brightwater", "cedar", "elm", "kelp"];
const BEFORE: u32 = 2;
const AFTER: u32 = 5;

thread_local! {
    /// How many steps are left until the work is cut.
    static STEPS_LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Ends the work here, where a test wants that.
pub(super) fn may_be_cut_here() -> Result<(), RepartitionError> {
    let left = STEPS_LEFT.get();
    STEPS_LEFT.set(left.saturating_sub(1));
    if left == 0 { Err(AppendError::Closed.into()) } else { Ok(()) }
}

/// Live keys with their values, by topic and partition.
type State = BTreeMap<(String, u32, Vec<u8>), Vec<u8>>;

fn specs(partitions: u32) -> Vec<TopicSpec> {
    let kept = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let cleanup = |topic: Topic| if topic.is_compacted() { Cleanup::Compact } else { kept };
    let spec = |topic: &Topic| TopicSpec { name: topic.name("t."), partitions, cleanup: cleanup(*topic) };
    Topic::ALL.iter().map(spec).collect()
}

fn open(folder: &Path) -> Broker {
    Broker::open_embedded(folder, Limits::default()).unwrap()
}

fn append(broker: &Broker, topic: Topic, record: Record) {
    broker.append(&topic.name("t."), record).unwrap().wait().unwrap();
}

fn events(broker: &Broker) -> LogId {
    LogId(broker.log_id("t.events").unwrap().0)
}

/// A log in which every tenant has something of each kind.
fn fill(folder: &Path) {
    let broker = open(folder);
    broker.ensure_topics(&specs(BEFORE)).unwrap();
    for partition in 0..BEFORE {
        append(&broker, Topic::Ledger, origin_record(events(&broker), partition, BEFORE).unwrap());
    }
    for tenant in TENANTS {
        let partition = partition_of(tenant.as_bytes(), BEFORE);
        let ledger = |key: Vec<u8>, value: Option<Vec<u8>>| {
            append(&broker, Topic::Ledger, Record { partition, key: Some(key), value });
        };
        let entry = |entry: &LedgerEntry<'_>| {
            ledger(ledger_key(tenant, entry.key()), Some(encode_ledger_entry(tenant, entry).unwrap()));
        };
        let position = Position { offset: 77, index: 3 };
        let app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: "0oa1" };
        let seen = FirstSeen { position, event_id: EventId(1), occurred_at: Timestamp(1) };
        for used in [FirstSeen::default(), seen] {
            let first = AppFirst { attempted: seen, used, ..AppFirst::default() };
            entry(&LedgerEntry::App { app, name: "Boards", first_key: "k", app_key: "k", first });
        }
        for user in 1..=2 {
            let sighting = Sighting::USED;
            entry(&LedgerEntry::Pair { app_hash: 7, user_key: UserKey(user), position, sighting });
        }
        entry(&LedgerEntry::Episode { alert_id: AlertId(5), position, people: 2, state: AlertState::Raised });
        entry(&LedgerEntry::Connection { connection: "okta", earliest: Timestamp(4) });
        ledger(ledger_key(tenant, LedgerKey::Held(EventId(8))), None);
        for (offset, status) in [(3_000, Status::Blocked), (9, Status::InReview), (200, Status::Sanctioned)] {
            let position = Position { offset, index: 0 };
            let control = ControlEntry { tenant: tenant.to_owned(), position, control: decision(status) };
            append(&broker, Topic::Ledger, control.record(BEFORE).unwrap());
        }
        for (topic, key) in [
            (Topic::Deliveries, delivery_key(tenant, AlertId(5), "r")),
            (Topic::Cursors, feed_cursor_key(tenant, "okta", "system_log")),
            (Topic::Gaps, gap_key(&gap(tenant))),
            (Topic::Identities, identity_key(tenant, UserKey(1))),
        ] {
            append(&broker, topic, Record { partition, key: Some(key), value: Some(tenant.as_bytes().to_vec()) });
        }
    }
}

fn gap(tenant: &str) -> Gap {
    Gap {
        tenant: tenant.to_owned(),
        connection: "okta".to_owned(),
        feed: "system_log".to_owned(),
        reason: GapReason::NotKept,
        from: Timestamp(1),
        to: Timestamp(2),
        detail: "away".to_owned(),
        noted_at: Timestamp(3),
    }
}

fn decision(status: Status) -> Control {
    Control::Decision(Decision {
        app_key: "k".to_owned(),
        app_refs: Vec::new(),
        status,
        previous: Status::Unreviewed,
        department: String::new(),
        owner: String::new(),
        reason: "so".to_owned(),
        decided_by: "carla".to_owned(),
        decided_at: Timestamp(1),
        expires_at: Timestamp::MISSING,
    })
}

fn state(broker: &Broker) -> State {
    let mut state = State::new();
    for topic in Topic::ALL.map(|topic| topic.name("t.")) {
        for partition in 0..broker.partitions(&topic).unwrap() {
            let mut take = |record: RecordRef<'_>| {
                let place = (topic.clone(), partition, record.key.unwrap_or_default().to_vec());
                match record.value {
                    Some(value) => state.insert(place, value.to_vec()),
                    None => state.remove(&place),
                };
            };
            broker.read(&topic, partition, None, &mut take).unwrap();
        }
    }
    state
}

/// What every partition must be like afterwards.
fn check(state: &State, partitions: u32, events: LogId) {
    let mut decided: BTreeMap<String, Vec<(Position, Status)>> = BTreeMap::new();
    let mut origins = 0;
    for ((topic, partition, key), value) in state {
        let tenant = key_tenant(key).unwrap();
        if tenant.is_empty() {
            let (_, entry) = decode_ledger_entry(value).unwrap();
            assert_eq!(entry, LedgerEntry::Origin { events, partitions });
            origins += 1;
            continue;
        }
        assert_eq!(*partition, partition_of(tenant.as_bytes(), partitions), "{topic}: {tenant}");
        if topic != "t.ledger" {
            assert_eq!(value, tenant.as_bytes());
            continue;
        }
        let has_moved = *partition != partition_of(tenant.as_bytes(), BEFORE);
        let here = if has_moved { Position::BEFORE_LOG } else { Position { offset: 77, index: 3 } };
        match decode_ledger_entry(value).unwrap().1 {
            LedgerEntry::Pair { position, sighting, .. } => assert_eq!((position, sighting), (here, Sighting::USED)),
            LedgerEntry::App { first, .. } => {
                assert_eq!((first.attempted.position, first.used.position), (here, here), "the newest value counts");
                assert!(!first.granted.is_some() && first.granted.position == Position::default());
            }
            LedgerEntry::Episode { position, people, .. } => assert_eq!((position, people), (here, 2)),
            LedgerEntry::Control { position, control: Control::Decision(decision), .. } => {
                assert!(!has_moved || !position.is_among(&(0..u64::MAX)), "no control record of the log itself");
                decided.entry(tenant.to_owned()).or_default().push((position, decision.status));
            }
            LedgerEntry::Connection { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((origins, decided.len()), (usize::try_from(partitions).unwrap(), TENANTS.len()));
    for (tenant, mut history) in decided {
        history.sort_by_key(|(position, _)| *position);
        let statuses: Vec<Status> = history.into_iter().map(|(_, status)| status).collect();
        assert_eq!(statuses, [Status::InReview, Status::Sanctioned, Status::Blocked], "{tenant}");
    }
}

/// Does a start refuse this log?
fn is_refused(broker: &Broker, partitions: u32) -> bool {
    let says_another = state(broker).iter().any(|((_, _, key), value)| {
        let origin = key_tenant(key).filter(|tenant| tenant.is_empty()).map(|_| decode_ledger_entry(value).unwrap().1);
        match origin {
            Some(LedgerEntry::Origin { events: of, partitions: among }) => {
                why_foreign((of, among), events(broker), partitions).is_some()
            }
            _ => false,
        }
    });
    broker.ensure_topics(&specs(partitions)).is_err() || says_another
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            fs::copy(entry.path(), to).map(drop).unwrap()
        }
    }
}

#[test]
fn what_belongs_elsewhere_goes_there_wherever_it_was_cut_before() {
    let folder = tempfile::tempdir().unwrap();
    let (filled, whole) = (folder.path().join("filled"), folder.path().join("whole"));
    fill(&filled);
    copy(&filled, &whole);
    let broker = open(&whole);
    let planned = repartition(&broker, "t.", AFTER, true).unwrap();
    assert!(state(&broker).keys().all(|(_, partition, _)| *partition < BEFORE), "nothing was written");
    let done = repartition(&broker, "t.", AFTER, false).unwrap();
    assert_eq!((&planned.raised, &planned.copied), (&done.raised, &done.copied));
    let moved = TENANTS.iter().filter(|tenant| {
        let home = |partitions| partition_of(tenant.as_bytes(), partitions);
        home(BEFORE) != home(AFTER)
    });
    assert!((1..TENANTS.len()).contains(&moved.count()), "some move and some stay");
    assert_eq!(done.raised.len(), Topic::ALL.len());
    let expected = state(&broker);
    check(&expected, AFTER, events(&broker));
    assert!(!is_refused(&broker, AFTER));
    let again = repartition(&broker, "t.", AFTER, false).unwrap();
    assert_eq!(again, Repartitioned::default(), "done again, nothing is left to do");
    for cut_after in 0.. {
        let cut = folder.path().join(format!("cut-{cut_after}"));
        copy(&filled, &cut);
        let broker = open(&cut);
        STEPS_LEFT.set(cut_after);
        let ended = repartition(&broker, "t.", AFTER, false);
        STEPS_LEFT.set(u32::MAX);
        if ended.is_ok() {
            assert!(cut_after > 10, "{cut_after} places to cut at");
            break;
        }
        assert!(is_refused(&broker, AFTER), "a start amid the work, cut after {cut_after} steps");
        drop(broker);
        let broker = open(&cut);
        repartition(&broker, "t.", AFTER, false).unwrap();
        assert_eq!(state(&broker), expected, "cut after {cut_after} steps");
        drop(broker);
        fs::remove_dir_all(&cut).unwrap();
    }
}

#[test]
fn topics_that_somebody_raised_by_hand_are_made_right_and_it_can_be_done_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let broker = open(folder.path());
    specs(AFTER).iter().for_each(|spec| broker.raise_partitions(&spec.name, AFTER).unwrap());
    assert!(is_refused(&broker, AFTER), "the ledger says that it was written for fewer");
    repartition(&broker, "t.", AFTER, false).unwrap();
    check(&state(&broker), AFTER, events(&broker));
    for partitions in [6, 9] {
        repartition(&broker, "t.", partitions, false).unwrap();
        let state = state(&broker);
        let at_home = |(_, partition, key): &(String, u32, Vec<u8>)| {
            let tenant = key_tenant(key).unwrap();
            tenant.is_empty() || *partition == partition_of(tenant.as_bytes(), partitions)
        };
        assert!(state.keys().all(at_home));
        assert_eq!(state.len(), TENANTS.len() * 12 + usize::try_from(partitions).unwrap());
    }
    let fewer = repartition(&broker, "t.", 4, false).unwrap_err();
    assert!(fewer.to_string().contains("there can only be more"), "{fewer}");
}

#[test]
fn a_ledger_of_another_log_is_not_moved() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let broker = open(folder.path());
    broker.delete_topic("t.events").unwrap();
    broker.ensure_topics(&specs(BEFORE)).unwrap();
    assert!(is_refused(&broker, BEFORE));
    assert!(matches!(repartition(&broker, "t.", AFTER, false), Err(RepartitionError::OtherLog)));
}
