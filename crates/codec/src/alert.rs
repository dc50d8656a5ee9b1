//! Alerts, field by field in the order of `alert.avsc`.

use event::{Alert, AlertId, AlertState, EventId, Factor, Severity, UserKey};

use crate::{
    coordinates::{read_coordinates, write_coordinates},
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode, encode},
    writer::Writer,
};

/// Bytes of the shortest alert: 40 of its three ids, and one for each of its other fields.
pub(crate) const ALERT_BYTES_MIN: usize = 70;

/// Bytes of the shortest factor: an empty name and a small number.
const FACTOR_BYTES_MIN: usize = 2;

/// Bytes of an event id.
const EVENT_ID_BYTES: usize = 16;

/// The record of an alert.
///
/// # Errors
/// `ListTooLong` for too many factors or too much evidence; `OutOfRange`; `TooLarge`.
pub fn encode_alert(alert: &Alert) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::AlertV1, |writer| write_alert(writer, alert))
}

/// Reads a record of the topic `alerts`.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_alert(record: &[u8]) -> Result<Alert, DecodeError> {
    decode(record, &[Schema::AlertV1], read_alert)
}

pub(crate) fn write_alert(writer: &mut Writer, alert: &Alert) {
    writer.raw(&alert.id.0.to_be_bytes());
    writer.text(&alert.tenant);
    writer.text(&alert.rule);
    writer.long(i64::from(alert.rule_version));
    writer.member(alert.severity.index());
    writer.member(alert.state.index());
    writer.long(i64::from(alert.score));
    writer.list("factors", &alert.factors, |writer, factor| {
        writer.text(&factor.name);
        writer.long(i64::from(factor.points));
    });
    writer.text(&alert.title);
    writer.text(&alert.description);
    writer.text(&alert.subject);
    writer.text(&alert.episode);
    writer.text(&alert.app_key);
    writer.text(&alert.app_ref);
    writer.text(&alert.app_name);
    writer.text(&alert.looks_like);
    writer.raw(&alert.user_key.0.to_be_bytes());
    writer.text(&alert.department);
    writer.long(i64::from(alert.people));
    writer.list("evidence", &alert.evidence, |writer, event_id| writer.raw(&event_id.0.to_be_bytes()));
    writer.text(&alert.evidence_query);
    writer.text(&alert.alternative);
    writer.text(&alert.prevention);
    writer.text(&alert.technique);
    writer.time(alert.occurred_at);
    writer.time(alert.received_at);
    writer.time(alert.logged_at);
    writer.boolean(alert.is_late);
    write_coordinates(writer, &alert.coordinates);
    writer.text(&alert.tables_version);
}

pub(crate) fn read_alert(cursor: &mut Cursor<'_>) -> Result<Alert, Flaw> {
    Ok(Alert {
        id: AlertId(u128::from_be_bytes(cursor.fixed()?)),
        tenant: cursor.owned()?,
        rule: cursor.owned()?,
        rule_version: cursor.number()?,
        severity: cursor.member(Severity::from_index)?,
        state: cursor.member(AlertState::from_index)?,
        score: cursor.number()?,
        factors: cursor
            .list(FACTOR_BYTES_MIN, |cursor| Ok(Factor { name: cursor.owned()?, points: cursor.number()? }))?,
        title: cursor.owned()?,
        description: cursor.owned()?,
        subject: cursor.owned()?,
        episode: cursor.owned()?,
        app_key: cursor.owned()?,
        app_ref: cursor.owned()?,
        app_name: cursor.owned()?,
        looks_like: cursor.owned()?,
        user_key: UserKey(u64::from_be_bytes(cursor.fixed()?)),
        department: cursor.owned()?,
        people: cursor.number()?,
        evidence: cursor.list(EVENT_ID_BYTES, |cursor| Ok(EventId(u128::from_be_bytes(cursor.fixed()?))))?,
        evidence_query: cursor.owned()?,
        alternative: cursor.owned()?,
        prevention: cursor.owned()?,
        technique: cursor.owned()?,
        occurred_at: cursor.time()?,
        received_at: cursor.time()?,
        logged_at: cursor.time()?,
        is_late: cursor.boolean()?,
        coordinates: read_coordinates(cursor)?,
        tables_version: cursor.owned()?,
    })
}

#[cfg(test)]
mod tests {
    use event::{Coordinates, Timestamp};

    use super::*;
    use crate::wire::LIST_ITEMS_MAX;

    fn empty() -> Alert {
        Alert {
            id: AlertId::NONE,
            tenant: String::new(),
            rule: String::new(),
            rule_version: 0,
            severity: Severity::Info,
            state: AlertState::Raised,
            score: 0,
            factors: Vec::new(),
            title: String::new(),
            description: String::new(),
            subject: String::new(),
            episode: String::new(),
            app_key: String::new(),
            app_ref: String::new(),
            app_name: String::new(),
            looks_like: String::new(),
            user_key: UserKey::NONE,
            department: String::new(),
            people: 0,
            evidence: Vec::new(),
            evidence_query: String::new(),
            alternative: String::new(),
            prevention: String::new(),
            technique: String::new(),
            occurred_at: Timestamp::MISSING,
            received_at: Timestamp::MISSING,
            logged_at: Timestamp::MISSING,
            is_late: false,
            coordinates: Coordinates::default(),
            tables_version: String::new(),
        }
    }

    #[test]
    fn the_shortest_alert_and_factor_are_as_short_as_the_limits_say() {
        let mut writer = Writer::new();
        write_alert(&mut writer, &empty());
        assert_eq!(writer.as_bytes().len(), ALERT_BYTES_MIN);

        let factors = vec![Factor { name: String::new(), points: 0 }];
        let mut longer = Writer::new();
        write_alert(&mut longer, &Alert { factors, ..empty() });
        // One more byte for the count of the block.
        assert_eq!(longer.as_bytes().len(), ALERT_BYTES_MIN + FACTOR_BYTES_MIN + 1);
    }

    #[test]
    fn as_much_evidence_as_may_be_is_carried_and_one_more_is_refused() {
        let mut alert = Alert { evidence: vec![EventId(1); LIST_ITEMS_MAX], ..empty() };
        let record = encode_alert(&alert).unwrap();
        assert_eq!(decode_alert(&record).unwrap(), alert);
        alert.evidence.push(EventId(1));
        let error = EncodeError::ListTooLong { list: "evidence", items: LIST_ITEMS_MAX + 1 };
        assert_eq!(encode_alert(&alert), Err(error));
    }
}
