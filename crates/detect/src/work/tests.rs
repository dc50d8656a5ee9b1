//! Crashes at every place against one quiet pass: whatever was written before a crash, and however much of it, the alerts are the same and
//! the ledger ends up the same; and a start from a snapshot remembers what a start from the ledger remembers.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use catalog::Catalogue;
use codec::{BatchHeader, BatchWriter};
use detection::Settings;
use event::{
    Alias, AliasAction, AppIdKind, AppRef, ConsentType, Decision, Event, EventId, Kind, Outcome, Source, Status, Tick,
    Tokens, UserKey,
};
use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::{
    ledger::Restoring,
    snapshot::{Head, Whose, read, write::Writing},
};

const TENANT: &str = "acme";
const START_MS: i64 = 1_772_500_000_000;

/// What is in the log, in small numbers.
#[derive(Clone, Debug)]
enum Entry {
    /// (person, app, way, how late in hours) each.
    Events(Vec<(u64, u8, u8, u8)>),
    Tick,
    Decide(u8),
    Merge(u8, u8, bool),
    Poison,
}

/// One stretch: how many records, whether it ends in a crash and where, and which of the ledger's records made it.
#[derive(Clone, Debug)]
struct Stretch {
    records: usize,
    crash: u8,
    mask: u64,
    /// What is done about a snapshot: 0 nothing, 1 it is begun or goes on, 2 it is finished.
    snapshot: u8,
}

fn entry() -> impl Strategy<Value = Entry> {
    let event = (1u64..7, 0u8..6, 0u8..6, prop_oneof![3 => Just(0u8), 1 => 0u8..100]);
    prop_oneof![
        12 => prop::collection::vec(event, 1..4).prop_map(Entry::Events),
        3 => Just(Entry::Tick),
        2 => (0u8..6).prop_map(Entry::Decide),
        2 => (0u8..6, 0u8..6, prop::bool::weighted(0.4)).prop_map(|(from, to, is_split)| Entry::Merge(from, to, is_split)),
        1 => Just(Entry::Poison),
    ]
}

fn stretch() -> impl Strategy<Value = Stretch> {
    (1usize..8, 0u8..10, any::<u64>(), 0u8..3).prop_map(|(records, crash, mask, snapshot)| Stretch {
        records,
        crash,
        mask,
        snapshot,
    })
}

fn app_key(app: u8) -> String {
    format!("entra:app_id:0oa{app}")
}

/// The bytes of the record at an offset.
fn encode(entry: &Entry, offset: usize) -> Vec<u8> {
    let now = Timestamp(START_MS + i64::try_from(offset).unwrap() * 100_000);
    let control = |control: Control| codec::encode_control(TENANT, &control).unwrap();
    match entry {
        Entry::Events(happenings) => {
            let ids: Vec<String> = happenings.iter().map(|(_, app, ..)| format!("0oa{app}")).collect();
            let names: Vec<String> = happenings.iter().map(|(_, app, ..)| format!("App {app}")).collect();
            let events: Vec<Event<'_>> = happenings
                .iter()
                .enumerate()
                .map(|(index, happening)| happened(happening, &ids[index], &names[index], offset * 10 + index, now))
                .collect();
            let mut writer = BatchWriter::new(BatchHeader::of(&events[0]));
            events.iter().for_each(|event| writer.push(event).unwrap());
            writer.finish()
        }
        Entry::Tick => control(Control::Tick(Tick { at: now })),
        Entry::Decide(app) => control(Control::Decision(Decision {
            app_key: app_key(*app),
            app_refs: vec![app_key(*app)],
            status: Status::Sanctioned,
            previous: Status::Unreviewed,
            department: String::new(),
            owner: String::new(),
            reason: "test".into(),
            decided_by: "it".into(),
            decided_at: now,
            expires_at: Timestamp::MISSING,
        })),
        Entry::Merge(from, to, is_split) => control(Control::Alias(Alias {
            action: if *is_split { AliasAction::Split } else { AliasAction::Merge },
            from_app_key: app_key(*from),
            to_app_key: app_key(*to),
            reason: "test".into(),
            decided_by: "it".into(),
            decided_at: now,
        })),
        Entry::Poison => vec![1, 2, 3],
    }
}

