//! Writes Avro's binary encoding (<https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>).
//!
//! The first thing that cannot be written is remembered and told at the end, so that the code of a record reads as its schema does.

use event::{Position, Timestamp};

use crate::{
    error::EncodeError,
    wire::{LIST_ITEMS_MAX, RECORD_BYTES_MAX},
};

/// A body in the making.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    error: Option<EncodeError>,
}

impl Writer {
    pub(crate) const fn new() -> Writer {
        Writer { bytes: Vec::new(), error: None }
    }

    /// What was written so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was written behind `bytes`.
    pub(crate) fn cut(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
    }

    /// What was written, if all of it could be and it is no longer than a record may be.
    pub(crate) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None if self.bytes.len() > RECORD_BYTES_MAX => Err(EncodeError::TooLarge { bytes: self.bytes.len() }),
            None => Ok(self.bytes),
        }
    }

    /// `fixed`, or bytes that are encoded already.
    #[inline]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `int` or `long`: zigzag, in groups of 7 bits, the lowest first.
    #[inline]
    pub(crate) fn long(&mut self, number: i64) {
        let mut bits = ((number << 1) ^ (number >> 63)).cast_unsigned();
        while bits >= 0x80 {
            let [low, ..] = bits.to_le_bytes();
            self.bytes.push(low | 0x80);
            bits >>= 7;
        }
        let [low, ..] = bits.to_le_bytes();
        self.bytes.push(low);
    }

    /// A number without a sign.
    pub(crate) fn unsigned(&mut self, number: u64) {
        match i64::try_from(number) {
            Ok(number) => self.long(number),
            Err(_) => self.fail(EncodeError::OutOfRange { number }),
        }
    }

    #[inline]
    pub(crate) fn boolean(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// `string`: its length in bytes, then UTF-8.
    #[inline]
    pub(crate) fn text(&mut self, text: &str) {
        // No slice is longer than `isize::MAX` bytes, so the length always fits.
        self.long(i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.raw(text.as_bytes());
    }

    /// A member of a closed set, by its place in wire order.
    #[inline]
    pub(crate) fn member(&mut self, index: u8) {
        self.long(i64::from(index));
    }

    /// `timestamp-millis`.
    #[inline]
    pub(crate) fn time(&mut self, time: Timestamp) {
        self.long(time.0);
    }

    /// The branch of a union of null and one type.
    pub(crate) fn presence(&mut self, is_present: bool) {
        self.member(u8::from(is_present));
    }

    pub(crate) fn position(&mut self, position: Position) {
        self.unsigned(position.offset);
        self.long(i64::from(position.index));
    }

    /// An array, as one block.
    pub(crate) fn list<T>(&mut self, name: &'static str, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        if items.len() > LIST_ITEMS_MAX {
            return self.fail(EncodeError::ListTooLong { list: name, items: items.len() });
        }
        if !items.is_empty() {
            self.long(i64::try_from(items.len()).unwrap_or(i64::MAX));
            items.iter().for_each(|item| write(self, item));
        }
        self.long(0);
    }

    fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thing_that_cannot_be_written_is_told() {
        let mut writer = Writer::new();
        writer.list("factors", &[(); LIST_ITEMS_MAX + 1], |_, ()| ());
        writer.unsigned(u64::MAX);
        assert_eq!(writer.finish(), Err(EncodeError::ListTooLong { list: "factors", items: LIST_ITEMS_MAX + 1 }));

        let mut writer = Writer::new();
        writer.unsigned(u64::MAX);
        assert_eq!(writer.finish(), Err(EncodeError::OutOfRange { number: u64::MAX }));
    }
}
