//! `LowCardinality(String)` columns, with dictionaries built on our side: the server then stores an index a row and hashes no text.
//!
//! Texts are interned once for the life of the process; each block numbers those that it uses anew, in the order in which it meets
//! them. An entry remembers the epoch (the block) that numbered it last, so that beginning a block costs nothing, however many texts
//! are known.
//!
//! Wire form of one column (ClickHouse, `SerializationLowCardinality`): version 1 (u64); width of the indexes, 0 for u8, 1 for u16, 2 for
//! u32, with bit 9 set, which says that the keys follow and is mandatory (u64); number of keys (u64), the keys as texts; number of rows
//! (u64), the indexes. Index 0 need not be the empty text.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{
    Column,
    fixed::{FixedValue, put_values},
    wire::{put_text, text_bytes},
};

/// Bytes of text that a dictionary keeps between blocks. Beyond it (a forged name in every event) it starts again with the next block.
const KEPT_TEXT_BYTES_MAX: usize = 16 << 20;

/// Entries that a dictionary keeps between blocks, 32 bytes each beside their text.
const KEPT_ENTRIES_MAX: usize = 1 << 18;

/// The version of the encoding: keys and indexes shared by the whole block.
const VERSION: u64 = 1;

/// The keys stand in the block itself.
const HAS_KEYS: u64 = 1 << 9;

/// One text that is known.
struct Entry {
    hash: u64,
    start: usize,
    length: u32,
    /// The block that numbered it last.
    epoch: u32,
    /// The number it got there.
    local: u32,
}

/// A column of texts that repeat.
pub(crate) struct Dictionary {
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    entries: Vec<Entry>,
    text: Vec<u8>,
    epoch: u32,
    /// The block's keys in the order of their numbers, as entries.
    keys: Vec<u32>,
    key_bytes: usize,
    rows: Rows,
    /// The entry of the row before: the same text often comes several times running.
    last: u32,
}

/// The key of each row, as narrow as the block's number of keys allows: no byte is kept for a row while there is one key, as in most columns
/// of most blocks.
#[derive(Default)]
struct Rows {
    count: usize,
    width: Width,
    bytes: Vec<u8>,
    shorts: Vec<u16>,
    words: Vec<u32>,
}

/// How many bytes an index takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Width {
    /// One text in the whole block: every index is 0.
    #[default]
    None,
    Byte,
    Short,
    Word,
}

impl Default for Dictionary {
    fn default() -> Dictionary {
        Dictionary {
            hasher: DefaultHashBuilder::default(),
            table: HashTable::new(),
            entries: Vec::new(),
            text: Vec::new(),
            epoch: 1,
            keys: Vec::new(),
            key_bytes: 0,
            rows: Rows::default(),
            last: 0,
        }
    }
}

impl Dictionary {
    /// Adds one row.
    pub(crate) fn push(&mut self, text: &str) {
        let text = text.as_bytes();
        let entry = if is_entry(&self.entries, &self.text, self.last, text) { self.last } else { self.intern(text) };
        self.last = entry;
        let key = self.number(entry, text.len());
        self.rows.push(key);
    }

    /// Adds so many rows of one text.
    pub(crate) fn push_many(&mut self, text: &str, rows: usize) {
        if rows == 0 {
            return;
        }
        self.push(text);
        self.rows.repeat_last(rows - 1);
    }

    /// The number of a text in this block, for `push_number`.
    pub(crate) fn number_of(&mut self, text: &str) -> u32 {
        let text = text.as_bytes();
        let entry = self.intern(text);
        self.number(entry, text.len())
    }

    /// Adds so many rows of the text that has this number in this block.
    #[inline]
    pub(crate) fn push_number(&mut self, number: u32, rows: usize) {
        if rows == 0 {
            return;
        }
        self.rows.push(number);
        if rows > 1 {
            self.rows.repeat_last(rows - 1);
        }
    }

    /// For each number the place of its text among the block's texts sorted by bytes.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut by_text: Vec<(u32, &[u8])> =
            (0..).zip(self.keys.iter().map(|entry| self.entry_bytes(*entry))).collect();
        by_text.sort_unstable_by_key(|(_, text)| *text);
        let mut ranks = vec![0_u32; by_text.len()];
        for (rank, (number, _)) in (0_u32..).zip(by_text) {
            if let Some(place) = ranks.get_mut(number as usize) {
                *place = rank;
            }
        }
        ranks
    }

    /// For each row the number of its text.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.rows.iter()
    }

    /// The entry of a text, made when it is new.
    fn intern(&mut self, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        let (entries, texts) = (&self.entries, &self.text);
        if let Some(found) = self.table.find(hash, |entry| is_entry(entries, texts, *entry, text)) {
            return *found;
        }
        let entry = saturate(self.entries.len());
        self.entries.push(Entry { hash, start: self.text.len(), length: saturate(text.len()), epoch: 0, local: 0 });
        self.text.extend_from_slice(text);
        let entries = &self.entries;
        self.table.insert_unique(hash, entry, |each| entries.get(*each as usize).map_or(0, |known| known.hash));
        entry
    }

    /// The number of an entry in this block, given when the block meets it for the first time.
    fn number(&mut self, entry: u32, length: usize) -> u32 {
        let Some(known) = self.entries.get_mut(entry as usize) else { return 0 };
        if known.epoch != self.epoch {
            known.epoch = self.epoch;
            known.local = saturate(self.keys.len());
            self.keys.push(entry);
            self.key_bytes += text_bytes(length);
        }
        known.local
    }

    fn entry_bytes(&self, entry: u32) -> &[u8] {
        entry_text(&self.entries, &self.text, entry).unwrap_or_default()
    }
}