/// All of one source, because a record has one: sign-ons, attempts, consents, and companions of consents.
fn happened<'a>(
    (person, app, way, late_hours): &(u64, u8, u8, u8),
    id: &'a str,
    name: &'a str,
    number: usize,
    now: Timestamp,
) -> Event<'a> {
    let occurred_at = now.plus_ms(-3_600_000 * i64::from(*late_hours));
    let mut event = Event::new(EventId(number as u128 + 1), Source::Entra, TENANT, Kind::Sso, occurred_at);
    event.app = AppRef { source: Source::Entra, id_kind: AppIdKind::AppId, id };
    (event.app_name, event.user_key, event.received_at) = (name, UserKey(*person), now);
    (event.connection, event.outcome) = ("entra", Outcome::Success);
    match way {
        0..=2 => {}
        3 => event.outcome = Outcome::Denied,
        _ => {
            event.kind = Kind::OauthGrant;
            event.consent_type = ConsentType::User;
            event.scopes = Tokens::from_canonical("Mail.ReadWrite offline_access");
            event.correlation_id = ["click-0", "click-1", "click-2"][usize::from(*app) % 3];
            event.is_supporting = *way == 5;
        }
    }
    event
}

/// The log, the topics that detection writes, its offset, and its folder. What a process remembers beside them dies with it.
struct World {
    log: Vec<Vec<u8>>,
    alerts: Vec<Vec<u8>>,
    ledger: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    committed: usize,
    folder: tempfile::TempDir,
    /// Starts that used a snapshot.
    from_snapshots: usize,
}

impl World {
    fn new(entries: &[Entry]) -> World {
        let log = entries.iter().enumerate().map(|(offset, entry)| encode(entry, offset)).collect();
        let folder = tempfile::tempdir().unwrap();
        World { log, alerts: Vec::new(), ledger: Vec::new(), committed: 0, folder, from_snapshots: 0 }
    }

    fn snapshot(&self) -> PathBuf {
        self.folder.path().join("ledger-0.snapshot")
    }

    /// A process starts, from its snapshot where there is one: it remembers what one remembers that has none.
    fn start(&mut self, catalogue: &Arc<Catalogue>) -> Work {
        let mut work = fresh(catalogue);
        let mut restoring = Restoring::of(0, 1);
        let mut from = 0;
        if let Ok(snapshot) = read::open(&self.snapshot(), &WHOSE, 0..=self.ledger.len() as u64, NOW) {
            from = usize::try_from(snapshot.head.ledger_offset).unwrap();
            snapshot.restore(&mut restoring, &mut work).unwrap();
            self.from_snapshots += 1;
        }
        let work = self.restored(work, restoring, from);
        let rebuilt = self.restored(fresh(catalogue), Restoring::of(0, 1), 0);
        assert_eq!(work.engine.state_hash(), rebuilt.engine.state_hash(), "the snapshot says something else");
        let keys = |work: &Work| work.controls_of(0).map(ControlEntry::key).collect::<Vec<_>>();
        assert_eq!(keys(&work), keys(&rebuilt), "the snapshot knows other control records");
        work
    }

    fn restored(&self, mut work: Work, mut restoring: Restoring, from: usize) -> Work {
        for (key, value) in &self.ledger[from..] {
            restoring.take(Some(key), value.as_deref(), &mut work.engine, &mut work.enricher).unwrap();
        }
        let ahead = self.committed as u64..self.log.len() as u64;
        work.restored(0, restoring, &ahead).unwrap();
        work
    }

    /// Runs through the log. A process that crashes leaves what it has written by then.
    fn run(&mut self, stretches: &[Stretch], catalogue: &Arc<Catalogue>) {
        let (mut work, mut next, mut writing) = (self.start(catalogue), self.committed, None);
        let quiet = Stretch { records: 1, crash: 9, mask: 0, snapshot: 0 };
        for stretch in stretches.iter().chain(std::iter::repeat_n(&quiet, 2 * self.log.len() + 2)) {
            for _ in 0..stretch.records.min(self.log.len() - next) {
                let logged_at = Timestamp(START_MS + i64::try_from(next).unwrap());
                let place = Place { log_id: LogId(7), partition: 0, offset: next as u64, logged_at };
                // What cannot be read is passed over.
                work.take(place, &self.log[next]).ok();
                next += 1;
            }
            if self.write(&mut work, stretch, next, &mut writing) {
                if let Some(writing) = writing.take() {
                    // It dies with its process, whatever it has written by then.
                    assert!(!Writing::end(writing).unwrap());
                    fs::write(self.snapshot().with_extension("unfinished"), b"half").unwrap();
                }
                work = self.start(catalogue);
                next = self.committed;
            }
        }
    }

