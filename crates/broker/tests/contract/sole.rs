//! What both engines promise of the one who may write a partition.

use broker::{AppendError, Cleanup};

use super::{Open, append, new_topic, read_all, record, tombstone};

pub(crate) fn who_was_the_sole_writer_before_writes_no_more(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 2, Cleanup::Compact);
    let begin = |partition| broker.sole_writer(&topic, partition).unwrap();
    let (mut first, mut elsewhere) = (begin(0), begin(1));
    assert_eq!(first.append_all(&[record(0, "a", "1"), tombstone(0, "b")]).unwrap(), 2);
    let mut second = begin(0);
    for _ in 0..2 {
        let error = first.append_all(&[record(0, "a", "of old")]).unwrap_err();
        assert!(matches!(error, AppendError::Fenced { .. }), "{error}");
    }
    second.append_all(&[record(0, "a", "2")]).expect("it is the one now");
    elsewhere.append_all(&[record(1, "a", "3")]).expect("nobody took this one's place");
    let values = |partition| read_all(&broker, &topic, partition).into_iter().filter_map(|(_, _, value)| value);
    assert_eq!(values(0).next_back().as_deref(), Some(&b"2"[..]));
    assert!(!values(0).any(|value| value == b"of old"));
    assert_eq!(values(1).next_back().as_deref(), Some(&b"3"[..]));
}

pub(crate) fn what_a_sole_writer_has_written_is_seen_at_once_however_much_it_is(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, Cleanup::Compact);
    append(&broker, &topic, vec![record(0, "before", "1")]);
    let mut writer = broker.sole_writer(&topic, 0).unwrap();
    // More than goes at once.
    let records: Vec<_> = (0..10).map(|number| record(0, &number.to_string(), &"v".repeat(1 << 20))).collect();
    let next = writer.append_all(&records).unwrap();
    assert_eq!(writer.append_all(&[]).unwrap(), 0);
    let seen = read_all(&broker, &topic, 0);
    let keys: Vec<String> = seen.iter().map(|(_, key, _)| String::from_utf8(key.clone().unwrap()).unwrap()).collect();
    assert_eq!(keys, ["before", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(next, seen.last().unwrap().0 + 1);
    let high = broker.read(&topic, 0, None, &mut |_| {}).unwrap();
    assert_eq!(broker.read(&topic, 0, Some(high), &mut |record| panic!("{record:?}")).unwrap(), high);
}

pub(crate) fn a_sole_writer_is_refused_what_is_not_of_its_partition(open: Open<'_>) {
    let broker = open();
    let topic = new_topic(&broker, 1, Cleanup::Compact);
    let mut writer = broker.sole_writer(&topic, 0).unwrap();
    for records in [vec![record(1, "a", "1")], vec![record(0, "a", "1"), record(1, "a", "1")]] {
        let error = writer.append_all(&records).unwrap_err();
        assert!(matches!(error, AppendError::Refused { .. }), "{error}");
    }
    writer.append_all(&[record(0, "a", "2")]).expect("nothing was sent of what was refused");
    assert_eq!(read_all(&broker, &topic, 0).len(), 1);
}
