//! Landing against a small ClickHouse that does what the real one was seen to do: it knows tokens before it has their rows, loses requests
//! and answers, is killed in between, holds a request back and applies it much later, and refuses rows. After any schedule each row is
//! there once, and each row that is refused is not there and is named.

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    /// It never arrives, or is turned away for a reason that passes.
    RequestLost,
    /// It is applied, and nobody hears of it.
    AnswerLost,
    /// Killed after the token was written down and before the rows were.
    Killed,
    /// Killed when a part of the rows was committed: those whose number this divides.
    KilledInPart(usize),
    /// As `Killed`, and something on the way sends it again by itself and gets a clean answer from the server that was started anew.
    KilledUnseen,
    /// Something on the way keeps it, and the sender gives up waiting.
    Held,
    /// A request that was held arrives now, and then this one.
    LetGo(usize),
    /// The sender dies while this one is under way; it may be applied. Another takes over.
    Crash(bool),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Fine),
        2 => Just(Fate::RequestLost),
        2 => Just(Fate::AnswerLost),
        2 => Just(Fate::Killed),
        1 => (1usize..4).prop_map(Fate::KilledInPart),
        1 => Just(Fate::KilledUnseen),
        3 => Just(Fate::Held),
        3 => any::<usize>().prop_map(Fate::LetGo),
        1 => any::<bool>().prop_map(Fate::Crash),
    ]
}

/// The table and the way to it.
#[derive(Default)]
struct Server {
    stored: Vec<Position>,
    tokens: BTreeMap<String, BTreeSet<Position>>,
    named: BTreeMap<String, BTreeSet<Position>>,
    held: Vec<(String, Vec<Position>)>,
    refused: BTreeSet<Position>,
    runs: u32,
}

impl Server {
    /// What a real one does with a request. `keep` says which rows are committed before it is killed.
    fn apply(&mut self, token: &str, rows: &[Position], keep: &dyn Fn(usize) -> bool) -> Answer {
        if rows.iter().any(|row| self.refused.contains(row)) {
            return Answer::Refused;
        }
        if self.tokens.insert(token.to_owned(), rows.iter().copied().collect()).is_none() {
            let kept = rows.iter().enumerate().filter(|(number, _)| keep(*number)).map(|(_, row)| *row);
            self.stored.extend(kept);
        }
        Answer::Clean
    }

    fn answer(&mut self, token: &str, rows: Vec<Position>, fate: Fate) -> Answer {
        let named = self.named.entry(token.to_owned()).or_insert_with(|| rows.iter().copied().collect());
        assert_eq!(*named, rows.iter().copied().collect(), "{token} names two sets of rows");
        match fate {
            Fate::Fine => return self.apply(token, &rows, &|_| true),
            Fate::LetGo(number) => {
                if !self.held.is_empty() {
                    let (held, its_rows) = self.held.remove(number % self.held.len());
                    self.apply(&held, &its_rows, &|_| true);
                }
                return self.apply(token, &rows, &|_| true);
            }
            Fate::RequestLost | Fate::Crash(false) => {}
            Fate::AnswerLost | Fate::Crash(true) => drop(self.apply(token, &rows, &|_| true)),
            Fate::Killed => drop(self.apply(token, &rows, &|_| false)),
            Fate::KilledInPart(part) => drop(self.apply(token, &rows, &|number| number % part == 0)),
            Fate::KilledUnseen => {
                self.runs += 1;
                return self.apply(token, &rows, &|_| false);
            }
            Fate::Held => self.held.push((token.to_owned(), rows)),
        }
        Answer::Ambiguous
    }
}

/// The rows of a batch: in another order for each process, because the order depends on what enrichment says.
fn block(positions: &[Position], process: usize) -> Vec<Position> {
    let mut rows = positions.to_vec();
    rows.rotate_left(process * 5 % positions.len().max(1));
    if process % 2 == 1 {
        rows.reverse();
    }
    rows
}

fn positions(count: u16) -> Vec<Position> {
    (0..count).map(|number| Position { offset: u64::from(number / 3), index: number % 3 }).collect()
}

