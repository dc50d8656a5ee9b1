//! One event and the header of its batch, field by field in the order of `events.avsc`.
//!
//! The order is not the domain's. Numbers and ids come first and texts last: texts that stand together are checked for UTF-8 at once.
//! `app_id_kind`, `app_id` and `app_name` stand together, so that a reader can intern the three as one raw slice. What all events of a
//! delivery share stands once, in the header.

use event::{
    ActorType, AppIdKind, AppKind, ConsentType, Event, EventId, Ip, Kind, Outcome, ParseWarnings, Source, Stream,
    Timestamp, Tokens, UserKey,
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

impl<'a> BatchHeader<'a> {
    /// The header that this event needs.
    #[must_use]
    pub const fn of(event: &Event<'a>) -> BatchHeader<'a> {
        BatchHeader {
            tenant: event.tenant,
            connection: event.connection,
            provider_tenant: event.provider_tenant,
            source: event.source,
            received_at: event.received_at,
            is_backfill: event.is_backfill,
        }
    }

    /// An event of this header, everything else at its sentinel.
    #[must_use]
    pub const fn blank_event(&self) -> Event<'a> {
        let mut event = Event::new(EventId::NONE, self.source, self.tenant, Kind::Other, Timestamp::MISSING);
        event.connection = self.connection;
        event.provider_tenant = self.provider_tenant;
        event.received_at = self.received_at;
        event.is_backfill = self.is_backfill;
        event
    }

    /// The field that says something else of this event than the header does.
    pub(crate) fn difference(&self, event: &Event<'_>) -> Option<&'static str> {
        let differences = [
            (self.tenant != event.tenant, "tenant"),
            (self.connection != event.connection, "connection"),
            (self.provider_tenant != event.provider_tenant, "provider_tenant"),
            (self.source != event.source || self.source.issuer() != event.app.source, "source"),
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

/// The header, and the bytes of its texts.
pub(crate) fn read_header<'a>(cursor: &mut Cursor<'a>) -> Result<(BatchHeader<'a>, &'a [u8]), Flaw> {
    let start = cursor.clone();
    let (mut tenant, mut connection, mut provider_tenant) = ("", "", "");
    cursor.texts([&mut tenant, &mut connection, &mut provider_tenant])?;
    let texts = cursor.since(&start);
    let header = BatchHeader {
        tenant,
        connection,
        provider_tenant,
        source: cursor.member(Source::from_index)?,
        received_at: cursor.time()?,
        is_backfill: cursor.boolean()?,
    };
    Ok((header, texts))
}

pub(crate) fn write_event(writer: &mut Writer, event: &Event<'_>) {
    writer.raw(&event.event_id.0.to_be_bytes());
    writer.time(event.occurred_at);
    writer.time(event.occurred_at_original);
    writer.time(event.available_at);
    writer.member(event.stream.index());
    writer.member(event.kind.index());
    writer.boolean(event.is_supporting);
    writer.member(event.actor_type.index());
    writer.raw(&event.user_key.0.to_be_bytes());
    writer.raw(&event.actor_key.0.to_be_bytes());
    writer.member(event.app_kind.index());
    writer.member(event.consent_type.index());
    writer.member(event.outcome.index());
    writer.boolean(event.is_mfa);
    writer.raw(&event.ip.0);
    writer.long(i64::from(event.asn));
    writer.boolean(event.is_proxy);
    writer.long(i64::from(event.warnings.bits().cast_signed()));
    writer.member(event.app.id_kind.index());
    writer.text(event.app.id);
    writer.text(event.app_name);
    writer.text(event.app_object_id);
    writer.text(event.scopes.as_str());
    writer.text(event.scopes_added.as_str());
    writer.text(event.scopes_removed.as_str());
    writer.text(event.resources.as_str());
    writer.text(event.grant_id);
    writer.text(event.native_id);
    writer.text(event.native_type);
    writer.text(event.correlation_id);
    writer.text(event.session_id);
    writer.text(event.transaction_id);
    writer.text(event.outcome_code);
    writer.text(event.outcome_reason);
    writer.text(event.auth_method);
    writer.text(event.auth_protocol);
    writer.text(event.as_org);
    writer.text(event.country);
    writer.text(event.city);
    writer.text(event.ua_os);
    writer.text(event.ua_browser);
    writer.text(event.user_agent);
}

/// The bytes that encode texts which stand together. Two events whose bytes are equal have equal texts, so a reader can look them up with one
/// hash. Empty where that cannot be said. Not a stored format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawTexts<'a> {
    /// `app.id_kind`, `app.id` and `app_name`: of two events of one source, the same app under the same name.
    pub app: &'a [u8],
    /// `app_object_id`, `scopes`, `scopes_added`, `scopes_removed` and `resources`.
    pub grant: &'a [u8],
    /// `outcome_code`, `outcome_reason`, `auth_method` and `auth_protocol`.
    pub outcome: &'a [u8],
    /// `as_org`, `country` and `city`.
    pub network: &'a [u8],
    /// `ua_os`, `ua_browser` and `user_agent`.
    pub client: &'a [u8],
}

impl<'a> RawTexts<'a> {
    /// Finds them in the bytes of the texts from `app_object_id` to the last, which all lie in them: each group begins where the text before it
    /// ends. So it begins with a length, and equal bytes are read as equal texts.
    #[inline]
    fn of(app: &'a [u8], texts: &'a [u8], event: &Event<'a>) -> RawTexts<'a> {
        let end = |text: &str| text.as_ptr().addr().wrapping_sub(texts.as_ptr().addr()).wrapping_add(text.len());
        let (grant, ids) = (end(event.resources.as_str()), end(event.transaction_id));
        let (outcome, network) = (end(event.auth_protocol), end(event.city));
        let between = |from: usize, to: usize| texts.get(from..to).unwrap_or_default();
        RawTexts {
            app,
            grant: between(0, grant),
            outcome: between(ids, outcome),
            network: between(outcome, network),
            client: between(network, texts.len()),
        }
    }
}

/// Reads an event over a blank one of its batch, and returns the raw bytes of its texts. Over one that exists,
/// because an event is half a kilobyte, and returning it would copy it at each step up.
pub(crate) fn read_event<'a>(cursor: &mut Cursor<'a>, event: &mut Event<'a>) -> Result<RawTexts<'a>, Flaw> {
    event.event_id = EventId(u128::from_be_bytes(cursor.fixed()?));
    event.occurred_at = cursor.time()?;
    event.occurred_at_original = cursor.time()?;
    event.available_at = cursor.time()?;
    event.stream = cursor.member(Stream::from_index)?;
    event.kind = cursor.member(Kind::from_index)?;
    event.is_supporting = cursor.boolean()?;
    event.actor_type = cursor.member(ActorType::from_index)?;
    event.user_key = UserKey(u64::from_be_bytes(cursor.fixed()?));
    event.actor_key = UserKey(u64::from_be_bytes(cursor.fixed()?));
    event.app_kind = cursor.member(AppKind::from_index)?;
    event.consent_type = cursor.member(ConsentType::from_index)?;
    event.outcome = cursor.member(Outcome::from_index)?;
    event.is_mfa = cursor.boolean()?;
    event.ip = Ip(cursor.fixed()?);
    event.asn = cursor.number()?;
    event.is_proxy = cursor.boolean()?;
    event.warnings = ParseWarnings::from_bits(cursor.number::<i32>()?.cast_unsigned());
    let app_start = cursor.clone();
    event.app.id_kind = cursor.member(AppIdKind::from_index)?;
    cursor.texts([&mut event.app.id, &mut event.app_name])?;
    let app_bytes = cursor.since(&app_start);
    let texts_start = cursor.clone();
    let (mut scopes, mut scopes_added, mut scopes_removed, mut resources) = ("", "", "", "");
    cursor.texts([
        &mut event.app_object_id,
        &mut scopes,
        &mut scopes_added,
        &mut scopes_removed,
        &mut resources,
        &mut event.grant_id,
        &mut event.native_id,
        &mut event.native_type,
        &mut event.correlation_id,
        &mut event.session_id,
        &mut event.transaction_id,
        &mut event.outcome_code,
        &mut event.outcome_reason,
        &mut event.auth_method,
        &mut event.auth_protocol,
        &mut event.as_org,
        &mut event.country,
        &mut event.city,
        &mut event.ua_os,
        &mut event.ua_browser,
        &mut event.user_agent,
    ])?;
    event.scopes = Tokens::from_canonical(scopes);
    event.scopes_added = Tokens::from_canonical(scopes_added);
    event.scopes_removed = Tokens::from_canonical(scopes_removed);
    event.resources = Tokens::from_canonical(resources);
    Ok(RawTexts::of(app_bytes, cursor.since(&texts_start), event))
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