impl Column for Dictionary {
    fn clear(&mut self) {
        self.rows.clear();
        self.keys.clear();
        self.key_bytes = 0;
        let is_over_limit = self.text.len() > KEPT_TEXT_BYTES_MAX || self.entries.len() > KEPT_ENTRIES_MAX;
        if is_over_limit || self.epoch == u32::MAX {
            *self = Dictionary::default();
            return;
        }
        self.epoch += 1;
    }

    fn bytes(&self) -> usize {
        let index_bytes = match self.rows.width {
            Width::None | Width::Byte => 1,
            Width::Short => 2,
            Width::Word => 4,
        };
        4 * size_of::<u64>() + self.key_bytes + self.rows.count * index_bytes
    }

    fn encode(&self, order: Option<&[u32]>, out: &mut Vec<u8>) {
        let width: u64 = match self.rows.width {
            Width::None | Width::Byte => 0,
            Width::Short => 1,
            Width::Word => 2,
        };
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(width | HAS_KEYS).to_le_bytes());
        out.extend_from_slice(&(self.keys.len() as u64).to_le_bytes());
        for entry in &self.keys {
            put_text(self.entry_bytes(*entry), out);
        }
        out.extend_from_slice(&(self.rows.count as u64).to_le_bytes());
        self.rows.put(order, out);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the width was chosen so that every key fits")]
impl Rows {
    /// Adds a row with a key, the largest of the block so far or a smaller one.
    #[inline]
    fn push(&mut self, key: u32) {
        let needed = match key {
            0 => Width::None,
            1..=0xff => Width::Byte,
            0x100..=0xffff => Width::Short,
            _ => Width::Word,
        };
        if needed as u8 > self.width as u8 {
            self.widen(needed);
        }
        self.count += 1;
        match self.width {
            Width::None => {}
            Width::Byte => self.bytes.push(key as u8),
            Width::Short => self.shorts.push(key as u16),
            Width::Word => self.words.push(key),
        }
    }

    /// Adds the last row so many times more.
    fn repeat_last(&mut self, rows: usize) {
        self.count += rows;
        match self.width {
            Width::None => {}
            Width::Byte => repeat_last(&mut self.bytes, self.count),
            Width::Short => repeat_last(&mut self.shorts, self.count),
            Width::Word => repeat_last(&mut self.words, self.count),
        }
    }

    /// Keys come in the order of their numbers, so it happens at most three times a block.
    #[cold]
    fn widen(&mut self, width: Width) {
        match (self.width, width) {
            (_, Width::None | Width::Byte) => {
                self.bytes.resize(self.count, 0);
                self.width = Width::Byte;
                return;
            }
            (Width::None, Width::Short) => self.shorts.resize(self.count, 0),
            (Width::None, Width::Word) => self.words.resize(self.count, 0),
            (Width::Byte, Width::Short) => self.shorts.extend(self.bytes.iter().map(|key| u16::from(*key))),
            (Width::Byte, Width::Word) => self.words.extend(self.bytes.iter().map(|key| u32::from(*key))),
            _ => self.words.extend(self.shorts.iter().map(|key| u32::from(*key))),
        }
        self.bytes.clear();
        if width == Width::Word {
            self.shorts.clear();
        }
        self.width = width;
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let zeroes = if self.width == Width::None { self.count } else { 0 };
        let bytes = self.bytes.iter().map(|key| u32::from(*key));
        let shorts = self.shorts.iter().map(|key| u32::from(*key));
        std::iter::repeat_n(0, zeroes).chain(bytes).chain(shorts).chain(self.words.iter().copied())
    }

    fn clear(&mut self) {
        (self.count, self.width) = (0, Width::None);
        self.bytes.clear();
        self.shorts.clear();
        self.words.clear();
    }