/// Lands a batch as `insert` does. Gives the report of the process that landed it.
fn land(server: &mut Server, all: &[Position], fates: &[Fate], beginning: Beginning) -> Result<Report, Halt> {
    let (mut fates, mut process, mut runs) = (fates.iter().copied(), 0, server.runs);
    let again = if beginning == Beginning::New { Beginning::SentBefore } else { beginning };
    let mut landing = Landing::new("log/0/0-9".to_owned(), beginning);
    for _ in 0..10_000 {
        let rows = block(all, process);
        let fate = fates.next().unwrap_or(Fate::Fine);
        match landing.step() {
            Step::Send(chosen, token) => {
                let chosen = chosen.unwrap_or_else(|| (0..rows.len()).collect());
                let answer = server.answer(&token, chosen.iter().map(|row| rows[*row]).collect(), fate);
                landing.answered(answer);
            }
            Step::ReadBack => {
                let mut stored = server.stored.clone();
                stored.sort_unstable();
                landing.read_back(rows.clone(), &stored);
            }
            Step::Landed if server.runs != runs => {
                runs = server.runs;
                landing = Landing::new("log/0/0-9".to_owned(), again);
                continue;
            }
            Step::Landed => {
                let mut report = landing.report().clone();
                let order: Vec<Position> = report.refused.iter().map(|row| rows[*row]).collect();
                report.refused = (0..).zip(all).filter(|(_, at)| order.contains(at)).map(|(row, _)| row).collect();
                return Ok(report);
            }
            Step::Halt(halt) => return Err(halt),
        }
        if matches!(fate, Fate::Crash(_)) {
            process += 1;
            landing = Landing::new("log/0/0-9".to_owned(), again);
        }
    }
    panic!("it does not come to an end");
}

