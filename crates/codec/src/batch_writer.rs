//! Packs the events of one delivery into records of `events`.
//!
//! An Avro array tells its count before its items, and the count is known only at the end. So the items are written apart, and joined
//! with frame, header and count when the record is finished: one copy of memory, one allocation a record, none an event.

use event::Event;

use crate::{
    error::EncodeError,
    event_record::{BatchHeader, EVENTS_PER_RECORD_MAX, write_event, write_header},
    wire::{RECORD_BYTES_MAX, Schema, frame},
    writer::Writer,
};

/// Packs events that share a header.
#[derive(Debug)]
pub struct BatchWriter<'h> {
    header: BatchHeader<'h>,
    /// Frame and header, encoded.
    prefix: Writer,
    /// The events, encoded.
    items: Writer,
    events: usize,
}

impl<'h> BatchWriter<'h> {
    /// A writer for events of this header.
    #[must_use]
    pub fn new(header: BatchHeader<'h>) -> BatchWriter<'h> {
        let mut prefix = Writer::new();
        frame(Schema::EventsV1, &mut prefix);
        write_header(&mut prefix, &header);
        BatchWriter { header, prefix, items: Writer::new(), events: 0 }
    }

    /// Adds an event.
    ///
    /// # Errors
    /// `ForeignEvent` when the event contradicts the header, `BatchFull` and `TooLarge` when it does not fit: then `finish` and push it
    /// again; an event that is too large for an empty batch is to be rejected. The batch is as it was before.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), EncodeError> {
        if let Some(field) = self.header.difference(event) {
            return Err(EncodeError::ForeignEvent { field });
        }
        if self.events == EVENTS_PER_RECORD_MAX {
            return Err(EncodeError::BatchFull);
        }
        let bytes_before = self.items.as_bytes().len();
        write_event(&mut self.items, event);
        self.events += 1;
        let bytes = self.bytes();
        if bytes > RECORD_BYTES_MAX {
            self.items.cut(bytes_before);
            self.events -= 1;
            return Err(EncodeError::TooLarge { bytes });
        }
        Ok(())
    }

    /// How many events the batch holds.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.events
    }

    /// How many bytes the record would have if it were finished now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.prefix.as_bytes().len() + self.items.as_bytes().len() + self.suffix_bytes()
    }

    /// The record, and the writer is empty again, with the same header. Without an event, a record without events.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let mut record = Vec::with_capacity(self.bytes());
        record.extend_from_slice(self.prefix.as_bytes());
        record.extend_from_slice(self.count().as_bytes());
        record.extend_from_slice(self.items.as_bytes());
        if self.events > 0 {
            record.push(0);
        }
        self.items.cut(0);
        self.events = 0;
        record
    }

    /// The count of the one block; of an empty array, its end.
    fn count(&self) -> Writer {
        let mut count = Writer::new();
        count.long(i64::try_from(self.events).unwrap_or(i64::MAX));
        count
    }

    /// Bytes of the block's count and of the array's end.
    const fn suffix_bytes(&self) -> usize {
        match self.events {
            0 => 1,
            1..=63 => 2,
            64..=8_191 => 3,
            _ => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use event::{EventId, Kind, Source, Timestamp};

    use super::*;

    fn event() -> Event<'static> {
        Event::new(EventId(1), Source::Okta, "tenant", Kind::Sso, Timestamp(1))
    }

    #[test]
    fn the_size_told_is_the_size_of_the_record() {
        let event = event();
        let mut writer = BatchWriter::new(BatchHeader::of(&event));
        for events in [0, 1, 63, 64, 8_191, 8_192, EVENTS_PER_RECORD_MAX] {
            for _ in 0..events {
                writer.push(&event).unwrap();
            }
            assert_eq!(writer.events(), events);
            let bytes = writer.bytes();
            assert_eq!(writer.finish().len(), bytes, "{events} events");
            assert_eq!(writer.events(), 0);
        }
    }

    #[test]
    fn a_full_batch_takes_no_more_and_is_as_it_was() {
        let event = event();
        let mut writer = BatchWriter::new(BatchHeader::of(&event));
        for _ in 0..EVENTS_PER_RECORD_MAX {
            writer.push(&event).unwrap();
        }
        let bytes = writer.bytes();
        assert_eq!(writer.push(&event), Err(EncodeError::BatchFull));
        assert_eq!((writer.events(), writer.bytes()), (EVENTS_PER_RECORD_MAX, bytes));
    }

    #[test]
    fn an_event_too_large_for_a_record_is_refused_and_the_next_one_is_not() {
        let text = "x".repeat(RECORD_BYTES_MAX);
        let small = event();
        let large = Event { user_agent: &text, ..event() };
        let mut writer = BatchWriter::new(BatchHeader::of(&small));
        assert!(matches!(writer.push(&large), Err(EncodeError::TooLarge { .. })));
        assert_eq!(writer.push(&small), Ok(()));
        assert_eq!(writer.events(), 1);
    }

    #[test]
    fn an_event_of_another_tenant_is_refused() {
        let mine = event();
        let mut writer = BatchWriter::new(BatchHeader::of(&mine));
        let other = Event { tenant: "other", ..event() };
        assert_eq!(writer.push(&other), Err(EncodeError::ForeignEvent { field: "tenant" }));
    }
}
