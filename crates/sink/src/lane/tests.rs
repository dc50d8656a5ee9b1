//! Lane, plan and batch against a model of the log, the group's offset and a table that knows tokens for ever: any order of reading,
//! sealing, planning, storing and crashing must leave each row there once, and no token may name two sets of rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use broker::Committed;
use codec::decode_log_record;
use enrichment::Enricher;
use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::{
    batch::month_of,
    fixture::{APRIL_MS, MARCH_MS, enricher, sign_ons},
    plan::BadPlan,
    resume::resume,
};

const LOG: LogId = LogId(7);
const ROOM: Room = Room { batches: usize::MAX, bytes: usize::MAX, is_idle: false };
const FRESH: Resume = Resume { start: 0, ranges: Vec::new(), stored_below: None, is_other_log: false };

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// What happens next. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    GrowOld,
    Plan(usize),
    Commit,
    /// The table takes a batch that was sent, perhaps by a process that is dead by now.
    Store(usize),
    /// The answer for a batch that is stored comes back.
    Answer(usize),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..6).prop_map(Step::Read),
        2 => Just(Step::GrowOld),
        4 => (1usize..4).prop_map(Step::Plan),
        4 => Just(Step::Commit),
        4 => any::<usize>().prop_map(Step::Store),
        3 => any::<usize>().prop_map(Step::Answer),
        1 => Just(Step::Crash),
    ]
}

/// (rows, is it April?, can it be read?) of each record.
fn records() -> impl Strategy<Value = Vec<(u128, bool, bool)>> {
    let record = (1u128..5, prop::bool::weighted(0.2), prop::bool::weighted(0.9));
    prop::collection::vec(record, 1..40)
}

struct World {
    log: Vec<Vec<u8>>,
    rows: Vec<u64>,
    enricher: Enricher,
    config: Config,
    committed: Option<Committed>,
    lane: Lane,
    next: u64,
    /// Every batch that was ever sent, by its token.
    sent: BTreeMap<String, Range>,
    /// Tokens that the table has taken.
    stored: BTreeSet<String>,
    /// Tokens sent by the process that lives.
    awaited: BTreeSet<String>,
}

impl World {
    fn new(records: &[(u128, bool, bool)]) -> World {
        let (mut log, mut rows) = (Vec::new(), Vec::new());
        for (index, (count, is_april, is_readable)) in records.iter().enumerate() {
            let received_at_ms = if *is_april { APRIL_MS } else { MARCH_MS };
            log.push(if *is_readable { sign_ons(index as u128 * 100 + 1, *count, received_at_ms) } else { vec![9] });
            rows.push(if *is_readable { u64::try_from(*count).unwrap() } else { 0 });
        }
        let config = Config { batch_rows_max: 7, flush_interval_ms: 1_000, ..Config::default() };
        World {
            log,
            rows,
            enricher: enricher(),
            config,
            committed: None,
            lane: Lane::new(LOG, 3, FRESH),
            next: 0,
            sent: BTreeMap::new(),
            stored: BTreeSet::new(),
            awaited: BTreeSet::new(),
        }
    }

    fn end(&self) -> u64 {
        self.log.len() as u64
    }

    fn read(&mut self, records: usize) {
        for _ in 0..records {
            let Some(value) = self.log.get(at(self.next)) else { return };
            let (offset, decoded) = (self.next, decode_log_record(value));
            if self.lane.must_seal_before(offset, decoded.as_ref().ok().and_then(month_of)) {
                self.lane.seal().unwrap();
            }
            match decoded {
                Ok(decoded) => {
                    self.lane.open.take(offset, Timestamp(1), decoded, value.len(), &mut self.enricher).unwrap();
                }
                Err(_) => self.lane.open.pass(offset, Timestamp(1)),
            }
            self.next += 1;
            if self.lane.must_seal(&self.config) {
                self.lane.seal().unwrap();
            }
        }
    }

    fn grow_old(&mut self) {
        if self.lane.due_since(&self.config, Instant::now() + Duration::from_secs(60)).is_some() {
            self.lane.seal().unwrap();
        }
    }

