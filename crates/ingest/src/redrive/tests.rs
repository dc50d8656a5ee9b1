//! Dead letters on a real embedded log: each is put through once, wherever a redrive died before.

use std::collections::BTreeMap;

use broker::{Cleanup, Limits, Polled, Record, StartAt, TopicSpec, partition_of};
use codec::{LogRecord, Topic, decode_dead_letter, decode_log_record};
use event::{TenantKey, Timestamp, dead_letter_id};
use hashbrown::HashSet;
use runtime::Registry;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::{Config, ConnectionConfig, metrics::Metrics, redrive::plan::Plan};

const PARTITIONS: u32 = 2;
const ORG: &str = "acme.okta.example";

/// A log with a process on it; another process knows nothing of what this one has in memory.
struct Log {
    broker: Broker,
    folder: TempDir,
}

impl Log {
    fn new() -> Log {
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::open_embedded(folder.path(), Limits::default()).unwrap();
        let delete = Cleanup::Delete { retention_ms: None, retention_bytes: None };
        let topics = [(Topic::Events, delete), (Topic::DeadLetters, delete), (Topic::Identities, Cleanup::Compact)];
        let spec =
            |(topic, cleanup): (Topic, Cleanup)| TopicSpec { name: topic.name("t."), partitions: PARTITIONS, cleanup };
        broker.ensure_topics(&topics.map(spec)).unwrap();
        Log { broker, folder }
    }

    /// A process that has just started.
    fn process(&self) -> Redriver {
        let connection = |id: &str, tenant: &str, org: &str| {
            let secret = self.folder.path().join("secret");
            std::fs::write(&secret, "not to be shown").unwrap();
            let text = format!(
                "id = {id:?}\ntenant = {tenant:?}\nprovider = \"okta\"\nprovider_tenant = {org:?}\nsecret = {{ file = {secret:?} }}"
            );
            toml::from_str::<ConnectionConfig>(&text).unwrap()
        };
        let configs = [connection("okta", "acme", ORG), connection("moved", "globex", "globex.okta.example")];
        let key = |_: &str| Some(TenantKey::new([7; 32]));
        let connections = Arc::new(Connections::new(&configs, key).unwrap());
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let config = Arc::new(Config::default());
        let acceptor = Acceptor::new(self.broker.clone(), "t.", PARTITIONS, config, metrics, |_, _| false);
        Redriver::new(self.broker.clone(), "t.", Arc::new(acceptor), connections)
    }

    /// A redrive was about to write the events of the letters so far, up to this record, and nobody has heard of it since.
    fn plan(&self, to: u64) {
        let partition = partition_of(b"acme", PARTITIONS);
        let (_, events_from) = self.broker.watermarks("t.events", partition).unwrap();
        let plan = Plan { log_id: self.broker.log_id("t.events").unwrap().0, from: 0, to, events_from };
        let mut consumer = self.broker.consumer(run::GROUP, "t.dead_letters", StartAt::Earliest).unwrap();
        let polled = consumer.poll(std::time::Duration::from_secs(5), 1, &mut |_| {}).unwrap();
        assert!(matches!(polled, Polled::Assigned(_)), "{polled:?}");
        consumer.commit(partition, to, &plan.to_metadata()).unwrap();
    }

    fn write(&self, letter: &DeadLetter) {
        let partition = partition_of(letter.tenant.as_bytes(), PARTITIONS);
        let value = Some(codec::encode_dead_letter(letter).unwrap());
        self.broker.append("t.dead_letters", Record { partition, key: None, value }).unwrap().wait().unwrap();
    }

    /// Ids of the events in the log, in order.
    fn events(&self) -> Vec<u128> {
        let mut ids = Vec::new();
        for partition in 0..PARTITIONS {
            let visit = &mut |record: broker::RecordRef<'_>| {
                if let Ok(LogRecord::Events(batch)) = decode_log_record(record.value.unwrap()) {
                    ids.extend(batch.map(|event| event.unwrap().event_id.0));
                }
            };
            self.broker.read("t.events", partition, None, visit).unwrap();
        }
        ids
    }

    /// Records about dead letters: how many, and of how many the latest says that it was put through.
    fn letters(&self) -> (usize, usize) {
        let (mut records, mut latest) = (0, BTreeMap::new());
        for partition in 0..PARTITIONS {
            let visit = &mut |record: broker::RecordRef<'_>| {
                let letter = decode_dead_letter(record.value.unwrap()).unwrap();
                records += 1;
                latest.insert(letter.id.0, letter.redriven_at.is_some());
            };
            self.broker.read("t.dead_letters", partition, None, visit).unwrap();
        }
        (records, latest.values().filter(|is_redriven| **is_redriven).count())
    }
}

fn letter_of(text: String, reason: RejectReason) -> DeadLetter {
    let sha256: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    DeadLetter {
        id: dead_letter_id("okta", &sha256),
        tenant: "acme".into(),
        connection: "okta".into(),
        reason,
        detail: "published".into(),
        origin: "http:events:0".into(),
        received_at: Timestamp(1_772_500_000_000),
        scrubbed: text,
        sha256,
        is_redrivable: true,
        redriven_at: Timestamp::MISSING,
    }
}

