//! Reads Avro's binary encoding (<https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>) and never beyond its bytes.
//!
//! Each method takes one value off the front, or fails and stays where it was. Lengths are compared with what is left before anything
//! is taken or reserved, so a lie costs nothing.

use event::{Position, Timestamp};

use crate::{error::Flaw, wire::LIST_ITEMS_MAX};

/// Bytes of the longest number: 64 bits in groups of 7.
const NUMBER_BYTES_MAX: usize = 10;

/// What is left of a body.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: body }
    }

    /// How many bytes are left.
    pub(crate) const fn left_bytes(&self) -> usize {
        self.rest.len()
    }

    /// The bytes that were read since `start`, an earlier state of this cursor.
    pub(crate) fn since(&self, start: &Cursor<'a>) -> &'a [u8] {
        start.rest.get(..start.rest.len().saturating_sub(self.rest.len())).unwrap_or_default()
    }

    /// Nothing may be left.
    pub(crate) const fn end(&self) -> Result<(), Flaw> {
        if self.rest.is_empty() { Ok(()) } else { Err(Flaw::TrailingBytes) }
    }

    /// `int` or `long`: zigzag, in groups of 7 bits, the lowest first.
    #[inline]
    pub(crate) fn long(&mut self) -> Result<i64, Flaw> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(unzigzag(u64::from(byte)))
            }
            Some(_) => self.long_of_many_bytes(),
            None => Err(Flaw::Truncated),
        }
    }

    fn long_of_many_bytes(&mut self) -> Result<i64, Flaw> {
        let mut bits = 0_u64;
        for (index, &byte) in self.rest.iter().enumerate().take(NUMBER_BYTES_MAX) {
            // Nine groups hold 63 bits: the tenth byte may only bring the last one.
            if index + 1 == NUMBER_BYTES_MAX && byte > 1 {
                return Err(Flaw::NumberTooLong);
            }
            bits |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(unzigzag(bits));
            }
        }
        Err(Flaw::Truncated)
    }

    /// A number within the borders of a type.
    #[inline]
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, Flaw> {
        let start = self.rest;
        T::try_from(self.long()?).map_err(|_| {
            self.rest = start;
            Flaw::OutOfRange
        })
    }

    #[inline]
    pub(crate) fn boolean(&mut self) -> Result<bool, Flaw> {
        let (value, rest) = match self.rest.split_first() {
            Some((0, rest)) => (false, rest),
            Some((1, rest)) => (true, rest),
            Some(_) => return Err(Flaw::NotBoolean),
            None => return Err(Flaw::Truncated),
        };
        self.rest = rest;
        Ok(value)
    }

    #[inline]
    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Flaw::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// `string`: its length in bytes, then UTF-8.
    pub(crate) fn text(&mut self) -> Result<&'a str, Flaw> {
        let start = self.rest;
        let result = self.text_or_lost();
        if result.is_err() {
            self.rest = start;
        }
        result
    }

    fn text_or_lost(&mut self) -> Result<&'a str, Flaw> {
        let length = self.number::<usize>()?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Flaw::Truncated)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Flaw::NotUtf8)?;
        self.rest = rest;
        Ok(text)
    }

    /// Several texts that stand one behind another: the same as `text` for each, and cheaper. Written where they belong, because an
    /// array of them would be copied once more.
    pub(crate) fn texts<const N: usize>(&mut self, mut texts: [&mut &'a str; N]) -> Result<(), Flaw> {
        let mut left = texts.as_mut_slice();
        loop {
            let read = self.short_texts(left)?;
            left = left.get_mut(read..).unwrap_or_default();
            // What ended the run is a longer text, or a flaw that `text` names.
            let Some((text, behind)) = left.split_first_mut() else { return Ok(()) };
            **text = self.text()?;
            left = behind;
        }
    }

    /// Reads texts of less than 64 bytes as far as they go, and tells how many. The length of such a text is one byte of ASCII: so the
    /// whole run, lengths included, is UTF-8 exactly when each text is, and one check does for all of them.
    #[inline]
    fn short_texts(&mut self, texts: &mut [&mut &'a str]) -> Result<usize, Flaw> {
        let (mut run_texts, mut run_bytes) = (0, 0);
        while run_texts < texts.len() {
            let Some(length) = self.rest.get(run_bytes).copied().and_then(short_length) else { break };
            if length >= self.rest.len() - run_bytes {
                break;
            }
            run_bytes += 1 + length;
            run_texts += 1;
        }
        let (run, rest) = self.rest.split_at_checked(run_bytes).ok_or(Flaw::Truncated)?;
        let mut run = std::str::from_utf8(run).map_err(|_| Flaw::NotUtf8)?;
        for text in texts.iter_mut().take(run_texts) {
            let length = run.bytes().next().and_then(short_length).ok_or(Flaw::Truncated)?;
            (**text, run) = run.get(1..).and_then(|run| run.split_at_checked(length)).ok_or(Flaw::NotUtf8)?;
        }
        self.rest = rest;
        Ok(run_texts)
    }

    /// A text that its record owns.
    pub(crate) fn owned(&mut self) -> Result<String, Flaw> {
        self.text().map(str::to_owned)
    }

    /// A member of a closed set, by its place in wire order.
    #[inline]
    pub(crate) fn member<T>(&mut self, from_index: impl Fn(u8) -> Option<T>) -> Result<T, Flaw> {
        let start = self.rest;
        let index = u8::try_from(self.long()?).ok();
        index.and_then(from_index).ok_or_else(|| {
            self.rest = start;
            Flaw::NoSuchMember
        })
    }

    /// `timestamp-millis`.
    #[inline]
    pub(crate) fn time(&mut self) -> Result<Timestamp, Flaw> {
        self.long().map(Timestamp)
    }

    /// The branch of a union of null and one type: is there a value?
    pub(crate) fn is_present(&mut self) -> Result<bool, Flaw> {
        self.member(|index| match index {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }

    pub(crate) fn position(&mut self) -> Result<Position, Flaw> {
        Ok(Position { offset: self.number()?, index: self.number()? })
    }

    /// A list that its record owns, whose items take at least `item_bytes_min` each.
    pub(crate) fn list<T>(
        &mut self,
        item_bytes_min: usize,
        mut read: impl FnMut(&mut Cursor<'a>) -> Result<T, Flaw>,
    ) -> Result<Vec<T>, Flaw> {
        let mut blocks = Blocks::new(item_bytes_min, LIST_ITEMS_MAX);
        let mut items = Vec::new();
        while let Some(block_items) = blocks.next_item(self)? {
            items.reserve_exact(block_items);
            items.push(read(self)?);
        }
        Ok(items)
    }
}

/// Where we are in an Avro array: blocks of items, the last one empty. A block with a negative count tells its size in bytes too.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    item_bytes_min: usize,
    /// How many more items the list may have.
    items_left_max: usize,
    /// Items left in this block.
    block_items: usize,
    /// How many bytes must be left behind this block, where it told its size.
    left_bytes_behind: Option<usize>,
}

impl Blocks {
    pub(crate) const fn new(item_bytes_min: usize, items_max: usize) -> Blocks {
        Blocks { item_bytes_min, items_left_max: items_max, block_items: 0, left_bytes_behind: None }
    }

    /// Steps to the next item: how many this block has left, the next one included; `None` behind the last. The caller reads the item.
    #[inline]
    pub(crate) fn next_item(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<usize>, Flaw> {
        if self.block_items == 0 {
            self.next_block(cursor)?;
        }
        let items = self.block_items;
        self.block_items = items.saturating_sub(1);
        Ok(if items == 0 { None } else { Some(items) })
    }

    fn next_block(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
        if self.left_bytes_behind.take().is_some_and(|behind| behind != cursor.left_bytes()) {
            return Err(Flaw::BlockSize);
        }
        let count = cursor.long()?;
        if count < 0 {
            let block_bytes = cursor.number::<usize>()?;
            self.left_bytes_behind = Some(cursor.left_bytes().checked_sub(block_bytes).ok_or(Flaw::Truncated)?);
        }
        let items = usize::try_from(count.unsigned_abs()).map_err(|_| Flaw::ListTooLong)?;
        let bytes_min = items.checked_mul(self.item_bytes_min).ok_or(Flaw::ListTooLong)?;
        if bytes_min > cursor.left_bytes() {
            return Err(Flaw::ListTooLong);
        }
        self.items_left_max = self.items_left_max.checked_sub(items).ok_or(Flaw::ListTooLong)?;
        self.block_items = items;
        Ok(())
    }
}

/// The length that this byte tells alone: the zigzag form of 0 to 63.
const fn short_length(byte: u8) -> Option<usize> {
    if byte < 0x80 && byte & 1 == 0 { Some((byte >> 1) as usize) } else { None }
}

const fn unzigzag(bits: u64) -> i64 {
    (bits >> 1).cast_signed() ^ -((bits & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::Writer;

    #[test]
    fn numbers_are_read_as_the_specification_writes_them() {
        for (bytes, number) in [
            (&[0x00][..], 0),
            (&[0x01], -1),
            (&[0x02], 1),
            (&[0x7f], -64),
            (&[0x80, 0x01], 64),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MAX),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MIN),
        ] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(cursor.long(), Ok(number));
            assert_eq!(cursor.end(), Ok(()));
            let mut writer = Writer::new();
            writer.long(number);
            assert_eq!(writer.finish().unwrap(), bytes);
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_is_named_and_left_where_it_was() {
        type Read = fn(&mut Cursor<'_>) -> Result<(), Flaw>;
        let cases: [(&[u8], Read, Flaw); 12] = [
            (&[], |c| c.long().map(drop), Flaw::Truncated),
            (&[0x80, 0x80], |c| c.long().map(drop), Flaw::Truncated),
            (&[0xff; 10], |c| c.long().map(drop), Flaw::NumberTooLong),
            (&[0x01], |c| c.number::<u32>().map(drop), Flaw::OutOfRange),
            (&[2], |c| c.boolean().map(drop), Flaw::NotBoolean),
            (&[1, 2], |c| c.fixed::<3>().map(drop), Flaw::Truncated),
            (&[0x06, b'a', b'b'], |c| c.text().map(drop), Flaw::Truncated),
            (&[0x01, b'a'], |c| c.text().map(drop), Flaw::OutOfRange),
            (&[0x02, 0xff], |c| c.text().map(drop), Flaw::NotUtf8),
            (&[0x04], |c| c.is_present().map(drop), Flaw::NoSuchMember),
            (&[0x04], |c| c.member(event::AlertState::from_index).map(drop), Flaw::NoSuchMember),
            (&[0x80, 0x08], |c| c.member(event::Kind::from_index).map(drop), Flaw::NoSuchMember),
        ];
        for (bytes, read, flaw) in cases {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(read(&mut cursor), Err(flaw), "{bytes:?}");
            assert_eq!(cursor.left_bytes(), bytes.len(), "{bytes:?}");
        }
    }

    #[test]
    fn texts_read_together_are_the_texts_read_apart() {
        let long = "x".repeat(64);
        let most = "y".repeat(63);
        for texts in [["", "", ""], ["a", "", "b"], ["ä", "€", "😀"], [&long, "a", &long], [&most, &long, &most]] {
            let mut writer = Writer::new();
            texts.iter().for_each(|text| writer.text(text));
            let bytes = writer.finish().unwrap();
            let (mut one, mut two, mut three) = ("", "", "");
            let mut cursor = Cursor::new(&bytes);
            cursor.texts([&mut one, &mut two, &mut three]).unwrap();
            assert_eq!([one, two, three], texts);
            assert_eq!(cursor.end(), Ok(()));
        }
    }

    #[test]
    fn a_flaw_in_one_of_several_texts_is_named() {
        for (bytes, flaw) in [
            (&[2, b'a'][..], Flaw::Truncated),
            (&[2, b'a', 4, b'b'], Flaw::Truncated),
            (&[2, b'a', 1, b'b'], Flaw::OutOfRange),
            (&[2, b'a', 0x80, 0x80], Flaw::Truncated),
            // A character cut in two by a border between texts.
            (&[2, 0xc3, 2, 0xa4], Flaw::NotUtf8),
        ] {
            let (mut one, mut two) = ("", "");
            assert_eq!(Cursor::new(bytes).texts([&mut one, &mut two]), Err(flaw), "{bytes:?}");
        }
    }

    #[test]
    fn a_list_is_read_from_any_blocks_and_a_lie_about_them_is_found() {
        type Items = Result<Vec<i64>, Flaw>;
        let cases: [(&[u8], Items); 9] = [
            (&[0], Ok(vec![])),
            (&[4, 2, 4, 0], Ok(vec![1, 2])),
            (&[2, 2, 2, 4, 0], Ok(vec![1, 2])),
            (&[3, 4, 2, 4, 2, 6, 0], Ok(vec![1, 2, 3])),
            (&[3, 2, 2, 4, 0], Err(Flaw::BlockSize)),
            (&[3, 100, 2, 4, 0], Err(Flaw::Truncated)),
            (&[8, 2, 4, 0], Err(Flaw::ListTooLong)),
            (&[4, 2, 4], Err(Flaw::Truncated)),
            // The count i64::MIN has no positive twin.
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2, 2, 0], Err(Flaw::ListTooLong)),
        ];
        for (bytes, items) in cases {
            assert_eq!(Cursor::new(bytes).list(1, Cursor::long), items, "{bytes:?}");
        }
    }

    #[test]
    fn a_list_beyond_its_limit_is_refused_before_anything_is_reserved() {
        let mut writer = Writer::new();
        for items in [1, i64::try_from(LIST_ITEMS_MAX).unwrap()] {
            writer.long(items);
            (0..items).for_each(|_| writer.long(0));
        }
        writer.long(0);
        let bytes = writer.finish().unwrap();
        assert_eq!(Cursor::new(&bytes).list(1, Cursor::long), Err(Flaw::ListTooLong));
    }
}
