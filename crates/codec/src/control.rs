//! Control records, field by field in the order of `control.avsc`.
//!
//! A record with one nullable field per kind and not a union of records: a reader outside with an older schema then reads a new kind as
//! "none of those I know", where a union would make it fail. The ledger keeps the same five fields.

use event::{
    Alias, AliasAction, Control, Decision, Reveal, Status, TableName, TableVersion, Tick, UserKey, issued_key,
};

use crate::{
    cursor::Cursor,
    error::{EncodeError, Flaw},
    wire::{Schema, encode},
    writer::Writer,
};

/// How many nullable fields there are.
const FIELDS: u8 = 5;

/// The record of a control message.
///
/// # Errors
/// `ListTooLong` for a decision about too many references; `TooLarge`.
pub fn encode_control(tenant: &str, control: &Control) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::ControlV2, |writer| {
        writer.text(tenant);
        write_control(writer, control);
    })
}

pub(crate) fn read_control_record<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, Control), Flaw> {
    Ok((cursor.text()?, read_control(cursor)?))
}

/// The nullable fields, exactly one of them set.
pub(crate) fn write_control(writer: &mut Writer, control: &Control) {
    for field in 0..FIELDS {
        let is_present = field == field_of(control);
        writer.presence(is_present);
        if is_present {
            write_value(writer, control);
        }
    }
}

/// The place of a message's field among the nullable ones, in the order of the schema.
const fn field_of(control: &Control) -> u8 {
    match control {
        Control::Decision(_) => 0,
        Control::Alias(_) => 1,
        Control::TableVersion(_) => 2,
        Control::Tick(_) => 3,
        Control::Reveal(_) => 4,
    }
}

fn write_value(writer: &mut Writer, control: &Control) {
    match control {
        Control::Decision(decision) => write_decision(writer, decision),
        Control::Alias(alias) => write_alias(writer, alias),
        Control::TableVersion(version) => {
            writer.member(version.table.index());
            writer.text(&version.version);
            writer.time(version.loaded_at);
        }
        Control::Tick(tick) => writer.time(tick.at),
        Control::Reveal(reveal) => {
            writer.raw(&reveal.user_key.0.to_be_bytes());
            writer.text(&reveal.reason);
            writer.text(&reveal.revealed_by);
            writer.time(reveal.revealed_at);
        }
    }
}

pub(crate) fn read_control(cursor: &mut Cursor<'_>) -> Result<Control, Flaw> {
    let mut found = None;
    for field in 0..FIELDS {
        if !cursor.is_present()? {
            continue;
        }
        let control = match field {
            0 => Control::Decision(read_decision(cursor)?),
            1 => Control::Alias(read_alias(cursor)?),
            2 => Control::TableVersion(read_table_version(cursor)?),
            3 => Control::Tick(Tick { at: cursor.time()? }),
            _ => Control::Reveal(read_reveal(cursor)?),
        };
        if found.replace(control).is_some() {
            return Err(Flaw::NotExactlyOne);
        }
    }
    found.ok_or(Flaw::NotExactlyOne)
}

fn write_decision(writer: &mut Writer, decision: &Decision) {
    writer.text(&decision.app_key);
    writer.list("app_refs", &decision.app_refs, |writer, app_ref| writer.text(app_ref));
    writer.member(decision.status.index());
    writer.member(decision.previous.index());
    writer.text(&decision.department);
    writer.text(&decision.owner);
    writer.text(&decision.reason);
    writer.text(&decision.decided_by);
    writer.time(decision.decided_at);
    writer.time(decision.expires_at);
}

fn read_decision(cursor: &mut Cursor<'_>) -> Result<Decision, Flaw> {
    Ok(Decision {
        app_key: read_key(cursor)?,
        app_refs: cursor.list(1, read_key)?,
        status: cursor.member(Status::from_index)?,
        previous: cursor.member(Status::from_index)?,
        department: cursor.owned()?,
        owner: cursor.owned()?,
        reason: cursor.owned()?,
        decided_by: cursor.owned()?,
        decided_at: cursor.time()?,
        expires_at: cursor.time()?,
    })
}

fn write_alias(writer: &mut Writer, alias: &Alias) {
    writer.member(alias.action.index());
    writer.text(&alias.from_app_key);
    writer.text(&alias.to_app_key);
    writer.text(&alias.reason);
    writer.text(&alias.decided_by);
    writer.time(alias.decided_at);
}

fn read_alias(cursor: &mut Cursor<'_>) -> Result<Alias, Flaw> {
    Ok(Alias {
        action: cursor.member(AliasAction::from_index)?,
        from_app_key: read_key(cursor)?,
        to_app_key: read_key(cursor)?,
        reason: cursor.owned()?,
        decided_by: cursor.owned()?,
        decided_at: cursor.time()?,
    })
}

/// A key or reference of an app, as it is written now.
fn read_key(cursor: &mut Cursor<'_>) -> Result<String, Flaw> {
    Ok(issued_key(cursor.text()?).into_owned())
}

fn read_table_version(cursor: &mut Cursor<'_>) -> Result<TableVersion, Flaw> {
    Ok(TableVersion {
        table: cursor.member(TableName::from_index)?,
        version: cursor.owned()?,
        loaded_at: cursor.time()?,
    })
}

fn read_reveal(cursor: &mut Cursor<'_>) -> Result<Reveal, Flaw> {
    Ok(Reveal {
        user_key: UserKey(u64::from_be_bytes(cursor.fixed()?)),
        reason: cursor.owned()?,
        revealed_by: cursor.owned()?,
        revealed_at: cursor.time()?,
    })
}

#[cfg(test)]
mod tests {
    use event::Timestamp;

    use super::*;
    use crate::{LogRecord, decode_log_record};

    /// Decisions and merges of the first versions named the apps of the unified audit log apart.
    #[test]
    fn decisions_and_merges_of_the_audit_logs_keys_are_read_as_the_directorys() {
        let key = |source: &str| format!("{source}:client_id:7a1");
        let decision = |source: &str| {
            Control::Decision(Decision {
                app_key: key(source),
                app_refs: vec![key(source), "okta:app_id:1".to_owned()],
                status: Status::Blocked,
                previous: Status::Unreviewed,
                department: String::new(),
                owner: String::new(),
                reason: key(source),
                decided_by: String::new(),
                decided_at: Timestamp(1),
                expires_at: Timestamp::MISSING,
            })
        };
        let merge = |source: &str, to: &str| {
            Control::Alias(Alias {
                action: AliasAction::Merge,
                from_app_key: key(source),
                to_app_key: to.to_owned(),
                reason: String::new(),
                decided_by: String::new(),
                decided_at: Timestamp(1),
            })
        };
        let read = |control: &Control| match decode_log_record(&encode_control("acme", control).unwrap()).unwrap() {
            LogRecord::Control { control, .. } => control,
            LogRecord::Events(_) => panic!("a control record"),
        };
        let Control::Decision(mut expected) = decision("entra") else { panic!("a decision") };
        expected.reason = key("m365_ual");
        assert_eq!(read(&decision("m365_ual")), Control::Decision(expected), "what people wrote stays");
        assert_eq!(read(&merge("m365_ual", "a.com")), merge("entra", "a.com"));
        assert_eq!(read(&merge("entra", &key("m365_ual"))), merge("entra", &key("entra")));
    }
}
