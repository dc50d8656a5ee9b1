//! Ledger entries, field by field in the order of `ledger.avsc`.
//!
//! A record with one nullable field per kind, for the reason told in `control.rs`.

use event::{
    AlertId, AlertState, AppFirst, AppIdKind, AppRef, EventId, FirstSeen, LedgerEntry, LogId, Sighting, Source, UserKey,
};

use crate::{
    alert::{ALERT_BYTES_MIN, read_alert, write_alert},
    control::{read_control, write_control},
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode_body, encode, open},
    writer::Writer,
};

/// How many nullable fields there are.
const FIELDS: u8 = 7;
/// How many there were before version 3.
const FIELDS_BEFORE_V3: u8 = 6;

/// The record of a ledger entry; its key is `ledger_key` of `entry.key()`.
///
/// # Errors
/// `OutOfRange` for an offset beyond 63 bits; `ListTooLong` for a decision about too many references; `TooLarge`.
pub fn encode_ledger_entry(tenant: &str, entry: &LedgerEntry<'_>) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::LedgerV3, |writer| {
        writer.text(tenant);
        write_entry(writer, entry);
    })
}

/// Reads a record of the topic `ledger`: the tenant and the entry.
///
/// # Errors
/// `DecodeError`; halt on any: a ledger with a hole would call old things new.
pub fn decode_ledger_entry(record: &[u8]) -> Result<(&str, LedgerEntry<'_>), DecodeError> {
    let (schema, mut cursor) = open(record)?;
    let fields = match schema {
        Schema::LedgerV3 => FIELDS,
        Schema::LedgerV2 | Schema::LedgerV1 => FIELDS_BEFORE_V3,
        found => return Err(DecodeError::WrongSchema { expected: Schema::LedgerV3.name(), found }),
    };
    decode_body(record.len(), schema, &mut cursor, |cursor| Ok((cursor.text()?, read_entry(cursor, fields)?)))
}

fn write_entry(writer: &mut Writer, entry: &LedgerEntry<'_>) {
    for field in 0..FIELDS {
        let is_present = field == field_of(entry);
        writer.presence(is_present);
        if is_present {
            write_value(writer, entry);
        }
    }
}

/// The place of an entry's field among the nullable ones, in the order of the schema.
const fn field_of(entry: &LedgerEntry<'_>) -> u8 {
    match entry {
        LedgerEntry::App { .. } => 0,
        LedgerEntry::Pair { .. } => 1,
        LedgerEntry::Episode { .. } => 2,
        LedgerEntry::Connection { .. } => 3,
        LedgerEntry::Held { .. } => 4,
        LedgerEntry::Control { .. } => 5,
        LedgerEntry::Origin { .. } => 6,
    }
}

fn write_value(writer: &mut Writer, entry: &LedgerEntry<'_>) {
    match entry {
        LedgerEntry::App { app, name, first_key, app_key, first } => {
            writer.member(app.source.index());
            writer.member(app.id_kind.index());
            writer.text(app.id);
            writer.text(name);
            writer.text(first_key);
            writer.text(app_key);
            [first.attempted, first.used, first.granted].iter().for_each(|seen| write_first_seen(writer, seen));
        }
        LedgerEntry::Pair { app_hash, user_key, position, sighting } => {
            writer.raw(&app_hash.to_be_bytes());
            writer.raw(&user_key.0.to_be_bytes());
            writer.position(*position);
            writer.long(i64::from(sighting.bits()));
        }
        LedgerEntry::Episode { alert_id, position, people, state } => {
            writer.raw(&alert_id.0.to_be_bytes());
            writer.position(*position);
            writer.long(i64::from(*people));
            writer.member(state.index());
        }
        LedgerEntry::Connection { connection, earliest } => {
            writer.text(connection);
            writer.time(*earliest);
        }
        LedgerEntry::Held { event_id, correlation_id, position, received_at, is_consent, risk, closed, alerts } => {
            writer.raw(&event_id.0.to_be_bytes());
            writer.text(correlation_id);
            writer.position(*position);
            writer.time(*received_at);
            writer.boolean(*is_consent);
            writer.long(i64::from(*risk));
            writer.presence(closed.is_some());
            closed.iter().for_each(|position| writer.position(*position));
            writer.list("alerts", alerts, write_alert);
        }
        LedgerEntry::Control { name, position, control } => {
            writer.text(name);
            writer.position(*position);
            write_control(writer, control);
        }
        LedgerEntry::Origin { events, partitions } => {
            writer.raw(&events.0.to_be_bytes());
            writer.long(i64::from(*partitions));
        }
    }
}