fn check(server: &mut Server, all: &[Position], report: &Report) {
    // What was held for long arrives at last.
    for (token, rows) in std::mem::take(&mut server.held) {
        server.apply(&token, &rows, &|_| true);
    }
    server.stored.sort_unstable();
    let accepted: Vec<Position> = all.iter().copied().filter(|at| !server.refused.contains(at)).collect();
    assert_eq!(server.stored, accepted, "each row is there once");
    let refused: Vec<Position> = report.refused.iter().map(|row| all[*row]).collect();
    assert_eq!(refused, server.refused.iter().copied().collect::<Vec<_>>(), "each refused row is named");
    assert_eq!(report.surplus_rows, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn whatever_becomes_of_requests_each_row_is_stored_once_or_refused(
        count in 1u16..20,
        refused in prop::collection::btree_set(0u16..20, 0..4),
        fates in prop::collection::vec(fate(), 0..60),
    ) {
        let all = positions(count);
        let refused = refused.into_iter().filter_map(|row| all.get(usize::from(row)).copied()).collect();
        let mut server = Server { refused, ..Server::default() };
        match land(&mut server, &all, &fates, Beginning::New) {
            Ok(report) => check(&mut server, &all, &report),
            // Only where the same rows were lost again and again: then nothing is doubled either.
            Err(halt) => {
                let killed = fates.iter().filter(|fate| matches!(fate, Fate::Killed | Fate::KilledInPart(_) | Fate::KilledUnseen)).count();
                prop_assert!(killed >= usize::try_from(UNSEEN_MAX).unwrap(), "{halt} after {killed} kills");
                let stored: BTreeSet<Position> = server.stored.iter().copied().collect();
                prop_assert_eq!(stored.len(), server.stored.len());
            }
        }
    }

    #[test]
    fn what_went_in_other_batches_is_not_stored_again(
        count in 1u16..20,
        stored in prop::collection::btree_set(0u16..20, 0..20),
        fates in prop::collection::vec(fate(), 0..40),
    ) {
        let all = positions(count);
        let stored = stored.into_iter().filter_map(|row| all.get(usize::from(row)).copied()).collect();
        let mut server = Server { stored, ..Server::default() };
        if let Ok(report) = land(&mut server, &all, &fates, Beginning::PerhapsStored) {
            check(&mut server, &all, &report);
        }
    }
}

#[test]
fn a_batch_that_nobody_doubts_is_sent_once_and_not_read_back() {
    let mut landing = Landing::new("t".into(), Beginning::New);
    assert_eq!(landing.step(), Step::Send(None, "t".into()));
    landing.answered(Answer::Clean);
    assert_eq!(landing.step(), Step::Landed);
    assert_eq!(*landing.report(), Report::default());
}

#[test]
fn a_token_that_is_known_without_its_rows_is_followed_by_the_next() {
    let (mut server, all) = (Server::default(), positions(4));
    let report = land(&mut server, &all, &[Fate::Killed], Beginning::New).unwrap();
    assert_eq!(server.tokens.keys().collect::<Vec<_>>(), ["log/0/0-9", "log/0/0-9/r1"]);
    assert_eq!((report.repairs, report.repaired_rows, report.was_doubtful), (1, 4, true));
    check(&mut server, &all, &report);
}

#[test]
fn without_reading_back_the_rows_would_be_lost() {
    // What the model does is what makes the reading necessary: if this fails, the tests above prove nothing.
    let (mut server, all) = (Server::default(), positions(4));
    assert_eq!(server.answer("t", all.clone(), Fate::Killed), Answer::Ambiguous);
    assert_eq!(server.answer("t", all, Fate::Fine), Answer::Clean);
    assert!(server.stored.is_empty());
}

#[test]
fn a_row_that_is_refused_is_found_by_halves_and_the_others_are_stored() {
    let all = positions(1_000);
    let mut server = Server { refused: [all[3], all[998]].into(), ..Server::default() };
    let report = land(&mut server, &all, &[], Beginning::New).unwrap();
    assert_eq!(report.missing_at_first, Some(1_000), "it is read back once, to know the rows");
    check(&mut server, &all, &report);
    assert!(server.named.len() < 50, "{} requests", server.named.len());
}

#[test]
fn a_table_that_refuses_everything_halts_the_sink() {
    let all = positions(2_500);
    let mut server = Server { refused: all.iter().copied().collect(), ..Server::default() };
    assert_eq!(land(&mut server, &all, &[], Beginning::New), Err(Halt::Refused));
}

#[test]
fn a_server_that_never_keeps_what_it_acknowledges_halts_the_sink() {
    let (mut server, all) = (Server::default(), positions(4));
    // Killed, acknowledged, read back, and so on.
    let fates: Vec<Fate> = [Fate::Killed, Fate::Fine, Fate::Fine].into_iter().cycle().take(100).collect();
    assert_eq!(land(&mut server, &all, &fates, Beginning::New), Err(Halt::Repairs));
    assert!(server.stored.is_empty());
}

#[test]
fn an_account_that_does_not_see_the_rows_halts_the_sink() {
    let mut landing = Landing::new("t".into(), Beginning::SentBefore);
    let mut sent = 0;
    let halt = loop {
        match landing.step() {
            Step::Send(..) => {
                sent += 1;
                landing.answered(Answer::Clean);
            }
            Step::ReadBack => landing.read_back(positions(4), &[]),
            Step::Halt(halt) => break halt,
            Step::Landed => panic!("nothing was seen"),
        }
    };
    assert_eq!((halt, sent), (Halt::Unseen, UNSEEN_MAX + 1));
}

#[test]
fn rows_that_are_there_twice_are_counted_and_nothing_is_sent_for_them() {
    let all = positions(3);
    let mut landing = Landing::new("t".into(), Beginning::SentBefore);
    landing.answered(Answer::Clean);
    landing.read_back(all.clone(), &[all[0], all[0], all[1], all[2], Position { offset: 9, index: 0 }]);
    assert_eq!((landing.step(), landing.report().surplus_rows), (Step::Landed, 2));
}

#[test]
fn what_was_stored_before_the_table_began_to_refuse_it_is_neither_sent_in_parts_nor_called_refused() {
    let all = positions(4);
    let mut landing = Landing::new("t".into(), Beginning::New);
    // Applied, and nobody heard of it; then somebody adds a constraint.
    landing.answered(Answer::Ambiguous);
    landing.answered(Answer::Refused);
    assert_eq!(landing.step(), Step::ReadBack);
    landing.read_back(all.clone(), &all);
    assert_eq!(landing.step(), Step::Landed);
    assert!(landing.report().refused.is_empty());
    // Without any doubt, and with the rows known, a refused set is divided at once.
    let mut landing = Landing::new("t".into(), Beginning::New);
    landing.answered(Answer::Refused);
    landing.read_back(all, &[]);
    assert_eq!(landing.step(), Step::Send(Some(vec![0, 1]), "t/r0/0-2".into()));
    landing.answered(Answer::Refused);
    assert_eq!(landing.step(), Step::Send(Some(vec![2, 3]), "t/r0/2-4".into()));
}
