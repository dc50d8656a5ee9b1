//! Texts of several columns that come together: the browser, its version and its system; an app's key, id, name and category. Looked up once for
//! all of them by a key that tells them apart, instead of text by text.
//!
//! A block's texts are numbered anew in each block, so a group forgets everything with it. Keys that are met running are only counted, and
//! added to the columns when another comes, or with `settle`: before that, the columns miss these rows.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Dictionary;

/// Combinations that a block may have before it is asked whether they repeat at all.
const COMBINATIONS_FREE: usize = 4_096;

/// The keys of `N` columns that come together.
pub(crate) struct Group<const N: usize> {
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    known: Vec<Known<N>>,
    /// The keys of the known ones, one behind the other.
    bytes: Vec<u8>,
    /// The combination of the row before, and how many rows of it the columns do not have yet.
    last: u32,
    run: usize,
    /// Rows of this block.
    rows: usize,
    /// More than half of them came with a combination of their own: looking for one costs more than it saves.
    is_hopeless: bool,
}

struct Known<const N: usize> {
    hash: u64,
    start: usize,
    length: usize,
    /// What its texts are in the columns of this block.
    numbers: [u32; N],
}

impl<const N: usize> Default for Group<N> {
    fn default() -> Group<N> {
        let (hasher, table) = (DefaultHashBuilder::default(), HashTable::new());
        Group { hasher, table, known: Vec::new(), bytes: Vec::new(), last: 0, run: 0, rows: 0, is_hopeless: false }
    }
}

impl<const N: usize> Group<N> {
    /// Adds so many rows, one at least. Equal keys stand for equal texts; an empty key says nothing of them.
    #[inline]
    pub(crate) fn push(&mut self, key: &[u8], columns: [&mut Dictionary; N], texts: [&str; N], rows: usize) {
        self.rows += rows;
        if !key.is_empty() && self.is_known(self.last, key) {
            self.run += rows;
            return;
        }
        self.push_other(key, columns, texts, rows);
    }

    fn push_other(&mut self, key: &[u8], mut columns: [&mut Dictionary; N], texts: [&str; N], rows: usize) {
        self.settle(columns.each_mut().map(|column| &mut **column));
        if key.is_empty() || self.is_hopeless {
            for (column, text) in columns.iter_mut().zip(texts) {
                column.push_many(text, rows);
            }
            return;
        }
        let hash = self.hasher.hash_one(key);
        let found = self.table.find(hash, |place| self.is_known(*place, key)).copied();
        self.last = found.unwrap_or_else(|| {
            let mut numbers = [0; N];
            for ((number, column), text) in numbers.iter_mut().zip(&mut columns).zip(texts) {
                *number = column.number_of(text);
            }
            self.insert(hash, key, numbers)
        });
        self.run = rows;
    }

    /// Adds the rows that were only counted.
    #[inline]
    pub(crate) fn settle(&mut self, columns: [&mut Dictionary; N]) {
        if self.run == 0 {
            return;
        }
        if let Some(known) = self.known.get(self.last as usize) {
            for (column, number) in columns.into_iter().zip(known.numbers) {
                column.push_number(number, self.run);
            }
        }
        self.run = 0;
    }

    /// Forgets the block.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.known.clear();
        self.bytes.clear();
        (self.last, self.run, self.rows, self.is_hopeless) = (0, 0, 0, false);
    }

    fn is_known(&self, place: u32, key: &[u8]) -> bool {
        self.known.get(place as usize).is_some_and(|known| {
            known.length == key.len() && self.bytes.get(known.start..known.start + known.length) == Some(key)
        })
    }

    fn insert(&mut self, hash: u64, key: &[u8], numbers: [u32; N]) -> u32 {
        let place = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.push(Known { hash, start: self.bytes.len(), length: key.len(), numbers });
        self.bytes.extend_from_slice(key);
        self.is_hopeless = self.known.len() > COMBINATIONS_FREE && self.known.len() > self.rows / 2;
        let known = &self.known;
        self.table.insert_unique(hash, place, |place| known.get(*place as usize).map_or(0, |known| known.hash));
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Column;

    fn encoded(columns: &[Dictionary; 2]) -> Vec<Vec<u8>> {
        let encode = |column: &Dictionary| {
            let mut out = Vec::new();
            column.encode(None, &mut out);
            out
        };
        columns.iter().map(encode).collect()
    }

    /// Pushes each pair of texts into columns of a group and into plain ones, and compares what both write.
    fn compare(blocks: &[Vec<(String, String)>], key_of: impl Fn(usize, &str, &str) -> Vec<u8>) {
        let (mut group, mut grouped, mut plain) =
            (Group::<2>::default(), <[Dictionary; 2]>::default(), <[Dictionary; 2]>::default());
        for block in blocks {
            for (row, (one, other)) in block.iter().enumerate() {
                group.push(&key_of(row, one, other), grouped.each_mut(), [one, other], 1);
                plain.iter_mut().zip([one, other]).for_each(|(column, text)| column.push(text));
                if row % 1_000 == 7 {
                    group.settle(grouped.each_mut());
                }
            }
            group.settle(grouped.each_mut());
            assert!(encoded(&grouped) == encoded(&plain));
            group.clear();
            grouped.iter_mut().chain(&mut plain).for_each(Column::clear);
        }
    }

    fn pairs(rows: usize, kinds: usize) -> Vec<(String, String)> {
        (0..rows).map(|row| (format!("one {}", row / 3 % kinds), format!("other {}", row % 2))).collect()
    }

    #[test]
    fn texts_that_come_together_stand_as_those_that_come_alone() {
        let blocks = [pairs(100, 3), pairs(1, 1), Vec::new(), pairs(5_000, 700), pairs(10, 10)];
        compare(&blocks, |_, one, other| format!("{one}/{other}").into_bytes());
    }

    #[test]
    fn a_row_without_a_key_is_added_text_by_text() {
        compare(&[pairs(100, 3), pairs(100, 3)], |row, one, other| {
            if row % 5 == 0 { Vec::new() } else { format!("{one}/{other}").into_bytes() }
        });
    }

    #[test]
    fn combinations_that_never_repeat_are_not_remembered_without_end() {
        let rows = 3 * COMBINATIONS_FREE;
        let (mut group, mut columns) = (Group::<1>::default(), [Dictionary::default()]);
        for row in 0..rows {
            group.push(&row.to_le_bytes(), columns.each_mut(), ["same"], 1);
        }
        assert_eq!(group.known.len(), COMBINATIONS_FREE + 1);
        compare(&[pairs(rows, rows)], |row, _, _| row.to_le_bytes().to_vec());
    }
}