fn read_entry<'a>(cursor: &mut Cursor<'a>, fields: u8) -> Result<LedgerEntry<'a>, Flaw> {
    let mut found = None;
    for field in 0..fields {
        if !cursor.is_present()? {
            continue;
        }
        let entry = match field {
            0 => read_app(cursor)?,
            1 => read_pair(cursor)?,
            2 => read_episode(cursor)?,
            3 => read_connection(cursor)?,
            4 => read_held(cursor)?,
            5 => read_control_in_force(cursor)?,
            _ => read_origin(cursor)?,
        };
        if found.replace(entry).is_some() {
            return Err(Flaw::NotExactlyOne);
        }
    }
    found.ok_or(Flaw::NotExactlyOne)
}

fn read_app<'a>(cursor: &mut Cursor<'a>) -> Result<LedgerEntry<'a>, Flaw> {
    Ok(LedgerEntry::App {
        app: AppRef {
            source: cursor.member(Source::from_index)?,
            id_kind: cursor.member(AppIdKind::from_index)?,
            id: cursor.text()?,
        },
        name: cursor.text()?,
        first_key: cursor.text()?,
        app_key: cursor.text()?,
        first: AppFirst {
            attempted: read_first_seen(cursor)?,
            used: read_first_seen(cursor)?,
            granted: read_first_seen(cursor)?,
        },
    })
}

fn read_pair<'a>(cursor: &mut Cursor<'a>) -> Result<LedgerEntry<'a>, Flaw> {
    Ok(LedgerEntry::Pair {
        app_hash: u64::from_be_bytes(cursor.fixed()?),
        user_key: UserKey(u64::from_be_bytes(cursor.fixed()?)),
        position: cursor.position()?,
        sighting: Sighting::from_bits(cursor.number()?),
    })
}

fn read_episode<'a>(cursor: &mut Cursor<'a>) -> Result<LedgerEntry<'a>, Flaw> {
    Ok(LedgerEntry::Episode {
        alert_id: AlertId(u128::from_be_bytes(cursor.fixed()?)),
        position: cursor.position()?,
        people: cursor.number()?,
        state: cursor.member(AlertState::from_index)?,
    })
}

fn read_connection<'a>(cursor: &mut Cursor<'a>) -> Result<LedgerEntry<'a>, Flaw> {
    Ok(LedgerEntry::Connection { connection: cursor.text()?, earliest: cursor.time()? })
}

fn read_held<'a>(cursor: &mut Cursor<'a>) -> Result<LedgerEntry<'a>, Flaw> {
    Ok(LedgerEntry::Held {
        event_id: EventId(u128::from_be_bytes(cursor.fixed()?)),
        correlation_id: cursor.text()?,
        position: cursor.position()?,
        received_at: cursor.time()?,
        is_consent: cursor.boolean()?,
        risk: cursor.number()?,
        closed: if cursor.is_present()? { Some(cursor.position()?) } else { None },
        alerts: cursor.list(ALERT_BYTES_MIN, read_alert)?,
    })
}

fn read_control_in_force<'a>(cursor: &mut Cursor<'a>) -> Result<LedgerEntry<'a>, Flaw> {
    Ok(LedgerEntry::Control { name: cursor.text()?, position: cursor.position()?, control: read_control(cursor)? })
}

fn read_origin<'a>(cursor: &mut Cursor<'a>) -> Result<LedgerEntry<'a>, Flaw> {
    let events = LogId(u128::from_be_bytes(cursor.fixed()?));
    Ok(LedgerEntry::Origin { events, partitions: cursor.number()? })
}

fn write_first_seen(writer: &mut Writer, seen: &FirstSeen) {
    writer.position(seen.position);
    writer.raw(&seen.event_id.0.to_be_bytes());
    writer.time(seen.occurred_at);
}

fn read_first_seen(cursor: &mut Cursor<'_>) -> Result<FirstSeen, Flaw> {
    Ok(FirstSeen {
        position: cursor.position()?,
        event_id: EventId(u128::from_be_bytes(cursor.fixed()?)),
        occurred_at: cursor.time()?,
    })
}