fn sign_on(number: u32) -> String {
    format!(
        r#"{{"uuid":"00000000-0000-4000-8000-{number:012}","published":"2026-03-01T09:30:00.000Z","eventType":"user.authentication.sso","actor":{{"id":"00u1","type":"User","alternateId":"ann@example.com"}},"outcome":{{"result":"SUCCESS"}},"target":[{{"id":"0oa1","type":"AppInstance","displayName":"Notes"}}]}}"#
    )
}

/// A letter that can be read now.
fn mended(number: u32) -> DeadLetter {
    letter_of(sign_on(number), RejectReason::BadTime)
}

fn one(answer: &RedriveAnswer) -> &RedriveLine {
    assert_eq!((answer.lines.len(), answer.busy.len(), answer.left), (1, 0, 0), "{answer:?}");
    &answer.lines[0]
}

#[test]
fn letters_are_put_through_once_and_their_text_goes() {
    let (log, everything) = (Log::new(), RedriveRequest::default());
    (0..450).for_each(|number| log.write(&mended(number)));
    // The same bytes again, as after a restart of ingest, are the same letter.
    log.write(&mended(7));
    let dry = log.process().redrive(&RedriveRequest { dry_run: true, ..everything.clone() }).unwrap();
    assert_eq!((one(&dry).letters, one(&dry).accepted, log.events().len()), (450, 450, 0));
    let process = log.process();
    let done = process.redrive(&everything).unwrap();
    assert_eq!((one(&done).letters, one(&done).accepted, one(&done).events), (450, 450, 450));
    for process in [process, log.process()] {
        assert!(process.redrive(&everything).unwrap().lines.is_empty());
    }
    assert_eq!(log.events().into_iter().collect::<HashSet<_>>().len(), 450);
    assert_eq!((log.events().len(), log.letters()), (450, (901, 450)));
    let partition = partition_of(b"acme", PARTITIONS);
    let mut last = None;
    log.broker
        .read("t.dead_letters", partition, None, &mut |record| last = decode_dead_letter(record.value.unwrap()).ok())
        .unwrap();
    let last = last.unwrap();
    assert!(last.scrubbed.is_empty() && last.redriven_at.is_some() && last.detail == "published");
    // The same bytes rejected once more, later: a new fault, and open again.
    log.write(&mended(7));
    let again = log.process().redrive(&everything).unwrap();
    assert_eq!(one(&again).letters, 1);
}

/// How far a redrive came that died.
#[derive(Clone, Copy, Debug)]
enum Died {
    Planned,
    AmidEvents,
    BeforeNotes,
    AmidNotes,
    BeforeItsEnd,
}

#[test]
fn wherever_a_redrive_died_the_next_one_puts_each_letter_through_once() {
    for died in [Died::Planned, Died::AmidEvents, Died::BeforeNotes, Died::AmidNotes, Died::BeforeItsEnd] {
        let log = Log::new();
        let letters: Vec<DeadLetter> = (0..10).map(mended).collect();
        letters.iter().for_each(|letter| log.write(letter));
        // Something else goes on in the log.
        let process = log.process();
        let connection = process.connections.get("okta").unwrap();
        let formed = |letter: &DeadLetter| process.acceptor.form_again(&connection, letter, &HashSet::new()).unwrap();
        process.acceptor.append_again(vec![formed(&mended(900))]).unwrap();
        log.plan(10);
        let (events, notes) = match died {
            Died::Planned => (0, 0),
            Died::AmidEvents => (4, 0),
            Died::BeforeNotes => (10, 0),
            Died::AmidNotes => (10, 6),
            Died::BeforeItsEnd => (10, 10),
        };
        process.acceptor.append_again(letters[..events].iter().map(formed).collect()).unwrap();
        letters[..notes].iter().for_each(|letter| log.write(&letter.redriven(Timestamp(5))));
        drop(process);
        let done = log.process().redrive(&RedriveRequest::default()).unwrap();
        let (accepted, known) = done.lines.iter().fold((0, 0), |sum, line| (sum.0 + line.accepted, sum.1 + line.known));
        assert_eq!((accepted, known), ((10 - notes) as u64, (events - notes) as u64), "{died:?}");
        let ids = log.events();
        assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (11, 11), "{died:?}");
        assert_eq!(log.letters(), (20, 10), "{died:?}");
        assert!(log.process().redrive(&RedriveRequest::default()).unwrap().lines.is_empty(), "{died:?}");
    }
}