    fn commit(&mut self) {
        if let Some((offset, metadata)) = self.lane.commit() {
            self.committed = Some(Committed { offset, metadata });
            self.lane.committed();
        }
        for (sealed, beginning) in self.lane.take_planned() {
            let is_known = self.sent.contains_key(&sealed.token());
            assert!(!is_known || beginning == Beginning::SentBefore, "{} was sent before", sealed.token());
            let known = self.sent.insert(sealed.token(), sealed.range);
            assert!(known.is_none_or(|known| known == sealed.range), "{} names two sets of rows", sealed.token());
            self.awaited.insert(sealed.token());
        }
    }

    fn store(&mut self, number: usize) {
        if let Some(token) = self.sent.keys().nth(number % self.sent.len().max(1)) {
            self.stored.insert(token.clone());
        }
    }

    fn answer(&mut self, number: usize) {
        let answered = self.awaited.intersection(&self.stored).nth(number % self.awaited.len().max(1)).cloned();
        if let Some(token) = answered {
            self.awaited.remove(&token);
            self.lane.landed(self.sent[&token]);
        }
    }

    fn crash(&mut self) {
        let resumed = resume::<BadPlan>(self.committed.as_ref(), 0, LOG, || Ok(None)).unwrap();
        self.next = resumed.start;
        self.lane = Lane::new(LOG, 3, resumed);
        self.awaited.clear();
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Read(records) => self.read(*records),
            Step::GrowOld => self.grow_old(),
            Step::Plan(room) => (0..*room).for_each(|_| {
                self.lane.plan_next(&mut ROOM.clone());
            }),
            Step::Commit => self.commit(),
            Step::Store(number) => self.store(*number),
            Step::Answer(number) => self.answer(*number),
            Step::Crash => self.crash(),
        }
    }

    /// Nothing more goes wrong.
    fn finish(&mut self) {
        for _ in 0..10 * self.log.len() {
            self.read(1);
            self.grow_old();
            self.lane.plan_next(&mut ROOM.clone());
            self.commit();
            self.stored.extend(self.awaited.clone());
            self.answer(0);
        }
        (0..self.sent.len()).for_each(|_| self.answer(0));
        self.commit();
    }

    /// How often each record is stored.
    fn check(&self) {
        let mut times = vec![0; self.log.len()];
        for range in self.stored.iter().map(|token| self.sent[token]) {
            let rows: u64 = (range.start..range.end).map(|offset| self.rows[at(offset)]).sum();
            assert_eq!(rows, range.rows, "a range counts the rows of its records: {range:?}");
            (range.start..range.end).for_each(|offset| times[at(offset)] += 1);
        }
        assert_eq!(times, vec![1; self.log.len()], "each record is stored once: {:?}", self.stored);
        let end = Plan { log_id: LOG, stored_below: None, ranges: Vec::new() }.to_metadata();
        assert_eq!(self.committed, Some(Committed { offset: self.end(), metadata: end }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_record_is_stored_once_and_a_token_names_one_set_of_rows(
        records in records(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(&records);
        steps.iter().for_each(|step| world.take(step));
        world.finish();
        world.check();
    }
}

#[test]
fn a_range_stays_in_the_plan_until_it_has_landed_however_often_the_process_starts() {
    let mut world = World::new(&[(7, false, true); 3]);
    world.read(3);
    (0..3).for_each(|_| assert!(world.lane.plan_next(&mut ROOM.clone())));
    world.commit();
    let planned = world.committed.clone();
    assert_eq!(world.sent.len(), 3);
    // The second start forms only the first range again before it ends too.
    world.crash();
    world.read(1);
    world.lane.plan_next(&mut ROOM.clone());
    world.commit();
    assert_eq!(world.committed, planned, "the other two may be stored already");
    world.crash();
    world.finish();
    world.check();
}

#[test]
fn a_plan_never_holds_more_ranges_than_can_be_read_back() {
    // Each record is of another month than the one before it: one batch a record.
    let records: Vec<(u128, bool, bool)> = (0..60).map(|index| (1, index % 2 == 0, true)).collect();
    let mut world = World::new(&records);
    world.read(60);
    while world.lane.plan_next(&mut ROOM.clone()) {}
    assert_eq!((world.lane.in_flight(), world.lane.waiting()), (RANGES_MAX, 59 - RANGES_MAX));
    world.commit();
    world.crash();
    world.finish();
    world.check();
}

#[test]
fn rows_that_are_not_those_of_the_plan_are_never_sent_under_its_token() {
    let mut world = World::new(&[(7, false, true), (7, false, true)]);
    world.read(1);
    world.lane.plan_next(&mut ROOM.clone());
    world.commit();
    world.log[0] = sign_ons(9_000, 7, MARCH_MS);
    world.crash();
    let value = world.log[0].clone();
    let decoded = decode_log_record(&value).unwrap();
    world.lane.open.take(0, Timestamp(1), decoded, value.len(), &mut world.enricher).unwrap();
    assert!(world.lane.must_seal(&world.config));
    assert_eq!(world.lane.seal(), Err(*world.sent.values().next().unwrap()));
}

#[test]
fn of_batches_that_are_due_the_oldest_go_as_far_as_there_is_room_and_those_that_waited_too_long() {
    let now = Instant::now();
    let later = |ms| now + Duration::from_millis(ms);
    let due = || vec![(now, 3), (later(2), 0), (later(1), 7)];
    assert_eq!(choose_due(due(), 2, None), [3, 7]);
    assert!(choose_due(due(), 0, None).is_empty());
    assert_eq!(choose_due(due(), 9, None), [3, 7, 0]);
    assert_eq!(choose_due(due(), 0, Some(later(1))), [3, 7]);
    assert_eq!(choose_due(due(), 1, Some(later(9))), [3, 7, 0]);
}

#[test]
fn a_batch_that_is_old_and_not_full_is_due_and_need_not_go() {
    let mut world = World::new(&[(3, false, true)]);
    world.read(1);
    let later = Instant::now() + Duration::from_secs(60);
    assert!(world.lane.due_since(&world.config, Instant::now()).is_none());
    assert!(world.lane.due_since(&world.config, later).is_some());
    assert!(!world.lane.must_seal(&world.config));
    world.lane.seal().unwrap();
    assert!(world.lane.due_since(&world.config, later).is_none(), "there is nothing to seal");
}

#[test]
fn what_is_not_planned_is_not_sent_and_what_is_planned_is_sent_once() {
    let mut world = World::new(&[(7, false, true), (7, false, true)]);
    world.read(2);
    assert!(world.lane.take_planned().is_empty(), "it waits");
    assert!(world.lane.plan_next(&mut ROOM.clone()));
    assert!(world.lane.take_planned().is_empty(), "its plan is not committed");
    world.commit();
    assert_eq!(world.sent.len(), 1);
    assert!(world.lane.take_planned().is_empty());
    assert_eq!(world.lane.commit(), None, "nothing changed");
}

#[test]
fn batches_on_their_way_are_bounded_by_count_and_by_bytes_and_one_may_always_go() {
    let mut world = World::new(&[(7, false, true); 6]);
    world.read(6);
    let mut room = Room { batches: 2, bytes: usize::MAX, is_idle: true };
    assert!(world.lane.plan_next(&mut room) && world.lane.plan_next(&mut room) && !world.lane.plan_next(&mut room));
    let bytes = world.lane.in_flight_bytes() / 2;
    let mut room = Room { batches: 9, bytes: bytes * 2 - 1, is_idle: false };
    assert!(world.lane.plan_next(&mut room) && !world.lane.plan_next(&mut room));
    assert!(!world.lane.plan_next(&mut Room { batches: 9, bytes: 1, is_idle: false }));
    assert!(world.lane.plan_next(&mut Room { batches: 9, bytes: 1, is_idle: true }), "else it would wait for ever");
}

#[test]
fn a_batch_whose_rows_may_be_stored_under_other_tokens_is_told_so_until_it_has_landed() {
    let mut world = World::new(&[(7, false, true); 4]);
    let below = Resume { stored_below: Some(2), ..FRESH };
    world.lane = Lane::new(LOG, 3, below);
    world.read(3);
    while world.lane.plan_next(&mut ROOM.clone()) {}
    let (_, metadata) = world.lane.commit().unwrap();
    assert_eq!(Plan::parse(&metadata).unwrap().unwrap().stored_below, Some(2));
    world.lane.committed();
    let sent = world.lane.take_planned();
    let beginnings: Vec<Beginning> = sent.iter().map(|(_, beginning)| *beginning).collect();
    assert_eq!(beginnings, [Beginning::PerhapsStored, Beginning::PerhapsStored, Beginning::New]);
    sent.iter().take(2).for_each(|(sealed, _)| world.lane.landed(sealed.range));
    let (_, metadata) = world.lane.commit().unwrap();
    assert_eq!(Plan::parse(&metadata).unwrap().unwrap().stored_below, None);
}