    /// Writes what was found. True when the process crashed over it.
    fn write(&mut self, work: &mut Work, stretch: &Stretch, next: usize, writing: &mut Option<Writing>) -> bool {
        let outgoing = work.outgoing(1).unwrap();
        let made_it = |index: usize| stretch.mask & 1 << (index % 64) != 0;
        let alerts = outgoing.alerts.into_iter().map(|(record, _)| record.value.unwrap());
        if stretch.crash == 0 {
            self.alerts.extend(alerts.enumerate().filter(|(index, _)| made_it(*index)).map(|(_, alert)| alert));
            return true;
        }
        self.alerts.extend(alerts);
        let entries = |records: Vec<Record>| records.into_iter().map(|record| (record.key.unwrap(), record.value));
        // One part is durable before the next is begun; of the one in which the process dies, any records may have made it.
        for (part, records) in [outgoing.controls, outgoing.ledger].into_iter().enumerate() {
            if usize::from(stretch.crash) == part + 1 {
                let some = entries(records).enumerate().filter(|(index, _)| made_it(*index));
                self.ledger.extend(some.map(|(_, entry)| entry));
                return true;
            }
            self.ledger.extend(entries(records));
        }
        if stretch.crash == 3 {
            return true;
        }
        work.written();
        self.slice(work, stretch.snapshot, writing);
        self.committed = next;
        work.committed(0, next as u64);
        stretch.crash == 4
    }

    /// A little of a snapshot, in slices so small that events come between them.
    fn slice(&self, work: &Work, wish: u8, writing: &mut Option<Writing>) {
        if wish == 0 {
            return;
        }
        let head = Head { whose: WHOSE, ledger_offset: self.ledger.len() as u64, begun_at: NOW };
        let mut begun = writing.take().unwrap_or_else(|| Writing::begin(&self.snapshot(), head, work, 160).unwrap());
        if wish == 2 {
            assert!(begun.finish(work).unwrap());
        } else if begun.step(work) {
            *writing = Some(begun);
        } else {
            assert!(begun.end().unwrap());
        }
    }

    /// The ledger as compaction leaves it.
    fn compacted(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut last = BTreeMap::new();
        for (key, value) in &self.ledger {
            match value {
                Some(value) => last.insert(key.clone(), value.clone()),
                None => last.remove(key),
            };
        }
        last
    }

    /// The alerts by their id. One that was told again must say the same.
    fn told(&self) -> BTreeMap<u128, event::Alert> {
        let mut told = BTreeMap::new();
        for alert in self.alerts.iter().map(|alert| codec::decode_alert(alert).unwrap()) {
            if let Some(known) = told.insert(alert.id.0, alert.clone()) {
                assert_eq!(known, alert, "told again, it says something else");
            }
        }
        told
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default()
    })]

    #[test]
    fn crashes_anywhere_change_neither_an_alert_nor_the_ledger(
        entries in prop::collection::vec(entry(), 1..60),
        stretches in prop::collection::vec(stretch(), 0..60),
    ) {
        let catalogue = catalogue();
        let (mut quiet, mut crashed) = (World::new(&entries), World::new(&entries));
        quiet.run(&[], &catalogue);
        crashed.run(&stretches, &catalogue);
        prop_assert_eq!(crashed.committed, entries.len());
        prop_assert_eq!(crashed.told(), quiet.told());
        prop_assert_eq!(crashed.compacted(), quiet.compacted());
        let hash = |world: &mut World| world.start(&catalogue).engine.state_hash();
        prop_assert_eq!(hash(&mut crashed), hash(&mut quiet));
        // Whatever was merged, split and refused: detection calls each app as enrichment does.
        let Work { mut engine, enricher, .. } = crashed.start(&catalogue);
        for known in engine.apps(TENANT) {
            let own_key = known.app.to_string();
            prop_assert_eq!(known.app_key, enricher.canonical(TENANT, &own_key), "{}", own_key);
        }
    }

    #[test]
    fn doing_any_stretch_again_with_the_whole_ledger_ahead_changes_nothing(
        entries in prop::collection::vec(entry(), 1..60),
        from in any::<prop::sample::Index>(),
    ) {
        let catalogue = catalogue();
        // But for companions: what was closed before a commit is forgotten, so the stretch before it is never done again.
        let entries: Vec<Entry> = entries.into_iter().map(without_companions).collect();
        let mut world = World::new(&entries);
        world.run(&[], &catalogue);
        let (told, compacted) = (world.told(), world.compacted());
        let hash = world.start(&catalogue).engine.state_hash();
        let alerts = world.alerts.len();
        world.committed = from.index(entries.len());
        world.run(&[], &catalogue);
        prop_assert_eq!(world.told(), told);
        prop_assert_eq!(world.compacted(), compacted);
        prop_assert_eq!(world.start(&catalogue).engine.state_hash(), hash);
        prop_assert!(world.alerts.len() <= 2 * alerts, "each alert at most once more");
    }
}

