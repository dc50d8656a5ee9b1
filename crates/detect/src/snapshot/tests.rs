//! Files that do not fit are ignored, each for its reason, and what a crash leaves behind is never taken for a snapshot.

use std::{ops::RangeInclusive, sync::Arc};

use broker::LogId;
use catalog::Catalogue;
use detection::{Engine, Settings};
use enrichment::Enricher;
use event::{LedgerEntry, Position, Sighting, UserKey};

use super::{format::HEAD_BYTES, *};

const NOW: Timestamp = Timestamp(1_772_500_000_000);
const WHOSE: Whose = Whose { events: LogId(1), ledger: LogId(2), partition: 3, partitions: 4 };
const REACH: RangeInclusive<u64> = 10..=20;
const PEOPLE: u64 = 50;

fn work() -> Work {
    let enricher = Enricher::new(Arc::new(Catalogue::embedded().unwrap()));
    Work::new(enricher, Engine::new(Settings::default()))
}

/// Two tenants, of which one has pairs.
fn remembering() -> Work {
    let mut work = work();
    for tenant in ["acme", "globex"] {
        work.know_tenant(WHOSE.partition, tenant);
        work.engine.load(tenant, &LedgerEntry::Connection { connection: "okta", earliest: NOW });
    }
    for user in 1..=PEOPLE {
        let (app_hash, user_key, position) = (user % 3, UserKey(user), Position { offset: user, index: 0 });
        work.engine.load("acme", &LedgerEntry::Pair { app_hash, user_key, position, sighting: Sighting::USED });
    }
    work
}

fn written(path: &Path, work: &Work) -> Vec<u8> {
    let head = Head { whose: WHOSE, ledger_offset: 15, begun_at: NOW };
    assert!(Writing::begin(path, head, work, 100).unwrap().finish(work).unwrap());
    fs::read(path).unwrap()
}

fn opened(path: &Path, whose: Whose, reach: RangeInclusive<u64>, now: Timestamp) -> Result<(), Ignored> {
    read::open(path, &whose, reach, now).map(drop)
}

#[test]
fn what_was_written_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger-3.snapshot");
    let work = remembering();
    written(&path, &work);
    let (mut restored, mut restoring) = (self::work(), Restoring::of(0, 1));
    read::open(&path, &WHOSE, REACH, NOW).unwrap().restore(&mut restoring, &mut restored).unwrap();
    assert_eq!(restoring.entries, PEOPLE + 2);
    restored.restored(WHOSE.partition, restoring, &(0..0)).unwrap();
    assert_eq!(restored.engine.state_hash(), work.engine.state_hash());
    assert_eq!(restored.tenants(), work.tenants());
}

#[test]
fn a_snapshot_that_does_not_fit_is_ignored_for_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger-3.snapshot");
    assert!(matches!(opened(&path, WHOSE, REACH, NOW), Err(Ignored::Missing)));
    written(&path, &remembering());
    opened(&path, WHOSE, REACH, NOW).unwrap();
    for foreign in [
        Whose { events: LogId(9), ..WHOSE },
        Whose { ledger: LogId(9), ..WHOSE },
        Whose { partition: 9, ..WHOSE },
        Whose { partitions: 9, ..WHOSE },
    ] {
        assert!(matches!(opened(&path, foreign, REACH, NOW), Err(Ignored::Foreign)), "{foreign:?}");
    }
    // The ledger was cut short, or compacted beyond the place from which it would have to be read on.
    for reach in [0..=14, 16..=20] {
        assert!(matches!(opened(&path, WHOSE, reach, NOW), Err(Ignored::OutOfReach { offset: 15, .. })));
    }
    for (later_ms, is_used) in [(AGE_MAX_MS, true), (AGE_MAX_MS + 1, false), (-1, false)] {
        let result = opened(&path, WHOSE, REACH, NOW.plus_ms(later_ms));
        assert_eq!(result.is_ok(), is_used, "{later_ms} ms later: {result:?}");
    }
}

#[test]
fn no_part_of_a_file_and_no_changed_byte_is_taken_for_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger-3.snapshot");
    let bytes = written(&path, &remembering());
    for end in 0..bytes.len() {
        fs::write(&path, &bytes[..end]).unwrap();
        assert!(opened(&path, WHOSE, REACH, NOW).is_err(), "the first {end} bytes");
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&path, &changed).unwrap();
        let result = opened(&path, WHOSE, REACH, NOW);
        assert!(result.is_err(), "byte {place}");
        assert!(place < HEAD_BYTES || matches!(result, Err(Ignored::Damaged)), "byte {place}: {result:?}");
    }
}

#[test]
fn one_that_is_given_up_leaves_the_last_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger-3.snapshot");
    let work = remembering();
    let bytes = written(&path, &work);
    let head = Head { whose: WHOSE, ledger_offset: 19, begun_at: NOW };
    let mut writing = Writing::begin(&path, head, &work, 100).unwrap();
    writing.step(&work);
    assert!(!writing.end().unwrap());
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what was begun is removed");
}

#[test]
fn a_snapshot_is_due_when_the_ledger_has_changed_and_time_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let work = remembering();
    for (interval, changes, is_due) in [
        (Duration::from_secs(3_600), 5, false),
        (Duration::from_nanos(1), 0, false),
        (Duration::from_nanos(1), 5, true),
        (Duration::from_secs(3_600), CHANGES_MAX, true),
    ] {
        let mut snapshots = Snapshots::new(Some(folder.path()), interval);
        snapshots.taken_up(WHOSE, 15, 0);
        snapshots.wrote(WHOSE.partition, 16, changes);
        snapshots.step(&work, true, NOW);
        assert_eq!(snapshots.writing.is_some(), is_due, "{interval:?}, {changes}");
        snapshots.finish(&work, NOW);
        assert_eq!(
            snapshots.restore(&WHOSE, 10..=20, NOW, &mut self::work()).map(|(_, from)| from),
            (changes > 0).then_some(16)
        );
        fs::remove_file(folder.path().join("ledger-3.snapshot")).ok();
    }
    let mut none = Snapshots::new(Some(folder.path()), Duration::ZERO);
    none.taken_up(WHOSE, 15, CHANGES_MAX);
    none.step(&work, true, NOW);
    none.finish(&work, NOW);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "an interval of 0 keeps none");
}