#[test]
fn what_a_redrive_left_is_known_until_each_of_its_letters_has_its_note_whatever_others_were_asked_for() {
    let of_reason = |reason: &str| RedriveRequest { reason: reason.into(), ..RedriveRequest::default() };
    let field = |number| letter_of(sign_on(number), RejectReason::BadField);
    // Between the death and the redrive of everything: nothing that is asked for is there; another letter is put through, which commits a plan of its
    // own; some of those that were left are; the same bytes came once more.
    for between in ["nothing", "another", "some", "again"] {
        let log = Log::new();
        let letters: Vec<DeadLetter> = (0..5).map(mended).chain((5..10).map(field)).collect();
        letters.iter().for_each(|letter| log.write(letter));
        log.plan(10);
        let process = log.process();
        let connection = process.connections.get("okta").unwrap();
        let formed = |letter: &DeadLetter| process.acceptor.form_again(&connection, letter, &HashSet::new()).unwrap();
        process.acceptor.append_again(letters.iter().map(formed).collect()).unwrap();
        drop(process);
        let mut events = 10;
        match between {
            "nothing" => assert!(log.process().redrive(&of_reason("bad_json")).unwrap().lines.is_empty()),
            "another" => {
                log.write(&letter_of(sign_on(10), RejectReason::TooLarge));
                assert_eq!(one(&log.process().redrive(&of_reason("too_large")).unwrap()).events, 1);
                events += 1;
            }
            "some" => assert_eq!(one(&log.process().redrive(&of_reason("bad_field")).unwrap()).known, 5),
            _ => log.write(&mended(3)),
        }
        let done = log.process().redrive(&RedriveRequest::default()).unwrap();
        let (written, known) = done.lines.iter().fold((0, 0), |sum, line| (sum.0 + line.events, sum.1 + line.known));
        assert_eq!((written, known), (0, if between == "some" { 5 } else { 10 }), "{between}");
        let ids = log.events();
        assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (events, events), "{between}");
        assert!(log.process().redrive(&RedriveRequest::default()).unwrap().lines.is_empty(), "{between}");
    }
}

#[test]
fn what_is_rejected_still_or_cannot_be_put_through_stays_the_one_dead_letter_that_it_is() {
    let log = Log::new();
    let broken = sign_on(1).replace("2026-03-01T09", "yesterday");
    let other = |change: &dyn Fn(&mut DeadLetter)| {
        let mut letter = mended(2);
        change(&mut letter);
        letter
    };
    for (letter, why) in [
        (letter_of(broken, RejectReason::BadTime), "bad_time: "),
        (other(&|letter| (letter.is_redrivable, letter.reason) = (false, RejectReason::BadJson)), "masked"),
        (other(&|letter| letter.reason = RejectReason::RefusedByTable), "daylight reconcile --refused"),
        (other(&|letter| letter.reason = RejectReason::BadRecord), "daylight reconcile"),
        (other(&|letter| letter.reason = RejectReason::WrongTenant), "another org"),
        (other(&|letter| letter.connection = "gone".into()), "not in the configuration"),
        (other(&|letter| letter.connection = "moved".into()), "another tenant"),
    ] {
        let log = Log::new();
        log.write(&letter);
        for _ in 0..2 {
            let done = log.process().redrive(&RedriveRequest::default()).unwrap();
            let line = one(&done);
            assert!(line.why.contains(why) && line.accepted == 0, "{why}: {line:?}");
            assert_eq!(line.rejected + line.not_redrivable, 1, "{why}");
        }
        assert_eq!((log.events().len(), log.letters()), (0, (1, 0)), "{why}");
    }
    assert_eq!(log.letters(), (0, 0));
}

#[test]
fn only_what_is_asked_for_is_put_through() {
    let log = Log::new();
    let early = DeadLetter { received_at: Timestamp(1_772_400_000_000), ..mended(1) };
    let field = DeadLetter { reason: RejectReason::BadField, ..mended(2) };
    let all = [mended(0), early, field];
    all.iter().for_each(|letter| log.write(letter));
    let asked = |change: &dyn Fn(&mut RedriveRequest)| {
        let mut request = RedriveRequest { dry_run: true, ..RedriveRequest::default() };
        change(&mut request);
        let done = log.process().redrive(&request).unwrap();
        done.lines.iter().map(|line| line.accepted).sum::<u64>()
    };
    assert_eq!(asked(&|_| {}), 3);
    assert_eq!(asked(&|request| request.reason = "bad_field".into()), 1);
    assert_eq!(asked(&|request| request.since_ms = 1_772_450_000_000), 2);
    assert_eq!(asked(&|request| request.connection = "other".into()), 0);
    assert_eq!(asked(&|request| request.tenant = "acme".into()), 3);
    let request = RedriveRequest { reason: "bad_field".into(), ..RedriveRequest::default() };
    assert_eq!(one(&log.process().redrive(&request).unwrap()).accepted, 1);
    assert_eq!((log.events().len(), log.letters()), (1, (4, 1)));
}

#[test]
fn two_at_once_in_one_process_are_one_after_the_other() {
    let log = Log::new();
    let process = log.process();
    let _turn = process.turn.lock().unwrap();
    assert!(matches!(process.redrive(&RedriveRequest::default()), Err(RedriveError::Busy)));
}