const NOW: Timestamp = Timestamp(START_MS);
const WHOSE: Whose = Whose { events: broker::LogId(7), ledger: broker::LogId(8), partition: 0, partitions: 1 };

fn fresh(catalogue: &Arc<Catalogue>) -> Work {
    let settings = Settings { learning_days: 0, ..Settings::default() };
    Work::new(Enricher::new(Arc::clone(catalogue)), Engine::new(settings))
}

fn without_companions(entry: Entry) -> Entry {
    match entry {
        Entry::Events(happenings) => Entry::Events(
            happenings.into_iter().map(|(person, app, way, late)| (person, app, way.min(4), late)).collect(),
        ),
        entry => entry,
    }
}

fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: std::sync::OnceLock<Arc<Catalogue>> = std::sync::OnceLock::new();
    Arc::clone(CATALOGUE.get_or_init(|| Arc::new(Catalogue::embedded().unwrap())))
}

#[test]
fn the_schedules_raise_alerts_hold_companions_and_crash() {
    let events = |way| Entry::Events(vec![(1, 1, way, 0)]);
    let mut entries = vec![events(5), events(0), events(4), Entry::Decide(1), Entry::Poison];
    entries.resize(12, Entry::Tick);
    let mut world = World::new(&entries);
    world.run(&[], &catalogue());
    let rules: Vec<String> = world.told().into_values().map(|alert| alert.rule).collect();
    assert!(rules.contains(&"N1".to_owned()) && rules.contains(&"C2".to_owned()), "{rules:?}");
    assert!(world.ledger.iter().any(|(_, value)| value.is_none()), "a companion was held and forgotten");
}

#[test]
fn a_snapshot_that_was_begun_long_ago_is_finished_among_later_events() {
    let events = |person| Entry::Events(vec![(person, 1, 0, 0), (person, 2, 3, 0), (person + 100, 1, 4, 0)]);
    let mut entries: Vec<Entry> = (1..60).map(events).collect();
    entries.extend([Entry::Merge(1, 2, false), Entry::Decide(1)]);
    entries.extend((60..90).map(events));
    let mut world = World::new(&entries);
    let slow = |crash| Stretch { records: 1, crash, mask: u64::MAX, snapshot: 1 };
    let mut stretches = vec![slow(9); 90];
    stretches.push(slow(3));
    world.run(&stretches, &catalogue());
    assert!(world.from_snapshots > 0, "a slice of eight pairs at a time, and yet it ended");
    let mut quiet = World::new(&entries);
    quiet.run(&[], &catalogue());
    assert_eq!((world.told(), world.compacted()), (quiet.told(), quiet.compacted()));
}

#[test]
fn the_ledger_gets_one_record_a_key_and_the_last_one() {
    let record = |key: &str, value: u8| Record { partition: 0, key: Some(key.into()), value: Some(vec![value]) };
    let records = vec![record("a", 1), record("b", 2), record("a", 3), record("c", 4)];
    assert_eq!(last_of_each_key(records), [record("b", 2), record("a", 3), record("c", 4)]);
}
