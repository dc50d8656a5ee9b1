//! A digest on a real embedded log, with its file and without.

use std::path::Path;

use broker::{Cleanup, Limits, Record, TopicSpec};
use codec::{encode_ledger_entry, ledger_key};
use event::{
    AppFirst, AppIdKind, AppRef, Control, LedgerKey, Position, Sighting, Source, TableName, TableVersion, Timestamp,
    UserKey,
};

use super::*;

fn open(folder: &Path, partitions: u32) -> Broker {
    let broker = Broker::open_embedded(folder, Limits::default()).unwrap();
    let kept = Cleanup::Delete { retention_ms: None, retention_bytes: None };
    let spec = |name: &str, cleanup| TopicSpec { name: name.to_owned(), partitions, cleanup };
    broker.ensure_topics(&[spec("ledger", Cleanup::Compact), spec("events", kept)]).unwrap();
    broker
}

fn app<'a>(id: &'a str, name: &'a str) -> LedgerEntry<'a> {
    let app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id };
    LedgerEntry::App { app, name, first_key: id, app_key: id, first: AppFirst::default() }
}

fn pair(user: u64) -> LedgerEntry<'static> {
    let position = Position { offset: user, index: 0 };
    LedgerEntry::Pair { app_hash: 7, user_key: UserKey(user), position, sighting: Sighting::USED }
}

fn version(text: &str) -> LedgerEntry<'static> {
    let noted = TableVersion { table: TableName::Catalogue, version: text.to_owned(), loaded_at: Timestamp(1) };
    LedgerEntry::Control {
        name: "table/catalogue",
        position: Position::default(),
        control: Control::TableVersion(noted),
    }
}

fn append(broker: &Broker, entry: &LedgerEntry<'_>) {
    let value = Some(encode_ledger_entry("acme", entry).unwrap());
    let record = Record { partition: 0, key: Some(ledger_key("acme", entry.key())), value };
    broker.append("ledger", record).unwrap().wait().unwrap();
}

/// What it shows from an offset on, as names; and the offset that is next.
fn shown(digest: &Digest, from: u64) -> (Vec<String>, u64) {
    let mut names = Vec::new();
    let next = digest.read_on(0, from, &mut |tenant, entry| {
        assert_eq!(tenant, "acme");
        names.push(match entry {
            LedgerEntry::App { name, .. } => (*name).to_owned(),
            LedgerEntry::Control { control: Control::TableVersion(noted), .. } => noted.version.clone(),
            other => panic!("{other:?}"),
        });
    });
    (names, next.unwrap())
}

#[test]
fn it_shows_the_newest_of_each_app_and_control_record_and_no_pair() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path(), 1);
    for entry in [&app("a", "One"), &pair(1), &version("v1"), &app("b", "Two"), &pair(2), &version("v2")] {
        append(&broker, entry);
    }
    let digest = Digest::open(broker.clone(), "", None).unwrap();
    assert_eq!(shown(&digest, 0), (vec!["One".to_owned(), "Two".to_owned(), "v2".to_owned()], 6));
    append(&broker, &app("a", "One, later"));
    append(&broker, &pair(3));
    assert_eq!(shown(&digest.clone(), 6), (vec!["One, later".to_owned()], 8), "clones share what was read");
    assert_eq!(shown(&digest, 0).0, ["Two", "v2", "One, later"], "who has seen nothing sees all of it");
    let key = ledger_key("acme", LedgerKey::Control("table/catalogue"));
    broker.append("ledger", Record { partition: 0, key: Some(key), value: None }).unwrap().wait().unwrap();
    assert_eq!(shown(&digest, 0).0, ["Two", "One, later"], "what was removed is gone");
    assert!(digest.read_on(1, 0, &mut |_, _| {}).is_err(), "there is one partition");
}

#[test]
fn a_start_reads_on_from_the_file_and_without_one_that_fits_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let (log, files) = (folder.path().join("log"), folder.path().join("files"));
    let broker = open(&log, 1);
    (1..50).for_each(|user| append(&broker, &pair(user)));
    append(&broker, &app("a", "One"));
    let digest = || Digest::open(broker.clone(), "", Some(files.clone())).unwrap();
    let first = digest();
    let expected = shown(&first, 0);
    first.save(true);
    append(&broker, &app("b", "Two"));
    let path = file::path(&files, 0);
    let whole = std::fs::read(&path).unwrap();
    let part = |digest: &Digest| digest.part(0).unwrap().in_file;
    let second = digest();
    assert_eq!(shown(&second, 0), (vec!["One".to_owned(), "Two".to_owned()], 51));
    assert_eq!(part(&second), Some(expected.1), "it began at the file");
    // Half of it, another byte, another log's: the topic is read.
    let mut changed = whole.clone();
    changed[40] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &changed, b"", &[&whole[..], b"!"].concat()] {
        std::fs::write(&path, bytes).unwrap();
        let digest = digest();
        assert_eq!(shown(&digest, 0), (vec!["One".to_owned(), "Two".to_owned()], 51));
        assert_eq!(part(&digest), None, "{} bytes of {} are no file", bytes.len(), whole.len());
    }
    std::fs::write(&path, &whole).unwrap();
    let elsewhere = open(&folder.path().join("another"), 1);
    let other = Digest::open(elsewhere, "", Some(files.clone())).unwrap();
    assert_eq!(shown(&other, 0), (Vec::new(), 0), "another log's file says nothing");
}

#[test]
fn a_ledger_of_another_log_or_of_other_partitions_is_refused_and_a_stranger_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path(), 2);
    let ours = partition_of(b"acme", 2);
    let append_to = |partition: u32, tenant: &str, entry: &LedgerEntry<'_>| {
        let value = Some(encode_ledger_entry(tenant, entry).unwrap());
        let record = Record { partition, key: Some(ledger_key(tenant, entry.key())), value };
        broker.append("ledger", record).unwrap().wait().unwrap();
    };
    let seen = |partition: u32| {
        let mut seen = 0;
        Digest::open(broker.clone(), "", None).unwrap().read_on(partition, 0, &mut |_, _| seen += 1).map(|_| seen)
    };
    append_to(1 - ours, "acme", &app("a", "One"));
    append_to(ours, "acme", &app("a", "One"));
    assert_eq!((seen(1 - ours).unwrap(), seen(ours).unwrap()), (0, 1));
    let events = LogId(broker.log_id("events").unwrap().0);
    for (events, partitions, is_refused) in [(events, 2, false), (events, 1, true), (LogId(5), 2, true)] {
        append_to(0, "", &LedgerEntry::Origin { events, partitions });
        let refused = seen(0).map_err(|error| error.to_string());
        assert_eq!(refused.is_err(), is_refused, "{refused:?}");
        assert!(!is_refused || refused.unwrap_err().contains("daylight ledger repartition"));
    }
}
