//! One event and the header of its batch, field by field in the order of `events.avsc`.
//!
//! The order is not the domain's: `app_id_kind`, `app_id` and `app_name` stand together, so that a reader can intern the three as one raw
//! slice. What all events of a delivery share stands once, in the header.

use event::{
    ActorType, AppIdKind, AppKind, AppRef, ConsentType, Event, EventId, Ip, Kind, Outcome, ParseWarnings, Source,
    Stream, Timestamp, Tokens, UserKey,
};

use crate::{cursor::Cursor, error::Flaw, writer::Writer};

/// Events of one record: their index is a number of 16 bits.
pub const EVENTS_PER_RECORD_MAX: usize = 65_536;

/// Bytes of the shortest event: 48 of its four ids and addresses, and one for each of its 38 other fields.
pub(crate) const EVENT_BYTES_MIN: usize = 86;

/// What is true of every event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader<'a> {
    /// Our tenant.
    pub tenant: &'a str,
    /// The configured connection that delivered the batch.
    pub connection: &'a str,
    /// The provider's tenant.
    pub provider_tenant: &'a str,
    /// Where the events come from.
    pub source: Source,
    /// When the delivery reached us.
    pub received_at: Timestamp,
    /// Imported history.
    pub is_backfill: bool,
}

impl BatchHeader<'_> {
    /// The header that this event needs.
    #[must_use]
    pub const fn of<'e>(event: &Event<'e>) -> BatchHeader<'e> {
        BatchHeader {
            tenant: event.tenant,
            connection: event.connection,
            provider_tenant: event.provider_tenant,
            source: event.source,
            received_at: event.received_at,
            is_backfill: event.is_backfill,
        }
    }

    /// The field that says something else of this event than the header does.
    pub(crate) fn difference(&self, event: &Event<'_>) -> Option<&'static str> {
        let differences = [
            (self.tenant != event.tenant, "tenant"),
            (self.connection != event.connection, "connection"),
            (self.provider_tenant != event.provider_tenant, "provider_tenant"),
            (self.source != event.source || self.source != event.app.source, "source"),
            (self.received_at != event.received_at, "received_at"),
            (self.is_backfill != event.is_backfill, "is_backfill"),
        ];
        differences.into_iter().find_map(|(is_different, field)| is_different.then_some(field))
    }
}

pub(crate) fn write_header(writer: &mut Writer, header: &BatchHeader<'_>) {
    writer.text(header.tenant);
    writer.text(header.connection);
    writer.text(header.provider_tenant);
    writer.member(header.source.index());
    writer.time(header.received_at);
    writer.boolean(header.is_backfill);
}

pub(crate) fn read_header<'a>(cursor: &mut Cursor<'a>) -> Result<BatchHeader<'a>, Flaw> {
    Ok(BatchHeader {
        tenant: cursor.text()?,
        connection: cursor.text()?,
        provider_tenant: cursor.text()?,
        source: cursor.member(Source::from_index)?,
        received_at: cursor.time()?,
        is_backfill: cursor.boolean()?,
    })
}

pub(crate) fn write_event(writer: &mut Writer, event: &Event<'_>) {
    writer.raw(&event.event_id.0.to_be_bytes());
    writer.member(event.stream.index());
    writer.member(event.kind.index());
    writer.boolean(event.is_supporting);
    writer.text(event.native_id);
    writer.text(event.native_type);
    writer.text(event.correlation_id);
    writer.text(event.session_id);
    writer.text(event.transaction_id);
    writer.time(event.occurred_at);
    writer.time(event.occurred_at_original);
    writer.time(event.available_at);
    writer.member(event.actor_type.index());
    writer.raw(&event.user_key.0.to_be_bytes());
    writer.raw(&event.actor_key.0.to_be_bytes());
    writer.member(event.app_kind.index());
    writer.member(event.app.id_kind.index());
    writer.text(event.app.id);
    writer.text(event.app_name);
    writer.text(event.app_object_id);
    writer.text(event.scopes.as_str());
    writer.text(event.scopes_added.as_str());
    writer.text(event.scopes_removed.as_str());
    writer.text(event.resources.as_str());
    writer.member(event.consent_type.index());
    writer.text(event.grant_id);
    writer.member(event.outcome.index());
    writer.text(event.outcome_code);
    writer.text(event.outcome_reason);
    writer.text(event.auth_method);
    writer.boolean(event.is_mfa);
    writer.text(event.auth_protocol);
    writer.raw(&event.ip.0);
    writer.long(i64::from(event.asn));
    writer.text(event.as_org);
    writer.boolean(event.is_proxy);
    writer.text(event.country);
    writer.text(event.city);
    writer.text(event.user_agent);
    writer.text(event.ua_os);
    writer.text(event.ua_browser);
    writer.long(i64::from(event.warnings.bits().cast_signed()));
}