    /// Writes the indexes, in the given order of rows where there is one.
    fn put(&self, order: Option<&[u32]>, out: &mut Vec<u8>) {
        match self.width {
            Width::None => out.resize(out.len() + self.count, 0),
            Width::Byte => put_indexes(&self.bytes, order, out),
            Width::Short => put_indexes(&self.shorts, order, out),
            Width::Word => put_indexes(&self.words, order, out),
        }
    }
}

fn repeat_last<T: Copy>(keys: &mut Vec<T>, count: usize) {
    if let Some(last) = keys.last().copied() {
        keys.resize(count, last);
    }
}

fn put_indexes<T: FixedValue>(keys: &[T], order: Option<&[u32]>, out: &mut Vec<u8>) {
    match order {
        None => put_values(keys.iter().copied(), keys.len(), out),
        Some(order) => {
            let keys = order.iter().map(|row| keys.get(*row as usize).copied().unwrap_or_default());
            put_values(keys, order.len(), out);
        }
    }
}

/// Is this the text of that entry? Empty texts are the rule in most columns, and comparing no bytes is not free: glibc's `memcmp` for
/// AVX-512 takes 300 ns for a length of 0 on the machine we build on, and 1.4 ns for any other (measured).
fn is_entry(entries: &[Entry], text: &[u8], entry: u32, wanted: &[u8]) -> bool {
    entry_text(entries, text, entry)
        .is_some_and(|known| known.len() == wanted.len() && (known.is_empty() || known == wanted))
}

fn entry_text<'t>(entries: &[Entry], text: &'t [u8], entry: u32) -> Option<&'t [u8]> {
    let known = entries.get(entry as usize)?;
    text.get(known.start..known.start + known.length as usize)
}

/// A count as a u32. Memory ends long before the number does: 2^32 entries would take 128 GiB.
fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(column: &Dictionary, order: Option<&[u32]>) -> Vec<u8> {
        let mut out = Vec::new();
        column.encode(order, &mut out);
        out
    }

    fn words(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn a_block_numbers_its_texts_as_it_meets_them() {
        let mut column = Dictionary::default();
        ["b", "a", "b"].iter().for_each(|text| column.push(text));
        let expected = [words(&[1, 512, 2]), b"\x01b\x01a".to_vec(), words(&[3]), vec![0, 1, 0]].concat();
        assert_eq!(encoded(&column, None), expected);
        assert_eq!(column.bytes(), expected.len());
        assert_eq!(encoded(&column, Some(&[1, 0, 2]))[expected.len() - 3..], [1, 0, 0]);
    }

    #[test]
    fn the_next_block_knows_nothing_of_the_texts_before() {
        let mut column = Dictionary::default();
        column.push("before");
        column.clear();
        column.push("after");
        assert_eq!(encoded(&column, None), [words(&[1, 512, 1]), b"\x05after".to_vec(), words(&[1]), vec![0]].concat());
        column.push("before");
        assert_eq!(column.keys.len(), 2);
        assert_eq!(column.entries.len(), 2, "a text is interned once");
    }

    #[test]
    fn the_width_of_the_indexes_follows_the_number_of_keys() {
        for (keys, width, bytes) in [(1, 0, 1), (256, 0, 1), (257, 1, 2), (65_536, 1, 2), (65_537, 2, 4)] {
            let mut column = Dictionary::default();
            (0..keys).for_each(|number| column.push(&format!("{number}")));
            let out = encoded(&column, None);
            assert_eq!(out[8..16], u64::to_le_bytes(width | 512), "{keys}");
            assert_eq!(out.len(), column.bytes(), "{keys}");
            assert_eq!(out.len() - 32 - column.key_bytes, keys * bytes, "{keys}");
        }
    }

    #[test]
    fn rows_before_the_indexes_grew_wider_keep_their_texts() {
        for keys in [1_usize, 2, 256, 257, 65_537] {
            let texts: Vec<String> = [0, 0].into_iter().chain(0..keys).map(|number| format!("{number}")).collect();
            let mut column = Dictionary::default();
            for _ in 0..2 {
                column.clear();
                texts.iter().for_each(|text| column.push(text));
                let read: Vec<String> = column
                    .rows
                    .iter()
                    .map(|key| String::from_utf8(column.entry_bytes(column.keys[key as usize]).to_vec()).unwrap())
                    .collect();
                assert!(read == texts, "{keys}");
            }
        }
    }

    #[test]
    fn ranks_are_by_bytes() {
        let mut column = Dictionary::default();
        ["b", "", "a", "b", "B"].iter().for_each(|text| column.push(text));
        assert_eq!(column.ranks(), [3, 0, 2, 1]);
        assert!(column.numbers().eq([0, 1, 2, 0, 3]));
    }

    #[test]
    fn a_dictionary_that_grew_too_large_starts_again() {
        let mut column = Dictionary::default();
        (0..=KEPT_ENTRIES_MAX).for_each(|number| column.push(&format!("{number}")));
        column.clear();
        assert!(column.entries.is_empty());
        column.push("again");
        assert!(column.rows.iter().eq([0]));
    }
}
