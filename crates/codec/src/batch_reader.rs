//! Reads the events of a record of `events` one after another, without copying or allocating.

use event::Event;

use crate::{
    cursor::{Blocks, Cursor},
    error::{DecodeError, Flaw},
    event_record::{BatchHeader, EVENT_BYTES_MIN, EVENTS_PER_RECORD_MAX, RawTexts, read_event, read_header},
    wire::{Schema, malformed},
};

/// The events of one record, in the order of their index from 0.
///
/// An error is the last item: what comes behind it cannot be found. A clone walks the record again, which is how to learn whether all
/// of it can be read before acting on the first event.
#[derive(Clone, Debug)]
pub struct BatchReader<'a> {
    header: BatchHeader<'a>,
    origin: &'a [u8],
    record_bytes: usize,
    schema: Schema,
    cursor: Cursor<'a>,
    blocks: Blocks,
    raw: RawTexts<'a>,
    is_done: bool,
}

impl<'a> BatchReader<'a> {
    pub(crate) fn open(
        record_bytes: usize,
        schema: Schema,
        mut cursor: Cursor<'a>,
    ) -> Result<BatchReader<'a>, DecodeError> {
        let (header, origin) =
            read_header(&mut cursor).map_err(|flaw| malformed(record_bytes, schema, &cursor, flaw))?;
        let blocks = Blocks::new(EVENT_BYTES_MIN, EVENTS_PER_RECORD_MAX);
        Ok(BatchReader {
            header,
            origin,
            record_bytes,
            schema,
            cursor,
            blocks,
            raw: RawTexts::default(),
            is_done: false,
        })
    }

    /// What is true of every event of the record.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader<'a> {
        &self.header
    }

    /// The bytes of the header's texts: two records whose bytes are equal come from one tenant, connection and provider's tenant.
    #[must_use]
    pub const fn raw_origin(&self) -> &'a [u8] {
        self.origin
    }

    /// The bytes of the texts of the event read last.
    #[must_use]
    pub const fn raw_texts(&self) -> RawTexts<'a> {
        self.raw
    }

    /// Reads the next event over a blank one; false behind the last.
    #[inline]
    fn step(&mut self, event: &mut Event<'a>) -> Result<bool, Flaw> {
        if self.blocks.next_item(&mut self.cursor)?.is_none() {
            return self.cursor.end().map(|()| false);
        }
        self.raw = read_event(&mut self.cursor, event)?;
        Ok(true)
    }
}

impl<'a> Iterator for BatchReader<'a> {
    type Item = Result<Event<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Result<Event<'a>, DecodeError>> {
        if self.is_done {
            return None;
        }
        let mut event = self.header.blank_event();
        match self.step(&mut event) {
            Ok(true) => return Some(Ok(event)),
            Ok(false) => self.is_done = true,
            Err(flaw) => {
                self.is_done = true;
                return Some(Err(malformed(self.record_bytes, self.schema, &self.cursor, flaw)));
            }
        }
        None
    }
}

impl std::iter::FusedIterator for BatchReader<'_> {}

#[cfg(test)]
mod tests {
    use event::{AppIdKind, AppRef, EventId, Kind, Source, Timestamp};

    use super::*;
    use crate::{BatchWriter, LogRecord, decode_log_record};

    fn event(id: u128) -> Event<'static> {
        let app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: "0oa1" };
        let event = Event::new(EventId(id), Source::Okta, "tenant", Kind::Sso, Timestamp(1));
        Event { app, app_name: "Notes", ..event }
    }

    fn record(events: &[Event<'_>]) -> Vec<u8> {
        let mut writer = BatchWriter::new(BatchHeader::of(&events[0]));
        events.iter().for_each(|event| writer.push(event).unwrap());
        writer.finish()
    }

    fn reader(record: &[u8]) -> BatchReader<'_> {
        match decode_log_record(record).unwrap() {
            LogRecord::Events(reader) => reader,
            LogRecord::Control { .. } => panic!("not events"),
        }
    }

    #[test]
    fn events_come_back_in_order_with_what_the_header_says() {
        let events = [event(1), event(2), event(3)];
        let record = record(&events);
        assert_eq!(reader(&record).header(), &BatchHeader::of(&events[0]));
        let read: Result<Vec<_>, _> = reader(&record).collect();
        assert_eq!(read.unwrap(), events);
    }

    #[test]
    fn the_same_app_under_the_same_name_has_the_same_bytes() {
        let renamed = Event { app_name: "Notes 2", ..event(3) };
        let record = record(&[event(1), event(2), renamed]);
        let mut reader = reader(&record);
        let mut next = || {
            reader.next().unwrap().unwrap();
            reader.raw_texts().app
        };
        assert_eq!(next(), b"\x04\x080oa1\x0aNotes");
        assert_eq!(next(), b"\x04\x080oa1\x0aNotes");
        assert_eq!(next(), b"\x04\x080oa1\x0eNotes 2");
    }

    #[test]
    fn texts_that_come_together_have_the_same_bytes_when_they_are_the_same() {
        let long = "x".repeat(10_000);
        let of = |agent: &'static str, session: &'static str| Event {
            app_object_id: "object",
            session_id: session,
            outcome_reason: "WRONG",
            city: "Köln",
            user_agent: agent,
            ..event(1)
        };
        let record = record(&[of("Mozilla", "1"), of("Mozilla", "22"), Event { user_agent: &long, ..of("", "1") }]);
        let mut reader = reader(&record);
        let mut next = || {
            reader.next().unwrap().unwrap();
            reader.raw_texts()
        };
        let first = next();
        assert_eq!(first.grant, b"\x0cobject\0\0\0\0");
        assert_eq!(first.outcome, b"\0\x0aWRONG\0\0");
        assert_eq!(first.network, [b"\0\0\x0a".as_slice(), "Köln".as_bytes()].concat());
        assert_eq!(first.client, b"\0\0\x0eMozilla");
        assert_eq!(next(), first);
        let third = next();
        assert_eq!((third.grant, third.network), (first.grant, first.network));
        assert_eq!(third.client.len(), 2 + 3 + 10_000);
    }

    #[test]
    fn a_length_that_takes_more_bytes_than_it_needs_belongs_to_its_text() {
        let mut record = record(&[Event { user_agent: "Mozilla", ua_os: "Linux", city: "Ulm", ..event(1) }]);
        for length in [0x0e, 0x0a, 0x06] {
            let place = record.iter().rposition(|byte| *byte == length).unwrap();
            record.splice(place..=place, [length | 0x80, 0]);
        }
        let mut reader = reader(&record);
        assert_eq!(reader.next().unwrap().unwrap().user_agent, "Mozilla");
        let raw = reader.raw_texts();
        assert_eq!(raw.network, b"\0\0\x86\0Ulm");
        assert_eq!(raw.client, b"\x8a\0Linux\0\x8e\0Mozilla");
    }

    #[test]
    fn an_error_is_the_last_item() {
        let mut record = record(&[event(1), event(2)]);
        record.push(0);
        let mut reader = reader(&record);
        assert!(reader.next().unwrap().is_ok());
        assert!(reader.next().unwrap().is_ok());
        let error = reader.next().unwrap().unwrap_err();
        let at_byte = record.len() - 1;
        assert_eq!(error, DecodeError::Malformed { schema: Schema::EventsV1, at_byte, flaw: Flaw::TrailingBytes });
        assert!(reader.next().is_none());
    }
}