/// Reads an event, and the raw bytes of its app: kind of id, id and name. One function and not several, because it is one list in one
/// order, and each part that returned a struct of its own would be copied once more on the hot path.
#[inline]
pub(crate) fn read_event<'a>(cursor: &mut Cursor<'a>, header: &BatchHeader<'a>) -> Result<(Event<'a>, &'a [u8]), Flaw> {
    let event_id = EventId(u128::from_be_bytes(cursor.fixed()?));
    let mut event = Event::new(event_id, header.source, header.tenant, Kind::Other, Timestamp::MISSING);
    event.connection = header.connection;
    event.provider_tenant = header.provider_tenant;
    event.received_at = header.received_at;
    event.is_backfill = header.is_backfill;
    event.stream = cursor.member(Stream::from_index)?;
    event.kind = cursor.member(Kind::from_index)?;
    event.is_supporting = cursor.boolean()?;
    event.native_id = cursor.text()?;
    event.native_type = cursor.text()?;
    event.correlation_id = cursor.text()?;
    event.session_id = cursor.text()?;
    event.transaction_id = cursor.text()?;
    event.occurred_at = cursor.time()?;
    event.occurred_at_original = cursor.time()?;
    event.available_at = cursor.time()?;
    event.actor_type = cursor.member(ActorType::from_index)?;
    event.user_key = UserKey(u64::from_be_bytes(cursor.fixed()?));
    event.actor_key = UserKey(u64::from_be_bytes(cursor.fixed()?));
    event.app_kind = cursor.member(AppKind::from_index)?;
    let app_start = cursor.clone();
    event.app = AppRef { source: header.source, id_kind: cursor.member(AppIdKind::from_index)?, id: cursor.text()? };
    event.app_name = cursor.text()?;
    let app_bytes = cursor.since(&app_start);
    event.app_object_id = cursor.text()?;
    event.scopes = tokens(cursor)?;
    event.scopes_added = tokens(cursor)?;
    event.scopes_removed = tokens(cursor)?;
    event.resources = tokens(cursor)?;
    event.consent_type = cursor.member(ConsentType::from_index)?;
    event.grant_id = cursor.text()?;
    event.outcome = cursor.member(Outcome::from_index)?;
    event.outcome_code = cursor.text()?;
    event.outcome_reason = cursor.text()?;
    event.auth_method = cursor.text()?;
    event.is_mfa = cursor.boolean()?;
    event.auth_protocol = cursor.text()?;
    event.ip = Ip(cursor.fixed()?);
    event.asn = cursor.number()?;
    event.as_org = cursor.text()?;
    event.is_proxy = cursor.boolean()?;
    event.country = cursor.text()?;
    event.city = cursor.text()?;
    event.user_agent = cursor.text()?;
    event.ua_os = cursor.text()?;
    event.ua_browser = cursor.text()?;
    event.warnings = ParseWarnings::from_bits(cursor.number::<i32>()?.cast_unsigned());
    Ok((event, app_bytes))
}

fn tokens<'a>(cursor: &mut Cursor<'a>) -> Result<Tokens<'a>, Flaw> {
    cursor.text().map(Tokens::from_canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_event_is_as_short_as_the_limit_says() {
        let event = Event::new(EventId::NONE, Source::Okta, "", Kind::LoginSuccess, Timestamp::MISSING);
        let mut writer = Writer::new();
        write_event(&mut writer, &event);
        assert_eq!(writer.as_bytes().len(), EVENT_BYTES_MIN);
    }

    #[test]
    fn each_field_of_the_header_is_compared() {
        type Change = fn(&mut Event<'_>);
        let event = Event::new(EventId(1), Source::Okta, "t", Kind::Sso, Timestamp(1));
        let header = BatchHeader::of(&event);
        assert_eq!(header.difference(&event), None);
        let cases: [(&str, Change); 7] = [
            ("tenant", |e| e.tenant = "other"),
            ("connection", |e| e.connection = "other"),
            ("provider_tenant", |e| e.provider_tenant = "other"),
            ("source", |e| e.source = Source::Entra),
            ("source", |e| e.app.source = Source::Entra),
            ("received_at", |e| e.received_at = Timestamp(2)),
            ("is_backfill", |e| e.is_backfill = true),
        ];
        for (field, change) in cases {
            let mut changed = event.clone();
            change(&mut changed);
            assert_eq!(header.difference(&changed), Some(field));
        }
    }
}
